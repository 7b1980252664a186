/* The critic's two heads and their scores (dim_method 2.1), in two forms:
 *   encode-dot: both heads r(x) = LN(W2 relu(BN(W1 x)) + b2 + S x); score = r_global . r_local (the published form)
 *   bilinear:   layer norm on the global side only. With v = r_global, h = relu(BN(W1 x)) of a local x:
 *               score = v.(W2 h + b2 + S x) = (W2^T v).h + (S^T v).x + b2.v
 *               so the wide maps meet the N globals instead of the N*P locals (design/PERFORMANCE.md, section 1). */
#ifndef IMX_NN_CRITIC_NET_H
#define IMX_NN_CRITIC_NET_H

#include "nn/layers.h"

enum imx_critic_form { IMX_CRITIC_ENCODE_DOT, IMX_CRITIC_BILINEAR };

struct imx_critic_spec {
    enum imx_critic_form form;
    int32_t units;
    int32_t estimator; /* enum imx_estimator */
    float scale;       /* 0: the default, 1 for encode-dot, 1/sqrt(units) for bilinear */
};

struct imx_critic_out {
    imx_tid loss; /* [1] */
    imx_tid info; /* [3]: e_pos, e_neg, mi */
};

float imx_critic_scale(const struct imx_critic_spec *spec);
/* local: [n, m, m, c]; global: [n, 64]. Parameters "local.*" and "global.*". */
struct imx_critic_out imx_critic_build(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map local,
                                       struct imx_map global);

#endif
