/* Reductions as ops: arguments, gradient rules, the problems that the self-test runs. See reduce.h. */
#include "ops/reduce.h"

#include "base/philox.h"
#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_colsum[],
    *const imx_variants_broadcast[], *const imx_variants_rowreduce[], *const imx_variants_rowreduce_bwd[],
                                                                          *const imx_variants_gradnorm[];

static const struct imx_field row_fields[] = {
    { "r", offsetof(struct imx_rowreduce, rows), false },
    { "c", offsetof(struct imx_rowreduce, cols), false },
    { "_kind", offsetof(struct imx_rowreduce, kind), false },
    { NULL, 0, false },
};
static const struct imx_field col_fields[] = {
    { "r", offsetof(struct imx_colsum, rows), false },
    { "c", offsetof(struct imx_colsum, cols), false },
    { NULL, 0, false },
};
static const struct imx_field norm_fields[] = { { "n", offsetof(struct imx_gradnorm, n), false }, { NULL, 0, false } };

static const char *row_check(const void *problem)
{
    const struct imx_rowreduce *d = problem;
    if (d->rows < 1 || d->cols < 1)
        return "sizes must be positive";
    return d->kind >= IMX_REDUCE_SUM && d->kind <= IMX_REDUCE_LSE ? NULL
                                                                  : "kind is 0 (sum), 1 (mean), 2 (max) or 3 (lse)";
}

static const char *col_check(const void *problem)
{
    const struct imx_colsum *d = problem;
    return d->rows < 1 || d->cols < 1 ? "sizes must be positive" : NULL;
}

static const char *norm_check(const void *problem)
{
    const struct imx_gradnorm *d = problem;
    return d->n < 1 || d->n > INT32_MAX / 2 ? "n must lie in 1 .. 2^30" : NULL;
}

static int64_t row_count(const struct imx_rowreduce *d)
{
    return (int64_t)d->rows * d->cols;
}

static int64_t col_count(const struct imx_colsum *d)
{
    return (int64_t)d->rows * d->cols;
}

static void row_args(const void *problem, struct imx_arg *arg)
{
    const struct imx_rowreduce *d = problem;
    arg[IMX_REDUCE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, row_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_REDUCE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->rows, IMX_FILL_REAL, 0 };
}

static void row_bwd_args(const void *problem, struct imx_arg *arg)
{
    const struct imx_rowreduce *d = problem;
    const bool needs = d->kind >= IMX_REDUCE_MAX;
    arg[IMX_ROWREDUCE_BWD_SRC] =
        (struct imx_arg){ "src", IMX_IN, IMX_F32, needs ? row_count(d) : 0, IMX_FILL_OTHER, 0 };
    arg[IMX_ROWREDUCE_BWD_DST] = (struct imx_arg){ "dst", IMX_IN, IMX_F32, needs ? d->rows : 0, IMX_FILL_OTHER, 0 };
    arg[IMX_ROWREDUCE_BWD_DDST] = (struct imx_arg){ "ddst", IMX_IN, IMX_F32, d->rows, IMX_FILL_REAL, 0 };
    arg[IMX_ROWREDUCE_BWD_DSRC] = (struct imx_arg){ "dsrc", IMX_OUT, IMX_F32, row_count(d), IMX_FILL_REAL, 0 };
}

static void col_args(const void *problem, struct imx_arg *arg)
{
    const struct imx_colsum *d = problem;
    arg[IMX_REDUCE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, col_count(d), IMX_FILL_REAL, 0 };
    arg[IMX_REDUCE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->cols, IMX_FILL_REAL, 0 };
}

static void broadcast_args(const void *problem, struct imx_arg *arg)
{
    const struct imx_colsum *d = problem;
    arg[IMX_REDUCE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->cols, IMX_FILL_REAL, 0 };
    arg[IMX_REDUCE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, col_count(d), IMX_FILL_REAL, 0 };
}

static void norm_args(const void *problem, struct imx_arg *arg)
{
    const struct imx_gradnorm *d = problem;
    arg[IMX_REDUCE_SRC] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_REDUCE_DST] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, 2, IMX_FILL_REAL, 0 };
}

static float bwd_value(uint64_t seed, int64_t i)
{
    uint32_t word[4];
    imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)i, word);
    return (float)(word[0] % 7) - 3.0f;
}

/* The gradient of max wants a row whose maximum is in it, sometimes twice; dst is that maximum. */
static void row_bwd_fill(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_rowreduce *d = problem;
    float *to = data;
    if (i == IMX_ROWREDUCE_BWD_SRC)
        for (int64_t k = 0; k < row_count(d); k++)
            to[k] = bwd_value(seed, k);
    else
        for (int64_t r = 0; r < d->rows; r++) {
            to[r] = bwd_value(seed, r * d->cols);
            for (int64_t c = 1; c < d->cols; c++)
                if (bwd_value(seed, r * d->cols + c) > to[r])
                    to[r] = bwd_value(seed, r * d->cols + c);
        }
}

static double row_flop(const void *problem)
{
    const struct imx_rowreduce *d = problem;
    return (double)row_count(d);
}

static double col_flop(const void *problem)
{
    const struct imx_colsum *d = problem;
    return (double)col_count(d);
}

static double norm_flop(const void *problem)
{
    return 2.0 * ((const struct imx_gradnorm *)problem)->n;
}

static int64_t row_terms(const void *problem)
{
    return ((const struct imx_rowreduce *)problem)->cols;
}

static int64_t col_terms(const void *problem)
{
    return ((const struct imx_colsum *)problem)->rows;
}

static int64_t norm_terms(const void *problem)
{
    return ((const struct imx_gradnorm *)problem)->n;
}

