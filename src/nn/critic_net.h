/* Critics, described in data: a row of the table is a name, what it can do, and the layers of its networks. Two kinds
 * of rows, by their function `build`.
 *
 * imx_critic_dot: two heads and their scores (dim_method 2.1).
 *   encode-dot: both heads r(x) = LN(W2 relu(BN(W1 x)) + b2 + S x); score = r_global . r_local (the authors' program)
 *   encode-dot-2019: their program of January 2019: on the global side S has a bias, and there is no layer norm.
 *   encode-dot-appendix: the paper's appendix: r(x) = W2 relu(W1 x + b1) + b2 + relu(S x), behind it a layer norm on
 *               the local side only. Which of the three made the published figures is not known; of the appendix
 * neither are the biases of W1 and S (here: one, none) nor how S starts (here: as in the others). bilinear:   layer
 * norm on the global side only. A local head whose last layer is linear with nothing behind it is never computed to its
 * end: with v = r_global, h = relu(BN(W1 x)) of a local x, score = v.(W2 h + b2 + S x) = (W2^T v).h + (S^T v).x + b2.v
 *               so the wide maps meet the N*Q globals instead of the N*P locals (design/PERFORMANCE.md, section 1).
 *   encode-copy: for the global term alone, as in the authors' program (2.3): the local side is the map that made the
 *               locals, carried on by a copy of the encoder's upper layers (imx_encoder_build_upper, called by the
 *               objective), the global side one linear map with a bias.
 * imx_critic_concat: one small network over pairs (2.2).
 *   concat:     (c+64) -> 512 ReLU -> 512 ReLU -> 1 over the concatenation of a local and its global, with biases; one
 *               negative per positive: the global stays, locals are shuffled along the batch, at every position
 *               independently, so that with probability 1/N a local stays with its own image (as published; of whole
 *               maps none does). Parameters "critic.fc{1,2,3}.{weight,bias}", fc1's columns the local's channels, then
 *               the global's; for whole maps "whole.critic.*" with fc1's weight in two, "fc1.map.weight",
 *               "fc1.code.weight". The concatenation is never there.
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

/* The rows that code names; the table may have others. */
enum {
    IMX_CRITIC_ENCODE_DOT,
    IMX_CRITIC_BILINEAR,
    IMX_CRITIC_CONCAT,
    IMX_CRITIC_ENCODE_COPY,
    IMX_CRITIC_ENCODE_DOT_2019,
    IMX_CRITIC_ENCODE_DOT_APPENDIX
};

enum imx_critic_norm { IMX_NORM_NONE, IMX_NORM_BATCH, IMX_NORM_LAYER };

/* A linear layer of a critic's network with what is behind it: product, bias, shortcut, norm, ReLU. Its parameters are
 * SIDE.NAME.{weight,bias}, SIDE.shortcut.{weight,bias}, SIDE.bn.* or SIDE.norm.*, a second norm of one kind .bn2 or
 * .norm2. */
struct imx_critic_layer {
    const char *name; /* NULL: behind the last layer */
    int32_t width;    /* 0: the critic's units */
    bool bias;
    bool shortcut; /* adds a linear map of what came into the head, which starts near the identity (dim_method 2.1) */
    bool shortcut_bias, shortcut_relu; /* what that map has */
    enum imx_critic_norm norm;
    bool relu;
};

enum imx_critic_can {
    IMX_CRITIC_ALL_PAIRS = 1, /* all other images of the batch are negatives, or some (--negatives), as infonce needs;
                                 without it each positive has one, with which infonce could read ln 2 */
    IMX_CRITIC_WHOLE = 2,     /* a whole map can be its local: the global term */
    IMX_CRITIC_PLACE = 16,    /* a place of the local map can: the local term */
    IMX_CRITIC_GLOBALS = 4,   /* an image may have several globals */
    IMX_CRITIC_EMBEDS = 8     /* has a vector of its own for each global (imx_critic_out.global) */
};

struct imx_critic_spec;
struct imx_critic_out;
enum { IMX_CRITIC_LAYERS = 6 };

/* A critic of the table. That only some places or globals are drawn happens before a critic sees any: each can do it.
 */
