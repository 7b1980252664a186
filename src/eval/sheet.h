/* A contact sheet: images of one size in rows and columns, on white, enlarged by a whole factor when they are small. */
#ifndef IMX_EVAL_SHEET_H
#define IMX_EVAL_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct imx_sheet {
    int32_t rows, columns, h, w, c; /* of the grid; of an image */
    bool first_apart;               /* a wider gap behind the first column */
    int32_t scale, sheet_w, sheet_h;
    uint8_t *pix; /* [sheet_h, sheet_w, c] */
};

/* c 1 or 3. E_ARG: more than 16384 pixels in a side; E_NOMEM. imx_sheet_finish after success. */
IMX_MUST_CHECK imx_status imx_sheet_init(struct imx_sheet *s, int32_t rows, int32_t columns, int32_t h, int32_t w,
                                         int32_t c, bool first_apart);
/* pix [h,w,c] */
void imx_sheet_put(struct imx_sheet *s, int32_t row, int32_t column, const uint8_t *pix);
/* A PNG. */
IMX_MUST_CHECK imx_status imx_sheet_write(const struct imx_sheet *s, const char *path);
void imx_sheet_finish(struct imx_sheet *s);

#endif
