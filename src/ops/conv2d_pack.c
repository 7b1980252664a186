/* Convolution on devices of type CPU: register tiles over packed weights (cl/conv2d_cpu.cl). Backward-data
 * runs once for each of the stride^2 residues of input pixels; backward-weights packs ddst and cuts the sum
 * over pixels into slices, so that every core has several pieces, which conv2d_sum_slices adds in their
 * order. */
#include "imx_kernels.h"
#include "ops/conv2d_launch.h"
#include "ops/conv2d_plan.h"
#include "ops/gemm_pack.h"
#include "ops/launch.h"
#include "ops/tuned.h"

static int32_t least(int64_t a, int64_t b)
{
    return (int32_t)(a < b ? a : b);
}

static int64_t pieces(const struct imx_caps *caps)
{
    return 8 * (int64_t)(caps->compute_units ? caps->compute_units : 1);
}

int imx_conv2d_cpu_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 0 : 3;
}

/* Packed weights and the zeros behind them. */
static uint64_t packed_bytes(const struct imx_caps *caps, const struct imx_conv2d_work *k)
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    const uint64_t terms = (uint64_t)k->taps_a * (uint64_t)k->taps_b * (uint64_t)k->in_c;
    return imx_page((terms * (uint64_t)imx_up(k->cols, t.nr) + (uint64_t)k->in_c) * sizeof(float));
}

/* Output pixels of one work-item, which has one of so many panels of columns. */
static int32_t own_tile_m(const struct imx_caps *caps, const struct imx_conv2d_work *k, int64_t panels)
{
    const int64_t rows = (int64_t)k->images * k->out_h * k->out_w;
    return imx_up(least(512, rows * panels / pieces(caps) + 1), 2 * imx_cpu_tile(caps).mr);
}

static int32_t panels_of(const struct imx_caps *caps, const struct imx_conv2d_work *k)
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    return (k->cols + t.nr - 1) / t.nr;
}

static imx_status pack_wei(struct imx_dev *dev, const struct imx_conv2d_work *k, struct imx_mem wei, struct imx_mem dst)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const int32_t taps = k->taps_a * k->taps_b, panels = panels_of(&dev->caps, k);
    const struct imx_launch launch = { { taps ? (size_t)taps : 1, (size_t)panels, 1 }, { 1, 1, 1 }, t.options };
    return imx_run_conv2d_pack_wei(dev, launch,
                                   &(struct imx_k_conv2d_pack_wei){ .wei = wei,
                                                                    .dst = dst,
                                                                    .in_c = k->in_c,
                                                                    .taps_a = k->taps_a,
                                                                    .taps_b = k->taps_b,
                                                                    IMX_CONV2D_WEIGHTS(k),
                                                                    .cols = k->cols });
}

/* tuned: pixels of one work-item, 0: its own. */
static imx_status run_work(struct imx_dev *dev, const struct imx_conv2d_work *k, struct imx_mem src, struct imx_mem wei,
                           struct imx_mem bia, struct imx_mem dst, bool has_bias, struct imx_mem ws, int32_t tuned,
                           const struct imx_bn_work *bn)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const int32_t rows = k->images * k->out_h * k->out_w;
    const int32_t panels = panels_of(&dev->caps, k);
    const int32_t tile_m = tuned ? tuned : own_tile_m(&dev->caps, k, panels);
    if (!rows)
        return IMX_OK;
    IMX_TRY(pack_wei(dev, k, wei, ws));
    const struct imx_launch launch = { { (size_t)((rows + tile_m - 1) / tile_m), (size_t)panels, 1 },
                                       { 1, 1, 1 },
                                       t.options };
    return imx_run_conv2d_cpu(dev, launch,
                              &(struct imx_k_conv2d_cpu){ .src = src,
                                                          .wei = ws,
                                                          .bia = bia,
                                                          .dst = dst,
                                                          IMX_CONV2D_PLACES(k),
                                                          .tile_m = tile_m,
                                                          .has_bias = has_bias,
                                                          .part = bn->part,
                                                          .stat = bn->ends.stat });
}

