/* Learning from labels (dim_method 7.1): encoder and classifier are trained together by the cross-entropy of the images
 * that have a label. From drawn weights it is the fully supervised reference, from a run's weights the semi-supervised
 * fine-tuning of "everything on labelled images", as published for STL-10. (The authors' later program can also let a
 * classifier's gradient into the encoder while Deep InfoMax goes on, with unlabelled images in the batch; the paper
 * does not describe that, and there is no such mixture here.) Images with a label below 0 teach nothing, though their
 * pixels count in the batch norms' statistics. */
#include "objectives/objective.h"

static void build(struct imx_net *n, const struct imx_mix *mix)
{
    const struct imx_net_spec *s = n->spec;
    (void)mix;
    if (n->g->status == IMX_OK && s->head.classes < 2)
        n->g->status = imx_fail(IMX_E_DATA, "a classifier needs images of at least two classes");
    n->label = imx_graph_keep(n->g, IMX_I32, s->batch, "label");
    const struct imx_map logits = imx_classifier_build(&n->b, s->encoder, &s->head, n->pixels, &n->context);
    if (n->g->status != IMX_OK)
        return;
    imx_graph_label(n->g, "supervised");
    imx_net_term(n, "supervised", imx_nn_cross_entropy(n->g, logits.t, n->label, s->batch, logits.c).loss, 1, false);
}

const struct imx_objective imx_supervised = { .name = "supervised", .what = "the images' classes", .build = build };
