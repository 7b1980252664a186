/* Max and average pooling, NHWC, square window; output size floor((h + 2*pad - k) / stride) + 1.
 *   pool2d_fwd: args SRC, DST, AT. AT (i32, max only, same count as DST) = h*w index of the first maximum in window
 * order. Average divides by k*k, padding counted as zeros (PyTorch's default). pool2d_bwd: args DDST, AT, DSRC;
 * gathers, so it is deterministic. */
#ifndef IMX_OPS_POOL2D_H
#define IMX_OPS_POOL2D_H

#include "ops/op.h"

enum imx_pool { IMX_POOL_MAX, IMX_POOL_AVG };
struct imx_pool2d {
    int32_t n, h, w, c, k, stride, pad, kind; /* pad <= k/2 */
};
static inline int32_t imx_pool2d_out(int32_t size, const struct imx_pool2d *d)
{
    return (size + 2 * d->pad - d->k) / d->stride + 1;
}
enum { IMX_POOL2D_FWD_SRC, IMX_POOL2D_FWD_DST, IMX_POOL2D_FWD_AT };
enum { IMX_POOL2D_BWD_DDST, IMX_POOL2D_BWD_AT, IMX_POOL2D_BWD_DSRC };
extern const struct imx_op imx_op_pool2d_fwd, imx_op_pool2d_bwd;

#endif
