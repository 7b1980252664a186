/* Building and running a graph; backward.c derives, plan.c lays out memory. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ops/eltwise.h"

static imx_tid emit_tensor(struct imx_emit *e, enum imx_dtype dtype, int64_t count, const char *name)
{
    return imx_graph_temp((struct imx_graph *)e, dtype, count, name);
}

static imx_status emit_node(struct imx_emit *e, const struct imx_op *op, const void *problem, const imx_tid *arg)
{
    return imx_graph_node((struct imx_graph *)e, op, problem, arg);
}

imx_status imx_graph_create(struct imx_dev *dev, struct imx_store *store, struct imx_graph **out)
{
    struct imx_graph *g = calloc(1, sizeof *g);
    struct imx_tensor *none = calloc(1, sizeof *none);
    if (!g || !none) {
        free(g);
        free(none);
        return imx_fail(IMX_E_NOMEM, "no memory for a graph");
    }
    g->emit = (struct imx_emit){ emit_tensor, emit_node };
    g->dev = dev;
    g->store = store;
    g->tensor = none;
    g->n_tensors = 1;
    *out = g;
    return IMX_OK;
}

void imx_graph_destroy(struct imx_graph *g)
{
    if (!g)
        return;
    for (int i = 1; i < g->n_tensors; i++)
        if (g->tensor[i].place == IMX_PLACE_KEEP)
            g->dev->vt->free(g->dev, g->tensor[i].mem.buf);
    for (int i = 0; i < g->n_pools; i++)
        g->dev->vt->free(g->dev, g->pool[i]);
    free(g->tensor);
    free(g->node);
    free(g->grad);
    free(g);
}

void imx_graph_label(struct imx_graph *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(g->label, sizeof g->label, fmt, ap);
    va_end(ap);
}

/* "label.what", of each at most what fits in; without printf, because a search for a plan names a million. */
static void name_it(char name[48], const struct imx_graph *g, const char *what)
{
    const size_t label = strnlen(g->label, 24), rest = strnlen(what, 22);
    memset(name, 0, 48);
    memcpy(name, g->label, label);
    name[label] = '.';
    memcpy(name + label + (label > 0), what, rest);
}

static imx_tid add_tensor(struct imx_graph *g, struct imx_tensor t, const char *name)
{
    if (g->status != IMX_OK)
        return 0;
    if (t.count <= 0) {
        g->status = imx_fail(IMX_E_INTERNAL, "tensor %s of %s would be empty", name, g->label);
        return 0;
    }
    struct imx_tensor *grown = realloc(g->tensor, sizeof *grown * (size_t)(g->n_tensors + 1));
    if (!grown) {
        g->status = imx_fail(IMX_E_NOMEM, "no memory for a tensor");
        return 0;
    }
    g->tensor = grown;
    name_it(t.name, g, name);
    grown[g->n_tensors] = t;
    return g->n_tensors++;
}

imx_tid imx_graph_temp(struct imx_graph *g, enum imx_dtype dtype, int64_t count, const char *name)
{
    return add_tensor(g, (struct imx_tensor){ .dtype = dtype, .count = count, .place = IMX_PLACE_TEMP }, name);
}

imx_tid imx_graph_keep(struct imx_graph *g, enum imx_dtype dtype, int64_t count, const char *name)
{
    return add_tensor(g, (struct imx_tensor){ .dtype = dtype, .count = count, .place = IMX_PLACE_KEEP }, name);
}

imx_tid imx_graph_param(struct imx_graph *g, const struct imx_param *param)
{
    if (g->status != IMX_OK)
        return 0;
    const int index = imx_store_add(g->store, param);
    if (index < 0) {
        g->status = (imx_status)index;
        return 0;
    }
    for (int i = 1; i < g->n_tensors; i++)
        if (g->tensor[i].place == IMX_PLACE_PARAM && g->tensor[i].index == index)
            return i;
    const struct imx_tensor t = { .count = param->count, .place = IMX_PLACE_PARAM, .index = index };
    return add_tensor(g, t, param->name);
}

imx_tid imx_graph_arena(struct imx_graph *g, enum imx_arena arena, const char *name)
{
    const int64_t bytes = (int64_t)g->store->bytes[arena == IMX_ARENA_STATE ? arena : IMX_ARENA_PARAM];
    const struct imx_tensor t = { .count = bytes / 4, .place = IMX_PLACE_ARENA, .index = (int)arena };
    return add_tensor(g, t, name);
}

imx_tid imx_graph_view(struct imx_graph *g, imx_tid base, int64_t at, int64_t count)
{
    if (g->status != IMX_OK)
        return 0;
    const struct imx_tensor *b = &g->tensor[base];
    if (b->place == IMX_PLACE_VIEW || at < 0 || count > b->count - at) {
        g->status = imx_fail(IMX_E_INTERNAL, "a view of %s lies outside it", b->name);
        return 0;
    }
    const struct imx_tensor t = { .dtype = b->dtype, .count = count, .place = IMX_PLACE_VIEW, .base = base, .at = at };
    return add_tensor(g, t, "slice");
}

imx_tid imx_graph_detach(struct imx_graph *g, imx_tid t)
{
    const int64_t count = g->tensor[t].count;
    const imx_tid dst = imx_graph_temp(g, IMX_F32, count, "detached");
    const struct imx_axpby copy = { (int32_t)count, 1.0f, 0.0f };
    if (imx_graph_node(g, &imx_op_axpby, &copy, (imx_tid[]){ t, 0, dst }) != IMX_OK)
        return 0;
    g->tensor[dst].detached = true;
    return dst;
}

