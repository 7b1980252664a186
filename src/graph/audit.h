/* Checking a run while it goes on: one node of a step is done again on the host, in double precision, from the device's
 * own inputs, and its outputs are compared within the op's rounding bound. On real activations a ReLU or a maximum may
 * fall the other way where a value rounds across its edge, so one element in 100,000 may miss the bound; a non-finite
 * one never. */
#ifndef IMX_GRAPH_AUDIT_H
#define IMX_GRAPH_AUDIT_H

#include "graph/graph.h"

struct imx_audit {
    const char *node; /* borrowed from the graph */
    char text[512];   /* when it failed: what, where, got, want, and the line that repeats the op's test */
    double worst;     /* largest error over its bound */
    bool failed;
};

/* Runs the graph once, as imx_graph_run does, and audits node `index`. A wrong result is IMX_OK with result->failed. */
IMX_MUST_CHECK imx_status imx_graph_run_audited(struct imx_graph *g, int index, struct imx_audit *result);

#endif
