/* Rows over the root of a quadratic form on OpenCL devices: the form's matrix by imx_op_gram, z by imx_op_gemm, then
 * one pass over the rows. "cl_row" is for CPU devices, "cl_group" for GPUs. See quadnorm.h. */
#include "imx_kernels.h"
#include "ops/gemm.h"
#include "ops/gram.h"
#include "ops/quadnorm.h"
#include "ops/rowchunk.h"

/* ---- forward: the products ---- */

static struct imx_gram gram_of(const struct imx_quadnorm *d)
{
    return (struct imx_gram){ d->out, d->k, 0 };
}

/* z = src M + m; m = bia^T wei; m0 = bia^T bia */
static struct imx_gemm z_of(const struct imx_quadnorm *d)
{
    return (struct imx_gemm){ .m = d->rows, .n = d->k, .k = d->k, .bias = 1 };
}

static struct imx_gemm m_of(const struct imx_quadnorm *d)
{
    return (struct imx_gemm){ .m = 1, .n = d->k, .k = d->out };
}

static struct imx_gemm m0_of(const struct imx_quadnorm *d)
{
    return (struct imx_gemm){ .m = 1, .n = 1, .k = d->out };
}

/* The form's three parts in the workspace, each on a page of its own, then the products' scratch. The matrix is needed
 * no longer when DST is written, so it lies there if it fits. */
struct form {
    bool in_dst;
    uint64_t m, m0, scratch, end; /* the matrix begins at 0 */
};

static struct form form_of(const struct imx_caps *caps, const struct imx_quadnorm *d)
{
    const struct imx_gram gram = gram_of(d);
    const struct imx_gemm product[] = { z_of(d), m_of(d), m0_of(d) };
    struct form f = { .in_dst = d->k <= d->rows };
    uint64_t most = imx_op_scratch(caps, &imx_op_gram, &gram);
    for (int i = 0; i < 3; i++) {
        const uint64_t bytes = imx_op_scratch(caps, &imx_op_gemm, &product[i]);
        most = bytes > most ? bytes : most;
    }
    f.m = f.in_dst ? 0 : imx_page((uint64_t)d->k * (uint64_t)d->k * sizeof(float));
    f.m0 = f.m + imx_page((uint64_t)d->k * sizeof(float));
    f.scratch = f.m0 + imx_page(sizeof(float));
    f.end = f.scratch + most;
    return f;
}

void imx_quadnorm_fwd_inner(const void *problem, imx_visit_fn *visit, void *user)
{
    const struct imx_gram gram = gram_of(problem);
    const struct imx_gemm product[] = { z_of(problem), m_of(problem), m0_of(problem) };
    visit(user, &imx_op_gram, &gram);
    for (int i = 0; i < 3; i++)
        visit(user, &imx_op_gemm, &product[i]);
}

static uint64_t ws_fwd(const struct imx_caps *caps, const void *problem)
{
    return form_of(caps, problem).end;
}

static imx_status gemm(struct imx_dev *dev, struct imx_gemm g, struct imx_mem scratch, struct imx_mem a,
                       struct imx_mem b, struct imx_mem bia, struct imx_mem dst)
{
    struct imx_args args = { .ws = scratch };
    args.m[IMX_GEMM_A] = a;
    args.m[IMX_GEMM_B] = b;
    args.m[IMX_GEMM_BIA] = bia;
    args.m[IMX_GEMM_DST] = dst;
    return imx_op_run(dev, &imx_op_gemm, NULL, &g, &args);
}

