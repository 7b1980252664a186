/* How long a training step takes on a device, and where the time goes. Random bytes stand for the images. */
#ifndef IMX_TRAIN_MEASURE_H
#define IMX_TRAIN_MEASURE_H

#include "train/step.h"

struct imx_node_time {
    char node[48], problem[128], variant[32];
    double ms, ms_min, ms_max; /* median and extremes of the profiles */
    double flop, bytes;        /* of the op: its arithmetic, its arguments moved once */
    double of_limit;           /* the least time for these, as in ops/bench.h, over ms; NaN when not known */
    bool moves;                /* it is the bytes that set that limit */
};

struct imx_step_time {
    char work[768];                               /* what decides how much there is to do, for comparing runs */
    const char *encoder;                          /* its name, also where the configuration says auto */
    const char *global_critic, *global_estimator; /* the global term's, names; NULL: there is no such term */
    int32_t h, w, c, units;                       /* images; width of the critic */
    double ms, ms_min, ms_max;                    /* of whole steps, loss read back; ms is the median */
    int runs;
    double flop;                /* of all nodes */
    double peak_gflops;         /* read between the steps, their median; 0 on the host */
    double of_limit;            /* the arithmetic at that peak over the time, median; NaN on the host */
    uint64_t peak_bytes;        /* everything that the step keeps on the device */
    uint64_t store_bytes;       /* of it, parameters with gradients and moments, whatever the batch */
    uint64_t lower_bound_bytes; /* least that any plan of these nodes could take */
    uint64_t launches;          /* kernels that a step queues, pieces of long launches counted each */
    uint64_t programs;          /* built, or read from the cache, for this step */
    int slices, sliced,
        again; /* what --memory made of it: slices of the batch, tensors in slices, results computed again */
    struct imx_node_time *node; /* [n], in the order of the graph; a sync stands behind each, so they add up to more */
    int n;
};

/* Builds the step for images of h x w x c, warms up, times `runs` steps (at most 64), then profiles five (on the host
 * three). copy_gbps: the device's, for the limits of the nodes; 0: not known. node is owned by the caller (free). */
IMX_MUST_CHECK imx_status imx_step_measure(struct imx_dev *dev, const struct imx_config *c, int32_t h, int32_t w,
                                           int32_t ch, int runs, double copy_gbps, struct imx_step_time *out);

#endif
