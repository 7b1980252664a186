/* Orders of a batch drawn from Philox, and rows moved by them; see src/ops/shuffle.h. */
#include "philox.h"
#include "vec.h"

static inline uint below(const uint4 ctr, const uint stream, const uint word, const uint limit)
{
    const uint4 r = imx_random4(ctr, stream, word / 4);
    /* By bits: Oclgrind takes the wrong component where a compiler makes one indexed access of a chain of conditions. */
    const uint bits = word & 2u ? (word & 1u ? r.w : r.z) : (word & 1u ? r.y : r.x);
    return mul_hi(bits, limit);
}

/* One work-item per set; rotate != 0: a rotation by 1..n-1. */
__kernel void shuffle_sets(
    __global const uint *restrict ctr,
    __global int *restrict perm,
    const uint n,
    const uint sets,
    const uint stream,
    const uint rotate)
{
    const uint s = get_global_id(0);
    if (s >= sets)
        return;
    const uint4 c = vload4(0, ctr);
    const uint turn = rotate ? 1u + below(c, stream, s * n, n - 1u) : 0u;
    for (uint i = 0; i < n; i++)
        perm[i * sets + s] = (int)((i + turn) % n);
    if (rotate)
        return;
    for (uint i = n - 1u; i > 0u; i--) {
        const uint j = below(c, stream, s * n + i, i + 1u);
        const int keep = perm[i * sets + s];
        perm[i * sets + s] = perm[j * sets + s];
        perm[j * sets + s] = keep;
    }
}

/* One work-item per vector of a row. back: the row goes to where PERM points instead of coming from there. */
__kernel void permute_rows(
    __global const float *restrict src,
    __global const int *restrict perm,
    __global float *restrict dst,
    const uint n,
    const uint sets,
    const uint c,
    const uint back)
{
    const uint chunks = (c + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= n * sets)
        return;
    const uint other = (uint)perm[row];
    const ulong here = (ulong)row * c, there = ((ulong)other * sets + row % sets) * c;
    if (back) {
        if (other < n)
            imx_storev(imx_loadv(src + here, at, c), dst + there, at, c);
        return;
    }
    floatv v = 0.0f;
    if (other < n)
        v = imx_loadv(src + there, at, c);
    imx_storev(v, dst + here, at, c);
}
