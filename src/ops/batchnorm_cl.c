/* Batch norm on OpenCL devices. Three launches forward (chunk statistics in one read, merge, normalise) and
 * three backward (chunk sums in one read, merge, gradient). "cl_strip" is for CPU devices, "cl_column" for
 * GPUs; both cut the rows the same way on every run. */
#include "imx_kernels.h"
#include "ops/batchnorm.h"
#include "ops/batchnorm_launch.h"

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

imx_status imx_bn_stat(struct imx_dev *dev, const struct imx_bn *b)
{
    if (b->strips)
        return imx_run_bn_stat_strip(dev, imx_launch_strips(b->chunk, b->cols),
                                     &(struct imx_k_bn_stat_strip){ .src = b->src,
                                                                    .part = b->part,
                                                                    .rows = b->rows,
                                                                    .cols = b->cols,
                                                                    .chunk = b->chunk.rows,
                                                                    .strip = imx_strip(b->chunk),
                                                                    .block = imx_strip_rows(b->chunk, b->cols, 8) });
    return imx_run_bn_stat_column(
        dev, imx_launch_columns(dev, b->chunk, b->cols),
        &(struct imx_k_bn_stat_column){
            .src = b->src, .part = b->part, .rows = b->rows, .cols = b->cols, .chunk = b->chunk.rows });
}

static int32_t width_of(const struct imx_bn *b)
{
    return b->strips ? 16 : 1;
}

imx_status imx_bn_stat_finish(struct imx_dev *dev, const struct imx_bn *b)
{
    const int32_t width = width_of(b);
    return imx_run_bn_stat_finish(dev, imx_launch_finish(dev, b->cols, width),
                                  &(struct imx_k_bn_stat_finish){ .part = b->part,
                                                                  .run_mean = b->run_mean,
                                                                  .run_var = b->run_var,
                                                                  .mean = b->mean,
                                                                  .invstd = b->invstd,
                                                                  .rows = b->total,
                                                                  .cols = b->cols,
                                                                  .chunk = b->chunk.rows,
                                                                  .width = width,
                                                                  .eps = b->eps,
                                                                  .momentum = b->momentum });
}

imx_status imx_bn_apply(struct imx_dev *dev, const struct imx_bn *b)
{
    if (b->strips)
        return imx_run_bn_apply_strip(dev, imx_launch_strips(b->chunk, b->cols),
                                      &(struct imx_k_bn_apply_strip){ .src = b->src,
                                                                      .gamma = b->gamma,
                                                                      .beta = b->beta,
                                                                      .mean = b->mean,
                                                                      .invstd = b->invstd,
                                                                      .dst = b->dst,
                                                                      .rows = b->rows,
                                                                      .cols = b->cols,
                                                                      .chunk = b->chunk.rows,
                                                                      .act = b->act,
                                                                      .strip = imx_strip(b->chunk),
                                                                      .block = imx_strip_rows(b->chunk, b->cols, 4) });
    return imx_run_bn_apply_column(dev, imx_launch_columns(dev, b->chunk, b->cols),
                                   &(struct imx_k_bn_apply_column){ .src = b->src,
                                                                    .gamma = b->gamma,
                                                                    .beta = b->beta,
                                                                    .mean = b->mean,
                                                                    .invstd = b->invstd,
                                                                    .dst = b->dst,
                                                                    .rows = b->rows,
                                                                    .cols = b->cols,
                                                                    .chunk = b->chunk.rows,
                                                                    .act = b->act });
}

imx_status imx_bn_back(struct imx_dev *dev, const struct imx_bn *b)
{
    if (b->strips)
        return imx_run_bn_back_strip(dev, imx_launch_strips(b->chunk, b->cols),
                                     &(struct imx_k_bn_back_strip){ .src = b->src,
                                                                    .ddst = b->ddst,
                                                                    .gamma = b->gamma,
                                                                    .beta = b->beta,
                                                                    .mean = b->mean,
                                                                    .invstd = b->invstd,
                                                                    .part = b->part,
                                                                    .rows = b->rows,
                                                                    .cols = b->cols,
                                                                    .chunk = b->chunk.rows,
                                                                    .act = b->act,
                                                                    .strip = imx_strip(b->chunk),
                                                                    .block = imx_strip_rows(b->chunk, b->cols, 4) });
    return imx_run_bn_back_column(dev, imx_launch_columns(dev, b->chunk, b->cols),
                                  &(struct imx_k_bn_back_column){ .src = b->src,
                                                                  .ddst = b->ddst,
                                                                  .gamma = b->gamma,
                                                                  .beta = b->beta,
                                                                  .mean = b->mean,
                                                                  .invstd = b->invstd,
                                                                  .part = b->part,
                                                                  .rows = b->rows,
                                                                  .cols = b->cols,
                                                                  .chunk = b->chunk.rows,
                                                                  .act = b->act });
}

