/* Rows in groups, such as the positions of an image, and a row that belongs to each whole group, such as what its
 * global vector adds to every position: a linear map of concat(local, global) is W_l local + W_g global, where the
 * second part is worked out once per group.
 *   spread:     dst[g,r,c] = src[g,r,c] + row[g,c]   args SRC (absent when add == 0: taken as 0), ROW, DST
 *   spread_sum: dst[g,c] = sum_r src[g,r,c]          args SRC, DST   (add is 0)
 * Each is the other's gradient. */
#ifndef IMX_OPS_SPREAD_H
#define IMX_OPS_SPREAD_H

#include "ops/op.h"

struct imx_spread {
    int32_t groups, rows, cols, add;
};
enum { IMX_SPREAD_SRC, IMX_SPREAD_ROW, IMX_SPREAD_DST };
enum { IMX_SPREAD_SUM_SRC, IMX_SPREAD_SUM_DST };
extern const struct imx_op imx_op_spread, imx_op_spread_sum;

#endif
