/* The sheet of reconstructions, as an image inside the page. See report.h. */
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

imx_status imx_put_rebuilt(struct imx_text *t, const char *run)
{
    char path[4096], *data = NULL;
    size_t bytes = 0;
    if (!imx_join(path, sizeof path, run, IMX_REBUILT_FILE) || !imx_file_size(path, NULL))
        return IMX_OK;
    IMX_TRY(imx_file_read(path, 1 << 26, &data, &bytes));
    imx_text_put(t, "<h2>Reconstructions</h2>\n<figure><figcaption>Images of the run, and below each what the decoder "
                    "makes of its code</figcaption><img style=\"max-width:100%;image-rendering:pixelated\" "
                    "alt=\"originals above reconstructions\" src=\"data:image/png;base64,");
    put_base64(t, (const uint8_t *)data, bytes);
    imx_text_put(t, "\"></figure>\n");
    free(data);
    return IMX_OK;
}
