/* Layer norm as ops: arguments, gradient rule, the problems that the self-test runs. See layernorm.h. */
#include "ops/layernorm.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_layernorm_fwd[], *const imx_variants_layernorm_bwd[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_layernorm, rows), false },
    { "c", offsetof(struct imx_layernorm, cols), false },
    { "_eps", offsetof(struct imx_layernorm, eps), true },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_layernorm *d = problem;
    if (d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    return d->eps > 0 ? NULL : "eps must be positive";
}

static struct imx_arg floats(const char *name, enum imx_role role, int64_t count, enum imx_fill fill)
{
    return (struct imx_arg){ name, role, IMX_F32, count, fill, 0 };
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_layernorm *d = problem;
    const int64_t n = (int64_t)d->rows * d->cols;
    arg[IMX_LN_FWD_SRC] = floats("src", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_LN_FWD_GAMMA] = floats("gamma", IMX_IN, d->cols, IMX_FILL_REAL);
    arg[IMX_LN_FWD_BETA] = floats("beta", IMX_IN, d->cols, IMX_FILL_REAL);
    arg[IMX_LN_FWD_DST] = floats("dst", IMX_OUT, n, IMX_FILL_REAL);
    arg[IMX_LN_FWD_MEAN] = floats("mean", IMX_OUT, d->rows, IMX_FILL_REAL);
    arg[IMX_LN_FWD_INVSTD] = floats("invstd", IMX_OUT, d->rows, IMX_FILL_REAL);
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_layernorm *d = problem;
    const int64_t n = (int64_t)d->rows * d->cols;
    arg[IMX_LN_BWD_SRC] = floats("src", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_LN_BWD_DDST] = floats("ddst", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_LN_BWD_GAMMA] = floats("gamma", IMX_IN, d->cols, IMX_FILL_REAL);
    arg[IMX_LN_BWD_MEAN] = floats("mean", IMX_IN, d->rows, IMX_FILL_REAL);
    arg[IMX_LN_BWD_INVSTD] = floats("invstd", IMX_IN, d->rows, IMX_FILL_POSITIVE);
    arg[IMX_LN_BWD_DSRC] = floats("dsrc", IMX_OUT, n, IMX_FILL_REAL);
    arg[IMX_LN_BWD_DGAMMA] = floats("dgamma", IMX_OUT, d->cols, IMX_FILL_REAL);
    arg[IMX_LN_BWD_DBETA] = floats("dbeta", IMX_OUT, d->cols, IMX_FILL_REAL);
}

static double flop(const void *problem)
{
    const struct imx_layernorm *d = problem;
    return 8.0 * d->rows * d->cols;
}

static int64_t terms(const void *problem)
{
    const struct imx_layernorm *d = problem;
    return d->rows > d->cols ? d->rows : d->cols;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_layernorm *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, (int64_t)d->rows * d->cols, "dsrc");
    const imx_tid dgamma = e->tensor(e, IMX_F32, d->cols, "dgamma"), dbeta = e->tensor(e, IMX_F32, d->cols, "dbeta");
    const imx_tid bwd[] = { arg[IMX_LN_FWD_SRC],
                            darg[IMX_LN_FWD_DST],
                            arg[IMX_LN_FWD_GAMMA],
                            arg[IMX_LN_FWD_MEAN],
                            arg[IMX_LN_FWD_INVSTD],
                            dsrc,
                            dgamma,
                            dbeta };
    darg[IMX_LN_FWD_SRC] = dsrc;
    darg[IMX_LN_FWD_GAMMA] = dgamma;
    darg[IMX_LN_FWD_BETA] = dbeta;
    return e->node(e, &imx_op_layernorm_bwd, problem, bwd);
}

static const char *const cases[] = {
    "r19c37_eps1e-05",  "r33c72_eps1e-05",  "r5c1_eps1e-05",    "r1c16_eps0.001",
    "r130c64_eps1e-05", "r600c40_eps1e-05", "r3c1031_eps1e-05", NULL,
};

const struct imx_op imx_op_layernorm_fwd = {
    .name = "layernorm_fwd",
    .problem_size = sizeof(struct imx_layernorm),
    .fields = fields,
    .n_args = 6,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_layernorm_fwd_f32,
    .ref_f64 = imx_ref_layernorm_fwd_f64,
    .variants = imx_variants_layernorm_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_layernorm_bwd = {
    .name = "layernorm_bwd",
    .problem_size = sizeof(struct imx_layernorm),
    .fields = fields,
    .n_args = 8,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_layernorm_bwd_f32,
    .ref_f64 = imx_ref_layernorm_bwd_f64,
    .variants = imx_variants_layernorm_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .cases = cases,
};
