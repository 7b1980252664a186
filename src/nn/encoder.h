/* Encoders, described in data: a table of layers for each (dim_method 1.3 to 1.8). */
#ifndef IMX_NN_ENCODER_H
#define IMX_NN_ENCODER_H

#include "nn/layers.h"

/* CONV: convolution, dropout of whole channels, batch norm, ReLU, then max pooling when pool_k > 0.
 * BLOCK: residual bottleneck (dim_method 1.8): 1x1 convolution to `mid` channels, k x k with stride and pad to `mid`,
 *   1x1 to `out`, each with batch norm, ReLU behind the first two; plus the input, which takes a 1x1 convolution with
 *   the stride and batch norm where its shape differs; ReLU.
 * UNFOLD: crops of side k, stride apart, become images of their own. FOLD: the 1x1 maps that the layers between made of
 *   them become one map again, a value per crop.
 * FC: linear, dropout, batch norm, ReLU. OUT: linear with bias, nothing behind it. */
enum imx_layer_kind {
    IMX_LAYER_END,
    IMX_LAYER_CONV,
    IMX_LAYER_FC,
    IMX_LAYER_OUT,
    IMX_LAYER_BLOCK,
    IMX_LAYER_UNFOLD,
    IMX_LAYER_FOLD
};

struct imx_layer {
    enum imx_layer_kind kind;
    int32_t out, k, stride, pad;
    int32_t pool_k, pool_stride;
    bool local;    /* its output is the local feature map C(x) */
    bool global;   /* its output is the map of globals Y: one for each of its positions */
    bool bias;     /* of CONV and FC; batch norm follows, so it is superfluous, but some published networks have it */
    float dropout; /* rate; 0: none */
    int32_t mid;   /* of BLOCK */
};

struct imx_encoder {
    const char *name;
    int32_t size;     /* image side it was made for; any that fits the strides will do */
    int32_t channels; /* usual number of image channels */
    struct imx_layer layer[20];
    bool normal; /* weights from N(0, 0.02); biases are drawn as ever, of which the source says nothing */
};

extern const struct imx_encoder imx_encoders[]; /* ends with name NULL */
/* NULL when there is none of that name, with the names that exist in the error text. */
const struct imx_encoder *imx_encoder_find(const char *name);

/* The layers that are probed (dim_method 7.1). */
enum imx_feature { IMX_FEATURE_CONV, IMX_FEATURE_FC, IMX_FEATURE_Y, IMX_FEATURE_COUNT };
extern const char *const imx_feature_names[IMX_FEATURE_COUNT]; /* "conv", "fc", "y" */

/* What an encoder gives: the local map, and the three layers that are probed. */
struct imx_encoded {
    struct imx_map local; /* [n, m, m, c]: P = m*m locals */
    struct imx_map conv;  /* last convolution's output; of a folded encoder the local map (dim_method 1.8) */
    struct imx_map fc;    /* [n, units]: last hidden layer; t = 0 in an encoder that has none */
    struct imx_map y;     /* [n, 64]: the global vector, linear output; or [n, g, g, c]: Q = g*g globals */
};

static inline int32_t imx_encoded_globals(const struct imx_encoded *e)
{
    return e->y.h * e->y.w;
}

/* Uploads what maps the images' [0,1] to the [-1,1] that the encoders are made for, (x - 0.5) / 0.5 per channel, into
 * the MEAN and INVSTD of the graph's image op; c: 1..16 channels. */
IMX_MUST_CHECK imx_status imx_encoder_range(struct imx_graph *g, imx_tid mean, imx_tid invstd, int32_t c);

/* Side of the receptive field of a local, in pixels (dim_method 1.3: 10 for basic32); of a folded encoder a crop's. */
int32_t imx_encoder_field(const struct imx_encoder *e);

/* Distance of neighbouring locals, in pixels (4 for basic32). */
int32_t imx_encoder_jump(const struct imx_encoder *e);

/* Adds the encoder to the graph; parameters "encoder.conv<i>.weight", "encoder.bn<i>.*", "encoder.fc<i>.weight",
 * "encoder.out.*"; of the i-th residual block "encoder.block<i>.{conv1,conv2,conv3,shortcut}.weight",
 * ".{bn1,bn2,bn3,shortcut_bn}.*". E_ARG, which sticks in the graph, when the images are too small or do not divide into
 * the crops. */
struct imx_encoded imx_encoder_build(struct imx_build *b, const struct imx_encoder *e, struct imx_map image);

/* The same up to the local map. */
struct imx_map imx_encoder_build_local(struct imx_build *b, const struct imx_encoder *e, struct imx_map image);
/* The layers from the one that makes the local map on, once more, on that map [n, m, m, c], with parameters of their
 * own, "PREFIX.conv1.weight" ..., and a linear map to `units` as the last: [n, units]. So the authors' program makes of
 * a whole map a vector for the global term; the layer that made the local map meets its own output (dim_method 2.3). */
struct imx_map imx_encoder_build_upper(struct imx_build *b, const struct imx_encoder *e, struct imx_map local,
                                       const char *prefix, int32_t units);
/* The same up to a layer that is probed; layers behind it are neither built nor have they parameters. E_ARG, which
 * sticks in the graph, when the encoder has no such layer. */
struct imx_map imx_encoder_build_to(struct imx_build *b, const struct imx_encoder *e, struct imx_map image,
                                    enum imx_feature f);
/* A layer that was built; t = 0 when it was not. */
struct imx_map imx_encoded_feature(const struct imx_encoded *e, enum imx_feature f);
/* The error of an encoder without this layer. */
imx_status imx_encoder_lacks(const char *encoder, enum imx_feature f);

#endif
