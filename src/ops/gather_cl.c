/* Drawing rows on OpenCL devices: one vector of a row per work-item. */
#include "imx_kernels.h"
#include "ops/gather.h"
#include "ops/launch.h"

static struct imx_launch over(const struct imx_dev *dev, const struct imx_gather *d, int32_t rows)
{
    const size_t chunks = ((size_t)d->c + imx_vec(dev) - 1) / imx_vec(dev);
    return imx_launch_1d(dev, (size_t)d->n * (size_t)rows * chunks, imx_vec_options(dev));
}

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gather *d = problem;
    return imx_run_gather_fwd(dev, over(dev, d, d->k),
                              &(struct imx_k_gather_fwd){ .src = a->m[IMX_GATHER_FWD_SRC],
                                                          .idx = a->m[IMX_GATHER_FWD_IDX],
                                                          .dst = a->m[IMX_GATHER_FWD_DST],
                                                          .n = (uint32_t)d->n,
                                                          .p = (uint32_t)d->p,
                                                          .c = (uint32_t)d->c,
                                                          .k = (uint32_t)d->k });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gather *d = problem;
    return imx_run_gather_bwd(dev, over(dev, d, d->p),
                              &(struct imx_k_gather_bwd){ .ddst = a->m[IMX_GATHER_BWD_DDST],
                                                          .idx = a->m[IMX_GATHER_BWD_IDX],
                                                          .dsrc = a->m[IMX_GATHER_BWD_DSRC],
                                                          .n = (uint32_t)d->n,
                                                          .p = (uint32_t)d->p,
                                                          .c = (uint32_t)d->c,
                                                          .k = (uint32_t)d->k });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_gather_fwd[], *const imx_variants_gather_bwd[];
const struct imx_variant *const imx_variants_gather_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_gather_bwd[] = { &bwd, NULL };
