/* What the search for a plan that fits asks of the planner. Private to src/graph. */
#ifndef IMX_GRAPH_PLAN_H
#define IMX_GRAPH_PLAN_H

#include "graph/graph.h"

/* at[i] = bytes of temporaries and scratch that are alive at node i, n_nodes + 1 entries; *most = the most of them.
 * Chooses variants. */
IMX_MUST_CHECK imx_status imx_plan_levels(struct imx_graph *g, uint64_t *at, uint64_t *most);
/* Bytes that the pools for temporaries and scratch would take. */
IMX_MUST_CHECK imx_status imx_plan_bytes(struct imx_graph *g, uint64_t *bytes);

#endif
