/* Layer norm over each row of src[rows, cols]: dst = gamma*(src-mean)*invstd + beta, biased variance.
 *   layernorm_fwd: args SRC, GAMMA, BETA, DST, MEAN[rows], INVSTD[rows]
 *   layernorm_bwd: args SRC, DDST, GAMMA, MEAN, INVSTD, DSRC, DGAMMA, DBETA */
#ifndef IMX_OPS_LAYERNORM_H
#define IMX_OPS_LAYERNORM_H

#include "ops/op.h"

struct imx_layernorm {
    int32_t rows, cols;
    float eps;
};
enum { IMX_LN_FWD_SRC, IMX_LN_FWD_GAMMA, IMX_LN_FWD_BETA, IMX_LN_FWD_DST, IMX_LN_FWD_MEAN, IMX_LN_FWD_INVSTD };
enum {
    IMX_LN_BWD_SRC,
    IMX_LN_BWD_DDST,
    IMX_LN_BWD_GAMMA,
    IMX_LN_BWD_MEAN,
    IMX_LN_BWD_INVSTD,
    IMX_LN_BWD_DSRC,
    IMX_LN_BWD_DGAMMA,
    IMX_LN_BWD_DBETA
};
extern const struct imx_op imx_op_layernorm_fwd, imx_op_layernorm_bwd;

#endif
