/* dst = src * keep / (1-p), keep drawn per element from Philox(seed, step; stream, element): the backward pass is the
 * same op on the gradient, no mask is stored. Element e keeps when unit(word e%4 of draw e/4) >= p.
 * args SRC, CTR (u32[4]: seed low, seed high, step low, step high), DST */
#ifndef IMX_OPS_DROPOUT_H
#define IMX_OPS_DROPOUT_H

#include "ops/op.h"

struct imx_dropout {
    int32_t n, stream;
    float p; /* 0 <= p < 1 */
};
enum { IMX_DROPOUT_SRC, IMX_DROPOUT_CTR, IMX_DROPOUT_DST };
extern const struct imx_op imx_op_dropout;

#endif
