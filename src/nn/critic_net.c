/* See critic_net.h for the three forms, and the two ways to compute one of them. */
#include "nn/critic_net.h"

#include <math.h>
#include <stdio.h>

#include "base/philox.h"
#include "ops/concat.h"
#include "ops/critic.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gemm.h"
#include "ops/quadnorm.h"
#include "ops/random.h"
#include "ops/reduce.h"

float imx_critic_scale(const struct imx_critic_spec *spec)
{
    if (spec->scale != 0.0f)
        return spec->scale;
    return spec->form != IMX_CRITIC_BILINEAR ? 1.0f : (float)(1.0 / sqrt((double)spec->units));
}

float imx_estimator_par(const struct imx_critic_spec *spec)
{
    if (spec->estimator == IMX_EST_SMILE)
        return spec->tau > 0.0f ? spec->tau : IMX_SMILE_TAU;
    if (spec->estimator == IMX_EST_DV_EMA)
        return spec->decay > 0.0f ? spec->decay : IMX_EMA_DECAY;
    return 0.0f;
}

/* relu(BN(W1 x)) */
static struct imx_map hidden(struct imx_build *b, struct imx_map x, const char *side, int32_t units)
{
    char name[48];
    snprintf(name, sizeof name, "%s.in", side);
    x = imx_nn_linear(b, x, name, units, false);
    snprintf(name, sizeof name, "%s.bn", side);
    return imx_nn_batchnorm(b, x, name, true);
}

