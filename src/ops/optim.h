/* Optimizer steps over n values, in place; one launch covers a whole arena. When FLAG[1] > 0 (the count of non-finite
 * gradients that gradnorm wrote; FLAG is its second value) nothing is changed.
 *   adam: m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g*g; param -= lr * (m*c1) / (sqrt(v*c2) + eps), g = grad + wd*param
 *         (PyTorch's order). args PARAM (inout), M (inout), V (inout), GRAD, HYP, NORM (gradnorm's two values)
 *         HYP = f32[8]: lr, b1, b2, eps, wd, c1 = 1/(1-b1^t), c2 = 1/(1-b2^t), 1-b2; imx_adam_hyp() fills it
 *   sgd:  m = b1*m + g; param -= lr*m. args PARAM (inout), M (inout), GRAD, HYP, NORM */
#ifndef IMX_OPS_OPTIM_H
#define IMX_OPS_OPTIM_H

#include "ops/op.h"

struct imx_optim {
    int32_t n;
};
enum { IMX_ADAM_PARAM, IMX_ADAM_M, IMX_ADAM_V, IMX_ADAM_GRAD, IMX_ADAM_HYP, IMX_ADAM_NORM };
enum { IMX_SGD_PARAM, IMX_SGD_M, IMX_SGD_GRAD, IMX_SGD_HYP, IMX_SGD_NORM };
enum {
    IMX_HYP_LR,
    IMX_HYP_B1,
    IMX_HYP_B2,
    IMX_HYP_EPS,
    IMX_HYP_WD,
    IMX_HYP_C1,
    IMX_HYP_C2,
    IMX_HYP_1MB2,
    IMX_HYP_COUNT
};
extern const struct imx_op imx_op_adam, imx_op_sgd;

/* HYP of step t (1, 2, ...), computed in double and rounded once, as PyTorch does. 1-b2 has its own place because
 * 1.0f - 0.999f is off by 5e-5 of itself (the rounding of 0.999f), which would move every step; 1-b1 is taken in the
 * kernel, where the same effect stays below 3e-7. A 0 in its place means 1.0f - b2. */
void imx_adam_hyp(double lr, double b1, double b2, double eps, double wd, int64_t t, float hyp[IMX_HYP_COUNT]);

/* The rate of step `step` (0, 1, ...) of `steps`: lr, from half of the steps on a tenth and from three quarters on a
 * hundredth of it, the proportions of the published 500, 750 and 1,000 epochs (dim_method 7.4). */
double imx_falling_rate(double lr, int64_t step, int64_t steps);

#endif
