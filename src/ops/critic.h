/* The mutual-information critic: all-pairs scores between globals and locals, and an estimator's loss over them, in
 * tiles; the score tensor is never stored whole.
 *   s[i,q,j,p] = scale * ( g0[i,q,:].l0[j,p,:] + g1[i,q,:].l1[j,p,:] + gb[i,q] );  u = clip tanh(s/clip), or s
 * d1 == 0: no second pair; bias == 0: no gb; clip == 0: u = s. i == j is a positive (Deep InfoMax, ICLR 2019, sec. 3).
 * A negative is i != j; with neg > 0 only the next `neg` images in the circle of the batch, j = i+1 .. i+neg modulo n.
 * loss = the estimator's + l2 * mean of s^2 over all pairs (Bachman et al. 2019, dim_method 9.1). E+, E-: means over
 * the positives and negatives; K: number of negatives; L = logsumexp over all negatives.
 *
 *   est      e_pos          e_neg                  loss           reading in nats (INFO[2])
 *   infonce  E+ u           mean over i,q of A     see below      ln(1 + neg p) - loss; that is its ceiling
 *   jsd      E+ ln2-sp(-u)  E- sp(u)-ln2           e_neg - e_pos  none: -loss is twice a JS divergence, at most 2 ln2
 *   gan      E+ -sp(-u)     E- sp(u)               e_neg - e_pos  none: -loss is that less 2 ln2
 *   dv       E+ u           L - ln K               e_neg - e_pos  -loss, no ceiling
 *   dv-ema   E+ u           L - ln K               e_neg - e_pos  -loss, no ceiling
 *   smile    E+ u           dv's, |u| cut at par   jsd's          e_pos - e_neg, no ceiling; no bound either
 *   kl, nwj  E+ u           E- exp(u-1)            e_neg - e_pos  -loss, no ceiling
 *   rkl      E+ -exp(-u)    E- u-1                 e_neg - e_pos  none: -loss bounds KL(marginals || joint)
 *   h2       E+ 1-exp(-u)   E- exp(u)-1            e_neg - e_pos  none: -loss bounds the squared Hellinger distance
 *   chi2     E+ u           E- u^2/4 + u           e_neg - e_pos  none: -loss bounds Pearson's chi^2
 * infonce: A[i,q] = logsumexp of its negatives; loss = mean_{i,q,p} softplus(A[i,q] - u[i,q,i,p]). kl (f-GAN) and nwj
 * (Nguyen et al.) are two names of one bound, and share a number here. chi2 is Pearson's form. Three forms that
 * dim_method 4.6 has numbers for are not offered: the X2 of the authors' code, t^2 and -(|t| + 1)^2 / 2, both of which
 * lower the loss without end as scores grow; W1, E- u less E+ u, which has no end either unless the critic is kept
 * Lipschitz, and no critic here is; infonce with the own image's locals at a score of -10 among the negatives, which
 * is as good as leaving them out, as is done here, only while all scores stay far above that. dv-ema has dv's value;
 * its gradient divides exp(u) by a moving average (decay par) of their means over the batches, this one included
 * (Belghazi et al. 2018, 3.2). EMA = { logarithm of that average, 1 once there is one }. smile reads dv with the
 * negatives' scores cut at +-par (Song & Ermon 2020) and descends jsd's loss, as its authors do: the reading itself,
 * as a loss, has no lower end, since e_pos grows freely where the negatives are cut and have no slope. rkl is right
 * but unsteady by nature: a positive with u < 0 weighs exp(-u), while negatives pull their scores down at a constant
 * rate; `clip` holds it. Large scores: sums of exp(u) are taken as a logsumexp, so dv, dv-ema, smile's reading and
 * infonce have no limit. kl and h2 are infinite beyond u of about 88, rkl and h2 below -88; nothing is clamped there:
 * the step counts as not finite. `clip` prevents it. INFO = { e_pos, e_neg, reading (for those without: -loss), all
 * without the penalty of l2 }. The backward pass takes what it needs of the positives from POS and of the normalisers
 * from STAT[i,q]; INFO, POS and STAT get no gradient.
 *   critic_fwd: args L0[n*p,d0], G0[n*q,d0], L1[n*p,d1], G1[n*q,d1], GB[n*q], LOSS[1], INFO[3],
 *               POS[n*q*p] (positive u), STAT[n*q] (infonce: A; others with exponentials: the logarithm of what
 *               exp(u) is divided by, repeated; the rest 0), EMA[2] (in and out; dv-ema alone)
 *   critic_bwd: args L0, G0, L1, G1, GB, POS, STAT, DLOSS[1], DL0, DG0, DL1, DG1, DGB
 * For graphs that compute the locals slice by slice, the same in pieces: a slice holds the locals of `images` images,
 * the first of which is `image`; every slice but the last has the same size.
 *   critic_part_fwd: args L0[images*p,d0], G0, L1[images*p,d1], G1, GB, POS[images*q*p] (its own images' positives),
 *                    PART[2 to 4, n*q] = maximum and sum of exp(u - maximum) of the slice's negatives (or 0 and their
 *                    sum); of smile the sum that its loss takes; with l2 the sum of s^2
 *   critic_part_end: args POS[n*q*p], PART[slices, 2 to 4, n*q], LOSS, INFO, STAT, EMA; images: of a slice
 *   critic_part_bwd: args L0, G0, L1, G1, GB (as critic_part_fwd), POS[n*q*p], STAT, DLOSS, AG0, AG1, AGB, and what
 *                    `want` asks for: DL0, DG0, DL1, DG1, DGB of this slice; the last three plus AG0, AG1, AGB when it
 *                    asks for that */
