/* A matrix product between batch norms on OpenCL devices: gemm's variants, told what to normalise as they load or pack
 * it, and to take the statistics of what they store, which bn_stat_finish then merges. See gemm_bn.h. */
#include "ops/gemm_bn.h"
#include "ops/gemm_launch.h"
#include "ops/launch.h"

/* Everywhere below, form is the tiles of a GPU, or NULL for the register tiles of a CPU. */

/* The rows of a tile; 0: it computes no results whole, so their statistics take a pass of their own. */
static int32_t tile_rows(const struct imx_caps *caps, const struct imx_gemm_bn *d, const struct imx_sliced *form)
{
    if (!form)
        return imx_gemm_cpu_tile_rows(caps, &d->g, d->ends.norm);
    return imx_sliced_cut(caps, &d->g, form).count == 1 ? form->tile->rows : 0;
}

/* Where the parts of the statistics begin in the workspace. */
static uint64_t own_bytes(const struct imx_caps *caps, const struct imx_gemm_bn *d, const struct imx_sliced *form)
{
    return imx_page(form ? imx_sliced_bytes(caps, &d->g, form) : imx_gemm_cpu_bytes(caps, &d->g, d->ends.norm));
}

static uint64_t part_bytes(const struct imx_caps *caps, const struct imx_gemm_bn *d, const struct imx_sliced *form)
{
    return imx_bn_part_bytes(&d->ends, imx_bn_parts(d->g.m, tile_rows(caps, d, form), !form), d->g.n);
}

static imx_status run(struct imx_dev *dev, const struct imx_gemm_bn *d, const struct imx_args *a,
                      const struct imx_sliced *form)
{
    const int32_t tile = tile_rows(&dev->caps, d, form);
    const struct imx_mem part = imx_part(a->ws, own_bytes(&dev->caps, d, form), part_bytes(&dev->caps, d, form));
    const struct imx_bn_work all = { d->ends, &a->m[IMX_GEMM_BN_ENDS], part };
    struct imx_bn_work product = all;
    product.ends.stat = d->ends.stat && tile;
    if (form)
        IMX_TRY(imx_gemm_tile_run(dev, &d->g, a, form, &product));
    else
        IMX_TRY(imx_gemm_cpu_run(dev, &d->g, a, &product));
    return imx_bn_ends_finish(dev, &all, a->m[IMX_GEMM_DST], d->g.m, d->g.n, tile, !form);
}

/* A variant as gemm's of the same name. Tiles have no tuned numbers of their own: the form names no variant of gemm. */
#define VARIANT(kind, name, form, fits, rank)                                                                          \
    static uint64_t kind##_bytes(const struct imx_caps *caps, const void *problem)                                     \
    {                                                                                                                  \
        return own_bytes(caps, problem, form) + part_bytes(caps, problem, form);                                       \
    }                                                                                                                  \
    static imx_status kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)                   \
    {                                                                                                                  \
        return run(dev, problem, a, form);                                                                             \
    }                                                                                                                  \
    static const struct imx_variant kind = { name, fits, kind##_bytes, kind##_run, rank }
#define TILE_VARIANT(kind, name, rank)                                                                                 \
    static const struct imx_sliced kind##_form = { &imx_op_gemm, NULL, &imx_##kind, imx_gemm_sums };                   \
    VARIANT(kind, name, &kind##_form, imx_##kind##_fits, rank)

VARIANT(cpu, "cl_pack_cpu", NULL, imx_on_long_items, imx_gemm_cpu_rank);
TILE_VARIANT(tile16, "cl_tile_local", imx_gemm_tile16_rank);
TILE_VARIANT(tile8, "cl_tile_local8", imx_gemm_tile8_rank);
TILE_VARIANT(tile4, "cl_tile_local4", imx_gemm_tile8_rank);
extern const struct imx_variant *const imx_variants_gemm_bn[];
const struct imx_variant *const imx_variants_gemm_bn[] = { &cpu, &tile16, &tile8, &tile4, NULL };
