/* The pieces of batch norm as ops: arguments and the problems that the self-test runs. They are made by rewriting a
 * graph that is differentiated already, so they have no gradient rules. See bnpart.h. */
#include "ops/bnpart.h"
#include "ops/ref.h"

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_bnpart, rows), false },      { "c", offsetof(struct imx_bnpart, cols), false },
    { "of", offsetof(struct imx_bnpart, total), false },    { "by", offsetof(struct imx_bnpart, chunk), false },
    { "_act", offsetof(struct imx_bnpart, act), false },    { "eps", offsetof(struct imx_bnpart, eps), true },
    { "mom", offsetof(struct imx_bnpart, momentum), true }, { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_bnpart *d = problem;
    if (d->rows < 1 || d->cols < 1 || d->chunk < 1 || d->total < d->rows)
        return "sizes must be positive, and a slice no larger than the whole";
    if (!(d->eps > 0) || !(d->momentum >= 0 && d->momentum <= 1))
        return "eps must be positive and momentum lie in [0, 1]";
    return d->act == IMX_ACT_NONE || d->act == IMX_ACT_RELU ? NULL : "act is 0 (none) or 1 (relu)";
}

static struct imx_arg matrix(const void *problem, const char *name, enum imx_role role)
{
    const struct imx_bnpart *d = problem;
    return (struct imx_arg){ name, role, IMX_F32, (int64_t)d->rows * d->cols, IMX_FILL_REAL, 0 };
}

static struct imx_arg column(const void *problem, const char *name, enum imx_role role, enum imx_fill fill)
{
    const struct imx_bnpart *d = problem;
    return (struct imx_arg){ name, role, IMX_F32, d->cols, fill, 0 };
}

static struct imx_arg part(const void *problem, int32_t rows, enum imx_role role, enum imx_fill fill)
{
    const struct imx_bnpart *d = problem;
    const int64_t chunks = (rows + d->chunk - 1) / d->chunk;
    return (struct imx_arg){ "part", role, IMX_F32, chunks * 2 * d->cols, fill, 0 };
}

static void args_stat(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_STAT_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_STAT_PART] = part(p, ((const struct imx_bnpart *)p)->rows, IMX_OUT, IMX_FILL_REAL);
}

static void args_merge(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_MERGE_PART] = part(p, ((const struct imx_bnpart *)p)->total, IMX_IN, IMX_FILL_POSITIVE);
    arg[IMX_BN_MERGE_RUN_MEAN] = column(p, "run_mean", IMX_INOUT, IMX_FILL_REAL);
    arg[IMX_BN_MERGE_RUN_VAR] = column(p, "run_var", IMX_INOUT, IMX_FILL_POSITIVE);
    arg[IMX_BN_MERGE_MEAN] = column(p, "mean", IMX_OUT, IMX_FILL_REAL);
    arg[IMX_BN_MERGE_INVSTD] = column(p, "invstd", IMX_OUT, IMX_FILL_REAL);
}

static void args_apply(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_APPLY_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_APPLY_GAMMA] = column(p, "gamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_APPLY_BETA] = column(p, "beta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_APPLY_MEAN] = column(p, "mean", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_APPLY_INVSTD] = column(p, "invstd", IMX_IN, IMX_FILL_POSITIVE);
    arg[IMX_BN_APPLY_DST] = matrix(p, "dst", IMX_OUT);
}

static void args_back(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_BACK_SRC] = matrix(p, "src", IMX_IN);
    arg[IMX_BN_BACK_DDST] = matrix(p, "ddst", IMX_IN);
    arg[IMX_BN_BACK_GAMMA] = column(p, "gamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_BETA] = column(p, "beta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_MEAN] = column(p, "mean", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_INVSTD] = column(p, "invstd", IMX_IN, IMX_FILL_POSITIVE);
}

static void args_back_stat(const void *p, struct imx_arg *arg)
{
    args_back(p, arg);
    arg[IMX_BN_BACK_PART] = part(p, ((const struct imx_bnpart *)p)->rows, IMX_OUT, IMX_FILL_REAL);
}

static void args_back_merge(const void *p, struct imx_arg *arg)
{
    arg[IMX_BN_BACK_MERGE_PART] = part(p, ((const struct imx_bnpart *)p)->total, IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_MERGE_INVSTD] = column(p, "invstd", IMX_IN, IMX_FILL_POSITIVE);
    arg[IMX_BN_BACK_MERGE_DGAMMA] = column(p, "dgamma", IMX_OUT, IMX_FILL_REAL);
    arg[IMX_BN_BACK_MERGE_DBETA] = column(p, "dbeta", IMX_OUT, IMX_FILL_REAL);
}

static void args_back_apply(const void *p, struct imx_arg *arg)
{
    args_back(p, arg);
    arg[IMX_BN_BACK_DGAMMA] = column(p, "dgamma", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_DBETA] = column(p, "dbeta", IMX_IN, IMX_FILL_REAL);
    arg[IMX_BN_BACK_DSRC] = matrix(p, "dsrc", IMX_OUT);
}

static double flop(const void *problem)
{
    const struct imx_bnpart *d = problem;
    return 4.0 * d->rows * d->cols;
}

static int64_t terms(const void *problem)
{
    return ((const struct imx_bnpart *)problem)->total;
}

static int64_t terms_apply(const void *problem)
{
    (void)problem;
    return 4;
}

static const char *const cases[] = {
    "r37c19of37by37_act0eps1e-05mom0.1",    "r64c33of256by64_act1eps1e-05mom0.1",
    "r1c5of1by1_act0eps1e-05mom0.1",        "r2c1of6by1_act0eps0.001mom1",
    "r8c16of24by3_act0eps1e-05mom0.05",     "r64c128of192by16_act1eps1e-05mom0.1",
    "r600c40of1200by75_act1eps1e-05mom0.1", "r1031c3of1031by128_act0eps1e-05mom0.1",
    "r129c530of258by64_act1eps1e-05mom0.1", NULL,
};

#define OP(stem, n, count)                                                                                             \
    extern const struct imx_variant *const imx_variants_bn_##stem[];                                                   \
    const struct imx_op imx_op_bn_##stem = {                                                                           \
        .name = "bn_" #stem,                                                                                           \
        .problem_size = sizeof(struct imx_bnpart),                                                                     \
        .fields = fields,                                                                                              \
        .n_args = n,                                                                                                   \
        .args = args_##stem,                                                                                           \
        .check = check,                                                                                                \
        .ref_f32 = imx_ref_bn_##stem##_f32,                                                                            \
        .ref_f64 = imx_ref_bn_##stem##_f64,                                                                            \
        .variants = imx_variants_bn_##stem,                                                                            \
        .flop = flop,                                                                                                  \
        .terms = count,                                                                                                \
        .exact = false,                                                                                                \
        .ulps = 8,                                                                                                     \
        .cases = cases,                                                                                                \
    }

OP(stat, 2, terms);
OP(merge, 5, terms);
OP(apply, 6, terms_apply);
OP(back_stat, 7, terms);
OP(back_merge, 4, terms);
OP(back_apply, 9, terms_apply);
