/* Covers a rectangle of each image; see src/ops/occlude.h. One work-item per row of pixels. */
#include "shared.h"

__kernel void occlude(
    __global const float *restrict src,
    __global const int *restrict box,
    __global float *restrict dst,
    const int rows,
    const int h,
    const int w,
    const int c,
    const float fill)
{
    const int row = get_global_id(0);
    if (row >= rows)
        return;
    const int y = row % h, width = w * c;
    const int4 b = vload4(row / h, box);
    const bool crossed = y >= b.s0 && y - b.s0 < b.s2;
    /* In values of the row, cut to it. */
    const int from = crossed ? clamp(b.s1, 0, w) * c : 0, to = crossed ? clamp(b.s1 + b.s3, 0, w) * c : 0;
    __global const float *in = src + (size_t)row * width;
    __global float *out = dst + (size_t)row * width;
    for (int i = 0; i < width; i++)
        out[i] = i >= from && i < to ? fill : in[i];
}
