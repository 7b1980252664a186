/* Dropout on OpenCL devices: one block of values per work-item. */
#include "imx_kernels.h"
#include "ops/dropout.h"
#include "ops/launch.h"

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

static imx_status run2d(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_dropout2d *d = problem;
    const size_t block = imx_draws_block(dev), blocks = ((size_t)d->c + block - 1) / block; /* of an image's channels */
    return imx_run_dropout2d(dev, imx_launch_draws(dev, (size_t)d->n * blocks * block),
                             &(struct imx_k_dropout2d){ .src = a->m[IMX_DROPOUT_SRC],
                                                        .ctr = a->m[IMX_DROPOUT_CTR],
                                                        .dst = a->m[IMX_DROPOUT_DST],
                                                        .n = (uint32_t)d->n,
                                                        .area = (uint32_t)d->area,
                                                        .c = (uint32_t)d->c,
                                                        .stream = (uint32_t)d->stream,
                                                        .p = d->p,
                                                        .scale = (float)(1.0 / (1.0 - (double)d->p)) });
}

static const struct imx_variant cl2d = { "cl", imx_on_cl, NULL, run2d };
static const struct imx_variant cl = { "cl", imx_on_cl, NULL, run };
extern const struct imx_variant *const imx_variants_dropout[];
const struct imx_variant *const imx_variants_dropout[] = { &cl, NULL };
extern const struct imx_variant *const imx_variants_dropout2d[];
const struct imx_variant *const imx_variants_dropout2d[] = { &cl2d, NULL };
