/* Sheets of images and what decoders make of their codes, as images inside the page. See report.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "eval/report.h"

static void put_base64(struct imx_text *t, const uint8_t *data, size_t bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        const size_t left = bytes - i;
        const uint32_t three = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)data[i + 2] : 0);
        const char four[4] = { digit[three >> 18], digit[three >> 12 & 63], left > 1 ? digit[three >> 6 & 63] : '=',
                               left > 2 ? digit[three & 63] : '=' };
        imx_text_add(t, four, 4);
    }
}

static imx_status put_sheet(struct imx_text *t, const char *run, const char *file, const char *title,
                            const char *caption)
{
    char path[4096], *data = NULL;
    size_t bytes = 0;
    if (!imx_join(path, sizeof path, run, file) || !imx_file_size(path, NULL))
        return IMX_OK;
    IMX_TRY(imx_file_read(path, 1 << 26, &data, &bytes));
    imx_text_printf(t, "<h2>%s</h2>\n<figure><figcaption>%s</figcaption>", title, caption);
    imx_text_put(t, "<img style=\"max-width:100%;image-rendering:pixelated\" alt=\"originals above what is drawn from "
                    "their codes\" src=\"data:image/png;base64,");
    put_base64(t, (const uint8_t *)data, bytes);
    imx_text_put(t, "\"></figure>\n");
    free(data);
    return IMX_OK;
}

imx_status imx_put_rebuilt(struct imx_text *t, const char *run)
{
    IMX_TRY(put_sheet(t, run, IMX_REBUILT_FILE, "Reconstructions",
                      "Images of the run, and below each what the decoder makes of its code"));
    return put_sheet(t, run, IMX_DRAWN_FILE, "Drawings from frozen codes",
                     "Test images, and below each what a decoder draws that measure trained on codes alone");
}
