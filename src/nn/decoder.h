/* Decoders, described in data: code -> image (dim_method 6.1). A linear map makes a small map of the code, batch norm
 * and ReLU follow; each step up is a transposed convolution k4 s2 p1 that doubles the side, batch norm, ReLU; a 3x3
 * convolution without bias and tanh end in [-1, 1], where the images are (imx_encoder_range). */
#ifndef IMX_NN_DECODER_H
#define IMX_NN_DECODER_H

#include "nn/encoder.h"

enum { IMX_DECODER_UPS = 6 };

struct imx_decoder {
    const char *name;
    int32_t size;                /* image side it was made for; any of at least 2 to the number of steps up will do */
    int32_t start;               /* channels of the first map */
    int32_t up[IMX_DECODER_UPS]; /* channels behind each step up; ends with 0 when shorter */
};

extern const struct imx_decoder imx_decoders[]; /* ends with name NULL */
/* The named one; for "auto" the one of the encoder's name, or else the one that was made for images of this side. NULL
 * with the error recorded, and the names that exist, when there is none. */
const struct imx_decoder *imx_decoder_find(const char *name, const struct imx_encoder *e, int32_t side);

/* Adds the decoder to the graph: code [n, units] -> image [n, h, w, c] in [-1, 1]. Parameters "decoder.fc1.weight",
 * "decoder.up{1..}.weight" (as ConvTranspose2d), "decoder.bn{1..}.*", "decoder.out.weight". Sides that halving does not
 * leave even get their odd pixel by output padding; E_ARG where height and width would need different ones, and for
 * several codes per image. */
struct imx_map imx_decoder_build(struct imx_build *b, const struct imx_decoder *d, struct imx_map code, int32_t h,
                                 int32_t w, int32_t c);

#endif
