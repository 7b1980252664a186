/* Columns side by side as ops: arguments, gradient rules, the problems that the self-test runs. See concat.h. */
#include "ops/concat.h"
#include "ops/eltwise.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_concat[], *const imx_variants_concat_split[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_concat, rows), false },
    { "a", offsetof(struct imx_concat, ca), false },
    { "b", offsetof(struct imx_concat, cb), false },
    { "_centre", offsetof(struct imx_concat, centre), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_concat *d = problem;
    if (d->rows < 1 || d->ca < 1 || d->cb < 0)
        return "sizes must be positive";
    if ((int64_t)d->rows * ((int64_t)d->ca + d->cb) > INT32_MAX)
        return "a matrix has more than 2^31 - 1 elements";
    return d->centre == 0 || d->centre == 1 ? NULL : "centre is 0 or 1";
}

static struct imx_arg floats(const char *name, enum imx_role role, int64_t count)
{
    return (struct imx_arg){ name, role, IMX_F32, count, IMX_FILL_REAL, 0 };
}

static int64_t count_a(const struct imx_concat *d)
{
    return (int64_t)d->rows * d->ca;
}

static int64_t count_b(const struct imx_concat *d)
{
    return (int64_t)d->rows * d->cb;
}

static void args(const void *problem, struct imx_arg *arg)
{
    arg[IMX_CONCAT_A] = floats("a", IMX_IN, count_a(problem));
    arg[IMX_CONCAT_B] = floats("b", IMX_IN, count_b(problem));
    arg[IMX_CONCAT_DST] = floats("dst", IMX_OUT, count_a(problem) + count_b(problem));
}

static void args_split(const void *problem, struct imx_arg *arg)
{
    arg[IMX_CONCAT_SPLIT_DDST] = floats("ddst", IMX_IN, count_a(problem) + count_b(problem));
    arg[IMX_CONCAT_SPLIT_DA] = floats("da", IMX_OUT, count_a(problem));
    arg[IMX_CONCAT_SPLIT_DB] = floats("db", IMX_OUT, count_b(problem));
}

static double flop(const void *problem)
{
    const struct imx_concat *d = problem;
    return d->centre ? 2.0 * (double)(count_a(d) + count_b(d)) : 0.0;
}

static int64_t terms(const void *problem)
{
    const struct imx_concat *d = problem;
    return d->centre ? d->rows : 1;
}

static imx_status grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_concat *d = problem;
    const imx_tid da = e->tensor(e, IMX_F32, count_a(d), "da");
    const imx_tid db = d->cb ? e->tensor(e, IMX_F32, count_b(d), "db") : 0;
    const imx_tid split[] = { darg[IMX_CONCAT_DST], da, db };
    (void)arg;
    darg[IMX_CONCAT_A] = da;
    darg[IMX_CONCAT_B] = db;
    return e->node(e, &imx_op_concat_split, problem, split);
}

/* A half that nothing flows back into counts as zeros: 0 times its values. */
static imx_status half(struct imx_emit *e, imx_tid value, int64_t count, imx_tid *d)
{
    const struct imx_axpby nothing = { (int32_t)count, 0.0f, 0.0f };
    if (*d || !count)
        return IMX_OK;
    *d = e->tensor(e, IMX_F32, count, "zeros");
    return e->node(e, &imx_op_axpby, &nothing, (const imx_tid[]){ value, 0, *d });
}

static imx_status grad_split(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_concat *d = problem;
    imx_tid da = darg[IMX_CONCAT_SPLIT_DA], db = darg[IMX_CONCAT_SPLIT_DB];
    IMX_TRY(half(e, arg[IMX_CONCAT_SPLIT_DA], count_a(d), &da));
    IMX_TRY(half(e, arg[IMX_CONCAT_SPLIT_DB], count_b(d), &db));
    const imx_tid dddst = e->tensor(e, IMX_F32, count_a(d) + count_b(d), "dddst");
    darg[IMX_CONCAT_SPLIT_DDST] = dddst;
    return e->node(e, &imx_op_concat, d, (const imx_tid[]){ da, db, dddst });
}

static const char *const cases[] = {
    "r1a1b0_centre0",    "r5a7b3_centre1",       "r33a64b16_centre0",   "r67a31b0_centre1",
    "r300a40b1_centre1", "r130a1100b35_centre0", "r9a2100b600_centre1", NULL,
};

const struct imx_op imx_op_concat = {
    .name = "concat",
    .problem_size = sizeof(struct imx_concat),
    .fields = fields,
    .n_args = 3,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_concat_f32,
    .ref_f64 = imx_ref_concat_f64,
    .variants = imx_variants_concat,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 2,
    .grad = grad,
    .inner = imx_concat_inner,
    .cases = cases,
};

const struct imx_op imx_op_concat_split = {
    .name = "concat_split",
    .problem_size = sizeof(struct imx_concat),
    .fields = fields,
    .n_args = 3,
    .args = args_split,
    .check = check,
    .ref_f32 = imx_ref_concat_split_f32,
    .ref_f64 = imx_ref_concat_split_f64,
    .variants = imx_variants_concat_split,
    .grad = grad_split,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 2,
    .inner = imx_concat_split_inner,
    .cases = cases,
};
