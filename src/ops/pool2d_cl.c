/* Pooling on OpenCL devices: a few channels of a pixel at a time, the same kernel for every device type. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/pool2d.h"

static bool whole_rows(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU;
}

/* Over n*h rows of w pixels; see cl/pool2d.cl. */
static struct imx_launch rows(const struct imx_dev *dev, const struct imx_pool2d *d, int32_t h, int32_t w)
{
    const size_t chunks = ((size_t)d->c + imx_vec(dev) - 1) / imx_vec(dev), all = (size_t)d->n * (size_t)h;
    if (whole_rows(dev))
        return (struct imx_launch){ { 1, all, 1 }, { 1, 1, 1 }, imx_vec_options(dev) };
    struct imx_launch launch = imx_launch_1d(dev, chunks * (size_t)w, imx_vec_options(dev));
    launch.global[1] = all;
    return launch;
}

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pool2d *d = problem;
    const struct imx_launch launch = rows(dev, d, imx_pool2d_out(d->h, d), imx_pool2d_out(d->w, d));
    if (d->kind == IMX_POOL_MAX)
        return imx_run_pool2d_max_fwd(dev, launch,
                                      &(struct imx_k_pool2d_max_fwd){ .src = a->m[IMX_POOL2D_FWD_SRC],
                                                                      .dst = a->m[IMX_POOL2D_FWD_DST],
                                                                      .at = a->m[IMX_POOL2D_FWD_AT],
                                                                      .h = d->h,
                                                                      .w = d->w,
                                                                      .c = d->c,
                                                                      .k = d->k,
                                                                      .stride = d->stride,
                                                                      .pad = d->pad,
                                                                      .whole = whole_rows(dev) });
    return imx_run_pool2d_avg_fwd(dev, launch,
                                  &(struct imx_k_pool2d_avg_fwd){ .src = a->m[IMX_POOL2D_FWD_SRC],
                                                                  .dst = a->m[IMX_POOL2D_FWD_DST],
                                                                  .h = d->h,
                                                                  .w = d->w,
                                                                  .c = d->c,
                                                                  .k = d->k,
                                                                  .stride = d->stride,
                                                                  .pad = d->pad,
                                                                  .whole = whole_rows(dev) });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pool2d *d = problem;
    const struct imx_launch launch = rows(dev, d, d->h, d->w);
    if (d->kind == IMX_POOL_MAX)
        return imx_run_pool2d_max_bwd(dev, launch,
                                      &(struct imx_k_pool2d_max_bwd){ .ddst = a->m[IMX_POOL2D_BWD_DDST],
                                                                      .at = a->m[IMX_POOL2D_BWD_AT],
                                                                      .dsrc = a->m[IMX_POOL2D_BWD_DSRC],
                                                                      .h = d->h,
                                                                      .w = d->w,
                                                                      .c = d->c,
                                                                      .k = d->k,
                                                                      .stride = d->stride,
                                                                      .pad = d->pad,
                                                                      .whole = whole_rows(dev) });
    return imx_run_pool2d_avg_bwd(dev, launch,
                                  &(struct imx_k_pool2d_avg_bwd){ .ddst = a->m[IMX_POOL2D_BWD_DDST],
                                                                  .dsrc = a->m[IMX_POOL2D_BWD_DSRC],
                                                                  .h = d->h,
                                                                  .w = d->w,
                                                                  .c = d->c,
                                                                  .k = d->k,
                                                                  .stride = d->stride,
                                                                  .pad = d->pad,
                                                                  .whole = whole_rows(dev) });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_pool2d_fwd[], *const imx_variants_pool2d_bwd[];
const struct imx_variant *const imx_variants_pool2d_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_pool2d_bwd[] = { &bwd, NULL };
