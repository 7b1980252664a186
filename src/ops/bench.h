/* Timing of ops: one op, problem and variant on a device, and the list of problems that `infomax bench` shows.
 * A figure is worth something as a fraction of a limit: the time in which the device does the op's arithmetic,
 * as its formula states it, at its measured peak, or moves the op's arguments once at its measured copy bandwidth,
 * whichever is longer. More than 1 comes from less arithmetic than the formula's (Winograd's convolutions) or from
 * arguments that stay in a cache. The peak is that of the same moment: it is read before and after each sample. */
#ifndef IMX_OPS_BENCH_H
#define IMX_OPS_BENCH_H

#include "dev/dev.h"
#include "ops/op.h"

/* The least time, in seconds, for so many operations and bytes at these rates; a rate of 0 is not known and bounds
 * nothing. */
static inline double imx_bench_least(double flop, double bytes, double peak_gflops, double copy_gbps)
{
    const double compute_s = peak_gflops > 0 ? flop / peak_gflops * 1e-9 : 0;
    const double move_s = copy_gbps > 0 ? bytes / copy_gbps * 1e-9 : 0;
    return compute_s > move_s ? compute_s : move_s;
}

/* What the device reaches; 0: not known. */
struct imx_bench_limit {
    double peak_gflops;      /* measured once, before */
    double copy_gbps;        /* bytes read plus bytes written */
    struct imx_meter *meter; /* read beside each sample, it takes peak_gflops' place */
};

struct imx_bench_row {
    const struct imx_op *op;
    const char *direction; /* "forward", "backward-data", "backward-weights", "backward", or "" */
    char problem[192];
    char variant[64];
    int runs;                  /* samples behind the median */
    double ms, ms_min, ms_max; /* one execution: median and extremes of the samples */
    double gflops, gbps;       /* of the op's own arithmetic and arguments */
    double peak_gflops;        /* median of what was read between the samples; 0 without a meter */
    double of_limit;           /* limit's time / time, median of the samples; 0 when the limit is not known */
};

/* A problem of the model. */
struct imx_bench_case {
    const char *group; /* "gemm", "conv2d", "critic", "batchnorm", "pool2d", "layernorm", "adam" */
    const char *op, *direction;
    const void *problem; /* the struct of that op */
};

/* Median of n > 0 values, which are put in order. */
double imx_bench_median(double *value, int n);

/* Every problem, grouped, ends with group NULL. */
extern const struct imx_bench_case imx_bench_cases[];

/* Bytes of the arguments, each moved once (those that are read and written: twice). */
double imx_bench_bytes(const struct imx_op *op, const void *problem);

/* Memory for the op's arguments, inputs random, and scratch of ws bytes; released also after an error. */
IMX_MUST_CHECK imx_status imx_bench_prepare(struct imx_dev *dev, const struct imx_op *op, const void *problem,
                                            uint64_t ws, struct imx_args *args);
void imx_bench_release(struct imx_dev *dev, struct imx_args *args);
/* Seconds of one execution, over `inner` of them with one wait at the end. */
IMX_MUST_CHECK imx_status imx_bench_sample(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v,
                                           const void *problem, const struct imx_args *args, int inner,
                                           double *seconds);

/* Times one variant (NULL: the one that the device would use) with random inputs: warm-up, then at least 5 samples and
 * 0.2 s of them, fewer when a single one takes longer than half a second. Short ones are timed several to a sample, so
 * that the wait for the queue does not count. E_UNSUPPORTED when no variant runs this problem. */
IMX_MUST_CHECK imx_status imx_bench_run(struct imx_dev *dev, const struct imx_op *op, const void *problem,
                                        const struct imx_variant *variant, const struct imx_bench_limit *limit,
                                        struct imx_bench_row *row);

#endif
