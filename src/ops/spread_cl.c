/* Rows in groups on OpenCL devices: one vector of a row per work-item. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/spread.h"

static struct imx_launch over(const struct imx_dev *dev, const struct imx_spread *d, int32_t rows)
{
    const size_t chunks = ((size_t)d->cols + imx_vec(dev) - 1) / imx_vec(dev);
    return imx_launch_1d(dev, (size_t)d->groups * (size_t)rows * chunks, imx_vec_options(dev));
}

static imx_status run_spread(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_spread *d = problem;
    return imx_run_spread(dev, over(dev, d, d->rows),
                          &(struct imx_k_spread){ .src = a->m[IMX_SPREAD_SRC],
                                                  .row = a->m[IMX_SPREAD_ROW],
                                                  .dst = a->m[IMX_SPREAD_DST],
                                                  .groups = (uint32_t)d->groups,
                                                  .rows = (uint32_t)d->rows,
                                                  .cols = (uint32_t)d->cols,
                                                  .add = (uint32_t)d->add });
}

static imx_status run_sum(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_spread *d = problem;
    return imx_run_spread_sum(dev, over(dev, d, 1),
                              &(struct imx_k_spread_sum){ .src = a->m[IMX_SPREAD_SUM_SRC],
                                                          .dst = a->m[IMX_SPREAD_SUM_DST],
                                                          .groups = (uint32_t)d->groups,
                                                          .rows = (uint32_t)d->rows,
                                                          .cols = (uint32_t)d->cols });
}

static const struct imx_variant spread = { "cl", imx_on_cl, NULL, run_spread };
static const struct imx_variant sum = { "cl", imx_on_cl, NULL, run_sum };
extern const struct imx_variant *const imx_variants_spread[], *const imx_variants_spread_sum[];
const struct imx_variant *const imx_variants_spread[] = { &spread, NULL };
const struct imx_variant *const imx_variants_spread_sum[] = { &sum, NULL };
