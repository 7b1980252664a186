/* Optimizer steps on OpenCL devices: one launch over all n values, one vector per work-item. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/optim.h"

static imx_status run_adam(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_optim *d = problem;
    return imx_run_adam(dev, imx_launch_vec(dev, (size_t)d->n),
                        &(struct imx_k_adam){ .param = a->m[IMX_ADAM_PARAM],
                                              .m = a->m[IMX_ADAM_M],
                                              .v = a->m[IMX_ADAM_V],
                                              .grad = a->m[IMX_ADAM_GRAD],
                                              .hyp = a->m[IMX_ADAM_HYP],
                                              .norm = a->m[IMX_ADAM_NORM],
                                              .n = (uint32_t)d->n });
}

static imx_status run_sgd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_optim *d = problem;
    return imx_run_sgd(dev, imx_launch_vec(dev, (size_t)d->n),
                       &(struct imx_k_sgd){ .param = a->m[IMX_SGD_PARAM],
                                            .m = a->m[IMX_SGD_M],
                                            .grad = a->m[IMX_SGD_GRAD],
                                            .hyp = a->m[IMX_SGD_HYP],
                                            .norm = a->m[IMX_SGD_NORM],
                                            .n = (uint32_t)d->n });
}

static const struct imx_variant adam = { "cl", imx_on_cl, NULL, run_adam };
static const struct imx_variant sgd = { "cl", imx_on_cl, NULL, run_sgd };
extern const struct imx_variant *const imx_variants_adam[], *const imx_variants_sgd[];
const struct imx_variant *const imx_variants_adam[] = { &adam, NULL };
const struct imx_variant *const imx_variants_sgd[] = { &sgd, NULL };
