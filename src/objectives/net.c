/* See net.h. */
#include "objectives/net.h"

#include <stdio.h>

#include "objectives/objective.h"
#include "ops/eltwise.h"
#include "ops/image.h"

static void image_node(struct imx_net *n, const struct imx_net_spec *s)
{
    struct imx_graph *g = n->g;
    const struct imx_image p = { s->batch, s->h, s->w, s->c, s->croph ? s->croph : s->h, s->cropw ? s->cropw : s->w };
    imx_graph_label(g, "data");
    n->bytes = imx_graph_keep(g, IMX_U8, (int64_t)p.n * p.h * p.w * p.c, "bytes");
    n->aug = imx_graph_keep(g, IMX_I32, (int64_t)p.n * 3, "aug");
    n->mean = imx_graph_keep(g, IMX_F32, p.c, "mean");
    n->invstd = imx_graph_keep(g, IMX_F32, p.c, "invstd");
    n->ctr = imx_graph_keep(g, IMX_U32, 4, "counter");
    n->image = imx_graph_keep(g, IMX_F32, (int64_t)p.n * p.croph * p.cropw * p.c, "image");
    imx_graph_node(g, &imx_op_image, &p, (imx_tid[]){ n->bytes, n->aug, n->mean, n->invstd, n->image });
    n->pixels = (struct imx_map){ n->image, p.n, p.croph, p.cropw, p.c };
}

void imx_net_term(struct imx_net *n, const char *name, imx_tid value, double weight, bool rival)
{
    if (n->n_terms == IMX_MAX_TERMS || n->g->status != IMX_OK) {
        if (n->g->status == IMX_OK)
            n->g->status = imx_fail(IMX_E_INTERNAL, "more than %d terms of a loss", IMX_MAX_TERMS);
        return;
    }
    struct imx_term *t = &n->term[n->n_terms++];
    *t = (struct imx_term){ .value = value, .weight = weight, .rival = rival };
    snprintf(t->name, sizeof t->name, "%s", name);
    imx_graph_output(n->g, value);
}

/* The weighted sum of the terms with this `rival`, added to `sum` (0: nothing yet). A single term of weight 1 is the
 * sum itself. */
static imx_tid sum_terms(struct imx_net *n, bool rival, imx_tid sum)
{
    imx_graph_label(n->g, "loss");
    for (int i = 0; i < n->n_terms; i++) {
        const struct imx_term *t = &n->term[i];
        if (t->rival != rival)
            continue;
        if (!sum && t->weight == 1) {
            sum = t->value;
            continue;
        }
        const imx_tid dst = imx_graph_temp(n->g, IMX_F32, 1, "sum");
        const struct imx_axpby add = { 1, (float)t->weight, sum ? 1.0f : 0.0f };
        imx_graph_node(n->g, &imx_op_axpby, &add, (imx_tid[]){ t->value, sum, dst });
        sum = dst;
    }
    return sum;
}

static imx_status differentiate(struct imx_net *n)
{
    n->loss = sum_terms(n, false, 0);
    IMX_TRY(n->g->status);
    if (!n->loss)
        return imx_fail(IMX_E_ARG, "nothing is left to learn by: every weight (--alpha, --beta ...) is 0");
    imx_graph_output(n->g, n->loss);
    /* The rivals' parameters meet the loss through copies only, and what the rivals see of the encoder is a copy, too
     * (imx_graph_detach), so that one pass over the sum gives each player the gradient of its own loss. */
    return imx_graph_backward(n->g, sum_terms(n, true, n->loss), 0);
}

imx_status imx_net_create(struct imx_dev *dev, struct imx_store *store, const struct imx_net_spec *spec,
                          uint64_t memory_limit, struct imx_net *out)
{
    imx_status status = IMX_OK;
    struct imx_net n = { .store = store, .spec = spec };
    const struct imx_objective *o = spec->objective ? spec->objective : &imx_objectives[0];
    const struct imx_mix own = { -1, -1, -1, -1, IMX_PRIOR_UNIFORM, false };
    const struct imx_mix mix = imx_objective_mix(o, spec->objective ? &spec->mix : &own);
    if (spec->batch < 2)
        return imx_fail(IMX_E_ARG, "the batch must hold at least 2 images: others serve as negatives");
    if (spec->c < 1 || spec->c > 16)
        return imx_fail(IMX_E_ARG, "images of %d channels are not supported", spec->c);
    IMX_TRY(imx_graph_create(dev, store, &n.g));
    n.g->batch = spec->batch;
    image_node(&n, spec);
    n.b = (struct imx_build){ .g = n.g, .training = true, .ctr = n.ctr };
    o->build(&n, &mix);
    IMX_GO(n.g->status);
    IMX_GO(differentiate(&n));
    imx_nn_adam(n.g, &n.hyp, &n.norm);
    IMX_GO(imx_graph_plan(n.g, memory_limit));
    IMX_GO(imx_encoder_range(n.g, n.mean, n.invstd, spec->c));
    n.spec = NULL;
    *out = n;
    return IMX_OK;
fail:
    imx_graph_destroy(n.g);
    return status;
}

imx_status imx_net_draw(struct imx_net *n, uint64_t seed, uint64_t step)
{
    const uint32_t ctr[4] = { (uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32) };
    return imx_graph_upload(n->g, n->ctr, ctr);
}

void imx_net_finish(struct imx_net *d)
{
    imx_graph_destroy(d->g);
    *d = (struct imx_net){ 0 };
}
