/* Through libpng's simplified interface, which has no longjmp for the caller to handle; without a fixed
 * palette or colour profile. Files are written without fsync: they are results that can be made again. */
#include "io/png_write.h"

#include <errno.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

imx_status imx_png_encode(int32_t w, int32_t h, int32_t c, const uint8_t *pix, uint8_t **data, size_t *bytes)
{
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32)w,
                        .height = (png_uint_32)h,
                        .format = c == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB,
                        .flags = PNG_IMAGE_FLAG_FAST };
    *data = NULL;
    *bytes = 0;
    if (w < 1 || h < 1 || (c != 1 && c != 3))
        return imx_fail(IMX_E_ARG, "a PNG of %dx%d with %d channels is not possible", w, h, c);
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *buf = malloc(size);
    if (!buf)
        return imx_fail(IMX_E_NOMEM, "out of memory for a PNG of %dx%d", w, h);
    if (!png_image_write_to_memory(&image, buf, &size, 0, pix, 0, NULL)) {
        const imx_status status = imx_fail(IMX_E_INTERNAL, "libpng: %s", image.message);
        png_image_free(&image);
        free(buf);
        return status;
    }
    *data = buf;
    *bytes = size;
    return IMX_OK;
}

imx_status imx_png_write(const char *path, int32_t w, int32_t h, int32_t c, const uint8_t *pix)
{
    char temp[4200];
    uint8_t *data;
    size_t bytes;
    if (snprintf(temp, sizeof temp, "%s.part%ld", path, (long)getpid()) >= (int)sizeof temp)
        return imx_fail(IMX_E_ARG, "the path of the PNG is too long");
    IMX_TRY(imx_png_encode(w, h, c, pix, &data, &bytes));
    FILE *f = fopen(temp, "wbe");
    bool ok = f && fwrite(data, 1, bytes, f) == bytes;
    int why = errno;
    free(data);
    if (f && fclose(f) && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(temp, path)) {
        ok = false;
        why = errno;
    }
    if (ok)
        return IMX_OK;
    if (f)
        unlink(temp);
    return imx_fail(IMX_E_IO, "cannot write %s: %s", path, strerror(why));
}
