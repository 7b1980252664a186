/* Softmax cross-entropy as ops: arguments, gradient rule, the problems that the self-test runs. See xent.h. */
#include "ops/xent.h"

#include "base/philox.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_xent_fwd[], *const imx_variants_xent_bwd[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_xent, rows), false },
    { "c", offsetof(struct imx_xent, classes), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_xent *d = problem;
    return d->rows < 1 || d->classes < 1 ? "sizes must be positive" : NULL;
}

static int64_t logit_count(const struct imx_xent *d)
{
    return (int64_t)d->rows * d->classes;
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_xent *d = problem;
    arg[IMX_XENT_FWD_LOGITS] = (struct imx_arg){ "logits", IMX_IN, IMX_F32, logit_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_XENT_FWD_LABEL] = (struct imx_arg){ "label", IMX_IN, IMX_I32, d->rows, IMX_FILL_OTHER, 0 };
    arg[IMX_XENT_FWD_LOSS] = (struct imx_arg){ "loss", IMX_OUT, IMX_F32, 1, IMX_FILL_REAL, 0 };
    arg[IMX_XENT_FWD_HITS] = (struct imx_arg){ "hits", IMX_OUT, IMX_F32, 1, IMX_FILL_REAL, 0 };
    arg[IMX_XENT_FWD_LSE] = (struct imx_arg){ "lse", IMX_OUT, IMX_F32, d->rows, IMX_FILL_REAL, 0 };
    arg[IMX_XENT_FWD_COUNT] = (struct imx_arg){ "count", IMX_OUT, IMX_F32, 1, IMX_FILL_REAL, 0 };
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_xent *d = problem;
    arg[IMX_XENT_BWD_LOGITS] = (struct imx_arg){ "logits", IMX_IN, IMX_F32, logit_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_XENT_BWD_LABEL] = (struct imx_arg){ "label", IMX_IN, IMX_I32, d->rows, IMX_FILL_OTHER, 0 };
    arg[IMX_XENT_BWD_LSE] = (struct imx_arg){ "lse", IMX_IN, IMX_F32, d->rows, IMX_FILL_REAL, 0 };
    arg[IMX_XENT_BWD_COUNT] = (struct imx_arg){ "count", IMX_IN, IMX_F32, 1, IMX_FILL_POSITIVE, 0 };
    arg[IMX_XENT_BWD_DLOSS] = (struct imx_arg){ "dloss", IMX_IN, IMX_F32, 1, IMX_FILL_POSITIVE, 0 };
    arg[IMX_XENT_BWD_DLOGITS] = (struct imx_arg){ "dlogits", IMX_OUT, IMX_F32, logit_count(d), IMX_FILL_REAL, 0 };
}

/* Labels from 0 to classes - 1, every fifth row (never row 0) without one. */
static void fill(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_xent *d = problem;
    int32_t *label = data;
    (void)i;
    for (int32_t r = 0; r < d->rows; r++) {
        uint32_t word[4];
        imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)r, word);
        label[r] = r % 5 == 4 ? -1 : (int32_t)(word[0] % (uint32_t)d->classes);
    }
}

static double flop(const void *problem)
{
    return 4.0 * (double)logit_count(problem);
}

static int64_t terms(const void *problem)
{
    const struct imx_xent *d = problem;
    return (int64_t)d->rows + d->classes;
}

static int64_t terms_bwd(const void *problem)
{
    (void)problem;
    return 2;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const imx_tid dlogits = e->tensor(e, IMX_F32, logit_count(problem), "dlogits");
    const imx_tid bwd[] = { arg[IMX_XENT_FWD_LOGITS], arg[IMX_XENT_FWD_LABEL], arg[IMX_XENT_FWD_LSE],
                            arg[IMX_XENT_FWD_COUNT],  darg[IMX_XENT_FWD_LOSS], dlogits };
    darg[IMX_XENT_FWD_LOGITS] = dlogits;
    return e->node(e, &imx_op_xent_bwd, problem, bwd);
}

static const char *const cases[] = { "r7c10", "r64c100", "r1c2", "r3c1", "r130c33", "r9c1000", NULL };

const struct imx_op imx_op_xent_fwd = {
    .name = "xent_fwd",
    .problem_size = sizeof(struct imx_xent),
    .fields = fields,
    .n_args = 6,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_xent_fwd_f32,
    .ref_f64 = imx_ref_xent_fwd_f64,
    .variants = imx_variants_xent_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .fill = fill,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_xent_bwd = {
    .name = "xent_bwd",
    .problem_size = sizeof(struct imx_xent),
    .fields = fields,
    .n_args = 6,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_xent_bwd_f32,
    .ref_f64 = imx_ref_xent_bwd_f64,
    .variants = imx_variants_xent_bwd,
    .flop = flop,
    .terms = terms_bwd,
    .exact = false,
    .ulps = 8,
    .fill = fill,
    .cases = cases,
};
