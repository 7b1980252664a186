/* Winograd's convolution 3x3, stride 1: variants of conv2d_fwd and conv2d_bwd_data. Private to conv2d_*.c. */
#ifndef IMX_OPS_CONV2D_WINOGRAD_H
#define IMX_OPS_CONV2D_WINOGRAD_H

#include "ops/op.h"

/* Forward, and backward-data as the forward pass with the taps in reverse order, as one kind of work:
 *     dst[image, y, x, j] = sum_(a, b, ci) src[image, y + base_y + a, x + base_x + b, ci]
 *                                          * wei[w_0 + a*w_a + b*w_b + ci*w_c + j*w_j]     (src is 0 outside) */
struct imx_winograd {
    int32_t images, out_h, out_w, in_h, in_w, in_c, cols, base_y, base_x, w_0, w_a, w_b, w_c, w_j;
};

/* mag [images, out_h, out_w, cols] = the sums of the absolute terms of F(m x m, 3x3), m = 2 or 4, plus |bia| (may be
 * NULL). */
imx_status imx_winograd_mag(const struct imx_winograd *k, int m, const double *src, const double *wei,
                            const double *bia, double *mag);
/* The largest mag / sum |d g| of an output off the border where all |d|, and all |g|, are alike: 7.1 and 63. */
double imx_winograd_gain(int m);

/* For devices of type CPU, and on local memory; tiles of 2 and 4. */
extern const struct imx_variant imx_variant_conv2d_fwd_winograd2, imx_variant_conv2d_fwd_winograd4;
extern const struct imx_variant imx_variant_conv2d_data_winograd2, imx_variant_conv2d_data_winograd4;
extern const struct imx_variant imx_variant_conv2d_fwd_winograd2_local, imx_variant_conv2d_fwd_winograd4_local;
extern const struct imx_variant imx_variant_conv2d_data_winograd2_local, imx_variant_conv2d_data_winograd4_local;

#endif
