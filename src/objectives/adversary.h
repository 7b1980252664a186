/* What adversarial terms are made of (prior.c, bigan.c): small sums over the scores of a discriminator, and its
 * gradient penalty. All results are one-element tensors unless told otherwise; errors stick in the graph. */
#ifndef IMX_OBJECTIVES_ADVERSARY_H
#define IMX_OBJECTIVES_ADVERSARY_H

#include "nn/layers.h"

/* alpha * a + beta * b of `count` elements; b may be 0. */
imx_tid imx_adversary_sum(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta, int64_t count);
/* mean over the rows of softplus(sign * logit): what remains to be learned when logit should have the other sign */
imx_tid imx_adversary_softplus(struct imx_build *b, imx_tid logit, int32_t rows, double sign);
/* mean over the rows of |gradient of the logit [rows] by all x[i] [rows, in[i]] together|^2, n <= 2 of them; of second
 * order for what the logit is made with */
imx_tid imx_adversary_steep(struct imx_graph *g, imx_tid logit, int32_t rows, int n, const imx_tid *x,
                            const int32_t *in);
/* Of n weights of a player (0: none) copies in to[] through which no gradient flows, for the players that it judges. */
void imx_adversary_fix(struct imx_graph *g, int n, const imx_tid *from, imx_tid *to);

#endif
