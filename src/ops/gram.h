/* Weighted sum of the rows' outer products: dst[k,k] = sum_r wgt[r] src[r,:]^T src[r,:], symmetric, so the variants
 * compute one triangle and copy it. weighted == 0: every weight is 1 and WGT is absent. args SRC[rows,k], WGT[rows],
 * DST[k,k]. */
#ifndef IMX_OPS_GRAM_H
#define IMX_OPS_GRAM_H

#include "ops/op.h"

struct imx_gram {
    int32_t rows, k, weighted;
};
enum { IMX_GRAM_SRC, IMX_GRAM_WGT, IMX_GRAM_DST };
extern const struct imx_op imx_op_gram;

#endif
