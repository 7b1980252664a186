/* A training run: data, step, metrics, checkpoints, and the way back after an interruption. */
#ifndef IMX_TRAIN_RUN_H
#define IMX_TRAIN_RUN_H

#include "data/dataset.h"
#include "train/config.h"
#include "train/step.h"

/* What the caller is told while a run goes on. */
struct imx_run_report {
    uint64_t step, steps;   /* done, and of the whole run */
    double epoch, loss, mi; /* epoch with its fraction; loss of the last step */
    double images_per_s;    /* since the last report */
    double seconds, left;   /* of this run over all its sessions; estimate of what is left */
    double waited;          /* fraction of the time since the last report that the device waited for data */
};

struct imx_run_hooks {
    const volatile int *stop; /* non-zero: finish the step, write a checkpoint, return E_STOPPED; may be NULL */
    bool (*save)(void);       /* true once: write a checkpoint and go on; may be NULL */
    void (*report)(void *user, const struct imx_run_report *r);
    void *user;
};

struct imx_run_result {
    uint64_t steps;
    double loss, seconds; /* mean loss of the last report, NaN: none yet; training time over all sessions */
    bool idle;            /* nothing was left to do */
    double waited;        /* fraction of this session that the device waited for data */
    uint64_t peak_bytes, lower_bound_bytes;
};

/* Trains into the folder `run` (exists, may be empty) until epochs or max_time are over. A set that is unsummed is
 * summed while the first steps are made, or before them when they go on from a checkpoint. resume: goes on from the
 * newest checkpoint that is whole; without one it begins anew. E_STOPPED: stopped by *stop, a checkpoint is written.
 * E_NONFINITE: that step's update was not made, the newest checkpoint stays. E_DATA on resume: the images are not
 * those of the run. */
IMX_MUST_CHECK imx_status imx_run(struct imx_dev *dev, const struct imx_config *c, struct imx_dataset *ds,
                                  const char *run, bool resume, const struct imx_run_hooks *hooks,
                                  struct imx_run_result *result);

#endif
