/* Batch norm over the rows of src[rows, cols], one statistic per column, with an optional ReLU behind it.
 *   batchnorm_fwd (training): mean, var over rows (two passes, biased); dst = act(gamma*(src-mean)*invstd + beta);
 *       invstd = 1/sqrt(var+eps); run_mean += momentum*(mean-run_mean); run_var likewise from the unbiased variance
 *       (rows > 1). args SRC, GAMMA, BETA, RUN_MEAN (inout), RUN_VAR (inout), DST, MEAN, INVSTD
 *   batchnorm_bwd: args SRC, DDST, GAMMA, BETA, MEAN, INVSTD, DSRC, DGAMMA, DBETA (the ReLU's mask is recomputed
 *       from src)
 *   batchnorm_infer: dst = act(gamma*(src-run_mean)/sqrt(run_var+eps) + beta)
 *       args SRC, GAMMA, BETA, RUN_MEAN, RUN_VAR, DST */
#ifndef IMX_OPS_BATCHNORM_H
#define IMX_OPS_BATCHNORM_H

#include "ops/op.h"
#include "shared.h"

struct imx_batchnorm {
    int32_t rows, cols, act; /* IMX_ACT_NONE or IMX_ACT_RELU */
    float eps, momentum;
};
enum {
    IMX_BN_FWD_SRC,
    IMX_BN_FWD_GAMMA,
    IMX_BN_FWD_BETA,
    IMX_BN_FWD_RUN_MEAN,
    IMX_BN_FWD_RUN_VAR,
    IMX_BN_FWD_DST,
    IMX_BN_FWD_MEAN,
    IMX_BN_FWD_INVSTD
};
enum {
    IMX_BN_BWD_SRC,
    IMX_BN_BWD_DDST,
    IMX_BN_BWD_GAMMA,
    IMX_BN_BWD_BETA,
    IMX_BN_BWD_MEAN,
    IMX_BN_BWD_INVSTD,
    IMX_BN_BWD_DSRC,
    IMX_BN_BWD_DGAMMA,
    IMX_BN_BWD_DBETA
};
enum {
    IMX_BN_INFER_SRC,
    IMX_BN_INFER_GAMMA,
    IMX_BN_INFER_BETA,
    IMX_BN_INFER_RUN_MEAN,
    IMX_BN_INFER_RUN_VAR,
    IMX_BN_INFER_DST
};
extern const struct imx_op imx_op_batchnorm_fwd, imx_op_batchnorm_bwd, imx_op_batchnorm_infer;

#endif
