/* The critic: two heads and their scores (dim_method 2.1), in two forms, or one small network over pairs (2.2):
 *   encode-dot: both heads r(x) = LN(W2 relu(BN(W1 x)) + b2 + S x); score = r_global . r_local (the published form)
 *   bilinear:   layer norm on the global side only. With v = r_global, h = relu(BN(W1 x)) of a local x:
 *               score = v.(W2 h + b2 + S x) = (W2^T v).h + (S^T v).x + b2.v
 *               so the wide maps meet the N*Q globals instead of the N*P locals (design/PERFORMANCE.md, section 1).
 *   concat:     (c+64) -> 512 ReLU -> 512 ReLU -> 1 over the concatenation of a local and its global, with biases; one
 *               negative per positive: the global stays, locals are shuffled along the batch, at every position
 *               independently, so that with probability 1/N a local stays with its own image (as published; of whole
 * maps none does). Parameters "critic.fc{1,2,3}.{weight,bias}", fc1's columns the local's channels, then the global's;
 * for whole maps "whole.critic.*" with fc1's weight in two, "fc1.map.weight", "fc1.code.weight". The concatenation is
 * never there. infonce has no place for it: with one negative it could read ln 2.
 *
 * Encode-dot's local layer norm over e = W2 h + b2 + S x = W g + b2, g = [h, x], may be computed in two ways with equal
 * results. "direct" computes e. "quadratic" never does: with Wc, bc = W, b2 minus the mean of each column, w = v gamma
 * and r = 1/sqrt(|Wc g + bc|^2/d + eps),
 *     score = r ((Wc^T w).g + w.bc) + v.beta
 * where the first factor meets the N*Q globals, and r comes from a quadratic form of g (ops/quadnorm.h), whose
 * symmetric matrices cost half a product each. */
#ifndef IMX_NN_CRITIC_NET_H
#define IMX_NN_CRITIC_NET_H

#include "nn/layers.h"

enum imx_critic_form { IMX_CRITIC_ENCODE_DOT, IMX_CRITIC_BILINEAR, IMX_CRITIC_CONCAT };

/* How encode-dot's local layer norm is computed; AUTO: as takes less arithmetic. */
enum imx_local_norm { IMX_LOCAL_NORM_AUTO, IMX_LOCAL_NORM_DIRECT, IMX_LOCAL_NORM_QUADRATIC };

struct imx_critic_spec {
    enum imx_critic_form form;
    int32_t units;
    int32_t estimator; /* enum imx_estimator */
    float scale;       /* 0: the default, 1/sqrt(units) for bilinear, 1 for the others */
    enum imx_local_norm local_norm;
    bool whole;        /* the local map is one local, the whole of it flattened: the global objective. concat is the
                          paper's critic for it (dim_method 2.3). The other two forms keep the score of 2.1, with the
                          same head for the map as for a local, n_in = h*w*c; the authors' later program has there a
                          fresh copy of the encoder's upper layers that ends in 2048 units. The head needs no second
                          table of layers for each encoder, and scores all pairs of the batch in one product. Its
                          parameters are named "whole.local.*", "whole.global.*" */
    float tau, decay;  /* of smile and dv-ema; 0: 5 and 0.99 */
    float clip, l2;    /* of the scores: clip tanh(s/clip), weight of the mean of s^2; 0: none (ops/critic.h) */
    int32_t locals;    /* drawn per image, evenly and with replacement, in every step, before the critic sees any
                          (dim_method    4.4); 0: all are taken. Not for `whole`. Needs b->ctr */
    int32_t negatives; /* other images that serve each as negatives; 0: all */
};

struct imx_critic_out {
    imx_tid loss;          /* [1] */
    imx_tid info;          /* [3]: e_pos, e_neg, mi */
    imx_tid pos;           /* [n*q*p]: the scores of the positives, without the clip where the form is concat */
    struct imx_map global; /* [n*q, units]: the globals as the scores meet them; t 0: the form embeds none (concat) */
};

float imx_critic_scale(const struct imx_critic_spec *spec);
/* The number that its estimator takes (par of ops/critic.h). */
float imx_estimator_par(const struct imx_critic_spec *spec);
/* local: [n, m, m, c], P = m*m; global: [n, 64], or several globals per image [n, g, g, c], Q = g*g, each of which is
 * scored against every local (dim_method 1.8). The global head's batch norm is over all N*Q globals. Parameters
 * "local.*" and "global.*". */
struct imx_critic_out imx_critic_build(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map local,
                                       struct imx_map global);
/* Its concat form (critic_concat.c): x [n*p, c], or whole maps [n, h, w, c]; y [n, 64]. Needs b->ctr. */
struct imx_critic_out imx_critic_concat(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                        struct imx_map y);

#endif
