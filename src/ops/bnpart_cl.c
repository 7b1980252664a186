/* Batch norm in pieces on OpenCL devices: the kernels of cl/batchnorm.cl, each launched by an op of its own. "cl_strip"
 * is for CPU devices, "cl_column" for GPUs. See bnpart.h. */
#include "imx_kernels.h"
#include "ops/bnpart.h"
#include "ops/rowchunk.h"

/* The parts of a slice as the launches see them. */
static struct imx_rowchunk parts(const struct imx_bnpart *d)
{
    return (struct imx_rowchunk){ d->chunk, (d->rows + d->chunk - 1) / d->chunk };
}

static imx_status run_stat(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = parts(d);
    if (strips)
        return imx_run_bn_stat_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_bn_stat_strip){ .src = a->m[IMX_BN_STAT_SRC],
                                                                    .part = a->m[IMX_BN_STAT_PART],
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .strip = imx_strip(chunk),
                                                                    .block = imx_strip_rows(chunk, d->cols, 8) });
    return imx_run_bn_stat_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                  &(struct imx_k_bn_stat_column){ .src = a->m[IMX_BN_STAT_SRC],
                                                                  .part = a->m[IMX_BN_STAT_PART],
                                                                  .rows = d->rows,
                                                                  .cols = d->cols,
                                                                  .chunk = chunk.rows });
}

static imx_status run_merge(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const int32_t width = strips ? 16 : 1;
    return imx_run_bn_stat_finish(dev, imx_launch_finish(dev, d->cols, width),
                                  &(struct imx_k_bn_stat_finish){ .part = a->m[IMX_BN_MERGE_PART],
                                                                  .run_mean = a->m[IMX_BN_MERGE_RUN_MEAN],
                                                                  .run_var = a->m[IMX_BN_MERGE_RUN_VAR],
                                                                  .mean = a->m[IMX_BN_MERGE_MEAN],
                                                                  .invstd = a->m[IMX_BN_MERGE_INVSTD],
                                                                  .rows = d->total,
                                                                  .cols = d->cols,
                                                                  .chunk = d->chunk,
                                                                  .width = width,
                                                                  .eps = d->eps,
                                                                  .momentum = d->momentum });
}

static imx_status run_apply(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const struct imx_mem *m = a->m;
    if (strips)
        return imx_run_bn_apply_strip(dev, imx_launch_strips(chunk, d->cols),
                                      &(struct imx_k_bn_apply_strip){ .src = m[IMX_BN_APPLY_SRC],
                                                                      .gamma = m[IMX_BN_APPLY_GAMMA],
                                                                      .beta = m[IMX_BN_APPLY_BETA],
                                                                      .mean = m[IMX_BN_APPLY_MEAN],
                                                                      .invstd = m[IMX_BN_APPLY_INVSTD],
                                                                      .dst = m[IMX_BN_APPLY_DST],
                                                                      .rows = d->rows,
                                                                      .cols = d->cols,
                                                                      .chunk = chunk.rows,
                                                                      .act = d->act,
                                                                      .strip = imx_strip(chunk),
                                                                      .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_apply_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                   &(struct imx_k_bn_apply_column){ .src = m[IMX_BN_APPLY_SRC],
                                                                    .gamma = m[IMX_BN_APPLY_GAMMA],
                                                                    .beta = m[IMX_BN_APPLY_BETA],
                                                                    .mean = m[IMX_BN_APPLY_MEAN],
                                                                    .invstd = m[IMX_BN_APPLY_INVSTD],
                                                                    .dst = m[IMX_BN_APPLY_DST],
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act });
}

static imx_status run_back_stat(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = parts(d);
    const struct imx_mem *m = a->m;
    if (strips)
        return imx_run_bn_back_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_bn_back_strip){ .src = m[IMX_BN_BACK_SRC],
                                                                    .ddst = m[IMX_BN_BACK_DDST],
                                                                    .gamma = m[IMX_BN_BACK_GAMMA],
                                                                    .beta = m[IMX_BN_BACK_BETA],
                                                                    .mean = m[IMX_BN_BACK_MEAN],
                                                                    .invstd = m[IMX_BN_BACK_INVSTD],
                                                                    .part = m[IMX_BN_BACK_PART],
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act,
                                                                    .strip = imx_strip(chunk),
                                                                    .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_back_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                  &(struct imx_k_bn_back_column){ .src = m[IMX_BN_BACK_SRC],
                                                                  .ddst = m[IMX_BN_BACK_DDST],
                                                                  .gamma = m[IMX_BN_BACK_GAMMA],
                                                                  .beta = m[IMX_BN_BACK_BETA],
                                                                  .mean = m[IMX_BN_BACK_MEAN],
                                                                  .invstd = m[IMX_BN_BACK_INVSTD],
                                                                  .part = m[IMX_BN_BACK_PART],
                                                                  .rows = d->rows,
                                                                  .cols = d->cols,
                                                                  .chunk = chunk.rows,
                                                                  .act = d->act });
}

