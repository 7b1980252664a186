/* Overlapping crops of images as images of their own, and the transpose; see src/ops/unfold.h. Forward, one work-item
 * copies a vector of one row of one crop, which is contiguous on both sides. Backward, one work-item gathers a pixel's
 * channel from the crops that hold it, so no atomics are needed. */
#include "vec.h"

__kernel void unfold_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    const uint n,
    const uint h,
    const uint w,
    const uint c,
    const uint p,
    const uint q,
    const uint k,
    const uint stride)
{
    const uint row_size = k * c, chunks = (row_size + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= n * p * q * k)
        return;
    const uint crop = row / k, x = crop % q, y = crop / q % p, in = crop / q / p;
    const ulong from = ((ulong)(in * h + y * stride + row % k) * w + x * stride) * c;
    imx_storev(imx_loadv(src + from, at, row_size), dst + (ulong)row * row_size, at, row_size);
}

__kernel void unfold_bwd(
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const uint n,
    const uint h,
    const uint w,
    const uint c,
    const uint p,
    const uint q,
    const uint k,
    const uint stride)
{
    const uint i = get_global_id(0);
    if (i >= n * h * w * c)
        return;
    const uint ic = i % c, ix = i / c % w, iy = i / c / w % h, in = i / c / w / h;
    /* the first crop that still reaches the pixel, and the end of those that have begun */
    const uint y0 = iy < k ? 0 : (iy - k) / stride + 1, y1 = min(p, iy / stride + 1);
    const uint x0 = ix < k ? 0 : (ix - k) / stride + 1, x1 = min(q, ix / stride + 1);
    float sum = 0.0f;
    for (uint y = y0; y < y1; y++)
        for (uint x = x0; x < x1; x++)
            sum += ddst[(((ulong)((in * p + y) * q + x) * k + iy - y * stride) * k + ix - x * stride) * c + ic];
    dsrc[i] = sum;
}
