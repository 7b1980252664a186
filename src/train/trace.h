/* A few training steps written down tensor by tensor, for comparing with another framework or device. */
#ifndef IMX_TRAIN_TRACE_H
#define IMX_TRAIN_TRACE_H

#include "data/dataset.h"
#include "train/config.h"
#include "train/step.h"

struct imx_trace_options {
    const char *init; /* safetensors with every parameter by its name; running statistics may be missing (then
                         mean 0, variance 1). NULL: the weights that the seed draws */
    int64_t steps;
    bool ends; /* gradients of the first step and parameters after the last one only */
    void (*report)(void *user, int64_t step, float loss); /* after each step; may be NULL */
    void *user;
};

/* Step k trains on images k*batch .. k*batch+batch-1 of the set, unchanged. Writes
 *   init/NAME         parameters and running statistics before the first step
 *   image/STEP        what the encoder saw, N,C,H,W
 *   loss/STEP         scalar, of the weights before the update
 *   grad/STEP/NAME    its gradients
 *   param/STEP/NAME   parameters and running statistics after the update
 * as float32 in PyTorch's layouts. The values are written as the steps are made, nothing is held in memory.
 * E_DATA: too few images; E_FORMAT: init does not fit the network; E_NONFINITE: a step's loss or gradient is
 * not finite; E_ARG: so many tensors that a header of 1 MiB does not name them. On any error the file is as
 * it was before. */
IMX_MUST_CHECK imx_status imx_trace(struct imx_dev *dev, const struct imx_config *c, const struct imx_dataset *ds,
                                    const struct imx_trace_options *o, const char *path);

#endif
