/* The Gram matrix on OpenCL devices. "cl_pack_cpu": the packed product of gemm_pack.c, without the tiles above the
 * diagonal, then a copy of the triangle; "cl_tile_local*": tiles of local memory, for GPUs. */
#include "imx_kernels.h"
#include "ops/gemm_pack.h"
#include "ops/gram.h"
#include "ops/launch.h"
#include "ops/tile_local.h"

enum { MIRROR_EDGE = 32 /* EDGE of gram.cl */ };

/* Rows that are packed and multiplied at a time, so that scratch does not grow with them. */
enum { PASS_ROWS = 2048 };

static uint64_t packed_bytes(const struct imx_gram *d, int32_t width)
{
    const int32_t rows = d->rows < PASS_ROWS ? d->rows : PASS_ROWS;
    return imx_page((uint64_t)imx_up(d->k, width) * (uint64_t)rows * sizeof(float));
}

static uint64_t pack_workspace(const struct imx_caps *caps, const void *problem)
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    return packed_bytes(problem, t.mr) + packed_bytes(problem, t.nr);
}

static int pack_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 0 : 4;
}

/* Adds rows r0.. to the lower triangle. */
static imx_status pack_pass(struct imx_dev *dev, const struct imx_gram *d, const struct imx_args *a, int32_t r0)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const int32_t tile_m = imx_up(IMX_CPU_ROWS, t.mr), tile_n = imx_up(IMX_CPU_COLS, t.nr);
    const int32_t rows = d->rows - r0 < PASS_ROWS ? d->rows - r0 : PASS_ROWS;
    const struct imx_mem left = imx_part(a->ws, 0, packed_bytes(d, t.mr)), none = { 0 };
    const struct imx_mem right = imx_part(a->ws, left.bytes, packed_bytes(d, t.nr));
    const uint64_t at = (uint64_t)r0 * sizeof(float), width = (uint64_t)d->k;
    const struct imx_mem src = imx_part(a->m[IMX_GRAM_SRC], at * width, (uint64_t)rows * width * sizeof(float));
    const struct imx_mem wgt = d->weighted ? imx_part(a->m[IMX_GRAM_WGT], at, (uint64_t)rows * sizeof(float)) : none;
    const struct imx_launch launch = {
        { (size_t)imx_up(d->k, tile_n) / (size_t)tile_n, (size_t)imx_up(d->k, tile_m) / (size_t)tile_m, 1 },
        { 1, 1, 1 },
        t.options_packed,
    };
    IMX_TRY(imx_cpu_pack(dev, src, wgt, left, d->k, rows, t.mr, 1, d->k));
    IMX_TRY(imx_cpu_pack(dev, src, none, right, d->k, rows, t.nr, 1, d->k));
    return imx_run_gemm_cpu(dev, launch,
                            &(struct imx_k_gemm_cpu){ .a = left,
                                                      .b = right,
                                                      .dst = a->m[IMX_GRAM_DST],
                                                      .m = d->k,
                                                      .n = d->k,
                                                      .k = rows,
                                                      .b_packed = true,
                                                      .tile_m = tile_m,
                                                      .tile_n = tile_n,
                                                      .slice_k = imx_up(rows, 256),
                                                      .lower = 1,
                                                      .more = r0 > 0 });
}

static imx_status pack_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gram *d = problem;
    const size_t squares = (size_t)imx_up(d->k, MIRROR_EDGE) / MIRROR_EDGE;
    for (int32_t r0 = 0; r0 < d->rows; r0 += PASS_ROWS)
        IMX_TRY(pack_pass(dev, d, a, r0));
    return imx_run_gram_mirror(dev, (struct imx_launch){ { squares, squares, 1 }, { 1, 1, 1 }, NULL },
                               &(struct imx_k_gram_mirror){ .dst = a->m[IMX_GRAM_DST], .k = d->k });
}

/* Only tiles on and below the diagonal work. */
static struct imx_slices tile_slices(const struct imx_caps *caps, const struct imx_gram *d, const struct imx_tile *t)
{
    const int64_t edge = (d->k + t->rows - 1) / t->rows;
    return imx_cut(d->rows, imx_slices_wanted(caps, edge * (edge + 1) / 2, d->rows, t->wide * t->high));
}

static uint64_t tile_workspace(const struct imx_caps *caps, const struct imx_gram *d, const struct imx_tile *t)
{
    return imx_slices_bytes(tile_slices(caps, d, t), (int64_t)d->k * d->k);
}

static imx_status tile_run(struct imx_dev *dev, const struct imx_gram *d, const struct imx_args *a,
                           const struct imx_tile *t)
{
    const struct imx_slices cut = tile_slices(&dev->caps, d, t);
    const struct imx_launch launch = imx_tile_launch(t, (size_t)d->k, (size_t)d->k, cut.count);
    IMX_TRY(imx_run_gram_tile(dev, launch,
                              &(struct imx_k_gram_tile){ .src = a->m[IMX_GRAM_SRC],
                                                         .wgt = a->m[IMX_GRAM_WGT],
                                                         .dst = cut.count == 1 ? a->m[IMX_GRAM_DST] : a->ws,
                                                         .rows = d->rows,
                                                         .k = d->k,
                                                         .slice_rows = cut.depth,
                                                         .weighted = d->weighted }));
    if (cut.count == 1)
        return IMX_OK;
    return imx_run_gemm_finish(
        dev, imx_launch_1d(dev, (size_t)d->k * (size_t)d->k, NULL),
        &(struct imx_k_gemm_finish){
            .part = a->ws, .dst = a->m[IMX_GRAM_DST], .m = d->k, .n = d->k, .slices = cut.count });
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
#define tile4_rank tile8_rank

#define TILE_VARIANT(kind, name)                                                                                       \
    static uint64_t kind##_workspace(const struct imx_caps *caps, const void *problem)                                 \
    {                                                                                                                  \
        return tile_workspace(caps, problem, &imx_##kind);                                                             \
    }                                                                                                                  \
    static imx_status kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)                   \
    {                                                                                                                  \
        return tile_run(dev, problem, a, &imx_##kind);                                                                 \
    }                                                                                                                  \
    static const struct imx_variant kind = { name, imx_##kind##_fits, kind##_workspace, kind##_run, kind##_rank };
TILE_VARIANT(tile16, "cl_tile_local")
TILE_VARIANT(tile8, "cl_tile_local8")
TILE_VARIANT(tile4, "cl_tile_local4")
static const struct imx_variant pack = { "cl_pack_cpu", imx_on_long_items, pack_workspace, pack_run, pack_rank };
extern const struct imx_variant *const imx_variants_gram[];
const struct imx_variant *const imx_variants_gram[] = { &pack, &tile16, &tile8, &tile4, NULL };
