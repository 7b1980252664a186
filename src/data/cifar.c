/* CIFAR-10 and CIFAR-100 in the binary form: records of label byte(s) and 3 planes of
 * 32x32. CIFAR-100 has a coarse and a fine label; the fine one is used. Files must be
 * whole records with labels in range. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "data/source.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

struct cifar {
    int labels, classes; /* label bytes per record; classes of the last of them */
    const char *train[6], *test[2], *names;
};

static const struct cifar kinds[2] = {
    { 1,
      10,
      { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", NULL },
      { "test_batch.bin", NULL },
      "batches.meta.txt" },
    { 2, 100, { "train.bin", NULL }, { "test.bin", NULL }, "fine_label_names.txt" },
};

static bool there(const char *dir, const char *name)
{
    char path[4200];
    uint64_t bytes;
    return imx_join(path, sizeof path, dir, name) && imx_file_size(path, &bytes);
}

/* Counts the records of the files and makes sure that each is whole. */
static imx_status count_records(const char *dir, const char *const *file, int labels, int64_t *count)
{
    *count = 0;
    for (; *file; file++) {
        char path[4200];
        uint64_t bytes = 0;
        const uint64_t record = (uint64_t)labels + PIXELS;
        if (!imx_join(path, sizeof path, dir, *file) || !imx_file_size(path, &bytes))
            return imx_fail(IMX_E_DATA, "%s is missing in %s", *file, dir);
        if (bytes == 0 || bytes % record)
            return imx_fail(IMX_E_FORMAT,
                            "%s has %llu bytes, which is not a whole number of records "
                            "of %llu bytes: it is damaged",
                            path, (unsigned long long)bytes, (unsigned long long)record);
        *count += (int64_t)(bytes / record);
    }
    return *count > 0x7fffffff ? imx_fail(IMX_E_DATA, "%s has more than 2^31 images", dir) : IMX_OK;
}

static imx_status read_file(const char *dir, const char *name, const struct cifar *kind, struct imx_dataset *ds,
                            int32_t *n)
{
    char path[4200];
    uint8_t record[2 + PIXELS];
    imx_status status = IMX_OK;
    const size_t bytes = (size_t)kind->labels + PIXELS;
    if (!imx_join(path, sizeof path, dir, name))
        return imx_fail(IMX_E_ARG, "the path of %s is too long", name);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return imx_io_fail("open", path);
    for (int32_t i = 0; *n < ds->n && fread(record, 1, bytes, f) == bytes; i++, (*n)++) {
        const uint8_t *src = record + kind->labels;
        uint8_t *dst = ds->pix + (size_t)*n * PIXELS;
        const int label = src[-1];
        if (label >= kind->classes) {
            status = imx_fail(IMX_E_FORMAT, "%s: image %d has label %d, and there are only %d classes: it is damaged",
                              path, i, label, kind->classes);
            break;
        }
        ds->label[*n] = label;
        for (int p = 0; p < PLANE; p++)
            for (int k = 0; k < 3; k++)
                dst[3 * p + k] = src[k * PLANE + p];
    }
    if (status == IMX_OK && ferror(f))
        status = imx_io_fail("read", path);
    fclose(f);
    return status;
}

/* The folder itself, or the one that the official archive unpacks in it. */
static const struct cifar *recognise(const char *path, char *dir, size_t size)
{
    static const char *const inner[] = { ".", "cifar-10-batches-bin", "cifar-100-binary" };
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        if (i ? !imx_join(dir, size, path, inner[i]) : snprintf(dir, size, "%s", path) >= (int)size)
            continue;
        if (there(dir, "data_batch_1.bin") || there(dir, "test_batch.bin"))
            return &kinds[0];
        if (there(dir, "fine_label_names.txt") && (there(dir, "train.bin") || there(dir, "test.bin")))
            return &kinds[1];
    }
    return NULL;
}

imx_status imx_source_cifar(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                            struct imx_dataset *ds)
{
    char dir[4200];
    int64_t count;
    int32_t n = 0;
    const struct cifar *kind = recognise(path, dir, sizeof dir);
    (void)opt;
    if (!kind)
        return IMX_OK;
    *found = true;
    snprintf(ds->kind, sizeof ds->kind, "cifar%d", kind->classes);
    if (!part[0])
        part = there(dir, kind->train[0]) ? "train" : "test";
    IMX_TRY(imx_source_part(path, part, "train test"));
    snprintf(ds->part, sizeof ds->part, "%s", part);
    const char *const *file = strcmp(part, "train") ? kind->test : kind->train;
    IMX_TRY(count_records(dir, file, kind->labels, &count));
    if (count != (strcmp(part, "train") ? 10000 : 50000))
        imx_log(IMX_LOG_WARN, "%s has %lld images in #%s, not as many as the official set", path, (long long)count,
                part);
    ds->n = (int32_t)count;
    ds->h = ds->w = ds->min_w = ds->max_w = ds->min_h = ds->max_h = SIDE;
    ds->c = 3;
    ds->bits = 8;
    IMX_TRY(imx_source_room(ds));
    for (; *file; file++)
        IMX_TRY(read_file(dir, *file, kind, ds, &n));
    if (n != ds->n)
        return imx_fail(IMX_E_IO, "%s became shorter while it was read", dir);
    IMX_TRY(imx_source_class_file(ds, dir, kind->names));
    return ds->classes > kind->classes ? imx_fail(IMX_E_FORMAT, "%s/%s has %d names for %d classes", dir, kind->names,
                                                  ds->classes, kind->classes)
                                       : IMX_OK;
}
