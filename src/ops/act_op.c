/* Element-wise functions as ops: arguments, gradient rules of first and second order, self-test problems. See act.h. */
#include "ops/act.h"
#include "ops/eltwise.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_act_fwd[], *const imx_variants_act_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_act_problem, n), false },
    { "_kind", offsetof(struct imx_act_problem, kind), false },
    { "_slope", offsetof(struct imx_act_problem, slope), true },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_act_problem *d = problem;
    if (d->n < 1)
        return "n must be positive";
    return d->kind >= IMX_ACT_NONE && d->kind <= IMX_ACT_EXP
               ? NULL
               : "kind is 0 (none), 1 (relu), 2 (leaky), 3 (tanh), 4 (sigmoid), 5 (softplus) or 6 (exp)";
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_act_problem *d = problem;
    arg[IMX_ACT_FWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ACT_FWD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_act_problem *d = problem;
    arg[IMX_ACT_BWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ACT_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ACT_BWD_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    return ((const struct imx_act_problem *)problem)->n;
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 2;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_act_problem *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, d->n, "dsrc");
    const imx_tid bwd[] = { arg[IMX_ACT_FWD_SRC], darg[IMX_ACT_FWD_DST], dsrc };
    darg[IMX_ACT_FWD_SRC] = dsrc;
    return e->node(e, &imx_op_act_bwd, d, bwd);
}

/* With g the gradient of dsrc and t = g * ddst: the gradient of src is t * f''(src), and f'' is f' of a function that
 * act_bwd has, times something:
 *     softplus'' = sigmoid';   exp'' = exp';   sigmoid'' = sigmoid' * (1 - 2 sigmoid);   tanh'' = tanh' * (-2 tanh);
 * others 0. */
static imx_status grad_src(struct imx_emit *e, const struct imx_act_problem *d, imx_tid src, imx_tid ddst, imx_tid g,
                           imx_tid *dsrc)
{
    struct imx_act_problem kind = *d;
    const struct imx_mul n = { d->n };
    const imx_tid t = e->tensor(e, IMX_F32, d->n, "t"), out = e->tensor(e, IMX_F32, d->n, "dsrc");
    imx_tid outer = t;
    IMX_TRY(e->node(e, &imx_op_mul, &n, (const imx_tid[]){ g, ddst, t }));
    if (d->kind == IMX_ACT_SOFTPLUS) {
        kind.kind = IMX_ACT_SIGMOID;
    } else if (d->kind != IMX_ACT_EXP) {
        const bool is_tanh = d->kind == IMX_ACT_TANH;
        const struct imx_axpby sum =
            is_tanh ? (struct imx_axpby){ d->n, -2.0f, 0.0f } : (struct imx_axpby){ d->n, -2.0f, 1.0f };
        const imx_tid f = e->tensor(e, IMX_F32, d->n, "f"), tf = e->tensor(e, IMX_F32, d->n, "tf");
        outer = e->tensor(e, IMX_F32, d->n, "outer");
        IMX_TRY(e->node(e, &imx_op_act_fwd, d, (const imx_tid[]){ src, f }));
        IMX_TRY(e->node(e, &imx_op_mul, &n, (const imx_tid[]){ t, f, tf }));
        IMX_TRY(e->node(e, &imx_op_axpby, &sum, (const imx_tid[]){ tf, is_tanh ? 0 : t, outer }));
    }
    *dsrc = out;
    return e->node(e, &imx_op_act_bwd, &kind, (const imx_tid[]){ src, outer, out });
}

static imx_status grad_bwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_act_problem *d = problem;
    const imx_tid src = arg[IMX_ACT_BWD_SRC], g = darg[IMX_ACT_BWD_DSRC];
    if (darg[IMX_ACT_BWD_SRC] == IMX_WANTED) {
        darg[IMX_ACT_BWD_SRC] = 0;
        if (d->kind >= IMX_ACT_TANH)
            IMX_TRY(grad_src(e, d, src, arg[IMX_ACT_BWD_DDST], g, &darg[IMX_ACT_BWD_SRC]));
    }
    if (darg[IMX_ACT_BWD_DDST] == IMX_WANTED) {
        const imx_tid dddst = e->tensor(e, IMX_F32, d->n, "dddst");
        darg[IMX_ACT_BWD_DDST] = dddst;
        IMX_TRY(e->node(e, &imx_op_act_bwd, d, (const imx_tid[]){ src, g, dddst }));
    }
    return IMX_OK;
}

static const char *const cases[] = {
    "n37_kind1_slope0",
    "n77_kind2_slope0.200000003",
    "n129_kind3_slope0",
    "n16_kind4_slope0",
    "n1000_kind5_slope0",
    "n45_kind6_slope0",
    "n15_kind0_slope0",
    "n1_kind1_slope0",
    "n5000_kind2_slope0.00999999978",
    "n4099_kind1_slope0",
    "n4100_kind3_slope0",
    "n4101_kind4_slope0",
    "n4102_kind5_slope0",
    "n4103_kind6_slope0",
    NULL,
};

/* exp 3, division 2.5, log1p 2, tanh 5 ulps, each entering the result at most once or twice */
const struct imx_op imx_op_act_fwd = {
    .name = "act_fwd",
    .problem_size = sizeof(struct imx_act_problem),
    .fields = fields,
    .n_args = 2,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_act_fwd_f32,
    .ref_f64 = imx_ref_act_fwd_f64,
    .variants = imx_variants_act_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_act_bwd = {
    .name = "act_bwd",
    .problem_size = sizeof(struct imx_act_problem),
    .fields = fields,
    .n_args = 3,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_act_bwd_f32,
    .ref_f64 = imx_ref_act_bwd_f64,
    .variants = imx_variants_act_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 14,
    .grad = grad_bwd,
    .cases = cases,
};
