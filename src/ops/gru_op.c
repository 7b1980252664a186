/* A gated recurrent unit's step as an op. See gru.h. */
#include "ops/gru.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gru_cell[], *const imx_variants_gru_cell_bwd[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_gru, rows), false },
    { "c", offsetof(struct imx_gru, cols), false },
    { NULL, 0, false },
};

static int64_t count(const struct imx_gru *d)
{
    return (int64_t)d->rows * d->cols;
}

static const char *check(const void *problem)
{
    const struct imx_gru *d = problem;
    if (d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    return 3.0 * d->rows * d->cols > INT32_MAX ? "3*r*c must stay below 2^31" : NULL;
}

static void args_inputs(const struct imx_gru *d, struct imx_arg *arg)
{
    arg[IMX_GRU_GI] = (struct imx_arg){ "gi", IMX_IN, IMX_F32, 3 * count(d), IMX_FILL_REAL, 0 };
    arg[IMX_GRU_GH] = (struct imx_arg){ "gh", IMX_IN, IMX_F32, 3 * count(d), IMX_FILL_REAL, 0 };
    arg[IMX_GRU_H] = (struct imx_arg){ "h", IMX_IN, IMX_F32, count(d), IMX_FILL_REAL, 0 };
}

static void args_cell(const void *problem, struct imx_arg *arg)
{
    args_inputs(problem, arg);
    arg[IMX_GRU_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, count(problem), IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const int64_t n = count(problem);
    args_inputs(problem, arg);
    arg[IMX_GRU_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, n, IMX_FILL_REAL, 0 };
    arg[IMX_GRU_BWD_DGI] = (struct imx_arg){ "dgi", IMX_OUT, IMX_F32, 3 * n, IMX_FILL_REAL, 0 };
    arg[IMX_GRU_BWD_DGH] = (struct imx_arg){ "dgh", IMX_OUT, IMX_F32, 3 * n, IMX_FILL_REAL, 0 };
    arg[IMX_GRU_BWD_DH] = (struct imx_arg){ "dh", IMX_OUT, IMX_F32, n, IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    return 12.0 * (double)count(problem);
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 4;
}

static imx_status grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const int64_t n = count(problem);
    const imx_tid dgi = e->tensor(e, IMX_F32, 3 * n, "dgi"), dgh = e->tensor(e, IMX_F32, 3 * n, "dgh");
    const imx_tid dh = e->tensor(e, IMX_F32, n, "dh");
    const imx_tid bwd[] = { arg[IMX_GRU_GI], arg[IMX_GRU_GH], arg[IMX_GRU_H], darg[IMX_GRU_DST], dgi, dgh, dh };
    darg[IMX_GRU_GI] = dgi;
    darg[IMX_GRU_GH] = dgh;
    darg[IMX_GRU_H] = dh;
    return e->node(e, &imx_op_gru_cell_bwd, problem, bwd);
}

static const char *const cases[] = { "r1c1", "r3c16", "r5c7", "r2c33", "r64c15", "r130c192", "r7c1000", NULL };

/* exp 3, division 2.5, tanh 5 ulps on the way */
const struct imx_op imx_op_gru_cell = {
    .name = "gru_cell",
    .problem_size = sizeof(struct imx_gru),
    .fields = fields,
    .n_args = 4,
    .args = args_cell,
    .check = check,
    .ref_f32 = imx_ref_gru_cell_f32,
    .ref_f64 = imx_ref_gru_cell_f64,
    .variants = imx_variants_gru_cell,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .grad = grad,
    .cases = cases,
};

const struct imx_op imx_op_gru_cell_bwd = {
    .name = "gru_cell_bwd",
    .problem_size = sizeof(struct imx_gru),
    .fields = fields,
    .n_args = 7,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_gru_cell_bwd_f32,
    .ref_f64 = imx_ref_gru_cell_bwd_f64,
    .variants = imx_variants_gru_cell_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 14,
    .cases = cases,
};
