/* Convolution in three directions as ops: arguments, gradient rules, the problems that the self-test runs.
 * See conv2d.h. The three are one trilinear form sum dst * src * wei with each of its factors taken out in
 * turn, so the gradient of each direction is the other two. */
#include "ops/conv2d.h"
#include "ops/reduce.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_conv2d_fwd[], *const imx_variants_conv2d_bwd_data[],
                                                                      *const imx_variants_conv2d_bwd_wei[];

#define FIELD(key, name)                                                                                               \
    {                                                                                                                  \
        key, offsetof(struct imx_conv2d, name), false                                                                  \
    }
static const struct imx_field fields[] = {
    FIELD("n", n), FIELD("h", h),      FIELD("w", w),   FIELD("c", c),        FIELD("_o", o),
    FIELD("k", k), FIELD("s", stride), FIELD("p", pad), FIELD("_bias", bias), { NULL, 0, false },
};

static int64_t src_count(const struct imx_conv2d *d)
{
    return (int64_t)d->n * d->h * d->w * d->c;
}

static int64_t wei_count(const struct imx_conv2d *d)
{
    return (int64_t)d->o * d->k * d->k * d->c;
}

static int64_t dst_count(const struct imx_conv2d *d)
{
    return (int64_t)d->n * imx_conv2d_p(d) * imx_conv2d_q(d) * d->o;
}

