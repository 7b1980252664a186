/* Cuts images into crops of side k at every stride-th pixel and stands them behind each other as images of their own
 * (dim_method 1.8): p = floor((h - k) / stride) + 1 rows of q = floor((w - k) / stride) + 1 crops per image.
 *   unfold_fwd: args SRC[n,h,w,c], DST[n*p*q,k,k,c]; crop (n,y,x) = DST[(n*p + y)*q + x] = pixels from (y, x)*stride on
 *   unfold_bwd: args DDST, DSRC; a pixel gets the sum over the crops that hold it, in their order: deterministic
 * A network that makes a 1x1 map of each crop leaves [n*p*q,1,1,c'], which is the map [n,p,q,c'] as it lies. */
#ifndef IMX_OPS_UNFOLD_H
#define IMX_OPS_UNFOLD_H

#include "ops/op.h"

struct imx_unfold {
    int32_t n, h, w, c, k, stride;
};
/* Crops along a side of `size` pixels. */
static inline int32_t imx_unfold_out(int32_t size, const struct imx_unfold *d)
{
    return (size - d->k) / d->stride + 1;
}
enum { IMX_UNFOLD_FWD_SRC, IMX_UNFOLD_FWD_DST };
enum { IMX_UNFOLD_BWD_DDST, IMX_UNFOLD_BWD_DSRC };
extern const struct imx_op imx_op_unfold_fwd, imx_op_unfold_bwd;

#endif
