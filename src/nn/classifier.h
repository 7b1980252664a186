/* Classifiers: a small network behind a layer of an encoder (dim_method 7.1).
 *   mlp:    linear d->200 -> dropout 0.1 -> batch norm -> ReLU -> linear 200->K
 *   linear: linear d->K
 * The same network is the probe on frozen features (eval/classify.h) and the head that is trained together with the
 * encoder (objectives/supervised.c). */
#ifndef IMX_NN_CLASSIFIER_H
#define IMX_NN_CLASSIFIER_H

#include "nn/context.h"

/* A classifier of images: what is built on which layer. */
struct imx_head {
    enum imx_feature layer;
    bool context; /* the encoder is one with a context (nn/context.h) */
    bool mlp;
    int32_t classes; /* 0: no classifier */
};

/* src [n, h, w, c] -> logits [n, classes]. Parameters "PREFIX.hidden.{weight,bias}", "PREFIX.bn.*" (mlp), and
 * "PREFIX.out.{weight,bias}". */
struct imx_map imx_nn_head(struct imx_build *b, struct imx_map src, const char *prefix, bool mlp, int32_t classes);

/* image -> the encoder up to head->layer -> logits [n, classes]; parameters "encoder.*" and "head.*". Errors stick in
 * the graph. *x is filled for imx_context_start. */
struct imx_map imx_classifier_build(struct imx_build *b, const struct imx_encoder *e, const struct imx_head *head,
                                    struct imx_map image, struct imx_context *x);

/* Mean cross-entropy of logits [n, classes] and label (i32 [n], below 0: none), and how many of the n are right. */
struct imx_cross_entropy {
    imx_tid loss, hits; /* [1] each */
};
struct imx_cross_entropy imx_nn_cross_entropy(struct imx_graph *g, imx_tid logits, imx_tid label, int32_t n,
                                              int32_t classes);

#endif
