/* Random numbers on OpenCL devices: one block of values per work-item. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/random.h"

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_random_problem *d = problem;
    if (d->kind == IMX_RANDOM_UNIFORM)
        return imx_run_random_uniform(dev, imx_launch_draws(dev, (size_t)d->n),
                                      &(struct imx_k_random_uniform){ .ctr = a->m[IMX_RANDOM_CTR],
                                                                      .dst = a->m[IMX_RANDOM_DST],
                                                                      .n = (uint32_t)d->n,
                                                                      .stream = (uint32_t)d->stream });
    return imx_run_random_normal(dev, imx_launch_draws(dev, (size_t)d->n),
                                 &(struct imx_k_random_normal){ .ctr = a->m[IMX_RANDOM_CTR],
                                                                .dst = a->m[IMX_RANDOM_DST],
                                                                .n = (uint32_t)d->n,
                                                                .stream = (uint32_t)d->stream });
}

static imx_status run_index(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_random_index *d = problem;
    return imx_run_random_index(dev, imx_launch_draws(dev, (size_t)d->n),
                                &(struct imx_k_random_index){ .ctr = a->m[IMX_RANDOM_CTR],
                                                              .dst = a->m[IMX_RANDOM_DST],
                                                              .n = (uint32_t)d->n,
                                                              .limit = (uint32_t)d->limit,
                                                              .stream = (uint32_t)d->stream });
}

static const struct imx_variant cl = { "cl", imx_on_cl, NULL, run };
static const struct imx_variant cl_index = { "cl", imx_on_cl, NULL, run_index };
extern const struct imx_variant *const imx_variants_random[], *const imx_variants_random_index[];
const struct imx_variant *const imx_variants_random[] = { &cl, NULL };
const struct imx_variant *const imx_variants_random_index[] = { &cl_index, NULL };
