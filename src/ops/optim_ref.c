/* Optimizer steps, value by value. See optim.h. */
#include "ops/optim.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_adam)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_optim *d = problem;
    real *param = arg[IMX_ADAM_PARAM], *m = arg[IMX_ADAM_M], *v = arg[IMX_ADAM_V];
    const real *grad = arg[IMX_ADAM_GRAD], *hyp = arg[IMX_ADAM_HYP], *norm = arg[IMX_ADAM_NORM];
    const real b1 = hyp[IMX_HYP_B1], b2 = hyp[IMX_HYP_B2];
    const real left2 = hyp[IMX_HYP_1MB2] > 0 ? hyp[IMX_HYP_1MB2] : 1 - b2;
    for (int64_t i = 0; i < d->n; i++) {
        if (norm[1] > 0) { /* nothing changes, and nothing may */
            REF_MAG_SET(IMX_ADAM_PARAM, i, 0);
            REF_MAG_SET(IMX_ADAM_M, i, 0);
            REF_MAG_SET(IMX_ADAM_V, i, 0);
            continue;
        }
        const real decay = hyp[IMX_HYP_WD] * param[i], g = grad[i] + decay;
        const real g_mag = real_abs(grad[i]) + real_abs(decay);
        const real m_mag = b1 * real_abs(m[i]) + (1 - b1) * g_mag, v_mag = b2 * v[i] + left2 * g_mag * g_mag;
        m[i] = b1 * m[i] + (1 - b1) * g;
        v[i] = b2 * v[i] + left2 * g * g;
        const real root = real_sqrt(v[i] * hyp[IMX_HYP_C2]);
        const real step = hyp[IMX_HYP_LR] * hyp[IMX_HYP_C1] / (root + hyp[IMX_HYP_EPS]);
        /* an error of v moves the root by half as much, relatively */
        const real worse = 1 + (v[i] > 0 ? v_mag / v[i] : 1);
        REF_MAG_SET(IMX_ADAM_M, i, m_mag);
        REF_MAG_SET(IMX_ADAM_V, i, v_mag);
        REF_MAG_SET(IMX_ADAM_PARAM, i, real_abs(param[i]) + step * m_mag * worse);
        (void)m_mag, (void)v_mag, (void)worse;
        param[i] -= step * m[i];
    }
}

void REF(imx_ref_sgd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_optim *d = problem;
    real *param = arg[IMX_SGD_PARAM], *m = arg[IMX_SGD_M];
    const real *grad = arg[IMX_SGD_GRAD], *hyp = arg[IMX_SGD_HYP], *norm = arg[IMX_SGD_NORM];
    for (int64_t i = 0; i < d->n; i++) {
        if (norm[1] > 0) {
            REF_MAG_SET(IMX_SGD_PARAM, i, 0);
            REF_MAG_SET(IMX_SGD_M, i, 0);
            continue;
        }
        const real decay = hyp[IMX_HYP_WD] * param[i], carried = hyp[IMX_HYP_B1] * m[i];
        const real m_mag = real_abs(carried) + real_abs(grad[i]) + real_abs(decay);
        m[i] = carried + (grad[i] + decay);
        REF_MAG_SET(IMX_SGD_M, i, m_mag);
        REF_MAG_SET(IMX_SGD_PARAM, i, real_abs(param[i]) + hyp[IMX_HYP_LR] * m_mag);
        (void)m_mag;
        param[i] -= hyp[IMX_HYP_LR] * m[i];
    }
}
