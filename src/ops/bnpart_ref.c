/* Batch norm in pieces, the plain way; see bnpart.h. Where the sign that the ReLU tests is within rounding of zero, mag
 * says that either answer is right. */
#include "ops/bnpart.h"
#include "ops/real.h"
#include "ops/ref.h"

static real relu(real v, int act)
{
    return act == IMX_ACT_RELU && v < 0 ? 0 : v;
}

/* Rows of part k, out of `rows`. */
static int part_rows(const struct imx_bnpart *d, int rows, int k)
{
    return rows - k * d->chunk < d->chunk ? rows - k * d->chunk : d->chunk;
}

void REF(imx_ref_bn_stat)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *src = arg[IMX_BN_STAT_SRC]; /* [rows, cols] */
    real *part = arg[IMX_BN_STAT_PART];     /* [chunks, 2, cols] */
    for (int k = 0; k * d->chunk < d->rows; k++) {
        const int n = part_rows(d, d->rows, k);
        for (int c = 0; c < d->cols; c++) {
            const real *x = src + (int64_t)k * d->chunk * d->cols + c;
            const int64_t at = (int64_t)k * 2 * d->cols + c;
            real sum = 0, sum_abs = 0, m2 = 0, lost = 0;
            for (int r = 0; r < n; r++) {
                sum += x[(int64_t)r * d->cols];
                sum_abs += real_abs(x[(int64_t)r * d->cols]);
            }
            const real m = sum / (real)n;
            for (int r = 0; r < n; r++) {
                const real v = x[(int64_t)r * d->cols];
                m2 += (v - m) * (v - m);
                lost += real_abs(v - m) * (real_abs(v) + sum_abs / (real)n);
            }
            part[at] = m;
            part[at + d->cols] = m2;
            REF_MAG_SET(IMX_BN_STAT_PART, at, sum_abs / (real)n);
            REF_MAG_SET(IMX_BN_STAT_PART, at + d->cols, m2 + lost);
            (void)lost;
        }
    }
}

void REF(imx_ref_bn_merge)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *part = arg[IMX_BN_MERGE_PART]; /* [chunks, 2, cols] */
    real *run_mean = arg[IMX_BN_MERGE_RUN_MEAN], *run_var = arg[IMX_BN_MERGE_RUN_VAR];
    real *mean = arg[IMX_BN_MERGE_MEAN], *invstd = arg[IMX_BN_MERGE_INVSTD];
    const real total = (real)d->total, momentum = (real)d->momentum;
    for (int c = 0; c < d->cols; c++) {
        real m = 0, m_abs = 0, m2 = 0, lost = 0;
        for (int k = 0; k * d->chunk < d->total; k++) {
            const real share = (real)part_rows(d, d->total, k) / total;
            m += share * part[(int64_t)k * 2 * d->cols + c];
            m_abs += share * real_abs(part[(int64_t)k * 2 * d->cols + c]);
        }
        for (int k = 0; k * d->chunk < d->total; k++) {
            const real n = (real)part_rows(d, d->total, k), *at = part + (int64_t)k * 2 * d->cols + c;
            m2 += at[d->cols] + n * (at[0] - m) * (at[0] - m);
            lost += n * real_abs(at[0] - m) * (real_abs(at[0]) + m_abs);
        }
        const real inv = 1 / real_sqrt(m2 / total + (real)d->eps);
        mean[c] = m;
        invstd[c] = inv;
        REF_MAG_SET(IMX_BN_MERGE_MEAN, c, m_abs);
        REF_MAG_SET(IMX_BN_MERGE_INVSTD, c, inv * (2 + lost / total * inv * inv));
        REF_MAG_SET(IMX_BN_MERGE_RUN_MEAN, c, real_abs(run_mean[c]) * (1 + momentum) + momentum * m_abs);
        run_mean[c] += momentum * (m - run_mean[c]);
        if (d->total > 1) {
            REF_MAG_SET(IMX_BN_MERGE_RUN_VAR, c,
                        real_abs(run_var[c]) * (1 + momentum) + momentum * (m2 + lost) / (total - 1));
            run_var[c] += momentum * (m2 / (total - 1) - run_var[c]);
        }
        (void)lost, (void)m_abs;
    }
}

void REF(imx_ref_bn_apply)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *src = arg[IMX_BN_APPLY_SRC]; /* [rows, cols] */
    const real *gamma = arg[IMX_BN_APPLY_GAMMA], *beta = arg[IMX_BN_APPLY_BETA];
    const real *mean = arg[IMX_BN_APPLY_MEAN], *invstd = arg[IMX_BN_APPLY_INVSTD];
    real *dst = arg[IMX_BN_APPLY_DST];
    for (int64_t i = 0; i < (int64_t)d->rows * d->cols; i++) {
        const int c = (int)(i % d->cols);
        dst[i] = relu((src[i] - mean[c]) * (gamma[c] * invstd[c]) + beta[c], d->act);
        REF_MAG_SET(IMX_BN_APPLY_DST, i,
                    (real_abs(src[i]) + real_abs(mean[c])) * real_abs(gamma[c] * invstd[c]) * 2 + real_abs(beta[c]));
    }
}

