/* Critics of two heads, whose scores are inner products of all pairs (dim_method 2.1). See critic_net.h for the ways to
 * compute them.
 *
 * Parameters are created in the order of the layers, of one layer in the order weight, bias, shortcut, norm: what they
 * start from follows from that order. */
#include <stdio.h>

#include "nn/critic_net.h"
#include "ops/act.h"
#include "ops/concat.h"
#include "ops/critic.h"
#include "ops/eltwise.h"
#include "ops/gemm.h"
#include "ops/quadnorm.h"
#include "ops/reduce.h"

/* A head under construction: its layers, what comes in, and how its parameters' names begin. */
struct head {
    struct imx_build *b;
    const struct imx_critic_layer *layer;
    const char *side;
    struct imx_map x;
    int32_t units;
};

static int layers_of(const struct imx_critic_layer *layer)
{
    int n = 0;
    while (n < IMX_CRITIC_LAYERS && layer[n].name)
        n++;
    return n;
}

/* Of what layer i puts out; -1: of what comes in. */
static int32_t width_of(const struct head *h, int i)
{
    if (i < 0)
        return h->x.h * h->x.w * h->x.c;
    return h->layer[i].width ? h->layer[i].width : h->units;
}

/* SIDE.WHAT, with its number behind when layers before this one have such a thing, too. */
static const char *name_of(const struct head *h, const char *what, int before, char name[64])
{
    char number[12] = "";
    if (before)
        snprintf(number, sizeof number, "%d", before + 1);
    snprintf(name, 64, "%s.%s%s", h->side, what, number);
    return name;
}

static const char *norm_name(const struct head *h, int i, char name[64])
{
    int before = 0;
    for (int k = 0; k < i; k++)
        before += h->layer[k].norm == h->layer[i].norm;
    return name_of(h, h->layer[i].norm == IMX_NORM_BATCH ? "bn" : "norm", before, name);
}

static const char *shortcut_name(const struct head *h, int i, char name[64])
{
    int before = 0;
    for (int k = 0; k < i; k++)
        before += h->layer[k].shortcut;
    return name_of(h, "shortcut", before, name);
}

/* The parameters of a layer's linear part: weight [o, in], bias [o], shortcut [o, in of the head] and its bias [o]; 0:
 * it has none. */
struct linear {
    imx_tid wei, bia, cut, cut_bia;
};

static struct linear make_linear(const struct head *h, int i, struct imx_map at)
{
    const struct imx_critic_layer *l = &h->layer[i];
    const int32_t o = width_of(h, i);
    struct linear p = { 0 };
    char name[64];
    name_of(h, l->name, 0, name);
    p.wei = imx_nn_linear_weight(h->b, at, name, o, IMX_INIT_UNIFORM);
    if (l->bias)
        p.bia = imx_nn_vector(h->b, name, "bias", o, IMX_INIT_UNIFORM, at.h * at.w * at.c, false);
    if (l->shortcut)
        p.cut = imx_nn_linear_weight(h->b, h->x, shortcut_name(h, i, name), o, IMX_INIT_SHORTCUT);
    if (l->shortcut && l->shortcut_bias)
        p.cut_bia = imx_nn_vector(h->b, name, "bias", o, IMX_INIT_UNIFORM, width_of(h, -1), false);
    return p;
}

static struct imx_map layer(const struct head *h, int i, struct imx_map at)
{
    const struct imx_critic_layer *l = &h->layer[i];
    const struct linear p = make_linear(h, i, at);
    const int32_t o = width_of(h, i);
    struct imx_map add = { 0 };
    char name[64];
    if (l->shortcut) {
        imx_graph_label(h->b->g, "%s", shortcut_name(h, i, name));
        add = imx_nn_product(h->b, h->x, p.cut, p.cut_bia, 0, o);
        if (l->shortcut_relu)
            add = imx_nn_act(h->b, add, IMX_ACT_RELU, 0);
    }
    imx_graph_label(h->b->g, "%s", name_of(h, l->name, 0, name));
    at = imx_nn_product(h->b, at, p.wei, p.bia, add.t, o);
    if (l->norm == IMX_NORM_BATCH)
        return imx_nn_batchnorm(h->b, at, norm_name(h, i, name), l->relu);
    if (l->norm == IMX_NORM_LAYER)
        at = imx_nn_layernorm(h->b, at, norm_name(h, i, name));
    return l->relu ? imx_nn_act(h->b, at, IMX_ACT_RELU, 0) : at;
}

/* The first n layers. */
static struct imx_map layers(const struct head *h, int n)
{
    struct imx_map at = h->x;
    for (int i = 0; i < n; i++)
        at = layer(h, i, at);
    return at;
}

