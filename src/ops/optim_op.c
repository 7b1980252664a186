/* Optimizer steps as ops, and the numbers a step of Adam needs. They end the graph: no gradients. See optim.h. */
#include "ops/optim.h"

#include <math.h>

#include "ops/ref.h"

extern const struct imx_variant *const imx_variants_adam[], *const imx_variants_sgd[];

void imx_adam_hyp(double lr, double b1, double b2, double eps, double wd, int64_t t, float hyp[IMX_HYP_COUNT])
{
    hyp[IMX_HYP_LR] = (float)lr;
    hyp[IMX_HYP_B1] = (float)b1;
    hyp[IMX_HYP_B2] = (float)b2;
    hyp[IMX_HYP_EPS] = (float)eps;
    hyp[IMX_HYP_WD] = (float)wd;
    hyp[IMX_HYP_C1] = (float)(1.0 / (1.0 - pow(b1, (double)t)));
    hyp[IMX_HYP_C2] = (float)(1.0 / (1.0 - pow(b2, (double)t)));
    hyp[IMX_HYP_1MB2] = (float)(1.0 - b2);
}

double imx_falling_rate(double lr, int64_t step, int64_t steps)
{
    return lr * (4 * step >= 3 * steps ? 0.01 : 2 * step >= steps ? 0.1 : 1.0);
}

static const struct imx_field fields[] = {
    { "n", offsetof(struct imx_optim, n), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    return ((const struct imx_optim *)problem)->n < 1 ? "n must be positive" : NULL;
}

static void args_adam(const void *problem, struct imx_arg *arg)
{
    const struct imx_optim *d = problem;
    arg[IMX_ADAM_PARAM] = (struct imx_arg){ "param", IMX_INOUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ADAM_M] = (struct imx_arg){ "m", IMX_INOUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ADAM_V] = (struct imx_arg){ "v", IMX_INOUT, IMX_F32, d->n, IMX_FILL_POSITIVE, 0 };
    arg[IMX_ADAM_GRAD] = (struct imx_arg){ "grad", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_ADAM_HYP] = (struct imx_arg){ "hyp", IMX_IN, IMX_F32, IMX_HYP_COUNT, IMX_FILL_OTHER, 0 };
    arg[IMX_ADAM_NORM] = (struct imx_arg){ "norm", IMX_IN, IMX_F32, 2, IMX_FILL_OTHER, 0 };
}

static void args_sgd(const void *problem, struct imx_arg *arg)
{
    const struct imx_optim *d = problem;
    arg[IMX_SGD_PARAM] = (struct imx_arg){ "param", IMX_INOUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_SGD_M] = (struct imx_arg){ "m", IMX_INOUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_SGD_GRAD] = (struct imx_arg){ "grad", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[IMX_SGD_HYP] = (struct imx_arg){ "hyp", IMX_IN, IMX_F32, IMX_HYP_COUNT, IMX_FILL_OTHER, 0 };
    arg[IMX_SGD_NORM] = (struct imx_arg){ "norm", IMX_IN, IMX_F32, 2, IMX_FILL_OTHER, 0 };
}

/* Plausible settings that differ with the seed; every fourth seed has a non-finite gradient counted. */
static void fill_hyp_or_norm(bool hyp, float *data, uint64_t seed)
{
    if (hyp) {
        imx_adam_hyp(0.01, seed & 1 ? 0.9 : 0.5, 0.999, 1e-8, seed & 2 ? 0.1 : 0.0, (int64_t)(seed % 7) + 1, data);
    } else {
        data[0] = 1.5f;
        data[1] = seed % 4 == 3 ? 2.0f : 0.0f;
    }
}

static void fill_adam(const void *problem, int i, void *data, uint64_t seed)
{
    (void)problem;
    if (i == IMX_ADAM_HYP || i == IMX_ADAM_NORM)
        fill_hyp_or_norm(i == IMX_ADAM_HYP, data, seed);
}

static void fill_sgd(const void *problem, int i, void *data, uint64_t seed)
{
    (void)problem;
    if (i == IMX_SGD_HYP || i == IMX_SGD_NORM)
        fill_hyp_or_norm(i == IMX_SGD_HYP, data, seed);
}

static double flop_adam(const void *problem)
{
    return 15.0 * ((const struct imx_optim *)problem)->n;
}

static double flop_sgd(const void *problem)
{
    return 6.0 * ((const struct imx_optim *)problem)->n;
}

static int64_t terms(const void *problem)
{
    (void)problem;
    return 4;
}

static const char *const cases[] = { "n1", "n15", "n16", "n1001", "n4099", "n20011", NULL };

const struct imx_op imx_op_adam = {
    .name = "adam",
    .problem_size = sizeof(struct imx_optim),
    .fields = fields,
    .n_args = 6,
    .args = args_adam,
    .check = check,
    .ref_f32 = imx_ref_adam_f32,
    .ref_f64 = imx_ref_adam_f64,
    .variants = imx_variants_adam,
    .flop = flop_adam,
    .terms = terms,
    .exact = false,
    .ulps = 6, /* sqrt 3, division 2.5 */
    .fill = fill_adam,
    .cases = cases,
};

const struct imx_op imx_op_sgd = {
    .name = "sgd",
    .problem_size = sizeof(struct imx_optim),
    .fields = fields,
    .n_args = 5,
    .args = args_sgd,
    .check = check,
    .ref_f32 = imx_ref_sgd_f32,
    .ref_f64 = imx_ref_sgd_f64,
    .variants = imx_variants_sgd,
    .flop = flop_sgd,
    .terms = terms,
    .exact = false,
    .fill = fill_sgd,
    .cases = cases,
};
