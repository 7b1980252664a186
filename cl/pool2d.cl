/* Max and average pooling, NHWC; see src/ops/pool2d.h. A work-item makes VEC channels of one output (forward) or input
 * (backward) pixel of row get_global_id(1) of all images, or the whole row (on CPU devices). Backward gathers from the
 * windows that cover its pixel, so no atomics are needed. */
#include "shared.h"
#include "vec.h"

/* What a work-item makes: pixels [x, x_end), channels [c, c_end), of a row of `across` pixels. */
struct span {
    int x, x_end, c, c_end;
};

static inline struct span span_of(const int across, const int channels, const int whole)
{
    if (whole)
        return (struct span){ 0, across, 0, channels };
    const int chunks = (channels + VEC - 1) / VEC, x = (int)get_global_id(0) / chunks,
              ic = (int)get_global_id(0) % chunks * VEC;
    return (struct span){ x, min(x + 1, across), ic, ic + 1 };
}

/* Places of src that a pixel of dst covers (forward), or of dst that cover one of src (backward), along one side. */
struct range {
    int begin, end;
};

static inline struct range covered(const int o, const int size, const int k, const int stride, const int pad)
{
    const int first = o * stride - pad;
    return (struct range){ max(0, first), min(first + k, size) };
}

static inline struct range covering(const int i, const int out, const int k, const int stride, const int pad)
{
    return (struct range){ max(0, (i + pad - k + stride) / stride), min(out, (i + pad) / stride + 1) };
}

__kernel void pool2d_max_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    __global int *restrict at,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad,
    const int whole)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, row = get_global_id(1);
    const struct range y = covered(row % p, h, k, stride, pad);
    const struct span a = span_of(q, c, whole);
    src += (size_t)(row / p) * h * w * c;
    for (int ox = a.x; ox < a.x_end; ox++) {
        const struct range x = covered(ox, w, k, stride, pad);
        const size_t o = ((size_t)row * q + ox) * c;
        for (int ic = a.c; ic < a.c_end; ic += VEC) {
            /* NaNs stand apart: a mask that asked for both would cost a CPU as much as the rest. The last one wins. */
            floatv best = (floatv)(-INFINITY);
            intv best_at = (intv)(y.begin * w + x.begin), nan_at = (intv)(-1);
            for (int iy = y.begin; iy < y.end; iy++)
                for (int ix = x.begin; ix < x.end; ix++) {
                    const int pixel = iy * w + ix;
                    const floatv v = imx_loadv(src + (size_t)pixel * c, ic, c);
                    const intv better = v > best;
                    best = better ? v : best;
                    best_at = better ? (intv)(pixel) : best_at;
                    nan_at = v != v ? (intv)(pixel) : nan_at;
                }
            imx_storev(nan_at < 0 ? best : (floatv)(NAN), dst + o, ic, c);
            imx_storei(nan_at < 0 ? best_at : nan_at, at + o, ic, c);
        }
    }
}

__kernel void pool2d_avg_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad,
    const int whole)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, row = get_global_id(1);
    const struct range y = covered(row % p, h, k, stride, pad);
    const struct span a = span_of(q, c, whole);
    src += (size_t)(row / p) * h * w * c;
    for (int ox = a.x; ox < a.x_end; ox++) {
        const struct range x = covered(ox, w, k, stride, pad);
        const size_t o = ((size_t)row * q + ox) * c;
        for (int ic = a.c; ic < a.c_end; ic += VEC) {
            floatv sum = (floatv)(0.0f);
            for (int iy = y.begin; iy < y.end; iy++)
                for (int ix = x.begin; ix < x.end; ix++)
                    sum += imx_loadv(src + (size_t)(iy * w + ix) * c, ic, c);
            imx_storev(sum / (float)(k * k), dst + o, ic, c);
        }
    }
}

__kernel void pool2d_max_bwd(
    __global const float *restrict ddst,
    __global const int *restrict at,
    __global float *restrict dsrc,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad,
    const int whole)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, row = get_global_id(1);
    const struct range y = covering(row % h, p, k, stride, pad);
    const struct span a = span_of(w, c, whole);
    ddst += (size_t)(row / h) * p * q * c;
    at += (size_t)(row / h) * p * q * c;
    for (int ix = a.x; ix < a.x_end; ix++) {
        const struct range x = covering(ix, q, k, stride, pad);
        for (int ic = a.c; ic < a.c_end; ic += VEC) {
            floatv sum = (floatv)(0.0f);
            for (int oy = y.begin; oy < y.end; oy++)
                for (int ox = x.begin; ox < x.end; ox++) {
                    const size_t o = (size_t)(oy * q + ox) * c;
                    const intv mine = imx_loadi(at + o, ic, c) == row % h * w + ix;
                    sum += mine ? imx_loadv(ddst + o, ic, c) : (floatv)(0.0f);
                }
            imx_storev(sum, dsrc + ((size_t)row * w + ix) * c, ic, c);
        }
    }
}

__kernel void pool2d_avg_bwd(
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int h,
    const int w,
    const int c,
    const int k,
    const int stride,
    const int pad,
    const int whole)
{
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1, row = get_global_id(1);
    const struct range y = covering(row % h, p, k, stride, pad);
    const struct span a = span_of(w, c, whole);
    ddst += (size_t)(row / h) * p * q * c;
    for (int ix = a.x; ix < a.x_end; ix++) {
        const struct range x = covering(ix, q, k, stride, pad);
        for (int ic = a.c; ic < a.c_end; ic += VEC) {
            floatv sum = (floatv)(0.0f);
            for (int oy = y.begin; oy < y.end; oy++)
                for (int ox = x.begin; ox < x.end; ox++)
                    sum += imx_loadv(ddst + (size_t)(oy * q + ox) * c, ic, c);
            imx_storev(sum / (float)(k * k), dsrc + ((size_t)row * w + ix) * c, ic, c);
        }
    }
}