/* What flows into one element before the norm: ddst, or 0 where the ReLU stopped it. */
struct passed {
    real g;        /* the gradient */
    real mag;      /* what its error is measured against: large where the sign is a matter of rounding */
    real x, x_mag; /* the normalised input */
};

static struct passed pass(const struct imx_bnpart *d, void *const *arg, int64_t i, int c)
{
    const real src = ((const real *)arg[IMX_BN_BACK_SRC])[i], ddst = ((const real *)arg[IMX_BN_BACK_DDST])[i];
    const real gamma = ((const real *)arg[IMX_BN_BACK_GAMMA])[c], beta = ((const real *)arg[IMX_BN_BACK_BETA])[c];
    const real mean = ((const real *)arg[IMX_BN_BACK_MEAN])[c], invstd = ((const real *)arg[IMX_BN_BACK_INVSTD])[c];
    const real x = (src - mean) * invstd, x_mag = (real_abs(src) + real_abs(mean)) * invstd;
    const real pre = gamma * x + beta, doubt = (real)(64 * 6e-8) * (real_abs(gamma) * x_mag + real_abs(beta));
    const real size = real_abs(ddst);
    if (d->act != IMX_ACT_RELU)
        return (struct passed){ ddst, size, x, x_mag };
    return (struct passed){ pre > 0 ? ddst : 0, real_abs(pre) < doubt ? size * (real)1.7e7 : size, x, x_mag };
}

void REF(imx_ref_bn_back_stat)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *invstd = arg[IMX_BN_BACK_INVSTD];
    real *part = arg[IMX_BN_BACK_PART]; /* [chunks, 2, cols] */
    for (int k = 0; k * d->chunk < d->rows; k++)
        for (int c = 0; c < d->cols; c++) {
            const int64_t at = (int64_t)k * 2 * d->cols + c;
            real sum = 0, dot = 0, sum_mag = 0, dot_mag = 0;
            for (int r = k * d->chunk; r < k * d->chunk + part_rows(d, d->rows, k); r++) {
                const struct passed p = pass(d, arg, (int64_t)r * d->cols + c, c);
                sum += p.g;
                dot += p.g * p.x / invstd[c];
                sum_mag += p.mag;
                dot_mag += p.mag * p.x_mag / invstd[c];
            }
            part[at] = sum;
            part[at + d->cols] = dot;
            REF_MAG_SET(IMX_BN_BACK_PART, at, sum_mag);
            REF_MAG_SET(IMX_BN_BACK_PART, at + d->cols, dot_mag);
            (void)sum_mag, (void)dot_mag;
        }
}

void REF(imx_ref_bn_back_merge)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *part = arg[IMX_BN_BACK_MERGE_PART], *invstd = arg[IMX_BN_BACK_MERGE_INVSTD];
    real *dgamma = arg[IMX_BN_BACK_MERGE_DGAMMA], *dbeta = arg[IMX_BN_BACK_MERGE_DBETA];
    for (int c = 0; c < d->cols; c++) {
        real sum = 0, dot = 0, sum_mag = 0, dot_mag = 0;
        for (int k = 0; k * d->chunk < d->total; k++) {
            sum += part[(int64_t)k * 2 * d->cols + c];
            dot += part[(int64_t)k * 2 * d->cols + d->cols + c];
            sum_mag += real_abs(part[(int64_t)k * 2 * d->cols + c]);
            dot_mag += real_abs(part[(int64_t)k * 2 * d->cols + d->cols + c]);
        }
        dbeta[c] = sum;
        dgamma[c] = dot * invstd[c];
        REF_MAG_SET(IMX_BN_BACK_MERGE_DBETA, c, sum_mag);
        REF_MAG_SET(IMX_BN_BACK_MERGE_DGAMMA, c, dot_mag * invstd[c]);
        (void)sum_mag, (void)dot_mag;
    }
}

void REF(imx_ref_bn_back_apply)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bnpart *d = problem;
    const real *gamma = arg[IMX_BN_BACK_GAMMA], *invstd = arg[IMX_BN_BACK_INVSTD];
    const real *dgamma = arg[IMX_BN_BACK_DGAMMA], *dbeta = arg[IMX_BN_BACK_DBETA], total = (real)d->total;
    real *dsrc = arg[IMX_BN_BACK_DSRC]; /* [rows, cols] */
    for (int64_t i = 0; i < (int64_t)d->rows * d->cols; i++) {
        const int c = (int)(i % d->cols);
        const struct passed p = pass(d, arg, i, c);
        dsrc[i] = gamma[c] * invstd[c] * (p.g - dbeta[c] / total - p.x * dgamma[c] / total);
        REF_MAG_SET(IMX_BN_BACK_DSRC, i,
                    real_abs(gamma[c]) * invstd[c] *
                        (p.mag + real_abs(dbeta[c]) / total + p.x_mag * real_abs(dgamma[c]) / total));
    }
}
