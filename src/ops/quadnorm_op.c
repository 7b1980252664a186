/* Rows over the root of a quadratic form as ops: arguments, gradient rule, the problems that the self-test runs. See
 * quadnorm.h for the formulas. */
#include "ops/quadnorm.h"

#include "ops/gemm.h"
#include "ops/gram.h"
#include "ops/reduce.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_quadnorm_fwd[], *const imx_variants_quadnorm_bwd[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_quadnorm, rows), false },
    { "k", offsetof(struct imx_quadnorm, k), false },
    { "o", offsetof(struct imx_quadnorm, out), false },
    { "_eps", offsetof(struct imx_quadnorm, eps), true },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_quadnorm *d = problem;
    if (d->rows < 1 || d->k < 1 || d->out < 1)
        return "sizes must be positive";
    if ((int64_t)d->rows * d->k > INT32_MAX || (int64_t)d->out * d->k > INT32_MAX || (int64_t)d->k * d->k > INT32_MAX)
        return "a matrix has more than 2^31 - 1 elements";
    return d->eps > 0 ? NULL : "eps must be positive";
}

static struct imx_arg floats(const char *name, enum imx_role role, int64_t count, enum imx_fill fill)
{
    return (struct imx_arg){ name, role, IMX_F32, count, fill, 0 };
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_quadnorm *d = problem;
    const int64_t n = (int64_t)d->rows * d->k, w = (int64_t)d->out * d->k;
    arg[IMX_QUADNORM_FWD_SRC] = floats("src", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_FWD_WEI] = floats("wei", IMX_IN, w, IMX_FILL_REAL);
    arg[IMX_QUADNORM_FWD_BIA] = floats("bia", IMX_IN, d->out, IMX_FILL_REAL);
    arg[IMX_QUADNORM_FWD_DST] = floats("dst", IMX_OUT, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_FWD_INVSTD] = floats("invstd", IMX_OUT, d->rows, IMX_FILL_REAL);
    arg[IMX_QUADNORM_FWD_Z] = floats("z", IMX_OUT, n, IMX_FILL_REAL);
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_quadnorm *d = problem;
    const int64_t n = (int64_t)d->rows * d->k;
    arg[IMX_QUADNORM_BWD_DST] = floats("dst", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_INVSTD] = floats("invstd", IMX_IN, d->rows, IMX_FILL_POSITIVE);
    arg[IMX_QUADNORM_BWD_Z] = floats("z", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_DDST] = floats("ddst", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_DINVSTD] = floats("dinvstd", IMX_IN, d->rows, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_DSRC] = floats("dsrc", IMX_OUT, n, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_WGT] = floats("wgt", IMX_OUT, d->rows, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_SHARE] = floats("share", IMX_OUT, d->rows, IMX_FILL_REAL);
    arg[IMX_QUADNORM_BWD_WSUM] = floats("wsum", IMX_OUT, d->k, IMX_FILL_REAL);
}

static double flop_fwd(const void *problem)
{
    const struct imx_quadnorm *d = problem;
    return 2.0 * d->rows * d->k * d->k + (double)d->out * d->k * (d->k + 1.0) + 4.0 * d->rows * d->k;
}

static double flop_bwd(const void *problem)
{
    const struct imx_quadnorm *d = problem;
    return 7.0 * d->rows * d->k;
}

static int64_t terms_fwd(const void *problem)
{
    const struct imx_quadnorm *d = problem;
    return (int64_t)d->out + 2 * (int64_t)d->k + 2;
}

static int64_t terms_bwd(const void *problem)
{
    const struct imx_quadnorm *d = problem;
    return (int64_t)d->rows + d->k;
}

/* dst = a op(b) + add, or the like, as one more node. */
static imx_status product(struct imx_emit *e, struct imx_gemm g, imx_tid a, imx_tid b, imx_tid add, const char *name,
                          imx_tid *dst)
{
    *dst = e->tensor(e, IMX_F32, (int64_t)g.m * g.n, name);
    g.add = add != 0;
    const imx_tid arg[] = { a, b, 0, add, *dst };
    return e->node(e, &imx_op_gemm, &g, arg);
}

/* What the backward pass leaves behind for the gradients of wei and bia. */
struct sums {
    imx_tid wgt, share, wsum;
};