void imx_graph_output(struct imx_graph *g, imx_tid t)
{
    if (t > 0 && g->tensor[t].place == IMX_PLACE_TEMP)
        g->tensor[t].place = IMX_PLACE_KEEP;
}

/* Every argument must have the size that the op says, or be absent where it says 0. */
static imx_status check_node(struct imx_graph *g, const struct imx_op *op, const void *problem, const imx_tid *arg)
{
    struct imx_arg want[IMX_MAX_ARGS] = { 0 };
    char text[128];
    const char *wrong = op->check ? op->check(problem) : NULL;
    if (wrong)
        imx_problem_print(op, problem, text, sizeof text);
    if (wrong)
        return imx_fail(IMX_E_ARG, "%s: %s %s: %s", g->label, op->name, text, wrong);
    if (op->problem_size > IMX_PROBLEM_BYTES)
        return imx_fail(IMX_E_INTERNAL, "the problem of %s is too large for a node", op->name);
    op->args(problem, want);
    for (int i = 0; i < op->n_args; i++) {
        const struct imx_tensor *t = &g->tensor[arg[i]];
        if (want[i].count == 0)
            continue;
        if (arg[i] && t->count == want[i].count && t->dtype == want[i].dtype)
            continue;
        imx_problem_print(op, problem, text, sizeof text);
        return imx_fail(IMX_E_INTERNAL, "%s: %s %s: argument %s has %lld elements, not %lld", g->label, op->name, text,
                        want[i].name, arg[i] ? (long long)t->count : 0LL, (long long)want[i].count);
    }
    return IMX_OK;
}

imx_status imx_graph_node(struct imx_graph *g, const struct imx_op *op, const void *problem, const imx_tid *arg)
{
    if (g->status != IMX_OK)
        return g->status;
    g->status = check_node(g, op, problem, arg);
    if (g->status != IMX_OK)
        return g->status;
    struct imx_node *grown = realloc(g->node, sizeof *grown * (size_t)(g->n_nodes + 1));
    if (!grown)
        return g->status = imx_fail(IMX_E_NOMEM, "no memory for a node");
    g->node = grown;
    struct imx_node *n = &grown[g->n_nodes++];
    *n = (struct imx_node){ .op = op };
    memcpy(n->problem, problem, op->problem_size);
    memcpy(n->arg, arg, sizeof *arg * (size_t)op->n_args);
    name_it(n->name, g, op->name);
    return IMX_OK;
}

void imx_graph_meet(struct imx_graph *g, imx_tid t, imx_status (*meet)(void *user), void *user)
{
    g->meeting = t;
    g->meet = meet;
    g->meet_user = user;
}

imx_status imx_graph_run(struct imx_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        if (i == g->meet_node)
            IMX_TRY(g->meet(g->meet_user));
        const imx_status s = imx_op_run(g->dev, n->op, n->variant, n->problem, &n->args);
        if (s != IMX_OK)
            return imx_note(s, "node %s", n->name);
    }
    return IMX_OK;
}

imx_status imx_graph_profile(struct imx_graph *g, double *seconds)
{
    IMX_TRY(g->dev->vt->sync(g->dev));
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        const double start = imx_now();
        IMX_TRY(imx_op_run(g->dev, n->op, n->variant, n->problem, &n->args));
        IMX_TRY(g->dev->vt->sync(g->dev));
        seconds[i] += imx_now() - start;
    }
    return IMX_OK;
}

void imx_graph_swap(struct imx_graph *g, imx_tid a, imx_tid b)
{
    const struct imx_mem mem = g->tensor[a].mem;
    g->tensor[a].mem = g->tensor[b].mem;
    g->tensor[b].mem = mem;
    for (int t = 1; t < g->n_tensors; t++) {
        struct imx_tensor *x = &g->tensor[t];
        if (x->place == IMX_PLACE_VIEW && (x->base == a || x->base == b))
            x->mem = imx_part(g->tensor[x->base].mem, (uint64_t)x->at * imx_dtype_size(x->dtype), x->mem.bytes);
    }
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].op->n_args; k++) {
            const imx_tid t = g->node[i].arg[k], of = imx_graph_whole(g, t);
            if (t && (of == a || of == b))
                g->node[i].args.m[k] = g->tensor[t].mem;
        }
}

double imx_graph_flop(const struct imx_graph *g)
{
    double sum = 0;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op->flop)
            sum += g->node[i].op->flop(g->node[i].problem);
    return sum;
}

imx_status imx_graph_upload(struct imx_graph *g, imx_tid t, const void *values)
{
    const struct imx_tensor *x = &g->tensor[t];
    return g->dev->vt->upload(g->dev, x->mem, values, (uint64_t)x->count * imx_dtype_size(x->dtype));
}

imx_status imx_graph_download(struct imx_graph *g, imx_tid t, void *values)
{
    const struct imx_tensor *x = &g->tensor[t];
    return g->dev->vt->download(g->dev, values, x->mem, (uint64_t)x->count * imx_dtype_size(x->dtype));
}

imx_status imx_graph_fetch(struct imx_graph *g, imx_tid t, void *values)
{
    const struct imx_tensor *x = &g->tensor[t];
    return g->dev->vt->fetch(g->dev, values, x->mem, (uint64_t)x->count * imx_dtype_size(x->dtype));
}
