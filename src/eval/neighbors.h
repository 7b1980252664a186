/* The nearest vectors of a table to given ones (dim_method 7.5). */
#ifndef IMX_EVAL_NEIGHBORS_H
#define IMX_EVAL_NEIGHBORS_H

#include <stdint.h>

#include "base/status.h"

/* L1: sum |a - b|, as recalled of the paper; L2: square root of the sum of squares, as in the authors' script; COSINE:
 * 1 - cosine, 1 for a zero vector. */
enum imx_metric { IMX_METRIC_L2, IMX_METRIC_L1, IMX_METRIC_COSINE };

struct imx_neighbor {
    int64_t index;
    double distance;
};

double imx_distance(enum imx_metric metric, const float *a, const float *b, int32_t d);
/* best[k] = the k nearest of table [n,d] to x [d], nearest first, equal distances by index; `skip` (-1: none) is left
 * out. Returns how many there are. A distance that is no number counts as infinite. */
int32_t imx_nearest_rows(enum imx_metric metric, const float *table, int64_t n, int32_t d, const float *x, int64_t skip,
                         int32_t k, struct imx_neighbor *best);

#endif
