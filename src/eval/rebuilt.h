/* What is left of images that went through encoder and decoder of a run (objectives that rebuild images): a sheet with
 * originals above their reconstructions. */
#ifndef IMX_EVAL_REBUILT_H
#define IMX_EVAL_REBUILT_H

#include "nn/decoder.h"

/* A run's networks: weights names a safetensors file with both, as a checkpoint is. */
struct imx_rebuilder {
    const struct imx_encoder *encoder;
    const struct imx_decoder *decoder;
    const char *weights;
    int32_t h, w, c; /* images as trained on */
};

/* Sends n images bytes [n,h,w,c] through code y (of a variational encoder: mu) and back into dst [n,h,w,c]; batch norm
 * uses its running statistics. E_FORMAT: the weights are of other networks. */
IMX_MUST_CHECK imx_status imx_rebuild(struct imx_dev *dev, const struct imx_rebuilder *r, const uint8_t *bytes,
                                      int32_t n, uint8_t *dst);

/* Writes a PNG: 16 of the n images at pix [n,h,w,c], evenly spread, in two rows of eight (fewer when there are fewer),
 * each with its reconstruction below; small images are magnified. */
IMX_MUST_CHECK imx_status imx_rebuilt_sheet(struct imx_dev *dev, const struct imx_rebuilder *r, const uint8_t *pix,
                                            int32_t n, const char *path);

#endif
