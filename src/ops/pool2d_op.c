/* Pooling as ops: arguments, gradient rule, the problems that the self-test runs. See pool2d.h. */
#include "ops/pool2d.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_pool2d_fwd[], *const imx_variants_pool2d_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_pool2d, n), false },
    { "h", offsetof(struct imx_pool2d, h), false },
    { "w", offsetof(struct imx_pool2d, w), false },
    { "c", offsetof(struct imx_pool2d, c), false },
    { "_k", offsetof(struct imx_pool2d, k), false },
    { "s", offsetof(struct imx_pool2d, stride), false },
    { "p", offsetof(struct imx_pool2d, pad), false },
    { "_kind", offsetof(struct imx_pool2d, kind), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_pool2d *d = problem;
    if (d->n < 1 || d->h < 1 || d->w < 1 || d->c < 1 || d->k < 1 || d->stride < 1 || d->pad < 0)
        return "sizes must be positive";
    if (d->pad > d->k / 2)
        return "pad must not exceed k/2, or a window could be empty";
    if (d->h + 2 * d->pad < d->k || d->w + 2 * d->pad < d->k)
        return "the window is larger than the padded image";
    return d->kind == IMX_POOL_MAX || d->kind == IMX_POOL_AVG ? NULL : "kind is 0 (max) or 1 (average)";
}

static int64_t src_count(const struct imx_pool2d *d)
{
    return (int64_t)d->n * d->h * d->w * d->c;
}

static int64_t dst_count(const struct imx_pool2d *d)
{
    return (int64_t)d->n * imx_pool2d_out(d->h, d) * imx_pool2d_out(d->w, d) * d->c;
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_pool2d *d = problem;
    arg[IMX_POOL2D_FWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_POOL2D_FWD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_POOL2D_FWD_AT] =
        (struct imx_arg){ "at", IMX_OUT, IMX_I32, d->kind == IMX_POOL_MAX ? dst_count(d) : 0, IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_pool2d *d = problem;
    arg[IMX_POOL2D_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_POOL2D_BWD_AT] = (struct imx_arg){ "at",           IMX_IN,
                                               IMX_I32,        d->kind == IMX_POOL_MAX ? dst_count(d) : 0,
                                               IMX_FILL_INDEX, (int64_t)d->h * d->w };
    arg[IMX_POOL2D_BWD_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    const struct imx_pool2d *d = problem;
    return (double)dst_count(d) * d->k * d->k;
}

static int64_t terms(const void *problem)
{
    const struct imx_pool2d *d = problem;
    return (int64_t)d->k * d->k;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dsrc = e->tensor(e, IMX_F32, src_count(problem), "dsrc");
    const imx_tid bwd[] = { darg[IMX_POOL2D_FWD_DST], arg[IMX_POOL2D_FWD_AT], dsrc };
    darg[IMX_POOL2D_FWD_SRC] = dsrc;
    return e->node(e, &imx_op_pool2d_bwd, problem, bwd);
}

static const char *const cases[] = {
    "n2h8w8c3_k2s2p0_kind0",    "n2h7w9c5_k3s2p1_kind0",    "n1h5w5c1_k5s1p2_kind0",
    "n2h8w8c3_k2s2p0_kind1",    "n3h6w4c7_k3s1p1_kind1",    "n1h1w1c1_k1s1p0_kind0",
    "n4h15w15c16_k3s2p0_kind0", "n2h13w11c33_k4s3p2_kind1", NULL,
};

const struct imx_op imx_op_pool2d_fwd = {
    .name = "pool2d_fwd",
    .problem_size = sizeof(struct imx_pool2d),
    .fields = fields,
    .n_args = 3,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_pool2d_fwd_f32,
    .ref_f64 = imx_ref_pool2d_fwd_f64,
    .variants = imx_variants_pool2d_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 1,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_pool2d_bwd = {
    .name = "pool2d_bwd",
    .problem_size = sizeof(struct imx_pool2d),
    .fields = fields,
    .n_args = 3,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_pool2d_bwd_f32,
    .ref_f64 = imx_ref_pool2d_bwd_f64,
    .variants = imx_variants_pool2d_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 1,
    .cases = cases,
};
