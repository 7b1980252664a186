/* Normal distributions as ops: arguments, gradient rules, self-test problems. See gauss.h. */
#include "ops/gauss.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gauss_draw[], *const imx_variants_gauss_draw_bwd[];
extern const struct imx_variant *const imx_variants_gauss_kl[], *const imx_variants_gauss_kl_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_gauss, n), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    return ((const struct imx_gauss *)problem)->n < 1 ? "n must be positive" : NULL;
}

static struct imx_arg values(const char *name, enum imx_role role, const void *problem)
{
    return (struct imx_arg){ name, role, IMX_F32, ((const struct imx_gauss *)problem)->n, IMX_FILL_REAL, 0 };
}

static void args_draw(const void *problem, struct imx_arg *arg)
{
    arg[IMX_GAUSS_DRAW_MU] = values("mu", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_LS] = values("ls", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_EPS] = values("eps", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_DST] = values("dst", IMX_OUT, problem);
}

static void args_draw_bwd(const void *problem, struct imx_arg *arg)
{
    arg[IMX_GAUSS_DRAW_BWD_LS] = values("ls", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_BWD_EPS] = values("eps", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_BWD_DDST] = values("ddst", IMX_IN, problem);
    arg[IMX_GAUSS_DRAW_BWD_DLS] = values("dls", IMX_OUT, problem);
    arg[IMX_GAUSS_DRAW_BWD_DEPS] = values("deps", IMX_OUT, problem);
}

static void args_kl(const void *problem, struct imx_arg *arg)
{
    arg[IMX_GAUSS_KL_MU] = values("mu", IMX_IN, problem);
    arg[IMX_GAUSS_KL_LS] = values("ls", IMX_IN, problem);
    arg[IMX_GAUSS_KL_DST] = values("dst", IMX_OUT, problem);
}

static void args_kl_bwd(const void *problem, struct imx_arg *arg)
{
    arg[IMX_GAUSS_KL_BWD_MU] = values("mu", IMX_IN, problem);
    arg[IMX_GAUSS_KL_BWD_LS] = values("ls", IMX_IN, problem);
    arg[IMX_GAUSS_KL_BWD_DDST] = values("ddst", IMX_IN, problem);
    arg[IMX_GAUSS_KL_BWD_DMU] = values("dmu", IMX_OUT, problem);
    arg[IMX_GAUSS_KL_BWD_DLS] = values("dls", IMX_OUT, problem);
}

static double flop(const void *problem)
{
    return 6.0 * ((const struct imx_gauss *)problem)->n; /* exp counts as one */
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 4;
}

static imx_status grad_draw(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_gauss *d = problem;
    const imx_tid ddst = darg[IMX_GAUSS_DRAW_DST];
    darg[IMX_GAUSS_DRAW_MU] = ddst;
    if (darg[IMX_GAUSS_DRAW_LS] != IMX_WANTED && darg[IMX_GAUSS_DRAW_EPS] != IMX_WANTED)
        return IMX_OK;
    const imx_tid dls = e->tensor(e, IMX_F32, d->n, "dls"), deps = e->tensor(e, IMX_F32, d->n, "deps");
    darg[IMX_GAUSS_DRAW_LS] = dls;
    darg[IMX_GAUSS_DRAW_EPS] = deps;
    return e->node(e, &imx_op_gauss_draw_bwd, d,
                   (const imx_tid[]){ arg[IMX_GAUSS_DRAW_LS], arg[IMX_GAUSS_DRAW_EPS], ddst, dls, deps });
}

static imx_status grad_kl(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_gauss *d = problem;
    const imx_tid dmu = e->tensor(e, IMX_F32, d->n, "dmu"), dls = e->tensor(e, IMX_F32, d->n, "dls");
    darg[IMX_GAUSS_KL_MU] = dmu;
    darg[IMX_GAUSS_KL_LS] = dls;
    return e->node(e, &imx_op_gauss_kl_bwd, d,
                   (const imx_tid[]){ arg[IMX_GAUSS_KL_MU], arg[IMX_GAUSS_KL_LS], darg[IMX_GAUSS_KL_DST], dmu, dls });
}

static const char *const cases[] = { "n1", "n16", "n37", "n1000", "n4099", NULL };

const struct imx_op imx_op_gauss_draw = {
    .name = "gauss_draw",
    .problem_size = sizeof(struct imx_gauss),
    .fields = fields,
    .n_args = 4,
    .args = args_draw,
    .check = check,
    .ref_f32 = imx_ref_gauss_draw_f32,
    .ref_f64 = imx_ref_gauss_draw_f64,
    .variants = imx_variants_gauss_draw,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4, /* exp 3, and the rounding of the product */
    .grad = grad_draw,
    .cases = cases,
};

const struct imx_op imx_op_gauss_draw_bwd = {
    .name = "gauss_draw_bwd",
    .problem_size = sizeof(struct imx_gauss),
    .fields = fields,
    .n_args = 5,
    .args = args_draw_bwd,
    .check = check,
    .ref_f32 = imx_ref_gauss_draw_bwd_f32,
    .ref_f64 = imx_ref_gauss_draw_bwd_f64,
    .variants = imx_variants_gauss_draw_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .cases = cases,
};

const struct imx_op imx_op_gauss_kl = {
    .name = "gauss_kl",
    .problem_size = sizeof(struct imx_gauss),
    .fields = fields,
    .n_args = 3,
    .args = args_kl,
    .check = check,
    .ref_f32 = imx_ref_gauss_kl_f32,
    .ref_f64 = imx_ref_gauss_kl_f64,
    .variants = imx_variants_gauss_kl,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .grad = grad_kl,
    .cases = cases,
};

const struct imx_op imx_op_gauss_kl_bwd = {
    .name = "gauss_kl_bwd",
    .problem_size = sizeof(struct imx_gauss),
    .fields = fields,
    .n_args = 5,
    .args = args_kl_bwd,
    .check = check,
    .ref_f32 = imx_ref_gauss_kl_bwd_f32,
    .ref_f64 = imx_ref_gauss_kl_bwd_f64,
    .variants = imx_variants_gauss_kl_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .cases = cases,
};
