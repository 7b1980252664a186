/* Shuffles and moved rows as ops: the orders are constants for differentiation. See shuffle.h. */
#include "base/philox.h"
#include "ops/ref.h"
#include "ops/shuffle.h"

extern const struct imx_variant *const imx_variants_shuffle[], *const imx_variants_permute_fwd[],
                                                                   *const imx_variants_permute_bwd[];

static const struct imx_field shuffle_fields[] = {
    { "n", offsetof(struct imx_shuffle, n), false },
    { "s", offsetof(struct imx_shuffle, sets), false },
    { "_kind", offsetof(struct imx_shuffle, kind), false },
    { "_stream", offsetof(struct imx_shuffle, stream), false },
    { NULL, 0, false },
};

static const struct imx_field permute_fields[] = {
    { "n", offsetof(struct imx_permute, n), false },
    { "s", offsetof(struct imx_permute, sets), false },
    { "c", offsetof(struct imx_permute, c), false },
    { NULL, 0, false },
};

static const char *check_shuffle(const void *problem)
{
    const struct imx_shuffle *d = problem;
    if (d->n < 1 || d->sets < 1 || (double)d->n * d->sets > INT32_MAX)
        return "sizes must be positive and n*s below 2^31";
    if (d->kind != IMX_SHUFFLE_ANY && d->kind != IMX_SHUFFLE_ROTATE)
        return "kind is 0 (any) or 1 (rotate)";
    return d->kind == IMX_SHUFFLE_ROTATE && d->n < 2 ? "a rotation needs n >= 2" : NULL;
}

static int64_t count(const struct imx_permute *d)
{
    return (int64_t)d->n * d->sets * d->c;
}

static const char *check_permute(const void *problem)
{
    const struct imx_permute *d = problem;
    if (d->n < 1 || d->sets < 1 || d->c < 1)
        return "sizes must be positive";
    return (double)d->n * d->sets * d->c > INT32_MAX ? "n*s*c must stay below 2^31" : NULL;
}

static void args_shuffle(const void *problem, struct imx_arg *arg)
{
    const struct imx_shuffle *d = problem;
    arg[IMX_SHUFFLE_CTR] = (struct imx_arg){ "ctr", IMX_IN, IMX_U32, 4, IMX_FILL_COUNTER, 0 };
    arg[IMX_SHUFFLE_PERM] = (struct imx_arg){ "perm", IMX_OUT, IMX_I32, (int64_t)d->n * d->sets, IMX_FILL_INDEX, d->n };
}

static void args_permute(const void *problem, struct imx_arg *arg)
{
    const struct imx_permute *d = problem;
    arg[IMX_PERMUTE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, count(d), IMX_FILL_REAL, 0 };
    arg[IMX_PERMUTE_PERM] = (struct imx_arg){ "perm", IMX_IN, IMX_I32, (int64_t)d->n * d->sets, IMX_FILL_OTHER, d->n };
    arg[IMX_PERMUTE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, count(d), IMX_FILL_REAL, 0 };
}

/* PERM of a test: real permutations. */
static void fill_permute(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_permute *d = problem;
    const struct imx_shuffle draw = { d->n, d->sets, IMX_SHUFFLE_ANY, IMX_STREAM_TEST };
    uint32_t ctr[4] = { (uint32_t)seed, (uint32_t)i, 0, 0 };
    imx_ref_shuffle_f32(&draw, (void *[]){ ctr, data });
}

static double flop(const void *problem)
{
    (void)problem;
    return 0;
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 1;
}

static imx_status grad_to(struct imx_emit *e, const struct imx_op *op, const void *problem, const imx_tid *arg,
                          imx_tid *darg)
{
    const imx_tid dsrc = e->tensor(e, IMX_F32, count(problem), "dsrc");
    darg[IMX_PERMUTE_SRC] = dsrc;
    return e->node(e, op, problem, (const imx_tid[]){ darg[IMX_PERMUTE_DST], arg[IMX_PERMUTE_PERM], dsrc });
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    return grad_to(e, &imx_op_permute_bwd, problem, arg, darg);
}

static imx_status grad_bwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    return grad_to(e, &imx_op_permute_fwd, problem, arg, darg);
}

static const char *const shuffle_cases[] = {
    "n1s1_kind0_stream13", "n2s3_kind0_stream13", "n64s64_kind0_stream13",  "n37s225_kind0_stream77",
    "n2s1_kind1_stream13", "n5s7_kind1_stream13", "n129s65_kind1_stream13", NULL,
};
static const char *const permute_cases[] = {
    "n1s1c1", "n3s2c4", "n5s7c3", "n16s9c33", "n8s65c130", NULL,
};

const struct imx_op imx_op_shuffle = {
    .name = "shuffle",
    .problem_size = sizeof(struct imx_shuffle),
    .fields = shuffle_fields,
    .n_args = 2,
    .args = args_shuffle,
    .check = check_shuffle,
    .ref_f32 = imx_ref_shuffle_f32,
    .ref_f64 = imx_ref_shuffle_f64,
    .variants = imx_variants_shuffle,
    .flop = flop,
    .terms = terms,
    .exact = true,
    .cases = shuffle_cases,
};

#define PERMUTE(direction)                                                                                             \
    const struct imx_op imx_op_permute_##direction = {                                                                 \
        .name = "permute_" #direction,                                                                                 \
        .problem_size = sizeof(struct imx_permute),                                                                    \
        .fields = permute_fields,                                                                                      \
        .n_args = 3,                                                                                                   \
        .args = args_permute,                                                                                          \
        .check = check_permute,                                                                                        \
        .ref_f32 = imx_ref_permute_##direction##_f32,                                                                  \
        .ref_f64 = imx_ref_permute_##direction##_f64,                                                                  \
        .variants = imx_variants_permute_##direction,                                                                  \
        .flop = flop,                                                                                                  \
        .terms = terms,                                                                                                \
        .exact = true,                                                                                                 \
        .fill = fill_permute,                                                                                          \
        .grad = grad_##direction,                                                                                      \
        .cases = permute_cases,                                                                                        \
    }

PERMUTE(fwd);
PERMUTE(bwd);