static int64_t one_term(const void *problem)
{
    (void)problem;
    return 1;
}

static imx_status row_grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_rowreduce *d = problem;
    const bool needs = d->kind >= IMX_REDUCE_MAX;
    const imx_tid dsrc = e->tensor(e, IMX_F32, row_count(d), "dsrc");
    const imx_tid bwd[] = { needs ? arg[IMX_REDUCE_SRC] : 0, needs ? arg[IMX_REDUCE_DST] : 0, darg[IMX_REDUCE_DST],
                            dsrc };
    darg[IMX_REDUCE_SRC] = dsrc;
    return e->node(e, &imx_op_rowreduce_bwd, problem, bwd);
}

/* Sum and mean are linear, so the gradient of their gradient is the reduction itself. */
static imx_status row_bwd_grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_rowreduce *d = problem;
    (void)arg;
    if (d->kind >= IMX_REDUCE_MAX)
        return imx_fail(IMX_E_UNSUPPORTED, "the second derivative of max and logsumexp over rows is not offered");
    const imx_tid dddst = e->tensor(e, IMX_F32, d->rows, "dddst");
    const imx_tid fwd[] = { darg[IMX_ROWREDUCE_BWD_DSRC], dddst };
    darg[IMX_ROWREDUCE_BWD_DDST] = dddst;
    return e->node(e, &imx_op_rowreduce, problem, fwd);
}

static imx_status col_grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    (void)arg;
    const imx_tid dsrc = e->tensor(e, IMX_F32, col_count(problem), "dsrc");
    const imx_tid bwd[] = { darg[IMX_REDUCE_DST], dsrc };
    darg[IMX_REDUCE_SRC] = dsrc;
    return e->node(e, &imx_op_broadcast, problem, bwd);
}

static imx_status broadcast_grad(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    (void)arg;
    const imx_tid dsrc = e->tensor(e, IMX_F32, ((const struct imx_colsum *)problem)->cols, "dsrc");
    const imx_tid bwd[] = { darg[IMX_REDUCE_DST], dsrc };
    darg[IMX_REDUCE_SRC] = dsrc;
    return e->node(e, &imx_op_colsum, problem, bwd);
}

static const char *const row_cases[] = {
    "r5c37_kind0",  "r9c64_kind3",   "r7c19_kind1",   "r33c100_kind2", "r1c1_kind3",
    "r130c3_kind0", "r3c1000_kind3", "r2c4099_kind1", "r1c65_kind2",   NULL,
};
static const char *const col_cases[] = { "r37c19", "r72c33", "r1c1", "r8c16", "r600c40", "r3c530", "r1031c5", NULL };
static const char *const norm_cases[] = { "n1", "n5000", "n17", "n4096", "n70001", NULL };

const struct imx_op imx_op_rowreduce = {
    .name = "rowreduce",
    .problem_size = sizeof(struct imx_rowreduce),
    .fields = row_fields,
    .n_args = 2,
    .args = row_args,
    .check = row_check,
    .ref_f32 = imx_ref_rowreduce_f32,
    .ref_f64 = imx_ref_rowreduce_f64,
    .variants = imx_variants_rowreduce,
    .flop = row_flop,
    .terms = row_terms,
    .exact = false,
    .ulps = 8,
    .grad = row_grad,
    .cases = row_cases,
};

const struct imx_op imx_op_rowreduce_bwd = {
    .name = "rowreduce_bwd",
    .problem_size = sizeof(struct imx_rowreduce),
    .fields = row_fields,
    .n_args = 4,
    .args = row_bwd_args,
    .check = row_check,
    .ref_f32 = imx_ref_rowreduce_bwd_f32,
    .ref_f64 = imx_ref_rowreduce_bwd_f64,
    .variants = imx_variants_rowreduce_bwd,
    .flop = row_flop,
    .terms = one_term,
    .exact = false,
    .ulps = 8,
    .fill = row_bwd_fill,
    .grad = row_bwd_grad,
    .cases = row_cases,
};

const struct imx_op imx_op_colsum = {
    .name = "colsum",
    .problem_size = sizeof(struct imx_colsum),
    .fields = col_fields,
    .n_args = 2,
    .args = col_args,
    .check = col_check,
    .ref_f32 = imx_ref_colsum_f32,
    .ref_f64 = imx_ref_colsum_f64,
    .variants = imx_variants_colsum,
    .flop = col_flop,
    .terms = col_terms,
    .exact = true,
    .ulps = 0,
    .grad = col_grad,
    .cases = col_cases,
};

const struct imx_op imx_op_broadcast = {
    .name = "broadcast",
    .problem_size = sizeof(struct imx_colsum),
    .fields = col_fields,
    .n_args = 2,
    .args = broadcast_args,
    .check = col_check,
    .ref_f32 = imx_ref_broadcast_f32,
    .ref_f64 = imx_ref_broadcast_f64,
    .variants = imx_variants_broadcast,
    .flop = col_flop,
    .terms = one_term,
    .exact = true,
    .ulps = 0,
    .grad = broadcast_grad,
    .cases = col_cases,
};

const struct imx_op imx_op_gradnorm = {
    .name = "gradnorm",
    .problem_size = sizeof(struct imx_gradnorm),
    .fields = norm_fields,
    .n_args = 2,
    .args = norm_args,
    .check = norm_check,
    .ref_f32 = imx_ref_gradnorm_f32,
    .ref_f64 = imx_ref_gradnorm_f64,
    .variants = imx_variants_gradnorm,
    .flop = norm_flop,
    .terms = norm_terms,
    .exact = false,
    .ulps = 4,
    .cases = norm_cases,
};