uint64_t imx_conv2d_cpu_bytes(const struct imx_caps *caps, const void *problem)
{
    const struct imx_conv2d_work work = imx_conv2d_work_fwd(problem);
    return packed_bytes(caps, &work);
}

/* A forward pass whose taps are too short to be walked one by one, and whose patches fit KC of cl/tile_cpu.h. */
static bool few_channels(const struct imx_conv2d *d)
{
    return d->c < 16 && d->k * d->k * d->c <= 256;
}

static imx_status run_few(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_conv2d_work *work,
                          const struct imx_args *a, int32_t tile_m, const struct imx_bn_work *bn)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const int32_t pixels = work->images * work->out_h * work->out_w;
    const struct imx_launch launch = { { (size_t)((pixels + tile_m - 1) / tile_m), 1, 1 }, { 1, 1, 1 }, t.options };
    IMX_TRY(pack_wei(dev, work, a->m[IMX_CONV2D_FWD_WEI], a->ws));
    return imx_run_conv2d_cpu_few(dev, launch,
                                  &(struct imx_k_conv2d_cpu_few){ .src = a->m[IMX_CONV2D_FWD_SRC],
                                                                  .wei = a->ws,
                                                                  .bia = a->m[IMX_CONV2D_FWD_BIA],
                                                                  .dst = a->m[IMX_CONV2D_FWD_DST],
                                                                  IMX_CONV2D_SIZES(d),
                                                                  .tile_m = tile_m,
                                                                  .has_bias = d->bias,
                                                                  .part = bn->part,
                                                                  .stat = bn->ends.stat });
}

/* Pixels of a work-item that a measurement chose; 0: its own choice. */
static int32_t fwd_tuned(const struct imx_caps *caps, const struct imx_conv2d *d)
{
    int32_t tuned[IMX_MAX_TUNABLES] = { 0 };
    (void)imx_tuned_values(caps, &imx_op_conv2d_fwd, &imx_variant_conv2d_fwd_cpu, d, tuned);
    return tuned[0];
}

int32_t imx_conv2d_cpu_rows(const struct imx_caps *caps, const struct imx_conv2d *d)
{
    const struct imx_conv2d_work work = imx_conv2d_work_fwd(d);
    const int32_t tuned = fwd_tuned(caps, d);
    return tuned ? tuned : own_tile_m(caps, &work, few_channels(d) ? 1 : panels_of(caps, &work));
}

imx_status imx_conv2d_cpu_fwd(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a,
                              const struct imx_bn_work *bn)
{
    const struct imx_conv2d_work work = imx_conv2d_work_fwd(d);
    const int32_t tile_m = imx_conv2d_cpu_rows(&dev->caps, d);
    if (few_channels(d))
        return run_few(dev, d, &work, a, tile_m, bn);
    return run_work(dev, &work, a->m[IMX_CONV2D_FWD_SRC], a->m[IMX_CONV2D_FWD_WEI], a->m[IMX_CONV2D_FWD_BIA],
                    a->m[IMX_CONV2D_FWD_DST], d->bias, a->ws, tile_m, bn);
}

static imx_status fwd_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return imx_conv2d_cpu_fwd(dev, problem, a, &(struct imx_bn_work){ 0 });
}

/* The weights' panels are one block of KC of cl/tile_cpu.h. */
static bool few_data(const struct imx_conv2d *d)
{
    return few_channels(d) && d->o <= 256;
}

/* The residue 0, 0 has the most taps; the launches are in order, so all share one piece of scratch. */
static uint64_t data_workspace(const struct imx_caps *caps, const void *problem)
{
    const struct imx_conv2d *d = problem;
    const struct imx_conv2d_work work = imx_conv2d_work_data(problem, 0, 0);
    if (few_data(d))
        return imx_page((uint64_t)imx_up(d->k * d->k * d->c, imx_cpu_tile(caps).nr) * (uint64_t)d->o * sizeof(float));
    return packed_bytes(caps, &work);
}

