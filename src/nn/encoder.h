/* Encoders, described in data: a table of layers for each (dim_method 1.3 to 1.6). */
#ifndef IMX_NN_ENCODER_H
#define IMX_NN_ENCODER_H

#include "nn/layers.h"

enum imx_layer_kind { IMX_LAYER_END, IMX_LAYER_CONV, IMX_LAYER_FC, IMX_LAYER_OUT };

/* CONV: convolution, batch norm, ReLU, then max pooling when pool_k > 0. FC: linear, batch norm, ReLU.
 * OUT: linear with bias, nothing behind it. */
struct imx_layer {
    enum imx_layer_kind kind;
    int32_t out, k, stride, pad;
    int32_t pool_k, pool_stride;
    bool local; /* its output is the local feature map C(x) */
};

struct imx_encoder {
    const char *name;
    int32_t size;     /* image side it was made for; any that fits the strides will do */
    int32_t channels; /* usual number of image channels */
    struct imx_layer layer[12];
};

extern const struct imx_encoder imx_encoders[]; /* ends with name NULL */
/* NULL when there is none of that name, with the names that exist in the error text. */
const struct imx_encoder *imx_encoder_find(const char *name);

/* What an encoder gives: the local map, and the three layers that are probed. */
struct imx_encoded {
    struct imx_map local; /* [n, m, m, c]: P = m*m locals */
    struct imx_map conv;  /* last convolution's output */
    struct imx_map fc;    /* [n, units]: last hidden layer */
    struct imx_map y;     /* [n, 64]: the global vector, linear output */
};

/* Uploads what maps the images' [0,1] to the [-1,1] that the encoders are made for, (x - 0.5) / 0.5 per channel, into
 * the MEAN and INVSTD of the graph's image op; c: 1..16 channels. */
IMX_MUST_CHECK imx_status imx_encoder_range(struct imx_graph *g, imx_tid mean, imx_tid invstd, int32_t c);

/* Side of the receptive field of a local, in pixels (dim_method 1.3: 10 for basic32). */
int32_t imx_encoder_field(const struct imx_encoder *e);

/* Adds the encoder to the graph; parameters "encoder.conv1.weight", "encoder.bn1.*" ... as in CLI.md. */
struct imx_encoded imx_encoder_build(struct imx_build *b, const struct imx_encoder *e, struct imx_map image);

#endif
