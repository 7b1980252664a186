/* Random numbers as an op: constants for differentiation. See random.h. */
#include "ops/random.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_random[], *const imx_variants_random_index[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_random_problem, n), false },
    { "_kind", offsetof(struct imx_random_problem, kind), false },
    { "_stream", offsetof(struct imx_random_problem, stream), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_random_problem *d = problem;
    if (d->n < 1)
        return "n must be positive";
    return d->kind == IMX_RANDOM_UNIFORM || d->kind == IMX_RANDOM_NORMAL ? NULL : "kind is 0 (uniform) or 1 (normal)";
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_random_problem *d = problem;
    arg[IMX_RANDOM_CTR] = (struct imx_arg){ "ctr", IMX_IN, IMX_U32, 4, IMX_FILL_COUNTER, 0 };
    arg[IMX_RANDOM_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static double flop(const void *problem)
{
    (void)problem;
    return 0;
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 2;
}

static const char *const cases[] = {
    "n1_kind0_stream7",
    "n15_kind0_stream8",
    "n4099_kind0_stream71",
    "n1_kind1_stream7",
    "n18_kind1_stream7",
    "n4101_kind1_stream135",
    NULL,
};

const struct imx_op imx_op_random = {
    .name = "random",
    .problem_size = sizeof(struct imx_random_problem),
    .fields = fields,
    .n_args = 2,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_random_f32,
    .ref_f64 = imx_ref_random_f64,
    .variants = imx_variants_random,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 10, /* log 3 (halved by the root), sqrt 3, cospi or sinpi 4 */
    .cases = cases,
};

static const struct imx_field index_fields[] = {
    { "n", offsetof(struct imx_random_index, n), false },
    { "_limit", offsetof(struct imx_random_index, limit), false },
    { "_stream", offsetof(struct imx_random_index, stream), false },
    { NULL, 0, false },
};

static const char *check_index(const void *problem)
{
    const struct imx_random_index *d = problem;
    return d->n < 1 || d->limit < 1 ? "n and limit must be positive" : NULL;
}

static void args_index(const void *problem, struct imx_arg *arg)
{
    const struct imx_random_index *d = problem;
    arg[IMX_RANDOM_CTR] = (struct imx_arg){ "ctr", IMX_IN, IMX_U32, 4, IMX_FILL_COUNTER, 0 };
    arg[IMX_RANDOM_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_I32, d->n, IMX_FILL_INDEX, d->limit };
}

static const char *const index_cases[] = {
    "n1_limit1_stream8", "n15_limit64_stream8", "n4099_limit225_stream72", "n130_limit2147483647_stream8", NULL,
};

const struct imx_op imx_op_random_index = {
    .name = "random_index",
    .problem_size = sizeof(struct imx_random_index),
    .fields = index_fields,
    .n_args = 2,
    .args = args_index,
    .check = check_index,
    .ref_f32 = imx_ref_random_index_f32,
    .ref_f64 = imx_ref_random_index_f64,
    .variants = imx_variants_random_index,
    .flop = flop,
    .terms = terms,
    .exact = true,
    .cases = index_cases,
};
