/* The critic, the plain way: every score is its own sum over the units; logsumexp by a running maximum. See
 * critic.h.
 *
 * mag of a score is mu = |scale| (sum |g l| + |gb|). It goes through exp as a relative error, so a softmax
 * weight w carries w (1 + mu + |exponent|), a logsumexp the w-weighted mean of mu + |u - max|, and softplus
 * its slope times the mag of its argument. The float build skips all of it. */
#include "ops/critic.h"
#include "ops/real.h"
#include "ops/ref.h"

static const real ln2 = (real)0.69314718055994530942;

static real sigmoid(real z)
{
    const real e = real_exp(-real_abs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
}

static real softplus(real z)
{
    return real_max(z, 0) + real_log1p(real_exp(-real_abs(z)));
}

/* The inputs that make scores: common to both directions. */
struct scorer {
    const real *l0, *g0, *l1, *g1, *gb;
    int d0, d1;
    real scale;
};

/* Score of global row iq with local row jp; *mu receives its mag. */
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

/* log of a sum of exponentials with a running maximum: sum = s exp(m), and t = sum exp(u-m) (mu + |u-m|). */
struct lse {
    int64_t count;
    real m, s, t;
};

static void lse_add(struct lse *a, real u, real mu)
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

static real lse_value(const struct lse *a)
{
    return a->m + real_log(a->s);
}

static real lse_mag(const struct lse *a)
{
    return a->t / a->s + 1 + real_abs(a->m) + real_abs(lse_value(a));
}

/* Sums that become LOSS and INFO, each with its mag. Always double: these are few and long, and thousands of
 * equal terms would round the same way each time. */
struct totals {
    double pos, neg, loss, pos_mag, neg_mag, loss_mag;
};

/* The negatives of global row iq: infonce returns their logsumexp (with *mag), dv adds to all, jsd to sum. */
static real forward_negatives(const struct imx_critic *d, const struct scorer *t, int i, int64_t iq, struct totals *sum,
                              struct lse *all, real *mag)
{
    struct lse row = { 0 };
    for (int j = 0; j < d->n; j++)
        for (int p = 0; p < d->p && j != i; p++) {
            real mu;
            const real u = score(t, iq, (int64_t)j * d->p + p, &mu);
            if (d->est == IMX_EST_JSD) {
                sum->neg += (double)(softplus(u) - ln2);
                sum->neg_mag += (double)(sigmoid(u) * mu + softplus(u) + ln2);
            } else {
                lse_add(d->est == IMX_EST_DV ? all : &row, u, mu);
            }
        }
    *mag = d->est == IMX_EST_INFONCE ? lse_mag(&row) : 0;
    return d->est == IMX_EST_INFONCE ? lse_value(&row) : 0;
}

/* One positive score u with mag mu; stat is its row's logsumexp. */
static void forward_positive(const struct imx_critic *d, real u, real mu, real stat, real stat_mag, struct totals *sum)
{
    if (d->est == IMX_EST_JSD) {
        sum->pos += (double)(ln2 - softplus(-u));
        sum->pos_mag += (double)(sigmoid(-u) * mu + softplus(-u) + ln2);
        return;
    }
    sum->pos += (double)u;
    sum->pos_mag += (double)mu;
    if (d->est == IMX_EST_INFONCE) {
        sum->loss += (double)(softplus(stat - u));
        sum->loss_mag += (double)(sigmoid(stat - u) * (stat_mag + mu + real_abs(stat - u)) + softplus(stat - u));
    }
}

/* Turns the sums into means, and the means into LOSS and INFO. */
static void forward_finish(const struct imx_critic *d, struct totals *sum, const struct lse *all, real *loss,
                           real *info)
{
    const double rows = (double)d->n * d->q, positives = rows * d->p, negatives = positives * (d->n - 1);
    const double neg_count = d->est == IMX_EST_INFONCE ? rows : negatives;
    sum->pos /= positives;
    sum->pos_mag /= positives;
    sum->neg /= neg_count;
    sum->neg_mag /= neg_count;
    if (d->est == IMX_EST_DV) {
        sum->neg = (double)lse_value(all) - log(negatives);
        sum->neg_mag = (double)lse_mag(all) + log(negatives);
    }
    if (d->est == IMX_EST_INFONCE) {
        sum->loss /= positives;
        sum->loss_mag /= positives;
    } else {
        sum->loss = sum->neg - sum->pos;
        sum->loss_mag = sum->neg_mag + sum->pos_mag;
    }
    *loss = (real)sum->loss;
    info[0] = (real)sum->pos;
    info[1] = (real)sum->neg;
    info[2] = (real)((d->est == IMX_EST_INFONCE ? log(1 + (d->n - 1.0) * d->p) : 0) - sum->loss);
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
    real *loss = arg[IMX_CRITIC_FWD_LOSS], *info = arg[IMX_CRITIC_FWD_INFO];
    const int64_t rows = (int64_t)d->n * d->q;
    struct totals sum = { 0 };
    struct lse all = { 0 };
    for (int64_t iq = 0; iq < rows; iq++) {
        const int i = (int)(iq / d->q);
        real stat_mag;
        stat[iq] = forward_negatives(d, &t, i, iq, &sum, &all, &stat_mag);
        REF_MAG_SET(IMX_CRITIC_FWD_STAT, iq, stat_mag);
        sum.neg += (double)stat[iq];
        sum.neg_mag += (double)stat_mag;
        for (int p = 0; p < d->p; p++) {
            real mu;
            const real u = score(&t, iq, (int64_t)i * d->p + p, &mu);
            pos[iq * d->p + p] = u;
            REF_MAG_SET(IMX_CRITIC_FWD_POS, iq * d->p + p, mu);
            forward_positive(d, u, mu, stat[iq], stat_mag, &sum);
        }
    }
    for (int64_t iq = 0; iq < rows && d->est == IMX_EST_DV; iq++) {
        stat[iq] = lse_value(&all);
        REF_MAG_SET(IMX_CRITIC_FWD_STAT, iq, lse_mag(&all));
    }
    forward_finish(d, &sum, &all, loss, info);
    REF_MAG_SET(IMX_CRITIC_FWD_LOSS, 0, sum.loss_mag);
    REF_MAG_SET(IMX_CRITIC_FWD_INFO, 0, sum.pos_mag);
    REF_MAG_SET(IMX_CRITIC_FWD_INFO, 1, sum.neg_mag);
    REF_MAG_SET(IMX_CRITIC_FWD_INFO, 2, sum.loss_mag + real_abs(info[2] + *loss));
}

/* d loss / d u of one pair, and its mag. gate = sum over the row's positives of sigmoid(A - pos), for
 * infonce. */
static real slope(const struct imx_critic *d, bool positive, real u, real mu, real stat, real gate, real gate_mag,
                  real *mag)
{
    const real positives = (real)d->n * (real)d->q * (real)d->p, negatives = positives * (real)(d->n - 1);
    real w;
    if (positive && d->est == IMX_EST_DV) {
        w = *mag = 1;
    } else if (positive) {
        const real z = d->est == IMX_EST_INFONCE ? stat - u : -u;
        w = sigmoid(z);
        *mag = w * (1 + (1 - w) * real_abs(z));
    } else if (d->est == IMX_EST_JSD) {
        w = sigmoid(u);
        *mag = w * (1 + (1 - w) * (mu + real_abs(u)));
    } else {
        const real e = real_exp(u - stat);
        w = d->est == IMX_EST_INFONCE ? e * gate : e;
        *mag = w * (1 + mu + real_abs(u - stat)) + (d->est == IMX_EST_INFONCE ? e * gate_mag : 0);
    }
    const real count = !positive && d->est == IMX_EST_JSD  ? negatives
                       : !positive && d->est == IMX_EST_DV ? 1
                                                           : positives;
    *mag /= count;
    return (positive ? -w : w) / count;
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
            const bool positive = jp / d->p == i;
            real mu, w_mag, u = score(&t, iq, jp, &mu);
            if (positive)
                u = pos[iq * d->p + jp % d->p];
            const real w = step * slope(d, positive, u, mu, stat[iq], gate, gate_mag, &w_mag);
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
    real *pos = arg[IMX_CRITIC_PART_POS], *part = arg[IMX_CRITIC_PART_PART];
    for (int64_t iq = 0; iq < globals; iq++) {
        const int64_t own = iq / d->q - d->image; /* its image, counted from the slice's first */
        struct lse row = { 0 };
        double sum = 0, sum_mag = 0, top_mag = 0;
        for (int64_t jp = 0; jp < locals; jp++) {
            real mu;
            const real u = score(&t, iq, jp, &mu);
            if (jp / d->p == own) {
                const int64_t at = (own * d->q + iq % d->q) * d->p + jp % d->p;
                pos[at] = u;
                REF_MAG_SET(IMX_CRITIC_PART_POS, at, mu);
            } else if (d->est == IMX_EST_JSD) {
                sum += (double)(softplus(u) - ln2);
                sum_mag += (double)(sigmoid(u) * mu + softplus(u) + ln2);
            } else {
                lse_add(&row, u, mu);
                top_mag = (double)mu > top_mag ? (double)mu : top_mag;
            }
        }
        part[iq] = row.count ? row.m : d->est == IMX_EST_JSD ? 0 : -(real)3.402823466385288598e38;
        part[globals + iq] = d->est == IMX_EST_JSD ? (real)sum : row.s;
        REF_MAG_SET(IMX_CRITIC_PART_PART, iq, top_mag);
        REF_MAG_SET(IMX_CRITIC_PART_PART, globals + iq, sum_mag + row.t + row.s * (1 + top_mag));
        (void)sum_mag, (void)top_mag;
    }
}

void REF(imx_ref_critic_part_end)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_critic_part *d = problem;
    const struct imx_critic whole = imx_critic_whole(d);
    const real *pos = arg[IMX_CRITIC_END_POS], *part = arg[IMX_CRITIC_END_PART];
    real *loss = arg[IMX_CRITIC_END_LOSS], *info = arg[IMX_CRITIC_END_INFO], *stat = arg[IMX_CRITIC_END_STAT];
    const int64_t globals = (int64_t)d->n * d->q;
    struct totals sum = { 0 };
    struct lse all = { 0 };
    for (int64_t iq = 0; iq < globals; iq++) {
        struct lse row = { 0 }, *to = d->est == IMX_EST_DV ? &all : &row;
        for (int64_t k = 0; k * d->images < d->n; k++) {
            const real m = part[k * 2 * globals + iq], s = part[(k * 2 + 1) * globals + iq];
            if (d->est == IMX_EST_JSD) {
                sum.neg += (double)s;
                sum.neg_mag += (double)real_abs(s);
            } else if (s > 0) {
                lse_add(to, m + real_log(s), real_abs(m) + real_abs(real_log(s)) + 1);
            }
        }
        stat[iq] = d->est == IMX_EST_INFONCE ? lse_value(&row) : 0;
        const real stat_mag = d->est == IMX_EST_INFONCE ? lse_mag(&row) : 0;
        REF_MAG_SET(IMX_CRITIC_END_STAT, iq, stat_mag);
        sum.neg += (double)stat[iq];
        sum.neg_mag += (double)stat_mag;
        for (int p = 0; p < d->p; p++)
            forward_positive(&whole, pos[iq * d->p + p], real_abs(pos[iq * d->p + p]), stat[iq], stat_mag, &sum);
    }
    for (int64_t iq = 0; iq < globals && d->est == IMX_EST_DV; iq++) {
        stat[iq] = lse_value(&all);
        REF_MAG_SET(IMX_CRITIC_END_STAT, iq, lse_mag(&all));
    }
    forward_finish(&whole, &sum, &all, loss, info);
    REF_MAG_SET(IMX_CRITIC_END_LOSS, 0, sum.loss_mag);
    REF_MAG_SET(IMX_CRITIC_END_INFO, 0, sum.pos_mag);
    REF_MAG_SET(IMX_CRITIC_END_INFO, 1, sum.neg_mag);
    REF_MAG_SET(IMX_CRITIC_END_INFO, 2, sum.loss_mag + real_abs(info[2] + *loss));
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
#ifdef IMX_REAL_DOUBLE
    part_begin(d, arg, mag);
#else
    part_begin(d, arg);
#endif
    for (int64_t iq = 0; iq < globals; iq++) {
        real gate = 0, gate_mag = 0;
        for (int p = 0; p < d->p; p++) {
            const real z = stat[iq] - pos[iq * d->p + p], s = sigmoid(z);
            gate += s;
            gate_mag += s * (1 + (1 - s) * real_abs(z));
        }
        for (int64_t jp = 0; jp < locals; jp++) {
            const bool positive = jp / d->p + d->image == iq / d->q;
            real mu, w_mag, u = score(&t, iq, jp, &mu);
            if (positive)
                u = pos[iq * d->p + jp % d->p];
            const real w = step * slope(&whole, positive, u, mu, stat[iq], gate, gate_mag, &w_mag);
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