/* Leaves z in Z; *m and *m0 are where the row pass finds the rest. */
static imx_status make_form(struct imx_dev *dev, const struct imx_quadnorm *d, const struct imx_args *a,
                            struct imx_mem *m, struct imx_mem *m0)
{
    const struct form f = form_of(&dev->caps, d);
    const struct imx_mem matrix =
        imx_part(f.in_dst ? a->m[IMX_QUADNORM_FWD_DST] : a->ws, 0, (uint64_t)d->k * (uint64_t)d->k * sizeof(float));
    const struct imx_mem scratch = imx_part(a->ws, f.scratch, f.end - f.scratch), none = { 0 };
    const struct imx_mem wei = a->m[IMX_QUADNORM_FWD_WEI], bia = a->m[IMX_QUADNORM_FWD_BIA];
    const struct imx_gram gram = gram_of(d);
    struct imx_args gram_args = { .ws = scratch };
    *m = imx_part(a->ws, f.m, (uint64_t)d->k * sizeof(float));
    *m0 = imx_part(a->ws, f.m0, sizeof(float));
    gram_args.m[IMX_GRAM_SRC] = wei;
    gram_args.m[IMX_GRAM_DST] = matrix;
    IMX_TRY(imx_op_run(dev, &imx_op_gram, NULL, &gram, &gram_args));
    IMX_TRY(gemm(dev, m_of(d), scratch, bia, wei, none, *m));
    IMX_TRY(gemm(dev, m0_of(d), scratch, bia, bia, none, *m0));
    return gemm(dev, z_of(d), scratch, a->m[IMX_QUADNORM_FWD_SRC], matrix, *m, a->m[IMX_QUADNORM_FWD_Z]);
}

static imx_status fwd_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    const int32_t chunk = imx_rows_per_item(d->k);
    struct imx_mem m, m0;
    IMX_TRY(make_form(dev, d, a, &m, &m0));
    return imx_run_quad_fwd_row(dev, imx_launch_rows(d->rows, chunk),
                                &(struct imx_k_quad_fwd_row){ .src = a->m[IMX_QUADNORM_FWD_SRC],
                                                              .z = a->m[IMX_QUADNORM_FWD_Z],
                                                              .m = m,
                                                              .m0 = m0,
                                                              .dst = a->m[IMX_QUADNORM_FWD_DST],
                                                              .invstd = a->m[IMX_QUADNORM_FWD_INVSTD],
                                                              .rows = d->rows,
                                                              .k = d->k,
                                                              .chunk = chunk,
                                                              .out = d->out,
                                                              .eps = d->eps });
}

static imx_status fwd_by(struct imx_dev *dev, const void *problem, const struct imx_args *a, struct imx_launch launch)
{
    const struct imx_quadnorm *d = problem;
    struct imx_mem m, m0;
    IMX_TRY(make_form(dev, d, a, &m, &m0));
    return imx_run_quad_fwd_group(dev, launch,
                                  &(struct imx_k_quad_fwd_group){ .src = a->m[IMX_QUADNORM_FWD_SRC],
                                                                  .z = a->m[IMX_QUADNORM_FWD_Z],
                                                                  .m = m,
                                                                  .m0 = m0,
                                                                  .dst = a->m[IMX_QUADNORM_FWD_DST],
                                                                  .invstd = a->m[IMX_QUADNORM_FWD_INVSTD],
                                                                  .k = d->k,
                                                                  .out = d->out,
                                                                  .eps = d->eps });
}

static imx_status fwd_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    return fwd_by(dev, problem, a, imx_launch_groups(dev, d->rows));
}

static imx_status fwd_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    return fwd_by(dev, problem, a, imx_launch_subgroups(dev, d->rows));
}

/* ---- backward ---- */

static uint64_t ws_row(const struct imx_caps *caps, const void *problem)
{
    const struct imx_quadnorm *d = problem;
    (void)caps;
    return (uint64_t)imx_rowchunk(d->rows, true).count * (uint64_t)d->k * sizeof(float);
}

static uint64_t ws_group(const struct imx_caps *caps, const void *problem)
{
    const struct imx_quadnorm *d = problem;
    (void)caps;
    return (uint64_t)imx_rowchunk(d->rows, false).count * (uint64_t)d->k * sizeof(float);
}

static imx_status finish(struct imx_dev *dev, const struct imx_quadnorm *d, const struct imx_args *a, int32_t chunks)
{
    return imx_run_quad_sum_finish(
        dev, imx_launch_1d(dev, (size_t)d->k, NULL),
        &(struct imx_k_quad_sum_finish){
            .part = a->ws, .wsum = a->m[IMX_QUADNORM_BWD_WSUM], .chunks = chunks, .k = d->k });
}

