/* Convolution on OpenCL devices: the variants in tiles (cl/tile_local.h). The one for CPU-type devices stands in
 * conv2d_pack.c. The weight gradient cuts its long sum over pixels into slices when the weights alone have
 * too few tiles to fill the device. */
#include "imx_kernels.h"
#include "ops/conv2d_launch.h"
#include "ops/conv2d_plan.h"
#include "ops/conv2d_winograd.h"
#include "ops/gemm_pack.h"
#include "ops/half.h"
#include "ops/launch.h"
#include "ops/tile_local.h"

int imx_conv2d_tile16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 1;
}

int imx_conv2d_tile8_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 2;
}
#define tile16_rank imx_conv2d_tile16_rank
#define tile8_rank  imx_conv2d_tile8_rank
#define tile4_rank  imx_conv2d_tile8_rank

/* After all other tiles until tune finds them faster; see gemm_cl.c. */
static int tile_sub16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 3;
}
#define tile_sub8_rank tile_sub16_rank

/* Where they are asked for (caps.half), before the others on a GPU. */
static int tile_half16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 3 : 1;
}
#define tile_half8_rank tile_half16_rank

static imx_status half_mag_fwd(const void *problem, void *const *arg, double *const *mag)
{
    return imx_half_mag(&imx_op_conv2d_fwd, IMX_CONV2D_FWD_SRC, IMX_CONV2D_FWD_WEI, problem, arg, mag);
}

static imx_status half_mag_data(const void *problem, void *const *arg, double *const *mag)
{
    return imx_half_mag(&imx_op_conv2d_bwd_data, IMX_CONV2D_BWD_DATA_DDST, IMX_CONV2D_BWD_DATA_WEI, problem, arg, mag);
}

static imx_status half_mag_wei(const void *problem, void *const *arg, double *const *mag)
{
    return imx_half_mag(&imx_op_conv2d_bwd_wei, IMX_CONV2D_BWD_WEI_SRC, IMX_CONV2D_BWD_WEI_DDST, problem, arg, mag);
}

static imx_status tile_work(struct imx_dev *dev, const struct imx_conv2d_work *k, struct imx_mem src,
                            struct imx_mem wei, struct imx_mem bia, struct imx_mem dst, bool has_bias,
                            const struct imx_tile *tile, const struct imx_bn_work *bn)
{
    const size_t rows = (size_t)k->images * (size_t)k->out_h * (size_t)k->out_w;
    const struct imx_launch launch = imx_tile_launch(tile, rows, (size_t)k->cols, 1);
    if (!rows)
        return IMX_OK;
    return imx_run_conv2d_tile(dev, launch,
                               &(struct imx_k_conv2d_tile){ .src = src,
                                                            .wei = wei,
                                                            .bia = bia,
                                                            .dst = dst,
                                                            IMX_CONV2D_PLACES(k),
                                                            IMX_CONV2D_WEIGHTS(k),
                                                            .has_bias = has_bias,
                                                            IMX_BN_IN(bn),
                                                            .norm = bn->ends.norm,
                                                            .part = bn->part,
                                                            .stat = bn->ends.stat });
}

imx_status imx_conv2d_tile_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                               const struct imx_tile *tile, const struct imx_bn_work *bn)
{
    const struct imx_conv2d_work work = imx_conv2d_work_fwd(d);
    return tile_work(dev, &work, a->m[IMX_CONV2D_FWD_SRC], a->m[IMX_CONV2D_FWD_WEI], a->m[IMX_CONV2D_FWD_BIA],
                     a->m[IMX_CONV2D_FWD_DST], d->bias, tile, bn);
}

static imx_status tile_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                           const struct imx_tile *tile)
{
    return imx_conv2d_tile_fwd(dev, d, a, tile, &(struct imx_bn_work){ 0 });
}

static imx_status tile_data(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                            const struct imx_tile *tile)
{
    for (int32_t fy = 0; fy < d->stride; fy++)
        for (int32_t fx = 0; fx < d->stride; fx++) {
            const struct imx_conv2d_work work = imx_conv2d_work_data(d, fy, fx);
            IMX_TRY(tile_work(dev, &work, a->m[IMX_CONV2D_BWD_DATA_DDST], a->m[IMX_CONV2D_BWD_DATA_WEI],
                              (struct imx_mem){ 0 }, a->m[IMX_CONV2D_BWD_DATA_DSRC], false, tile,
                              &(struct imx_bn_work){ 0 }));
        }
    return IMX_OK;
}

struct imx_sums imx_conv2d_wei_sums(const void *problem)
{
    const struct imx_conv2d *d = problem;
    return (struct imx_sums){ d->o, d->k * d->k * d->c, d->n * imx_conv2d_p(d) * imx_conv2d_q(d) };
}

