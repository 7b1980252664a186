/* dst = src * keep / (1-p), keep drawn per element from Philox(seed, step; stream, element): the backward pass is the
 * same op on the gradient, no mask is stored. Element e keeps when unit(word e%4 of draw e/4) >= p.
 * args SRC, CTR (u32[4]: seed low, seed high, step low, step high), DST */
/* dropout2d: the same with one draw for a whole channel of an image (Dropout2d in PyTorch), src [n,area,c]: channel k
 * of image i keeps when unit(word k%4 of draw i * ceil(c/4) + k/4) >= p. Arguments as above. */
#ifndef IMX_OPS_DROPOUT_H
#define IMX_OPS_DROPOUT_H

#include "ops/op.h"

struct imx_dropout {
    int32_t n, stream;
    float p; /* 0 <= p < 1 */
};
struct imx_dropout2d {
    int32_t n, area, c, stream;
    float p; /* 0 <= p < 1 */
};
enum { IMX_DROPOUT_SRC, IMX_DROPOUT_CTR, IMX_DROPOUT_DST };
extern const struct imx_op imx_op_dropout, imx_op_dropout2d;

#endif
