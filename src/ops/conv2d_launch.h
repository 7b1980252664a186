/* The launches of conv2d's variants, which conv2d_bn makes, too. Private to conv2d_*.c. bn: what batch norm leaves to
 * the convolution; zeros: nothing. */
#ifndef IMX_OPS_CONV2D_LAUNCH_H
#define IMX_OPS_CONV2D_LAUNCH_H

#include "ops/bn_ends.h"
#include "ops/conv2d.h"
#include "ops/tile_local.h"

imx_status imx_conv2d_tile_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                               const struct imx_tile *tile, const struct imx_bn_work *bn);
imx_status imx_conv2d_tile_wei(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                               const struct imx_sliced *f, const struct imx_bn_work *bn);
struct imx_sums imx_conv2d_wei_sums(const void *problem);

/* In register tiles, which take statistics and normalise nothing: the run, its workspace, and the
 * rows of a tile. */
imx_status imx_conv2d_cpu_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                              const struct imx_bn_work *bn);
uint64_t imx_conv2d_cpu_bytes(const struct imx_caps *caps, const void *problem);
int32_t imx_conv2d_cpu_rows(const struct imx_caps *caps, const struct imx_conv2d *d);

int imx_conv2d_cpu_rank(const struct imx_caps *caps, const void *problem);
int imx_conv2d_tile16_rank(const struct imx_caps *caps, const void *problem);
int imx_conv2d_tile8_rank(const struct imx_caps *caps, const void *problem);

#endif