imx_status imx_conv2d_tile_wei(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                               const struct imx_sliced *f, const struct imx_bn_work *bn)
{
    const int32_t count = d->o * d->k * d->k * d->c;
    const struct imx_slices cut = imx_sliced_cut(&dev->caps, d, f);
    IMX_TRY(imx_run_conv2d_tile_wei(
        dev, imx_sliced_launch(d, f, cut),
        &(struct imx_k_conv2d_tile_wei){ .src = a->m[IMX_CONV2D_BWD_WEI_SRC],
                                         .ddst = a->m[IMX_CONV2D_BWD_WEI_DDST],
                                         .part = cut.count == 1 ? a->m[IMX_CONV2D_BWD_WEI_DWEI] : a->ws,
                                         IMX_CONV2D_SIZES(d),
                                         .slice_pixels = cut.depth,
                                         IMX_BN_IN(bn),
                                         .norm = bn->ends.norm }));
    if (cut.count == 1)
        return IMX_OK;
    return imx_run_conv2d_sum_slices(
        dev, imx_launch_1d(dev, (size_t)count, NULL),
        &(struct imx_k_conv2d_sum_slices){
            .part = a->ws, .dwei = a->m[IMX_CONV2D_BWD_WEI_DWEI], .count = count, .slices = cut.count });
}

static imx_status tile_wei(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                           const struct imx_sliced *f)
{
    return imx_conv2d_tile_wei(dev, d, a, f, &(struct imx_bn_work){ 0 });
}

#define TILE_VARIANT(direction, kind, name, mag, storage)                                                              \
    static imx_status direction##_##kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *args)  \
    {                                                                                                                  \
        return tile_##direction(dev, problem, args, &imx_##kind);                                                      \
    }                                                                                                                  \
    static const struct imx_variant direction##_##kind = {                                                             \
        name, imx_##kind##_fits, NULL, direction##_##kind##_run, kind##_rank, NULL, mag, false, storage                \
    };
#define WEI_VARIANT(kind, name, mag, storage)                                                                          \
    IMX_SLICED_VARIANT(wei_, kind, name, conv2d_bwd_wei, imx_conv2d_wei_sums, tile_wei, kind##_rank, mag, storage)
#define TILE_VARIANTS(kind, name)                                                                                      \
    TILE_VARIANT(fwd, kind, name, NULL, 0)                                                                             \
    TILE_VARIANT(data, kind, name, NULL, 0)                                                                            \
    WEI_VARIANT(kind, name, NULL, 0)
TILE_VARIANTS(tile16, "cl_tile_local")
TILE_VARIANTS(tile8, "cl_tile_local8")
TILE_VARIANTS(tile4, "cl_tile_local4")
TILE_VARIANTS(tile_sub8, "cl_tile_sub8")
TILE_VARIANTS(tile_sub16, "cl_tile_sub16")
#define HALF_VARIANTS(kind, name)                                                                                      \
    TILE_VARIANT(fwd, kind, name, half_mag_fwd, IMX_HALF_STORAGE)                                                      \
    TILE_VARIANT(data, kind, name, half_mag_data, IMX_HALF_STORAGE)                                                    \
    WEI_VARIANT(kind, name, half_mag_wei, IMX_HALF_STORAGE)
HALF_VARIANTS(tile_half16, "cl_tile_half")
HALF_VARIANTS(tile_half8, "cl_tile_half8")
/* Best first where ranks are equal. */
#define TILES(direction)                                                                                               \
    &direction##_tile_half16, &direction##_tile_half8, &direction##_tile16, &direction##_tile_sub16,                   \
        &direction##_tile_sub8, &direction##_tile8, &direction##_tile4

extern const struct imx_variant *const imx_variants_conv2d_fwd[], *const imx_variants_conv2d_bwd_data[],
                                                                      *const imx_variants_conv2d_bwd_wei[];
const struct imx_variant *const imx_variants_conv2d_fwd[] = {
    &imx_variant_conv2d_fwd_cpu,
    &imx_variant_conv2d_fwd_winograd2,
    &imx_variant_conv2d_fwd_winograd4,
    &imx_variant_conv2d_fwd_winograd2_local,
    &imx_variant_conv2d_fwd_winograd4_local,
    TILES(fwd),
    NULL,
};
const struct imx_variant *const imx_variants_conv2d_bwd_data[] = {
    &imx_variant_conv2d_data_cpu,
    &imx_variant_conv2d_data_winograd2,
    &imx_variant_conv2d_data_winograd4,
    &imx_variant_conv2d_data_winograd2_local,
    &imx_variant_conv2d_data_winograd4_local,
    TILES(data),
    NULL,
};
const struct imx_variant *const imx_variants_conv2d_bwd_wei[] = {
    &imx_variant_conv2d_wei_cpu,
    TILES(wei),
    NULL,
};
