/* Batch norm on OpenCL devices. Three launches forward (chunk statistics in one read, merge, normalise) and
 * three backward (chunk sums in one read, merge, gradient). "cl_strip" is for CPU devices, "cl_column" for
 * GPUs; both cut the rows the same way on every run. */
#include "imx_kernels.h"
#include "ops/batchnorm.h"
#include "ops/rowchunk.h"

static uint64_t part_bytes(const struct imx_batchnorm *d, bool strips)
{
    return (uint64_t)imx_rowchunk(d->rows, strips).count * 2 * (uint64_t)d->cols * sizeof(float);
}

static uint64_t ws_strip(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return part_bytes(problem, true);
}

static uint64_t ws_column(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return part_bytes(problem, false);
}

static uint64_t ws_infer(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return (uint64_t)((const struct imx_batchnorm *)problem)->cols * sizeof(float);
}

static imx_status apply(struct imx_dev *dev, const struct imx_batchnorm *d, bool strips, struct imx_mem src,
                        struct imx_mem gamma, struct imx_mem beta, struct imx_mem mean, struct imx_mem invstd,
                        struct imx_mem dst)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    if (strips)
        return imx_run_bn_apply_strip(dev, imx_launch_strips(chunk, d->cols),
                                      &(struct imx_k_bn_apply_strip){ .src = src,
                                                                      .gamma = gamma,
                                                                      .beta = beta,
                                                                      .mean = mean,
                                                                      .invstd = invstd,
                                                                      .dst = dst,
                                                                      .rows = d->rows,
                                                                      .cols = d->cols,
                                                                      .chunk = chunk.rows,
                                                                      .act = d->act,
                                                                      .strip = imx_strip(chunk),
                                                                      .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_apply_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                   &(struct imx_k_bn_apply_column){ .src = src,
                                                                    .gamma = gamma,
                                                                    .beta = beta,
                                                                    .mean = mean,
                                                                    .invstd = invstd,
                                                                    .dst = dst,
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act });
}

static imx_status forward(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const int32_t width = strips ? 16 : 1;
    if (strips)
        IMX_TRY(imx_run_bn_stat_strip(dev, imx_launch_strips(chunk, d->cols),
                                      &(struct imx_k_bn_stat_strip){ .src = a->m[IMX_BN_FWD_SRC],
                                                                     .part = a->ws,
                                                                     .rows = d->rows,
                                                                     .cols = d->cols,
                                                                     .chunk = chunk.rows,
                                                                     .strip = imx_strip(chunk),
                                                                     .block = imx_strip_rows(chunk, d->cols, 8) }));
    else
        IMX_TRY(imx_run_bn_stat_column(
            dev, imx_launch_columns(dev, chunk, d->cols),
            &(struct imx_k_bn_stat_column){
                .src = a->m[IMX_BN_FWD_SRC], .part = a->ws, .rows = d->rows, .cols = d->cols, .chunk = chunk.rows }));
    IMX_TRY(imx_run_bn_stat_finish(dev, imx_launch_finish(dev, d->cols, width),
                                   &(struct imx_k_bn_stat_finish){ .part = a->ws,
                                                                   .run_mean = a->m[IMX_BN_FWD_RUN_MEAN],
                                                                   .run_var = a->m[IMX_BN_FWD_RUN_VAR],
                                                                   .mean = a->m[IMX_BN_FWD_MEAN],
                                                                   .invstd = a->m[IMX_BN_FWD_INVSTD],
                                                                   .rows = d->rows,
                                                                   .cols = d->cols,
                                                                   .chunk = chunk.rows,
                                                                   .width = width,
                                                                   .eps = d->eps,
                                                                   .momentum = d->momentum }));
    return apply(dev, d, strips, a->m[IMX_BN_FWD_SRC], a->m[IMX_BN_FWD_GAMMA], a->m[IMX_BN_FWD_BETA],
                 a->m[IMX_BN_FWD_MEAN], a->m[IMX_BN_FWD_INVSTD], a->m[IMX_BN_FWD_DST]);
}

static imx_status infer(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    IMX_TRY(imx_run_bn_invstd(
        dev, imx_launch_1d(dev, (size_t)d->cols, NULL),
        &(struct imx_k_bn_invstd){
            .run_var = a->m[IMX_BN_INFER_RUN_VAR], .invstd = a->ws, .cols = d->cols, .eps = d->eps }));
    return apply(dev, d, strips, a->m[IMX_BN_INFER_SRC], a->m[IMX_BN_INFER_GAMMA], a->m[IMX_BN_INFER_BETA],
                 a->m[IMX_BN_INFER_RUN_MEAN], a->ws, a->m[IMX_BN_INFER_DST]);
}

