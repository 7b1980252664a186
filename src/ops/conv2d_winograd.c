/* Winograd's convolution 3x3, stride 1: F(2x2, 3x3) multiplies 2.25 times less than the sum itself, F(4x4, 3x3) 4
 * times. On CPU-type devices (cl/conv2d_winograd_cpu.cl) each work-item takes blocks of tiles through all stages in
 * scratch that its caches hold; on local memory (cl/conv2d_winograd.cl) each stage is a launch over a slab of tiles.
 * The weights change in every step of a training and are transformed in every call. */
#include "ops/conv2d_winograd.h"
#include "imx_kernels.h"
#include "ops/conv2d.h"
#include "ops/conv2d_plan.h"
#include "ops/gemm_pack.h"
#include "ops/launch.h"

/* The memory of one call. */
struct mems {
    struct imx_mem src, wei, bia, dst, ws;
    bool has_bias;
};

static struct imx_winograd make_work(const struct imx_conv2d *d, bool data)
{
    const struct imx_conv2d_work k = data ? imx_conv2d_work_data(d, 0, 0) : imx_conv2d_work_fwd(d);
    const int32_t last = data ? 2 : 0, sign = data ? -1 : 1;
    return (struct imx_winograd){
        .images = k.images,
        .out_h = k.out_h,
        .out_w = k.out_w,
        .in_h = k.in_h,
        .in_w = k.in_w,
        .in_c = k.in_c,
        .cols = k.cols,
        .base_y = k.base_y - last,
        .base_x = k.base_x - last,
        .w_0 = k.w_0 + last * (k.w_a + k.w_b),
        .w_a = sign * k.w_a,
        .w_b = sign * k.w_b,
        .w_c = k.w_c,
        .w_j = k.w_j,
    };
}

/* Sizes of the variants for CPU-type devices, in floats unless they say bytes. */
struct cpu_plan {
    int32_t panels, tiles, items, item_tiles, block, v_row, m_row, v_plane, m_plane;
    uint64_t wei_bytes, work_bytes;
};

static int32_t tile_count(const struct imx_winograd *k, int32_t m)
{
    return k->images * ((k->out_h + m - 1) / m) * ((k->out_w + m - 1) / m);
}

static struct cpu_plan cpu_plan(const struct imx_caps *caps, const struct imx_winograd *k, int32_t m)
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    const int32_t e = (m + 2) * (m + 2), line = 16, cores = caps->compute_units ? (int32_t)caps->compute_units : 1;
    struct cpu_plan p = { .tiles = tile_count(k, m), .panels = (k->cols + t.nr - 1) / t.nr };
    p.v_row = (imx_up(k->in_c, line) / line | 1) * line;
    p.m_row = (imx_up(p.panels * t.nr, line) / line | 1) * line;
    p.block = 192 * 1024 / 4 / (e * (p.v_row + p.m_row)) / t.mr * t.mr;
    p.block = p.block < 4 * t.mr ? 4 * t.mr : p.block > 128 ? 128 : p.block;
    p.items = cores > 8 ? 2 * cores : 4 * cores;
    p.item_tiles = imx_up((p.tiles + p.items - 1) / p.items, t.mr);
    const int32_t blocks = (p.item_tiles + p.block - 1) / p.block;
    p.block = imx_up((p.item_tiles + blocks - 1) / blocks, t.mr);
    p.items = (p.tiles + p.item_tiles - 1) / p.item_tiles;
    p.v_plane = p.block * p.v_row + (p.block % 2 ? 0 : line);
    p.m_plane = p.block * p.m_row + (p.block % 2 ? 0 : line);
    p.wei_bytes = imx_page((uint64_t)e * (uint64_t)k->in_c * (uint64_t)(p.panels * t.nr) * sizeof(float));
    p.work_bytes = (uint64_t)p.items * (uint64_t)e * (uint64_t)(p.v_plane + p.m_plane + t.nr / 2) * sizeof(float);
    return p;
}

