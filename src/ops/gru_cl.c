/* The gates of a recurrent unit on OpenCL devices: one vector of a row per work-item. */
#include "imx_kernels.h"
#include "ops/gru.h"
#include "ops/launch.h"

static struct imx_launch over(const struct imx_dev *dev, const struct imx_gru *d)
{
    const size_t chunks = ((size_t)d->cols + imx_vec(dev) - 1) / imx_vec(dev);
    return imx_launch_1d(dev, (size_t)d->rows * chunks, imx_vec_options(dev));
}

static imx_status run_cell(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gru *d = problem;
    return imx_run_gru_cell(dev, over(dev, d),
                            &(struct imx_k_gru_cell){ .gi = a->m[IMX_GRU_GI],
                                                      .gh = a->m[IMX_GRU_GH],
                                                      .h = a->m[IMX_GRU_H],
                                                      .dst = a->m[IMX_GRU_DST],
                                                      .rows = (uint32_t)d->rows,
                                                      .cols = (uint32_t)d->cols });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_gru *d = problem;
    return imx_run_gru_cell_bwd(dev, over(dev, d),
                                &(struct imx_k_gru_cell_bwd){ .gi = a->m[IMX_GRU_GI],
                                                              .gh = a->m[IMX_GRU_GH],
                                                              .h = a->m[IMX_GRU_H],
                                                              .ddst = a->m[IMX_GRU_BWD_DDST],
                                                              .dgi = a->m[IMX_GRU_BWD_DGI],
                                                              .dgh = a->m[IMX_GRU_BWD_DGH],
                                                              .dh = a->m[IMX_GRU_BWD_DH],
                                                              .rows = (uint32_t)d->rows,
                                                              .cols = (uint32_t)d->cols });
}

static const struct imx_variant cell = { "cl", imx_on_cl, NULL, run_cell };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_gru_cell[], *const imx_variants_gru_cell_bwd[];
const struct imx_variant *const imx_variants_gru_cell[] = { &cell, NULL };
const struct imx_variant *const imx_variants_gru_cell_bwd[] = { &bwd, NULL };
