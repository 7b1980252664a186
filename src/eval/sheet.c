/* See sheet.h. */
#include "eval/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "io/png_write.h"

enum { GAP = 4, APART = 16, READABLE = 64, MOST = 16384 };

imx_status imx_sheet_init(struct imx_sheet *s, int32_t rows, int32_t columns, int32_t h, int32_t w, int32_t c,
                          bool first_apart)
{
    *s = (struct imx_sheet){ .rows = rows, .columns = columns, .h = h, .w = w, .c = c, .first_apart = first_apart };
    s->scale = h < w ? (READABLE + h - 1) / h : (READABLE + w - 1) / w;
    const int64_t wide = (int64_t)columns * (w * s->scale + GAP) + GAP + (first_apart ? APART : 0);
    const int64_t high = (int64_t)rows * (h * s->scale + GAP) + GAP;
    if (wide > MOST || high > MOST)
        return imx_fail(IMX_E_ARG, "a sheet of %d rows and %d columns would be larger than %d pixels", rows, columns,
                        MOST);
    s->sheet_w = (int32_t)wide;
    s->sheet_h = (int32_t)high;
    s->pix = malloc((size_t)wide * (size_t)high * (size_t)c);
    if (!s->pix)
        return imx_fail(IMX_E_NOMEM, "no memory for a sheet of images");
    memset(s->pix, 255, (size_t)wide * (size_t)high * (size_t)c);
    return IMX_OK;
}

void imx_sheet_put(struct imx_sheet *s, int32_t row, int32_t column, const uint8_t *pix)
{
    const int64_t x0 = GAP + (int64_t)column * (s->w * s->scale + GAP) + (s->first_apart && column ? APART : 0);
    const int64_t y0 = GAP + (int64_t)row * (s->h * s->scale + GAP);
    for (int32_t y = 0; y < s->h * s->scale; y++)
        for (int32_t x = 0; x < s->w * s->scale; x++)
            memcpy(s->pix + ((y0 + y) * s->sheet_w + x0 + x) * s->c,
                   pix + ((int64_t)(y / s->scale) * s->w + x / s->scale) * s->c, (size_t)s->c);
}

imx_status imx_sheet_write(const struct imx_sheet *s, const char *path)
{
    return imx_png_write(path, s->sheet_w, s->sheet_h, s->c, s->pix);
}

void imx_sheet_finish(struct imx_sheet *s)
{
    free(s->pix);
    s->pix = NULL;
}
