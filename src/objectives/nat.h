/* What noise as targets (nat.c) adds to a training graph: each image of the set has a target, a point of the sphere,
 * which it may exchange with the others of its batch before the loss is worked out. */
#ifndef IMX_OBJECTIVES_NAT_H
#define IMX_OBJECTIVES_NAT_H

#include "graph/graph.h"

struct imx_nat {
    struct imx_graph *g;          /* borrowed */
    imx_tid code, target, moved;  /* [batch, units] of length 1; the same; [1] */
    int param;                    /* "nat.assignment" [images] in the store, as of imx_net_keep */
    int32_t batch, units, images; /* images: of the whole set */
    uint64_t seed;
    int32_t *of; /* [images]: the target that each image holds; read from the store in the first step */
    bool read;
    int32_t *image, *to;          /* [batch] */
    float *y, *held, *new, *cost; /* [batch, units] three times; [batch, batch] */
};

/* The k-th point, [units]: a function of (seed, k), uniform on the sphere. */
void imx_nat_point(uint64_t seed, int32_t k, int32_t units, float *to);

#endif
