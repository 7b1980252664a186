/* STL-10 in the binary form: X files of 3 planes of 96x96 stored column by column, y files of labels 1 to 10.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/source.h"

enum { SIDE = 96, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

static imx_status read_images(const char *path, struct imx_dataset *ds)
{
    static const size_t pixels = PIXELS;
    imx_status status = IMX_OK;
    uint8_t *src = malloc(pixels);
    FILE *f = src ? fopen(path, "rbe") : NULL;
    if (!f) {
        status = src ? imx_fail(IMX_E_IO, "cannot open %s: %s", path, strerror(errno))
                     : imx_fail(IMX_E_NOMEM, "out of memory");
        free(src);
        return status;
    }
    for (int32_t i = 0; status == IMX_OK && i < ds->n; i++) {
        uint8_t *dst = ds->pix + (size_t)i * pixels;
        if (fread(src, 1, pixels, f) != pixels)
            status = imx_fail(IMX_E_IO, "cannot read %s: %s", path, ferror(f) ? strerror(errno) : "it ends early");
        for (int y = 0; status == IMX_OK && y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int k = 0; k < 3; k++)
                    dst[(y * SIDE + x) * 3 + k] = src[k * PLANE + x * SIDE + y];
    }
    fclose(f);
    free(src);
    return status;
}

static imx_status read_labels(const char *path, struct imx_dataset *ds)
{
    char *y = NULL;
    size_t bytes = 0;
    imx_status status = imx_file_read(path, (uint64_t)1 << 31, &y, &bytes);
    if (status == IMX_OK && bytes != (size_t)ds->n)
        status = imx_fail(IMX_E_FORMAT, "%s has %zu labels for %d images: it is damaged", path, bytes, ds->n);
    for (int32_t i = 0; status == IMX_OK && i < ds->n; i++) {
        const int v = (uint8_t)y[i];
        if (v < 1 || v > 10)
            status =
                imx_fail(IMX_E_FORMAT, "%s: label %d of image %d is not one of 1 to 10: it is damaged", path, v, i);
        ds->label[i] = v - 1;
    }
    free(y);
    return status;
}

imx_status imx_source_stl(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                          struct imx_dataset *ds)
{
    static const char *const inner[] = { "", "stl10_binary/" }, *const name[] = { "train", "test", "unlabeled" };
    char dir[4200], x[4300], y[4300];
    uint64_t bytes = 0;
    (void)opt;
    for (size_t i = 0; i < 6 && !*found; i++) {
        snprintf(dir, sizeof dir, "%s/%s", path, inner[i / 3]);
        snprintf(x, sizeof x, "%s%s_X.bin", dir, name[i % 3]);
        if (!imx_file_size(x, &bytes))
            continue;
        *found = true;
        part = part[0] ? part : name[i % 3];
    }
    if (!*found)
        return IMX_OK;
    snprintf(ds->kind, sizeof ds->kind, "stl10");
    IMX_TRY(imx_source_part(path, part, "train test unlabeled"));
    snprintf(ds->part, sizeof ds->part, "%s", part);
    snprintf(x, sizeof x, "%s%s_X.bin", dir, part);
    snprintf(y, sizeof y, "%s%s_y.bin", dir, part);
    if (!imx_file_size(x, &bytes))
        return imx_fail(IMX_E_DATA, "%s is missing", x);
    if (bytes == 0 || bytes % PIXELS || bytes / PIXELS > 0x7fffffff)
        return imx_fail(IMX_E_FORMAT, "%s has %llu bytes, which is not a whole number of images: it is damaged", x,
                        (unsigned long long)bytes);
    ds->n = (int32_t)(bytes / PIXELS);
    ds->h = ds->w = ds->min_w = ds->max_w = ds->min_h = ds->max_h = SIDE;
    ds->c = 3;
    ds->bits = 8;
    IMX_TRY(imx_source_room(ds));
    IMX_TRY(read_images(x, ds));
    if (!strcmp(part, "unlabeled"))
        return IMX_OK;
    IMX_TRY(read_labels(y, ds));
    IMX_TRY(imx_source_class_file(ds, dir, "class_names.txt"));
    return ds->classes > 10 ? imx_fail(IMX_E_FORMAT, "%sclass_names.txt has more than 10 names", dir) : IMX_OK;
}
