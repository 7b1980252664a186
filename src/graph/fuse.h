/* Gives what batch norm does to the rows of a layer to the products before and behind it (ops/bn_ends.h):
 *   the statistics to the node that makes its input, a product or convolution, as its results leave the registers;
 *   normalisation and ReLU to the nodes that read its output, where all of them are such, as they load or pack it: the
 *       output then never exists.
 * A node changes only where the variant that the device runs it by can do so. The arithmetic stays the same but for the
 * order of the statistics' sums. Environment IMX_FUSE=0: leaves a graph as it is, to compare. */
#ifndef IMX_GRAPH_FUSE_H
#define IMX_GRAPH_FUSE_H

#include "graph/graph.h"

/* Before variants are chosen and memory is planned. */
void imx_graph_fuse(struct imx_graph *g);

#endif
