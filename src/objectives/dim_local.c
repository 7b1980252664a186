/* See dim_local.h. */
#include "objectives/dim_local.h"

#include "ops/image.h"

static struct imx_map image_node(struct imx_dim_graph *d, const struct imx_dim_spec *s)
{
    struct imx_graph *g = d->g;
    const struct imx_image p = { s->batch, s->h, s->w, s->c, s->croph ? s->croph : s->h, s->cropw ? s->cropw : s->w };
    imx_graph_label(g, "data");
    d->bytes = imx_graph_keep(g, IMX_U8, (int64_t)p.n * p.h * p.w * p.c, "bytes");
    d->aug = imx_graph_keep(g, IMX_I32, (int64_t)p.n * 3, "aug");
    d->mean = imx_graph_keep(g, IMX_F32, p.c, "mean");
    d->invstd = imx_graph_keep(g, IMX_F32, p.c, "invstd");
    d->image = imx_graph_keep(g, IMX_F32, (int64_t)p.n * p.croph * p.cropw * p.c, "image");
    imx_graph_node(g, &imx_op_image, &p, (imx_tid[]){ d->bytes, d->aug, d->mean, d->invstd, d->image });
    return (struct imx_map){ d->image, p.n, p.croph, p.cropw, p.c };
}

imx_status imx_dim_local_create(struct imx_dev *dev, struct imx_store *store, const struct imx_dim_spec *spec,
                                uint64_t memory_limit, struct imx_dim_graph *out)
{
    imx_status status = IMX_OK;
    struct imx_dim_graph d = { .store = store };
    if (spec->batch < 2)
        return imx_fail(IMX_E_ARG, "the batch must hold at least 2 images: others serve as negatives");
    if (spec->c < 1 || spec->c > 16)
        return imx_fail(IMX_E_ARG, "images of %d channels are not supported", spec->c);
    IMX_TRY(imx_graph_create(dev, store, &d.g));
    d.g->batch = spec->batch;
    struct imx_build b = { .g = d.g, .training = true };
    const struct imx_map image = image_node(&d, spec);
    const struct imx_encoded e = imx_encoder_build(&b, spec->encoder, image);
    IMX_GO(d.g->status);
    const struct imx_critic_out c = imx_critic_build(&b, &spec->critic, e.local, e.y);
    d.loss = c.loss;
    d.locals = e.local.h * e.local.w;
    d.info = c.info;
    IMX_GO(imx_graph_backward(d.g, d.loss, 0));
    imx_nn_adam(d.g, &d.hyp, &d.norm);
    IMX_GO(imx_graph_plan(d.g, memory_limit));
    IMX_GO(imx_encoder_range(d.g, d.mean, d.invstd, spec->c));
    *out = d;
    return IMX_OK;
fail:
    imx_graph_destroy(d.g);
    return status;
}

void imx_dim_local_finish(struct imx_dim_graph *d)
{
    imx_graph_destroy(d->g);
    *d = (struct imx_dim_graph){ 0 };
}
