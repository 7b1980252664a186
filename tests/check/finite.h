/* Proves a gradient rule: an emitter that evaluates every node at once with the double references, and central
 * differences of <cotangent, outputs> to compare with. Sizes are small: each input element costs two evaluations. */
#ifndef IMX_TESTS_FINITE_H
#define IMX_TESTS_FINITE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op.h"
#include "tap.h"

enum { FINITE_MAX = 64 };

/* Tensors of the eager graph; tensor t is slot t - 1. */
struct finite {
    struct imx_emit emit;
    void *data[FINITE_MAX];
    int used;
};

static inline double finite_noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    const double x = (double)(*state >> 11) / (double)(UINT64_C(1) << 52) - 1.0;
    return x < 0 ? x - 0.05 : x + 0.05; /* away from the kinks at zero */
}

static inline imx_tid finite_tensor(struct imx_emit *e, enum imx_dtype dtype, int64_t count, const char *name)
{
    struct finite *f = (struct finite *)e;
    (void)name;
    if (f->used == FINITE_MAX)
        abort();
    f->data[f->used] = calloc((size_t)count, dtype == IMX_F32 ? sizeof(double) : 4);
    return ++f->used;
}

static inline imx_status finite_node(struct imx_emit *e, const struct imx_op *op, const void *problem,
                                     const imx_tid *arg)
{
    struct finite *f = (struct finite *)e;
    void *ptr[IMX_MAX_ARGS] = { NULL };
    for (int i = 0; i < op->n_args; i++)
        ptr[i] = arg[i] > 0 ? f->data[arg[i] - 1] : NULL;
    op->ref_f64(problem, ptr, NULL);
    return IMX_OK;
}

static inline double finite_loss(const struct imx_op *op, const void *problem, const struct imx_arg *arg,
                                 void *const *x, double *const *cot)
{
    double sum = 0;
    op->ref_f64(problem, x, NULL);
    for (int i = 0; i < op->n_args; i++)
        for (int64_t k = 0; cot[i] && k < arg[i].count; k++)
            sum += cot[i][k] * ((double *)x[i])[k];
    return sum;
}

/* Fills the arguments and, for float outputs (those in the set `outputs`), the cotangents (as tensors of their own
 * in darg). */
static inline void finite_fill(struct finite *f, const struct imx_op *op, const struct imx_arg *arg, imx_tid *tid,
                               imx_tid *darg, double **cot, unsigned outputs)
{
    uint64_t state = 1;
    for (int i = 0; i < op->n_args; i++) {
        tid[i] = arg[i].count ? finite_tensor(&f->emit, arg[i].dtype, arg[i].count, arg[i].name) : 0;
        if (arg[i].count && arg[i].dtype == IMX_F32 && arg[i].role != IMX_IN) {
            if (!(outputs >> i & 1))
                continue;
            darg[i] = finite_tensor(&f->emit, IMX_F32, arg[i].count, "cotangent");
            cot[i] = f->data[darg[i] - 1];
        } else if (arg[i].count && arg[i].dtype == IMX_F32) {
            darg[i] = IMX_WANTED;
        }
        for (int64_t k = 0; k < arg[i].count; k++)
            if (arg[i].dtype != IMX_F32)
                ((int32_t *)f->data[tid[i] - 1])[k] = (int32_t)((k * 7 + 3) % (arg[i].limit ? arg[i].limit : 5));
            else if (cot[i])
                cot[i][k] = finite_noise(&state);
            else
                ((double *)f->data[tid[i] - 1])[k] = finite_noise(&state);
    }
}

/* One case: the rule of `op` against central differences for the problem `text`; outputs: the set (bits) of those that
 * the rule differentiates, where others (statistics) have no derivative. */
static inline void finite_check_outputs(const struct imx_op *op, const char *text, unsigned outputs)
{
    struct finite f = { .emit = { finite_tensor, finite_node } };
    _Alignas(16) unsigned char problem[128];
    struct imx_arg arg[IMX_MAX_ARGS];
    imx_tid tid[IMX_MAX_ARGS] = { 0 }, darg[IMX_MAX_ARGS] = { 0 };
    double *cot[IMX_MAX_ARGS] = { NULL };
    void *x[IMX_MAX_ARGS] = { NULL };
    if (imx_problem_parse(op, text, problem) != IMX_OK) {
        tap_ok(false, "%s %s: %s", op->name, text, imx_error_text());
        return;
    }
    op->args(problem, arg);
    finite_fill(&f, op, arg, tid, darg, cot, outputs);
    for (int i = 0; i < op->n_args; i++)
        x[i] = tid[i] ? f.data[tid[i] - 1] : NULL;
    (void)finite_loss(op, problem, arg, x, cot); /* the outputs that the rule may read */
    const imx_status status = op->grad(&f.emit, problem, tid, darg);
    double worst = status == IMX_OK ? 0 : HUGE_VAL;
    int compared = 0;
    for (int i = 0; i < op->n_args && status == IMX_OK; i++)
        for (int64_t k = 0; arg[i].role == IMX_IN && arg[i].dtype == IMX_F32 && k < arg[i].count; k++) {
            double *at = (double *)x[i] + k;
            const double keep = *at, h = 1e-5, got = darg[i] ? ((double *)f.data[darg[i] - 1])[k] : 0;
            *at = keep + h;
            const double up = finite_loss(op, problem, arg, x, cot);
            *at = keep - h;
            const double down = finite_loss(op, problem, arg, x, cot);
            *at = keep;
            const double error = fabs(got - (up - down) / (2 * h)) / (1 + fabs(got));
            worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
            compared++;
        }
    tap_ok(compared && worst <= 1e-7, "%s %s: gradient rule against differences, worst %.2g over %d", op->name, text,
           worst, compared);
    for (int i = 0; i < f.used; i++)
        free(f.data[i]);
}

static inline void finite_check_output(const struct imx_op *op, const char *text, int output)
{
    finite_check_outputs(op, text, 1u << output);
}

static inline void finite_check(const struct imx_op *op, const char *text)
{
    finite_check_outputs(op, text, ~0u);
}

#endif
