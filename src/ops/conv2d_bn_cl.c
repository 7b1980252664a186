/* Convolution between batch norms on OpenCL devices: conv2d's variants, told what to normalise as they load it, and to
 * take the statistics of what they store, which bn_stat_finish then merges. A CPU's register tiles read src where it
 * lies, a value once for each panel of columns and tap, so there is no place to normalise it once. See conv2d_bn.h. */
#include "ops/conv2d_bn.h"
#include "ops/conv2d_launch.h"
#include "ops/launch.h"

static int32_t pixels(const struct imx_conv2d *d)
{
    return d->n * imx_conv2d_p(d) * imx_conv2d_q(d);
}

static uint64_t tile_bytes(const struct imx_conv2d_bn *b, const struct imx_tile *tile)
{
    return imx_bn_part_bytes(&b->ends, imx_bn_parts(pixels(&b->d), tile->rows, false), b->d.o);
}

static imx_status tile_fwd(struct imx_dev *dev, const struct imx_conv2d_bn *b, const struct imx_args *a,
                           const struct imx_tile *tile)
{
    const struct imx_bn_work w = { b->ends, &a->m[IMX_CONV2D_BN_FWD_ENDS], a->ws };
    IMX_TRY(imx_conv2d_tile_fwd(dev, &b->d, a, tile, &w));
    return imx_bn_ends_finish(dev, &w, a->m[IMX_CONV2D_FWD_DST], pixels(&b->d), b->d.o, tile->rows, false);
}

static imx_status tile_wei(struct imx_dev *dev, const struct imx_conv2d_bn *b, const struct imx_args *a,
                           const struct imx_sliced *form)
{
    const struct imx_bn_work w = { b->ends, &a->m[IMX_CONV2D_BN_WEI_ENDS], { 0 } };
    return imx_conv2d_tile_wei(dev, &b->d, a, form, &w);
}

static bool cpu_supports(const struct imx_caps *caps, const void *problem)
{
    const struct imx_conv2d_bn *b = problem;
    return imx_caps_long_items(caps) && !b->ends.norm;
}

static uint64_t cpu_part_bytes(const struct imx_caps *caps, const struct imx_conv2d_bn *b)
{
    return imx_bn_part_bytes(&b->ends, imx_bn_parts(pixels(&b->d), imx_conv2d_cpu_rows(caps, &b->d), true), b->d.o);
}

static uint64_t cpu_bytes(const struct imx_caps *caps, const void *problem)
{
    const struct imx_conv2d_bn *b = problem;
    return imx_page(imx_conv2d_cpu_bytes(caps, &b->d)) + cpu_part_bytes(caps, b);
}

static imx_status cpu_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_conv2d_bn *b = problem;
    const uint64_t at = imx_page(imx_conv2d_cpu_bytes(&dev->caps, &b->d));
    const struct imx_bn_work w = { b->ends, &a->m[IMX_CONV2D_BN_FWD_ENDS],
                                   imx_part(a->ws, at, cpu_part_bytes(&dev->caps, b)) };
    IMX_TRY(imx_conv2d_cpu_fwd(dev, &b->d, a, &w));
    return imx_bn_ends_finish(dev, &w, a->m[IMX_CONV2D_FWD_DST], pixels(&b->d), b->d.o,
                              imx_conv2d_cpu_rows(&dev->caps, &b->d), true);
}

/* Both directions on one form of tiles, as conv2d's of the same name. They have no tuned numbers of their own: the form
 * names no variant of conv2d. */
#define TILE_VARIANTS(kind, name, rank)                                                                                \
    static const struct imx_sliced kind##_form = { &imx_op_conv2d_bwd_wei, NULL, &imx_##kind, imx_conv2d_wei_sums };   \
    static uint64_t fwd_##kind##_bytes(const struct imx_caps *caps, const void *problem)                               \
    {                                                                                                                  \
        (void)caps;                                                                                                    \
        return tile_bytes(problem, &imx_##kind);                                                                       \
    }                                                                                                                  \
    static imx_status fwd_##kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)             \
    {                                                                                                                  \
        return tile_fwd(dev, problem, a, &imx_##kind);                                                                 \
    }                                                                                                                  \
    static uint64_t wei_##kind##_bytes(const struct imx_caps *caps, const void *problem)                               \
    {                                                                                                                  \
        return imx_sliced_bytes(caps, &((const struct imx_conv2d_bn *)problem)->d, &kind##_form);                      \
    }                                                                                                                  \
    static imx_status wei_##kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)             \
    {                                                                                                                  \
        return tile_wei(dev, problem, a, &kind##_form);                                                                \
    }                                                                                                                  \
    static const struct imx_variant fwd_##kind = { name, imx_##kind##_fits, fwd_##kind##_bytes, fwd_##kind##_run,      \
                                                   rank };                                                             \
    static const struct imx_variant wei_##kind = { name, imx_##kind##_fits, wei_##kind##_bytes, wei_##kind##_run, rank }

TILE_VARIANTS(tile16, "cl_tile_local", imx_conv2d_tile16_rank);
TILE_VARIANTS(tile8, "cl_tile_local8", imx_conv2d_tile8_rank);
TILE_VARIANTS(tile4, "cl_tile_local4", imx_conv2d_tile8_rank);
static const struct imx_variant fwd_cpu = { "cl_pack_cpu", cpu_supports, cpu_bytes, cpu_run, imx_conv2d_cpu_rank };
extern const struct imx_variant *const imx_variants_conv2d_bn_fwd[], *const imx_variants_conv2d_bn_wei[];
const struct imx_variant *const imx_variants_conv2d_bn_fwd[] = { &fwd_cpu, &fwd_tile16, &fwd_tile8, &fwd_tile4, NULL };
const struct imx_variant *const imx_variants_conv2d_bn_wei[] = { &wei_tile16, &wei_tile8, &wei_tile4, NULL };
