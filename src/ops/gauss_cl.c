/* Normal distributions on OpenCL devices: one vector per work-item. */
#include "imx_kernels.h"
#include "ops/gauss.h"
#include "ops/launch.h"

static imx_status run_draw(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gauss *d = problem;
    return imx_run_gauss_draw(dev, imx_launch_vec(dev, (size_t)d->n),
                              &(struct imx_k_gauss_draw){ .mu = a->m[IMX_GAUSS_DRAW_MU],
                                                          .ls = a->m[IMX_GAUSS_DRAW_LS],
                                                          .eps = a->m[IMX_GAUSS_DRAW_EPS],
                                                          .dst = a->m[IMX_GAUSS_DRAW_DST],
                                                          .n = (uint32_t)d->n });
}

static imx_status run_draw_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gauss *d = problem;
    return imx_run_gauss_draw_bwd(dev, imx_launch_vec(dev, (size_t)d->n),
                                  &(struct imx_k_gauss_draw_bwd){ .ls = a->m[IMX_GAUSS_DRAW_BWD_LS],
                                                                  .eps = a->m[IMX_GAUSS_DRAW_BWD_EPS],
                                                                  .ddst = a->m[IMX_GAUSS_DRAW_BWD_DDST],
                                                                  .dls = a->m[IMX_GAUSS_DRAW_BWD_DLS],
                                                                  .deps = a->m[IMX_GAUSS_DRAW_BWD_DEPS],
                                                                  .n = (uint32_t)d->n });
}

static imx_status run_kl(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gauss *d = problem;
    return imx_run_gauss_kl(dev, imx_launch_vec(dev, (size_t)d->n),
                            &(struct imx_k_gauss_kl){ .mu = a->m[IMX_GAUSS_KL_MU],
                                                      .ls = a->m[IMX_GAUSS_KL_LS],
                                                      .dst = a->m[IMX_GAUSS_KL_DST],
                                                      .n = (uint32_t)d->n });
}

static imx_status run_kl_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gauss *d = problem;
    return imx_run_gauss_kl_bwd(dev, imx_launch_vec(dev, (size_t)d->n),
                                &(struct imx_k_gauss_kl_bwd){ .mu = a->m[IMX_GAUSS_KL_BWD_MU],
                                                              .ls = a->m[IMX_GAUSS_KL_BWD_LS],
                                                              .ddst = a->m[IMX_GAUSS_KL_BWD_DDST],
                                                              .dmu = a->m[IMX_GAUSS_KL_BWD_DMU],
                                                              .dls = a->m[IMX_GAUSS_KL_BWD_DLS],
                                                              .n = (uint32_t)d->n });
}

static const struct imx_variant draw = { "cl", imx_on_cl, NULL, run_draw };
static const struct imx_variant draw_bwd = { "cl", imx_on_cl, NULL, run_draw_bwd };
static const struct imx_variant kl = { "cl", imx_on_cl, NULL, run_kl };
static const struct imx_variant kl_bwd = { "cl", imx_on_cl, NULL, run_kl_bwd };
extern const struct imx_variant *const imx_variants_gauss_draw[], *const imx_variants_gauss_draw_bwd[];
extern const struct imx_variant *const imx_variants_gauss_kl[], *const imx_variants_gauss_kl_bwd[];
const struct imx_variant *const imx_variants_gauss_draw[] = { &draw, NULL };
const struct imx_variant *const imx_variants_gauss_draw_bwd[] = { &draw_bwd, NULL };
const struct imx_variant *const imx_variants_gauss_kl[] = { &kl, NULL };
const struct imx_variant *const imx_variants_gauss_kl_bwd[] = { &kl_bwd, NULL };
