/* See context.h. Tensors of a step are [n, cells, ...], image after image as everywhere. */
#include "nn/context.h"

#include <stdio.h>
#include <stdlib.h>

#include "ops/concat.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gemm.h"
#include "ops/gru.h"
#include "ops/spread.h"

/* Step t walks the cells (r, t - r), r = first .. first + count - 1. */
static int32_t first_row(struct imx_map m, int32_t t)
{
    return t >= m.w ? t - m.w + 1 : 0;
}

static int32_t cells_of(struct imx_map m, int32_t t)
{
    return (t < m.h ? t : m.h - 1) - first_row(m, t) + 1;
}

static imx_tid temp(struct imx_graph *g, int64_t count, const char *name)
{
    return imx_graph_temp(g, IMX_F32, count, name);
}

/* dst[n, k, c] = src[n, at, c] for each image; zeros where `at` is -1. */
static imx_tid pick(struct imx_graph *g, imx_tid src, imx_tid at, struct imx_gather d, const char *name)
{
    const imx_tid dst = temp(g, (int64_t)d.n * d.k * d.c, name);
    imx_graph_node(g, &imx_op_gather_fwd, &d, (imx_tid[]){ src, at, dst });
    return dst;
}

/* x[rows, k] W^T + bia + add: [rows, m] */
static imx_tid product(struct imx_graph *g, imx_tid x, imx_tid wei, imx_tid bia, imx_tid add, int32_t rows, int32_t m,
                       int32_t k)
{
    const struct imx_gemm d = { .m = rows, .n = m, .k = k, .tb = 1, .bias = bia != 0, .add = add != 0 };
    const imx_tid dst = temp(g, (int64_t)rows * m, "gates");
    imx_graph_node(g, &imx_op_gemm, &d, (imx_tid[]){ x, wei, bia, add, dst });
    return dst;
}

struct weights {
    imx_tid of_cell, of_above, of_left, bias_ih, bias_hh;
};

/* torch.nn.GRUCell draws everything from +-1/sqrt(state). */
static struct weights make_weights(struct imx_build *b, int32_t c)
{
    static const char *const name = "encoder.context";
    struct imx_graph *g = b->g;
    const struct imx_concat split = { 3 * c, c, c, 0 };
    struct imx_param ih = {
        .count = 6 * (int64_t)c * c, .dims = { 3 * c, 2 * c }, .init = IMX_INIT_UNIFORM, .fan_in = c
    };
    struct weights w = { 0 };
    snprintf(ih.name, sizeof ih.name, "%s.weight_ih", name);
    const imx_tid both = imx_graph_param(g, &ih);
    w.of_left = imx_nn_weight(b, name, "weight_hh", 3 * c, c, IMX_INIT_UNIFORM);
    w.bias_ih = imx_nn_vector(b, name, "bias_ih", 3 * c, IMX_INIT_UNIFORM, c, false);
    w.bias_hh = imx_nn_vector(b, name, "bias_hh", 3 * c, IMX_INIT_UNIFORM, c, false);
    w.of_cell = temp(g, 3 * (int64_t)c * c, "of_cell");
    w.of_above = temp(g, 3 * (int64_t)c * c, "of_above");
    imx_graph_node(g, &imx_op_concat_split, &split, (imx_tid[]){ both, w.of_cell, w.of_above });
    return w;
}

/* The states of step t, from those of step t - 1 (of step 0: from anything, as no index is valid). */
static imx_tid step(struct imx_graph *g, struct imx_context *x, const struct weights *w, imx_tid cell, imx_tid before,
                    int32_t t)
{
    const struct imx_map m = x->state;
    const int32_t cells = cells_of(m, t), rows = m.n * cells, c = m.c;
    const int32_t there = t ? cells_of(m, t - 1) : m.h * m.w;
    x->left[t] = imx_graph_keep(g, IMX_I32, rows, "left");
    x->above[t] = imx_graph_keep(g, IMX_I32, rows, "above");
    const imx_tid left = pick(g, before, x->left[t], (struct imx_gather){ m.n, there, c, cells }, "left");
    const imx_tid above = pick(g, before, x->above[t], (struct imx_gather){ m.n, there, c, cells }, "above");
    const imx_tid gi = product(g, above, w->of_above, 0, cell, rows, 3 * c, c);
    const imx_tid gh = product(g, left, w->of_left, w->bias_hh, 0, rows, 3 * c, c);
    const imx_tid state = temp(g, (int64_t)rows * c, "state");
    imx_graph_node(g, &imx_op_gru_cell, &(struct imx_gru){ rows, c }, (imx_tid[]){ gi, gh, left, state });
    return state;
}

static int32_t cells_in(struct imx_map m, int32_t first, int32_t count)
{
    int32_t cells = 0;
    for (int32_t t = first; t < first + count; t++)
        cells += cells_of(m, t);
    return cells;
}

/* part[first ...][n, cells, c] side by side: [n, sum of cells, c]; in halves of halves, so that no value is copied more
 * often than the logarithm of their number. */
static imx_tid join(struct imx_graph *g, struct imx_map m, const imx_tid *part, int32_t first, int32_t count)
{
    if (count == 1)
        return part[first];
    const int32_t half = count / 2, a = cells_in(m, first, half), b = cells_in(m, first + half, count - half);
    const imx_tid one = join(g, m, part, first, half), two = join(g, m, part, first + half, count - half);
    const imx_tid dst = temp(g, (int64_t)m.n * (a + b) * m.c, "joined");
    imx_graph_node(g, &imx_op_concat, &(struct imx_concat){ m.n, a * m.c, b * m.c, 0 }, (imx_tid[]){ one, two, dst });
    return dst;
}