imx_status imx_bn_back_finish(struct imx_dev *dev, const struct imx_bn *b)
{
    const int32_t width = width_of(b);
    return imx_run_bn_back_finish(dev, imx_launch_finish(dev, b->cols, width),
                                  &(struct imx_k_bn_back_finish){ .part = b->part,
                                                                  .invstd = b->invstd,
                                                                  .dgamma = b->dgamma,
                                                                  .dbeta = b->dbeta,
                                                                  .chunks = b->chunk.count,
                                                                  .cols = b->cols,
                                                                  .width = width });
}

imx_status imx_bn_dsrc(struct imx_dev *dev, const struct imx_bn *b)
{
    if (b->strips)
        return imx_run_bn_dsrc_strip(dev, imx_launch_strips(b->chunk, b->cols),
                                     &(struct imx_k_bn_dsrc_strip){ .src = b->src,
                                                                    .ddst = b->ddst,
                                                                    .gamma = b->gamma,
                                                                    .beta = b->beta,
                                                                    .mean = b->mean,
                                                                    .invstd = b->invstd,
                                                                    .dgamma = b->dgamma,
                                                                    .dbeta = b->dbeta,
                                                                    .dsrc = b->dsrc,
                                                                    .rows = b->rows,
                                                                    .total = b->total,
                                                                    .cols = b->cols,
                                                                    .chunk = b->chunk.rows,
                                                                    .act = b->act,
                                                                    .strip = imx_strip(b->chunk),
                                                                    .block = imx_strip_rows(b->chunk, b->cols, 4) });
    return imx_run_bn_dsrc_column(dev, imx_launch_columns(dev, b->chunk, b->cols),
                                  &(struct imx_k_bn_dsrc_column){ .src = b->src,
                                                                  .ddst = b->ddst,
                                                                  .gamma = b->gamma,
                                                                  .beta = b->beta,
                                                                  .mean = b->mean,
                                                                  .invstd = b->invstd,
                                                                  .dgamma = b->dgamma,
                                                                  .dbeta = b->dbeta,
                                                                  .dsrc = b->dsrc,
                                                                  .rows = b->rows,
                                                                  .total = b->total,
                                                                  .cols = b->cols,
                                                                  .chunk = b->chunk.rows,
                                                                  .act = b->act });
}

static struct imx_bn bn_of(const struct imx_batchnorm *d, bool strips)
{
    return (struct imx_bn){ .chunk = imx_rowchunk(d->rows, strips),
                            .rows = d->rows,
                            .total = d->rows,
                            .cols = d->cols,
                            .act = d->act,
                            .eps = d->eps,
                            .momentum = d->momentum,
                            .strips = strips };
}

static imx_status forward(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, strips);
    b.src = a->m[IMX_BN_FWD_SRC];
    b.gamma = a->m[IMX_BN_FWD_GAMMA];
    b.beta = a->m[IMX_BN_FWD_BETA];
    b.run_mean = a->m[IMX_BN_FWD_RUN_MEAN];
    b.run_var = a->m[IMX_BN_FWD_RUN_VAR];
    b.mean = a->m[IMX_BN_FWD_MEAN];
    b.invstd = a->m[IMX_BN_FWD_INVSTD];
    b.part = a->ws;
    b.dst = a->m[IMX_BN_FWD_DST];
    IMX_TRY(imx_bn_stat(dev, &b));
    IMX_TRY(imx_bn_stat_finish(dev, &b));
    return imx_bn_apply(dev, &b);
}

static imx_status infer(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, strips);
    b.src = a->m[IMX_BN_INFER_SRC];
    b.gamma = a->m[IMX_BN_INFER_GAMMA];
    b.beta = a->m[IMX_BN_INFER_BETA];
    b.mean = a->m[IMX_BN_INFER_RUN_MEAN];
    b.invstd = a->ws;
    b.dst = a->m[IMX_BN_INFER_DST];
    IMX_TRY(imx_run_bn_invstd(
        dev, imx_launch_1d(dev, (size_t)d->cols, NULL),
        &(struct imx_k_bn_invstd){
            .run_var = a->m[IMX_BN_INFER_RUN_VAR], .invstd = a->ws, .cols = d->cols, .eps = d->eps }));
    return imx_bn_apply(dev, &b);
}

static imx_status backward(struct imx_dev *dev, const struct imx_batchnorm *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, strips);
    b.src = a->m[IMX_BN_BWD_SRC];
    b.ddst = a->m[IMX_BN_BWD_DDST];
    b.gamma = a->m[IMX_BN_BWD_GAMMA];
    b.beta = a->m[IMX_BN_BWD_BETA];
    b.mean = a->m[IMX_BN_BWD_MEAN];
    b.invstd = a->m[IMX_BN_BWD_INVSTD];
    b.part = a->ws;
    b.dsrc = a->m[IMX_BN_BWD_DSRC];
    b.dgamma = a->m[IMX_BN_BWD_DGAMMA];
    b.dbeta = a->m[IMX_BN_BWD_DBETA];
    IMX_TRY(imx_bn_back(dev, &b));
    IMX_TRY(imx_bn_back_finish(dev, &b));
    return imx_bn_dsrc(dev, &b);
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
