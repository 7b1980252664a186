/* See net.h. */
#include "objectives/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "objectives/objective.h"
#include "ops/eltwise.h"
#include "ops/image.h"
#include "ops/occlude.h"

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
    for (int i = 0; s->ring && i < IMX_RING - 1; i++) {
        n->more[i].bytes = imx_graph_keep(g, IMX_U8, g->tensor[n->bytes].count, "more");
        n->more[i].aug = imx_graph_keep(g, IMX_I32, g->tensor[n->aug].count, "more");
    }
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

void imx_net_reading(struct imx_net *n, const char *name, imx_tid value)
{
    const int at = n->n_terms;
    imx_net_term(n, name, value, 0, false);
    if (n->n_terms > at)
        n->term[at].reading = true;
}

/* The weighted sum of the terms with this `rival`, added to `sum` (0: nothing yet). A single term of weight 1 is the
 * sum itself. */
static imx_tid sum_terms(struct imx_net *n, bool rival, imx_tid sum)
{
    imx_graph_label(n->g, "loss");
    for (int i = 0; i < n->n_terms; i++) {
        const struct imx_term *t = &n->term[i];
        if (t->rival != rival || t->reading)
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
    const struct imx_objective *o = spec->objective ? spec->objective : &imx_objectives[0];
    struct imx_net n = { .store = store, .spec = spec, .objective = o };
    const struct imx_mix own = { .alpha = -1, .beta = -1, .gamma = -1, .penalty = -1, .vae_beta = -1 };
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
    (spec->sgd ? imx_nn_sgd : imx_nn_adam)(n.g, &n.hyp, &n.norm);
    IMX_GO(imx_graph_plan(n.g, memory_limit));
    IMX_GO(imx_encoder_range(n.g, n.mean, n.invstd, spec->c));
    if (n.nats)
        IMX_GO(imx_graph_upload(n.g, n.nats, &(int32_t){ 2 }));
    IMX_GO(imx_context_start(n.g, &n.context));
    if (o->start)
        IMX_GO(o->start(&n));
    n.spec = NULL;
    *out = n;
    return IMX_OK;
fail:
    imx_net_finish(&n);
    return status;
}

struct imx_map imx_net_occlude(struct imx_net *n, const struct imx_mix *mix)
{
    const struct imx_map m = n->pixels;
    const struct imx_occlude d = { m.n, m.h, m.w, m.c, (float)mix->occlude_fill };
    n->occlusion = (struct imx_occlusion){ imx_encoder_field(n->spec->encoder), mix->occlude_min, mix->occlude_max };
    if (n->g->status == IMX_OK)
        n->g->status = imx_occlusion_check(&n->occlusion, m.h, m.w);
    if (n->g->status != IMX_OK)
        return m;
    imx_graph_label(n->g, "occluded");
    n->box = imx_graph_keep(n->g, IMX_I32, (int64_t)m.n * 4, "box");
    const struct imx_map dst = { imx_graph_temp(n->g, IMX_F32, (int64_t)m.n * m.h * m.w * m.c, "dst"), m.n, m.h, m.w,
                                 m.c };
    imx_graph_node(n->g, &imx_op_occlude, &d, (imx_tid[]){ m.t, n->box, dst.t });
    return dst;
}

/* The least and the most pixels of a side that are covered, and how many beside them make room. */
struct sides {
    int32_t least, most, room;
};

static struct sides sides_of(const struct imx_occlusion *o, int32_t side)
{
    struct sides s = { .room = o->field < side / 2 ? o->field : side / 2 };
    s.least = o->least ? o->least : s.room;
    s.most = o->most ? o->most : side - s.room;
    return s;
}

imx_status imx_occlusion_check(const struct imx_occlusion *o, int32_t h, int32_t w)
{
    const struct sides y = sides_of(o, h), x = sides_of(o, w);
    if (y.least > y.most || x.least > x.most || y.most > h || x.most > w)
        return imx_fail(IMX_E_ARG, "images of %dx%d: no sides from %d to %d pixels can be covered", w, h,
                        y.least > x.least ? y.least : x.least, y.most < x.most ? y.most : x.most);
    if (y.least > h - y.room && x.least > w - x.room)
        return imx_fail(IMX_E_ARG,
                        "images of %dx%d: a square of %d pixels, what a local sees, must stay uncovered; sides of %d "
                        "leave none",
                        w, h, y.room < x.room ? y.room : x.room, y.least < x.least ? y.least : x.least);
    return IMX_OK;
}

const char *imx_occlusion_text(const struct imx_mix *mix, char *text, size_t size)
{
    char fill[24] = "", least[16] = "", most[16] = "";
    if (mix->occlude_fill != 0)
        snprintf(fill, sizeof fill, " fill=%.9g", mix->occlude_fill);
    if (mix->occlude_min)
        snprintf(least, sizeof least, " min=%d", mix->occlude_min);
    if (mix->occlude_max)
        snprintf(most, sizeof most, " max=%d", mix->occlude_max);
    snprintf(text, size, "%s%s%s%s", fill, least, most, mix->occlude_own ? " own" : "");
    return text;
}

void imx_occlusion_draw(uint64_t seed, uint64_t step, int32_t i, int32_t h, int32_t w, const struct imx_occlusion *o,
                        int32_t box[4])
{
    const int32_t side[2] = { h, w };
    const struct sides s[2] = { sides_of(o, h), sides_of(o, w) };
    uint32_t draw = 0;
    for (int tries = 0; tries < 64; tries++) {
        bool room = false;
        for (int k = 0; k < 2; k++) {
            const uint32_t stream = IMX_STREAM_OCCLUDE + 64 * (uint32_t)i, span = (uint32_t)(s[k].most - s[k].least);
            box[2 + k] = s[k].least + (int32_t)imx_random_below(seed, step, stream, &draw, span + 1);
            box[k] = (int32_t)imx_random_below(seed, step, stream, &draw, (uint32_t)(side[k] - box[2 + k]) + 1);
            room |= box[k] >= s[k].room || side[k] - box[k] - box[2 + k] >= s[k].room;
        }
        if (room)
            return;
    }
    memcpy(box, (const int32_t[]){ 0, 0, s[0].least, s[1].least }, 4 * sizeof *box); /* a corner is always possible */
}

/* Room for what imx_net_draw makes of one kind at a time, so that no step after the first asks for memory. */
static imx_status room_to_draw(struct imx_net *n)
{
    const struct imx_coordinates *c = &n->coordinates;
    const size_t box = n->box ? (size_t)n->pixels.n * 4 : 0;
    const size_t places = (size_t)c->n * (2 * (size_t)c->h * (size_t)c->w + 1), most = box > places ? box : places;
    if (!most || n->drawn)
        return IMX_OK;
    n->drawn = malloc(most * sizeof *n->drawn);
    return n->drawn ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for the boxes and places of a batch");
}

imx_status imx_net_draw(struct imx_net *n, uint64_t seed, uint64_t step)
{
    const uint32_t ctr[4] = { (uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32) };
    const struct imx_map m = n->pixels;
    IMX_TRY(imx_graph_upload(n->g, n->ctr, ctr));
    IMX_TRY(room_to_draw(n));
    IMX_TRY(imx_coordinates_draw(n, seed, step));
    if (n->objective->draw)
        IMX_TRY(n->objective->draw(n, seed, step));
    n->index = NULL;
    if (!n->box)
        return IMX_OK;
    for (int32_t i = 0; i < m.n; i++)
        imx_occlusion_draw(seed, step, i, m.h, m.w, &n->occlusion, n->drawn + 4 * i);
    return imx_graph_upload(n->g, n->box, n->drawn);
}

imx_status imx_net_keep(struct imx_net *n)
{
    return n->objective->keep ? n->objective->keep(n) : IMX_OK;
}

void imx_net_finish(struct imx_net *d)
{
    imx_graph_destroy(d->g);
    if (d->own && d->objective->finish)
        d->objective->finish(d);
    free(d->own);
    free(d->drawn);
    *d = (struct imx_net){ 0 };
}