/* dwei = wei H + bia h^T */
static imx_status grad_wei(struct imx_emit *e, const struct imx_quadnorm *d, const imx_tid *arg, struct sums s,
                           imx_tid *dwei)
{
    const struct imx_gram gram = { d->rows, d->k, 1 };
    const imx_tid h = e->tensor(e, IMX_F32, (int64_t)d->k * d->k, "h");
    const imx_tid gram_arg[] = { arg[IMX_QUADNORM_FWD_DST], s.wgt, h };
    imx_tid outer;
    IMX_TRY(e->node(e, &imx_op_gram, &gram, gram_arg));
    IMX_TRY(product(e, (struct imx_gemm){ .m = d->out, .n = d->k, .k = 1 }, arg[IMX_QUADNORM_FWD_BIA], s.wsum, 0,
                    "outer", &outer));
    return product(e, (struct imx_gemm){ .m = d->out, .n = d->k, .k = d->k }, arg[IMX_QUADNORM_FWD_WEI], h, outer,
                   "dwei", dwei);
}

/* dbia = wei h + bia sum s */
static imx_status grad_bia(struct imx_emit *e, const struct imx_quadnorm *d, const imx_tid *arg, struct sums s,
                           imx_tid *dbia)
{
    const struct imx_colsum column = { d->rows, 1 };
    const imx_tid sum = e->tensor(e, IMX_F32, 1, "sum"), sum_arg[] = { s.share, sum };
    imx_tid first;
    IMX_TRY(e->node(e, &imx_op_colsum, &column, sum_arg));
    IMX_TRY(product(e, (struct imx_gemm){ .m = 1, .n = d->out, .k = 1 }, sum, arg[IMX_QUADNORM_FWD_BIA], 0, "first",
                    &first));
    return product(e, (struct imx_gemm){ .m = 1, .n = d->out, .k = d->k, .tb = 1 }, s.wsum, arg[IMX_QUADNORM_FWD_WEI],
                   first, "dbia", dbia);
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_quadnorm *d = problem;
    if (!darg[IMX_QUADNORM_FWD_DST] || !darg[IMX_QUADNORM_FWD_INVSTD])
        return imx_fail(IMX_E_UNSUPPORTED, "quadnorm wants the gradients of both its results");
    const imx_tid dsrc = e->tensor(e, IMX_F32, (int64_t)d->rows * d->k, "dsrc");
    const struct sums s = { e->tensor(e, IMX_F32, d->rows, "wgt"), e->tensor(e, IMX_F32, d->rows, "share"),
                            e->tensor(e, IMX_F32, d->k, "wsum") };
    const imx_tid bwd[] = { arg[IMX_QUADNORM_FWD_DST],
                            arg[IMX_QUADNORM_FWD_INVSTD],
                            arg[IMX_QUADNORM_FWD_Z],
                            darg[IMX_QUADNORM_FWD_DST],
                            darg[IMX_QUADNORM_FWD_INVSTD],
                            dsrc,
                            s.wgt,
                            s.share,
                            s.wsum };
    IMX_TRY(e->node(e, &imx_op_quadnorm_bwd, problem, bwd));
    if (darg[IMX_QUADNORM_FWD_SRC] == IMX_WANTED)
        darg[IMX_QUADNORM_FWD_SRC] = dsrc;
    if (darg[IMX_QUADNORM_FWD_WEI] == IMX_WANTED)
        IMX_TRY(grad_wei(e, d, arg, s, &darg[IMX_QUADNORM_FWD_WEI]));
    if (darg[IMX_QUADNORM_FWD_BIA] == IMX_WANTED)
        IMX_TRY(grad_bia(e, d, arg, s, &darg[IMX_QUADNORM_FWD_BIA]));
    return IMX_OK;
}

static const char *const cases[] = {
    "r5k7o4_eps1e-05",    "r33k72o19_eps1e-05", "r1k1o1_eps0.1",       "r130k65o96_eps0.001",
    "r600k40o33_eps0.01", "r3k530o20_eps1e-05", "r70k96o300_eps1e-05", NULL,
};

const struct imx_op imx_op_quadnorm_fwd = {
    .name = "quadnorm_fwd",
    .problem_size = sizeof(struct imx_quadnorm),
    .fields = fields,
    .n_args = 6,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_quadnorm_fwd_f32,
    .ref_f64 = imx_ref_quadnorm_fwd_f64,
    .variants = imx_variants_quadnorm_fwd,
    .flop = flop_fwd,
    .terms = terms_fwd,
    .exact = false,
    .ulps = 8,
    .grad = grad_fwd,
    .inner = imx_quadnorm_fwd_inner,
    .cases = cases,
};

const struct imx_op imx_op_quadnorm_bwd = {
    .name = "quadnorm_bwd",
    .problem_size = sizeof(struct imx_quadnorm),
    .fields = fields,
    .n_args = 9,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_quadnorm_bwd_f32,
    .ref_f64 = imx_ref_quadnorm_bwd_f64,
    .variants = imx_variants_quadnorm_bwd,
    .flop = flop_bwd,
    .terms = terms_bwd,
    .exact = false,
    .ulps = 8,
    .cases = cases,
};