static const char *check(const void *problem)
{
    const struct imx_conv2d *d = problem;
    if (d->n < 1 || d->h < 1 || d->w < 1 || d->c < 1 || d->o < 1 || d->k < 1 || d->stride < 1 || d->pad < 0)
        return "sizes must be positive";
    if (d->h + 2 * d->pad < d->k || d->w + 2 * d->pad < d->k)
        return "the kernel is larger than the padded image";
    if (src_count(d) > INT32_MAX || wei_count(d) > INT32_MAX || dst_count(d) > INT32_MAX)
        return "a tensor has more than 2^31 - 1 elements";
    return NULL;
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_conv2d *d = problem;
    arg[IMX_CONV2D_FWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_FWD_WEI] = (struct imx_arg){ "wei", IMX_IN, IMX_F32, wei_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_FWD_BIA] = (struct imx_arg){ "bia", IMX_IN, IMX_F32, d->bias ? d->o : 0, IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_FWD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
}

static void args_bwd_data(const void *problem, struct imx_arg *arg)
{
    const struct imx_conv2d *d = problem;
    arg[IMX_CONV2D_BWD_DATA_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_BWD_DATA_WEI] = (struct imx_arg){ "wei", IMX_IN, IMX_F32, wei_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_BWD_DATA_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
}

static void args_bwd_wei(const void *problem, struct imx_arg *arg)
{
    const struct imx_conv2d *d = problem;
    arg[IMX_CONV2D_BWD_WEI_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_BWD_WEI_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_CONV2D_BWD_WEI_DWEI] = (struct imx_arg){ "dwei", IMX_OUT, IMX_F32, wei_count(d), IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    const struct imx_conv2d *d = problem;
    return 2.0 * (double)dst_count(d) * d->k * d->k * d->c;
}

static int64_t terms_fwd(const void *problem)
{
    const struct imx_conv2d *d = problem;
    return (int64_t)d->k * d->k * d->c + 1;
}

static int64_t terms_bwd_data(const void *problem)
{
    const struct imx_conv2d *d = problem;
    return (int64_t)d->k * d->k * d->o;
}

static int64_t terms_bwd_wei(const void *problem)
{
    const struct imx_conv2d *d = problem;
    return (int64_t)d->n * imx_conv2d_p(d) * imx_conv2d_q(d);
}

/* Each emits one direction as a node and returns its new result in *out. */
static imx_status emit_fwd(struct imx_emit *e, const struct imx_conv2d *d, imx_tid src, imx_tid wei, imx_tid *out)
{
    struct imx_conv2d plain = *d;
    plain.bias = 0;
    *out = e->tensor(e, IMX_F32, dst_count(d), "ddst");
    const imx_tid arg[] = { src, wei, 0, *out };
    return e->node(e, &imx_op_conv2d_fwd, &plain, arg);
}

static imx_status emit_data(struct imx_emit *e, const struct imx_conv2d *d, imx_tid ddst, imx_tid wei, imx_tid *out)
{
    struct imx_conv2d plain = *d;
    plain.bias = 0;
    *out = e->tensor(e, IMX_F32, src_count(d), "dsrc");
    const imx_tid arg[] = { ddst, wei, *out };
    return e->node(e, &imx_op_conv2d_bwd_data, &plain, arg);
}

static imx_status emit_wei(struct imx_emit *e, const struct imx_conv2d *d, imx_tid src, imx_tid ddst, imx_tid *out)
{
    struct imx_conv2d plain = *d;
    plain.bias = 0;
    *out = e->tensor(e, IMX_F32, wei_count(d), "dwei");
    const imx_tid arg[] = { src, ddst, *out };
    return e->node(e, &imx_op_conv2d_bwd_wei, &plain, arg);
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_conv2d *d = problem;
    const imx_tid g = darg[IMX_CONV2D_FWD_DST];
    if (darg[IMX_CONV2D_FWD_SRC] == IMX_WANTED)
        IMX_TRY(emit_data(e, d, g, arg[IMX_CONV2D_FWD_WEI], &darg[IMX_CONV2D_FWD_SRC]));
    if (darg[IMX_CONV2D_FWD_WEI] == IMX_WANTED)
        IMX_TRY(emit_wei(e, d, arg[IMX_CONV2D_FWD_SRC], g, &darg[IMX_CONV2D_FWD_WEI]));
    if (d->bias && darg[IMX_CONV2D_FWD_BIA] == IMX_WANTED) {
        const struct imx_colsum sum = { (int32_t)(dst_count(d) / d->o), d->o };
        const imx_tid dbia = e->tensor(e, IMX_F32, d->o, "dbia");
        const imx_tid colsum[] = { g, dbia };
        darg[IMX_CONV2D_FWD_BIA] = dbia;
        IMX_TRY(e->node(e, &imx_op_colsum, &sum, colsum));
    }
    return IMX_OK;
}

static imx_status grad_bwd_data(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_conv2d *d = problem;
    const imx_tid g = darg[IMX_CONV2D_BWD_DATA_DSRC]; /* takes the place of src */
    if (darg[IMX_CONV2D_BWD_DATA_DDST] == IMX_WANTED)
        IMX_TRY(emit_fwd(e, d, g, arg[IMX_CONV2D_BWD_DATA_WEI], &darg[IMX_CONV2D_BWD_DATA_DDST]));
    if (darg[IMX_CONV2D_BWD_DATA_WEI] == IMX_WANTED)
        IMX_TRY(emit_wei(e, d, g, arg[IMX_CONV2D_BWD_DATA_DDST], &darg[IMX_CONV2D_BWD_DATA_WEI]));
    return IMX_OK;
}

static imx_status grad_bwd_wei(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_conv2d *d = problem;
    const imx_tid g = darg[IMX_CONV2D_BWD_WEI_DWEI]; /* takes the place of wei */
    if (darg[IMX_CONV2D_BWD_WEI_SRC] == IMX_WANTED)
        IMX_TRY(emit_data(e, d, arg[IMX_CONV2D_BWD_WEI_DDST], g, &darg[IMX_CONV2D_BWD_WEI_SRC]));
    if (darg[IMX_CONV2D_BWD_WEI_DDST] == IMX_WANTED)
        IMX_TRY(emit_fwd(e, d, arg[IMX_CONV2D_BWD_WEI_SRC], g, &darg[IMX_CONV2D_BWD_WEI_DDST]));
    return IMX_OK;
}

static const char *const cases[] = {
    "n1h11w10c33_o5k5s3p2_bias0",
    "n2h5w6c3_o4k3s1p1_bias1",
    "n9h23w21c3_o20k3s1p1_bias0", /* few weights, many pixels: the weight gradient is cut into slices */
    "n2h11w11c1_o33k1s1p0_bias0", /* single terms, which show how factors are rounded: forward, */
    "n1h1w1c70_o67k1s1p0_bias0",  /* and of the weight gradient */
    "n1h1w1c1_o1k1s1p0_bias0",
    "n2h7w5c5_o7k3s2p1_bias0",
    "n1h4w4c2_o3k4s4p0_bias1",
    "n2h9w8c3_o33k4s2p1_bias1",
    "n3h6w7c16_o17k1s1p0_bias1",
    "n2h5w9c4_o6k1s2p0_bias0",
    "n1h3w3c1_o1k2s3p0_bias0",
    "n2h6w6c8_o9k2s1p3_bias1",
    "n1h13w4c20_o40k4s1p2_bias0",
    "n2h10w12c6_o8k7s2p3_bias1",
    "n5h1w1c40_o70k1s1p0_bias1",
    "n2h2w2c3_o2k3s2p1_bias1",
    "n1h8w8c64_o64k3s1p1_bias0",
    /* Winograd's tiles: one pixel, edges in both directions, every padding, channels around a vector */
    "n1h1w1c1_o1k3s1p1_bias1",
    "n1h3w3c16_o32k3s1p0_bias0",
    "n3h7w10c17_o33k3s1p2_bias1",
    "n1h13w5c40_o21k3s1p0_bias1",
    "n2h9w14c33_o64k3s1p1_bias0",
    "n5h6w3c5_o70k3s1p2_bias0",
    "n2h15w15c48_o48k3s1p1_bias1",
    /* the layers of basic32 and the first of basic28 and basic64, fewer images */
    "n2h32w32c3_o64k4s2p1_bias0",
    "n2h16w16c64_o128k4s2p1_bias0",
    "n3h8w8c128_o256k4s2p1_bias1",
    "n2h28w28c1_o64k4s2p1_bias1",
    "n1h64w64c3_o64k4s2p1_bias0",
    "n4h4w4c512_o64k4s1p0_bias0",
    NULL,
};

const struct imx_op imx_op_conv2d_fwd = {
    .name = "conv2d_fwd",
    .problem_size = sizeof(struct imx_conv2d),
    .fields = fields,
    .n_args = 4,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_conv2d_fwd_f32,
    .ref_f64 = imx_ref_conv2d_fwd_f64,
    .variants = imx_variants_conv2d_fwd,
    .flop = flop,
    .terms = terms_fwd,
    .exact = true,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_conv2d_bwd_data = {
    .name = "conv2d_bwd_data",
    .problem_size = sizeof(struct imx_conv2d),
    .fields = fields,
    .n_args = 3,
    .args = args_bwd_data,
    .check = check,
    .ref_f32 = imx_ref_conv2d_bwd_data_f32,
    .ref_f64 = imx_ref_conv2d_bwd_data_f64,
    .variants = imx_variants_conv2d_bwd_data,
    .flop = flop,
    .terms = terms_bwd_data,
    .exact = true,
    .grad = grad_bwd_data,
    .cases = cases,
};

const struct imx_op imx_op_conv2d_bwd_wei = {
    .name = "conv2d_bwd_wei",
    .problem_size = sizeof(struct imx_conv2d),
    .fields = fields,
    .n_args = 3,
    .args = args_bwd_wei,
    .check = check,
    .ref_f32 = imx_ref_conv2d_bwd_wei_f32,
    .ref_f64 = imx_ref_conv2d_bwd_wei_f64,
    .variants = imx_variants_conv2d_bwd_wei,
    .flop = flop,
    .terms = terms_bwd_wei,
    .exact = true,
    .grad = grad_bwd_wei,
    .cases = cases,
};