/* The way back: part[first ...] of src. */
static void split(struct imx_graph *g, struct imx_map m, imx_tid src, int32_t first, int32_t count, imx_tid *part)
{
    if (count == 1) {
        part[first] = src;
        return;
    }
    const int32_t half = count / 2, a = cells_in(m, first, half), b = cells_in(m, first + half, count - half);
    const imx_tid one = temp(g, (int64_t)m.n * a * m.c, "split"), two = temp(g, (int64_t)m.n * b * m.c, "split");
    imx_graph_node(g, &imx_op_concat_split, &(struct imx_concat){ m.n, a * m.c, b * m.c, 0 },
                   (imx_tid[]){ src, one, two });
    split(g, m, one, first, half, part);
    split(g, m, two, first + half, count - half, part);
}

struct imx_context imx_context_build(struct imx_build *b, struct imx_map local)
{
    struct imx_graph *g = b->g;
    struct imx_context x = { .state = local };
    const int32_t c = local.c, places = local.h * local.w, steps = local.h + local.w - 1;
    const struct imx_gather all = { local.n, places, c, places };
    imx_tid part[IMX_CONTEXT_STEPS], cell[IMX_CONTEXT_STEPS];
    if (g->status == IMX_OK && steps > IMX_CONTEXT_STEPS)
        g->status = imx_fail(IMX_E_ARG, "a context over a map of %dx%d takes more than %d steps", local.w, local.h,
                             IMX_CONTEXT_STEPS);
    if (g->status != IMX_OK)
        return x;
    imx_graph_label(g, "context");
    const struct weights w = make_weights(b, c);
    x.walk = imx_graph_keep(g, IMX_I32, (int64_t)local.n * places, "walk");
    const imx_tid walk = pick(g, local.t, x.walk, all, "walk");
    const imx_tid cells = product(g, walk, w.of_cell, w.bias_ih, 0, imx_map_rows(local), 3 * c, c);
    split(g, (struct imx_map){ 0, local.n, local.h, local.w, 3 * c }, cells, 0, steps, cell);
    for (int32_t t = 0; t < steps; t++) {
        imx_graph_label(g, "context.%d", t);
        part[t] = step(g, &x, &w, cell[t], t ? part[t - 1] : local.t, t);
    }
    imx_graph_label(g, "context");
    const imx_tid walked = join(g, local, part, 0, steps);
    x.order = imx_graph_keep(g, IMX_I32, (int64_t)local.n * places, "order");
    x.end = imx_graph_keep(g, IMX_I32, local.n, "end");
    x.state.t = pick(g, walked, x.order, all, "context");
    x.last = (struct imx_map){ pick(g, walked, x.end, (struct imx_gather){ local.n, places, c, 1 }, "last"), local.n, 1,
                               1, c };
    const struct imx_spread sum = { local.n, places, c, 0 };
    const struct imx_axpby divide = { local.n * c, (float)(1.0 / places), 0.0f };
    const imx_tid total = temp(g, (int64_t)local.n * c, "total");
    x.mean = (struct imx_map){ temp(g, (int64_t)local.n * c, "mean"), local.n, 1, 1, c };
    imx_graph_node(g, &imx_op_spread_sum, &sum, (imx_tid[]){ x.state.t, total });
    imx_graph_node(g, &imx_op_axpby, &divide, (imx_tid[]){ total, 0, x.mean.t });
    return x;
}

/* Uploads [n, count], the same for each image. */
static imx_status send(struct imx_graph *g, imx_tid t, int32_t n, const int32_t *one, int32_t count)
{
    int32_t *all = malloc(sizeof *all * (size_t)n * (size_t)count);
    if (!all)
        return imx_fail(IMX_E_NOMEM, "no memory for the order of a map");
    for (int32_t i = 0; i < n * count; i++)
        all[i] = one[i % count];
    const imx_status status = imx_graph_upload(g, t, all);
    free(all);
    return status;
}

imx_status imx_context_start(struct imx_graph *g, const struct imx_context *x)
{
    const struct imx_map m = x->state;
    const int32_t steps = m.h + m.w - 1, last = m.h * m.w - 1;
    imx_status status = IMX_OK;
    if (!x->walk)
        return IMX_OK;
    int32_t walked = 0, left[IMX_CONTEXT_STEPS], above[IMX_CONTEXT_STEPS];
    int32_t *order = malloc(sizeof *order * (size_t)(last + 1)), *walk = malloc(sizeof *walk * (size_t)(last + 1));
    if (!order || !walk)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the order of a map"));
    for (int32_t t = 0; t < steps; t++) {
        const int32_t cells = cells_of(m, t), before = t ? first_row(m, t - 1) : 0;
        for (int32_t i = 0; i < cells; i++) {
            const int32_t r = first_row(m, t) + i, c = t - r;
            left[i] = c ? r - before : -1;
            above[i] = r ? r - 1 - before : -1;
            walk[walked] = r * m.w + c;
            order[r * m.w + c] = walked++;
        }
        IMX_GO(send(g, x->left[t], m.n, left, cells));
        IMX_GO(send(g, x->above[t], m.n, above, cells));
    }
    IMX_GO(send(g, x->walk, m.n, walk, last + 1));
    IMX_GO(send(g, x->order, m.n, order, last + 1));
    IMX_GO(send(g, x->end, m.n, &last, 1));
fail:
    free(order);
    free(walk);
    return status;
}

struct imx_encoded imx_context_encoder(struct imx_build *b, const struct imx_encoder *e, struct imx_map image,
                                       struct imx_context *x)
{
    const struct imx_map local = imx_encoder_build_local(b, e, image);
    *x = imx_context_build(b, local);
    return (struct imx_encoded){ .local = local, .conv = local, .fc = x->last, .y = x->mean };
}
