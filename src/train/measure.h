/* How long a training step takes on a device, and where the time goes. Random bytes stand for the images. */
#ifndef IMX_TRAIN_MEASURE_H
#define IMX_TRAIN_MEASURE_H

#include "train/step.h"

struct imx_node_time {
    char node[48], problem[128], variant[32];
    double ms, flop;
};

struct imx_step_time {
    double ms, ms_min, ms_max; /* of whole steps, loss read back; ms is the median */
    int runs;
    double flop;                /* of all nodes */
    double peak_gflops;         /* read between the steps, their median; 0 on the host */
    double of_limit;            /* the arithmetic at that peak over the time, median; NaN on the host */
    uint64_t peak_bytes;        /* everything that the step keeps on the device */
    uint64_t store_bytes;       /* of it, parameters with gradients and moments, whatever the batch */
    uint64_t lower_bound_bytes; /* least that any plan of these nodes could take */
    int slices, sliced,
        again; /* what --memory made of it: slices of the batch, tensors in slices, results computed again */
    struct imx_node_time *node; /* [n], in the order of the graph; a sync stands behind each, so they add up to more */
    int n;
};

/* Builds the step for images of h x w x c, warms up, times `runs` steps (at most 64), then profiles three. node is
 * owned by the caller (free). */
IMX_MUST_CHECK imx_status imx_step_measure(struct imx_dev *dev, const struct imx_config *c, int32_t h, int32_t w,
                                           int32_t ch, int runs, struct imx_step_time *out);

#endif
