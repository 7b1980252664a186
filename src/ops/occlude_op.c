/* Occlusion as an op: arguments, gradient rule, the problems that the self-test runs. See occlude.h. */
#include "ops/occlude.h"

#include "base/philox.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_occlude[];

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_occlude, n), false },       { "h", offsetof(struct imx_occlude, h), false },
    { "w", offsetof(struct imx_occlude, w), false },       { "c", offsetof(struct imx_occlude, c), false },
    { "_fill", offsetof(struct imx_occlude, fill), true }, { NULL, 0, false },
};

static int64_t count(const struct imx_occlude *d)
{
    return (int64_t)d->n * d->h * d->w * d->c;
}

static const char *check(const void *problem)
{
    const struct imx_occlude *d = problem;
    if (d->n < 1 || d->h < 1 || d->w < 1 || d->c < 1)
        return "sizes must be positive";
    if ((double)d->n * d->h * d->w * d->c > INT32_MAX)
        return "the images have more than 2^31 - 1 values";
    return d->fill - d->fill == 0.0f ? NULL : "fill must be finite";
}

static void args(const void *problem, struct imx_arg *arg)
{
    const struct imx_occlude *d = problem;
    arg[IMX_OCCLUDE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, count(d), IMX_FILL_REAL, 0 };
    arg[IMX_OCCLUDE_BOX] = (struct imx_arg){ "box", IMX_IN, IMX_I32, (int64_t)d->n * 4, IMX_FILL_OTHER, 0 };
    arg[IMX_OCCLUDE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, count(d), IMX_FILL_REAL, 0 };
}

/* Boxes inside, across each border, beyond it, and without area. */
static void fill(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_occlude *d = problem;
    int32_t *box = data;
    uint32_t draw = 0;
    (void)i;
    for (int32_t n = 0; n < d->n; n++) {
        const int32_t side[2] = { d->h, d->w };
        for (int k = 0; k < 2; k++) {
            box[4 * n + k] =
                (int32_t)imx_random_below(seed, (uint64_t)n, IMX_STREAM_TEST, &draw, (uint32_t)side[k] + 4) - 2;
            box[4 * n + 2 + k] =
                (int32_t)imx_random_below(seed, (uint64_t)n, IMX_STREAM_TEST, &draw, (uint32_t)side[k] + 2) - 1;
        }
    }
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 1;
}

static imx_status grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    struct imx_occlude d = *(const struct imx_occlude *)problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, count(&d), "dsrc");
    const imx_tid same[] = { darg[IMX_OCCLUDE_DST], arg[IMX_OCCLUDE_BOX], dsrc };
    darg[IMX_OCCLUDE_SRC] = dsrc;
    d.fill = 0.0f;
    return e->node(e, &imx_op_occlude, &d, same);
}

static const char *const cases[] = {
    "n1h1w1c1_fill0", "n3h5w7c3_fill0", "n9h8w8c1_fill-1", "n4h16w9c5_fill2", "n17h32w32c3_fill0", NULL,
};

const struct imx_op imx_op_occlude = {
    .name = "occlude",
    .problem_size = sizeof(struct imx_occlude),
    .fields = fields,
    .n_args = 3,
    .args = args,
    .check = check,
    .ref_f32 = imx_ref_occlude_f32,
    .ref_f64 = imx_ref_occlude_f64,
    .variants = imx_variants_occlude,
    .terms = terms,
    .exact = true,
    .fill = fill,
    .grad = grad,
    .cases = cases,
};