/* LN(W2 h + b2 + S x) */
static struct imx_map head(struct imx_build *b, struct imx_map x, const char *side, int32_t units)
{
    char name[48];
    const struct imx_map h = hidden(b, x, side, units);
    /* The parameters are created in the order hidden, shortcut, norm; the shortcut's product runs first. */
    snprintf(name, sizeof name, "%s.hidden", side);
    imx_nn_weight(b, name, "weight", units, units, IMX_INIT_UNIFORM);
    imx_nn_vector(b, name, "bias", units, IMX_INIT_UNIFORM, units, false);
    snprintf(name, sizeof name, "%s.shortcut", side);
    const struct imx_map s = imx_nn_linear_add(b, x, name, units, false, IMX_INIT_SHORTCUT, 0);
    snprintf(name, sizeof name, "%s.hidden", side);
    const struct imx_map r = imx_nn_linear_add(b, h, name, units, true, IMX_INIT_UNIFORM, s.t);
    snprintf(name, sizeof name, "%s.norm", side);
    return imx_nn_layernorm(b, r, name);
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

/* With k = d + c columns of g, R rows and G globals, the multiply-adds of one step are
 *   direct:    3 R d k                                           e, and the gradients of g and W
 *   quadratic: R k^2 + d k^2 / 2, and R k^2 / 2 + d k^2          z and M, and H and Wc H
 *              + 3 G d k                                         the projections of the globals
 * What the quadratic way adds in passes over g is worth a tenth. A GPU's library is tuned for full products, and the
 * host's reference computes e anyway: there it is direct. */
static bool quadratic(const struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map x, int32_t globals)
{
    const double rows = imx_map_rows(x), d = spec->units, k = d + x.c;
    if (spec->local_norm != IMX_LOCAL_NORM_AUTO)
        return spec->local_norm == IMX_LOCAL_NORM_QUADRATIC;
    return b->training && b->g->dev->caps.type == IMX_DEV_CPU &&
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

/* Encode-dot without the local e. */
static struct imx_critic_out encode_dot_quadratic(struct imx_build *b, struct imx_critic d, struct imx_map x,
                                                  struct imx_map global, int32_t units)
{
    struct imx_graph *g = b->g;
    const int32_t rows = imx_map_rows(x), k = units + x.c;
    const struct imx_map h = hidden(b, x, "local", units);
    const imx_tid w2 = imx_nn_weight(b, "local.hidden", "weight", units, units, IMX_INIT_UNIFORM);
    const imx_tid b2 = imx_nn_vector(b, "local.hidden", "bias", units, IMX_INIT_UNIFORM, units, false);
    const imx_tid s = imx_nn_weight(b, "local.shortcut", "weight", units, x.c, IMX_INIT_SHORTCUT);
    const imx_tid gamma = imx_nn_vector(b, "local.norm", "weight", units, IMX_INIT_ONE, 0, false);
    const imx_tid beta = imx_nn_vector(b, "local.norm", "bias", units, IMX_INIT_ZERO, 0, false);
    imx_graph_label(g, "local.hidden");
    const struct imx_map both = concat(b, h.t, x.t, (struct imx_concat){ rows, units, x.c, 0 }, "both");
    const struct imx_map wc = concat(b, w2, s, (struct imx_concat){ units, units, x.c, 1 }, "wc");
    const struct imx_map bc = concat(b, b2, 0, (struct imx_concat){ units, 1, 0, 1 }, "bc");
    const struct imx_map v = head(b, global, "global", units);
    imx_graph_label(g, "critic");
    const struct imx_map w = times(b, v, gamma);
    const imx_tid q0 = project(b, w, wc.t, k);
    const imx_tid q1 = project(b, w, bc.t, 1);
    const imx_tid q2 = project(b, v, beta, 1);
    imx_graph_label(g, "local.norm");
    const struct imx_quadnorm quad = { rows, k, units, IMX_LAYERNORM_EPS };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, (int64_t)rows * k, "dst");
    const imx_tid r = imx_graph_temp(g, IMX_F32, rows, "invstd");
    const imx_tid z = imx_graph_temp(g, IMX_F32, (int64_t)rows * k, "z");
    imx_graph_node(g, &imx_op_quadnorm_fwd, &quad, (imx_tid[]){ both.t, wc.t, bc.t, dst, r, z });
    d.d0 = k;
    d.d1 = 1;
    d.bias = 1;
    /* The form comes last: its gradients, which take most memory, then come before those of the projections. */
    return score(b, &d, "local", v, (imx_tid[]){ dst, q0, r, q1, q2 });
}

/* K of the locals of each image [n, h, w, c], as a map [n, K, 1, c]. */
static struct imx_map some_locals(struct imx_build *b, struct imx_map x, int32_t k)
{
    const struct imx_random_index draw = { x.n * k, x.h * x.w, IMX_STREAM_GATHER };
    const struct imx_gather d = { x.n, x.h * x.w, x.c, k };
    imx_graph_label(b->g, "locals");
    const imx_tid idx = imx_graph_temp(b->g, IMX_I32, (int64_t)x.n * k, "idx");
    const struct imx_map dst = { imx_graph_temp(b->g, IMX_F32, (int64_t)x.n * k * x.c, "some"), x.n, k, 1, x.c };
    imx_graph_node(b->g, &imx_op_random_index, &draw, (imx_tid[]){ b->ctr, idx });
    imx_graph_node(b->g, &imx_op_gather_fwd, &d, (imx_tid[]){ x.t, idx, dst.t });
    return dst;
}

struct imx_critic_out imx_critic_build(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map local,
                                       struct imx_map global)
{
    if (spec->locals && !spec->whole)
        local = some_locals(b, local, spec->locals);
    const int32_t units = spec->units, n = local.n, p = spec->whole ? 1 : local.h * local.w, q = global.h * global.w;
    const char *l_name = spec->whole ? "whole.local" : "local", *g_name = spec->whole ? "whole.global" : "global";
    const struct imx_map rows = { local.t, n * p, 1, 1, local.c }, x = spec->whole ? local : rows,
                         y = { global.t, n * q, 1, 1, global.c };
    struct imx_critic d = { n, p, q, units, 0, 0, spec->estimator, imx_critic_scale(spec) };
    d.par = imx_estimator_par(spec);
    d.clip = spec->clip;
    d.l2 = spec->l2;
    d.neg = spec->negatives < n - 1 ? spec->negatives : 0;
    if (spec->form == IMX_CRITIC_CONCAT && (q > 1 || spec->estimator == IMX_EST_INFONCE || spec->negatives)) {
        b->g->status = imx_fail(IMX_E_ARG, "%s",
                                q > 1 ? "the concat critic takes one global per image"
                                      : "the concat critic has one negative per positive");
        return (struct imx_critic_out){ 0 };
    }
    if (spec->form == IMX_CRITIC_CONCAT)
        return imx_critic_concat(b, spec, x, y);
    if (spec->form == IMX_CRITIC_ENCODE_DOT && !spec->whole && quadratic(b, spec, x, n * q))
        return encode_dot_quadratic(b, d, x, y, units);
    if (spec->form == IMX_CRITIC_ENCODE_DOT) {
        const struct imx_map l = head(b, x, l_name, units);
        const struct imx_map v = head(b, y, g_name, units);
        return score(b, &d, l_name, v, (imx_tid[]){ l.t, v.t, 0, 0, 0 });
    }
    const struct imx_map h = hidden(b, x, l_name, units);
    char name[2][48];
    snprintf(name[0], sizeof name[0], "%s.hidden", l_name);
    snprintf(name[1], sizeof name[1], "%s.shortcut", l_name);
    const imx_tid w2 = imx_nn_weight(b, name[0], "weight", units, units, IMX_INIT_UNIFORM);
    const imx_tid b2 = imx_nn_vector(b, name[0], "bias", units, IMX_INIT_UNIFORM, units, false);
    const imx_tid s = imx_nn_linear_weight(b, x, name[1], units, IMX_INIT_SHORTCUT);
    const struct imx_map v = head(b, y, g_name, units);
    imx_graph_label(b->g, "critic");
    d.d1 = x.h * x.w * x.c;
    d.bias = 1;
    const imx_tid q0 = project(b, v, w2, units);
    const imx_tid q1 = project(b, v, s, d.d1);
    const imx_tid q2 = project(b, v, b2, 1);
    return score(b, &d, l_name, v, (imx_tid[]){ h.t, q0, x.t, q1, q2 });
}
