/* Reductions on OpenCL devices. Column sums: chunks of rows, then a pass that adds the chunks. Row
 * reductions: one launch. See cl/reduce.cl for which kernel suits which device. */
#include "imx_kernels.h"
#include "ops/reduce.h"
#include "ops/rowchunk.h"

static uint64_t colsum_bytes(const struct imx_colsum *d, bool strips)
{
    return (uint64_t)imx_rowchunk(d->rows, strips).count * (uint64_t)d->cols * sizeof(float);
}

static uint64_t colsum_ws_strip(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return colsum_bytes(problem, true);
}

static uint64_t colsum_ws_column(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return colsum_bytes(problem, false);
}

static imx_status colsum(struct imx_dev *dev, const struct imx_colsum *d, const struct imx_args *a, bool strips)
{
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, strips);
    const struct imx_mem part = chunk.count == 1 ? a->m[IMX_REDUCE_DST] : a->ws;
    const int32_t width = strips ? 16 : 1;
    if (strips)
        IMX_TRY(imx_run_colsum_strip(dev, imx_launch_strips(chunk, d->cols),
                                     &(struct imx_k_colsum_strip){ .src = a->m[IMX_REDUCE_SRC],
                                                                   .part = part,
                                                                   .rows = d->rows,
                                                                   .cols = d->cols,
                                                                   .chunk = chunk.rows,
                                                                   .strip = imx_strip(chunk),
                                                                   .block = imx_strip_rows(chunk, d->cols, 8) }));
    else
        IMX_TRY(imx_run_colsum_column(
            dev, imx_launch_columns(dev, chunk, d->cols),
            &(struct imx_k_colsum_column){
                .src = a->m[IMX_REDUCE_SRC], .part = part, .rows = d->rows, .cols = d->cols, .chunk = chunk.rows }));
    if (chunk.count == 1)
        return IMX_OK;
    return imx_run_colsum_finish(
        dev, imx_launch_finish(dev, d->cols, width),
        &(struct imx_k_colsum_finish){
            .part = part, .dst = a->m[IMX_REDUCE_DST], .chunks = chunk.count, .cols = d->cols, .width = width });
}

static imx_status colsum_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return colsum(dev, problem, a, true);
}

static imx_status colsum_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return colsum(dev, problem, a, false);
}

static imx_status broadcast_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_colsum *d = problem;
    const int32_t chunk = imx_rows_per_item(d->cols);
    return imx_run_broadcast_row(dev, imx_launch_rows(d->rows, chunk),
                                 &(struct imx_k_broadcast_row){ .src = a->m[IMX_REDUCE_SRC],
                                                                .dst = a->m[IMX_REDUCE_DST],
                                                                .rows = d->rows,
                                                                .cols = d->cols,
                                                                .chunk = chunk });
}

static imx_status broadcast_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_colsum *d = problem;
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, false);
    return imx_run_broadcast_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                    &(struct imx_k_broadcast_column){ .src = a->m[IMX_REDUCE_SRC],
                                                                      .dst = a->m[IMX_REDUCE_DST],
                                                                      .rows = d->rows,
                                                                      .cols = d->cols,
                                                                      .chunk = chunk.rows });
}

static imx_status rowreduce_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_rowreduce *d = problem;
    const int32_t chunk = imx_rows_per_item(d->cols);
    return imx_run_rowreduce_row(dev, imx_launch_rows(d->rows, chunk),
                                 &(struct imx_k_rowreduce_row){ .src = a->m[IMX_REDUCE_SRC],
                                                                .dst = a->m[IMX_REDUCE_DST],
                                                                .rows = d->rows,
                                                                .cols = d->cols,
                                                                .kind = d->kind,
                                                                .chunk = chunk });
}

static imx_status rowreduce_by(struct imx_dev *dev, const void *problem, const struct imx_args *a,
                               struct imx_launch launch)
{
    const struct imx_rowreduce *d = problem;
    return imx_run_rowreduce_group(dev, launch,
                                   &(struct imx_k_rowreduce_group){ .src = a->m[IMX_REDUCE_SRC],
                                                                    .dst = a->m[IMX_REDUCE_DST],
                                                                    .rows = d->rows,
                                                                    .cols = d->cols,
                                                                    .kind = d->kind });
}

static imx_status rowreduce_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_rowreduce *d = problem;
    return rowreduce_by(dev, problem, a, imx_launch_groups(dev, d->rows));
}

static imx_status rowreduce_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_rowreduce *d = problem;
    return rowreduce_by(dev, problem, a, imx_launch_subgroups(dev, d->rows));
}

static imx_status rowreduce_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_rowreduce *d = problem;
    const struct imx_launch launch = imx_launch_1d(dev, (size_t)d->rows * (size_t)d->cols, NULL);
    if (d->kind == IMX_REDUCE_SUM || d->kind == IMX_REDUCE_MEAN)
        return imx_run_rowreduce_spread(
            dev, launch,
            &(struct imx_k_rowreduce_spread){ .ddst = a->m[IMX_ROWREDUCE_BWD_DDST],
                                              .dsrc = a->m[IMX_ROWREDUCE_BWD_DSRC],
                                              .rows = d->rows,
                                              .cols = d->cols,
                                              .scale = d->kind == IMX_REDUCE_SUM ? 1.0f : 1.0f / (float)d->cols });
    return imx_run_rowreduce_back(dev, launch,
                                  &(struct imx_k_rowreduce_back){ .src = a->m[IMX_ROWREDUCE_BWD_SRC],
                                                                  .dst = a->m[IMX_ROWREDUCE_BWD_DST],
                                                                  .ddst = a->m[IMX_ROWREDUCE_BWD_DDST],
                                                                  .dsrc = a->m[IMX_ROWREDUCE_BWD_DSRC],
                                                                  .rows = d->rows,
                                                                  .cols = d->cols,
                                                                  .kind = d->kind });
}

