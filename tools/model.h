/* A classifier of images in one safetensors file, as finetune writes it and predict reads it: the encoder's tensors up
 * to the layer of the head, as in encoder.safetensors, "head.hidden.{weight,bias}", "head.bn.*" (without a hidden layer
 * neither) and "head.out.{weight,bias}"; in its metadata encoder, layer, classifier (mlp, linear), context (true: as
 * cpc trains the encoder), height, width, channels, where these are of the middle of larger images stored-height and
 * stored-width, and classes, a JSON array of names. */
#ifndef IMX_TOOLS_MODEL_H
#define IMX_TOOLS_MODEL_H

#include "data/dataset.h"
#include "eval/encode.h"
#include "io/safetensors.h"
#include "trained.h"

struct imx_model {
    const struct imx_encoder *encoder;
    struct imx_head head;
    int32_t h, w, c; /* images as the encoder sees them */
    struct imx_stored stored;
    struct imx_class *class; /* [head.classes]: names */
    /* of one that was opened: */
    struct imx_safetensors *file;
    struct imx_store *store;
    struct imx_encode *encode;
};

/* store: as trained. E_IO. */
IMX_MUST_CHECK imx_status imx_model_save(const char *path, struct imx_store *store, const struct imx_model *m);

/* Reads the file; E_FORMAT: damaged, or no such file. imx_model_close after success. */
IMX_MUST_CHECK imx_status imx_model_open(const char *path, struct imx_model *m);
/* Makes ->encode on a device. */
IMX_MUST_CHECK imx_status imx_model_start(struct imx_model *m, struct imx_dev *dev);
/* A zeroed one is fine. */
void imx_model_close(struct imx_model *m);

#endif
