/* Max and average pooling, NHWC; see src/ops/pool2d.h. One work-item per VEC channels of one output (forward) or input
 * (backward) pixel; backward gathers from the windows that cover its pixel, so no atomics are needed. */
#include "shared.h"
#include "vec.h"

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
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, chunks = (c + VEC - 1) / VEC;
    const int i = get_global_id(0), pixel = i / chunks, ic = i % chunks * VEC;
    if (pixel >= n * p * q)
        return;
    const int x = pixel % q, y = pixel / q % p, in = pixel / q / p;
    floatv best = (floatv)(0.0f);
    intv best_at = (intv)(-1);
    for (int r = max(0, pad - y * stride); r < min(k, h + pad - y * stride); r++)
        for (int s = max(0, pad - x * stride); s < min(k, w + pad - x * stride); s++) {
            const int iy = y * stride + r - pad, ix = x * stride + s - pad;
            const floatv v = imx_loadv(src + (size_t)((in * h + iy) * w + ix) * c, ic, c);
            const intv take = (best_at < 0) | (v > best) | isnan(v);
            best = select(best, v, take);
            best_at = select(best_at, (intv)(iy * w + ix), take);
        }
    imx_storev(best, dst + (size_t)pixel * c, ic, c);
    imx_storei(best_at, at + (size_t)pixel * c, ic, c);
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
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, chunks = (c + VEC - 1) / VEC;
    const int i = get_global_id(0), pixel = i / chunks, ic = i % chunks * VEC;
    if (pixel >= n * p * q)
        return;
    const int x = pixel % q, y = pixel / q % p, in = pixel / q / p;
    floatv sum = (floatv)(0.0f);
    for (int r = max(0, pad - y * stride); r < min(k, h + pad - y * stride); r++)
        for (int s = max(0, pad - x * stride); s < min(k, w + pad - x * stride); s++)
            sum += imx_loadv(src + (size_t)((in * h + y * stride + r - pad) * w + x * stride + s - pad) * c, ic, c);
    imx_storev(sum / (float)(k * k), dst + (size_t)pixel * c, ic, c);
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
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, chunks = (c + VEC - 1) / VEC;
    const int i = get_global_id(0), pixel = i / chunks, ic = i % chunks * VEC;
    if (pixel >= n * h * w)
        return;
    const int ix = pixel % w, iy = pixel / w % h, in = pixel / w / h;
    floatv sum = (floatv)(0.0f);
    for (int y = max(0, (iy + pad - k + stride) / stride); y < min(p, (iy + pad) / stride + 1); y++)
        for (int x = max(0, (ix + pad - k + stride) / stride); x < min(q, (ix + pad) / stride + 1); x++) {
            const size_t o = (size_t)((in * p + y) * q + x) * c;
            const intv mine = imx_loadi(at + o, ic, c) == iy * w + ix;
            sum += select((floatv)(0.0f), imx_loadv(ddst + o, ic, c), mine);
        }
    imx_storev(sum, dsrc + (size_t)pixel * c, ic, c);
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
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, chunks = (c + VEC - 1) / VEC;
    const int i = get_global_id(0), pixel = i / chunks, ic = i % chunks * VEC;
    if (pixel >= n * h * w)
        return;
    const int ix = pixel % w, iy = pixel / w % h, in = pixel / w / h;
    floatv sum = (floatv)(0.0f);
    for (int y = max(0, (iy + pad - k + stride) / stride); y < min(p, (iy + pad) / stride + 1); y++)
        for (int x = max(0, (ix + pad - k + stride) / stride); x < min(q, (ix + pad) / stride + 1); x++)
            sum += imx_loadv(ddst + (size_t)((in * p + y) * q + x) * c, ic, c);
    imx_storev(sum / (float)(k * k), dsrc + (size_t)pixel * c, ic, c);
}
