/* A run's encoder, as the commands that use its features see it: RUN/config.toml says which network, RUN/env.json at
 * what image size it was trained, RUN/encoder.safetensors holds the weights. */
#ifndef IMX_TOOLS_TRAINED_H
#define IMX_TOOLS_TRAINED_H

#include "data/dataset.h"
#include "eval/encode.h"
#include "eval/results.h"
#include "objectives/objective.h"
#include "train/config.h"

/* Images as they are stored, of which networks see the middle, crop x crop, or all (0). */
struct imx_stored {
    int32_t h, w, c, crop;
};

struct imx_trained {
    const char *run; /* borrowed */
    struct imx_config config;
    const struct imx_encoder *encoder;
    const struct imx_objective *objective;
    int32_t h, w, c; /* images as the encoder sees them */
    struct imx_stored stored;
    char weights[IMX_WEIGHTS_NAME]; /* which they are: rows of results say so (eval/results.h) */
};

/* E_ARG: no run; E_FORMAT, E_DATA: its files are damaged or too old. imx_trained_close after success. */
IMX_MUST_CHECK imx_status imx_trained_open(const char *run, struct imx_trained *t);
void imx_trained_close(struct imx_trained *t);

/* Opens images at the size that the run was trained on, with progress, and takes of them what the encoder sees. E_DATA
 * when they cannot be had at that size. */
IMX_MUST_CHECK imx_status imx_trained_data(const struct imx_trained *t, const char *path, struct imx_dataset **out);

/* The same for `whom` ("the encoder of RUN"), who was trained on images stored so. */
IMX_MUST_CHECK imx_status imx_sized_data(const char *path, const struct imx_stored *size, bool strict, int64_t threads,
                                         const char *whom, struct imx_dataset **out);

/* Members of a row of results: "untrained", and "encoder", the name of trained weights that have one. */
void imx_trained_json(const struct imx_trained *t, bool untrained, struct imx_json *j);

/* The path of the run's encoder.safetensors, which exists; E_ARG. */
IMX_MUST_CHECK imx_status imx_trained_weights(const struct imx_trained *t, char path[4096]);

/* The run's encoder on a device; untrained: the same network as drawn from the run's seed, before its first step. */
IMX_MUST_CHECK imx_status imx_trained_encoder(const struct imx_trained *t, struct imx_dev *dev, bool untrained,
                                              struct imx_encode **out);

/* Allocates [n, width] for each wanted feature and encodes pix [n,h,w,c], with a progress bar under `title`; a signal
 * stops it (E_STOPPED). out[f] is NULL where not wanted and after a failure; the caller frees each. */
IMX_MUST_CHECK imx_status imx_trained_features(struct imx_encode *e, const char *title, const uint8_t *pix, int64_t n,
                                               const bool want[IMX_FEATURE_COUNT], float *out[IMX_FEATURE_COUNT]);

/* Allocates [n, classes] and fills it with a classifier's logits, in the same manner. */
IMX_MUST_CHECK imx_status imx_trained_logits(struct imx_encode *e, const char *title, const uint8_t *pix, int64_t n,
                                             float **logits);

#endif