static struct imx_critic_out score(struct imx_build *b, const struct imx_critic *d, const char *local,
                                   struct imx_map global, const imx_tid in[5])
{
    struct imx_graph *g = b->g;
    imx_graph_label(g, "critic");
    const struct imx_critic_out out = { imx_graph_temp(g, IMX_F32, 1, "loss"), imx_graph_temp(g, IMX_F32, 3, "info"),
                                        imx_graph_temp(g, IMX_F32, (int64_t)d->n * d->q * d->p, "pos"), global };
    const imx_tid stat = imx_graph_temp(g, IMX_F32, (int64_t)d->n * d->q, "stat");
    const imx_tid ema = d->est == IMX_EST_DV_EMA ? imx_nn_vector(b, local, "ema", 2, IMX_INIT_ZERO, 0, true) : 0;
    imx_graph_node(g, &imx_op_critic_fwd, d,
                   (imx_tid[]){ in[0], in[1], in[2], in[3], in[4], out.loss, out.info, out.pos, stat, ema });
    imx_graph_output(g, out.loss);
    imx_graph_output(g, out.info);
    return out;
}

/* dst[rows, cols] = v[rows, units] * wei[units, cols] */
static imx_tid project(struct imx_build *b, struct imx_map v, imx_tid wei, int32_t cols)
{
    const struct imx_gemm d = { .m = v.n, .n = cols, .k = v.c };
    const imx_tid dst = imx_graph_temp(b->g, IMX_F32, (int64_t)v.n * cols, "projected");
    imx_graph_node(b->g, &imx_op_gemm, &d, (imx_tid[]){ v.t, wei, 0, 0, dst });
    return dst;
}

/* Whether a layer, but for its norm, is one linear map of what comes into it and into the head, as the ways around the
 * local head's last layer need it. */
static bool plain(const struct imx_critic_layer *l)
{
    return !l->relu && !l->shortcut_bias && !l->shortcut_relu;
}

/* With k = d + c columns of g, R rows and G globals, the multiply-adds of one step are
 *   direct:    3 R d k                                           e, and the gradients of g and W
 *   quadratic: R k^2 + d k^2 / 2, and R k^2 / 2 + d k^2          z and M, and H and Wc H
 *              + 3 G d k                                         the projections of the globals
 * What the quadratic way adds in passes over g is worth a tenth. A GPU's library is tuned for full products, and the
 * host's reference computes e anyway: there it is direct. */
static bool quadratic(const struct imx_critic_spec *spec, const struct head *h, int n, int32_t globals)
{
    const struct imx_critic_layer *last = &h->layer[n - 1];
    const double rows = imx_map_rows(h->x), d = width_of(h, n - 1);
    const double k = width_of(h, n - 2) + width_of(h, -1);
    if (spec->whole || last->norm != IMX_NORM_LAYER || !last->bias || !last->shortcut || !plain(last))
        return false;
    if (spec->local_norm != IMX_LOCAL_NORM_AUTO)
        return spec->local_norm == IMX_LOCAL_NORM_QUADRATIC;
    return h->b->training && h->b->g->dev->caps.type == IMX_DEV_CPU &&
           1.1 * (1.5 * (rows + d) * k * k + 3 * globals * d * k) < 3 * rows * d * k;
}

static struct imx_map concat(struct imx_build *b, imx_tid first, imx_tid second, struct imx_concat d, const char *name)
{
    const int32_t cols = d.ca + d.cb;
    const struct imx_map dst = { imx_graph_temp(b->g, IMX_F32, (int64_t)d.rows * cols, name), d.rows, 1, 1, cols };
    imx_graph_node(b->g, &imx_op_concat, &d, (imx_tid[]){ first, second, dst.t });
    return dst;
}

/* v gamma, [rows, units] */
static struct imx_map times(struct imx_build *b, struct imx_map v, imx_tid gamma)
{
    const imx_tid rows = imx_graph_temp(b->g, IMX_F32, (int64_t)v.n * v.c, "gamma");
    const imx_tid dst = imx_graph_temp(b->g, IMX_F32, (int64_t)v.n * v.c, "weighted");
    imx_graph_node(b->g, &imx_op_broadcast, &(struct imx_colsum){ v.n, v.c }, (imx_tid[]){ gamma, rows });
    imx_graph_node(b->g, &imx_op_mul, &(struct imx_mul){ v.n * v.c }, (imx_tid[]){ v.t, rows, dst });
    return (struct imx_map){ dst, v.n, 1, 1, v.c };
}

