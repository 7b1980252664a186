/* Reductions of src[rows, cols] with a fixed shape (two passes, no atomics): same bits on every run.
 *   rowreduce:     dst[rows] = sum | mean | max | logsumexp over the columns   args SRC, DST
 *   rowreduce_bwd: its gradient: ddst | ddst/cols | ddst where src is the first maximum | ddst*exp(src-dst)
 *                  args SRC, DST (both absent for sum and mean), DDST[rows], DSRC
 *   colsum:        dst[cols] = sum over the rows                               args SRC, DST
 *   broadcast:     dst[rows, cols] = src[cols] in every row                    args SRC, DST
 *   gradnorm:      dst[2] = { sqrt(sum src^2), number of non-finite values } over n values   args SRC, DST */
#ifndef IMX_OPS_REDUCE_H
#define IMX_OPS_REDUCE_H

#include "ops/op.h"

enum imx_reduce { IMX_REDUCE_SUM, IMX_REDUCE_MEAN, IMX_REDUCE_MAX, IMX_REDUCE_LSE };
struct imx_rowreduce {
    int32_t rows, cols, kind;
};
struct imx_colsum { /* also the problem of broadcast */
    int32_t rows, cols;
};
struct imx_gradnorm {
    int32_t n;
};
enum { IMX_REDUCE_SRC, IMX_REDUCE_DST };
enum { IMX_ROWREDUCE_BWD_SRC, IMX_ROWREDUCE_BWD_DST, IMX_ROWREDUCE_BWD_DDST, IMX_ROWREDUCE_BWD_DSRC };
extern const struct imx_op imx_op_rowreduce, imx_op_rowreduce_bwd, imx_op_colsum, imx_op_broadcast, imx_op_gradnorm;

#endif
