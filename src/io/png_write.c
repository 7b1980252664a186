/* Through libpng's simplified interface, which has no longjmp for the caller to handle; without a fixed
 * palette or colour profile. Files are not synced: they are results that can be made again. */
#include "io/png_write.h"

#include <png.h>
#include <stdlib.h>

#include "base/file.h"

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
    uint8_t *data = NULL;
    size_t bytes = 0;
    struct imx_atomic *f = NULL;
    IMX_TRY(imx_png_encode(w, h, c, pix, &data, &bytes));
    imx_status status = imx_atomic_create(path, &f);
    if (status == IMX_OK) {
        status = imx_atomic_write(f, data, bytes);
        if (status == IMX_OK)
            status = imx_atomic_commit_quick(f);
        else
            imx_atomic_abandon(f);
    }
    free(data);
    return status;
}
