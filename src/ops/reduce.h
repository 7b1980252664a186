/* Reductions of src[rows, cols] with a fixed shape (two passes, no atomics): same bits on every run.
 *   rowreduce: dst[rows] = sum | mean | max | logsumexp over the columns   args SRC, DST
 *   colsum:    dst[cols] = sum over the rows                               args SRC, DST
 *   gradnorm:  dst[2] = { sqrt(sum src^2), number of non-finite values } over n values   args SRC, DST */
#ifndef IMX_OPS_REDUCE_H
#define IMX_OPS_REDUCE_H

#include "ops/op.h"

enum imx_reduce { IMX_REDUCE_SUM, IMX_REDUCE_MEAN, IMX_REDUCE_MAX, IMX_REDUCE_LSE };
struct imx_rowreduce {
    int32_t rows, cols, kind;
};
struct imx_colsum {
    int32_t rows, cols;
};
struct imx_gradnorm {
    int32_t n;
};
enum { IMX_REDUCE_SRC, IMX_REDUCE_DST };
extern const struct imx_op imx_op_rowreduce, imx_op_colsum, imx_op_gradnorm;

#endif
