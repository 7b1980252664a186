/* Dropout as an op: it is linear, so its gradient is itself with the same counter. See dropout.h. */
#include "ops/dropout.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_dropout[], *const imx_variants_dropout2d[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_dropout, n), false },
    { "_stream", offsetof(struct imx_dropout, stream), false },
    { "_p", offsetof(struct imx_dropout, p), true },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_dropout *d = problem;
    if (d->n < 1)
        return "n must be positive";
    return d->p >= 0.0f && d->p < 1.0f ? NULL : "p must lie in 0 <= p < 1";
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_dropout *d = problem;
    arg[IMX_DROPOUT_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_DROPOUT_CTR] = (struct imx_arg){ "ctr", IMX_IN, IMX_U32, 4, IMX_FILL_COUNTER, 0 };
    arg[IMX_DROPOUT_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    return ((const struct imx_dropout *)problem)->n;
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 2;
}

static imx_status grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_dropout *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, d->n, "dsrc");
    const imx_tid same[] = { darg[IMX_DROPOUT_DST], arg[IMX_DROPOUT_CTR], dsrc };
    darg[IMX_DROPOUT_SRC] = dsrc;
    return e->node(e, &imx_op_dropout, d, same);
}

static const char *const cases[] = {
    "n1_stream4_p0.5",
    "n16_stream4_p0",
    "n31_stream68_p0.100000001",
    "n1000_stream4_p0.899999976",
    "n4099_stream132_p0.200000003",
    NULL,
};

const struct imx_op imx_op_dropout = {
    .name = "dropout",
    .problem_size = sizeof(struct imx_dropout),
    .fields = fields,
    .n_args = 3,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_dropout_f32,
    .ref_f64 = imx_ref_dropout_f64,
    .variants = imx_variants_dropout,
    .flop = flop,
    .terms = terms,
    .exact = false, /* 1/(1-p) is no integer */
    .grad = grad,
    .cases = cases,
};

/* ---- whole channels ---- */

static const struct imx_field fields2d[] = {
    { "n", offsetof(struct imx_dropout2d, n), false }, { "area", offsetof(struct imx_dropout2d, area), false },
    { "c", offsetof(struct imx_dropout2d, c), false }, { "_stream", offsetof(struct imx_dropout2d, stream), false },
    { "_p", offsetof(struct imx_dropout2d, p), true }, { NULL, 0, false },
};

static int64_t count2d(const struct imx_dropout2d *d)
{
    return (int64_t)d->n * d->area * d->c;
}

static const char *check2d(const void *problem)
{
    const struct imx_dropout2d *d = problem;
    if (d->n < 1 || d->area < 1 || d->c < 1)
        return "sizes must be positive";
    if ((double)d->n * d->area * d->c > INT32_MAX)
        return "n*area*c must stay below 2^31";
    return d->p >= 0.0f && d->p < 1.0f ? NULL : "p must lie in 0 <= p < 1";
}

static void args2d(const void *problem, struct imx_arg *arg)
{
    arg[IMX_DROPOUT_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, count2d(problem), IMX_FILL_REAL, 0 };
    arg[IMX_DROPOUT_CTR] = (struct imx_arg){ "ctr", IMX_IN, IMX_U32, 4, IMX_FILL_COUNTER, 0 };
    arg[IMX_DROPOUT_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, count2d(problem), IMX_FILL_REAL, 0 };
}

static double flop2d(const void *problem)
{
    return (double)count2d(problem);
}

static imx_status grad2d(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dsrc = e->tensor(e, IMX_F32, count2d(problem), "dsrc");
    const imx_tid same[] = { darg[IMX_DROPOUT_DST], arg[IMX_DROPOUT_CTR], dsrc };
    darg[IMX_DROPOUT_SRC] = dsrc;
    return e->node(e, &imx_op_dropout2d, problem, same);
}

static const char *const cases2d[] = {
    "n1area1c1_stream4_p0.5",
    "n3area4c16_stream4_p0",
    "n2area9c7_stream68_p0.100000001",
    "n5area9c384_stream4_p0.100000001",
    "n7area3c67_stream132_p0.899999976",
    NULL,
};

const struct imx_op imx_op_dropout2d = {
    .name = "dropout2d",
    .problem_size = sizeof(struct imx_dropout2d),
    .fields = fields2d,
    .n_args = 3,
    .args = args2d,
    .check = check2d,
    .ref_f32 = imx_ref_dropout2d_f32,
    .ref_f64 = imx_ref_dropout2d_f64,
    .variants = imx_variants_dropout2d,
    .flop = flop2d,
    .terms = terms,
    .exact = false, /* 1/(1-p) is no integer */
    .grad = grad2d,
    .cases = cases2d,
};
