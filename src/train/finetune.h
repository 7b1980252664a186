/* Training with labels: a classifier on an encoder, both trained by cross-entropy (objectives/supervised.c), from a
 * run's weights (semi-supervised fine-tuning) or from drawn ones (fully supervised), on the images that have a label
 * (dim_method 7.1, 8.2). Adam with a falling rate (ops/optim.h). */
#ifndef IMX_TRAIN_FINETUNE_H
#define IMX_TRAIN_FINETUNE_H

#include "data/dataset.h"
#include "train/config.h"
#include "train/step.h"

struct imx_finetune {
    const struct imx_config *config; /* of the run, with the seed, batch, augmentation, rate and decay wanted here */
    const struct imx_encoder *encoder;
    struct imx_head head;
    const char *weights;     /* a file with the encoder's, as encoder.safetensors; NULL: drawn from the seed */
    const int32_t *labelled; /* [n_labelled] images of the set to learn from, each with a label */
    int32_t n_labelled;      /* batches are no larger */
    uint64_t epochs, steps;  /* passes over these images; steps at least: the larger counts */
    bool (*progress)(void *user, uint64_t step, uint64_t steps, double loss); /* false: stop; may be NULL */
    void *user;
};

/* Trains and hands over network and weights in *out (imx_step_destroy), for use with the store alone: parameters
 * "encoder.*" up to the head's layer and "head.*". *loss (may be NULL): mean of the last tenth of the steps. E_STOPPED
 * by progress; E_NONFINITE; E_DATA: fewer than two labelled images or classes; E_ARG: no such layer; E_FORMAT: weights
 * of another encoder. */
IMX_MUST_CHECK imx_status imx_finetune(struct imx_dev *dev, const struct imx_finetune *how,
                                       const struct imx_dataset *ds, struct imx_step **out, double *loss);

/* Steps that it takes. */
uint64_t imx_finetune_steps(const struct imx_finetune *how);

#endif
