/* An encoder as an ONNX model. */
#ifndef IMX_NN_ENCODER_ONNX_H
#define IMX_NN_ENCODER_ONNX_H

#include "io/safetensors.h"
#include "nn/encoder.h"

struct imx_encoder_onnx {
    int32_t h, w, c; /* of the images */
    bool real;       /* input f32 [N, c, h, w] in [-1, 1] in place of u8 [N, c, h, w] with the scaling inside */
    bool to_local;   /* ends at the local map, which is all that some objectives train */
    const struct imx_st_pair *meta;
    size_t n_meta;
};

/* Writes the model: input "image"; outputs "conv" [N, C, H, W] (flattened it is what `infomax embed --layer conv`
 * writes), "fc" [N, units] where the encoder has it, "y" [N, 64] or [N, C, g, g], for any N. Weights are those of
 * encoder.safetensors. E_FORMAT: one is missing or has another shape; E_ARG: the images are too small; E_IO, E_NOMEM.
 */
IMX_MUST_CHECK imx_status imx_encoder_onnx(const struct imx_encoder *e, const struct imx_safetensors *weights,
                                           const struct imx_encoder_onnx *o, const char *path);

#endif
