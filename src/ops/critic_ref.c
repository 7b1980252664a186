/* The critic, the plain way: every score is its own sum over the units; logsumexp by a running maximum. See
 * critic.h.
 *
 * mag of a raw score is mu = |scale| (sum |g l| + |gb|). It goes through exp as a relative error, so a softmax
 * weight w carries w (1 + mu + |exponent|), a logsumexp the w-weighted mean of mu + |u - max|, and softplus
 * its slope times the mag of its argument. The float build skips all of it. */
#include "ops/critic.h"
#include "ops/estimator_ref.h"
#include "ops/ref.h"

/* The inputs that make scores: common to both directions. */
struct scorer {
    const real *l0, *g0, *l1, *g1, *gb;
    int d0, d1;
    real scale;
};

/* Raw score of global row iq with local row jp; *mu receives its mag. */
static real score(const struct scorer *t, int64_t iq, int64_t jp, real *mu)
{
    const int len[2] = { t->d0, t->d1 };
    const real *l[2] = { t->l0, t->l1 }, *g[2] = { t->g0, t->g1 };
    real sum = t->gb ? t->gb[iq] : 0, mag_sum = real_abs(sum);
    for (int pair = 0; pair < 2; pair++)
        for (int k = 0; k < len[pair]; k++)
            sum += g[pair][iq * len[pair] + k] * l[pair][jp * len[pair] + k];
    if (sizeof(real) == 8)
        for (int pair = 0; pair < 2; pair++)
            for (int k = 0; k < len[pair]; k++)
                mag_sum += real_abs(g[pair][iq * len[pair] + k] * l[pair][jp * len[pair] + k]);
    *mu = real_abs(t->scale) * mag_sum;
    return t->scale * sum;
}

/* Image j serves image i as negatives: it is one of the next `neg` in the circle of the batch. */
static bool is_negative(const struct imx_critic *d, int64_t i, int64_t j)
{
    const int64_t ahead = (j - i + d->n) % d->n;
    return ahead > 0 && ahead <= imx_critic_negatives(d);
}

/* Sums that become LOSS and INFO, each with its mag. Always double: these are few and long, and thousands of
 * equal terms would round the same way each time. */
struct totals {
    double pos, neg, loss, square, pos_mag, neg_mag, loss_mag, square_mag;
};

static double pairs_of(const struct imx_critic *d)
{
    return (double)d->n * d->q * d->n * d->p;
}

static double negatives_of(const struct imx_critic *d)
{
    return (double)d->n * d->q * d->p * imx_critic_negatives(d);
}

static void add_square(struct totals *sum, real s, real mu)
{
    sum->square += (double)(s * s);
    sum->square_mag += (double)(2 * real_abs(s) * mu + s * s);
}

/* One negative score u with mag mu. */
static void forward_negative(const struct imx_critic *d, real u, real mu, struct totals *sum, struct lse *row,
                             struct lse *all)
{
    real mag;
    switch (est_pool(d->est)) {
    case POOL_ROW: lse_add(row, u, mu); break;
    case POOL_ALL: lse_add(all, est_exponent(d->est, u, (real)d->par), mu); break;
    case POOL_MEAN: sum->neg += (double)est_neg(d->est, u, mu, &mag); sum->neg_mag += (double)mag;
    }
    if (est_apart(d->est))
        lse_add(all, est_exponent(d->est, u, (real)d->par), mu);
}

/* One positive score u with mag mu; stat is its row's logsumexp. */
static void forward_positive(const struct imx_critic *d, real u, real mu, real stat, real stat_mag, struct totals *sum)
{
    real mag;
    sum->pos += (double)est_pos(d->est, u, mu, &mag);
    sum->pos_mag += (double)mag;
    if (d->est == IMX_EST_INFONCE || est_apart(d->est)) {
        sum->loss += (double)(softplus(stat - u));
        sum->loss_mag += (double)(sigmoid(stat - u) * (stat_mag + mu + real_abs(stat - u)) + softplus(stat - u));
    }
}

