/* Batch norm in pieces, for graphs that compute the rows of a matrix in slices: what batchnorm_fwd and batchnorm_bwd do
 * in one op, cut where sums over all rows meet. rows: of the slice at hand; total: of the whole matrix; a part is the
 * statistic of `chunk` rows (the last one of a slice may have fewer), [2, cols], parts of all slices lie behind each
 * other. With the chunks of batchnorm's own launches, the results have the same bits. bn_stat:  args SRC[rows,cols],
 * PART[ceil(rows/chunk),2,cols] = mean, sum of squared deviations bn_merge: args PART[ceil(total/chunk),2,cols],
 * RUN_MEAN (inout), RUN_VAR (inout), MEAN, INVSTD bn_apply: dst = act(gamma*(src-mean)*invstd + beta). args SRC, GAMMA,
 * BETA, MEAN, INVSTD, DST bn_back_stat: args SRC, DDST, GAMMA, BETA, MEAN, INVSTD, PART = sum g, sum g*(src-mean); g =
 * ddst behind the ReLU bn_back_merge: args PART, INVSTD, DGAMMA, DBETA bn_back_apply: dsrc = gamma*invstd*(g -
 * dbeta/total - (src-mean)*invstd*dgamma/total) args SRC, DDST, GAMMA, BETA, MEAN, INVSTD, DGAMMA, DBETA, DSRC */
#ifndef IMX_OPS_BNPART_H
#define IMX_OPS_BNPART_H

#include "ops/op.h"
#include "shared.h"

struct imx_bnpart {
    int32_t rows, cols, total, chunk, act; /* IMX_ACT_NONE or IMX_ACT_RELU */
    float eps, momentum;
};
enum { IMX_BN_STAT_SRC, IMX_BN_STAT_PART };
enum { IMX_BN_MERGE_PART, IMX_BN_MERGE_RUN_MEAN, IMX_BN_MERGE_RUN_VAR, IMX_BN_MERGE_MEAN, IMX_BN_MERGE_INVSTD };
enum {
    IMX_BN_APPLY_SRC,
    IMX_BN_APPLY_GAMMA,
    IMX_BN_APPLY_BETA,
    IMX_BN_APPLY_MEAN,
    IMX_BN_APPLY_INVSTD,
    IMX_BN_APPLY_DST
};
enum {
    IMX_BN_BACK_SRC,
    IMX_BN_BACK_DDST,
    IMX_BN_BACK_GAMMA,
    IMX_BN_BACK_BETA,
    IMX_BN_BACK_MEAN,
    IMX_BN_BACK_INVSTD,
    IMX_BN_BACK_PART,                      /* bn_back_stat */
    IMX_BN_BACK_DGAMMA = IMX_BN_BACK_PART, /* bn_back_apply */
    IMX_BN_BACK_DBETA,
    IMX_BN_BACK_DSRC
};
enum { IMX_BN_BACK_MERGE_PART, IMX_BN_BACK_MERGE_INVSTD, IMX_BN_BACK_MERGE_DGAMMA, IMX_BN_BACK_MERGE_DBETA };
extern const struct imx_op imx_op_bn_stat, imx_op_bn_merge, imx_op_bn_apply, imx_op_bn_back_stat, imx_op_bn_back_merge,
    imx_op_bn_back_apply;

#endif
