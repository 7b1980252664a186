/* Convolution between batch norms (bn_ends.h): src normalised by channels (what is padding stays zero), and the
 * statistics of dst's.
 *   conv2d_bn_fwd: args SRC, WEI, BIA, DST as of conv2d_fwd, then the ends'
 *   conv2d_bn_wei: args SRC, DDST, DWEI as of conv2d_bwd_wei, then those of the norm (stat is 0) */
#ifndef IMX_OPS_CONV2D_BN_H
#define IMX_OPS_CONV2D_BN_H

#include "ops/bn_ends.h"
#include "ops/conv2d.h"

struct imx_conv2d_bn {
    struct imx_conv2d d;
    struct imx_bn_ends ends;
};
enum { IMX_CONV2D_BN_FWD_ENDS = IMX_CONV2D_FWD_DST + 1, IMX_CONV2D_BN_WEI_ENDS = IMX_CONV2D_BWD_WEI_DWEI + 1 };
extern const struct imx_op imx_op_conv2d_bn_fwd, imx_op_conv2d_bn_wei;

#endif
