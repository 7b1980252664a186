/* See neighbors.h. */
#include "eval/neighbors.h"

#include <math.h>

double imx_distance(enum imx_metric metric, const float *a, const float *b, int32_t d)
{
    double sum = 0, aa = 0, bb = 0;
    for (int32_t i = 0; i < d; i++) {
        const double x = (double)a[i], y = (double)b[i];
        switch (metric) {
        case IMX_METRIC_L1: sum += fabs(x - y); break;
        case IMX_METRIC_L2: sum += (x - y) * (x - y); break;
        case IMX_METRIC_COSINE:
            sum += x * y;
            aa += x * x;
            bb += y * y;
            break;
        }
    }
    if (metric == IMX_METRIC_COSINE)
        return aa > 0 && bb > 0 ? 1 - sum / sqrt(aa * bb) : isnan(aa + bb) ? HUGE_VAL : 1;
    return metric == IMX_METRIC_L2 ? sqrt(sum) : sum;
}

int32_t imx_nearest_rows(enum imx_metric metric, const float *table, int64_t n, int32_t d, const float *x, int64_t skip,
                         int32_t k, struct imx_neighbor *best)
{
    int32_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i == skip)
            continue;
        const double at = imx_distance(metric, table + i * d, x, d);
        const struct imx_neighbor new = { i, isnan(at) ? HUGE_VAL : at };
        if (found == k && !(new.distance < best[k - 1].distance))
            continue;
        int32_t to = found < k ? found++ : k - 1;
        for (; to > 0 && new.distance < best[to - 1].distance; to--)
            best[to] = best[to - 1];
        best[to] = new;
    }
    return found;
}
