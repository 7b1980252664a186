/* Element-wise sums and products on OpenCL devices: one vector per work-item. */
#include "imx_kernels.h"
#include "ops/eltwise.h"
#include "ops/launch.h"

static imx_status run_axpby(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_axpby *d = problem;
    if (d->beta == 0.0f)
        return imx_run_axpby_scale(
            dev, imx_launch_vec(dev, (size_t)d->n),
            &(struct imx_k_axpby_scale){
                .a = a->m[IMX_AXPBY_A], .dst = a->m[IMX_AXPBY_DST], .n = (uint32_t)d->n, .alpha = d->alpha });
    return imx_run_axpby(dev, imx_launch_vec(dev, (size_t)d->n),
                         &(struct imx_k_axpby){ .a = a->m[IMX_AXPBY_A],
                                                .b = a->m[IMX_AXPBY_B],
                                                .dst = a->m[IMX_AXPBY_DST],
                                                .n = (uint32_t)d->n,
                                                .alpha = d->alpha,
                                                .beta = d->beta });
}

static imx_status run_mul(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_mul *d = problem;
    return imx_run_mul(dev, imx_launch_vec(dev, (size_t)d->n),
                       &(struct imx_k_mul){
                           .a = a->m[IMX_MUL_A], .b = a->m[IMX_MUL_B], .dst = a->m[IMX_MUL_DST], .n = (uint32_t)d->n });
}

static imx_status run_add_relu(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_add_relu *d = problem;
    return imx_run_add_relu(
        dev, imx_launch_vec(dev, (size_t)d->n),
        &(struct imx_k_add_relu){
            .a = a->m[IMX_ADD_RELU_A], .b = a->m[IMX_ADD_RELU_B], .dst = a->m[IMX_ADD_RELU_DST], .n = (uint32_t)d->n });
}

static imx_status run_bias_add(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_bias_add *d = problem;
    const size_t chunks = ((size_t)d->cols + imx_vec(dev) - 1) / imx_vec(dev);
    return imx_run_bias_add(dev, imx_launch_1d(dev, (size_t)d->rows * chunks, imx_vec_options(dev)),
                            &(struct imx_k_bias_add){ .src = a->m[IMX_BIAS_ADD_SRC],
                                                      .bia = a->m[IMX_BIAS_ADD_BIA],
                                                      .dst = a->m[IMX_BIAS_ADD_DST],
                                                      .rows = (uint32_t)d->rows,
                                                      .cols = (uint32_t)d->cols });
}

static const struct imx_variant axpby = { "cl", imx_on_cl, NULL, run_axpby, .over = { IMX_AXPBY_DST, IMX_AXPBY_A } };
static const struct imx_variant mul = { "cl", imx_on_cl, NULL, run_mul };
static const struct imx_variant add_relu = { "cl", imx_on_cl, NULL, run_add_relu };
static const struct imx_variant bias_add = { "cl", imx_on_cl, NULL, run_bias_add };
extern const struct imx_variant *const imx_variants_axpby[],
    *const imx_variants_mul[], *const imx_variants_add_relu[], *const imx_variants_bias_add[];
const struct imx_variant *const imx_variants_axpby[] = { &axpby, NULL };
const struct imx_variant *const imx_variants_mul[] = { &mul, NULL };
const struct imx_variant *const imx_variants_add_relu[] = { &add_relu, NULL };
const struct imx_variant *const imx_variants_bias_add[] = { &bias_add, NULL };
