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
    int32_t n, p, units;
    imx_tid wx, wy, b1, w2, b2, w3, b3;
};

/* All parameters start as those of layers over the concatenation: fan_in is its width. */
static struct layers make(struct imx_build *b, struct imx_map x, struct imx_map y, const char *prefix, int32_t units)
{
    const int32_t c = x.h * x.w * x.c, in = c + y.c;
    struct layers l = { .n = y.n, .p = x.n / y.n, .units = units };
    char name[3][48];
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "%s.fc%d", prefix, i + 1);
    if (c == x.c) {
        const imx_tid w1 = imx_nn_weight(b, name[0], "weight", units, in, IMX_INIT_UNIFORM);
        l.wx = imx_graph_temp(b->g, IMX_F32, (int64_t)units * c, "wx");
        l.wy = imx_graph_temp(b->g, IMX_F32, (int64_t)units * y.c, "wy");
        imx_graph_node(b->g, &imx_op_concat_split, &(struct imx_concat){ units, c, y.c, 0 },
                       (imx_tid[]){ w1, l.wx, l.wy });
    } else { /* a map's columns are stored in another order: two parameters */
        struct imx_param w = { .count = (int64_t)units * c,
                               .dims = { units, x.c, x.h, x.w },
                               .layout = IMX_LAYOUT_FLATTEN,
                               .init = IMX_INIT_UNIFORM,
                               .fan_in = in };
        snprintf(w.name, sizeof w.name, "%s.map.weight", name[0]);
        l.wx = imx_graph_param(b->g, &w);
        w = (struct imx_param){ .count = (int64_t)units * y.c, .dims = { units, y.c }, .fan_in = in };
        w.init = IMX_INIT_UNIFORM;
        snprintf(w.name, sizeof w.name, "%s.code.weight", name[0]);
        l.wy = imx_graph_param(b->g, &w);
    }
    l.b1 = imx_nn_vector(b, name[0], "bias", units, IMX_INIT_UNIFORM, in, false);
    l.w2 = imx_nn_weight(b, name[1], "weight", units, units, IMX_INIT_UNIFORM);
    l.b2 = imx_nn_vector(b, name[1], "bias", units, IMX_INIT_UNIFORM, units, false);
    l.w3 = imx_nn_weight(b, name[2], "weight", 1, units, IMX_INIT_UNIFORM);
    l.b3 = imx_nn_vector(b, name[2], "bias", 1, IMX_INIT_UNIFORM, units, false);
    return l;
}

/* Scores [n*p] from both parts of the first layer: on_x [n*p, units], on_y [n, units]. */
static imx_tid scores(struct imx_build *b, const struct layers *l, imx_tid on_x, imx_tid on_y, float scale)
{
    const int32_t rows = l->n * l->p;
    const int64_t count = (int64_t)rows * l->units;
    const imx_tid both = imx_graph_temp(b->g, IMX_F32, count, "both");
    imx_graph_node(b->g, &imx_op_spread, &(struct imx_spread){ l->n, l->p, l->units, 1 },
                   (imx_tid[]){ on_x, on_y, both });
    struct imx_map h = imx_nn_act(b, (struct imx_map){ both, rows, 1, 1, l->units }, IMX_ACT_RELU, 0);
    h = imx_nn_act(b, imx_nn_product(b, h, l->w2, l->b2, 0, l->units), IMX_ACT_RELU, 0);
    const imx_tid s = imx_nn_product(b, h, l->w3, l->b3, 0, 1).t;
    if (scale == 1.0f)
        return s;
    const imx_tid scaled = imx_graph_temp(b->g, IMX_F32, rows, "scaled");
    imx_graph_node(b->g, &imx_op_axpby, &(struct imx_axpby){ rows, scale, 0 }, (imx_tid[]){ s, 0, scaled });
    return scaled;
}

/* The rows of on_x at each position in another order of the images: any for locals, none on its own image for wholes.
 */
static imx_tid shuffled(struct imx_build *b, const struct layers *l, imx_tid on_x, bool whole)
{
    const struct imx_shuffle draw = { l->n, l->p, whole ? IMX_SHUFFLE_ROTATE : IMX_SHUFFLE_ANY,
                                      IMX_STREAM_SHUFFLE + (whole ? 64 : 0) };
    const imx_tid perm = imx_graph_temp(b->g, IMX_I32, (int64_t)l->n * l->p, "perm");
    const imx_tid dst = imx_graph_temp(b->g, IMX_F32, (int64_t)l->n * l->p * l->units, "fake");
    imx_graph_node(b->g, &imx_op_shuffle, &draw, (imx_tid[]){ b->ctr, perm });
    imx_graph_node(b->g, &imx_op_permute_fwd, &(struct imx_permute){ l->n, l->p, l->units },
                   (imx_tid[]){ on_x, perm, dst });
    return dst;
}

struct imx_critic_out imx_critic_concat(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                        struct imx_map y)
{
    struct imx_graph *g = b->g;
    const char *prefix = spec->whole ? "whole.critic" : "critic";
    const float scale = imx_critic_scale(spec);
    const int32_t rows = x.n;
    const struct imx_pairloss d = { rows, rows, spec->estimator, imx_estimator_par(spec), spec->clip, spec->l2 };
    imx_graph_label(g, "%s", prefix);
    const struct layers l = make(b, x, y, prefix, spec->units);
    const imx_tid on_x = imx_nn_product(b, x, l.wx, 0, 0, l.units).t;
    const imx_tid on_y = imx_nn_product(b, y, l.wy, l.b1, 0, l.units).t;
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