static bool linear_on_cpu(const struct imx_caps *caps, const void *problem)
{
    return imx_on_cpu(caps, problem) && ((const struct imx_rowreduce *)problem)->kind <= IMX_REDUCE_MEAN;
}

static imx_status rowreduce_bwd_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_rowreduce *d = problem;
    const int32_t chunk = imx_rows_per_item(d->cols);
    return imx_run_rowreduce_spread_row(
        dev, imx_launch_rows(d->rows, chunk),
        &(struct imx_k_rowreduce_spread_row){ .ddst = a->m[IMX_ROWREDUCE_BWD_DDST],
                                              .dsrc = a->m[IMX_ROWREDUCE_BWD_DSRC],
                                              .rows = d->rows,
                                              .cols = d->cols,
                                              .chunk = chunk,
                                              .scale = d->kind == IMX_REDUCE_SUM ? 1.0f : 1.0f / (float)d->cols });
}

/* At most 256 chunks, a multiple of 64 values long. */
static int32_t gradnorm_chunk(int32_t n)
{
    const int64_t per = ((int64_t)n + 255) / 256;
    return per < 4096 ? 4096 : (int32_t)((per + 63) / 64 * 64);
}

static int32_t gradnorm_chunks(int32_t n)
{
    const int64_t chunk = gradnorm_chunk(n);
    return (int32_t)(((int64_t)n + chunk - 1) / chunk);
}

static uint64_t gradnorm_ws(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return (uint64_t)gradnorm_chunks(((const struct imx_gradnorm *)problem)->n) * 2 * sizeof(float);
}

static imx_status gradnorm(struct imx_dev *dev, const struct imx_gradnorm *d, const struct imx_args *a, bool rows,
                           bool sub)
{
    const int32_t chunks = gradnorm_chunks(d->n);
    if (rows)
        IMX_TRY(imx_run_gradnorm_row(
            dev, imx_launch_rows(chunks, 1),
            &(struct imx_k_gradnorm_row){
                .src = a->m[IMX_REDUCE_SRC], .part = a->ws, .n = d->n, .chunk = gradnorm_chunk(d->n) }));
    else
        IMX_TRY(imx_run_gradnorm_group(
            dev, sub ? imx_launch_subgroups(dev, chunks) : imx_launch_groups(dev, chunks),
            &(struct imx_k_gradnorm_group){
                .src = a->m[IMX_REDUCE_SRC], .part = a->ws, .n = d->n, .chunk = gradnorm_chunk(d->n) }));
    return imx_run_gradnorm_finish(
        dev, sub ? imx_launch_subgroups(dev, 1) : imx_launch_groups(dev, 1),
        &(struct imx_k_gradnorm_finish){ .part = a->ws, .dst = a->m[IMX_REDUCE_DST], .chunks = chunks });
}

static imx_status gradnorm_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return gradnorm(dev, problem, a, true, false);
}

static imx_status gradnorm_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return gradnorm(dev, problem, a, false, false);
}

static imx_status gradnorm_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return gradnorm(dev, problem, a, false, true);
}

static const struct imx_variant v_colsum_strip = { "cl_strip", imx_on_cpu, colsum_ws_strip, colsum_strip };
static const struct imx_variant v_colsum_column = { "cl_column", imx_on_cl, colsum_ws_column, colsum_column };
static const struct imx_variant v_broadcast_row = { "cl_row", imx_on_cpu, NULL, broadcast_row };
static const struct imx_variant v_broadcast_column = { "cl_column", imx_on_cl, NULL, broadcast_column };
static const struct imx_variant v_rowreduce_row = { "cl_row", imx_on_cpu, NULL, rowreduce_row };
static const struct imx_variant v_rowreduce_sub = { "cl_group_sub", imx_has_subgroups, NULL, rowreduce_sub };
static const struct imx_variant v_rowreduce_group = { "cl_group", imx_on_cl, NULL, rowreduce_group };
static const struct imx_variant v_rowreduce_bwd_row = { "cl_row", linear_on_cpu, NULL, rowreduce_bwd_row };
static const struct imx_variant v_rowreduce_bwd = { "cl", imx_on_cl, NULL, rowreduce_bwd };
static const struct imx_variant v_gradnorm_row = { "cl_row", imx_on_cpu, gradnorm_ws, gradnorm_row };
static const struct imx_variant v_gradnorm_sub = { "cl_group_sub", imx_has_subgroups, gradnorm_ws, gradnorm_sub };
static const struct imx_variant v_gradnorm_group = { "cl_group", imx_on_cl, gradnorm_ws, gradnorm_group };
extern const struct imx_variant *const imx_variants_colsum[],
    *const imx_variants_broadcast[], *const imx_variants_rowreduce[], *const imx_variants_rowreduce_bwd[],
                                                                          *const imx_variants_gradnorm[];
const struct imx_variant *const imx_variants_colsum[] = { &v_colsum_strip, &v_colsum_column, NULL };
const struct imx_variant *const imx_variants_broadcast[] = { &v_broadcast_row, &v_broadcast_column, NULL };
const struct imx_variant *const imx_variants_rowreduce[] = { &v_rowreduce_row, &v_rowreduce_group, &v_rowreduce_sub,
                                                             NULL };
const struct imx_variant *const imx_variants_rowreduce_bwd[] = { &v_rowreduce_bwd_row, &v_rowreduce_bwd, NULL };
const struct imx_variant *const imx_variants_gradnorm[] = { &v_gradnorm_row, &v_gradnorm_group, &v_gradnorm_sub, NULL };
