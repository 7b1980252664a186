/* The launches of gemm's variants, which gemm_bn makes, too. Private to gemm_*.c. bn: what batch norm leaves to the
 * product; zeros: nothing. */
#ifndef IMX_OPS_GEMM_LAUNCH_H
#define IMX_OPS_GEMM_LAUNCH_H

#include "ops/bn_ends.h"
#include "ops/gemm.h"
#include "ops/tile_local.h"

imx_status imx_gemm_tile_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *a,
                             const struct imx_sliced *f, const struct imx_bn_work *bn);

/* In register tiles: the run, its workspace when matrix `norm` is normalised, and the rows of a tile, 0 where it
 * computes no results whole. */
imx_status imx_gemm_cpu_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *args,
                            const struct imx_bn_work *bn);
uint64_t imx_gemm_cpu_bytes(const struct imx_caps *caps, const struct imx_gemm *g, int32_t norm);
int32_t imx_gemm_cpu_tile_rows(const struct imx_caps *caps, const struct imx_gemm *g, int32_t norm);

struct imx_sums imx_gemm_sums(const void *problem);
int imx_gemm_cpu_rank(const struct imx_caps *caps, const void *problem);
int imx_gemm_tile16_rank(const struct imx_caps *caps, const void *problem);
int imx_gemm_tile8_rank(const struct imx_caps *caps, const void *problem);

#endif
