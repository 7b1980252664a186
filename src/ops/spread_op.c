/* Adding a row to each row of its group as an op. See spread.h. */
#include "ops/ref.h"
#include "ops/spread.h"

extern const struct imx_variant *const imx_variants_spread[], *const imx_variants_spread_sum[];

static const struct imx_field fields[] = {
    { "g", offsetof(struct imx_spread, groups), false },
    { "r", offsetof(struct imx_spread, rows), false },
    { "c", offsetof(struct imx_spread, cols), false },
    { "_add", offsetof(struct imx_spread, add), false },
    { NULL, 0, false },
};

static int64_t all_count(const struct imx_spread *d)
{
    return (int64_t)d->groups * d->rows * d->cols;
}

static int64_t row_count(const struct imx_spread *d)
{
    return (int64_t)d->groups * d->cols;
}

static const char *check(const void *problem)
{
    const struct imx_spread *d = problem;
    if (d->groups < 1 || d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    if (d->add != 0 && d->add != 1)
        return "add is 0 or 1";
    return (double)d->groups * d->rows * d->cols > INT32_MAX ? "g*r*c must stay below 2^31" : NULL;
}

static const char *check_sum(const void *problem)
{
    const struct imx_spread *d = problem;
    return d->add ? "a sum adds nothing" : check(problem);
}

static void args_spread(const void *problem, struct imx_arg *arg)
{
    const struct imx_spread *d = problem;
    const int64_t src = d->add ? all_count(d) : 0;
    arg[IMX_SPREAD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src, IMX_FILL_REAL, 0 };
    arg[IMX_SPREAD_ROW] = (struct imx_arg){ "row", IMX_IN, IMX_F32, row_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_SPREAD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, all_count(d), IMX_FILL_REAL, 0 };
}

static void args_sum(const void *problem, struct imx_arg *arg)
{
    const struct imx_spread *d = problem;
    arg[IMX_SPREAD_SUM_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, all_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_SPREAD_SUM_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, row_count(d), IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    return (double)all_count(problem);
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 2;
}

static int64_t terms_sum(const void *problem)
{
    return ((const struct imx_spread *)problem)->rows;
}

static imx_status grad_spread(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    struct imx_spread d = *(const struct imx_spread *)problem;
    const imx_tid ddst = darg[IMX_SPREAD_DST];
    (void)arg;
    if (darg[IMX_SPREAD_SRC] == IMX_WANTED)
        darg[IMX_SPREAD_SRC] = ddst;
    if (darg[IMX_SPREAD_ROW] != IMX_WANTED)
        return IMX_OK;
    d.add = 0;
    darg[IMX_SPREAD_ROW] = e->tensor(e, IMX_F32, row_count(&d), "drow");
    return e->node(e, &imx_op_spread_sum, &d, (const imx_tid[]){ ddst, darg[IMX_SPREAD_ROW] });
}

static imx_status grad_sum(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_spread *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, all_count(d), "dsrc");
    (void)arg;
    darg[IMX_SPREAD_SUM_SRC] = dsrc;
    return e->node(e, &imx_op_spread, d, (const imx_tid[]){ 0, darg[IMX_SPREAD_SUM_DST], dsrc });
}

static const char *const spread_cases[] = {
    "g1r1c1_add1",    "g3r4c16_add1",   "g2r9c7_add0",   "g5r1c33_add1", "g1r225c3_add1",
    "g4r49c512_add1", "g7r64c130_add0", "g13r2c15_add1", NULL,
};
static const char *const sum_cases[] = {
    "g1r1c1_add0",   "g3r4c16_add0",   "g2r9c7_add0",    "g5r1c33_add0",
    "g1r225c3_add0", "g4r49c512_add0", "g7r64c130_add0", NULL,
};

const struct imx_op imx_op_spread = {
    .name = "spread",
    .problem_size = sizeof(struct imx_spread),
    .fields = fields,
    .n_args = 3,
    .args = args_spread,
    .check = check,
    .ref_f32 = imx_ref_spread_f32,
    .ref_f64 = imx_ref_spread_f64,
    .variants = imx_variants_spread,
    .flop = flop,
    .terms = terms,
    .exact = true,
    .grad = grad_spread,
    .cases = spread_cases,
};

const struct imx_op imx_op_spread_sum = {
    .name = "spread_sum",
    .problem_size = sizeof(struct imx_spread),
    .fields = fields,
    .n_args = 2,
    .args = args_sum,
    .check = check_sum,
    .ref_f32 = imx_ref_spread_sum_f32,
    .ref_f64 = imx_ref_spread_sum_f64,
    .variants = imx_variants_spread_sum,
    .flop = flop,
    .terms = terms_sum,
    .exact = true,
    .grad = grad_sum,
    .cases = sum_cases,
};
