/* The training graph of Deep InfoMax with the local objective (Hjelm et al. 2019, eq. 8 with alpha = 0, beta = 1):
 * bytes -> image -> encoder -> critic -> loss -> gradients -> gradient norm -> Adam, all as nodes of one graph. */
#ifndef IMX_OBJECTIVES_DIM_LOCAL_H
#define IMX_OBJECTIVES_DIM_LOCAL_H

#include "nn/critic_net.h"
#include "nn/encoder.h"

struct imx_dim_spec {
    const struct imx_encoder *encoder;
    struct imx_critic_spec critic;
    int32_t batch, h, w, c; /* stored images */
    int32_t croph, cropw;   /* what the encoder sees; 0: h and w */
};

struct imx_dim_graph {
    struct imx_graph *g;                   /* owned */
    struct imx_store *store;               /* borrowed */
    imx_tid bytes, aug, mean, invstd, hyp; /* inputs */
    imx_tid image, loss, info, norm;       /* outputs: [n,h,w,c], [1], [3], [2] */
    int32_t locals;                        /* P, per image */
};

/* Builds, differentiates and plans. memory_limit as in imx_graph_plan. */
IMX_MUST_CHECK imx_status imx_dim_local_create(struct imx_dev *dev, struct imx_store *store,
                                               const struct imx_dim_spec *spec, uint64_t memory_limit,
                                               struct imx_dim_graph *out);
void imx_dim_local_finish(struct imx_dim_graph *d);

#endif