struct ends {
    real *loss, *info, *ema, *stat;
    double loss_mag, info_mag[3], stat_mag, ema_mag;
};

/* Turns the sums into means, and the means into LOSS, INFO, and what is common to all rows of STAT. */
static void forward_finish(const struct imx_critic *d, struct totals *sum, const struct lse *all, struct ends *e)
{
    const double rows = (double)d->n * d->q, positives = rows * d->p, negatives = negatives_of(d);
    const double neg_count = d->est == IMX_EST_INFONCE ? rows : negatives, count = log(negatives);
    sum->pos /= positives;
    sum->pos_mag /= positives;
    sum->neg /= neg_count;
    sum->neg_mag /= neg_count;
    if (est_pool(d->est) == POOL_ALL) {
        const double lse = (double)lse_value(all), mag = (double)lse_mag(all);
        const double average = d->est == IMX_EST_DV_EMA ? est_average(e->ema, lse - count, (double)d->par) : 0;
        const double level = est_level(d->est, lse, average, count);
        sum->neg = est_end(d->est, lse, mag, count, &sum->neg_mag);
        e->ema_mag = mag + count + fabs(average) + 2;
        e->stat_mag = mag + 2 * count + fabs(average) + fabs(level) + 2;
        for (int64_t iq = 0; iq < (int64_t)rows; iq++)
            e->stat[iq] = (real)level;
    }
    if (d->est == IMX_EST_INFONCE) {
        sum->loss /= positives;
        sum->loss_mag /= positives;
    } else if (est_apart(d->est)) { /* the loss is jsd's; from here on neg is what is read */
        sum->loss = sum->neg + sum->loss / positives - (double)ln2;
        sum->loss_mag = sum->neg_mag + sum->loss_mag / positives + (double)ln2;
        sum->neg_mag = (double)lse_mag(all) + count;
        sum->neg = (double)lse_value(all) - count;
    } else {
        sum->loss = sum->neg - sum->pos;
        sum->loss_mag = sum->neg_mag + sum->pos_mag;
    }
    const double most = d->est == IMX_EST_INFONCE ? log(1 + (double)imx_critic_negatives(d) * d->p) : 0;
    const bool apart = est_apart(d->est);
    const double penalty = (double)d->l2 / pairs_of(d);
    *e->loss = (real)(sum->loss + penalty * sum->square);
    e->info[0] = (real)sum->pos;
    e->info[1] = (real)sum->neg;
    e->info[2] = (real)(apart ? sum->pos - sum->neg : most - sum->loss);
    e->loss_mag = sum->loss_mag + penalty * sum->square_mag;
    e->info_mag[0] = sum->pos_mag;
    e->info_mag[1] = sum->neg_mag;
    e->info_mag[2] = apart ? sum->pos_mag + sum->neg_mag : sum->loss_mag + most;
}

