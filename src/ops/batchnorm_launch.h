/* The launches of cl/batchnorm.cl, which batch norm makes in one op and bnpart in ops of their own. Private to
 * batchnorm_cl.c, bnpart_cl.c and bn_ends.h. */
#ifndef IMX_OPS_BATCHNORM_LAUNCH_H
#define IMX_OPS_BATCHNORM_LAUNCH_H

#include "ops/rowchunk.h"

/* What the launches read of it stands in cl/batchnorm.cl; the rest may be left out. */
struct imx_bn {
    struct imx_rowchunk chunk; /* of the rows at hand; for the two finishes, of all rows */
    int32_t rows, total, cols, act;
    float eps, momentum;
    bool strips; /* the kernels for CPU devices, or those for GPUs */
    struct imx_mem src, ddst, gamma, beta, run_mean, run_var, mean, invstd, part, dst, dsrc, dgamma, dbeta;
};

/* part = each chunk's mean and sum of squared deviations; then mean, invstd and the running ones of all of them. */
imx_status imx_bn_stat(struct imx_dev *dev, const struct imx_bn *b);
imx_status imx_bn_stat_finish(struct imx_dev *dev, const struct imx_bn *b);
/* dst */
imx_status imx_bn_apply(struct imx_dev *dev, const struct imx_bn *b);
/* part = each chunk's two sums of the gradient; then dgamma and dbeta of all of them. */
imx_status imx_bn_back(struct imx_dev *dev, const struct imx_bn *b);
imx_status imx_bn_back_finish(struct imx_dev *dev, const struct imx_bn *b);
/* dsrc */
imx_status imx_bn_dsrc(struct imx_dev *dev, const struct imx_bn *b);

#endif
