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
 *   critic_bwd: args L0, G0, L1, G1, GB, POS, STAT, DLOSS[1], DL0, DG0, DL1, DG1, DGB */
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
extern const struct imx_op imx_op_critic_fwd, imx_op_critic_bwd;

#endif
