/* The mutual-information critic: all-pairs scores between globals and locals, and an estimator's loss over them, in
 * tiles; the score tensor is never stored whole.
 *   u[i,q,j,p] = scale * ( g0[i,q,:].l0[j,p,:] + g1[i,q,:].l1[j,p,:] + gb[i,q] )
 * d1 == 0: no second pair; bias == 0: no gb. i == j is a positive, i != j a negative (Deep InfoMax, ICLR 2019, sec. 3).
 *   infonce: A[i,q] = logsumexp_{j!=i,p} u; loss = mean_{i,q,p} softplus(A[i,q] - u[i,q,i,p])
 *   jsd:     e_pos = mean(ln2 - sp(-u_pos)); e_neg = mean(sp(u_neg) - ln2); loss = e_neg - e_pos
 *   dv:      e_pos = mean u_pos; e_neg = logsumexp over all negatives - ln(n(n-1)pq); loss = e_neg - e_pos
 * infonce reports e_pos = mean u_pos and e_neg = mean A. STAT of jsd is 0. The backward pass takes what it needs of the
 * positives from POS and of the normalisers from STAT[i,q]; INFO, POS and STAT get no gradient.
 * INFO = { e_pos, e_neg, mi in nats (infonce: ln(1+(n-1)p) - loss; dv: -loss; jsd: -loss, not nats) }.
 *   critic_fwd: args L0[n*p,d0], G0[n*q,d0], L1[n*p,d1], G1[n*q,d1], GB[n*q], LOSS[1], INFO[3],
 *               POS[n*q*p] (positive scores), STAT[n*q] (infonce: A; dv: the logsumexp of all negatives, repeated)
 *   critic_bwd: args L0, G0, L1, G1, GB, POS, STAT, DLOSS[1], DL0, DG0, DL1, DG1, DGB
 * For graphs that compute the locals slice by slice, the same in pieces: a slice holds the locals of `images` images,
 * the first of which is `image`; every slice but the last has the same size. critic_part_fwd: args L0[images*p,d0], G0,
 * L1[images*p,d1], G1, GB, POS[images*q*p] (its own images' positives), PART[2,n*q] = maximum and sum of exp(u -
 * maximum) of the slice's negatives (jsd: 0, sum of terms) critic_part_end: args POS[n*q*p], PART[slices,2,n*q],
 * LOSS, INFO, STAT; images: of a slice critic_part_bwd: args L0, G0, L1, G1, GB (as critic_part_fwd), POS[n*q*p], STAT,
 * DLOSS, AG0, AG1, AGB, and what `want` asks for: DL0, DG0, DL1, DG1, DGB of this slice; the last three plus AG0, AG1,
 * AGB when it asks for that */
#ifndef IMX_OPS_CRITIC_H
#define IMX_OPS_CRITIC_H

#include "ops/op.h"
#include "shared.h" /* enum imx_estimator */

struct imx_critic {
    int32_t n, p, q, d0, d1, bias, est; /* n >= 2 */
    float scale;
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
    IMX_CRITIC_FWD_STAT
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
};
enum { IMX_CRITIC_PART_POS = IMX_CRITIC_FWD_GB + 1, IMX_CRITIC_PART_PART }; /* fwd; the first five as of critic_fwd */
enum { IMX_CRITIC_END_POS, IMX_CRITIC_END_PART, IMX_CRITIC_END_LOSS, IMX_CRITIC_END_INFO, IMX_CRITIC_END_STAT };
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
    return (struct imx_critic){ d->n, d->p, d->q, d->d0, d->d1, d->bias, d->est, d->scale };
}

#endif