static imx_status back_sums(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const struct imx_mem *m = a->m;
    if (strips)
        return imx_run_bn_back_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_bn_back_strip){ .src = m[IMX_BN_BWD_SRC],
                                                                    .ddst = m[IMX_BN_BWD_DDST],
                                                                    .gamma = m[IMX_BN_BWD_GAMMA],
                                                                    .beta = m[IMX_BN_BWD_BETA],
                                                                    .mean = m[IMX_BN_BWD_MEAN],
                                                                    .invstd = m[IMX_BN_BWD_INVSTD],
                                                                    .part = a->ws,
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act,
                                                                    .strip = imx_strip(chunk),
                                                                    .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_back_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                  &(struct imx_k_bn_back_column){ .src = m[IMX_BN_BWD_SRC],
                                                                  .ddst = m[IMX_BN_BWD_DDST],
                                                                  .gamma = m[IMX_BN_BWD_GAMMA],
                                                                  .beta = m[IMX_BN_BWD_BETA],
                                                                  .mean = m[IMX_BN_BWD_MEAN],
                                                                  .invstd = m[IMX_BN_BWD_INVSTD],
                                                                  .part = a->ws,
                                                                  .rows = d->rows,
                                                                  .cols = d->cols,
                                                                  .chunk = chunk.rows,
                                                                  .act = d->act });
}

static imx_status backward(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const struct imx_mem *m = a->m;
    const int32_t width = strips ? 16 : 1;
    IMX_TRY(back_sums(dev, d, a, strips));
    IMX_TRY(imx_run_bn_back_finish(dev, imx_launch_finish(dev, d->cols, width),
                                   &(struct imx_k_bn_back_finish){ .part = a->ws,
                                                                   .invstd = m[IMX_BN_BWD_INVSTD],
                                                                   .dgamma = m[IMX_BN_BWD_DGAMMA],
                                                                   .dbeta = m[IMX_BN_BWD_DBETA],
                                                                   .chunks = chunk.count,
                                                                   .cols = d->cols,
                                                                   .width = width }));
    if (strips)
        return imx_run_bn_dsrc_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_bn_dsrc_strip){ .src = m[IMX_BN_BWD_SRC],
                                                                    .ddst = m[IMX_BN_BWD_DDST],
                                                                    .gamma = m[IMX_BN_BWD_GAMMA],
                                                                    .beta = m[IMX_BN_BWD_BETA],
                                                                    .mean = m[IMX_BN_BWD_MEAN],
                                                                    .invstd = m[IMX_BN_BWD_INVSTD],
                                                                    .dgamma = m[IMX_BN_BWD_DGAMMA],
                                                                    .dbeta = m[IMX_BN_BWD_DBETA],
                                                                    .dsrc = m[IMX_BN_BWD_DSRC],
                                                                    .rows = d->rows,
                                                                    .total = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act,
                                                                    .strip = imx_strip(chunk),
                                                                    .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_dsrc_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                  &(struct imx_k_bn_dsrc_column){ .src = m[IMX_BN_BWD_SRC],
                                                                  .ddst = m[IMX_BN_BWD_DDST],
                                                                  .gamma = m[IMX_BN_BWD_GAMMA],
                                                                  .beta = m[IMX_BN_BWD_BETA],
                                                                  .mean = m[IMX_BN_BWD_MEAN],
                                                                  .invstd = m[IMX_BN_BWD_INVSTD],
                                                                  .dgamma = m[IMX_BN_BWD_DGAMMA],
                                                                  .dbeta = m[IMX_BN_BWD_DBETA],
                                                                  .dsrc = m[IMX_BN_BWD_DSRC],
                                                                  .rows = d->rows,
                                                                  .total = d->rows,
                                                                  .cols = d->cols,
                                                                  .chunk = chunk.rows,
                                                                  .act = d->act });
}

static imx_status fwd_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return forward(dev, problem, a, true);
}

static imx_status fwd_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return forward(dev, problem, a, false);
}

static imx_status bwd_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return backward(dev, problem, a, true);
}

static imx_status bwd_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return backward(dev, problem, a, false);
}

static imx_status infer_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return infer(dev, problem, a, true);
}

static imx_status infer_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return infer(dev, problem, a, false);
}

static const struct imx_variant v_fwd_strip = { "cl_strip", imx_on_cpu, ws_strip, fwd_strip };
static const struct imx_variant v_fwd_column = { "cl_column", imx_on_cl, ws_column, fwd_column };
static const struct imx_variant v_bwd_strip = { "cl_strip", imx_on_cpu, ws_strip, bwd_strip,
                                                .over = { IMX_BN_BWD_DSRC, IMX_BN_BWD_DDST } };
static const struct imx_variant v_bwd_column = { "cl_column", imx_on_cl, ws_column, bwd_column,
                                                 .over = { IMX_BN_BWD_DSRC, IMX_BN_BWD_DDST } };
static const struct imx_variant v_infer_strip = { "cl_strip", imx_on_cpu, ws_infer, infer_strip };
static const struct imx_variant v_infer_column = { "cl_column", imx_on_cl, ws_infer, infer_column };
extern const struct imx_variant *const imx_variants_batchnorm_fwd[], *const imx_variants_batchnorm_bwd[],
                                                                         *const imx_variants_batchnorm_infer[];
const struct imx_variant *const imx_variants_batchnorm_fwd[] = { &v_fwd_strip, &v_fwd_column, NULL };
const struct imx_variant *const imx_variants_batchnorm_bwd[] = { &v_bwd_strip, &v_bwd_column, NULL };
const struct imx_variant *const imx_variants_batchnorm_infer[] = { &v_infer_strip, &v_infer_column, NULL };
