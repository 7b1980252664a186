/* Layer norm, the plain way: the mean first, then the deviations from it. See layernorm.h. */
#include "ops/layernorm.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_layernorm_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_layernorm *d = problem;
    const real *gamma = arg[IMX_LN_FWD_GAMMA], *beta = arg[IMX_LN_FWD_BETA];
    real *mean = arg[IMX_LN_FWD_MEAN], *invstd = arg[IMX_LN_FWD_INVSTD];
    const real cols = (real)d->cols;
    for (int r = 0; r < d->rows; r++) {
        const real *src = (const real *)arg[IMX_LN_FWD_SRC] + (int64_t)r * d->cols;
        real *dst = (real *)arg[IMX_LN_FWD_DST] + (int64_t)r * d->cols;
        real sum = 0, sum_abs = 0, m2 = 0, lost = 0;
        for (int c = 0; c < d->cols; c++) {
            sum += src[c];
            sum_abs += real_abs(src[c]);
        }
        const real m = sum / cols, m_abs = sum_abs / cols;
        for (int c = 0; c < d->cols; c++) {
            m2 += (src[c] - m) * (src[c] - m);
            lost += real_abs(src[c] - m) * (real_abs(src[c]) + m_abs);
        }
        const real inv = 1 / real_sqrt(m2 / cols + (real)d->eps);
        const real inv_rel = 1 + lost / cols * inv * inv; /* relative error of inv, in units of eps */
        mean[r] = m;
        invstd[r] = inv;
        REF_MAG_SET(IMX_LN_FWD_MEAN, r, m_abs);
        REF_MAG_SET(IMX_LN_FWD_INVSTD, r, inv * inv_rel);
        for (int c = 0; c < d->cols; c++) {
            dst[c] = gamma[c] * (src[c] - m) * inv + beta[c];
            REF_MAG_SET(IMX_LN_FWD_DST, (int64_t)r * d->cols + c,
                        real_abs(beta[c]) +
                            real_abs(gamma[c]) * inv * (real_abs(src[c]) + m_abs + real_abs(src[c] - m) * inv_rel));
        }
        (void)inv_rel;
    }
}

void REF(imx_ref_layernorm_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_layernorm *d = problem;
    const real *src = arg[IMX_LN_BWD_SRC], *ddst = arg[IMX_LN_BWD_DDST]; /* [rows, cols] */
    const real *gamma = arg[IMX_LN_BWD_GAMMA], *mean = arg[IMX_LN_BWD_MEAN], *invstd = arg[IMX_LN_BWD_INVSTD];
    real *dsrc = arg[IMX_LN_BWD_DSRC], *dgamma = arg[IMX_LN_BWD_DGAMMA], *dbeta = arg[IMX_LN_BWD_DBETA];
    const real cols = (real)d->cols;
    for (int c = 0; c < d->cols; c++) {
        real sum = 0, dot = 0, sum_mag = 0, dot_mag = 0;
        for (int r = 0; r < d->rows; r++) {
            const int64_t i = (int64_t)r * d->cols + c;
            sum += ddst[i];
            dot += ddst[i] * (src[i] - mean[r]) * invstd[r];
            sum_mag += real_abs(ddst[i]);
            dot_mag += real_abs(ddst[i]) * (real_abs(src[i]) + real_abs(mean[r])) * invstd[r];
        }
        dbeta[c] = sum;
        dgamma[c] = dot;
        REF_MAG_SET(IMX_LN_BWD_DBETA, c, sum_mag);
        REF_MAG_SET(IMX_LN_BWD_DGAMMA, c, dot_mag);
        (void)sum_mag, (void)dot_mag;
    }
    for (int r = 0; r < d->rows; r++) {
        real sum = 0, dot = 0, sum_mag = 0, dot_mag = 0;
        for (int c = 0; c < d->cols; c++) {
            const int64_t i = (int64_t)r * d->cols + c;
            const real g = gamma[c] * ddst[i];
            sum += g;
            dot += g * (src[i] - mean[r]) * invstd[r];
            sum_mag += real_abs(g);
            dot_mag += real_abs(g) * (real_abs(src[i]) + real_abs(mean[r])) * invstd[r];
        }
        for (int c = 0; c < d->cols; c++) {
            const int64_t i = (int64_t)r * d->cols + c;
            const real x = (src[i] - mean[r]) * invstd[r];
            dsrc[i] = invstd[r] * (gamma[c] * ddst[i] - sum / cols - x * dot / cols);
            REF_MAG_SET(IMX_LN_BWD_DSRC, i,
                        invstd[r] * (real_abs(gamma[c] * ddst[i]) + sum_mag / cols +
                                     (real_abs(src[i]) + real_abs(mean[r])) * invstd[r] * dot_mag / cols));
        }
        (void)sum_mag, (void)dot_mag;
    }
}
