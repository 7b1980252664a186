/* What contrastive predictive coding adds to a training graph (cpc.c): the walk over the map and the questions of each
 * offset. */
#ifndef IMX_OBJECTIVES_CPC_H
#define IMX_OBJECTIVES_CPC_H

#include "nn/context.h"

enum { IMX_CPC_MAX = 9 };

struct imx_cpc {
    struct imx_context context;
    int32_t first, last;            /* offsets asked for; last 0: this is no such graph */
    imx_tid from[IMX_CPC_MAX + 1];  /* i32 [n, cells]: cells whose context predicts */
    imx_tid label[IMX_CPC_MAX + 1]; /* i32 [n * cells]: the local below, among those of the whole batch */
    int64_t candidates;             /* n * h * w */
};

#endif