void REF(imx_ref_critic_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic *d = problem;
    const struct scorer t = { arg[IMX_CRITIC_FWD_L0],
                              arg[IMX_CRITIC_FWD_G0],
                              arg[IMX_CRITIC_FWD_L1],
                              arg[IMX_CRITIC_FWD_G1],
                              d->bias ? arg[IMX_CRITIC_FWD_GB] : NULL,
                              d->d0,
                              d->d1,
                              d->scale };
    real *pos = arg[IMX_CRITIC_FWD_POS], *stat = arg[IMX_CRITIC_FWD_STAT]; /* [n*q,p], [n*q] */
    struct ends end = { arg[IMX_CRITIC_FWD_LOSS], arg[IMX_CRITIC_FWD_INFO], arg[IMX_CRITIC_FWD_EMA], stat };
    const int64_t rows = (int64_t)d->n * d->q, locals = (int64_t)d->n * d->p;
    struct totals sum = { 0 };
    struct lse all = { 0 };
    for (int64_t iq = 0; iq < rows; iq++) {
        const int64_t i = iq / d->q;
        struct lse row = { 0 };
        for (int64_t jp = 0; jp < locals; jp++) {
            real mu;
            const real s = score(&t, iq, jp, &mu);
            add_square(&sum, s, mu);
            const real u = clip_score((real)d->clip, s, &mu);
            if (jp / d->p == i) {
                pos[iq * d->p + jp % d->p] = u;
                REF_MAG_SET(IMX_CRITIC_FWD_POS, iq * d->p + jp % d->p, mu);
            } else if (is_negative(d, i, jp / d->p)) {
                forward_negative(d, u, mu, &sum, &row, &all);
            }
        }
        const real stat_mag = est_pool(d->est) == POOL_ROW ? lse_mag(&row) : 0;
        stat[iq] = est_pool(d->est) == POOL_ROW ? lse_value(&row) : 0;
        REF_MAG_SET(IMX_CRITIC_FWD_STAT, iq, stat_mag);
        sum.neg += (double)stat[iq];
        sum.neg_mag += (double)stat_mag;
        for (int p = 0; p < d->p; p++) {
            real mu;
            const real u = clip_score((real)d->clip, score(&t, iq, i * d->p + p, &mu), &mu);
            forward_positive(d, u, mu, stat[iq], stat_mag, &sum);
        }
    }
    forward_finish(d, &sum, &all, &end);
    for (int64_t iq = 0; iq < rows && est_pool(d->est) == POOL_ALL; iq++)
        REF_MAG_SET(IMX_CRITIC_FWD_STAT, iq, end.stat_mag);
    REF_MAG_SET(IMX_CRITIC_FWD_LOSS, 0, end.loss_mag);
    for (int k = 0; k < 3; k++)
        REF_MAG_SET(IMX_CRITIC_FWD_INFO, k, end.info_mag[k]);
    for (int k = 0; k < 2 && d->est == IMX_EST_DV_EMA; k++)
        REF_MAG_SET(IMX_CRITIC_FWD_EMA, k, end.ema_mag);
}

/* d loss / d s of one pair, and its mag; s: its raw score with mag mu. gate = sum over the row's positives of
 * sigmoid(A - pos), for infonce; pos: the row's positive score when this is one. */
static real slope(const struct imx_critic *d, int64_t i, int64_t j, real s, real mu, const real *pos, real stat,
                  real gate, real gate_mag, real *mag)
{
    const real positives = (real)d->n * (real)d->q * (real)d->p, pull = 2 * (real)d->l2 / (real)pairs_of(d);
    const real pull_mag = pull * (mu + real_abs(s));
    real w = 0, w_mag = 0, bend_mag, u = clip_score((real)d->clip, s, &mu);
    if (i == j) {
        u = *pos;
        mu = 0;
        w = -est_pos_slope(d->est, u, stat, &w_mag) / positives;
        w_mag /= positives;
    } else if (is_negative(d, i, j)) {
        const enum pool pool = est_pool(d->est);
        const real count = pool == POOL_MEAN ? (real)negatives_of(d) : pool == POOL_ROW ? positives : 1;
        const real e = est_neg_slope(d->est, u, mu, stat, &w_mag);
        w = (pool == POOL_ROW ? e * gate : e) / count;
        w_mag = (pool == POOL_ROW ? w_mag * gate + e * gate_mag : w_mag) / count;
    }
    const real bend = clip_slope((real)d->clip, u, mu, &bend_mag);
    *mag = w_mag * bend + real_abs(w) * bend_mag + pull_mag;
    return w * bend + pull * s;
}

/* x += by * with, for one pair of embeddings: DL of row jp gets w g, DG of row iq gets w l. */
#define SPREAD(out, row, len, from, from_row)                                                                          \
    for (int k = 0; k < (len); k++) {                                                                                  \
        const real v = (from)[(from_row) * (len) + k];                                                                 \
        ((real *)arg[out])[(row) * (len) + k] += w * v;                                                                \
        REF_MAG_SET(out, (row) * (len) + k, mag[out][(row) * (len) + k] + w_mag * real_abs(v));                        \
    }

