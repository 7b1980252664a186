/* Layers: a handful of graph nodes with their parameters, named as PyTorch names them. Everything here only adds to a
 * graph; errors stick in graph->status. */
#ifndef IMX_NN_LAYERS_H
#define IMX_NN_LAYERS_H

#include "graph/graph.h"

#define IMX_LAYERNORM_EPS 1e-5f /* PyTorch's default */

/* An activation map [n, h, w, c]; a matrix [rows, c] has h = w = 1 and n = rows. */
struct imx_map {
    imx_tid t;
    int32_t n, h, w, c;
};

static inline int32_t imx_map_rows(struct imx_map m)
{
    return m.n * m.h * m.w;
}

/* training: batch norm uses the batch's statistics and updates the running ones; dropout drops. ctr: the dropout's
 * counter tensor (0: no dropout in this network). */
struct imx_build {
    struct imx_graph *g;
    bool training;
    imx_tid ctr;
    int32_t dropouts;       /* streams handed out so far */
    const char *statistics; /* what running statistics' names begin with; NULL: nothing */
    bool normal;            /* weights of convolutions and linear maps are drawn from N(0, 0.02) (dim_method 1.2) */
};

/* PREFIX.weight [o, c, k, k] (and PREFIX.bias). */
struct imx_map imx_nn_conv(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, int32_t k,
                           int32_t stride, int32_t pad, bool bias);
/* The same of a weight [o, k, k, c] and a bias [o] (0: none) of any origin, and the weight alone. */
struct imx_map imx_nn_conv_product(struct imx_build *b, struct imx_map src, imx_tid wei, imx_tid bia, int32_t o,
                                   int32_t k, int32_t stride, int32_t pad);
imx_tid imx_nn_conv_weight(struct imx_build *b, const char *prefix, int32_t o, int32_t c, int32_t k);
/* Transposed convolution, the map back of a convolution that takes this one's output to its input's size: side (h - 1)
 * * stride - 2 * pad + k + more, more = 0 .. stride - 1 (PyTorch's output_padding) for sizes in between. PREFIX.weight
 * [c, o, k, k] as in ConvTranspose2d (and PREFIX.bias [o]); drawn as there, with fan-in o*k*k. */
struct imx_map imx_nn_conv_transposed(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, int32_t k,
                                      int32_t stride, int32_t pad, int32_t more, bool bias);
/* Element-wise function of enum imx_act; slope: of leaky alone. */
struct imx_map imx_nn_act(struct imx_build *b, struct imx_map src, int32_t kind, float slope);
/* PREFIX.weight [o, in]; in = h*w*c of src in PyTorch's order (c, h, w). */
struct imx_map imx_nn_linear(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, bool bias);
/* src [n, h*w*c] times wei [o, h*w*c] of any origin, plus bia [o] and add [n, o] (0: neither): what the layers above
 * are made of. */
struct imx_map imx_nn_product(struct imx_build *b, struct imx_map src, imx_tid wei, imx_tid bia, imx_tid add,
                              int32_t o);
/* The same without bias, plus `add` [rows, o] on top (0: nothing). */
struct imx_map imx_nn_linear_add(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, bool bias,
                                 enum imx_init init, imx_tid add);
/* PREFIX.weight of a linear map from src [n, h, w, c] to o values alone: [o, h*w*c], in files in PyTorch's order. */
imx_tid imx_nn_linear_weight(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o,
                             enum imx_init init);
/* A linear map of src [rows, in] whose result is a map [rows, h, w, c]. PREFIX.weight [c*h*w, in], rows in PyTorch's
 * order (c, h, w), no bias: batch norm is meant to follow. */
struct imx_map imx_nn_unflatten(struct imx_build *b, struct imx_map src, const char *prefix, int32_t h, int32_t w,
                                int32_t c);
/* PREFIX.{weight,bias,running_mean,running_var} over the rows, followed by ReLU if asked. */
struct imx_map imx_nn_batchnorm(struct imx_build *b, struct imx_map src, const char *prefix, bool relu);
/* PREFIX.{weight,bias} over the channels of each row. */
struct imx_map imx_nn_layernorm(struct imx_build *b, struct imx_map src, const char *prefix);
struct imx_map imx_nn_pool(struct imx_build *b, struct imx_map src, int32_t kind, int32_t k, int32_t stride,
                           int32_t pad);
/* Single values of a matrix, whole channels of a map (those of each image on their own). */
struct imx_map imx_nn_dropout(struct imx_build *b, struct imx_map src, float p);
/* Crops of side k, stride pixels apart, as images of their own: [n*p*q, k, k, c] (ops/unfold.h). */
struct imx_map imx_nn_unfold(struct imx_build *b, struct imx_map src, int32_t k, int32_t stride);
/* relu(a + b), of the same shape: where the paths of a residual block meet. */
struct imx_map imx_nn_add_relu(struct imx_build *b, struct imx_map a, struct imx_map c);

/* The end of a training graph: gradient norm and Adam (or SGD with momentum, ops/optim.h) over the whole arenas, two
 * nodes whatever the number of parameters. *hyp is the input that imx_adam_hyp fills for each step, *norm the output of
 * gradnorm. After imx_graph_backward. */
void imx_nn_adam(struct imx_graph *g, imx_tid *hyp, imx_tid *norm);
void imx_nn_sgd(struct imx_graph *g, imx_tid *hyp, imx_tid *norm);

/* Single parameters, for callers that need the weight itself. */
imx_tid imx_nn_weight(struct imx_build *b, const char *prefix, const char *name, int32_t out, int32_t in,
                      enum imx_init init);
imx_tid imx_nn_vector(struct imx_build *b, const char *prefix, const char *name, int32_t n, enum imx_init init,
                      int32_t fan_in, bool state);

#endif
