/* Convolution on OpenCL devices: the variants in local-memory tiles. The one for CPU-type devices stands in
 * conv2d_pack.c. The weight gradient cuts its long sum over pixels into slices when the weights alone have
 * too few tiles to fill the device. */
#include "imx_kernels.h"
#include "ops/conv2d.h"
#include "ops/conv2d_plan.h"
#include "ops/conv2d_winograd.h"
#include "ops/gemm_pack.h"
#include "ops/launch.h"
#include "ops/tile_local.h"
#include "ops/tuned.h"

static size_t round_up(size_t x, size_t to)
{
    return (x + to - 1) / to * to;
}

static bool tile16_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 256 && caps->local_bytes >= 16384 && caps->max_items[0] >= 16 &&
           caps->max_items[1] >= 16;
}

static bool tile8_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 64;
}

/* For drivers whose work-groups are tiny. */
static bool tile4_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 16 && caps->max_group < 64;
}

static const char *tile_options(size_t group)
{
    return group == 16 ? "-DTS=16" : group == 8 ? "-DTS=8" : "-DTS=4";
}

static int tile16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 1;
}

static int tile8_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 2;
}

static imx_status tile_work(struct imx_dev *dev, const struct imx_conv2d_work *k, struct imx_mem src,
                            struct imx_mem wei, struct imx_mem bia, struct imx_mem dst, bool has_bias, size_t group)
{
    const size_t edge = 4 * group, rows = (size_t)k->images * (size_t)k->out_h * (size_t)k->out_w;
    const struct imx_launch launch = {
        { round_up((size_t)k->cols, edge) / 4, round_up(rows, edge) / 4, 1 },
        { group, group, 1 },
        tile_options(group),
    };
    if (!rows)
        return IMX_OK;
    return imx_run_conv2d_tile(dev, launch,
                               &(struct imx_k_conv2d_tile){ .src = src,
                                                            .wei = wei,
                                                            .bia = bia,
                                                            .dst = dst,
                                                            .images = k->images,
                                                            .out_h = k->out_h,
                                                            .out_w = k->out_w,
                                                            .in_h = k->in_h,
                                                            .in_w = k->in_w,
                                                            .in_c = k->in_c,
                                                            .taps_a = k->taps_a,
                                                            .taps_b = k->taps_b,
                                                            .step = k->step,
                                                            .base_y = k->base_y,
                                                            .base_x = k->base_x,
                                                            .dir = k->dir,
                                                            .w_0 = k->w_0,
                                                            .w_a = k->w_a,
                                                            .w_b = k->w_b,
                                                            .w_c = k->w_c,
                                                            .w_j = k->w_j,
                                                            .dst_0 = k->dst_0,
                                                            .dst_n = k->dst_n,
                                                            .dst_t = k->dst_t,
                                                            .dst_u = k->dst_u,
                                                            .cols = k->cols,
                                                            .has_bias = has_bias });
}

static imx_status tile_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a, size_t group)
{
    const struct imx_conv2d_work work = imx_conv2d_work_fwd(d);
    return tile_work(dev, &work, a->m[IMX_CONV2D_FWD_SRC], a->m[IMX_CONV2D_FWD_WEI], a->m[IMX_CONV2D_FWD_BIA],
                     a->m[IMX_CONV2D_FWD_DST], d->bias, group);
}

static imx_status tile_data(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a, size_t group)
{
    for (int32_t fy = 0; fy < d->stride; fy++)
        for (int32_t fx = 0; fx < d->stride; fx++) {
            const struct imx_conv2d_work work = imx_conv2d_work_data(d, fy, fx);
            IMX_TRY(tile_work(dev, &work, a->m[IMX_CONV2D_BWD_DATA_DDST], a->m[IMX_CONV2D_BWD_DATA_WEI],
                              (struct imx_mem){ 0 }, a->m[IMX_CONV2D_BWD_DATA_DSRC], false, group));
        }
    return IMX_OK;
}

static const struct imx_variant variant_wei16, variant_wei8, variant_wei4;

static int32_t wei_pixels(const struct imx_conv2d *d)
{
    return d->n * imx_conv2d_p(d) * imx_conv2d_q(d);
}

static struct imx_slices wei_slices(const struct imx_caps *caps, const struct imx_conv2d *d, int32_t group)
{
    int32_t tuned[IMX_MAX_TUNABLES];
    const struct imx_variant *v = group == 16 ? &variant_wei16 : group == 8 ? &variant_wei8 : &variant_wei4;
    const int32_t pixels = wei_pixels(d);
    if (imx_tuned_values(caps, &imx_op_conv2d_bwd_wei, v, d, tuned))
        return imx_cut(pixels, tuned[0]);
    return imx_cut(pixels, imx_slices_wanted(caps, imx_tile_count(d->o, d->k * d->k * d->c, group), pixels, group));
}

static uint64_t wei_workspace(const struct imx_caps *caps, const struct imx_conv2d *d, int32_t group)
{
    return imx_slices_bytes(wei_slices(caps, d, group), (int64_t)d->o * d->k * d->k * d->c);
}

static bool wei_slices_ok(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES])
{
    const struct imx_conv2d *d = problem;
    return imx_slices_ok(caps, value[0], (int64_t)d->o * d->k * d->k * d->c);
}

