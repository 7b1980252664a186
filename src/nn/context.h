/* The context of contrastive predictive coding (dim_method 6.7): a gated recurrent unit that runs along the rows of a
 * map and also reads the state of the row above,
 *   h[r][c] = GRU(input concat(z[r][c], h[r-1][c]), state h[r][c-1]),      states outside the map are 0
 * so that h[r][c] has seen z[r'][c'] with r' <= r and c' <= c, and nothing of the rows below. (The paper says
 * "PixelRNN"; how the states are joined is our choice.) The cells of an anti-diagonal do not depend on each other: the
 * walk takes h + w - 1 steps of up to min(h, w) cells of every image at once. What the unit makes of z is one product
 * over the whole map before the walk. */
#ifndef IMX_NN_CONTEXT_H
#define IMX_NN_CONTEXT_H

#include "nn/encoder.h"

enum { IMX_CONTEXT_STEPS = 63 };

struct imx_context {
    struct imx_map state; /* [n, h, w, c] like the map */
    struct imx_map last;  /* [n, c]: of the last cell, which has seen the whole map */
    struct imx_map mean;  /* [n, c]: over the cells */
    /* i32 inputs that imx_context_start fills, the same for each image */
    imx_tid left[IMX_CONTEXT_STEPS], above[IMX_CONTEXT_STEPS], walk, order, end;
};

/* Parameters encoder.context.{weight_ih, weight_hh, bias_ih, bias_hh}, as in torch.nn.GRUCell(2 c, c). */
struct imx_context imx_context_build(struct imx_build *b, struct imx_map local);
/* After imx_graph_plan, once; nothing to do for an x of zeros, of an encoder that has no context. */
IMX_MUST_CHECK imx_status imx_context_start(struct imx_graph *g, const struct imx_context *x);

/* An encoder as cpc trains it (objectives/cpc.c): up to its local map, and the context over that. What counts as its
 * layers: conv = the local map, fc = x->last, y = x->mean. */
struct imx_encoded imx_context_encoder(struct imx_build *b, const struct imx_encoder *e, struct imx_map image,
                                       struct imx_context *x);

#endif
