/* Softmax cross-entropy, mean over the rows whose label is >= 0 (a label of -1 is ignored; none: loss 0).
 *   xent_fwd: args LOGITS[rows, classes], LABEL (i32[rows]), LOSS[1], HITS[1] (rows whose first largest logit is the
 *             label), LSE[rows], COUNT[1] (rows with a label)
 *             LOSS, HITS and COUNT are f32; a label >= classes gives a NaN loss.
 *   xent_bwd: args LOGITS, LABEL, LSE, COUNT, DLOSS[1], DLOGITS */
#ifndef IMX_OPS_XENT_H
#define IMX_OPS_XENT_H

#include "ops/op.h"

struct imx_xent {
    int32_t rows, classes;
};
enum {
    IMX_XENT_FWD_LOGITS,
    IMX_XENT_FWD_LABEL,
    IMX_XENT_FWD_LOSS,
    IMX_XENT_FWD_HITS,
    IMX_XENT_FWD_LSE,
    IMX_XENT_FWD_COUNT
};
enum {
    IMX_XENT_BWD_LOGITS,
    IMX_XENT_BWD_LABEL,
    IMX_XENT_BWD_LSE,
    IMX_XENT_BWD_COUNT,
    IMX_XENT_BWD_DLOSS,
    IMX_XENT_BWD_DLOGITS
};
extern const struct imx_op imx_op_xent_fwd, imx_op_xent_bwd;

#endif
