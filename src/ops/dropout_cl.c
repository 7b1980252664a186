/* Dropout on OpenCL devices: one block of values per work-item. */
#include "imx_kernels.h"
#include "ops/dropout.h"
#include "ops/launch.h"

static bool supports(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps);
}

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_dropout *d = problem;
    return imx_run_dropout(dev, imx_launch_draws(dev, (size_t)d->n),
                           &(struct imx_k_dropout){ .src = a->m[IMX_DROPOUT_SRC],
                                                    .ctr = a->m[IMX_DROPOUT_CTR],
                                                    .dst = a->m[IMX_DROPOUT_DST],
                                                    .n = (uint32_t)d->n,
                                                    .stream = (uint32_t)d->stream,
                                                    .p = d->p,
                                                    .scale = (float)(1.0 / (1.0 - (double)d->p)) });
}

static const struct imx_variant cl = { "cl", supports, NULL, run };
extern const struct imx_variant *const imx_variants_dropout[];
const struct imx_variant *const imx_variants_dropout[] = { &cl, NULL };
