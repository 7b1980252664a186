/* Rewriting a graph so that chosen tensors never exist whole. The batch is cut into slices of some images; a chosen
 * ("virtual") tensor exists for one slice at a time and is computed again, from tensors that do exist, by every pass
 * over the slices that reads it. Sums over the batch (gradients of weights, statistics of batch norm, the critic's
 * normalisers) run on from slice to slice in their order, so the result is the same within rounding, and the same bits
 * on every run. */
#ifndef IMX_GRAPH_STREAM_H
#define IMX_GRAPH_STREAM_H

#include "graph/graph.h"

/* Rewrites the nodes of g for slices of `per` images out of g->batch; virt[g->n_tensors] names the tensors. *done =
 * false where some node cannot be cut that way: g is then spoilt and must be restored. Sets g->n_slices, n_virtual,
 * n_again and the nodes' origin. sketch: only the first, the second and the last slice are written out, the second
 * standing for all between (node.times): enough to judge the plan by. Errors are those of memory for the rewriting. */
IMX_MUST_CHECK imx_status imx_graph_stream(struct imx_graph *g, const bool *virt, int32_t per, bool sketch, bool *done);

#endif
