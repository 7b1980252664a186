/* Element-wise functions over n values.
 *   act_fwd: dst = f(src)          args SRC, DST
 *   act_bwd: dsrc = ddst * f'(src) args SRC, DDST, DSRC
 * f: relu max(x,0) (f'(0) = 0); leaky x or slope*x; tanh; sigmoid; softplus log(1+e^x) = max(x,0)+log1p(e^-|x|);
 * exp. */
#ifndef IMX_OPS_ACT_H
#define IMX_OPS_ACT_H

#include "ops/op.h"
#include "shared.h" /* enum imx_act, shared with the kernels */

struct imx_act_problem {
    int32_t n, kind; /* enum imx_act */
    float slope;     /* leaky only */
};
enum { IMX_ACT_FWD_SRC, IMX_ACT_FWD_DST };
enum { IMX_ACT_BWD_SRC, IMX_ACT_BWD_DDST, IMX_ACT_BWD_DSRC };
extern const struct imx_op imx_op_act_fwd, imx_op_act_bwd;

#endif
