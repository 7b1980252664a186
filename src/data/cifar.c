/* CIFAR-10 and CIFAR-100 in the binary form: records of label byte(s) and 3 planes of
 * 32x32. CIFAR-100 has a coarse and a fine label; the fine one is used. Files must be
 * whole records with labels in range. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
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

enum { SLICE = 256 }; /* records that a thread reads at once */

struct reading {
    const char *path;
    const struct cifar *kind;
    int fd;
    int32_t n;        /* records in this file */
    uint8_t *pix;     /* of its first image */
    int32_t *label;   /* [n]; below 0 where the file's label is out of range */
    atomic_int error; /* errno of a failed read; -1: the file ended early */
};

static void split_record(const uint8_t *restrict src, uint8_t *restrict dst)
{
    for (int p = 0; p < PLANE; p++) {
        dst[3 * p] = src[p];
        dst[3 * p + 1] = src[PLANE + p];
        dst[3 * p + 2] = src[2 * PLANE + p];
    }
}

/* 0, an errno, or -1 at an early end of the file. */
static int read_at(int fd, uint8_t *to, size_t size, off_t from)
{
    for (size_t got = 0; got < size;) {
        const ssize_t part = pread(fd, to + got, size - got, from + (off_t)got);
        if (!part)
            return -1;
        if (part < 0 && errno != EINTR)
            return errno;
        got += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

static void read_slice(void *user, int64_t i)
{
    struct reading *r = user;
    const size_t record = (size_t)r->kind->labels + PIXELS;
    const int32_t first = (int32_t)i * SLICE, n = r->n - first < SLICE ? r->n - first : SLICE;
    uint8_t *raw = malloc(record * (size_t)n);
    const int error = raw ? read_at(r->fd, raw, record * (size_t)n, (off_t)record * first) : ENOMEM;
    if (error)
        r->error = error;
    else
        for (int32_t k = 0; k < n; k++) {
            const uint8_t *src = raw + record * (size_t)k + r->kind->labels;
            r->label[first + k] = src[-1] < r->kind->classes ? src[-1] : -1 - src[-1];
            split_record(src, r->pix + (size_t)(first + k) * PIXELS);
        }
    free(raw);
}

/* Adds the file's images behind the *n that are there. */
static imx_status read_file(const char *dir, const char *name, const struct cifar *kind, struct imx_dataset *ds,
                            int32_t threads, int32_t *n)
{
    char path[4200];
    uint64_t bytes = 0;
    if (!imx_join(path, sizeof path, dir, name))
        return imx_fail(IMX_E_ARG, "the path of %s is too long", name);
    if (!imx_file_size(path, &bytes))
        return imx_fail(IMX_E_DATA, "%s went away while the set was read", path);
    const int64_t records = (int64_t)(bytes / ((size_t)kind->labels + PIXELS));
    struct reading r = {
        path,           kind, -1, (int32_t)(records < ds->n - *n ? records : ds->n - *n), ds->pix + (size_t)*n * PIXELS,
        ds->label + *n, 0
    };
    r.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return imx_io_fail("open", path);
    imx_parallel(threads, ((int64_t)r.n + SLICE - 1) / SLICE, read_slice, &r);
    close(r.fd);
    if (r.error == ENOMEM)
        return imx_fail(IMX_E_NOMEM, "out of memory while reading %s", path);
    if (r.error < 0)
        return imx_fail(IMX_E_IO, "%s became shorter while it was read", path);
    if (r.error) {
        errno = r.error;
        return imx_io_fail("read", path);
    }
    for (int32_t i = 0; i < r.n; i++)
        if (r.label[i] < 0)
            return imx_fail(IMX_E_FORMAT, "%s: image %d has label %d, and there are only %d classes: it is damaged",
                            path, i, -1 - r.label[i], kind->classes);
    *n += r.n;
    return IMX_OK;
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
        IMX_TRY(read_file(dir, *file, kind, ds, opt->threads, &n));
    if (n != ds->n)
        return imx_fail(IMX_E_IO, "%s became shorter while it was read", dir);
    IMX_TRY(imx_source_class_file(ds, dir, kind->names));
    return ds->classes > kind->classes ? imx_fail(IMX_E_FORMAT, "%s/%s has %d names for %d classes", dir, kind->names,
                                                  ds->classes, kind->classes)
                                       : IMX_OK;
}
