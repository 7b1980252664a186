/* The single decoders behind picture.h; not for use outside this room. Each fills w, h, c, bits, pix;
 * orientation and full size are picture.c's. */
#ifndef IMX_DATA_PICTURE_PARTS_H
#define IMX_DATA_PICTURE_PARTS_H

#include "data/picture.h"

typedef imx_status imx_picture_fn(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                                  struct imx_picture *p, int *orientation);
imx_picture_fn imx_picture_jpeg, imx_picture_png, imx_picture_pnm;
/* BMP, TGA and PSD through stb_image; E_DATA "this build cannot read..." without it. */
imx_picture_fn imx_picture_stb;

/* E_DATA when an image of that size cannot be in a file of that many bytes or is beyond the limits. */
IMX_MUST_CHECK imx_status imx_picture_plausible(uint64_t w, uint64_t h, uint64_t bytes);
/* A sample of `bits` bits or with the largest value max -> 0..255, rounded. */
static inline uint8_t imx_picture_level(uint32_t v, uint32_t max)
{
    return (uint8_t)(v >= max ? 255 : (v * 255u + max / 2) / max);
}
/* The value that becomes white for samples of 16 bits in a file whose own largest value is max. */
static inline uint32_t imx_picture_white(const struct imx_picture_options *opt, uint32_t max)
{
    return opt->depth ? (1u << opt->depth) - 1 : max;
}
/* The orientation (1 to 8) in a TIFF structure as EXIF has it; 1 when there is none or it is damaged. */
int imx_picture_exif(const uint8_t *tiff, size_t bytes);

#endif
