/* One image file -> 8-bit pixels, or a reason why not. JPEG (libjpeg), PNG (libpng), PGM/PPM/PBM (own), and
 * where the build has stb_image BMP, TGA and PSD. A file that ends early or is corrupt is refused, never half
 * decoded. */
#ifndef IMX_DATA_PICTURE_H
#define IMX_DATA_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Limits that hold before anything is decoded. The last is the most that any supported compression can reach:
 * 1032:1 of deflate, 8 one-bit pixels per byte. */
enum {
    IMX_PICTURE_SIDE = 16384,
    IMX_PICTURE_AREA = 64 * 1024 * 1024,
    IMX_PICTURE_PER_BYTE = 8256,
    IMX_PICTURE_FILE = 512 * 1024 * 1024,
};

struct imx_picture {
    int32_t w, h;           /* of pix, upright (EXIF orientation applied) */
    int32_t full_w, full_h; /* of the file, upright; larger when a JPEG was decoded at reduced size */
    int32_t c;              /* 1 grey, 3 colour; transparency is laid over black */
    int32_t bits;           /* per sample in the file */
    uint16_t most;          /* the largest sample when bits > 8 */
    uint8_t *pix;           /* [h, w, c]; owned, imx_picture_finish */
};

struct imx_picture_options {
    int32_t depth; /* significant bits of images deeper than 8 bits: 2^depth - 1 becomes white; 0: as the file
                      says */
    int32_t least; /* a JPEG may be decoded at 1/2, 1/4 or 1/8 as long as its shorter side stays this long; 0:
                      never */
};

/* Whether the bytes begin like a format that this build reads (16 bytes are enough); TGA has no such mark. */
bool imx_picture_known(const uint8_t *head, size_t bytes);

/* Decodes a file in memory. E_DATA with the reason (no path in it) when it cannot be read whole; E_NOMEM.
 * `tga`: the file is called .tga. p need not be initialised and owns nothing after a failure. */
IMX_MUST_CHECK imx_status imx_picture_decode(const uint8_t *data, size_t bytes, bool tga,
                                             const struct imx_picture_options *opt, struct imx_picture *p);
/* Frees pix. */
void imx_picture_finish(struct imx_picture *p);

#endif
