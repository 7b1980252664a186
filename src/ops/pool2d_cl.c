/* Pooling on OpenCL devices: one work-item per element, the same kernel for every device type. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/pool2d.h"

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pool2d *d = problem;
    const size_t work = (size_t)d->n * (size_t)imx_pool2d_out(d->h, d) * (size_t)imx_pool2d_out(d->w, d) * (size_t)d->c;
    if (d->kind == IMX_POOL_MAX)
        return imx_run_pool2d_max_fwd(dev, imx_launch_1d(dev, work, NULL),
                                      &(struct imx_k_pool2d_max_fwd){ .src = a->m[IMX_POOL2D_FWD_SRC],
                                                                      .dst = a->m[IMX_POOL2D_FWD_DST],
                                                                      .at = a->m[IMX_POOL2D_FWD_AT],
                                                                      .n = d->n,
                                                                      .h = d->h,
                                                                      .w = d->w,
                                                                      .c = d->c,
                                                                      .k = d->k,
                                                                      .stride = d->stride,
                                                                      .pad = d->pad });
    return imx_run_pool2d_avg_fwd(dev, imx_launch_1d(dev, work, NULL),
                                  &(struct imx_k_pool2d_avg_fwd){ .src = a->m[IMX_POOL2D_FWD_SRC],
                                                                  .dst = a->m[IMX_POOL2D_FWD_DST],
                                                                  .n = d->n,
                                                                  .h = d->h,
                                                                  .w = d->w,
                                                                  .c = d->c,
                                                                  .k = d->k,
                                                                  .stride = d->stride,
                                                                  .pad = d->pad });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pool2d *d = problem;
    const size_t work = (size_t)d->n * (size_t)d->h * (size_t)d->w * (size_t)d->c;
    if (d->kind == IMX_POOL_MAX)
        return imx_run_pool2d_max_bwd(dev, imx_launch_1d(dev, work, NULL),
                                      &(struct imx_k_pool2d_max_bwd){ .ddst = a->m[IMX_POOL2D_BWD_DDST],
                                                                      .at = a->m[IMX_POOL2D_BWD_AT],
                                                                      .dsrc = a->m[IMX_POOL2D_BWD_DSRC],
                                                                      .n = d->n,
                                                                      .h = d->h,
                                                                      .w = d->w,
                                                                      .c = d->c,
                                                                      .k = d->k,
                                                                      .stride = d->stride,
                                                                      .pad = d->pad });
    return imx_run_pool2d_avg_bwd(dev, imx_launch_1d(dev, work, NULL),
                                  &(struct imx_k_pool2d_avg_bwd){ .ddst = a->m[IMX_POOL2D_BWD_DDST],
                                                                  .dsrc = a->m[IMX_POOL2D_BWD_DSRC],
                                                                  .n = d->n,
                                                                  .h = d->h,
                                                                  .w = d->w,
                                                                  .c = d->c,
                                                                  .k = d->k,
                                                                  .stride = d->stride,
                                                                  .pad = d->pad });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_pool2d_fwd[], *const imx_variants_pool2d_bwd[];
const struct imx_variant *const imx_variants_pool2d_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_pool2d_bwd[] = { &bwd, NULL };
