/* See classifier.h. */
#include "nn/classifier.h"

#include <stdio.h>

#include "ops/xent.h"

enum { HIDDEN = 200 };
static const float DROP = 0.1f;

struct imx_map imx_nn_head(struct imx_build *b, struct imx_map src, const char *prefix, bool mlp, int32_t classes)
{
    char name[48];
    struct imx_map at = src;
    if (mlp) {
        snprintf(name, sizeof name, "%s.hidden", prefix);
        at = imx_nn_linear(b, at, name, HIDDEN, true);
        at = imx_nn_dropout(b, at, DROP);
        snprintf(name, sizeof name, "%s.bn", prefix);
        at = imx_nn_batchnorm(b, at, name, true);
    }
    snprintf(name, sizeof name, "%s.out", prefix);
    return imx_nn_linear(b, at, name, classes, true);
}

struct imx_map imx_classifier_build(struct imx_build *b, const struct imx_encoder *e, const struct imx_head *head,
                                    struct imx_map image, struct imx_context *x)
{
    struct imx_map at;
    *x = (struct imx_context){ 0 };
    if (!head->context) {
        at = imx_encoder_build_to(b, e, image, head->layer);
    } else if (head->layer == IMX_FEATURE_CONV) {
        at = imx_encoder_build_local(b, e, image);
    } else {
        const struct imx_encoded all = imx_context_encoder(b, e, image, x);
        at = imx_encoded_feature(&all, head->layer);
    }
    return b->g->status == IMX_OK ? imx_nn_head(b, at, "head", head->mlp, head->classes) : (struct imx_map){ 0 };
}

struct imx_cross_entropy imx_nn_cross_entropy(struct imx_graph *g, imx_tid logits, imx_tid label, int32_t n,
                                              int32_t classes)
{
    const struct imx_cross_entropy out = { imx_graph_temp(g, IMX_F32, 1, "loss"),
                                           imx_graph_temp(g, IMX_F32, 1, "hits") };
    const imx_tid lse = imx_graph_temp(g, IMX_F32, n, "lse"), count = imx_graph_temp(g, IMX_F32, 1, "count");
    imx_graph_node(g, &imx_op_xent_fwd, &(struct imx_xent){ n, classes },
                   (imx_tid[]){ logits, label, out.loss, out.hits, lse, count });
    return out;
}