static imx_status bwd_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, true);
    IMX_TRY(imx_run_quad_bwd_row(dev, imx_launch_rows(chunk.count, 1),
                                 &(struct imx_k_quad_bwd_row){ .dst = a->m[IMX_QUADNORM_BWD_DST],
                                                               .z = a->m[IMX_QUADNORM_BWD_Z],
                                                               .invstd = a->m[IMX_QUADNORM_BWD_INVSTD],
                                                               .ddst = a->m[IMX_QUADNORM_BWD_DDST],
                                                               .dinvstd = a->m[IMX_QUADNORM_BWD_DINVSTD],
                                                               .dsrc = a->m[IMX_QUADNORM_BWD_DSRC],
                                                               .wgt = a->m[IMX_QUADNORM_BWD_WGT],
                                                               .share = a->m[IMX_QUADNORM_BWD_SHARE],
                                                               .part = a->ws,
                                                               .rows = d->rows,
                                                               .k = d->k,
                                                               .chunk = chunk.rows,
                                                               .out = d->out }));
    return finish(dev, d, a, chunk.count);
}

static imx_status bwd_by(struct imx_dev *dev, const void *problem, const struct imx_args *a, struct imx_launch launch)
{
    const struct imx_quadnorm *d = problem;
    const struct imx_rowchunk chunk = imx_rowchunk(d->rows, false);
    IMX_TRY(imx_run_quad_bwd_group(dev, launch,
                                   &(struct imx_k_quad_bwd_group){ .dst = a->m[IMX_QUADNORM_BWD_DST],
                                                                   .z = a->m[IMX_QUADNORM_BWD_Z],
                                                                   .invstd = a->m[IMX_QUADNORM_BWD_INVSTD],
                                                                   .ddst = a->m[IMX_QUADNORM_BWD_DDST],
                                                                   .dinvstd = a->m[IMX_QUADNORM_BWD_DINVSTD],
                                                                   .dsrc = a->m[IMX_QUADNORM_BWD_DSRC],
                                                                   .wgt = a->m[IMX_QUADNORM_BWD_WGT],
                                                                   .share = a->m[IMX_QUADNORM_BWD_SHARE],
                                                                   .k = d->k,
                                                                   .out = d->out }));
    IMX_TRY(imx_run_quad_sum_column(dev, imx_launch_columns(dev, chunk, d->k),
                                    &(struct imx_k_quad_sum_column){ .dst = a->m[IMX_QUADNORM_BWD_DST],
                                                                     .wgt = a->m[IMX_QUADNORM_BWD_WGT],
                                                                     .invstd = a->m[IMX_QUADNORM_BWD_INVSTD],
                                                                     .part = a->ws,
                                                                     .rows = d->rows,
                                                                     .k = d->k,
                                                                     .chunk = chunk.rows }));
    return finish(dev, d, a, chunk.count);
}

static imx_status bwd_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    return bwd_by(dev, problem, a, imx_launch_groups(dev, d->rows));
}

static imx_status bwd_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_quadnorm *d = problem;
    return bwd_by(dev, problem, a, imx_launch_subgroups(dev, d->rows));
}

static const struct imx_variant v_fwd_row = { "cl_row", imx_on_cpu, ws_fwd, fwd_row };
static const struct imx_variant v_fwd_sub = { "cl_group_sub", imx_has_subgroups, ws_fwd, fwd_sub };
static const struct imx_variant v_fwd_group = { "cl_group", imx_on_cl, ws_fwd, fwd_group };
static const struct imx_variant v_bwd_row = { "cl_row", imx_on_cpu, ws_row, bwd_row };
static const struct imx_variant v_bwd_sub = { "cl_group_sub", imx_has_subgroups, ws_group, bwd_sub };
static const struct imx_variant v_bwd_group = { "cl_group", imx_on_cl, ws_group, bwd_group };
extern const struct imx_variant *const imx_variants_quadnorm_fwd[], *const imx_variants_quadnorm_bwd[];
const struct imx_variant *const imx_variants_quadnorm_fwd[] = { &v_fwd_row, &v_fwd_group, &v_fwd_sub, NULL };
const struct imx_variant *const imx_variants_quadnorm_bwd[] = { &v_bwd_row, &v_bwd_group, &v_bwd_sub, NULL };