void REF(imx_ref_critic_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic *d = problem;
    const struct scorer t = { arg[IMX_CRITIC_BWD_L0],
                              arg[IMX_CRITIC_BWD_G0],
                              arg[IMX_CRITIC_BWD_L1],
                              arg[IMX_CRITIC_BWD_G1],
                              d->bias ? arg[IMX_CRITIC_BWD_GB] : NULL,
                              d->d0,
                              d->d1,
                              d->scale };
    const real *pos = arg[IMX_CRITIC_BWD_POS], *stat = arg[IMX_CRITIC_BWD_STAT];
    const real step = t.scale * *(const real *)arg[IMX_CRITIC_BWD_DLOSS];
    const int64_t globals = (int64_t)d->n * d->q, locals = (int64_t)d->n * d->p;
    const int64_t count[] = { locals * d->d0, globals * d->d0, locals * d->d1, globals * d->d1, d->bias ? globals : 0 };
    for (int o = 0; o < 5; o++)
        for (int64_t k = 0; k < count[o]; k++) {
            ((real *)arg[IMX_CRITIC_BWD_DL0 + o])[k] = 0;
            REF_MAG_SET(IMX_CRITIC_BWD_DL0 + o, k, 0);
        }
    for (int64_t iq = 0; iq < globals; iq++) {
        const int64_t i = iq / d->q;
        real gate = 0, gate_mag = 0;
        for (int p = 0; p < d->p; p++) {
            const real z = stat[iq] - pos[iq * d->p + p], s = sigmoid(z);
            gate += s;
            gate_mag += s * (1 + (1 - s) * real_abs(z));
        }
        for (int64_t jp = 0; jp < locals; jp++) {
            real mu, w_mag;
            const real s = score(&t, iq, jp, &mu), *own = pos + iq * d->p + jp % d->p;
            const real w = step * slope(d, i, jp / d->p, s, mu, own, stat[iq], gate, gate_mag, &w_mag);
            w_mag *= real_abs(step);
            SPREAD(IMX_CRITIC_BWD_DL0, jp, d->d0, t.g0, iq)
            SPREAD(IMX_CRITIC_BWD_DG0, iq, d->d0, t.l0, jp)
            SPREAD(IMX_CRITIC_BWD_DL1, jp, d->d1, t.g1, iq)
            SPREAD(IMX_CRITIC_BWD_DG1, iq, d->d1, t.l1, jp)
            if (d->bias) {
                ((real *)arg[IMX_CRITIC_BWD_DGB])[iq] += w;
                REF_MAG_SET(IMX_CRITIC_BWD_DGB, iq, mag[IMX_CRITIC_BWD_DGB][iq] + w_mag);
            }
        }
    }
}

static struct scorer scorer_of(const struct imx_critic_part *d, void *const *arg)
{
    return (struct scorer){ arg[IMX_CRITIC_FWD_L0],
                            arg[IMX_CRITIC_FWD_G0],
                            arg[IMX_CRITIC_FWD_L1],
                            arg[IMX_CRITIC_FWD_G1],
                            d->bias ? arg[IMX_CRITIC_FWD_GB] : NULL,
                            d->d0,
                            d->d1,
                            d->scale };
}

