/* Differentiation: walks the nodes backwards and lets each op's own rule add the nodes of its gradient. A tensor that
 * several nodes read gets the sum of their contributions. Gradients are tensors like any other. */
#include "graph/graph.h"

#include <stdlib.h>

#include "ops/eltwise.h"
#include "ops/reduce.h"

/* needs[t]: a gradient is wanted for t itself, or for something that t depends on. Ops without a gradient rule count,
 * so that differentiate() can refuse them: a gradient that silently lacks a part would be wrong. */
static void mark_needed(const struct imx_graph *g, bool *needs)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        struct imx_arg a[IMX_MAX_ARGS] = { 0 };
        bool any = false;
        n->op->args(n->problem, a);
        for (int k = 0; k < n->op->n_args; k++)
            any |= a[k].role == IMX_IN && n->arg[k] && needs[n->arg[k]];
        for (int k = 0; k < n->op->n_args && any; k++)
            if (a[k].role == IMX_OUT && a[k].dtype == IMX_F32 && n->arg[k] && !g->tensor[n->arg[k]].detached)
                needs[n->arg[k]] = true;
    }
}

/* grad[t] += d */
static imx_status accumulate(struct imx_graph *g, imx_tid *grad, imx_tid t, imx_tid d)
{
    if (!grad[t]) {
        grad[t] = d;
        return IMX_OK;
    }
    const int64_t count = g->tensor[t].count;
    const imx_tid sum = imx_graph_temp(g, IMX_F32, count, "sum");
    const struct imx_axpby add = { (int32_t)count, 1.0f, 1.0f };
    const imx_tid arg[] = { grad[t], d, sum };
    grad[t] = sum;
    return imx_graph_node(g, &imx_op_axpby, &add, arg);
}

static imx_status differentiate(struct imx_graph *g, int index, imx_tid *grad, const bool *needs, int n_old)
{
    const struct imx_node n = g->node[index]; /* a copy: adding nodes moves the array */
    struct imx_arg a[IMX_MAX_ARGS] = { 0 };
    imx_tid darg[IMX_MAX_ARGS] = { 0 };
    bool flows = false, wanted = false;
    n.op->args(n.problem, a);
    for (int k = 0; k < n.op->n_args; k++) {
        const imx_tid t = n.arg[k];
        if (!t || t >= n_old)
            continue;
        if (a[k].role == IMX_OUT && !g->tensor[t].detached) { /* a copy may have a gradient, and keeps it to itself */
            darg[k] = grad[t];
            flows |= grad[t] != 0;
        } else if (a[k].role == IMX_IN && needs[t]) {
            darg[k] = IMX_WANTED;
            wanted = true;
        }
    }
    if (!flows || !wanted)
        return IMX_OK;
    if (!n.op->grad)
        return imx_fail(IMX_E_INTERNAL, "%s has no gradient rule", n.op->name);
    imx_graph_label(g, "d_%.40s", n.name);
    IMX_TRY(n.op->grad(&g->emit, n.problem, n.arg, darg));
    IMX_TRY(g->status);
    for (int k = 0; k < n.op->n_args; k++)
        if (a[k].role == IMX_IN && n.arg[k] && n.arg[k] < n_old && needs[n.arg[k]] && darg[k] > 0)
            IMX_TRY(accumulate(g, grad, n.arg[k], darg[k]));
    return IMX_OK;
}

/* The gradient of a parameter is written straight into the store's arena; one that is shared with another tensor's
 * gradient is copied there. */
static imx_status bind_parameters(struct imx_graph *g, const imx_tid *grad, int n_old)
{
    for (int t = 1; t < n_old; t++) {
        const imx_tid d = grad[t];
        if (g->tensor[t].place != IMX_PLACE_PARAM || !d)
            continue;
        int users = 0;
        for (int u = 1; u < n_old; u++)
            users += grad[u] == d;
        imx_tid bound = d;
        if (users > 1 || g->tensor[d].place != IMX_PLACE_TEMP) {
            bound = imx_graph_temp(g, IMX_F32, g->tensor[t].count, "copy");
            const struct imx_axpby copy = { (int32_t)g->tensor[t].count, 1.0f, 0.0f };
            const imx_tid arg[] = { d, 0, bound };
            IMX_TRY(imx_graph_node(g, &imx_op_axpby, &copy, arg));
        }
        g->tensor[bound].place = IMX_PLACE_GRAD;
        g->tensor[bound].index = g->tensor[t].index;
    }
    return IMX_OK;
}

/* grad[t] of every tensor that y depends on and that needs one. */
static imx_status walk(struct imx_graph *g, imx_tid y, imx_tid dy, bool *needs, imx_tid *grad, int n_old)
{
    const int n_nodes = g->n_nodes; /* only what stands now can have a gradient */
    const int64_t count = g->tensor[y].count;
    mark_needed(g, needs);
    if (!needs[y])
        return imx_fail(IMX_E_INTERNAL, "%s depends on nothing that a gradient is wanted for", g->tensor[y].name);
    imx_graph_label(g, "d");
    if (!dy && !g->one)
        g->one = imx_graph_keep(g, IMX_F32, 1, "one");
    grad[y] = dy ? dy : g->one;
    if (!dy && count > 1) {
        const struct imx_colsum ones = { (int32_t)count, 1 };
        grad[y] = imx_graph_temp(g, IMX_F32, count, "ones");
        IMX_TRY(imx_graph_node(g, &imx_op_broadcast, &ones, (imx_tid[]){ g->one, grad[y] }));
    }
    for (int i = n_nodes - 1; i >= 0; i--)
        IMX_TRY(differentiate(g, i, grad, needs, n_old));
    return g->status;
}

imx_status imx_graph_gradient(struct imx_graph *g, imx_tid y, imx_tid dy, int n, const imx_tid *of, imx_tid *out)
{
    IMX_TRY(g->status);
    imx_status status = IMX_OK;
    const int n_old = g->n_tensors;
    bool *needs = calloc((size_t)n_old, sizeof *needs);
    imx_tid *grad = calloc((size_t)n_old, sizeof *grad);
    if (!needs || !grad)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to differentiate"));
    for (int i = 0; i < n; i++)
        needs[of[i]] = true;
    IMX_GO(walk(g, y, dy, needs, grad, n_old));
    for (int i = 0; i < n; i++)
        out[i] = grad[of[i]];
fail:
    free(needs);
    free(grad);
    return status;
}

imx_status imx_graph_backward(struct imx_graph *g, imx_tid loss, imx_tid dloss)
{
    IMX_TRY(g->status);
    imx_status status = IMX_OK;
    const int n_old = g->n_tensors;
    bool *needs = calloc((size_t)n_old, sizeof *needs);
    imx_tid *grad = calloc((size_t)n_old, sizeof *grad);
    if (!needs || !grad)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to differentiate"));
    for (int t = 1; t < n_old; t++)
        needs[t] = g->tensor[t].place == IMX_PLACE_PARAM && !g->store->param[g->tensor[t].index].state;
    IMX_GO(walk(g, loss, dloss, needs, grad, n_old));
    IMX_GO(bind_parameters(g, grad, n_old));
    IMX_GO(g->status);
    free(g->grad);
    g->grad = grad;
    g->n_grads = n_old;
    grad = NULL;
fail:
    free(needs);
    free(grad);
    return status;
}
