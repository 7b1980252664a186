/* NumPy files: .npy of uint8 images without labels, and .npz in the MedMNIST form (train_images,
 * train_labels, ...) or the Keras form (x_train, y_train, ...). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "data/source.h"
#include "data/unzip.h"
#include "io/npy.h"

static const uint64_t most = (uint64_t)1 << 40;

/* Fills n, h, w, c from a shape N,H,W or N,H,W,C and copies the pixels at `data`. */
static imx_status take_images(const char *path, const struct imx_npy *a, const uint8_t *data, struct imx_dataset *ds)
{
    const uint64_t c = a->rank == 4 ? a->shape[3] : 1;
    if (a->kind != 'u' || a->width != 1)
        return imx_fail(IMX_E_DATA, "%s holds %c%d, and images must be uint8 (0 to 255)", path, a->kind, a->width);
    if ((a->rank != 3 && a->rank != 4) || (c != 1 && c != 3))
        return imx_fail(IMX_E_DATA, "%s must have the shape N,H,W or N,H,W,C with C 1 or 3, and has rank %d%s", path,
                        a->rank,
                        a->rank == 4 && (a->shape[1] == 3 || a->shape[1] == 1)
                            ? ": transpose it from N,C,H,W with .transpose(0, 2, 3, 1)"
                            : "");
    if (a->fortran)
        return imx_fail(IMX_E_DATA, "%s is in Fortran order: save numpy.ascontiguousarray of it", path);
    if (a->shape[0] < 1 || a->shape[0] > 0x7fffffff || a->shape[1] < 4 || a->shape[2] < 4 || a->shape[1] > 4096 ||
        a->shape[2] > 4096)
        return imx_fail(IMX_E_DATA, "%s has %llu images of %llux%llu, and sides of 4 to 4096 are read", path,
                        (unsigned long long)a->shape[0], (unsigned long long)a->shape[2],
                        (unsigned long long)a->shape[1]);
    ds->n = (int32_t)a->shape[0];
    ds->h = ds->min_h = ds->max_h = (int32_t)a->shape[1];
    ds->w = ds->min_w = ds->max_w = (int32_t)a->shape[2];
    ds->c = (int32_t)c;
    ds->bits = 8;
    IMX_TRY(imx_source_room(ds));
    memcpy(ds->pix, data, (size_t)a->count);
    return IMX_OK;
}

imx_status imx_source_npy(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                          struct imx_dataset *ds)
{
    const size_t n = strlen(path);
    char *data = NULL;
    size_t bytes = 0;
    struct imx_npy a;
    (void)opt;
    if (n < 4 || strcmp(path + n - 4, ".npy"))
        return IMX_OK;
    *found = true;
    snprintf(ds->kind, sizeof ds->kind, "npy");
    if (part[0])
        return imx_fail(IMX_E_ARG, "%s has no parts, so there is no #%s", path, part);
    IMX_TRY(imx_file_read(path, most, &data, &bytes));
    imx_status status = imx_npy_parse(data, bytes, bytes, &a);
    if (status != IMX_OK)
        imx_note(status, "%s", path);
    else
        status = take_images(path, &a, (const uint8_t *)data + a.offset, ds);
    free(data);
    return status;
}

/* Labels of shape N or N,1; several labels per image (N,K) are left out with a line in the log. */
static imx_status take_labels(const char *path, const struct imx_npy *a, const uint8_t *data, struct imx_dataset *ds)
{
    bool ok = true;
    if (a->rank < 1 || a->shape[0] != (uint64_t)ds->n)
        return imx_fail(IMX_E_FORMAT, "%s has %llu labels for %d images", path,
                        (unsigned long long)(a->rank ? a->shape[0] : 0), ds->n);
    if (a->rank > 2 || (a->rank == 2 && a->shape[1] != 1)) {
        imx_log(IMX_LOG_WARN, "%s has several labels per image: they are not used", path);
        return IMX_OK;
    }
    for (int32_t i = 0; i < ds->n; i++) {
        const int64_t v = imx_npy_integer(a, data, (uint64_t)i, &ok);
        if (!ok || v < -1 || v > 999999)
            return imx_fail(IMX_E_FORMAT, "%s: the label of image %d is not a number from 0 to 999999", path, i);
        ds->label[i] = (int32_t)v;
    }
    return IMX_OK;
}

static int32_t find_member(const struct imx_zip *zip, const char *part, bool labels)
{
    char name[2][64];
    snprintf(name[0], sizeof name[0], "%.20s_%s.npy", part, labels ? "labels" : "images");
    snprintf(name[1], sizeof name[1], "%s_%.20s.npy", labels ? "y" : "x", part);
    const int32_t i = imx_zip_find(zip, name[0]);
    return i >= 0 ? i : imx_zip_find(zip, name[1]);
}

typedef imx_status take_fn(const char *path, const struct imx_npy *a, const uint8_t *data, struct imx_dataset *ds);

static imx_status read_member(const char *path, const struct imx_zip *zip, int32_t i, take_fn *take,
                              struct imx_dataset *ds)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    struct imx_npy a;
    IMX_TRY(imx_zip_read(zip, i, most, &data, &bytes));
    imx_status status = imx_npy_parse(data, bytes, bytes, &a);
    if (status != IMX_OK)
        imx_note(status, "%s, %s", path, imx_zip_name(zip, i));
    else
        status = take(path, &a, data + a.offset, ds);
    free(data);
    return status;
}

imx_status imx_source_npz(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                          struct imx_dataset *ds)
{
    const size_t n = strlen(path);
    struct imx_zip *zip = NULL;
    imx_status status = IMX_OK;
    (void)opt;
    if (n < 4 || strcmp(path + n - 4, ".npz"))
        return IMX_OK;
    *found = true;
    snprintf(ds->kind, sizeof ds->kind, "npz");
    part = part[0] ? part : "train";
    snprintf(ds->part, sizeof ds->part, "%.15s", part);
    IMX_TRY(imx_source_part(path, part, "train val test"));
    IMX_TRY(imx_zip_open(path, &zip));
    const int32_t images = find_member(zip, part, false), labels = find_member(zip, part, true);
    if (images < 0)
        IMX_GO(imx_fail(IMX_E_DATA, "%s has no %s_images: the MedMNIST form has train_images, train_labels and so on",
                        path, part));
    IMX_GO(read_member(path, zip, images, take_images, ds));
    if (labels >= 0)
        IMX_GO(read_member(path, zip, labels, take_labels, ds));
fail:
    imx_zip_close(zip);
    return status;
}