static imx_status run_few_data(struct imx_dev *dev, const struct imx_conv2d *d, const struct imx_args *a)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const struct imx_launch launch = { { (size_t)d->n, 1, 1 }, { 1, 1, 1 }, t.options };
    const struct imx_mem none = { 0 };
    const int32_t cols = d->k * d->k * d->c;
    IMX_TRY(imx_cpu_pack(dev, a->m[IMX_CONV2D_BWD_DATA_WEI], none, a->ws, cols, d->o, t.nr, 1, cols));
    return imx_run_conv2d_cpu_few_data(dev, launch,
                                       &(struct imx_k_conv2d_cpu_few_data){ .ddst = a->m[IMX_CONV2D_BWD_DATA_DDST],
                                                                            .wei = a->ws,
                                                                            .dsrc = a->m[IMX_CONV2D_BWD_DATA_DSRC],
                                                                            IMX_CONV2D_SIZES(d) });
}

static imx_status data_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_conv2d *d = problem;
    int32_t tuned[IMX_MAX_TUNABLES] = { 0 };
    if (few_data(d))
        return run_few_data(dev, d, a);
    (void)imx_tuned_values(&dev->caps, &imx_op_conv2d_bwd_data, &imx_variant_conv2d_data_cpu, d, tuned);
    for (int32_t fy = 0; fy < d->stride; fy++)
        for (int32_t fx = 0; fx < d->stride; fx++) {
            const struct imx_conv2d_work work = imx_conv2d_work_data(d, fy, fx);
            IMX_TRY(run_work(dev, &work, a->m[IMX_CONV2D_BWD_DATA_DDST], a->m[IMX_CONV2D_BWD_DATA_WEI],
                             (struct imx_mem){ 0 }, a->m[IMX_CONV2D_BWD_DATA_DSRC], false, a->ws, tuned[0],
                             &(struct imx_bn_work){ 0 }));
        }
    return IMX_OK;
}

struct wei_plan {
    int32_t pixels, cols, lots, slices, slice_pixels; /* lots: of columns, one work-item each */
    uint64_t ddst_bytes, part_bytes;
};

static struct wei_plan wei_plan(const struct imx_caps *caps, const struct imx_conv2d *d)
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    int32_t tuned[IMX_MAX_TUNABLES];
    struct wei_plan p = { .pixels = d->n * imx_conv2d_p(d) * imx_conv2d_q(d), .cols = d->k * d->k * d->c };
    p.lots = (p.cols + IMX_CPU_SPAN - 1) / IMX_CPU_SPAN;
    p.slices = least(pieces(caps) / p.lots, p.pixels / 512);
    p.slices = p.slices < 1 ? 1 : p.slices > 16 ? 16 : p.slices;
    if (imx_tuned_values(caps, &imx_op_conv2d_bwd_wei, &imx_variant_conv2d_wei_cpu, d, tuned))
        p.slices = tuned[0];
    p.slice_pixels = imx_up((p.pixels + p.slices - 1) / p.slices, 256);
    p.slices = (p.pixels + p.slice_pixels - 1) / p.slice_pixels;
    p.ddst_bytes = p.lots == 1 ? 0 : imx_page((uint64_t)imx_up(d->o, t.mr) * (uint64_t)p.pixels * sizeof(float));
    p.part_bytes = p.slices == 1 ? 0 : imx_page((uint64_t)p.slices * (uint64_t)d->o * (uint64_t)p.cols * sizeof(float));
    return p;
}

static uint64_t wei_workspace(const struct imx_caps *caps, const void *problem)
{
    const struct wei_plan p = wei_plan(caps, problem);
    return p.ddst_bytes + p.part_bytes;
}

