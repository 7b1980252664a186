/* Batch norm, the plain way: the mean first, then the deviations from it. See batchnorm.h. Where the sign that the
 * ReLU tests is within rounding of zero, mag says that either answer is right. */
#include "ops/batchnorm.h"
#include "ops/real.h"
#include "ops/ref.h"

static real relu(real v, int act)
{
    return act == IMX_ACT_RELU && v < 0 ? 0 : v;
}

void REF(imx_ref_batchnorm_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_batchnorm *d = problem;
    const real *src = arg[IMX_BN_FWD_SRC]; /* [rows, cols] */
    const real *gamma = arg[IMX_BN_FWD_GAMMA], *beta = arg[IMX_BN_FWD_BETA];
    real *run_mean = arg[IMX_BN_FWD_RUN_MEAN], *run_var = arg[IMX_BN_FWD_RUN_VAR];
    real *dst = arg[IMX_BN_FWD_DST], *mean = arg[IMX_BN_FWD_MEAN], *invstd = arg[IMX_BN_FWD_INVSTD];
    const real momentum = (real)d->momentum, eps = (real)d->eps;
    for (int c = 0; c < d->cols; c++) {
        real sum = 0, sum_abs = 0, m2 = 0, lost = 0;
        for (int r = 0; r < d->rows; r++) {
            sum += src[(int64_t)r * d->cols + c];
            sum_abs += real_abs(src[(int64_t)r * d->cols + c]);
        }
        const real m = sum / (real)d->rows, m_abs = sum_abs / (real)d->rows;
        for (int r = 0; r < d->rows; r++) {
            const real v = src[(int64_t)r * d->cols + c];
            m2 += (v - m) * (v - m);
            lost += real_abs(v - m) * (real_abs(v) + m_abs);
        }
        const real inv = 1 / real_sqrt(m2 / (real)d->rows + eps);
        const real inv_rel = 1 + lost / (real)d->rows * inv * inv; /* relative error of inv, in units of eps */
        mean[c] = m;
        invstd[c] = inv;
        REF_MAG_SET(IMX_BN_FWD_MEAN, c, m_abs);
        REF_MAG_SET(IMX_BN_FWD_INVSTD, c, inv * inv_rel);
        REF_MAG_SET(IMX_BN_FWD_RUN_MEAN, c, real_abs(run_mean[c]) * (1 + momentum) + momentum * m_abs);
        run_mean[c] += momentum * (m - run_mean[c]);
        if (d->rows > 1) {
            const real n1 = (real)(d->rows - 1);
            REF_MAG_SET(IMX_BN_FWD_RUN_VAR, c, real_abs(run_var[c]) * (1 + momentum) + momentum * (m2 + lost) / n1);
            run_var[c] += momentum * (m2 / n1 - run_var[c]);
        }
        for (int r = 0; r < d->rows; r++) {
            const int64_t i = (int64_t)r * d->cols + c;
            dst[i] = relu(gamma[c] * (src[i] - m) * inv + beta[c], d->act);
            REF_MAG_SET(IMX_BN_FWD_DST, i,
                        real_abs(beta[c]) +
                            real_abs(gamma[c]) * inv * (real_abs(src[i]) + m_abs + real_abs(src[i] - m) * inv_rel));
        }
        (void)inv_rel, (void)m_abs;
    }
}

void REF(imx_ref_batchnorm_infer)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_batchnorm *d = problem;
    const real *src = arg[IMX_BN_INFER_SRC]; /* [rows, cols] */
    const real *gamma = arg[IMX_BN_INFER_GAMMA], *beta = arg[IMX_BN_INFER_BETA];
    const real *mean = arg[IMX_BN_INFER_RUN_MEAN], *var = arg[IMX_BN_INFER_RUN_VAR];
    real *dst = arg[IMX_BN_INFER_DST];
    for (int r = 0; r < d->rows; r++)
        for (int c = 0; c < d->cols; c++) {
            const int64_t i = (int64_t)r * d->cols + c;
            const real scale = gamma[c] / real_sqrt(var[c] + (real)d->eps);
            dst[i] = relu((src[i] - mean[c]) * scale + beta[c], d->act);
            REF_MAG_SET(IMX_BN_INFER_DST, i,
                        (real_abs(src[i]) + real_abs(mean[c])) * real_abs(scale) * 2 + real_abs(beta[c]));
        }
}

/* What flows into one element before the norm: ddst, or 0 where the ReLU stopped it. */
struct passed {
    real g;   /* the gradient */
    real mag; /* what its error is measured against: large where the sign is a matter of rounding */
};

static struct passed pass(const struct imx_batchnorm *d, real x, real x_mag, real gamma, real beta, real ddst)
{
    const real pre = gamma * x + beta, doubt = (real)(64 * 6e-8) * (real_abs(gamma) * x_mag + real_abs(beta));
    const real size = real_abs(ddst);
    if (d->act != IMX_ACT_RELU)
        return (struct passed){ ddst, size };
    return (struct passed){ pre > 0 ? ddst : 0, real_abs(pre) < doubt ? size * (real)1.7e7 : size };
}

void REF(imx_ref_batchnorm_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_batchnorm *d = problem;
    const real *src = arg[IMX_BN_BWD_SRC], *ddst = arg[IMX_BN_BWD_DDST]; /* [rows, cols] */
    const real *gamma = arg[IMX_BN_BWD_GAMMA], *beta = arg[IMX_BN_BWD_BETA];
    const real *mean = arg[IMX_BN_BWD_MEAN], *invstd = arg[IMX_BN_BWD_INVSTD];
    real *dsrc = arg[IMX_BN_BWD_DSRC], *dgamma = arg[IMX_BN_BWD_DGAMMA], *dbeta = arg[IMX_BN_BWD_DBETA];
    const real rows = (real)d->rows;
    for (int c = 0; c < d->cols; c++) {
        real sum = 0, dot = 0, sum_mag = 0, dot_mag = 0;
        for (int r = 0; r < d->rows; r++) {
            const int64_t i = (int64_t)r * d->cols + c;
            const real x = (src[i] - mean[c]) * invstd[c], x_mag = (real_abs(src[i]) + real_abs(mean[c])) * invstd[c];
            const struct passed p = pass(d, x, x_mag, gamma[c], beta[c], ddst[i]);
            sum += p.g;
            dot += p.g * x;
            sum_mag += p.mag;
            dot_mag += p.mag * x_mag;
        }
        dgamma[c] = dot;
        dbeta[c] = sum;
        REF_MAG_SET(IMX_BN_BWD_DGAMMA, c, dot_mag);
        REF_MAG_SET(IMX_BN_BWD_DBETA, c, sum_mag);
        for (int r = 0; r < d->rows; r++) {
            const int64_t i = (int64_t)r * d->cols + c;
            const real x = (src[i] - mean[c]) * invstd[c], x_mag = (real_abs(src[i]) + real_abs(mean[c])) * invstd[c];
            const struct passed p = pass(d, x, x_mag, gamma[c], beta[c], ddst[i]);
            dsrc[i] = gamma[c] * invstd[c] * (p.g - sum / rows - x * dot / rows);
            REF_MAG_SET(IMX_BN_BWD_DSRC, i,
                        real_abs(gamma[c]) * invstd[c] * (p.mag + sum_mag / rows + x_mag * dot_mag / rows));
        }
        (void)sum_mag, (void)dot_mag;
    }
}
