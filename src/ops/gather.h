/* Draws k of the p locations of each image: dst[i, t, :] = src[i, idx[i,t], :].
 *   gather_fwd: args SRC[n,p,c], IDX (i32[n,k], 0 <= idx < p; another gives zeros), DST[n,k,c]
 *   gather_bwd: args DDST[n,k,c], IDX, DSRC[n,p,c] (each source row sums its picks in order: deterministic) */
#ifndef IMX_OPS_GATHER_H
#define IMX_OPS_GATHER_H

#include "ops/op.h"

struct imx_gather {
    int32_t n, p, c, k;
};
enum { IMX_GATHER_FWD_SRC, IMX_GATHER_FWD_IDX, IMX_GATHER_FWD_DST };
enum { IMX_GATHER_BWD_DDST, IMX_GATHER_BWD_IDX, IMX_GATHER_BWD_DSRC };
extern const struct imx_op imx_op_gather_fwd, imx_op_gather_bwd;

#endif
