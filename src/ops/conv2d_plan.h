/* Forward convolution and each residue of backward-data as one kind of work for a kernel; the meaning of the
 * numbers stands at the head of cl/conv2d.cl. Private to conv2d_*.c. */
#ifndef IMX_OPS_CONV2D_PLAN_H
#define IMX_OPS_CONV2D_PLAN_H

#include "ops/conv2d.h"

struct imx_conv2d_work {
    int32_t images, out_h, out_w, in_h, in_w, in_c, taps_a, taps_b, step, base_y, base_x, dir;
    int32_t w_0, w_a, w_b, w_c, w_j, dst_0, dst_n, dst_t, dst_u, cols;
};

/* The arguments of kernels that have the names of the problem's fields, or of the work's: where it reads and writes,
 * and how its weights lie (those of struct imx_winograd, too). */
#define IMX_CONV2D_SIZES(d)                                                                                            \
    .n = (d)->n, .h = (d)->h, .w = (d)->w, .c = (d)->c, .o = (d)->o, .k = (d)->k, .stride = (d)->stride, .pad = (d)->pad
#define IMX_CONV2D_PLACES(k)                                                                                           \
    .images = (k)->images, .out_h = (k)->out_h, .out_w = (k)->out_w, .in_h = (k)->in_h, .in_w = (k)->in_w,             \
    .in_c = (k)->in_c, .taps_a = (k)->taps_a, .taps_b = (k)->taps_b, .step = (k)->step, .base_y = (k)->base_y,         \
    .base_x = (k)->base_x, .dir = (k)->dir, .dst_0 = (k)->dst_0, .dst_n = (k)->dst_n, .dst_t = (k)->dst_t,             \
    .dst_u = (k)->dst_u, .cols = (k)->cols
#define IMX_CONV2D_WEIGHTS(k) .w_0 = (k)->w_0, .w_a = (k)->w_a, .w_b = (k)->w_b, .w_c = (k)->w_c, .w_j = (k)->w_j

/* Smallest i >= 0 with (i + pad) % stride == residue. */
static inline int32_t imx_conv2d_first(int32_t residue, int32_t pad, int32_t stride)
{
    return ((residue - pad) % stride + stride) % stride;
}

static inline struct imx_conv2d_work imx_conv2d_work_fwd(const struct imx_conv2d *d)
{
    const int32_t p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    return (struct imx_conv2d_work){
        .images = d->n,
        .out_h = p,
        .out_w = q,
        .in_h = d->h,
        .in_w = d->w,
        .in_c = d->c,
        .taps_a = d->k,
        .taps_b = d->k,
        .step = d->stride,
        .base_y = -d->pad,
        .base_x = -d->pad,
        .dir = 1,
        .w_a = d->k * d->c,
        .w_b = d->c,
        .w_c = 1,
        .w_j = d->k * d->k * d->c,
        .dst_n = p * q * d->o,
        .dst_t = q * d->o,
        .dst_u = d->o,
        .cols = d->o,
    };
}

/* The input pixels with (iy + pad) % stride == fy and (ix + pad) % stride == fx; out_h or out_w may be 0
 * (nothing to do), and taps_a or taps_b 0 (their gradient is zero). */
static inline struct imx_conv2d_work imx_conv2d_work_data(const struct imx_conv2d *d, int32_t fy, int32_t fx)
{
    const int32_t s = d->stride, iy = imx_conv2d_first(fy, d->pad, s), ix = imx_conv2d_first(fx, d->pad, s);
    return (struct imx_conv2d_work){
        .images = d->n,
        .out_h = iy < d->h ? (d->h - iy + s - 1) / s : 0,
        .out_w = ix < d->w ? (d->w - ix + s - 1) / s : 0,
        .in_h = imx_conv2d_p(d),
        .in_w = imx_conv2d_q(d),
        .in_c = d->o,
        .taps_a = fy < d->k ? (d->k - fy + s - 1) / s : 0,
        .taps_b = fx < d->k ? (d->k - fx + s - 1) / s : 0,
        .step = 1,
        .base_y = (iy + d->pad - fy) / s,
        .base_x = (ix + d->pad - fx) / s,
        .dir = -1,
        .w_0 = (fy * d->k + fx) * d->c,
        .w_a = s * d->k * d->c,
        .w_b = s * d->c,
        .w_c = d->k * d->k * d->c,
        .w_j = 1,
        .dst_0 = (iy * d->w + ix) * d->c,
        .dst_n = d->h * d->w * d->c,
        .dst_t = s * d->w * d->c,
        .dst_u = s * d->c,
        .cols = d->c,
    };
}

#endif
