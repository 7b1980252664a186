/* What contrastive predictive coding adds to a training graph (cpc.c): the questions of each offset. */
#ifndef IMX_OBJECTIVES_CPC_H
#define IMX_OBJECTIVES_CPC_H

#include "graph/graph.h"

enum { IMX_CPC_MAX = 9 };

struct imx_cpc {
    int32_t first, last;            /* offsets asked for */
    imx_tid from[IMX_CPC_MAX + 1];  /* i32 [n, cells]: cells whose context predicts */
    imx_tid label[IMX_CPC_MAX + 1]; /* i32 [n * cells]: the local below, among those of the whole batch */
};

#endif
