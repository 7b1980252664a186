/* Crops as an op: forward and backward are each other's gradient. See unfold.h. */
#include "ops/ref.h"
#include "ops/unfold.h"

extern const struct imx_variant *const imx_variants_unfold_fwd[], *const imx_variants_unfold_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_unfold, n), false },
    { "h", offsetof(struct imx_unfold, h), false },
    { "w", offsetof(struct imx_unfold, w), false },
    { "c", offsetof(struct imx_unfold, c), false },
    { "_k", offsetof(struct imx_unfold, k), false },
    { "s", offsetof(struct imx_unfold, stride), false },
    { NULL, 0, false },
};

static int64_t src_count(const struct imx_unfold *d)
{
    return (int64_t)d->n * d->h * d->w * d->c;
}

static int64_t dst_count(const struct imx_unfold *d)
{
    return (int64_t)d->n * imx_unfold_out(d->h, d) * imx_unfold_out(d->w, d) * d->k * d->k * d->c;
}

static const char *check(const void *problem)
{
    const struct imx_unfold *d = problem;
    if (d->n < 1 || d->h < 1 || d->w < 1 || d->c < 1 || d->k < 1 || d->stride < 1)
        return "sizes must be positive";
    if (d->h < d->k || d->w < d->k)
        return "a crop is larger than the image";
    if ((double)d->n * d->h * d->w * d->c > INT32_MAX ||
        (double)d->n * imx_unfold_out(d->h, d) * imx_unfold_out(d->w, d) * d->k * d->k * d->c > INT32_MAX)
        return "the images and the crops must stay below 2^31 values: use a smaller batch";
    return NULL;
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    arg[IMX_UNFOLD_FWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src_count(problem), IMX_FILL_REAL, 0 };
    arg[IMX_UNFOLD_FWD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, dst_count(problem), IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    arg[IMX_UNFOLD_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, dst_count(problem), IMX_FILL_REAL, 0 };
    arg[IMX_UNFOLD_BWD_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, src_count(problem), IMX_FILL_REAL, 0 };
}

static double flop_none(const void *problem)
{
    (void)problem;
    return 0;
}

static double flop_bwd(const void *problem)
{
    return (double)dst_count(problem);
}

/* How many crops may hold a pixel. */
static int64_t terms(const void *problem)
{
    const struct imx_unfold *d = problem;
    const int64_t side = (d->k + d->stride - 1) / d->stride;
    return side * side;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dsrc = e->tensor(e, IMX_F32, src_count(problem), "dsrc");
    const imx_tid bwd[] = { darg[IMX_UNFOLD_FWD_DST], dsrc };
    (void)arg;
    darg[IMX_UNFOLD_FWD_SRC] = dsrc;
    return e->node(e, &imx_op_unfold_bwd, problem, bwd);
}

static imx_status grad_bwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dddst = e->tensor(e, IMX_F32, dst_count(problem), "dddst");
    const imx_tid fwd[] = { darg[IMX_UNFOLD_BWD_DSRC], dddst };
    (void)arg;
    darg[IMX_UNFOLD_BWD_DDST] = dddst;
    return e->node(e, &imx_op_unfold_fwd, problem, fwd);
}

/* The overlap of the paper, none, gaps between the crops, pixels that no crop reaches, many crops over one pixel. */
static const char *const cases[] = {
    "n1h1w1c1_k1s1",    "n2h8w8c3_k4s2",    "n3h7w10c5_k3s2",
    "n2h9w9c1_k4s1",    "n2h11w8c7_k2s3",   "n4h32w32c3_k8s4",
    "n3h64w64c3_k16s8", "n2h13w17c33_k5s4", NULL,
};

const struct imx_op imx_op_unfold_fwd = {
    .name = "unfold_fwd",
    .problem_size = sizeof(struct imx_unfold),
    .fields = fields,
    .n_args = 2,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_unfold_fwd_f32,
    .ref_f64 = imx_ref_unfold_fwd_f64,
    .variants = imx_variants_unfold_fwd,
    .flop = flop_none,
    .terms = terms,
    .exact = true,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_unfold_bwd = {
    .name = "unfold_bwd",
    .problem_size = sizeof(struct imx_unfold),
    .fields = fields,
    .n_args = 2,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_unfold_bwd_f32,
    .ref_f64 = imx_ref_unfold_bwd_f64,
    .variants = imx_variants_unfold_bwd,
    .flop = flop_bwd,
    .terms = terms,
    .exact = true,
    .grad = grad_bwd,
    .cases = cases,
};
