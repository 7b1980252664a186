/* Random numbers from Philox; see src/ops/random.h. The uniform ones equal the host's bit for bit. */
#include "draw.h"

__kernel void random_uniform(
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream)
{
    const uint at = (uint)get_global_id(0) * BLOCK;
    uint word[BLOCK];
    if (at >= n)
        return;
    imx_random_block(vload4(0, ctr), stream, at / 4, word);
    for (uint i = 0; i < BLOCK; i += VEC)
        if (at + i < n)
            imx_storev(imx_unitv(IMX_CAT(vload, VEC)(0, word + i)), dst, at + i, n);
}

/* Two normals from each pair of uniforms; 1 - u lies in (0,1], so the logarithm is finite. */
__kernel void random_normal(
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream)
{
    const uint at = (uint)get_global_id(0) * BLOCK;
    uint word[BLOCK];
    if (at >= n)
        return;
    imx_random_block(vload4(0, ctr), stream, at / 4, word);
    for (uint i = 0; i < BLOCK; i += VEC) {
        const floatv u = imx_unitv(IMX_CAT(vload, VEC)(0, word + i));
        floatv v;
        v.even = sqrt(-2.0f * log(1.0f - u.even)) * cospi(2.0f * u.odd);
        v.odd = sqrt(-2.0f * log(1.0f - u.even)) * sinpi(2.0f * u.odd);
        if (at + i < n)
            imx_storev(v, dst, at + i, n);
    }
}

__kernel void random_index(
    __global const uint *restrict ctr,
    __global int *restrict dst,
    const uint n,
    const uint limit,
    const uint stream)
{
    const uint at = (uint)get_global_id(0) * BLOCK;
    uint word[BLOCK];
    if (at >= n)
        return;
    imx_random_block(vload4(0, ctr), stream, at / 4, word);
    for (uint i = 0; i < BLOCK && at + i < n; i++)
        dst[at + i] = (int)mul_hi(word[i], limit);
}
