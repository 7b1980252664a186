/* The search for the fastest right variant of each problem on a device.
 *
 * Everything that touches the device happens in a child process, which is given so long to build a candidate's programs
 * and so long to run it: one that hangs or crashes costs a line, and the next one gets a new child. A problem's
 * candidates are the variants that support it and, for those with tunables, sets of numbers found by changing one at a
 * time. The fastest ones are then timed against what the device does by itself, in alternation; a candidate wins when
 * it is faster by the margin in the median of the pairs, and only after its results were verified: small problems
 * against the oracle, on that very problem, as the self-test does; large problems   on that very problem against the
 * device's own choice (exact ops: to the bit), and against the oracle on the problems of the self-test. What was chosen
 * is put into the table and the file at once, so an interruption loses one problem. */
#ifndef IMX_OPS_TUNE_H
#define IMX_OPS_TUNE_H

#include "ops/tuned.h"

struct imx_tune_problem {
    const struct imx_op *op;
    _Alignas(8) unsigned char problem[IMX_TUNED_PROBLEM];
    int times; /* how often a step runs it */
    double ms; /* one execution, before tuning */
};

struct imx_tune_list {
    struct imx_tune_problem *at; /* freed by the owner of the list */
    int n;
};

/* Adds the problem, or counts it if it is there, and those that its variants run inside. */
IMX_MUST_CHECK imx_status imx_tune_add(struct imx_tune_list *list, const struct imx_op *op, const void *problem);

/* What became of a problem. */
struct imx_tune_result {
    const struct imx_tune_problem *problem;
    const struct imx_choice *choice;   /* what the table says now */
    const struct imx_variant *without; /* what the device would use */
    bool changed;                      /* another variant or other numbers than that */
    int tried, failed;                 /* candidates; those that crashed, hung, did not build or were wrong */
};

struct imx_tune_options {
    const char *device; /* as in imx_dev_open */
    double max_time;    /* seconds, from the call on; at least the problems are listed. 0: no limit */
    double margin;      /* a candidate must be faster by this fraction; 0: 0.03 */
    double build_limit; /* seconds for a candidate's programs and first run; 0: 60 */
    double run_limit;   /* seconds for its timing and its verification; 0: 60 */
    bool half;          /* variants that store in half precision may win, in a table of their own */
    bool again;         /* also problems that the table knows */
    bool keep;          /* writes the device's file in the cache folder */
    const volatile int *stop;
    /* In the child, with the device open: lists the problems. */
    imx_status (*collect)(struct imx_dev *dev, void *user, struct imx_tune_list *list);
    /* In the parent: the device is open (why: how it was chosen), the problems are known, a problem is done. May be
     * NULL. */
    void (*begin)(void *user, const struct imx_caps *caps, const char *why, const struct imx_tune_list *list,
                  const char *path);
    void (*tell)(void *user, const struct imx_tune_result *result);
    void *user;
};

struct imx_tune_summary {
    struct imx_caps caps;
    char path[4096];              /* of the file; "" when none is written */
    int problems, single;         /* given; with only one way to do them */
    int known, searched, changed; /* in the table before; searched now; where something else than the default won */
    int left;                     /* not reached in time */
    int tried, failed;            /* candidates */
    double before_ms, after_ms;   /* of the searched problems, each as often as a step runs it */
    struct imx_tuned *table;      /* owned by the caller (free); NULL on the host */
};

/* E_STOPPED when *stop became non-zero: what was found is in the table and the file. Must come before the first OpenCL
 * call of the process. */
IMX_MUST_CHECK imx_status imx_tune_run(const struct imx_tune_options *options, struct imx_tune_summary *summary);

#endif
