/* The double-precision executor. See oracle.h. */
#include "graph/oracle.h"

#include <stdlib.h>

imx_status imx_oracle_create(const struct imx_graph *g, struct imx_oracle **out)
{
    imx_status status = IMX_OK;
    struct imx_oracle *o = calloc(1, sizeof *o);
    if (!o)
        return imx_fail(IMX_E_NOMEM, "no memory for an oracle");
    o->graph = g;
    o->data = calloc((size_t)g->n_tensors, sizeof *o->data);
    if (!o->data)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for an oracle"));
    for (int t = 1; t < g->n_tensors; t++) {
        const struct imx_tensor *x = &g->tensor[t];
        if (x->place == IMX_PLACE_VIEW) /* of a tensor that stands before it */
            o->data[t] = (char *)o->data[x->base] +
                         (size_t)x->at * (x->dtype == IMX_F32 ? sizeof(double) : imx_dtype_size(x->dtype));
        else
            o->data[t] = calloc((size_t)x->count, x->dtype == IMX_F32 ? sizeof(double) : imx_dtype_size(x->dtype));
        if (!o->data[t])
            IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for tensor %s in double precision", x->name));
    }
    if (g->one)
        imx_oracle_real(o, g->one)[0] = 1.0;
    *out = o;
    return IMX_OK;
fail:
    imx_oracle_destroy(o);
    return status;
}

void imx_oracle_destroy(struct imx_oracle *o)
{
    if (!o)
        return;
    for (int t = 0; o->data && t < o->graph->n_tensors; t++)
        if (o->graph->tensor[t].place != IMX_PLACE_VIEW)
            free(o->data[t]);
    free(o->data);
    free(o);
}

void imx_oracle_run(struct imx_oracle *o, int n_nodes)
{
    for (int i = 0; i < n_nodes; i++) {
        const struct imx_node *n = &o->graph->node[i];
        void *arg[IMX_MAX_ARGS] = { NULL };
        for (int k = 0; k < n->op->n_args; k++)
            arg[k] = n->arg[k] ? o->data[n->arg[k]] : NULL;
        n->op->ref_f64(n->problem, arg, NULL);
    }
}

double *imx_oracle_real(struct imx_oracle *o, imx_tid t)
{
    return o->data[t];
}
