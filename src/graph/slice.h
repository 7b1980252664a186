/* How a node is cut along the batch: which of its arguments have rows of images that can be taken slice by slice, which
 * are needed whole, and which outputs are sums over the slices. The one place that knows this of each op. */
#ifndef IMX_GRAPH_SLICE_H
#define IMX_GRAPH_SLICE_H

#include "graph/graph.h"

enum imx_cut {
    IMX_CUT_WHOLE, /* the same in every slice */
    IMX_CUT_ROWS,  /* the slice's images */
    IMX_CUT_SUM,   /* an output that is a sum over the images */
    IMX_CUT_PART,  /* an output that lists something for each slice */
};

/* Images [first, first + count) of a batch in slices of `per`. */
struct imx_slice {
    int32_t batch, per, first, count;
};

struct imx_sliced {
    enum imx_cut cut[IMX_MAX_ARGS];
    int64_t part_at; /* where the slice's elements begin in the PART output */
    _Alignas(8) unsigned char problem[IMX_PROBLEM_BYTES];
};

/* virt[t]: tensor t exists in slices only. False when the node cannot be cut so that all of those are cut by rows. */
bool imx_slice_node(const struct imx_node *n, const bool *virt, struct imx_slice s, struct imx_sliced *out);

#endif