static imx_status wei_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_conv2d *d = problem;
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const struct wei_plan p = wei_plan(&dev->caps, d);
    const struct imx_mem ddst = imx_part(a->ws, 0, p.ddst_bytes), part = imx_part(a->ws, p.ddst_bytes, p.part_bytes);
    const struct imx_mem none = { 0 };
    const struct imx_launch launch = { { (size_t)p.lots, (size_t)p.slices, 1 }, { 1, 1, 1 }, t.options };
    /* What is read once or twice is not worth packing. */
    if (p.ddst_bytes)
        IMX_TRY(imx_cpu_pack(dev, a->m[IMX_CONV2D_BWD_WEI_DDST], none, ddst, d->o, p.pixels, t.mr, 1, d->o));
    IMX_TRY(imx_run_conv2d_cpu_wei(
        dev, launch,
        &(struct imx_k_conv2d_cpu_wei){ .src = a->m[IMX_CONV2D_BWD_WEI_SRC],
                                        .ddst = p.ddst_bytes ? ddst : a->m[IMX_CONV2D_BWD_WEI_DDST],
                                        .part = p.slices == 1 ? a->m[IMX_CONV2D_BWD_WEI_DWEI] : part,
                                        IMX_CONV2D_SIZES(d),
                                        .slice_pixels = p.slice_pixels,
                                        .packed = p.ddst_bytes > 0 }));
    if (p.slices == 1)
        return IMX_OK;
    return imx_run_conv2d_sum_slices(
        dev, imx_launch_1d(dev, (size_t)p.cols * (size_t)d->o, NULL),
        &(struct imx_k_conv2d_sum_slices){
            .part = part, .dwei = a->m[IMX_CONV2D_BWD_WEI_DWEI], .count = p.cols * d->o, .slices = p.slices });
}

/* ---- what a measurement may choose ---- */

static void own_fwd(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])
{
    struct imx_caps plain = *caps;
    plain.tuned = NULL;
    value[0] = imx_conv2d_cpu_rows(&plain, problem);
}

static void own_data(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])
{
    const struct imx_conv2d_work work = imx_conv2d_work_data(problem, 0, 0);
    value[0] = own_tile_m(caps, &work, panels_of(caps, &work));
}

static void own_wei(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])
{
    struct imx_caps plain = *caps;
    plain.tuned = NULL;
    value[0] = wei_plan(&plain, problem).slices;
}

static bool tile_ok(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES])
{
    (void)problem;
    return value[0] >= 1 && value[0] <= 4096 && value[0] % (2 * imx_cpu_tile(caps).mr) == 0;
}

static bool slices_ok(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES])
{
    (void)caps, (void)problem;
    return value[0] >= 1 && value[0] <= 16;
}

static const int32_t tries_m[] = { 48, 96, 192, 288, 384, 576, 768, 1152, 0 },
                     tries_slices[] = { 1, 2, 3, 4, 6, 8, 12, 16, 0 };
static const struct imx_tunables tune_fwd = { 1, { { "tile_m", tries_m } }, own_fwd, tile_ok },
                                 tune_data = { 1, { { "tile_m", tries_m } }, own_data, tile_ok },
                                 tune_wei = { 1, { { "slices", tries_slices } }, own_wei, slices_ok };

const struct imx_variant imx_variant_conv2d_fwd_cpu = { "cl_pack_cpu", imx_on_long_items,   imx_conv2d_cpu_bytes,
                                                        fwd_run,       imx_conv2d_cpu_rank, &tune_fwd };
const struct imx_variant imx_variant_conv2d_data_cpu = { "cl_pack_cpu", imx_on_long_items,   data_workspace,
                                                         data_run,      imx_conv2d_cpu_rank, &tune_data };
const struct imx_variant imx_variant_conv2d_wei_cpu = { "cl_pack_cpu", imx_on_long_items,   wei_workspace,
                                                        wei_run,       imx_conv2d_cpu_rank, &tune_wei };
