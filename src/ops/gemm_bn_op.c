/* Matrix product between batch norms as an op: arguments and the problems that the self-test runs. It is made by
 * rewriting a graph that is differentiated already, so it has no gradient rule. See gemm_bn.h. */
#include "ops/gemm_bn.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gemm_bn[];

#define FIELD(key, name)                                                                                               \
    {                                                                                                                  \
        key, offsetof(struct imx_gemm_bn, g) + offsetof(struct imx_gemm, name), false                                  \
    }
static const struct imx_field fields[] = {
    FIELD("m", m),      FIELD("n", n),      FIELD("k", k),
    FIELD("_ta", ta),   FIELD("tb", tb),    FIELD("_bias", bias),
    FIELD("add", add),  FIELD("_act", act), IMX_BN_ENDS_FIELDS(struct imx_gemm_bn),
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_gemm_bn *d = problem;
    const char *wrong = imx_op_gemm.check(&d->g);
    return wrong ? wrong : imx_bn_ends_check(&d->ends, 2);
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_gemm_bn *d = problem;
    imx_op_gemm.args(&d->g, arg);
    imx_bn_ends_args(&d->ends, imx_gemm_bn_cols(&d->g, d->ends.norm), d->g.n, IMX_BN_ENDS_ARGS, arg + IMX_GEMM_BN_ENDS);
}

static double flop(const void *problem)
{
    const struct imx_gemm_bn *d = problem;
    return imx_op_gemm.flop(&d->g);
}

static int64_t terms(const void *problem)
{
    const struct imx_gemm_bn *d = problem;
    return (int64_t)d->g.k + 4 + (d->ends.stat ? d->g.m : 0);
}

/* Its variants run as gemm's, with gemm's tuned numbers. */
static void inner(const void *problem, imx_visit_fn *visit, void *user)
{
    visit(user, &imx_op_gemm, &((const struct imx_gemm_bn *)problem)->g);
}

#define OF(shape, ends) shape "_bias0add0_act0_" ends "eps1e-05mom0.1"
static const char *const cases[] = {
    OF("m70n67k40_ta0tb1", "norm1relu1stat1"),
    OF("m33n45k70_ta1tb0", "norm2relu1stat0"),
    OF("m300n40k300_ta0tb1", "norm0relu0stat1"),
    OF("m1n1k1_ta0tb0", "norm1relu0stat1"),
    OF("m2n3k1_ta0tb1", "norm2relu1stat1"),
    OF("m40n70k33_ta1tb0", "norm1relu1stat1"),
    OF("m257n33k65_ta0tb1", "norm2relu0stat1"),
    OF("m129n130k31_ta0tb0", "norm0relu0stat1"),
    OF("m64n100k515_ta0tb1", "norm1relu1stat0"),
    OF("m31n700k600_ta0tb0", "norm1relu1stat0"),
    "m45n37k50_ta0tb1_bias1add1_act1_norm1relu1stat1eps1e-05mom0.1",
    "m45n37k50_ta1tb0_bias1add0_act0_norm2relu0stat1eps0.001mom1",
    /* the hidden layers of the critic's heads, fewer rows */
    OF("m256n512k128_ta0tb1", "norm0relu0stat1"),
    OF("m256n256k512_ta0tb1", "norm1relu1stat0"),
    OF("m512n512k256_ta1tb0", "norm2relu1stat0"),
    NULL,
};

const struct imx_op imx_op_gemm_bn = {
    .name = "gemm_bn",
    .problem_size = sizeof(struct imx_gemm_bn),
    .fields = fields,
    .n_args = IMX_GEMM_BN_ENDS + IMX_BN_ENDS_ARGS,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_gemm_bn_f32,
    .ref_f64 = imx_ref_gemm_bn_f64,
    .variants = imx_variants_gemm_bn,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .inner = inner,
    .cases = cases,
};
