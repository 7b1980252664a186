/* Matrix product on OpenCL devices: the variants in tiles (cl/tile_local.h) and CLBlast's. The one for CPU-type
 * devices stands in gemm_pack.c. When the result has too few tiles to fill the device, k is cut into slices
 * whose partial sums gemm_finish adds in a fixed order. */
#include "imx_kernels.h"
#include "ops/gemm.h"
#include "ops/gemm_launch.h"
#include "ops/gemm_pack.h"
#include "ops/half.h"
#include "ops/launch.h"
#include "ops/tile_local.h"

static bool is_cpu(const struct imx_caps *caps)
{
    return caps->type == IMX_DEV_CPU;
}

struct imx_sums imx_gemm_sums(const void *problem)
{
    const struct imx_gemm *g = problem;
    return (struct imx_sums){ g->m, g->n, g->k };
}

imx_status imx_gemm_tile_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *a,
                             const struct imx_sliced *f, const struct imx_bn_work *bn)
{
    const struct imx_slices cut = imx_sliced_cut(&dev->caps, g, f);
    IMX_TRY(imx_run_gemm_tile(dev, imx_sliced_launch(g, f, cut),
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
                                                         .relu = g->act == IMX_ACT_RELU,
                                                         IMX_BN_IN(bn),
                                                         .norm = bn->ends.norm,
                                                         .part = bn->part,
                                                         .stat = bn->ends.stat }));
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

static imx_status tile_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *a,
                           const struct imx_sliced *f)
{
    return imx_gemm_tile_run(dev, g, a, f, &(struct imx_bn_work){ 0 });
}

int imx_gemm_tile16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return is_cpu(caps) ? 2 : 1;
}

int imx_gemm_tile8_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 3;
}
#define tile16_rank imx_gemm_tile16_rank
#define tile8_rank  imx_gemm_tile8_rank
#define tile4_rank  imx_gemm_tile8_rank

/* Of an Intel GPU, where a read of another lane's register is part of the multiplication; none was at hand to measure
 * it, so tune must find them faster first: they come after all other tiles, whichever of those fit. On a CPU device
 * they are for the self-test. */
static int tile_sub16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 4;
}
#define tile_sub8_rank tile_sub16_rank

/* Where they are asked for (caps.half), before all else on a GPU. */
static int tile_half16_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return is_cpu(caps) ? 4 : -1;
}
#define tile_half8_rank tile_half16_rank

static imx_status half_mag(const void *problem, void *const *arg, double *const *mag)
{
    return imx_half_mag(&imx_op_gemm, IMX_GEMM_A, IMX_GEMM_B, problem, arg, mag);
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

#define TILE_VARIANT(kind, name, mag, storage)                                                                         \
    IMX_SLICED_VARIANT(, kind, name, gemm, imx_gemm_sums, tile_run, kind##_rank, mag, storage)
TILE_VARIANT(tile16, "cl_tile_local", NULL, 0)
TILE_VARIANT(tile8, "cl_tile_local8", NULL, 0)
TILE_VARIANT(tile4, "cl_tile_local4", NULL, 0)
TILE_VARIANT(tile_sub8, "cl_tile_sub8", NULL, 0)
TILE_VARIANT(tile_sub16, "cl_tile_sub16", NULL, 0)
TILE_VARIANT(tile_half16, "cl_tile_half", half_mag, IMX_HALF_STORAGE)
TILE_VARIANT(tile_half8, "cl_tile_half8", half_mag, IMX_HALF_STORAGE)
static const struct imx_variant blas = { "cl_clblast", blas_supports, NULL, blas_run, blas_rank };
extern const struct imx_variant *const imx_variants_gemm[];
const struct imx_variant *const imx_variants_gemm[] = {
    &imx_variant_gemm_cpu, &tile_half16, &tile_half8, &tile16, &tile_sub16, &tile_sub8, &tile8, &tile4, &blas, NULL,
};
