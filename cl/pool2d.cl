/* Max and average pooling, NHWC; see src/ops/pool2d.h. One work-item per channel of one output (forward) or input
 * (backward) pixel; backward gathers from the windows that cover its pixel, so no atomics are needed. */
#include "shared.h"

__kernel void pool2d_max_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    __global int *restrict at,
    const int n,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const int i = get_global_id(0);
    if (i >= n * p * q * c)
        return;
    const int ic = i % c, x = i / c % q, y = i / c / q % p, in = i / c / q / p;
    float best = -INFINITY;
    int best_at = -1;
    for (int r = max(0, pad - y * stride); r < min(k, h + pad - y * stride); r++)
        for (int s = max(0, pad - x * stride); s < min(k, w + pad - x * stride); s++) {
            const int iy = y * stride + r - pad, ix = x * stride + s - pad;
            const float v = src[((in * h + iy) * w + ix) * c + ic];
            if (best_at < 0 || v > best || isnan(v)) {
                best = v;
                best_at = iy * w + ix;
            }
        }
    dst[i] = best;
    at[i] = best_at;
}

__kernel void pool2d_avg_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    const int n,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const int i = get_global_id(0);
    if (i >= n * p * q * c)
        return;
    const int ic = i % c, x = i / c % q, y = i / c / q % p, in = i / c / q / p;
    float sum = 0.0f;
    for (int r = max(0, pad - y * stride); r < min(k, h + pad - y * stride); r++)
        for (int s = max(0, pad - x * stride); s < min(k, w + pad - x * stride); s++)
            sum += src[((in * h + y * stride + r - pad) * w + x * stride + s - pad) * c + ic];
    dst[i] = sum / (float)(k * k);
}

__kernel void pool2d_max_bwd(
    __global const float *restrict ddst,
    __global const int *restrict at,
    __global float *restrict dsrc,
    const int n,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const int i = get_global_id(0);
    if (i >= n * h * w * c)
        return;
    const int ic = i % c, ix = i / c % w, iy = i / c / w % h, in = i / c / w / h;
    float sum = 0.0f;
    for (int y = max(0, (iy + pad - k + stride) / stride); y < min(p, (iy + pad) / stride + 1); y++)
        for (int x = max(0, (ix + pad - k + stride) / stride); x < min(q, (ix + pad) / stride + 1); x++) {
            const int o = ((in * p + y) * q + x) * c + ic;
            if (at[o] == iy * w + ix)
                sum += ddst[o];
        }
    dsrc[i] = sum;
}

__kernel void pool2d_avg_bwd(
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int n,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const int i = get_global_id(0);
    if (i >= n * h * w * c)
        return;
    const int ic = i % c, ix = i / c % w, iy = i / c / w % h, in = i / c / w / h;
    float sum = 0.0f;
    for (int y = max(0, (iy + pad - k + stride) / stride); y < min(p, (iy + pad) / stride + 1); y++)
        for (int x = max(0, (ix + pad - k + stride) / stride); x < min(q, (ix + pad) / stride + 1); x++)
            sum += ddst[((in * p + y) * q + x) * c + ic];
    dsrc[i] = sum / (float)(k * k);
}
