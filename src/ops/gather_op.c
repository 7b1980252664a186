/* Drawing rows as an op: forward and backward are each other's gradient. See gather.h. */
#include "ops/gather.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gather_fwd[], *const imx_variants_gather_bwd[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_gather, n), false },
    { "p", offsetof(struct imx_gather, p), false },
    { "c", offsetof(struct imx_gather, c), false },
    { "_k", offsetof(struct imx_gather, k), false },
    { NULL, 0, false },
};

static int64_t src_count(const struct imx_gather *d)
{
    return (int64_t)d->n * d->p * d->c;
}

static int64_t dst_count(const struct imx_gather *d)
{
    return (int64_t)d->n * d->k * d->c;
}

static const char *check(const void *problem)
{
    const struct imx_gather *d = problem;
    if (d->n < 1 || d->p < 1 || d->c < 1 || d->k < 1)
        return "sizes must be positive";
    if ((double)d->n * d->p * d->c > INT32_MAX || (double)d->n * d->k * d->c > INT32_MAX)
        return "n*p*c and n*k*c must stay below 2^31";
    return NULL;
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_gather *d = problem;
    arg[IMX_GATHER_FWD_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_GATHER_FWD_IDX] = (struct imx_arg){ "idx", IMX_IN, IMX_I32, (int64_t)d->n * d->k, IMX_FILL_INDEX, d->p };
    arg[IMX_GATHER_FWD_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_gather *d = problem;
    arg[IMX_GATHER_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, dst_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_GATHER_BWD_IDX] = (struct imx_arg){ "idx", IMX_IN, IMX_I32, (int64_t)d->n * d->k, IMX_FILL_INDEX, d->p };
    arg[IMX_GATHER_BWD_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, src_count(d), IMX_FILL_REAL, 0 };
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

static int64_t terms(const void *problem)
{
    return ((const struct imx_gather *)problem)->k;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dsrc = e->tensor(e, IMX_F32, src_count(problem), "dsrc");
    const imx_tid bwd[] = { darg[IMX_GATHER_FWD_DST], arg[IMX_GATHER_FWD_IDX], dsrc };
    darg[IMX_GATHER_FWD_SRC] = dsrc;
    return e->node(e, &imx_op_gather_bwd, problem, bwd);
}

static imx_status grad_bwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dddst = e->tensor(e, IMX_F32, dst_count(problem), "dddst");
    const imx_tid fwd[] = { darg[IMX_GATHER_BWD_DSRC], arg[IMX_GATHER_BWD_IDX], dddst };
    darg[IMX_GATHER_BWD_DDST] = dddst;
    return e->node(e, &imx_op_gather_fwd, problem, fwd);
}

static const char *const cases[] = {
    "n1p1c1_k1", "n3p9c16_k4", "n2p5c7_k8", "n4p16c33_k1", "n2p49c64_k20", NULL,
};

const struct imx_op imx_op_gather_fwd = {
    .name = "gather_fwd",
    .problem_size = sizeof(struct imx_gather),
    .fields = fields,
    .n_args = 3,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_gather_fwd_f32,
    .ref_f64 = imx_ref_gather_fwd_f64,
    .variants = imx_variants_gather_fwd,
    .flop = flop_none,
    .terms = terms,
    .exact = true,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_gather_bwd = {
    .name = "gather_bwd",
    .problem_size = sizeof(struct imx_gather),
    .fields = fields,
    .n_args = 3,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_gather_bwd_f32,
    .ref_f64 = imx_ref_gather_bwd_f64,
    .variants = imx_variants_gather_bwd,
    .flop = flop_bwd,
    .terms = terms,
    .exact = true,
    .grad = grad_bwd,
    .cases = cases,
};
