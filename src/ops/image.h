/* Bytes to normalised floats, with crop and flip:
 * dst[n,y,x,c] = (src[n, y0+y, x0+x', c] / 255 - mean[c]) * invstd[c],  x' = flip ? cropw-1-x : x.
 * A source pixel outside the image is the nearest one inside it (crops of a padded image; no crop reads out of bounds).
 * args SRC (u8 [n,h,w,c]), AUG (i32 [n,3]: y0, x0, flip), MEAN[c], INVSTD[c], DST [n,croph,cropw,c] */
#ifndef IMX_OPS_IMAGE_H
#define IMX_OPS_IMAGE_H

#include "ops/op.h"

struct imx_image {
    int32_t n, h, w, c, croph, cropw;
};
enum { IMX_IMAGE_SRC, IMX_IMAGE_AUG, IMX_IMAGE_MEAN, IMX_IMAGE_INVSTD, IMX_IMAGE_DST };
extern const struct imx_op imx_op_image;

#endif