static const char *cpu_options(const struct imx_caps *caps, int32_t m)
{
    const int32_t nr = imx_cpu_tile(caps).nr;
    return nr == 32   ? (m == 4 ? "-DVW=16 -DWM=4" : "-DVW=16 -DWM=2")
           : nr == 16 ? (m == 4 ? "-DVW=8 -DWM=4" : "-DVW=8 -DWM=2")
                      : (m == 4 ? "-DVW=4 -DWM=4" : "-DVW=4 -DWM=2");
}

static imx_status cpu_run(struct imx_dev *dev, const struct imx_winograd *k, int32_t m, const struct mems *x)
{
    const struct cpu_plan p = cpu_plan(&dev->caps, k, m);
    const char *options = cpu_options(&dev->caps, m);
    const struct imx_mem packed = imx_part(x->ws, 0, p.wei_bytes), work = imx_part(x->ws, p.wei_bytes, p.work_bytes);
    const struct imx_launch pack = { { ((size_t)k->in_c + 15) / 16, (size_t)p.panels, 1 }, { 1, 1, 1 }, options };
    IMX_TRY(imx_run_conv2d_winograd_wei_cpu(
        dev, pack,
        &(struct imx_k_conv2d_winograd_wei_cpu){
            .wei = x->wei, .dst = packed, .in_c = k->in_c, IMX_CONV2D_WEIGHTS(k), .cols = k->cols }));
    const struct imx_launch launch = { { (size_t)p.items, 1, 1 }, { 1, 1, 1 }, options };
    return imx_run_conv2d_winograd_cpu(dev, launch,
                                       &(struct imx_k_conv2d_winograd_cpu){ .src = x->src,
                                                                            .wei = packed,
                                                                            .bia = x->bia,
                                                                            .work = work,
                                                                            .dst = x->dst,
                                                                            .images = k->images,
                                                                            .out_h = k->out_h,
                                                                            .out_w = k->out_w,
                                                                            .in_h = k->in_h,
                                                                            .in_w = k->in_w,
                                                                            .in_c = k->in_c,
                                                                            .base_y = k->base_y,
                                                                            .base_x = k->base_x,
                                                                            .cols = k->cols,
                                                                            .item_tiles = p.item_tiles,
                                                                            .block = p.block,
                                                                            .v_row = p.v_row,
                                                                            .m_row = p.m_row,
                                                                            .v_plane = p.v_plane,
                                                                            .m_plane = p.m_plane,
                                                                            .has_bias = x->has_bias });
}

static uint64_t cpu_bytes(const struct imx_caps *caps, const struct imx_winograd *k, int32_t m)
{
    const struct cpu_plan p = cpu_plan(caps, k, m);
    return p.wei_bytes + p.work_bytes;
}

/* What the variants on local memory need, for a slab of tiles at a time. */
struct local_plan {
    int32_t down, across, tiles, slab, e;
    uint64_t wei_bytes, v_bytes, m_bytes;
};

/* A slab fills the device, and its matrices may stay in the last-level cache. */
static struct local_plan local_plan(const struct imx_caps *caps, const struct imx_winograd *k, int32_t m)
{
    const int64_t units = caps->compute_units ? caps->compute_units : 1, budget = units * 262144;
    struct local_plan p = { (k->out_h + m - 1) / m, (k->out_w + m - 1) / m, 0, 0, (m + 2) * (m + 2), 0, 0, 0 };
    int64_t slab = (budget < 8 << 20 ? 8 << 20 : budget > 64 << 20 ? 64 << 20 : budget) / 4 / p.e / (k->in_c + k->cols);
    p.tiles = tile_count(k, m);
    slab = slab / 64 * 64;
    p.slab = slab < 64 ? 64 : slab < p.tiles ? (int32_t)slab : p.tiles;
    p.wei_bytes = imx_page(4 * (uint64_t)p.e * (uint64_t)k->in_c * (uint64_t)k->cols);
    p.v_bytes = imx_page(4 * (uint64_t)p.e * (uint64_t)p.slab * (uint64_t)k->in_c);
    p.m_bytes = imx_page(4 * (uint64_t)p.e * (uint64_t)p.slab * (uint64_t)k->cols);
    return p;
}

static uint64_t local_bytes(const struct imx_caps *caps, const struct imx_winograd *k, int32_t m)
{
    const struct local_plan p = local_plan(caps, k, m);
    return p.wei_bytes + p.v_bytes + p.m_bytes;
}

