/* Dropout whose mask is drawn, not stored; see src/ops/dropout.h. One work-item serves BLOCK values, or BLOCK channels of
 * an image with all their pixels. */
#include "draw.h"

__kernel void dropout(
    __global const float *restrict src,
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream,
    const float p,
    const float scale)
{
    const uint at = (uint)get_global_id(0) * BLOCK;
    uint word[BLOCK];
    if (at >= n)
        return;
    imx_random_block(vload4(0, ctr), stream, at / 4, word);
    for (uint i = 0; i < BLOCK; i += VEC) {
        const floatv u = imx_unitv(IMX_CAT(vload, VEC)(0, word + i));
        const floatv factor = u >= p ? (floatv)scale : (floatv)0.0f;
        if (at + i < n)
            imx_storev(imx_loadv(src, at + i, n) * factor, dst, at + i, n);
    }
}

__kernel void dropout2d(
    __global const float *restrict src,
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint area,
    const uint c,
    const uint stream,
    const float p,
    const float scale)
{
    const uint blocks = (c + BLOCK - 1) / BLOCK, item = get_global_id(0);
    const uint image = item / blocks, at = item % blocks * BLOCK;
    uint word[BLOCK];
    if (image >= n)
        return;
    imx_random_block(vload4(0, ctr), stream, image * ((c + 3) / 4) + at / 4, word);
    for (uint i = 0; i < BLOCK && at + i < c; i += VEC) {
        const floatv u = imx_unitv(IMX_CAT(vload, VEC)(0, word + i));
        const floatv factor = u >= p ? (floatv)scale : (floatv)0.0f;
        for (uint k = 0; k < area; k++) {
            const ulong row = ((ulong)image * area + k) * c;
            imx_storev(imx_loadv(src + row, at + i, c) * factor, dst + row, at + i, c);
        }
    }
}
