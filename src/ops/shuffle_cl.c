/* Shuffles and moved rows on OpenCL devices. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/shuffle.h"

static imx_status run_shuffle(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_shuffle *d = problem;
    return imx_run_shuffle_sets(dev, imx_launch_1d(dev, (size_t)d->sets, imx_vec_options(dev)),
                                &(struct imx_k_shuffle_sets){ .ctr = a->m[IMX_SHUFFLE_CTR],
                                                              .perm = a->m[IMX_SHUFFLE_PERM],
                                                              .n = (uint32_t)d->n,
                                                              .sets = (uint32_t)d->sets,
                                                              .stream = (uint32_t)d->stream,
                                                              .rotate = d->kind == IMX_SHUFFLE_ROTATE });
}

static imx_status permute(struct imx_dev *dev, const struct imx_permute *d, const struct imx_args *a, uint32_t back)
{
    const size_t chunks = ((size_t)d->c + imx_vec(dev) - 1) / imx_vec(dev);
    return imx_run_permute_rows(dev, imx_launch_1d(dev, (size_t)d->n * (size_t)d->sets * chunks, imx_vec_options(dev)),
                                &(struct imx_k_permute_rows){ .src = a->m[IMX_PERMUTE_SRC],
                                                              .perm = a->m[IMX_PERMUTE_PERM],
                                                              .dst = a->m[IMX_PERMUTE_DST],
                                                              .n = (uint32_t)d->n,
                                                              .sets = (uint32_t)d->sets,
                                                              .c = (uint32_t)d->c,
                                                              .back = back });
}

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return permute(dev, problem, a, 0);
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return permute(dev, problem, a, 1);
}

static const struct imx_variant draw = { "cl", imx_on_cl, NULL, run_shuffle };
static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_shuffle[], *const imx_variants_permute_fwd[],
                                                                   *const imx_variants_permute_bwd[];
const struct imx_variant *const imx_variants_shuffle[] = { &draw, NULL };
const struct imx_variant *const imx_variants_permute_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_permute_bwd[] = { &bwd, NULL };