void REF(imx_ref_critic_part_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic_part *d = problem;
    const struct scorer t = scorer_of(d, arg);
    const int64_t globals = (int64_t)d->n * d->q, locals = (int64_t)d->images * d->p;
    const struct imx_critic whole = imx_critic_whole(d);
    const bool mean = est_pool(d->est) == POOL_MEAN && !est_apart(d->est);
    real *pos = arg[IMX_CRITIC_PART_POS], *part = arg[IMX_CRITIC_PART_PART];
    for (int64_t iq = 0; iq < globals; iq++) {
        const int64_t own = iq / d->q - d->image; /* its image, counted from the slice's first */
        struct lse row = { 0 };
        struct totals sum = { 0 };
        double top_mag = 0;
        for (int64_t jp = 0; jp < locals; jp++) {
            real mu;
            const real s = score(&t, iq, jp, &mu);
            add_square(&sum, s, mu);
            const real u = clip_score((real)d->clip, s, &mu);
            if (jp / d->p == own) {
                const int64_t at = (own * d->q + iq % d->q) * d->p + jp % d->p;
                pos[at] = u;
                REF_MAG_SET(IMX_CRITIC_PART_POS, at, mu);
            } else if (is_negative(&whole, iq / d->q, jp / d->p + d->image)) {
                forward_negative(&whole, u, mu, &sum, &row, &row);
                top_mag = (double)mu > top_mag ? (double)mu : top_mag;
            }
        }
        part[iq] = row.count ? row.m : mean ? 0 : -(real)3.402823466385288598e38;
        part[globals + iq] = mean ? (real)sum.neg : row.s;
        REF_MAG_SET(IMX_CRITIC_PART_PART, iq, top_mag);
        REF_MAG_SET(IMX_CRITIC_PART_PART, globals + iq, (mean ? sum.neg_mag : 0) + row.t + row.s * (1 + top_mag));
        (void)top_mag;
        real *more = part + 2 * globals + iq;
        if (est_apart(d->est)) {
            *more = (real)sum.neg;
            REF_MAG_SET(IMX_CRITIC_PART_PART, more - part, sum.neg_mag);
            more += globals;
        }
        if (d->l2 != 0.0f) {
            *more = (real)sum.square;
            REF_MAG_SET(IMX_CRITIC_PART_PART, more - part, sum.square_mag);
        }
    }
}

void REF(imx_ref_critic_part_end)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic_part *d = problem;
    const struct imx_critic whole = imx_critic_whole(d);
    const real *pos = arg[IMX_CRITIC_END_POS], *part = arg[IMX_CRITIC_END_PART];
    real *stat = arg[IMX_CRITIC_END_STAT];
    struct ends end = { arg[IMX_CRITIC_END_LOSS], arg[IMX_CRITIC_END_INFO], arg[IMX_CRITIC_END_EMA], stat };
    const int64_t globals = (int64_t)d->n * d->q, rows = imx_critic_part_rows(d);
    const enum pool pool = est_pool(d->est);
    const bool apart = est_apart(d->est);
    struct totals sum = { 0 };
    struct lse all = { 0 };
    for (int64_t iq = 0; iq < globals; iq++) {
        struct lse row = { 0 }, *to = pool == POOL_ROW ? &row : &all;
        for (int64_t k = 0; k * d->images < d->n; k++) {
            const real *at = part + k * rows * globals + iq, m = at[0], s = at[globals];
            if (d->l2 != 0.0f) {
                sum.square += (double)at[(rows - 1) * globals];
                sum.square_mag += (double)real_abs(at[(rows - 1) * globals]);
            }
            if (pool == POOL_MEAN) {
                const real neg = apart ? at[2 * globals] : s;
                sum.neg += (double)neg;
                sum.neg_mag += (double)real_abs(neg);
            }
            if ((pool != POOL_MEAN || apart) && s > 0) {
                lse_add(to, m + real_log(s), real_abs(m) + real_abs(real_log(s)) + 1);
            }
        }
        stat[iq] = pool == POOL_ROW ? lse_value(&row) : 0;
        const real stat_mag = pool == POOL_ROW ? lse_mag(&row) : 0;
        REF_MAG_SET(IMX_CRITIC_END_STAT, iq, stat_mag);
        sum.neg += (double)stat[iq];
        sum.neg_mag += (double)stat_mag;
        for (int p = 0; p < d->p; p++)
            forward_positive(&whole, pos[iq * d->p + p], real_abs(pos[iq * d->p + p]), stat[iq], stat_mag, &sum);
    }
    forward_finish(&whole, &sum, &all, &end);
    for (int64_t iq = 0; iq < globals && pool == POOL_ALL; iq++)
        REF_MAG_SET(IMX_CRITIC_END_STAT, iq, end.stat_mag);
    REF_MAG_SET(IMX_CRITIC_END_LOSS, 0, end.loss_mag);
    for (int k = 0; k < 3; k++)
        REF_MAG_SET(IMX_CRITIC_END_INFO, k, end.info_mag[k]);
    for (int k = 0; k < 2 && d->est == IMX_EST_DV_EMA; k++)
        REF_MAG_SET(IMX_CRITIC_END_EMA, k, end.ema_mag);
}