static imx_status tile_wei(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a, size_t group)
{
    const size_t edge = 4 * group, cols = (size_t)(d->k * d->k * d->c);
    const struct imx_slices cut = wei_slices(&dev->caps, d, (int32_t)group);
    const struct imx_launch launch = {
        { round_up(cols, edge) / 4, round_up((size_t)d->o, edge) / 4, (size_t)cut.count },
        { group, group, 1 },
        tile_options(group),
    };
    IMX_TRY(imx_run_conv2d_tile_wei(
        dev, launch,
        &(struct imx_k_conv2d_tile_wei){ .src = a->m[IMX_CONV2D_BWD_WEI_SRC],
                                         .ddst = a->m[IMX_CONV2D_BWD_WEI_DDST],
                                         .part = cut.count == 1 ? a->m[IMX_CONV2D_BWD_WEI_DWEI] : a->ws,
                                         .n = d->n,
                                         .h = d->h,
                                         .w = d->w,
                                         .c = d->c,
                                         .o = d->o,
                                         .k = d->k,
                                         .stride = d->stride,
                                         .pad = d->pad,
                                         .slice_pixels = cut.depth }));
    if (cut.count == 1)
        return IMX_OK;
    return imx_run_conv2d_sum_slices(
        dev, imx_launch_1d(dev, cols * (size_t)d->o, NULL),
        &(struct imx_k_conv2d_sum_slices){
            .part = a->ws, .dwei = a->m[IMX_CONV2D_BWD_WEI_DWEI], .count = (int32_t)cols * d->o, .slices = cut.count });
}

#define TILE_VARIANTS(direction)                                                                                       \
    static imx_status direction##16(struct imx_dev * dev, const void *problem, const struct imx_args *args)            \
    {                                                                                                                  \
        return tile_##direction(dev, problem, args, 16);                                                               \
    }                                                                                                                  \
    static imx_status direction##8(struct imx_dev * dev, const void *problem, const struct imx_args *args)             \
    {                                                                                                                  \
        return tile_##direction(dev, problem, args, 8);                                                                \
    }                                                                                                                  \
    static imx_status direction##4(struct imx_dev * dev, const void *problem, const struct imx_args *args)             \
    {                                                                                                                  \
        return tile_##direction(dev, problem, args, 4);                                                                \
    }
TILE_VARIANTS(fwd)
TILE_VARIANTS(data)
TILE_VARIANTS(wei)

static uint64_t wei16_workspace(const struct imx_caps *caps, const void *problem)
{
    return wei_workspace(caps, problem, 16);
}

static uint64_t wei8_workspace(const struct imx_caps *caps, const void *problem)
{
    return wei_workspace(caps, problem, 8);
}

static uint64_t wei4_workspace(const struct imx_caps *caps, const void *problem)
{
    return wei_workspace(caps, problem, 4);
}

static const struct imx_variant variant_fwd16 = { "cl_tile_local", tile16_supports, NULL, fwd16, tile16_rank };
static const struct imx_variant variant_fwd8 = { "cl_tile_local8", tile8_supports, NULL, fwd8, tile8_rank };
static const struct imx_variant variant_fwd4 = { "cl_tile_local4", tile4_supports, NULL, fwd4, tile8_rank };
static const struct imx_variant variant_data16 = { "cl_tile_local", tile16_supports, NULL, data16, tile16_rank };
static const struct imx_variant variant_data8 = { "cl_tile_local8", tile8_supports, NULL, data8, tile8_rank };
static const struct imx_variant variant_data4 = { "cl_tile_local4", tile4_supports, NULL, data4, tile8_rank };
#define WEI_VARIANT(group, name, rank)                                                                                 \
    static void wei_own##group(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])      \
    {                                                                                                                  \
        struct imx_caps plain = *caps;                                                                                 \
        plain.tuned = NULL;                                                                                            \
        value[0] = wei_slices(&plain, problem, group).count;                                                           \
    }                                                                                                                  \
    static const struct imx_tunables wei_tunables##group = {                                                           \
        1, { { "slices", tries_slices } }, wei_own##group, wei_slices_ok                                               \
    };                                                                                                                 \
    static const struct imx_variant variant_wei##group = {                                                             \
        name, tile##group##_supports, wei##group##_workspace, wei##group, rank, &wei_tunables##group                   \
    };
static const int32_t tries_slices[] = IMX_SLICES_TRIES;
WEI_VARIANT(16, "cl_tile_local", tile16_rank)
WEI_VARIANT(8, "cl_tile_local8", tile8_rank)
WEI_VARIANT(4, "cl_tile_local4", tile8_rank)

extern const struct imx_variant *const imx_variants_conv2d_fwd[], *const imx_variants_conv2d_bwd_data[],
                                                                      *const imx_variants_conv2d_bwd_wei[];
const struct imx_variant *const imx_variants_conv2d_fwd[] = {
    &imx_variant_conv2d_fwd_cpu,
    &imx_variant_conv2d_fwd_winograd2,
    &imx_variant_conv2d_fwd_winograd4,
    &imx_variant_conv2d_fwd_winograd2_local,
    &imx_variant_conv2d_fwd_winograd4_local,
    &variant_fwd16,
    &variant_fwd8,
    &variant_fwd4,
    NULL,
};
const struct imx_variant *const imx_variants_conv2d_bwd_data[] = {
    &imx_variant_conv2d_data_cpu,
    &imx_variant_conv2d_data_winograd2,
    &imx_variant_conv2d_data_winograd4,
    &imx_variant_conv2d_data_winograd2_local,
    &imx_variant_conv2d_data_winograd4_local,
    &variant_data16,
    &variant_data8,
    &variant_data4,
    NULL,
};
const struct imx_variant *const imx_variants_conv2d_bwd_wei[] = {
    &imx_variant_conv2d_wei_cpu, &variant_wei16, &variant_wei8, &variant_wei4, NULL,
};
