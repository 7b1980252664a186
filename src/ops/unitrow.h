/* Rows of src[rows, cols] brought to length 1: dst = src * inv, inv = 1/sqrt(sum src^2 + IMX_UNITROW_LEAST). The small
 * number lets a row of zeros, which has no direction, stay zero.
 *   unitrow_fwd: args SRC, DST, INV[rows]
 *   unitrow_bwd: dsrc = inv (ddst - dst (dst . ddst))   args DST, INV, DDST, DSRC */
#ifndef IMX_OPS_UNITROW_H
#define IMX_OPS_UNITROW_H

#include "ops/op.h"

#define IMX_UNITROW_LEAST 1e-12f

struct imx_unitrow {
    int32_t rows, cols;
};
enum { IMX_UNITROW_FWD_SRC, IMX_UNITROW_FWD_DST, IMX_UNITROW_FWD_INV };
enum { IMX_UNITROW_BWD_DST, IMX_UNITROW_BWD_INV, IMX_UNITROW_BWD_DDST, IMX_UNITROW_BWD_DSRC };
extern const struct imx_op imx_op_unitrow_fwd, imx_op_unitrow_bwd;

#endif
