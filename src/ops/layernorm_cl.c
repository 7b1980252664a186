/* Layer norm on OpenCL devices. Forward is one launch. Backward: "cl_row" (CPU devices) makes dsrc and the
 * chunks of dgamma and dbeta in one read; "cl_group" (GPUs) makes them in two launches; a last one adds the
 * chunks. */
#include "imx_kernels.h"
#include "ops/layernorm.h"
#include "ops/rowchunk.h"

static uint64_t part_bytes(const struct imx_layernorm *d, bool strips)
{
    return (uint64_t)imx_rowchunk(d->rows, strips).count * 2 * (uint64_t)d->cols * sizeof(float);
}

static uint64_t ws_row(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return part_bytes(problem, true);
}

static uint64_t ws_group(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return part_bytes(problem, false);
}

static imx_status fwd_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    const int32_t chunk = imx_rows_per_item(d->cols);
    return imx_run_ln_fwd_row(dev, imx_launch_rows(d->rows, chunk),
                              &(struct imx_k_ln_fwd_row){ .src = a->m[IMX_LN_FWD_SRC],
                                                          .gamma = a->m[IMX_LN_FWD_GAMMA],
                                                          .beta = a->m[IMX_LN_FWD_BETA],
                                                          .dst = a->m[IMX_LN_FWD_DST],
                                                          .mean = a->m[IMX_LN_FWD_MEAN],
                                                          .invstd = a->m[IMX_LN_FWD_INVSTD],
                                                          .rows = d->rows,
                                                          .cols = d->cols,
                                                          .chunk = chunk,
                                                          .eps = d->eps });
}

static imx_status fwd_by(struct imx_dev *dev, const void *problem, const struct imx_args *a, struct imx_launch launch)
{
    const struct imx_layernorm *d = problem;
    return imx_run_ln_fwd_group(dev, launch,
                                &(struct imx_k_ln_fwd_group){ .src = a->m[IMX_LN_FWD_SRC],
                                                              .gamma = a->m[IMX_LN_FWD_GAMMA],
                                                              .beta = a->m[IMX_LN_FWD_BETA],
                                                              .dst = a->m[IMX_LN_FWD_DST],
                                                              .mean = a->m[IMX_LN_FWD_MEAN],
                                                              .invstd = a->m[IMX_LN_FWD_INVSTD],
                                                              .cols = d->cols,
                                                              .eps = d->eps });
}

static imx_status fwd_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    return fwd_by(dev, problem, a, imx_launch_groups(dev, d->rows));
}

static imx_status fwd_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    return fwd_by(dev, problem, a, imx_launch_subgroups(dev, d->rows));
}

static imx_status finish(struct imx_dev *dev, const struct imx_layernorm *d, const struct imx_args *a, int32_t chunks,
                         int32_t width)
{
    return imx_run_ln_part_finish(dev, imx_launch_finish(dev, d->cols, width),
                                  &(struct imx_k_ln_part_finish){ .part = a->ws,
                                                                  .dgamma = a->m[IMX_LN_BWD_DGAMMA],
                                                                  .dbeta = a->m[IMX_LN_BWD_DBETA],
                                                                  .chunks = chunks,
                                                                  .cols = d->cols,
                                                                  .width = width });
}

static imx_status bwd_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, true);
    IMX_TRY(imx_run_ln_back_row(dev, imx_launch_rows(chunk.count, 1),
                                &(struct imx_k_ln_back_row){ .src = a->m[IMX_LN_BWD_SRC],
                                                             .ddst = a->m[IMX_LN_BWD_DDST],
                                                             .gamma = a->m[IMX_LN_BWD_GAMMA],
                                                             .mean = a->m[IMX_LN_BWD_MEAN],
                                                             .invstd = a->m[IMX_LN_BWD_INVSTD],
                                                             .dsrc = a->m[IMX_LN_BWD_DSRC],
                                                             .part = a->ws,
                                                             .rows = d->rows,
                                                             .cols = d->cols,
                                                             .chunk = chunk.rows }));
    return finish(dev, d, a, chunk.count, 16);
}

static imx_status bwd_by(struct imx_dev *dev, const void *problem, const struct imx_args *a, struct imx_launch launch)
{
    const struct imx_layernorm *d = problem;
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, false);
    IMX_TRY(imx_run_ln_dsrc_group(dev, launch,
                                  &(struct imx_k_ln_dsrc_group){ .src = a->m[IMX_LN_BWD_SRC],
                                                                 .ddst = a->m[IMX_LN_BWD_DDST],
                                                                 .gamma = a->m[IMX_LN_BWD_GAMMA],
                                                                 .mean = a->m[IMX_LN_BWD_MEAN],
                                                                 .invstd = a->m[IMX_LN_BWD_INVSTD],
                                                                 .dsrc = a->m[IMX_LN_BWD_DSRC],
                                                                 .cols = d->cols }));
    IMX_TRY(imx_run_ln_part_column(dev, imx_launch_columns(dev, chunk, d->cols),
                                   &(struct imx_k_ln_part_column){ .src = a->m[IMX_LN_BWD_SRC],
                                                                   .ddst = a->m[IMX_LN_BWD_DDST],
                                                                   .mean = a->m[IMX_LN_BWD_MEAN],
                                                                   .invstd = a->m[IMX_LN_BWD_INVSTD],
                                                                   .part = a->ws,
                                                                   .rows = d->rows,
                                                                   .cols = d->cols,
                                                                   .chunk = chunk.rows }));
    return finish(dev, d, a, chunk.count, 1);
}

static imx_status bwd_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    return bwd_by(dev, problem, a, imx_launch_groups(dev, d->rows));
}

static imx_status bwd_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_layernorm *d = problem;
    return bwd_by(dev, problem, a, imx_launch_subgroups(dev, d->rows));
}

static const struct imx_variant v_fwd_row = { "cl_row", imx_on_cpu, NULL, fwd_row };
static const struct imx_variant v_fwd_sub = { "cl_group_sub", imx_has_subgroups, NULL, fwd_sub };
static const struct imx_variant v_fwd_group = { "cl_group", imx_on_cl, NULL, fwd_group };
static const struct imx_variant v_bwd_row = { "cl_row", imx_on_cpu, ws_row, bwd_row };
static const struct imx_variant v_bwd_sub = { "cl_group_sub", imx_has_subgroups, ws_group, bwd_sub };
static const struct imx_variant v_bwd_group = { "cl_group", imx_on_cl, ws_group, bwd_group };
extern const struct imx_variant *const imx_variants_layernorm_fwd[], *const imx_variants_layernorm_bwd[];
const struct imx_variant *const imx_variants_layernorm_fwd[] = { &v_fwd_row, &v_fwd_group, &v_fwd_sub, NULL };
const struct imx_variant *const imx_variants_layernorm_bwd[] = { &v_bwd_row, &v_bwd_group, &v_bwd_sub, NULL };
