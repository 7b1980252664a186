/* Runs a graph in double precision on the host, by the references: the truth that finite differences, audits and
 * cross-checks compare with. It has memory of its own and needs no plan. */
#ifndef IMX_GRAPH_ORACLE_H
#define IMX_GRAPH_ORACLE_H

#include "graph/graph.h"

struct imx_oracle {
    const struct imx_graph *graph; /* borrowed */
    void **data;                   /* per tensor: double for f32 tensors, else the tensor's own type; zeroed */
};

IMX_MUST_CHECK imx_status imx_oracle_create(const struct imx_graph *g, struct imx_oracle **out);
void imx_oracle_destroy(struct imx_oracle *o);

/* Runs nodes [0, n_nodes). Gradients of parameters are written to the tensors of place GRAD. */
void imx_oracle_run(struct imx_oracle *o, int n_nodes);
/* The values of a tensor; f32 tensors only. */
double *imx_oracle_real(struct imx_oracle *o, imx_tid t);

#endif
