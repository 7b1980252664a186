/* Batch norm as ops: arguments, gradient rule, the problems that the self-test runs. See batchnorm.h. */
#include "ops/batchnorm.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_batchnorm_fwd[], *const imx_variants_batchnorm_bwd[],
                                                                         *const imx_variants_batchnorm_infer[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_batchnorm, rows), false },      { "c", offsetof(struct imx_batchnorm, cols), false },
    { "_act", offsetof(struct imx_batchnorm, act), false },    { "eps", offsetof(struct imx_batchnorm, eps), true },
    { "mom", offsetof(struct imx_batchnorm, momentum), true }, { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_batchnorm *d = problem;
    if (d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    if (!(d->eps > 0) || !(d->momentum >= 0 && d->momentum <= 1))
        return "eps must be positive and momentum lie in [0, 1]";
    return d->act == IMX_ACT_NONE || d->act == IMX_ACT_RELU ? NULL : "act is 0 (none) or 1 (relu)";
}

static struct imx_arg matrix(const void *problem, const char *name, enum imx_role role)
{
    const struct imx_batchnorm *d = problem;
    return (struct imx_arg){ name, role, IMX_F32, (int64_t)d->rows * d->cols, IMX_FILL_REAL, 0 };
}

static struct imx_arg column(const void *problem, const char *name, enum imx_role role, enum imx_fill fill)
{
    const struct imx_batchnorm *d = problem;
    return (struct imx_arg){ name, role, IMX_F32, d->cols, fill, 0 };
}

static void args_fwd(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_FWD_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_FWD_GAMMA] = column(p, "gamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_FWD_BETA] = column(p, "beta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_FWD_RUN_MEAN] = column(p, "run_mean", IMX_INOUT, IMX_FILL_REAL);
    arg[IMX_BN_FWD_RUN_VAR] = column(p, "run_var", IMX_INOUT, IMX_FILL_POSITIVE);
    arg[IMX_BN_FWD_DST] = matrix(p, "dst", IMX_OUT);
    arg[IMX_BN_FWD_MEAN] = column(p, "mean", IMX_OUT, IMX_FILL_REAL);
    arg[IMX_BN_FWD_INVSTD] = column(p, "invstd", IMX_OUT, IMX_FILL_REAL);
}

static void args_bwd(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_BWD_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_BWD_DDST] = matrix(p, "ddst", IMX_IN);
    arg[IMX_BN_BWD_GAMMA] = column(p, "gamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BWD_BETA] = column(p, "beta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BWD_MEAN] = column(p, "mean", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BWD_INVSTD] = column(p, "invstd", IMX_IN, IMX_FILL_POSITIVE);
    arg[IMX_BN_BWD_DSRC] = matrix(p, "dsrc", IMX_OUT);
    arg[IMX_BN_BWD_DGAMMA] = column(p, "dgamma", IMX_OUT, IMX_FILL_REAL);
    arg[IMX_BN_BWD_DBETA] = column(p, "dbeta", IMX_OUT, IMX_FILL_REAL);
}

static void args_infer(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_INFER_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_INFER_GAMMA] = column(p, "gamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_INFER_BETA] = column(p, "beta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_INFER_RUN_MEAN] = column(p, "run_mean", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_INFER_RUN_VAR] = column(p, "run_var", IMX_IN, IMX_FILL_POSITIVE);
    arg[IMX_BN_INFER_DST] = matrix(p, "dst", IMX_OUT);
}

static double flop(const void *problem)
{
    const struct imx_batchnorm *d = problem;
    return 8.0 * d->rows * d->cols;
}

static int64_t terms(const void *problem)
{
    return ((const struct imx_batchnorm *)problem)->rows;
}

static int64_t terms_infer(const void *problem)
{
    (void)problem;
    return 2;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_batchnorm *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, (int64_t)d->rows * d->cols, "dsrc");
    const imx_tid dgamma = e->tensor(e, IMX_F32, d->cols, "dgamma"), dbeta = e->tensor(e, IMX_F32, d->cols, "dbeta");
    const imx_tid bwd[] = { arg[IMX_BN_FWD_SRC],
                            darg[IMX_BN_FWD_DST],
                            arg[IMX_BN_FWD_GAMMA],
                            arg[IMX_BN_FWD_BETA],
                            arg[IMX_BN_FWD_MEAN],
                            arg[IMX_BN_FWD_INVSTD],
                            dsrc,
                            dgamma,
                            dbeta };
    darg[IMX_BN_FWD_SRC] = dsrc;
    darg[IMX_BN_FWD_GAMMA] = dgamma;
    darg[IMX_BN_FWD_BETA] = dbeta;
    darg[IMX_BN_FWD_RUN_MEAN] = darg[IMX_BN_FWD_RUN_VAR] = 0; /* the running statistics do not reach dst */
    return e->node(e, &imx_op_batchnorm_bwd, problem, bwd);
}

static const char *const cases[] = {
    "r37c19_act0eps1e-05mom0.1",   "r72c33_act1eps1e-05mom0.1",
    "r1c5_act0eps1e-05mom0.1",     "r2c1_act1eps0.001mom1",
    "r8c16_act0eps1e-05mom0.05",   "r64c128_act1eps1e-05mom0.1",
    "r600c40_act1eps1e-05mom0.1",  "r1031c3_act0eps1e-05mom0.1",
    "r129c530_act1eps1e-05mom0.1", NULL,
};

const struct imx_op imx_op_batchnorm_fwd = {
    .name = "batchnorm_fwd",
    .problem_size = sizeof(struct imx_batchnorm),
    .fields = fields,
    .n_args = 8,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_batchnorm_fwd_f32,
    .ref_f64 = imx_ref_batchnorm_fwd_f64,
    .variants = imx_variants_batchnorm_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_batchnorm_bwd = {
    .name = "batchnorm_bwd",
    .problem_size = sizeof(struct imx_batchnorm),
    .fields = fields,
    .n_args = 9,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_batchnorm_bwd_f32,
    .ref_f64 = imx_ref_batchnorm_bwd_f64,
    .variants = imx_variants_batchnorm_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .cases = cases,
};

const struct imx_op imx_op_batchnorm_infer = {
    .name = "batchnorm_infer",
    .problem_size = sizeof(struct imx_batchnorm),
    .fields = fields,
    .n_args = 6,
    .args = args_infer,
    .check = check,
    .ref_f32 = imx_ref_batchnorm_infer_f32,
    .ref_f64 = imx_ref_batchnorm_infer_f64,
    .variants = imx_variants_batchnorm_infer,
    .flop = flop,
    .terms = terms_infer,
    .exact = false,
    .ulps = 8,
    .cases = cases,
};