static const char *local_options(size_t group, int32_t m)
{
    return group == 16  ? (m == 4 ? "-DTS=16 -DWM=4" : "-DTS=16 -DWM=2")
           : group == 8 ? (m == 4 ? "-DTS=8 -DWM=4" : "-DTS=8 -DWM=2")
                        : (m == 4 ? "-DTS=4 -DWM=4" : "-DTS=4 -DWM=2");
}

static size_t local_group(const struct imx_caps *caps)
{
    const bool wide = caps->max_items[0] >= 16 && caps->max_items[1] >= 16;
    return caps->max_group >= 256 && caps->local_bytes >= 16384 && wide ? 16 : caps->max_group >= 64 ? 8 : 4;
}

/* The tiles from `first` on; wei is transformed already. */
static imx_status local_slab(struct imx_dev *dev, const struct imx_winograd *k, int32_t m, const struct local_plan *p,
                             int32_t first, const struct mems *x, struct imx_mem wei)
{
    const int32_t tiles = p->tiles - first < p->slab ? p->tiles - first : p->slab;
    const struct imx_mem v = imx_part(x->ws, p->wei_bytes, p->v_bytes);
    const struct imx_mem product = imx_part(x->ws, p->wei_bytes + p->v_bytes, p->m_bytes);
    const size_t group = local_group(&dev->caps), edge = 4 * group;
    const char *options = local_options(group, m);
    const struct imx_launch multiply = { { ((size_t)k->cols + edge - 1) / edge * group,
                                           ((size_t)tiles + edge - 1) / edge * group, (size_t)p->e },
                                         { group, group, 1 },
                                         options };
    IMX_TRY(imx_run_conv2d_winograd_src(dev, imx_launch_1d(dev, (size_t)tiles * (size_t)k->in_c, options),
                                        &(struct imx_k_conv2d_winograd_src){ .src = x->src,
                                                                             .v = v,
                                                                             .in_h = k->in_h,
                                                                             .in_w = k->in_w,
                                                                             .in_c = k->in_c,
                                                                             .down = p->down,
                                                                             .across = p->across,
                                                                             .base_y = k->base_y,
                                                                             .base_x = k->base_x,
                                                                             .first = first,
                                                                             .tiles = tiles }));
    IMX_TRY(imx_run_conv2d_winograd_mul(
        dev, multiply,
        &(struct imx_k_conv2d_winograd_mul){
            .v = v, .wei = wei, .m = product, .tiles = tiles, .in_c = k->in_c, .cols = k->cols }));
    return imx_run_conv2d_winograd_dst(dev, imx_launch_1d(dev, (size_t)tiles * (size_t)k->cols, options),
                                       &(struct imx_k_conv2d_winograd_dst){ .m = product,
                                                                            .bia = x->bia,
                                                                            .dst = x->dst,
                                                                            .out_h = k->out_h,
                                                                            .out_w = k->out_w,
                                                                            .cols = k->cols,
                                                                            .down = p->down,
                                                                            .across = p->across,
                                                                            .first = first,
                                                                            .tiles = tiles,
                                                                            .has_bias = x->has_bias });
}

static imx_status local_run(struct imx_dev *dev, const struct imx_winograd *k, int32_t m, const struct mems *x)
{
    const struct local_plan p = local_plan(&dev->caps, k, m);
    const struct imx_mem wei = imx_part(x->ws, 0, p.wei_bytes);
    const char *options = local_options(local_group(&dev->caps), m);
    IMX_TRY(imx_run_conv2d_winograd_wei(
        dev, imx_launch_1d(dev, (size_t)k->in_c * (size_t)k->cols, options),
        &(struct imx_k_conv2d_winograd_wei){
            .wei = x->wei, .dst = wei, .in_c = k->in_c, IMX_CONV2D_WEIGHTS(k), .cols = k->cols }));
    for (int32_t first = 0; first < p.tiles; first += p.slab)
        IMX_TRY(local_slab(dev, k, m, &p, first, x, wei));
    return IMX_OK;
}

static bool fits(const struct imx_caps *caps, const struct imx_conv2d *d)
{
    return imx_caps_cl(caps) && d->k == 3 && d->stride == 1;
}

