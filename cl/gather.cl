/* Drawing k of p rows per image, and its transpose; see src/ops/gather.h. One work-item per vector of a row. An index
 * outside 0 <= idx < p reads zeros and gets no gradient, so a bad index cannot reach foreign memory. */
#include "vec.h"

__kernel void gather_fwd(
    __global const float *restrict src,
    __global const int *restrict idx,
    __global float *restrict dst,
    const uint n,
    const uint p,
    const uint c,
    const uint k)
{
    const uint chunks = (c + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= n * k)
        return;
    const uint from = (uint)idx[row];
    floatv v = 0.0f;
    if (from < p)
        v = imx_loadv(src + ((ulong)(row / k) * p + from) * c, at, c);
    imx_storev(v, dst + (ulong)row * c, at, c);
}

__kernel void gather_bwd(
    __global const float *restrict ddst,
    __global const int *restrict idx,
    __global float *restrict dsrc,
    const uint n,
    const uint p,
    const uint c,
    const uint k)
{
    const uint chunks = (c + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= n * p)
        return;
    const uint first = row / p * k;
    floatv sum = 0.0f;
    for (uint t = 0; t < k; t++)
        if ((uint)idx[first + t] == row % p)
            sum += imx_loadv(ddst + (ulong)(first + t) * c, at, c);
    imx_storev(sum, dsrc + (ulong)row * c, at, c);
}
