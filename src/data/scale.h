/* Scaling and channel conversion of 8-bit images. */
#ifndef IMX_DATA_SCALE_H
#define IMX_DATA_SCALE_H

#include <stdint.h>

#include "base/status.h"

/* dst [size, size, c] = the centred square of the shorter side of src [h, w, c], by a
 * triangle filter that widens with the reduction (so it does not alias); an exact copy
 * when nothing changes. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_scale_square(const uint8_t *src, int32_t w, int32_t h, int32_t c, int32_t size,
                                           uint8_t *dst);

/* pixels pixels from sc to dc channels (1 or 3 each): grey is repeated, colour becomes
 * luma (.299 .587 .114). src and dst may be the same when dc <= sc. */
void imx_convert_channels(const uint8_t *src, int32_t sc, uint8_t *dst, int32_t dc, int64_t pixels);

#endif
