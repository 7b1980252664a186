/* An estimator's loss over given scores, one by one. See pairloss.h. */
#include "ops/estimator_ref.h"
#include "ops/pairloss.h"
#include "ops/ref.h"

void REF(imx_ref_pairloss_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_pairloss *d = problem;
    const real *pos = arg[IMX_PAIRLOSS_FWD_POS], *neg = arg[IMX_PAIRLOSS_FWD_NEG];
    real *loss = arg[IMX_PAIRLOSS_FWD_LOSS], *info = arg[IMX_PAIRLOSS_FWD_INFO];
    const double count = log((double)d->k), pull = (double)d->l2 / ((double)d->m + d->k);
    double e_pos = 0, e_neg = 0, square = 0, pos_mag = 0, neg_mag = 0, level = 0, level_mag = 0, own = 0, own_mag = 0;
    struct lse all = { 0 };
    real term_mag;
    for (int64_t i = 0; i < (int64_t)d->m + d->k; i++) {
        const real s = i < d->m ? pos[i] : neg[i - d->m];
        real mu = real_abs(s);
        const real u = clip_score((real)d->clip, s, &mu);
        square += (double)(s * s);
        if (i < d->m) {
            e_pos += (double)est_pos(d->est, u, mu, &term_mag) / d->m;
            pos_mag += (double)term_mag / d->m;
            own += (double)(softplus(-u) - ln2) / d->m;
            own_mag += (double)(sigmoid(-u) * mu + softplus(-u) + ln2) / d->m;
            continue;
        }
        if (est_pool(d->est) == POOL_ALL || est_apart(d->est))
            lse_add(&all, est_exponent(d->est, u, (real)d->par), mu);
        if (est_pool(d->est) == POOL_MEAN) {
            e_neg += (double)est_neg(d->est, u, mu, &term_mag) / d->k;
            neg_mag += (double)term_mag / d->k;
        }
    }
    if (est_pool(d->est) == POOL_ALL) {
        real *ema = arg[IMX_PAIRLOSS_FWD_EMA];
        const double lse = (double)lse_value(&all), lse_error = (double)lse_mag(&all);
        const double average = d->est == IMX_EST_DV_EMA ? est_average(ema, lse - count, (double)d->par) : 0;
        level = est_level(d->est, lse, average, count);
        level_mag = lse_error + 2 * count + fabs(average) + fabs(level) + 2;
        e_neg = est_end(d->est, lse, lse_error, count, &neg_mag);
        for (int k = 0; k < 2 && d->est == IMX_EST_DV_EMA; k++)
            REF_MAG_SET(IMX_PAIRLOSS_FWD_EMA, k, lse_error + count + fabs(average) + 2);
    }
    double value = e_neg - e_pos, value_mag = pos_mag + neg_mag;
    if (est_apart(d->est)) { /* the loss is jsd's, the reading that of the scores as they are cut */
        value = e_neg + own;
        value_mag = neg_mag + own_mag;
        e_neg = (double)lse_value(&all) - count;
        neg_mag = (double)lse_mag(&all) + count;
    }
    *(real *)arg[IMX_PAIRLOSS_FWD_LEVEL] = (real)level;
    *loss = (real)(value + pull * square);
    info[0] = (real)e_pos;
    info[1] = (real)e_neg;
    info[2] = (real)(e_pos - e_neg);
    REF_MAG_SET(IMX_PAIRLOSS_FWD_LEVEL, 0, level_mag);
    REF_MAG_SET(IMX_PAIRLOSS_FWD_LOSS, 0, value_mag + pull * square);
    REF_MAG_SET(IMX_PAIRLOSS_FWD_INFO, 0, pos_mag);
    REF_MAG_SET(IMX_PAIRLOSS_FWD_INFO, 1, neg_mag);
    REF_MAG_SET(IMX_PAIRLOSS_FWD_INFO, 2, pos_mag + neg_mag);
    (void)level_mag, (void)pos_mag, (void)neg_mag, (void)value_mag;
}

void REF(imx_ref_pairloss_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_pairloss *d = problem;
    const real *pos = arg[IMX_PAIRLOSS_BWD_POS], *neg = arg[IMX_PAIRLOSS_BWD_NEG];
    const real level = *(const real *)arg[IMX_PAIRLOSS_BWD_LEVEL], dloss = *(const real *)arg[IMX_PAIRLOSS_BWD_DLOSS];
    const real pull = 2 * (real)d->l2 / ((real)d->m + (real)d->k);
    for (int64_t i = 0; i < (int64_t)d->m + d->k; i++) {
        const bool positive = i < d->m;
        const int out = positive ? IMX_PAIRLOSS_BWD_DPOS : IMX_PAIRLOSS_BWD_DNEG;
        const int64_t at = positive ? i : i - d->m;
        const real s = positive ? pos[at] : neg[at];
        real mu = real_abs(s), w, w_mag, bend_mag;
        const real u = clip_score((real)d->clip, s, &mu);
        if (positive) {
            w = -est_pos_slope(d->est, u, 0, &w_mag) / (real)d->m;
            w_mag = (w_mag + real_abs(w) * (real)d->m * mu) / (real)d->m;
        } else {
            const real count = est_pool(d->est) == POOL_ALL ? 1 : (real)d->k;
            w = est_neg_slope(d->est, u, mu, level, &w_mag) / count;
            w_mag /= count;
        }
        const real bend = clip_slope((real)d->clip, u, mu, &bend_mag);
        ((real *)arg[out])[at] = dloss * (w * bend + pull * s);
        REF_MAG_SET(out, at, real_abs(dloss) * (w_mag * bend + real_abs(w) * bend_mag + 2 * pull * real_abs(s)));
        (void)bend_mag;
    }
}