static bool cpu_supports(const struct imx_caps *caps, const void *problem)
{
    return imx_caps_long_items(caps) && fits(caps, problem);
}

static bool local_supports(const struct imx_caps *caps, const void *problem)
{
    return fits(caps, problem) && caps->max_group >= 16;
}

/* Rank 0 is cl_pack_cpu's on a CPU, 1 cl_tile_local's on a GPU. */
static int cpu_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 1 : 5;
}

static int local_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 6 : 2;
}

static struct mems fwd_mems(const struct imx_conv2d *d, const struct imx_args *a)
{
    return (struct mems){ a->m[IMX_CONV2D_FWD_SRC],
                          a->m[IMX_CONV2D_FWD_WEI],
                          a->m[IMX_CONV2D_FWD_BIA],
                          a->m[IMX_CONV2D_FWD_DST],
                          a->ws,
                          d->bias };
}

static struct mems data_mems(const struct imx_conv2d *d, const struct imx_args *a)
{
    (void)d;
    return (struct mems){ a->m[IMX_CONV2D_BWD_DATA_DDST],
                          a->m[IMX_CONV2D_BWD_DATA_WEI],
                          { 0 },
                          a->m[IMX_CONV2D_BWD_DATA_DSRC],
                          a->ws,
                          false };
}

static imx_status fwd_mag(const void *problem, void *const *arg, double *const *mag, int32_t m)
{
    const struct imx_conv2d *d = problem;
    const struct imx_winograd k = make_work(d, false);
    double *out = mag[IMX_CONV2D_FWD_DST];
    return out ? imx_winograd_mag(&k, m, arg[IMX_CONV2D_FWD_SRC], arg[IMX_CONV2D_FWD_WEI],
                                  d->bias ? arg[IMX_CONV2D_FWD_BIA] : NULL, out)
               : IMX_OK;
}

static imx_status data_mag(const void *problem, void *const *arg, double *const *mag, int32_t m)
{
    const struct imx_winograd k = make_work(problem, true);
    double *out = mag[IMX_CONV2D_BWD_DATA_DSRC];
    return out ? imx_winograd_mag(&k, m, arg[IMX_CONV2D_BWD_DATA_DDST], arg[IMX_CONV2D_BWD_DATA_WEI], NULL, out)
               : IMX_OK;
}

/* A variant is a kind (cpu, local), a direction (fwd, data) and a size of tiles. */
#define VARIANT(kind, direction, m, suffix)                                                                            \
    static uint64_t kind##_##direction##m##_workspace(const struct imx_caps *caps, const void *problem)                \
    {                                                                                                                  \
        const struct imx_winograd k = make_work(problem, direction##_reverse);                                         \
        return kind##_bytes(caps, &k, m);                                                                              \
    }                                                                                                                  \
    static imx_status kind##_##direction##m##_run(struct imx_dev *dev, const void *problem,                            \
                                                  const struct imx_args *args)                                         \
    {                                                                                                                  \
        const struct imx_winograd k = make_work(problem, direction##_reverse);                                         \
        const struct mems x = direction##_mems(problem, args);                                                         \
        return kind##_run(dev, &k, m, &x);                                                                             \
    }                                                                                                                  \
    static imx_status kind##_##direction##m##_mag(const void *problem, void *const *arg, double *const *mag)           \
    {                                                                                                                  \
        return direction##_mag(problem, arg, mag, m);                                                                  \
    }                                                                                                                  \
    const struct imx_variant imx_variant_conv2d_##direction##_winograd##m##suffix = {                                  \
        "cl_winograd" #m #suffix,    kind##_supports, kind##_##direction##m##_workspace,                               \
        kind##_##direction##m##_run, kind##_rank,     NULL,                                                            \
        kind##_##direction##m##_mag, m == 4,                                                                           \
    };
enum { fwd_reverse = false, data_reverse = true };
VARIANT(cpu, fwd, 2, )
VARIANT(cpu, fwd, 4, )
VARIANT(cpu, data, 2, )
VARIANT(cpu, data, 4, )
VARIANT(local, fwd, 2, _local)
VARIANT(local, fwd, 4, _local)
VARIANT(local, data, 2, _local)
VARIANT(local, data, 4, _local)