/* Outputs of the backward slice start from zero, or from what is to be added to. */
static void part_begin(const struct imx_critic_part *d, void *const *arg REF_MAG)
{
    const int64_t globals = (int64_t)d->n * d->q, locals = (int64_t)d->images * d->p;
    const bool g = d->want & IMX_WANT_DG, add = d->want & IMX_WANT_ADD;
    const struct {
        int out, add;
        int64_t count;
    } o[] = {
        { IMX_CRITIC_PART_DL0, 0, d->want & IMX_WANT_DL0 ? locals * d->d0 : 0 },
        { IMX_CRITIC_PART_DL1, 0, d->want & IMX_WANT_DL1 ? locals * d->d1 : 0 },
        { IMX_CRITIC_PART_DG0, IMX_CRITIC_PART_AG0, g ? globals * d->d0 : 0 },
        { IMX_CRITIC_PART_DG1, IMX_CRITIC_PART_AG1, g ? globals * d->d1 : 0 },
        { IMX_CRITIC_PART_DGB, IMX_CRITIC_PART_AGB, g && d->bias ? globals : 0 },
    };
    for (int i = 0; i < 5; i++)
        for (int64_t k = 0; k < o[i].count; k++) {
            const real from = o[i].add && add ? ((const real *)arg[o[i].add])[k] : 0;
            ((real *)arg[o[i].out])[k] = from;
            REF_MAG_SET(o[i].out, k, real_abs(from));
        }
}

void REF(imx_ref_critic_part_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic_part *d = problem;
    const struct imx_critic whole = imx_critic_whole(d);
    const struct scorer t = scorer_of(d, arg);
    const real *pos = arg[IMX_CRITIC_BWD_POS], *stat = arg[IMX_CRITIC_BWD_STAT];
    const real step = t.scale * *(const real *)arg[IMX_CRITIC_BWD_DLOSS];
    const int64_t globals = (int64_t)d->n * d->q, locals = (int64_t)d->images * d->p;
    part_begin(d, arg REF_MAG_ON);
    for (int64_t iq = 0; iq < globals; iq++) {
        real gate = 0, gate_mag = 0;
        for (int p = 0; p < d->p; p++) {
            const real z = stat[iq] - pos[iq * d->p + p], s = sigmoid(z);
            gate += s;
            gate_mag += s * (1 + (1 - s) * real_abs(z));
        }
        for (int64_t jp = 0; jp < locals; jp++) {
            const int64_t j = jp / d->p + d->image;
            real mu, w_mag;
            const real s = score(&t, iq, jp, &mu), *own = pos + iq * d->p + jp % d->p;
            const real w = step * slope(&whole, iq / d->q, j, s, mu, own, stat[iq], gate, gate_mag, &w_mag);
            w_mag *= real_abs(step);
            SPREAD(IMX_CRITIC_PART_DL0, jp, d->want & IMX_WANT_DL0 ? d->d0 : 0, t.g0, iq)
            SPREAD(IMX_CRITIC_PART_DL1, jp, d->want & IMX_WANT_DL1 ? d->d1 : 0, t.g1, iq)
            SPREAD(IMX_CRITIC_PART_DG0, iq, d->want & IMX_WANT_DG ? d->d0 : 0, t.l0, jp)
            SPREAD(IMX_CRITIC_PART_DG1, iq, d->want & IMX_WANT_DG ? d->d1 : 0, t.l1, jp)
            if (d->bias && (d->want & IMX_WANT_DG)) {
                ((real *)arg[IMX_CRITIC_PART_DGB])[iq] += w;
                REF_MAG_SET(IMX_CRITIC_PART_DGB, iq, mag[IMX_CRITIC_PART_DGB][iq] + w_mag);
            }
        }
    }
}
