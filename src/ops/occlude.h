/* A rectangle of each image is covered: dst[n,y,x,c] = fill where BOX[n] = {y0, x0, height, width} holds (y,x), else
 * src[n,y,x,c] (Deep InfoMax, ICLR 2019, sec. 4.3). A box may reach beyond the image; one without area covers nothing.
 *   occlude: args SRC [n,h,w,c], BOX (i32 [n,4]), DST [n,h,w,c]
 * The gradient is the same op with fill 0. */
#ifndef IMX_OPS_OCCLUDE_H
#define IMX_OPS_OCCLUDE_H

#include "ops/op.h"

struct imx_occlude {
    int32_t n, h, w, c;
    float fill;
};
enum { IMX_OCCLUDE_SRC, IMX_OCCLUDE_BOX, IMX_OCCLUDE_DST };
extern const struct imx_op imx_op_occlude;

#endif
