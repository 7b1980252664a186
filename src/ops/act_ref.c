/* Element-wise functions, by their definitions. See act.h. */
#include "ops/act.h"
#include "ops/real.h"
#include "ops/ref.h"

static real sigmoid_of(real x)
{
    if (x >= 0)
        return 1 / (1 + real_exp(-x));
    return real_exp(x) / (1 + real_exp(x));
}

void REF(imx_ref_act_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_act_problem *d = problem;
    const real *src = arg[IMX_ACT_FWD_SRC];
    real *dst = arg[IMX_ACT_FWD_DST];
    for (int64_t i = 0; i < d->n; i++) {
        const real x = src[i];
        real y = x;
        switch (d->kind) {
        case IMX_ACT_RELU: y = x < 0 ? 0 : x; break;
        case IMX_ACT_LEAKY: y = x > 0 ? x : (real)d->slope * x; break;
        case IMX_ACT_TANH: y = real_tanh(x); break;
        case IMX_ACT_SIGMOID: y = sigmoid_of(x); break;
        case IMX_ACT_SOFTPLUS: y = x > 0 ? x + real_log1p(real_exp(-x)) : real_log1p(real_exp(x)); break;
        case IMX_ACT_EXP: y = real_exp(x); break;
        }
        dst[i] = y;
        /* relu and none only choose or copy, so they must match bit for bit */
        REF_MAG_SET(IMX_ACT_FWD_DST, i, d->kind == IMX_ACT_RELU || d->kind == IMX_ACT_NONE ? 0 : real_abs(y));
    }
}

void REF(imx_ref_act_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_act_problem *d = problem;
    const real *src = arg[IMX_ACT_BWD_SRC], *ddst = arg[IMX_ACT_BWD_DDST];
    real *dsrc = arg[IMX_ACT_BWD_DSRC];
    for (int64_t i = 0; i < d->n; i++) {
        const real x = src[i];
        real y = ddst[i];
        switch (d->kind) {
        case IMX_ACT_RELU: y = x <= 0 ? 0 : y; break;
        case IMX_ACT_LEAKY: y = x > 0 ? y : (real)d->slope * y; break;
        /* 1 - tanh(x)^2 = 4 s(2x) s(-2x), which does not cancel */
        case IMX_ACT_TANH: y *= 4 * sigmoid_of(2 * x) * sigmoid_of(-2 * x); break;
        case IMX_ACT_SIGMOID: y *= sigmoid_of(x) * sigmoid_of(-x); break;
        case IMX_ACT_SOFTPLUS: y *= sigmoid_of(x); break;
        case IMX_ACT_EXP: y *= real_exp(x); break;
        }
        dsrc[i] = y;
        REF_MAG_SET(IMX_ACT_BWD_DSRC, i, d->kind == IMX_ACT_RELU || d->kind == IMX_ACT_NONE ? 0 : real_abs(y));
    }
}