static imx_status run_back_merge(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const int32_t width = strips ? 16 : 1;
    return imx_run_bn_back_finish(dev, imx_launch_finish(dev, d->cols, width),
                                  &(struct imx_k_bn_back_finish){ .part = a->m[IMX_BN_BACK_MERGE_PART],
                                                                  .invstd = a->m[IMX_BN_BACK_MERGE_INVSTD],
                                                                  .dgamma = a->m[IMX_BN_BACK_MERGE_DGAMMA],
                                                                  .dbeta = a->m[IMX_BN_BACK_MERGE_DBETA],
                                                                  .chunks = (d->total + d->chunk - 1) / d->chunk,
                                                                  .cols = d->cols,
                                                                  .width = width });
}

static imx_status run_back_apply(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const struct imx_mem *m = a->m;
    if (strips)
        return imx_run_bn_dsrc_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_bn_dsrc_strip){ .src = m[IMX_BN_BACK_SRC],
                                                                    .ddst = m[IMX_BN_BACK_DDST],
                                                                    .gamma = m[IMX_BN_BACK_GAMMA],
                                                                    .beta = m[IMX_BN_BACK_BETA],
                                                                    .mean = m[IMX_BN_BACK_MEAN],
                                                                    .invstd = m[IMX_BN_BACK_INVSTD],
                                                                    .dgamma = m[IMX_BN_BACK_DGAMMA],
                                                                    .dbeta = m[IMX_BN_BACK_DBETA],
                                                                    .dsrc = m[IMX_BN_BACK_DSRC],
                                                                    .rows = d->rows,
                                                                    .total = d->total,
                                                                    .cols = d->cols,
                                                                    .chunk = chunk.rows,
                                                                    .act = d->act,
                                                                    .strip = imx_strip(chunk),
                                                                    .block = imx_strip_rows(chunk, d->cols, 4) });
    return imx_run_bn_dsrc_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                  &(struct imx_k_bn_dsrc_column){ .src = m[IMX_BN_BACK_SRC],
                                                                  .ddst = m[IMX_BN_BACK_DDST],
                                                                  .gamma = m[IMX_BN_BACK_GAMMA],
                                                                  .beta = m[IMX_BN_BACK_BETA],
                                                                  .mean = m[IMX_BN_BACK_MEAN],
                                                                  .invstd = m[IMX_BN_BACK_INVSTD],
                                                                  .dgamma = m[IMX_BN_BACK_DGAMMA],
                                                                  .dbeta = m[IMX_BN_BACK_DBETA],
                                                                  .dsrc = m[IMX_BN_BACK_DSRC],
                                                                  .rows = d->rows,
                                                                  .total = d->total,
                                                                  .cols = d->cols,
                                                                  .chunk = chunk.rows,
                                                                  .act = d->act });
}

#define VARIANTS(stem)                                                                                                 \
    static imx_status stem##_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)                 \
    {                                                                                                                  \
        return run_##stem(dev, problem, a, true);                                                                      \
    }                                                                                                                  \
    static imx_status stem##_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)                \
    {                                                                                                                  \
        return run_##stem(dev, problem, a, false);                                                                     \
    }                                                                                                                  \
    static const struct imx_variant v_##stem##_strip = { "cl_strip", imx_on_cpu, NULL, stem##_strip, NULL };           \
    static const struct imx_variant v_##stem##_column = { "cl_column", imx_on_cl, NULL, stem##_column, NULL };         \
    extern const struct imx_variant *const imx_variants_bn_##stem[];                                                   \
    const struct imx_variant *const imx_variants_bn_##stem[] = { &v_##stem##_strip, &v_##stem##_column, NULL };

VARIANTS(stat)
VARIANTS(merge)
VARIANTS(apply)
VARIANTS(back_stat)
VARIANTS(back_merge)
VARIANTS(back_apply)
