/* An estimator's loss over scores that are already there: m of positive pairs, k of negative ones, for critics that
 * score pair by pair. Formulas, clip, penalty, moving average, readings: critic.h, with E+ and E- the means over the m
 * and the k; the penalty's mean is over all m + k. infonce is not offered: its positives share their negatives.
 *   pairloss_fwd: args POS[m], NEG[k], LOSS[1], INFO[3], LEVEL[1] (what slopes divide exp(u) by, as STAT there),
 *                 EMA[2] (in and out; dv-ema alone)
 *   pairloss_bwd: args POS, NEG, LEVEL, DLOSS[1], DPOS[m], DNEG[k] */
#ifndef IMX_OPS_PAIRLOSS_H
#define IMX_OPS_PAIRLOSS_H

#include "ops/critic.h"

struct imx_pairloss {
    int32_t m, k, est;
    float par, clip, l2;
};
enum {
    IMX_PAIRLOSS_FWD_POS,
    IMX_PAIRLOSS_FWD_NEG,
    IMX_PAIRLOSS_FWD_LOSS,
    IMX_PAIRLOSS_FWD_INFO,
    IMX_PAIRLOSS_FWD_LEVEL,
    IMX_PAIRLOSS_FWD_EMA
};
enum {
    IMX_PAIRLOSS_BWD_POS,
    IMX_PAIRLOSS_BWD_NEG,
    IMX_PAIRLOSS_BWD_LEVEL,
    IMX_PAIRLOSS_BWD_DLOSS,
    IMX_PAIRLOSS_BWD_DPOS,
    IMX_PAIRLOSS_BWD_DNEG
};
extern const struct imx_op imx_op_pairloss_fwd, imx_op_pairloss_bwd;

#endif
