/* Convolution between batch norms as ops: arguments and the problems that the self-test runs. They are made by
 * rewriting a graph that is differentiated already, so they have no gradient rules. See conv2d_bn.h. */
#include "ops/conv2d_bn.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_conv2d_bn_fwd[], *const imx_variants_conv2d_bn_wei[];

#define FIELD(key, name)                                                                                               \
    {                                                                                                                  \
        key, offsetof(struct imx_conv2d_bn, d) + offsetof(struct imx_conv2d, name), false                              \
    }
static const struct imx_field fields[] = {
    FIELD("n", n),        FIELD("h", h),
    FIELD("w", w),        FIELD("c", c),
    FIELD("_o", o),       FIELD("k", k),
    FIELD("s", stride),   FIELD("p", pad),
    FIELD("_bias", bias), IMX_BN_ENDS_FIELDS(struct imx_conv2d_bn),
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_conv2d_bn *b = problem;
    const char *wrong = imx_op_conv2d_fwd.check(&b->d);
    return wrong ? wrong : imx_bn_ends_check(&b->ends, 1);
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_conv2d_bn *b = problem;
    imx_op_conv2d_fwd.args(&b->d, arg);
    imx_bn_ends_args(&b->ends, b->d.c, b->d.o, IMX_BN_ENDS_ARGS, arg + IMX_CONV2D_BN_FWD_ENDS);
}

static void args_wei(const void *problem, struct imx_arg *arg)
{
    const struct imx_conv2d_bn *b = problem;
    imx_op_conv2d_bwd_wei.args(&b->d, arg);
    imx_bn_ends_args(&b->ends, b->d.c, b->d.o, IMX_BN_IN_ARGS, arg + IMX_CONV2D_BN_WEI_ENDS);
}

static double flop(const void *problem)
{
    return imx_op_conv2d_fwd.flop(&((const struct imx_conv2d_bn *)problem)->d);
}

static int32_t rows(const struct imx_conv2d *d)
{
    return d->n * imx_conv2d_p(d) * imx_conv2d_q(d);
}

static int64_t terms_fwd(const void *problem)
{
    const struct imx_conv2d_bn *b = problem;
    return (int64_t)b->d.k * b->d.k * b->d.c + 4 + (b->ends.stat ? rows(&b->d) : 0);
}

static int64_t terms_wei(const void *problem)
{
    const struct imx_conv2d_bn *b = problem;
    return (int64_t)rows(&b->d) + 4;
}

/* Their variants run as the plain ops', with those's tuned numbers. */
static void inner_fwd(const void *problem, imx_visit_fn *visit, void *user)
{
    visit(user, &imx_op_conv2d_fwd, &((const struct imx_conv2d_bn *)problem)->d);
}

static void inner_wei(const void *problem, imx_visit_fn *visit, void *user)
{
    visit(user, &imx_op_conv2d_bwd_wei, &((const struct imx_conv2d_bn *)problem)->d);
}

#define OF(shape, ends) shape "_bias0_" ends "eps1e-05mom0.1"
static const char *const cases[] = {
    OF("n2h11w10c33_o37k5s3p2", "norm1relu1stat1"),
    OF("n3h11w10c33_o37k4s2p1", "norm0relu0stat1"),
    OF("n3h13w12c3_o70k4s2p1", "norm0relu0stat1"), /* few channels */
    OF("n1h1w1c1_o1k1s1p0", "norm1relu0stat1"),
    OF("n9h23w21c3_o20k3s1p1", "norm1relu1stat1"),
    OF("n2h6w6c8_o9k2s1p3", "norm1relu0stat1"), /* much padding */
    OF("n3h6w7c16_o17k1s1p0", "norm1relu1stat1"),
    OF("n2h9w14c33_o64k3s1p1", "norm0relu0stat1"),
    "n2h9w8c3_o33k4s2p1_bias1_norm1relu1stat1eps0.001mom1",
    /* the layers of basic32, fewer images */
    OF("n4h32w32c3_o64k4s2p1", "norm0relu0stat1"),
    OF("n4h16w16c64_o128k4s2p1", "norm1relu1stat1"),
    OF("n4h16w16c64_o128k4s2p1", "norm0relu0stat1"),
    NULL,
};
static const char *const cases_wei[] = {
    OF("n2h11w10c33_o37k5s3p2", "norm1relu1stat0"),  OF("n9h23w21c3_o20k3s1p1", "norm1relu1stat0"),
    OF("n2h6w6c8_o9k2s1p3", "norm1relu0stat0"),      OF("n1h1w1c1_o1k1s1p0", "norm1relu0stat0"),
    OF("n2h16w16c64_o128k4s2p1", "norm1relu1stat0"), NULL,
};

const struct imx_op imx_op_conv2d_bn_fwd = {
    .name = "conv2d_bn_fwd",
    .problem_size = sizeof(struct imx_conv2d_bn),
    .fields = fields,
    .n_args = IMX_CONV2D_BN_FWD_ENDS + IMX_BN_ENDS_ARGS,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_conv2d_bn_fwd_f32,
    .ref_f64 = imx_ref_conv2d_bn_fwd_f64,
    .variants = imx_variants_conv2d_bn_fwd,
    .flop = flop,
    .terms = terms_fwd,
    .exact = false,
    .ulps = 8,
    .inner = inner_fwd,
    .cases = cases,
};

const struct imx_op imx_op_conv2d_bn_wei = {
    .name = "conv2d_bn_wei",
    .problem_size = sizeof(struct imx_conv2d_bn),
    .fields = fields,
    .n_args = IMX_CONV2D_BN_WEI_ENDS + IMX_BN_IN_ARGS,
    .args = args_wei,
    .check = check,
    .ref_f32 = imx_ref_conv2d_bn_wei_f32,
    .ref_f64 = imx_ref_conv2d_bn_wei_f64,
    .variants = imx_variants_conv2d_bn_wei,
    .flop = flop,
    .terms = terms_wei,
    .exact = false,
    .ulps = 8,
    .inner = inner_wei,
    .cases = cases_wei,
};
