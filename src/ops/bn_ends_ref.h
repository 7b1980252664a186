/* The references of what batch norm leaves to products (bn_ends.h), for NAME_ref.c. */
#ifndef IMX_OPS_BN_ENDS_REF_H
#define IMX_OPS_BN_ENDS_REF_H

#include "ops/bn_ends.h"
#include "ops/real.h"

/* What batch norm makes of x in column c; *mag: the sum of the absolute values of what was added. arg: of the ends. */
static inline real bn_in(const struct imx_bn_ends *e, void *const *arg, int64_t c, real x, real *mag)
{
    const real mean = ((const real *)arg[IMX_BN_IN_MEAN])[c], beta = ((const real *)arg[IMX_BN_IN_BETA])[c];
    const real slope = ((const real *)arg[IMX_BN_IN_GAMMA])[c] * ((const real *)arg[IMX_BN_IN_INVSTD])[c];
    const real v = slope * (x - mean) + beta;
    *mag = (real_abs(x) + real_abs(mean)) * real_abs(slope) + real_abs(beta);
    return e->relu && v < 0 ? 0 : v;
}

/* The statistics of dst[rows, cols], argument `at`, into those from `base` on. The deviations' sum inherits what dst
 * itself may be off by. */
static inline void bn_stat(const struct imx_bn_ends *e, int64_t rows, int64_t cols, int at, int base,
                           void *const *arg REF_MAG)
{
    const real *dst = arg[at];
    real *run_mean = arg[base + IMX_BN_OUT_RUN_MEAN], *run_var = arg[base + IMX_BN_OUT_RUN_VAR];
    real *mean = arg[base + IMX_BN_OUT_MEAN], *invstd = arg[base + IMX_BN_OUT_INVSTD];
    const real count = (real)rows, momentum = (real)e->momentum;
#ifdef IMX_REAL_DOUBLE
    const double *size = mag && mag[at] ? mag[at] : dst;
#else
    const real *size = dst;
#endif
    for (int64_t c = 0; e->stat && c < cols; c++) {
        real m = 0, m_abs = 0, m2 = 0, lost = 0;
        for (int64_t r = 0; r < rows; r++) {
            m += dst[r * cols + c] / count;
            m_abs += real_abs(size[r * cols + c]) / count;
        }
        for (int64_t r = 0; r < rows; r++) {
            const real off = dst[r * cols + c] - m;
            m2 += off * off;
            lost += 2 * real_abs(off) * (real_abs(size[r * cols + c]) + m_abs);
        }
        const real inv = 1 / real_sqrt(m2 / count + (real)e->eps);
        mean[c] = m;
        invstd[c] = inv;
        REF_MAG_SET(base + IMX_BN_OUT_MEAN, c, m_abs);
        REF_MAG_SET(base + IMX_BN_OUT_INVSTD, c, inv * (2 + (m2 + lost) / count * inv * inv));
        REF_MAG_SET(base + IMX_BN_OUT_RUN_MEAN, c, real_abs(run_mean[c]) * (1 + momentum) + momentum * m_abs);
        run_mean[c] += momentum * (m - run_mean[c]);
        if (rows < 2)
            continue;
        REF_MAG_SET(base + IMX_BN_OUT_RUN_VAR, c,
                    real_abs(run_var[c]) * (1 + momentum) + momentum * (m2 + lost) / (count - 1));
        run_var[c] += momentum * (m2 / (count - 1) - run_var[c]);
    }
}

#endif
