/* The concat-and-convolve critic (dim_method 2.2 and, for whole maps, 2.3). See critic_net.h.
 *
 * The first layer's product over concat(x, y) is taken apart, W1 = [Wx | Wy]: Wx x for every local, Wy y + b1 for every
 * image, added together. A fake's local is moved behind that product: its Wx x is already there. */
#include "base/philox.h"
#include "nn/critic_net.h"
#include "ops/act.h"
#include "ops/concat.h"
#include "ops/eltwise.h"
#include "ops/pairloss.h"
#include "ops/shuffle.h"
#include "ops/spread.h"

#include <stdio.h>

struct layers {
    int32_t n, p, count; /* images, locals of each, layers */
    const struct imx_critic_layer *of;
    int32_t width[IMX_CRITIC_LAYERS];
    imx_tid wx, wy, wei[IMX_CRITIC_LAYERS], bia[IMX_CRITIC_LAYERS]; /* wei[0] is taken apart: wx, wy */
};

/* The first layer's weight for a local and for a global, PREFIX.FIRST.weight, or in two. All parameters start as those
 * of layers over the concatenation: fan_in is its width. */
static void make_first(struct imx_build *b, struct imx_map x, struct imx_map y, const char *prefix, struct layers *l)
{
    const int32_t c = x.h * x.w * x.c, in = c + y.c, o = l->width[0];
    char name[48];
    snprintf(name, sizeof name, "%s.%s", prefix, l->of[0].name);
    if (c == x.c) {
        const imx_tid w1 = imx_nn_weight(b, name, "weight", o, in, IMX_INIT_UNIFORM);
        l->wx = imx_graph_temp(b->g, IMX_F32, (int64_t)o * c, "wx");
        l->wy = imx_graph_temp(b->g, IMX_F32, (int64_t)o * y.c, "wy");
        imx_graph_node(b->g, &imx_op_concat_split, &(struct imx_concat){ o, c, y.c, 0 },
                       (imx_tid[]){ w1, l->wx, l->wy });
        return;
    }
    /* a map's columns are stored in another order: two parameters */
    struct imx_param w = { .count = (int64_t)o * c,
                           .dims = { o, x.c, x.h, x.w },
                           .layout = IMX_LAYOUT_FLATTEN,
                           .init = IMX_INIT_UNIFORM,
                           .fan_in = in };
    snprintf(w.name, sizeof w.name, "%s.map.weight", name);
    l->wx = imx_graph_param(b->g, &w);
    w = (struct imx_param){ .count = (int64_t)o * y.c, .dims = { o, y.c }, .fan_in = in };
    w.init = IMX_INIT_UNIFORM;
    snprintf(w.name, sizeof w.name, "%s.code.weight", name);
    l->wy = imx_graph_param(b->g, &w);
}

static struct layers make(struct imx_build *b, struct imx_map x, struct imx_map y, const char *prefix,
                          const struct imx_critic_layer *of, int32_t units)
{
    struct layers l = { .n = y.n, .p = x.n / y.n, .of = of };
    char name[48];
    for (int i = 0; i < IMX_CRITIC_LAYERS && of[i].name; l.count = ++i) {
        const int32_t in = i ? l.width[i - 1] : x.h * x.w * x.c + y.c;
        l.width[i] = of[i].width ? of[i].width : units;
        snprintf(name, sizeof name, "%s.%s", prefix, of[i].name);
        if (i)
            l.wei[i] = imx_nn_weight(b, name, "weight", l.width[i], in, IMX_INIT_UNIFORM);
        else
            make_first(b, x, y, prefix, &l);
        if (of[i].bias)
            l.bia[i] = imx_nn_vector(b, name, "bias", l.width[i], IMX_INIT_UNIFORM, in, false);
    }
    return l;
}