/* Without the local e: its last layer's layer norm from the quadratic form. v: of the global head, built in between. */
static struct imx_critic_out score_quadratic(const struct head *local, int n, const struct head *global, int m,
                                             struct imx_critic d)
{
    struct imx_build *b = local->b;
    struct imx_graph *g = b->g;
    const struct imx_map x = local->x, h = layers(local, n - 1);
    const int32_t rows = imx_map_rows(x), o = width_of(local, n - 1), k = h.c + x.c;
    const struct linear last = make_linear(local, n - 1, h);
    char name[64], norm[64];
    name_of(local, local->layer[n - 1].name, 0, name);
    norm_name(local, n - 1, norm);
    const imx_tid gamma = imx_nn_vector(b, norm, "weight", o, IMX_INIT_ONE, 0, false);
    const imx_tid beta = imx_nn_vector(b, norm, "bias", o, IMX_INIT_ZERO, 0, false);
    imx_graph_label(g, "%s", name);
    const struct imx_map both = concat(b, h.t, x.t, (struct imx_concat){ rows, h.c, x.c, 0 }, "both");
    const struct imx_map wc = concat(b, last.wei, last.cut, (struct imx_concat){ o, h.c, x.c, 1 }, "wc");
    const struct imx_map bc = concat(b, last.bia, 0, (struct imx_concat){ o, 1, 0, 1 }, "bc");
    const struct imx_map v = layers(global, m);
    imx_graph_label(g, "critic");
    const struct imx_map w = times(b, v, gamma);
    const imx_tid q0 = project(b, w, wc.t, k);
    const imx_tid q1 = project(b, w, bc.t, 1);
    const imx_tid q2 = project(b, v, beta, 1);
    imx_graph_label(g, "%s", norm);
    const struct imx_quadnorm quad = { rows, k, o, IMX_LAYERNORM_EPS };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, (int64_t)rows * k, "dst");
    const imx_tid r = imx_graph_temp(g, IMX_F32, rows, "invstd");
    const imx_tid z = imx_graph_temp(g, IMX_F32, (int64_t)rows * k, "z");
    imx_graph_node(g, &imx_op_quadnorm_fwd, &quad, (imx_tid[]){ both.t, wc.t, bc.t, dst, r, z });
    d.d0 = k;
    d.d1 = 1;
    d.bias = 1;
    /* The form comes last: its gradients, which take most memory, then come before those of the projections. */
    return score(b, &d, local->side, v, (imx_tid[]){ dst, q0, r, q1, q2 });
}

/* Without the end of the local head, where that is linear: its matrices meet the globals. */
static struct imx_critic_out score_linear(const struct head *local, int n, const struct head *global, int m,
                                          struct imx_critic d)
{
    struct imx_build *b = local->b;
    const struct imx_map x = local->x, h = layers(local, n - 1);
    const struct linear last = make_linear(local, n - 1, h);
    const struct imx_map v = layers(global, m);
    imx_graph_label(b->g, "critic");
    d.d0 = h.h * h.w * h.c;
    d.d1 = last.cut ? x.h * x.w * x.c : 0;
    d.bias = last.bia != 0;
    const imx_tid q0 = project(b, v, last.wei, d.d0);
    const imx_tid q1 = last.cut ? project(b, v, last.cut, d.d1) : 0;
    const imx_tid q2 = last.bia ? project(b, v, last.bia, 1) : 0;
    return score(b, &d, local->side, v, (imx_tid[]){ h.t, q0, last.cut ? x.t : 0, q1, q2 });
}

struct imx_critic_out imx_critic_dot(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x,
                                     struct imx_map y, int32_t n)
{
    const struct imx_critic_form *f = imx_critic_form(spec);
    const struct head local = { b, f->local, spec->whole ? "whole.local" : "local", x, spec->units };
    const struct head global = { b, f->global, spec->whole ? "whole.global" : "global", y, spec->units };
    const int l = layers_of(f->local), m = layers_of(f->global);
    struct imx_critic d = { n, x.n / n, y.n / n, spec->units, 0, 0, spec->estimator, imx_critic_scale(spec) };
    d.par = imx_estimator_par(spec);
    d.clip = spec->clip;
    d.l2 = spec->l2;
    d.neg = spec->negatives < n - 1 ? spec->negatives : 0;
    if (!m || width_of(&local, l - 1) != width_of(&global, m - 1)) {
        b->g->status = imx_fail(IMX_E_INTERNAL, "the heads of the critic %s do not end in one width", f->name);
        return (struct imx_critic_out){ 0 };
    }
    if (l && f->local[l - 1].norm == IMX_NORM_NONE && plain(&f->local[l - 1]))
        return score_linear(&local, l, &global, m, d);
    if (l && quadratic(spec, &local, l, y.n))
        return score_quadratic(&local, l, &global, m, d);
    const struct imx_map e = layers(&local, l), v = layers(&global, m);
    d.d0 = width_of(&local, l - 1);
    return score(b, &d, local.side, v, (imx_tid[]){ e.t, v.t, 0, 0, 0 });
}
