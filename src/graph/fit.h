/* Making a graph fit a limit: which tensors to compute slice by slice and again, and how many slices. */
#ifndef IMX_GRAPH_FIT_H
#define IMX_GRAPH_FIT_H

#include "graph/graph.h"

/* Rewrites g (stream.h) until its temporaries take at most limit - others bytes; leaves it alone when they do already.
 * E_NOMEM, with the least limit that this search can meet. */
IMX_MUST_CHECK imx_status imx_graph_fit(struct imx_graph *g, uint64_t limit, uint64_t others);

#endif