/* Scores [n*p] from both parts of the first layer: on_x [n*p, width], on_y [n, width]. */
static imx_tid scores(struct imx_build *b, const struct layers *l, imx_tid on_x, imx_tid on_y, float scale)
{
    const int32_t rows = l->n * l->p;
    struct imx_map h = { imx_graph_temp(b->g, IMX_F32, (int64_t)rows * l->width[0], "both"), rows, 1, 1, l->width[0] };
    imx_graph_node(b->g, &imx_op_spread, &(struct imx_spread){ l->n, l->p, l->width[0], 1 },
                   (imx_tid[]){ on_x, on_y, h.t });
    for (int i = 0; i < l->count; i++) {
        if (i)
            h = imx_nn_product(b, h, l->wei[i], l->bia[i], 0, l->width[i]);
        if (l->of[i].relu)
            h = imx_nn_act(b, h, IMX_ACT_RELU, 0);
    }
    if (scale == 1.0f)
        return h.t;
    const imx_tid scaled = imx_graph_temp(b->g, IMX_F32, rows, "scaled");
    imx_graph_node(b->g, &imx_op_axpby, &(struct imx_axpby){ rows, scale, 0 }, (imx_tid[]){ h.t, 0, scaled });
    return scaled;
}

/* The rows of on_x at each position in another order of the images: any for locals, none on its own image for wholes.
 */
static imx_tid shuffled(struct imx_build *b, const struct layers *l, imx_tid on_x, bool whole)
{
    const struct imx_shuffle draw = { l->n, l->p, whole ? IMX_SHUFFLE_ROTATE : IMX_SHUFFLE_ANY,
                                      IMX_STREAM_SHUFFLE + (whole ? 64 : 0) };
    const imx_tid perm = imx_graph_temp(b->g, IMX_I32, (int64_t)l->n * l->p, "perm");
    const imx_tid dst = imx_graph_temp(b->g, IMX_F32, (int64_t)l->n * l->p * l->width[0], "fake");
    imx_graph_node(b->g, &imx_op_shuffle, &draw, (imx_tid[]){ b->ctr, perm });
    imx_graph_node(b->g, &imx_op_permute_fwd, &(struct imx_permute){ l->n, l->p, l->width[0] },
                   (imx_tid[]){ on_x, perm, dst });
    return dst;
}

/* Real and fake pairs go through the layers one after the other: a norm over either would tell them apart by what else
 * is there. */
static bool plain(const struct layers *l)
{
    for (int i = 0; i < l->count; i++)
        if (l->of[i].norm != IMX_NORM_NONE || l->of[i].shortcut)
            return false;
    return l->count && l->width[l->count - 1] == 1;
}

struct imx_critic_out imx_critic_concat(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                        struct imx_map y, int32_t n)
{
    struct imx_graph *g = b->g;
    const struct imx_critic_form *f = imx_critic_form(spec);
    const char *prefix = spec->whole ? "whole.critic" : "critic";
    const float scale = imx_critic_scale(spec);
    const int32_t rows = x.n;
    const struct imx_pairloss d = { rows, rows, spec->estimator, imx_estimator_par(spec), spec->clip, spec->l2 };
    imx_graph_label(g, "%s", prefix);
    const struct layers l = make(b, x, y, prefix, f->pair, spec->units);
    if (g->status == IMX_OK && (y.n != n || !plain(&l)))
        g->status = imx_fail(IMX_E_INTERNAL, "the critic %s is no network over pairs that ends in one score", f->name);
    if (g->status != IMX_OK)
        return (struct imx_critic_out){ 0 };
    const imx_tid on_x = imx_nn_product(b, x, l.wx, 0, 0, l.width[0]).t;
    const imx_tid on_y = imx_nn_product(b, y, l.wy, l.bia[0], 0, l.width[0]).t;
    const imx_tid fake = shuffled(b, &l, on_x, spec->whole);
    const imx_tid pos = scores(b, &l, on_x, on_y, scale), neg = scores(b, &l, fake, on_y, scale);
    const struct imx_critic_out out = { .loss = imx_graph_temp(g, IMX_F32, 1, "loss"),
                                        .info = imx_graph_temp(g, IMX_F32, 3, "info"),
                                        .pos = pos };
    const imx_tid level = imx_graph_temp(g, IMX_F32, 1, "level");
    const imx_tid ema = d.est == IMX_EST_DV_EMA ? imx_nn_vector(b, prefix, "ema", 2, IMX_INIT_ZERO, 0, true) : 0;
    imx_graph_node(g, &imx_op_pairloss_fwd, &d, (imx_tid[]){ pos, neg, out.loss, out.info, level, ema });
    imx_graph_output(g, out.loss);
    imx_graph_output(g, out.info);
    return out;
}
