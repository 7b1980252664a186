/* Two matrices of the same rows side by side, and back.
 *   concat:       dst[rows, ca + cb] = C [a | b]        args A[rows,ca], B[rows,cb], DST
 *   concat_split: [da | db] = C ddst                    args DDST, DA, DB
 * C subtracts from each column its mean over the rows when centre is set, else it is the identity; it is symmetric, so
 * each op is the other's gradient. cb == 0: no B. */
#ifndef IMX_OPS_CONCAT_H
#define IMX_OPS_CONCAT_H

#include "ops/op.h"

struct imx_concat {
    int32_t rows, ca, cb, centre;
};
enum { IMX_CONCAT_A, IMX_CONCAT_B, IMX_CONCAT_DST };
enum { IMX_CONCAT_SPLIT_DDST, IMX_CONCAT_SPLIT_DA, IMX_CONCAT_SPLIT_DB };
extern const struct imx_op imx_op_concat, imx_op_concat_split;
void imx_concat_inner(const void *problem, imx_visit_fn *visit, void *user); /* the ops' inner() */
void imx_concat_split_inner(const void *problem, imx_visit_fn *visit, void *user);

#endif
