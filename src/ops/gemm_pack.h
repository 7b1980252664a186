/* What the packed variants of gemm and conv2d for CPU-type devices share. Private to those. */
#ifndef IMX_OPS_GEMM_PACK_H
#define IMX_OPS_GEMM_PACK_H

#include "ops/op.h"

/* Register tile: mr rows x nr columns, and the options that make cl/tile_cpu.h agree (left matrix as it lies,
 * or packed). */
struct imx_cpu_tile {
    int32_t mr, nr;
    const char *options, *options_packed;
};
struct imx_cpu_tile imx_cpu_tile(const struct imx_caps *caps);

/* Columns that are packed together: SPAN of cl/tile_cpu.h. */
enum { IMX_CPU_SPAN = 64 };

/* Rows and columns at most of a work-item with both matrices packed: their blocks and the results that wait (HELD of
 * cl/gemm_cpu.cl) fit a cache of 512 KB. */
enum { IMX_CPU_ROWS = 120, IMX_CPU_COLS = 256 };

/* dst = packed form (cl/gemm_cpu.cl) of the matrix with element (j, l) at src[j * step_j + l * step_k], times wgt[l]
 * unless that is absent (with it, step_j is 1). */
imx_status imx_cpu_pack(struct imx_dev *dev, struct imx_mem src, struct imx_mem wgt, struct imx_mem dst, int32_t count,
                        int32_t k, int32_t width, int32_t step_j, int32_t step_k);

extern const struct imx_variant imx_variant_gemm_cpu;
extern const struct imx_variant imx_variant_conv2d_fwd_cpu, imx_variant_conv2d_data_cpu, imx_variant_conv2d_wei_cpu;

#endif