#ifndef IMX_OPS_CRITIC_H
#define IMX_OPS_CRITIC_H

#include "ops/op.h"
#include "shared.h" /* enum imx_estimator */

#define IMX_SMILE_TAU 5.0f
#define IMX_EMA_DECAY 0.99f

struct imx_critic {
    int32_t n, p, q, d0, d1, bias, est; /* n >= 2 */
    float scale;
    int32_t neg; /* other images that serve each as negatives; 0: all n-1 */
    float par;   /* smile: where scores are cut; dv-ema: decay */
    float clip, l2;
};
enum {
    IMX_CRITIC_FWD_L0,
    IMX_CRITIC_FWD_G0,
    IMX_CRITIC_FWD_L1,
    IMX_CRITIC_FWD_G1,
    IMX_CRITIC_FWD_GB,
    IMX_CRITIC_FWD_LOSS,
    IMX_CRITIC_FWD_INFO,
    IMX_CRITIC_FWD_POS,
    IMX_CRITIC_FWD_STAT,
    IMX_CRITIC_FWD_EMA
};
enum {
    IMX_CRITIC_BWD_L0,
    IMX_CRITIC_BWD_G0,
    IMX_CRITIC_BWD_L1,
    IMX_CRITIC_BWD_G1,
    IMX_CRITIC_BWD_GB,
    IMX_CRITIC_BWD_POS,
    IMX_CRITIC_BWD_STAT,
    IMX_CRITIC_BWD_DLOSS,
    IMX_CRITIC_BWD_DL0,
    IMX_CRITIC_BWD_DG0,
    IMX_CRITIC_BWD_DL1,
    IMX_CRITIC_BWD_DG1,
    IMX_CRITIC_BWD_DGB
};
void imx_critic_fwd_inner(const void *problem, imx_visit_fn *visit, void *user); /* the ops' inner() */
void imx_critic_bwd_inner(const void *problem, imx_visit_fn *visit, void *user);
extern const struct imx_op imx_op_critic_fwd, imx_op_critic_bwd;

enum { IMX_WANT_DL0 = 1, IMX_WANT_DL1 = 2, IMX_WANT_DG = 4, IMX_WANT_ADD = 8 };
struct imx_critic_part {
    int32_t n, p, q, d0, d1, bias, est, image, images, want;
    float scale;
    int32_t neg;
    float par, clip, l2;
};
enum { IMX_CRITIC_PART_POS = IMX_CRITIC_FWD_GB + 1, IMX_CRITIC_PART_PART }; /* fwd; the first five as of critic_fwd */
enum {
    IMX_CRITIC_END_POS,
    IMX_CRITIC_END_PART,
    IMX_CRITIC_END_LOSS,
    IMX_CRITIC_END_INFO,
    IMX_CRITIC_END_STAT,
    IMX_CRITIC_END_EMA
};
enum { /* bwd; the first eight as of critic_bwd */
       IMX_CRITIC_PART_AG0 = IMX_CRITIC_BWD_DLOSS + 1,
       IMX_CRITIC_PART_AG1,
       IMX_CRITIC_PART_AGB,
       IMX_CRITIC_PART_DL0,
       IMX_CRITIC_PART_DG0,
       IMX_CRITIC_PART_DL1,
       IMX_CRITIC_PART_DG1,
       IMX_CRITIC_PART_DGB
};
extern const struct imx_op imx_op_critic_part_fwd, imx_op_critic_part_end, imx_op_critic_part_bwd;

static inline struct imx_critic imx_critic_whole(const struct imx_critic_part *d)
{
    return (struct imx_critic){ d->n,   d->p,     d->q,   d->d0,  d->d1,   d->bias,
                                d->est, d->scale, d->neg, d->par, d->clip, d->l2 };
}

/* How many other images serve each image as negatives. */
static inline int32_t imx_critic_negatives(const struct imx_critic *d)
{
    return d->neg ? d->neg : d->n - 1;
}

/* Rows of PART. */
static inline int32_t imx_critic_part_rows(const struct imx_critic_part *d)
{
    return 2 + (d->est == IMX_EST_SMILE) + (d->l2 != 0.0f);
}

/* By its name ("infonce", "dv-ema" ...; kl and nwj are the same); negative when there is none. */
int32_t imx_estimator_find(const char *name);
/* The first name of a number; NULL behind the last: 0, 1, ... lists them. */
const char *imx_estimator_name(int32_t est);
/* INFO[2] reads mutual information in nats. */
bool imx_estimator_nats(int32_t est);
/* Most that it can read when each positive meets so many negatives; infinite when there is no ceiling. */
double imx_estimator_ceiling(int32_t est, double negatives);

#endif
