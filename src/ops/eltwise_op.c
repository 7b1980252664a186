/* Element-wise sums and products as ops: arguments, gradient rules, self-test problems. See eltwise.h. */
#include "ops/act.h"
#include "ops/eltwise.h"
#include "ops/reduce.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_axpby[],
    *const imx_variants_mul[], *const imx_variants_add_relu[], *const imx_variants_bias_add[];

/* ---- axpby ---- */

static const struct imx_field axpby_fields[] = {
    { "n", offsetof(struct imx_axpby, n), false },
    { "_alpha", offsetof(struct imx_axpby, alpha), true },
    { "_beta", offsetof(struct imx_axpby, beta), true },
    { NULL, 0, false },
};

static const char *check_axpby(const void *problem)
{
    return ((const struct imx_axpby *)problem)->n < 1 ? "n must be positive" : NULL;
}

static void args_axpby(const void *problem, struct imx_arg *arg)
{
    const struct imx_axpby *d = problem;
    arg[IMX_AXPBY_A] = (struct imx_arg){ "a", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_AXPBY_B] = (struct imx_arg){ "b", IMX_IN, IMX_F32, d->beta == 0.0f ? 0 : d->n, IMX_FILL_REAL, 0 };
    arg[IMX_AXPBY_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop_axpby(const void *problem)
{
    const struct imx_axpby *d = problem;
    return (d->beta == 0.0f ? 1.0 : 3.0) * d->n;
}

static int64_t terms_two(const void *problem)
{
    (void)problem;
    return 2;
}

/* The gradient of one input is the gradient of dst times its factor; with the factor 1 it is that very tensor. */
static imx_status scaled(struct imx_emit *e, int32_t n, float factor, imx_tid ddst, imx_tid *out)
{
    const struct imx_axpby scale = { n, factor, 0.0f };
    if (factor == 1.0f) {
        *out = ddst;
        return IMX_OK;
    }
    *out = e->tensor(e, IMX_F32, n, "scaled");
    return e->node(e, &imx_op_axpby, &scale, (const imx_tid[]){ ddst, 0, *out });
}

static imx_status grad_axpby(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_axpby *d = problem;
    const imx_tid ddst = darg[IMX_AXPBY_DST];
    (void)arg;
    if (darg[IMX_AXPBY_A] == IMX_WANTED)
        IMX_TRY(scaled(e, d->n, d->alpha, ddst, &darg[IMX_AXPBY_A]));
    if (darg[IMX_AXPBY_B] == IMX_WANTED)
        IMX_TRY(scaled(e, d->n, d->beta, ddst, &darg[IMX_AXPBY_B]));
    return IMX_OK;
}

static const char *const axpby_cases[] = {
    "n1_alpha1_beta0",
    "n15_alpha-2_beta0",
    "n16_alpha1_beta1",
    "n33_alpha0.5_beta-1.25",
    "n4097_alpha2_beta0",
    "n5000_alpha-1_beta3",
    "n4111_alpha0.100000001_beta0.300000012",
    NULL,
};

const struct imx_op imx_op_axpby = {
    .name = "axpby",
    .problem_size = sizeof(struct imx_axpby),
    .fields = axpby_fields,
    .n_args = 3,
    .args = args_axpby,
    .check = check_axpby,
    .ref_f32 = imx_ref_axpby_f32,
    .ref_f64 = imx_ref_axpby_f64,
    .variants = imx_variants_axpby,
    .flop = flop_axpby,
    .terms = terms_two,
    .exact = false, /* alpha and beta need not be small integers */
    .grad = grad_axpby,
    .cases = axpby_cases,
};

/* ---- mul ---- */

static const struct imx_field mul_fields[] = {
    { "n", offsetof(struct imx_mul, n), false },
    { NULL, 0, false },
};

static const char *check_mul(const void *problem)
{
    return ((const struct imx_mul *)problem)->n < 1 ? "n must be positive" : NULL;
}

static void args_mul(const void *problem, struct imx_arg *arg)
{
    const struct imx_mul *d = problem;
    arg[IMX_MUL_A] = (struct imx_arg){ "a", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_MUL_B] = (struct imx_arg){ "b", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_MUL_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop_mul(const void *problem)
{
    return ((const struct imx_mul *)problem)->n;
}

static imx_status grad_mul(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_mul *d = problem;
    const imx_tid ddst = darg[IMX_MUL_DST];
    const bool a = darg[IMX_MUL_A] == IMX_WANTED, b = darg[IMX_MUL_B] == IMX_WANTED;
    if (a) {
        darg[IMX_MUL_A] = e->tensor(e, IMX_F32, d->n, "da");
        IMX_TRY(e->node(e, &imx_op_mul, d, (const imx_tid[]){ ddst, arg[IMX_MUL_B], darg[IMX_MUL_A] }));
    }
    if (b) {
        darg[IMX_MUL_B] = e->tensor(e, IMX_F32, d->n, "db");
        IMX_TRY(e->node(e, &imx_op_mul, d, (const imx_tid[]){ ddst, arg[IMX_MUL_A], darg[IMX_MUL_B] }));
    }
    return IMX_OK;
}

static const char *const mul_cases[] = { "n1", "n16", "n31", "n1000", "n4099", NULL };

const struct imx_op imx_op_mul = {
    .name = "mul",
    .problem_size = sizeof(struct imx_mul),
    .fields = mul_fields,
    .n_args = 3,
    .args = args_mul,
    .check = check_mul,
    .ref_f32 = imx_ref_mul_f32,
    .ref_f64 = imx_ref_mul_f64,
    .variants = imx_variants_mul,
    .flop = flop_mul,
    .terms = terms_two,
    .exact = true,
    .grad = grad_mul,
    .cases = mul_cases,
};

/* ---- add_relu ---- */

static const struct imx_field add_relu_fields[] = {
    { "n", offsetof(struct imx_add_relu, n), false },
    { NULL, 0, false },
};

static const char *check_add_relu(const void *problem)
{
    return ((const struct imx_add_relu *)problem)->n < 1 ? "n must be positive" : NULL;
}

static void args_add_relu(const void *problem, struct imx_arg *arg)
{
    const struct imx_add_relu *d = problem;
    arg[IMX_ADD_RELU_A] = (struct imx_arg){ "a", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ADD_RELU_B] = (struct imx_arg){ "b", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ADD_RELU_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop_add_relu(const void *problem)
{
    return ((const struct imx_add_relu *)problem)->n;
}

/* One tensor is the gradient of both; dst is positive where the sum was. */
static imx_status grad_add_relu(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_add_relu *d = problem;
    const struct imx_act_problem relu = { d->n, IMX_ACT_RELU, 0.0f };
    const imx_tid dsum = e->tensor(e, IMX_F32, d->n, "dsum");
    const imx_tid bwd[] = { arg[IMX_ADD_RELU_DST], darg[IMX_ADD_RELU_DST], dsum };
    for (int k = IMX_ADD_RELU_A; k <= IMX_ADD_RELU_B; k++)
        if (darg[k] == IMX_WANTED)
            darg[k] = dsum;
    return e->node(e, &imx_op_act_bwd, &relu, bwd);
}

static const char *const add_relu_cases[] = { "n1", "n16", "n31", "n1000", "n4099", NULL };

const struct imx_op imx_op_add_relu = {
    .name = "add_relu",
    .problem_size = sizeof(struct imx_add_relu),
    .fields = add_relu_fields,
    .n_args = 3,
    .args = args_add_relu,
    .check = check_add_relu,
    .ref_f32 = imx_ref_add_relu_f32,
    .ref_f64 = imx_ref_add_relu_f64,
    .variants = imx_variants_add_relu,
    .flop = flop_add_relu,
    .terms = terms_two,
    .exact = true,
    .grad = grad_add_relu,
    .cases = add_relu_cases,
};

/* ---- bias_add ---- */

static const struct imx_field bias_add_fields[] = {
    { "rows", offsetof(struct imx_bias_add, rows), false },
    { "_cols", offsetof(struct imx_bias_add, cols), false },
    { NULL, 0, false },
};

static int64_t bias_add_count(const struct imx_bias_add *d)
{
    return (int64_t)d->rows * d->cols;
}

static const char *check_bias_add(const void *problem)
{
    const struct imx_bias_add *d = problem;
    if (d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    return bias_add_count(d) > INT32_MAX ? "rows * cols must stay below 2^31" : NULL;
}

static void args_bias_add(const void *problem, struct imx_arg *arg)
{
    const struct imx_bias_add *d = problem;
    arg[IMX_BIAS_ADD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, bias_add_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_BIAS_ADD_BIA] = (struct imx_arg){ "bia", IMX_IN, IMX_F32, d->cols, IMX_FILL_REAL, 0 };
    arg[IMX_BIAS_ADD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, bias_add_count(d), IMX_FILL_REAL, 0 };
}

static double flop_bias_add(const void *problem)
{
    return (double)bias_add_count(problem);
}

static imx_status grad_bias_add(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_bias_add *d = problem;
    const struct imx_colsum sum = { d->rows, d->cols };
    const imx_tid ddst = darg[IMX_BIAS_ADD_DST];
    (void)arg;
    if (darg[IMX_BIAS_ADD_SRC] == IMX_WANTED)
        darg[IMX_BIAS_ADD_SRC] = ddst;
    if (darg[IMX_BIAS_ADD_BIA] == IMX_WANTED) {
        darg[IMX_BIAS_ADD_BIA] = e->tensor(e, IMX_F32, d->cols, "dbia");
        IMX_TRY(e->node(e, &imx_op_colsum, &sum, (const imx_tid[]){ ddst, darg[IMX_BIAS_ADD_BIA] }));
    }
    return IMX_OK;
}

static const char *const bias_add_cases[] = {
    "rows1_cols1", "rows3_cols16", "rows7_cols5", "rows17_cols33", "rows64_cols67", "rows300_cols3", NULL,
};

const struct imx_op imx_op_bias_add = {
    .name = "bias_add",
    .problem_size = sizeof(struct imx_bias_add),
    .fields = bias_add_fields,
    .n_args = 3,
    .args = args_bias_add,
    .check = check_bias_add,
    .ref_f32 = imx_ref_bias_add_f32,
    .ref_f64 = imx_ref_bias_add_f64,
    .variants = imx_variants_bias_add,
    .flop = flop_bias_add,
    .terms = terms_two,
    .exact = true,
    .grad = grad_bias_add,
    .cases = bias_add_cases,
};