struct imx_critic_form {
    const char *name, *what; /* what: a line for --help */
    int32_t units;           /* width where none is asked for */
    int32_t estimator;       /* enum imx_estimator: the one that --estimator auto stands for */
    unsigned can;            /* set of enum imx_critic_can */
    bool by_width;           /* scores are divided by the root of the units where no scale is asked for */
    /* x: locals [n*p, c], or whole maps [n, h, w, c]; y: globals [n*q, c]; n images. The request was checked
     * (imx_critic_check). Errors stick in the graph. */
    struct imx_critic_out (*build)(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                   struct imx_map y, int32_t n);
    bool copies; /* a whole map is not the last convolution's, but the local one carried on by a copy of the encoder's
                    upper layers to one vector of as many units: [n, 1, 1, units] */
    struct imx_critic_layer local[IMX_CRITIC_LAYERS], global[IMX_CRITIC_LAYERS]; /* the heads of imx_critic_dot */
    struct imx_critic_layer pair[IMX_CRITIC_LAYERS];                             /* of imx_critic_concat */
};

extern const struct imx_critic_form imx_critics[]; /* ends with name NULL */
/* NULL when there is none of that name, with the names that exist in the error text. */
const struct imx_critic_form *imx_critic_find(const char *name);
/* Names of those that can do all of `can`, "a, b", into text, which is returned. */
const char *imx_critics_that(unsigned can, char *text, size_t size);

/* How a local layer norm is computed; AUTO: as takes less arithmetic. */
enum imx_local_norm { IMX_LOCAL_NORM_AUTO, IMX_LOCAL_NORM_DIRECT, IMX_LOCAL_NORM_QUADRATIC };

struct imx_critic_spec {
    const struct imx_critic_form *form; /* NULL: the first of the table */
    int32_t units;
    int32_t estimator; /* enum imx_estimator */
    float scale;       /* 0: the form's default */
    enum imx_local_norm local_norm;
    bool whole;        /* the local map is one local, the whole of it flattened: the global objective. concat is the
                          paper's critic for it, encode-copy the authors' program's (dim_method 2.3). Others with
                          heads keep the score of 2.1, with the same head for the map as for a local, n_in = h*w*c.
                          Parameters are named "whole.local.*", "whole.global.*" */
    float tau, decay;  /* of smile and dv-ema; 0: 5 and 0.99 */
    float clip, l2;    /* of the scores: clip tanh(s/clip), weight of the mean of s^2; 0: none (ops/critic.h) */
    int32_t locals;    /* drawn per image, evenly and with replacement, in every step, before the critic sees any
                          (dim_method 4.4); 0: all are taken. Not for `whole`. Needs b->ctr */
    int32_t globals;   /* the same of several globals, for `whole`, too, with draws of its own */
    int32_t negatives; /* other images that serve each as negatives; 0: all */
};

struct imx_critic_out {
    imx_tid loss;          /* [1] */
    imx_tid info;          /* [3]: e_pos, e_neg, mi */
    imx_tid pos;           /* [n*q*p]: the scores of the positives, of pairs without the clip */
    struct imx_map global; /* [n*q, units]: the globals as the scores meet them; t 0: the form embeds none */
};

const struct imx_critic_form *imx_critic_form(const struct imx_critic_spec *spec);
float imx_critic_scale(const struct imx_critic_spec *spec);
/* The number that its estimator takes (par of ops/critic.h). */
float imx_estimator_par(const struct imx_critic_spec *spec);
/* Most nats that its estimator can read of so many images, each of which has so many locals; infinite: no ceiling. */
double imx_critic_ceiling(const struct imx_critic_spec *spec, int32_t images, int32_t locals);
/* E_ARG when the form cannot do what is asked of it. */
IMX_MUST_CHECK imx_status imx_critic_check(const struct imx_critic_spec *spec);
/* local: [n, m, m, c], P = m*m; global: [n, 64], or several globals per image [n, g, g, c], Q = g*g, each of which is
 * scored against every local (dim_method 1.8). The global head's batch norm is over all N*Q globals. Parameters
 * "local.*" and "global.*", or "critic.*". E_ARG, which sticks in the graph, as of imx_critic_check,
 * for several globals where the form takes one, and for draws of globals where an image has one. */
struct imx_critic_out imx_critic_build(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map local,
                                       struct imx_map global);
/* The build functions: critic_dot.c, and critic_concat.c, which needs b->ctr and one global for each image. */
struct imx_critic_out imx_critic_dot(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                     struct imx_map y, int32_t n);
struct imx_critic_out imx_critic_concat(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                        struct imx_map y, int32_t n);

#endif
