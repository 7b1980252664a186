/* Matrix product on OpenCL devices: the variants in local-memory tiles and CLBlast's. The one for CPU-type
 * devices stands in gemm_pack.c. When the result has too few tiles to fill the device, k is cut into slices
 * whose partial sums gemm_finish adds in a fixed order. */
#include "imx_kernels.h"
#include "ops/gemm.h"
#include "ops/gemm_pack.h"
#include "ops/launch.h"
#include "ops/tile_local.h"
#include "ops/tuned.h"

static bool is_cpu(const struct imx_caps *caps)
{
    return caps->type == IMX_DEV_CPU;
}

static size_t round_up(size_t x, size_t to)
{
    return (x + to - 1) / to * to;
}

static const struct imx_variant tile16, tile8, tile4;

static struct imx_slices tile_slices(const struct imx_caps *caps, const struct imx_gemm *g, int32_t group)
{
    int32_t tuned[IMX_MAX_TUNABLES];
    const struct imx_variant *v = group == 16 ? &tile16 : group == 8 ? &tile8 : &tile4;
    if (imx_tuned_values(caps, &imx_op_gemm, v, g, tuned))
        return imx_cut(g->k, tuned[0]);
    return imx_cut(g->k, imx_slices_wanted(caps, imx_tile_count(g->m, g->n, group), g->k, group));
}

static uint64_t tile_workspace(const struct imx_caps *caps, const struct imx_gemm *g, int32_t group)
{
    return imx_slices_bytes(tile_slices(caps, g, group), (int64_t)g->m * g->n);
}

static bool slices_ok(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES])
{
    const struct imx_gemm *g = problem;
    return imx_slices_ok(caps, value[0], (int64_t)g->m * g->n);
}

static imx_status tile_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *a, size_t group,
                           const char *options)
{
    const size_t edge = 4 * group;
    const struct imx_slices cut = tile_slices(&dev->caps, g, (int32_t)group);
    const struct imx_launch launch = {
        { round_up((size_t)g->n, edge) / 4, round_up((size_t)g->m, edge) / 4, (size_t)cut.count },
        { group, group, 1 },
        options,
    };
    IMX_TRY(imx_run_gemm_tile(dev, launch,
                              &(struct imx_k_gemm_tile){ .a = a->m[IMX_GEMM_A],
                                                         .b = a->m[IMX_GEMM_B],
                                                         .bia = a->m[IMX_GEMM_BIA],
                                                         .add = a->m[IMX_GEMM_ADD],
                                                         .dst = cut.count == 1 ? a->m[IMX_GEMM_DST] : a->ws,
                                                         .m = g->m,
                                                         .n = g->n,
                                                         .k = g->k,
                                                         .ta = g->ta,
                                                         .tb = g->tb,
                                                         .slices = cut.count,
                                                         .slice_k = cut.depth,
                                                         .has_bias = g->bias,
                                                         .has_add = g->add,
                                                         .relu = g->act == IMX_ACT_RELU }));
    if (cut.count == 1)
        return IMX_OK;
    return imx_run_gemm_finish(dev, imx_launch_1d(dev, (size_t)g->m * (size_t)g->n, NULL),
                               &(struct imx_k_gemm_finish){ .part = a->ws,
                                                            .bia = a->m[IMX_GEMM_BIA],
                                                            .add = a->m[IMX_GEMM_ADD],
                                                            .dst = a->m[IMX_GEMM_DST],
                                                            .m = g->m,
                                                            .n = g->n,
                                                            .slices = cut.count,
                                                            .transposed = 0,
                                                            .has_bias = g->bias,
                                                            .has_add = g->add,
                                                            .relu = g->act == IMX_ACT_RELU });
}

static bool tile16_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 256 && caps->local_bytes >= 16384 && caps->max_items[0] >= 16 &&
           caps->max_items[1] >= 16;
}

static uint64_t tile16_workspace(const struct imx_caps *caps, const void *problem)
{
    return tile_workspace(caps, problem, 16);
}

static imx_status tile16_run(struct imx_dev *dev, const void *problem, const struct imx_args *args)
{
    return tile_run(dev, problem, args, 16, "-DTS=16");
}

static int tile16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return is_cpu(caps) ? 2 : 1;
}

static bool tile8_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 64;
}

static uint64_t tile8_workspace(const struct imx_caps *caps, const void *problem)
{
    return tile_workspace(caps, problem, 8);
}

static imx_status tile8_run(struct imx_dev *dev, const void *problem, const struct imx_args *args)
{
    return tile_run(dev, problem, args, 8, "-DTS=8");
}

static int tile8_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 3;
}
#define tile4_rank tile8_rank

/* For drivers whose work-groups are tiny. */
static bool tile4_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 16 && caps->max_group < 64;
}

static uint64_t tile4_workspace(const struct imx_caps *caps, const void *problem)
{
    return tile_workspace(caps, problem, 4);
}

static imx_status tile4_run(struct imx_dev *dev, const void *problem, const struct imx_args *args)
{
    return tile_run(dev, problem, args, 4, "-DTS=4");
}

static bool blas_supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->blas;
}

static imx_status blas_run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gemm *g = problem;
    IMX_TRY(
        imx_dev_blas_gemm(dev, g->ta, g->tb, g->m, g->n, g->k, a->m[IMX_GEMM_A], a->m[IMX_GEMM_B], a->m[IMX_GEMM_DST]));
    if (!g->bias && !g->add && g->act == IMX_ACT_NONE)
        return IMX_OK;
    return imx_run_gemm_epilogue(dev, imx_launch_1d(dev, (size_t)g->m * (size_t)g->n, NULL),
                                 &(struct imx_k_gemm_epilogue){ .bia = a->m[IMX_GEMM_BIA],
                                                                .add = a->m[IMX_GEMM_ADD],
                                                                .dst = a->m[IMX_GEMM_DST],
                                                                .m = g->m,
                                                                .n = g->n,
                                                                .has_bias = g->bias,
                                                                .has_add = g->add,
                                                                .relu = g->act == IMX_ACT_RELU });
}

/* A GPU's large products are what CLBlast is tuned for; small ones drown in its set-up. */
static int blas_rank(const struct imx_caps *caps, const void *problem)
{
    const struct imx_gemm *g = problem;
    const bool large = g->m >= 512 && g->n >= 512 && g->k >= 128;
    return caps->type == IMX_DEV_GPU && large ? 0 : 5;
}

/* What each takes by itself, and its place in the list. */
#define TILE_VARIANT(group, name)                                                                                      \
    static void own##group(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])          \
    {                                                                                                                  \
        struct imx_caps plain = *caps;                                                                                 \
        plain.tuned = NULL;                                                                                            \
        value[0] = tile_slices(&plain, problem, group).count;                                                          \
    }                                                                                                                  \
    static const struct imx_tunables tunables##group = { 1, { { "slices", tries_slices } }, own##group, slices_ok };   \
    static const struct imx_variant tile##group = {                                                                    \
        name, tile##group##_supports, tile##group##_workspace, tile##group##_run, tile##group##_rank, &tunables##group \
    };
static const int32_t tries_slices[] = IMX_SLICES_TRIES;
TILE_VARIANT(16, "cl_tile_local")
TILE_VARIANT(8, "cl_tile_local8")
TILE_VARIANT(4, "cl_tile_local4")
static const struct imx_variant blas = { "cl_clblast", blas_supports, NULL, blas_run, blas_rank };
extern const struct imx_variant *const imx_variants_gemm[];
const struct imx_variant *const imx_variants_gemm[] = { &imx_variant_gemm_cpu, &tile16, &tile8, &tile4, &blas, NULL };
