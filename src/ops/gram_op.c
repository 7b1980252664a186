/* The Gram matrix as an op: arguments, the problems that the self-test runs. See gram.h. It serves other ops' rules
 * and variants (quadnorm) and has no gradient rule of its own. */
#include "ops/gram.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_gram[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_gram, rows), false },
    { "k", offsetof(struct imx_gram, k), false },
    { "_w", offsetof(struct imx_gram, weighted), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_gram *d = problem;
    if (d->rows < 1 || d->k < 1)
        return "sizes must be positive";
    if ((int64_t)d->rows * d->k > INT32_MAX || (int64_t)d->k * d->k > INT32_MAX)
        return "a matrix has more than 2^31 - 1 elements";
    return d->weighted == 0 || d->weighted == 1 ? NULL : "w is 0 (no weights) or 1";
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_gram *d = problem;
    arg[IMX_GRAM_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, (int64_t)d->rows * d->k, IMX_FILL_REAL, 0 };
    arg[IMX_GRAM_WGT] = (struct imx_arg){ "wgt", IMX_IN, IMX_F32, d->weighted ? d->rows : 0, IMX_FILL_REAL, 0 };
    arg[IMX_GRAM_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, (int64_t)d->k * d->k, IMX_FILL_REAL, 0 };
}

/* One triangle. */
static double flop(const void *problem)
{
    const struct imx_gram *d = problem;
    return (double)d->rows * d->k * (d->k + 1);
}

static int64_t terms(const void *problem)
{
    return (int64_t)((const struct imx_gram *)problem)->rows + 2;
}

static const char *const cases[] = {
    "r1k1_w0",    "r5k7_w1",     "r64k64_w0", "r31k33_w1",   "r257k65_w1",  "r40k256_w1",
    "r300k97_w0", "r515k100_w1", "r2k243_w0", "r300k520_w1", "r2100k40_w1", NULL,
};

const struct imx_op imx_op_gram = {
    .name = "gram",
    .problem_size = sizeof(struct imx_gram),
    .fields = fields,
    .n_args = 3,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_gram_f32,
    .ref_f64 = imx_ref_gram_f64,
    .variants = imx_variants_gram,
    .flop = flop,
    .terms = terms,
    .exact = true,
    .ulps = 0,
    .cases = cases,
};
