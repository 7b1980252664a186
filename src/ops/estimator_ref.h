/* What each estimator does with a score, for references: values, slopes and their mags (see critic.h for the table).
 * Included by critic_ref.c and pairloss_ref.c, both builds. mu is the mag of the score u; it goes through exp as a
 * relative error, so e = exp(x) carries e (1 + mu + |x|). */
#ifndef IMX_OPS_ESTIMATOR_REF_H
#define IMX_OPS_ESTIMATOR_REF_H

#include <stdbool.h>

#include "ops/real.h"
#include "shared.h"

static const real ln2 = (real)0.69314718055994530942;

static inline real sigmoid(real z)
{
    const real e = real_exp(-real_abs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
}

static inline real softplus(real z)
{
    return real_max(z, 0) + real_log1p(real_exp(-real_abs(z)));
}

/* How the loss puts negatives together: a mean of f-(u); one logsumexp per global; one of all. */
enum pool { POOL_MEAN, POOL_ROW, POOL_ALL };

/* What is descended is not what is read: beside the loss, a mean, stands a logsumexp of the negatives. */
static inline bool est_apart(int32_t est)
{
    return est == IMX_EST_SMILE;
}

static inline enum pool est_pool(int32_t est)
{
    switch (est) {
    case IMX_EST_INFONCE: return POOL_ROW;
    case IMX_EST_DV:
    case IMX_EST_DV_EMA:
    case IMX_EST_KL:
    case IMX_EST_H2: return POOL_ALL;
    default: return POOL_MEAN;
    }
}

/* f+(u); of those whose loss stands apart what is read. */
static inline real est_pos(int32_t est, real u, real mu, real *mag)
{
    const real e = est == IMX_EST_RKL || est == IMX_EST_H2 ? real_exp(-u) : 0;
    *mag = mu;
    switch (est) {
    case IMX_EST_JSD: *mag = sigmoid(-u) * mu + softplus(-u) + ln2; return ln2 - softplus(-u);
    case IMX_EST_GAN: *mag = sigmoid(-u) * mu + softplus(-u); return -softplus(-u);
    case IMX_EST_RKL: *mag = e * (1 + mu + real_abs(u)); return -e;
    case IMX_EST_H2: *mag = e * (1 + mu + real_abs(u)) + 1; return 1 - e;
    default: return u;
    }
}

/* Its derivative; u is exact. stat: of infonce, the logsumexp of the negatives. */
static inline real est_pos_slope(int32_t est, real u, real stat, real *mag)
{
    const real z = est == IMX_EST_INFONCE ? stat - u : -u, w = sigmoid(z);
    switch (est) {
    case IMX_EST_INFONCE:
    case IMX_EST_JSD:
    case IMX_EST_GAN:
    case IMX_EST_SMILE: *mag = w * (1 + (1 - w) * real_abs(z)); return w;
    case IMX_EST_RKL:
    case IMX_EST_H2: *mag = real_exp(-u) * (1 + real_abs(u)); return real_exp(-u);
    default: *mag = 1; return 1;
    }
}

/* f-(u) of the estimators with a mean. */
static inline real est_neg(int32_t est, real u, real mu, real *mag)
{
    switch (est) {
    case IMX_EST_JSD:
    case IMX_EST_SMILE: *mag = sigmoid(u) * mu + softplus(u) + ln2; return softplus(u) - ln2;
    case IMX_EST_GAN: *mag = sigmoid(u) * mu + softplus(u); return softplus(u);
    case IMX_EST_CHI2: *mag = (real_abs(u) / 2 + 1) * mu + u * u / 4 + real_abs(u); return u * u / 4 + u;
    default: *mag = mu + 1; return u - 1; /* rkl */
    }
}

/* What goes into the logsumexp. par: smile's bound */
static inline real est_exponent(int32_t est, real u, real par)
{
    return est != IMX_EST_SMILE ? u : u > par ? par : u < -par ? -par : u;
}

/* The derivative of a negative's share: of f-, or the softmax weight exp(u - stat). */
static inline real est_neg_slope(int32_t est, real u, real mu, real stat, real *mag)
{
    const real w = sigmoid(u);
    switch (est) {
    case IMX_EST_JSD:
    case IMX_EST_GAN:
    case IMX_EST_SMILE: *mag = w * (1 + (1 - w) * (mu + real_abs(u))); return w;
    case IMX_EST_CHI2: *mag = mu / 2 + real_abs(u) / 2 + 1; return u / 2 + 1;
    case IMX_EST_RKL: *mag = 1; return 1;
    default: break;
    }
    const real e = real_exp(u - stat);
    *mag = e * (1 + mu + real_abs(u - stat));
    return e;
}

/* e_neg from the logsumexp of all negatives and the logarithm of their number. */
static inline double est_end(int32_t est, double lse, double lse_mag, double count, double *mag)
{
    const double x = lse - count - (est == IMX_EST_KL ? 1 : 0), x_mag = lse_mag + count;
    *mag = x_mag;
    if (est != IMX_EST_KL && est != IMX_EST_H2)
        return x;
    *mag = exp(x) * (2 + x_mag) + (est == IMX_EST_H2 ? 1 : 0);
    return est == IMX_EST_KL ? exp(x) : expm1(x);
}

/* What slopes subtract from a negative's score: the logarithm of what exp(u) is divided by. lse: of all negatives;
 * average: the logarithm of dv-ema's moving average. */
static inline double est_level(int32_t est, double lse, double average, double count)
{
    return est == IMX_EST_KL ? 1 + count : est == IMX_EST_H2 ? count : est == IMX_EST_DV_EMA ? average + count : lse;
}

/* ema[2] = { logarithm of the moving average of mean exp(u), 1 once there is one }; now: that of this batch. A batch
 * that is not finite leaves it alone. Returns the logarithm to divide by. */
static inline double est_average(real *ema, double now, double decay)
{
    if (!isfinite(now))
        return ema[1] > 0 ? (double)ema[0] : now;
    const double before = ema[1] > 0 ? (double)ema[0] : now, top = before > now ? before : now;
    const double next = top + log(decay * exp(before - top) + (1 - decay) * exp(now - top));
    ema[0] = (real)next;
    ema[1] = 1;
    return next;
}

/* c tanh(s/c) where there is a clip c > 0; *mu: the mag of s, then of the result. */
static inline real clip_score(real c, real s, real *mu)
{
    if (!(c > 0))
        return s;
    const real u = c * real_tanh(s / c), share = u / c;
    *mu = *mu * (1 - share * share) + 2 * real_abs(u);
    return u;
}

/* Its derivative at the result u, and the mag of that. */
static inline real clip_slope(real c, real u, real mu, real *mag)
{
    const real share = u / c;
    *mag = c > 0 ? 1 + 2 * real_abs(share) * (mu / c + 1) : 1;
    return c > 0 ? 1 - share * share : 1;
}

/* log of a sum of exponentials with a running maximum: sum = s exp(m), and t = sum exp(u-m) (mu + |u-m|). */
struct lse {
    int64_t count;
    real m, s, t;
};

static inline void lse_add(struct lse *a, real u, real mu)
{
    if (!a->count++ || u > a->m) {
        const real old = a->count == 1 ? u : a->m, shrink = real_exp(old - u);
        a->t = shrink * (a->t + (u - old) * a->s);
        a->s *= shrink;
        a->m = u;
    }
    const real e = real_exp(u - a->m);
    a->s += e;
    a->t += e * (mu + real_abs(u - a->m));
}

static inline real lse_value(const struct lse *a)
{
    return a->m + real_log(a->s);
}

static inline real lse_mag(const struct lse *a)
{
    return a->t / a->s + 1 + real_abs(a->m) + real_abs(lse_value(a));
}

#endif
