/* 8-bit PNG files, written whole or not at all. */
#ifndef IMX_IO_PNG_WRITE_H
#define IMX_IO_PNG_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* pix [h, w, c], c 1 (grey) or 3 (colour). The same pixels give the same bytes. E_IO, E_NOMEM. */
IMX_MUST_CHECK imx_status imx_png_write(const char *path, int32_t w, int32_t h, int32_t c, const uint8_t *pix);

/* The same into memory (malloc, owned by the caller), for pages that carry their pictures. */
IMX_MUST_CHECK imx_status imx_png_encode(int32_t w, int32_t h, int32_t c, const uint8_t *pix, uint8_t **data,
                                         size_t *bytes);

#endif
