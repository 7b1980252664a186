/* Convolution, NHWC, square kernel, any stride and padding; p = floor((h + 2*pad - k) / stride) + 1, q likewise from w.
 *   conv2d_fwd: dst[n,p,q,o] = bia[o] + sum_{r,s,c} src[n, p*stride+r-pad, q*stride+s-pad, c] * wei[o,r,s,c]
 *               args SRC, WEI, BIA (absent when bias == 0), DST
 *   conv2d_bwd_data: dsrc[n,h,w,c] = the transposed map of ddst[n,p,q,o]; it is also the transposed convolution
 *               args DDST, WEI, DSRC (bias ignored)
 *   conv2d_bwd_wei: dwei[o,r,s,c] = sum_{n,p,q} ddst[n,p,q,o] * src[n, p*stride+r-pad, q*stride+s-pad, c]
 *               args SRC, DDST, DWEI (the bias gradient is a colsum of ddst) */
#ifndef IMX_OPS_CONV2D_H
#define IMX_OPS_CONV2D_H

#include "ops/op.h"

struct imx_conv2d {
    int32_t n, h, w, c, o, k, stride, pad, bias;
};
static inline int32_t imx_conv2d_p(const struct imx_conv2d *d)
{
    return (d->h + 2 * d->pad - d->k) / d->stride + 1;
}
static inline int32_t imx_conv2d_q(const struct imx_conv2d *d)
{
    return (d->w + 2 * d->pad - d->k) / d->stride + 1;
}
enum { IMX_CONV2D_FWD_SRC, IMX_CONV2D_FWD_WEI, IMX_CONV2D_FWD_BIA, IMX_CONV2D_FWD_DST };
enum { IMX_CONV2D_BWD_DATA_DDST, IMX_CONV2D_BWD_DATA_WEI, IMX_CONV2D_BWD_DATA_DSRC };
enum { IMX_CONV2D_BWD_WEI_SRC, IMX_CONV2D_BWD_WEI_DDST, IMX_CONV2D_BWD_WEI_DWEI };
extern const struct imx_op imx_op_conv2d_fwd, imx_op_conv2d_bwd_data, imx_op_conv2d_bwd_wei;

#endif
