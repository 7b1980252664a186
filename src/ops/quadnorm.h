/* Rows divided by the root mean square of a linear map of them, without computing the map:
 *   e_r = wei src_r + bia                       [out], never stored
 *   invstd_r = 1/sqrt(|e_r|^2 / out + eps),     dst_r = invstd_r src_r
 * |e_r|^2 is a quadratic form of src_r: with M = wei^T wei (symmetric, k x k), m = wei^T bia, m0 = |bia|^2
 *   z_r = M src_r + m,   |e_r|^2 = src_r.(z_r + m) + m0
 * which costs rows*k*k + out*k*k/2 multiply-adds instead of rows*out*k. The gradient needs z and dst, but not src:
 *   w_r = -(ddst_r.dst_r + invstd_r dinvstd_r) / out,   s_r = w_r invstd_r^2
 *   dsrc_r = invstd_r ddst_r + s_r z_r,   dwei = wei H + bia h^T,   dbia = wei h + bia sum_r s_r
 *   H = sum_r w_r dst_r^T dst_r (imx_op_gram: half a product),   h = sum_r w_r invstd_r dst_r
 * A layer norm over e, whose mean is zero where the columns of wei and bia are centred (imx_op_concat), divides by
 * just this. The form may come out a little below zero, it is then taken for zero.
 *   quadnorm_fwd: args SRC[rows,k], WEI[out,k], BIA[out], DST[rows,k], INVSTD[rows], Z[rows,k]
 *   quadnorm_bwd: args DST, INVSTD, Z, DDST[rows,k], DINVSTD[rows], DSRC[rows,k], WGT[rows] (w), SHARE[rows] (s),
 *                 WSUM[k] (h)
 * Z gets no gradient. */
#ifndef IMX_OPS_QUADNORM_H
#define IMX_OPS_QUADNORM_H

#include "ops/op.h"

struct imx_quadnorm {
    int32_t rows, k, out;
    float eps;
};
enum {
    IMX_QUADNORM_FWD_SRC,
    IMX_QUADNORM_FWD_WEI,
    IMX_QUADNORM_FWD_BIA,
    IMX_QUADNORM_FWD_DST,
    IMX_QUADNORM_FWD_INVSTD,
    IMX_QUADNORM_FWD_Z
};
enum {
    IMX_QUADNORM_BWD_DST,
    IMX_QUADNORM_BWD_INVSTD,
    IMX_QUADNORM_BWD_Z,
    IMX_QUADNORM_BWD_DDST,
    IMX_QUADNORM_BWD_DINVSTD,
    IMX_QUADNORM_BWD_DSRC,
    IMX_QUADNORM_BWD_WGT,
    IMX_QUADNORM_BWD_SHARE,
    IMX_QUADNORM_BWD_WSUM
};
extern const struct imx_op imx_op_quadnorm_fwd, imx_op_quadnorm_bwd;
void imx_quadnorm_fwd_inner(const void *problem, imx_visit_fn *visit, void *user); /* the op's inner() */

#endif
