/* Matrix product as an op: arguments, gradient rule, the problems that the self-test runs. See gemm.h.
 * The gradients of a product are products with the transposes swapped, so any order of differentiation works.
 */
#include "ops/act.h"
#include "ops/gemm.h"
#include "ops/reduce.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gemm[];

#define FIELD(key, name)                                                                                               \
    {                                                                                                                  \
        key, offsetof(struct imx_gemm, name), false                                                                    \
    }
static const struct imx_field fields[] = {
    FIELD("m", m),        FIELD("n", n),     FIELD("k", k),      FIELD("_ta", ta),   FIELD("tb", tb),
    FIELD("_bias", bias), FIELD("add", add), FIELD("_act", act), { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_gemm *g = problem;
    if (g->m < 1 || g->n < 1 || g->k < 1)
        return "m, n and k must be positive";
    if ((int64_t)g->m * g->k > INT32_MAX || (int64_t)g->n * g->k > INT32_MAX || (int64_t)g->m * g->n > INT32_MAX)
        return "a matrix has more than 2^31 - 1 elements";
    if (g->ta && g->tb)
        return "ta and tb together are not offered; transpose the result instead";
    return g->act == IMX_ACT_NONE || g->act == IMX_ACT_RELU ? NULL : "act is 0 (none) or 1 (relu)";
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_gemm *g = problem;
    const int64_t m = g->m, n = g->n, k = g->k;
    arg[IMX_GEMM_A] = (struct imx_arg){ "a", IMX_IN, IMX_F32, m * k, IMX_FILL_REAL, 0 };
    arg[IMX_GEMM_B] = (struct imx_arg){ "b", IMX_IN, IMX_F32, k * n, IMX_FILL_REAL, 0 };
    arg[IMX_GEMM_BIA] = (struct imx_arg){ "bia", IMX_IN, IMX_F32, g->bias ? n : 0, IMX_FILL_REAL, 0 };
    arg[IMX_GEMM_ADD] = (struct imx_arg){ "add", IMX_IN, IMX_F32, g->add ? m * n : 0, IMX_FILL_REAL, 0 };
    arg[IMX_GEMM_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, m * n, IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    const struct imx_gemm *g = problem;
    return 2.0 * g->m * g->n * g->k;
}

static int64_t terms(const void *problem)
{
    const struct imx_gemm *g = problem;
    return (int64_t)g->k + 2;
}

/* dst = op(a) op(b) as one more node; dst has m*n elements. */
static imx_status emit_product(struct imx_emit *e, struct imx_gemm g, imx_tid a, imx_tid b, const char *name,
                               imx_tid *dst)
{
    *dst = e->tensor(e, IMX_F32, (int64_t)g.m * g.n, name);
    const imx_tid arg[] = { a, b, 0, 0, *dst };
    return e->node(e, &imx_op_gemm, &g, arg);
}

/* With d = the gradient of op(A) op(B): dop(A) = d op(B)^T and dop(B) = op(A)^T d, each written so that the
 * result has the layout in which the input is stored. */
static imx_status grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_gemm *g = problem;
    const int32_t m = g->m, n = g->n, k = g->k;
    const imx_tid a = arg[IMX_GEMM_A], b = arg[IMX_GEMM_B];
    imx_tid d = darg[IMX_GEMM_DST];
    if (g->act == IMX_ACT_RELU) { /* dst > 0 exactly where the sum before relu is */
        const struct imx_act_problem relu = { m * n, IMX_ACT_RELU, 0 };
        const imx_tid pre = e->tensor(e, IMX_F32, (int64_t)m * n, "dpre");
        const imx_tid bwd[] = { arg[IMX_GEMM_DST], d, pre };
        IMX_TRY(e->node(e, &imx_op_act_bwd, &relu, bwd));
        d = pre;
    }
    if (darg[IMX_GEMM_A] == IMX_WANTED) {
        const struct imx_gemm plain = { .m = m, .n = k, .k = n, .tb = !g->tb };
        const struct imx_gemm turned = { .m = k, .n = m, .k = n, .tb = 1 };
        IMX_TRY(g->ta ? emit_product(e, turned, b, d, "da", &darg[IMX_GEMM_A])
                      : emit_product(e, plain, d, b, "da", &darg[IMX_GEMM_A]));
    }
    if (darg[IMX_GEMM_B] == IMX_WANTED) {
        const struct imx_gemm plain = { .m = k, .n = n, .k = m, .ta = !g->ta };
        const struct imx_gemm turned = { .m = n, .n = k, .k = m, .ta = 1 };
        IMX_TRY(g->tb ? emit_product(e, turned, d, a, "db", &darg[IMX_GEMM_B])
                      : emit_product(e, plain, a, d, "db", &darg[IMX_GEMM_B]));
    }
    if (g->bias && darg[IMX_GEMM_BIA] == IMX_WANTED) {
        const struct imx_colsum sum = { m, n };
        const imx_tid dbia = e->tensor(e, IMX_F32, n, "dbia");
        const imx_tid colsum[] = { d, dbia };
        darg[IMX_GEMM_BIA] = dbia;
        IMX_TRY(e->node(e, &imx_op_colsum, &sum, colsum));
    }
    if (g->add && darg[IMX_GEMM_ADD] == IMX_WANTED)
        darg[IMX_GEMM_ADD] = d;
    return IMX_OK;
}

static const char *const cases[] = {
    "m5n33k9_ta0tb1_bias0add1_act0",
    "m9n31k17_ta1tb0_bias1add1_act1",
    "m7n5k3_ta0tb0_bias1add0_act0",
    "m70n67k1_ta0tb0_bias0add0_act0", /* single terms, which show how factors are rounded */
    "m1n1k1_ta0tb0_bias0add0_act0",
    "m1n1k1_ta0tb1_bias1add1_act1",
    "m1n1k1_ta1tb0_bias1add0_act0",
    "m1n257k300_ta0tb1_bias1add0_act1",
    "m300n1k65_ta0tb0_bias1add0_act0",
    "m65n1k257_ta1tb0_bias0add1_act0",
    "m64n64k64_ta0tb0_bias0add0_act0",
    "m64n64k64_ta0tb1_bias0add0_act0",
    "m64n64k64_ta1tb0_bias0add0_act0",
    "m129n63k31_ta0tb0_bias1add1_act1",
    "m63n129k33_ta0tb1_bias1add0_act1",
    "m127n97k65_ta1tb0_bias0add1_act1",
    "m64n100k515_ta0tb1_bias1add0_act0",
    "m64n96k700_ta0tb0_bias0add0_act0",
    "m96n64k1030_ta1tb0_bias0add0_act0",
    "m33n160k1500_ta1tb0_bias1add1_act0",
    "m160n33k1500_ta1tb0_bias1add1_act1",
    "m12n128k2048_ta0tb1_bias1add0_act1",
    /* layers of basic32 and of the critic, fewer rows */
    "m8n1024k4096_ta0tb1_bias0add0_act0",
    "m8n64k1024_ta0tb1_bias1add0_act0",
    "m256n256k128_ta0tb1_bias0add1_act0",
    "m256n128k256_ta0tb0_bias0add0_act0",
    "m256n128k512_ta1tb0_bias0add0_act0",
    "m512n64k256_ta0tb1_bias0add0_act0",
    "m64n256k512_ta1tb0_bias0add0_act0",
    "m640n384k96_ta0tb0_bias0add0_act0",
    /* few results, long sums */
    "m37n29k5003_ta1tb0_bias1add1_act1",
    "m5n70k3000_ta0tb1_bias0add0_act0",
    NULL,
};

const struct imx_op imx_op_gemm = {
    .name = "gemm",
    .problem_size = sizeof(struct imx_gemm),
    .fields = fields,
    .n_args = 5,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_gemm_f32,
    .ref_f64 = imx_ref_gemm_f64,
    .variants = imx_variants_gemm,
    .flop = flop,
    .terms = terms,
    .exact = true,
    .grad = grad,
    .cases = cases,
};
