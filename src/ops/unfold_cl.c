/* Crops on OpenCL devices: a vector of a crop's row per work-item; back, one pixel's channel each. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/unfold.h"

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_unfold *d = problem;
    const int32_t p = imx_unfold_out(d->h, d), q = imx_unfold_out(d->w, d);
    const size_t chunks = ((size_t)d->k * (size_t)d->c + imx_vec(dev) - 1) / imx_vec(dev);
    const size_t rows = (size_t)d->n * (size_t)p * (size_t)q * (size_t)d->k;
    return imx_run_unfold_fwd(dev, imx_launch_1d(dev, rows * chunks, imx_vec_options(dev)),
                              &(struct imx_k_unfold_fwd){ .src = a->m[IMX_UNFOLD_FWD_SRC],
                                                          .dst = a->m[IMX_UNFOLD_FWD_DST],
                                                          .n = (uint32_t)d->n,
                                                          .h = (uint32_t)d->h,
                                                          .w = (uint32_t)d->w,
                                                          .c = (uint32_t)d->c,
                                                          .p = (uint32_t)p,
                                                          .q = (uint32_t)q,
                                                          .k = (uint32_t)d->k,
                                                          .stride = (uint32_t)d->stride });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_unfold *d = problem;
    const size_t work = (size_t)d->n * (size_t)d->h * (size_t)d->w * (size_t)d->c;
    return imx_run_unfold_bwd(dev, imx_launch_1d(dev, work, imx_vec_options(dev)),
                              &(struct imx_k_unfold_bwd){ .ddst = a->m[IMX_UNFOLD_BWD_DDST],
                                                          .dsrc = a->m[IMX_UNFOLD_BWD_DSRC],
                                                          .n = (uint32_t)d->n,
                                                          .h = (uint32_t)d->h,
                                                          .w = (uint32_t)d->w,
                                                          .c = (uint32_t)d->c,
                                                          .p = (uint32_t)imx_unfold_out(d->h, d),
                                                          .q = (uint32_t)imx_unfold_out(d->w, d),
                                                          .k = (uint32_t)d->k,
                                                          .stride = (uint32_t)d->stride });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_unfold_fwd[], *const imx_variants_unfold_bwd[];
const struct imx_variant *const imx_variants_unfold_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_unfold_bwd[] = { &bwd, NULL };
