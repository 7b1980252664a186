/* Opening by recognition, and what every set gets afterwards: one size, one channel
 * count, mean, deviation, class counts and a hash. Sums are integers and the hash is one
 * over fixed chunks, so that neither depends on the number of threads. */
#include "data/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "data/scale.h"
#include "data/source.h"

enum { CHUNK = 256 }; /* images per hash; part of the hash's definition */

void imx_dataset_destroy(struct imx_dataset *ds)
{
    if (!ds)
        return;
    for (int32_t i = 0; ds->path && i < ds->n; i++)
        free(ds->path[i]);
    for (int32_t i = 0; i < ds->classes; i++)
        free(ds->class[i].name);
    for (int32_t i = 0; i < ds->unreadables; i++) {
        free(ds->unreadable[i].path);
        free(ds->unreadable[i].why);
    }
    free(ds->pix);
    free(ds->label);
    free(ds->path);
    free(ds->class);
    free(ds->unreadable);
    free(ds);
}

void imx_dataset_name(const struct imx_dataset *ds, int32_t i, char *text, size_t size)
{
    if (ds->path)
        snprintf(text, size, "%s", ds->path[i]);
    else
        snprintf(text, size, "%d", i);
}

imx_status imx_source_room(struct imx_dataset *ds)
{
    const double bytes = (double)ds->n * ds->h * ds->w * ds->c;
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (memory > 0 && bytes > 0.9 * memory)
        return imx_fail(IMX_E_NOMEM,
                        "%d images of %dx%dx%d need %.1f GB, and this machine has %.1f "
                        "GB: use a smaller --size",
                        ds->n, ds->h, ds->w, ds->c, bytes / 1e9, memory / 1e9);
    const size_t size = (size_t)ds->n * (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    ds->pix = imx_huge_pages(malloc(size), size);
    ds->label = malloc((size_t)ds->n * sizeof *ds->label);
    if (!ds->pix || !ds->label)
        return imx_fail(IMX_E_NOMEM, "out of memory for %d images of %dx%dx%d (%.1f GB)", ds->n, ds->h, ds->w, ds->c,
                        bytes / 1e9);
    for (int32_t i = 0; i < ds->n; i++)
        ds->label[i] = -1;
    return IMX_OK;
}

imx_status imx_source_class(struct imx_dataset *ds, const char *name, size_t bytes)
{
    struct imx_class *grown = realloc(ds->class, ((size_t)ds->classes + 1) * sizeof *grown);
    if (grown)
        ds->class = grown;
    char *copy = grown ? strndup(name, bytes) : NULL;
    if (!copy)
        return imx_fail(IMX_E_NOMEM, "out of memory for the class names");
    ds->class[ds->classes++] = (struct imx_class){ copy, 0 };
    return IMX_OK;
}

imx_status imx_source_class_file(struct imx_dataset *ds, const char *dir, const char *name)
{
    char path[4096], line[256];
    imx_status status = IMX_OK;
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return IMX_OK;
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? IMX_OK : imx_io_fail("open", path);
    while (status == IMX_OK && ds->classes < 1000 && fgets(line, sizeof line, f)) {
        const size_t bytes = strcspn(line, "\r\n");
        if (bytes)
            status = imx_source_class(ds, line, bytes);
    }
    if (status == IMX_OK && ferror(f))
        status = imx_io_fail("read", path);
    fclose(f);
    return status;
}

imx_status imx_source_number_classes(struct imx_dataset *ds)
{
    int32_t most = -1;
    for (int32_t i = 0; i < ds->n; i++)
        most = ds->label[i] > most ? ds->label[i] : most;
    if (most >= 1000000)
        return imx_fail(IMX_E_DATA, "a label is %d: labels must count from 0", most);
    while (ds->classes <= most) {
        char name[16];
        snprintf(name, sizeof name, "%d", ds->classes);
        IMX_TRY(imx_source_class(ds, name, strlen(name)));
    }
    return IMX_OK;
}

imx_status imx_source_part(const char *path, const char *part, const char *known)
{
    const size_t bytes = strlen(part);
    for (const char *p = known; (p = strstr(p, part)); p += bytes)
        if ((p == known || p[-1] == ' ') && (p[bytes] == ' ' || !p[bytes]))
            return IMX_OK;
    return imx_fail(IMX_E_ARG, "%s has no part #%s; there are: %s", path, part, known);
}

imx_status imx_source_unreadable(struct imx_dataset *ds, const char *path, const char *why)
{
    struct imx_unreadable *grown = realloc(ds->unreadable, ((size_t)ds->unreadables + 1) * sizeof *grown);
    if (grown)
        ds->unreadable = grown;
    struct imx_unreadable u = { grown ? strdup(path) : NULL, grown ? strdup(why) : NULL };
    if (!u.path || !u.why) {
        free(u.path);
        free(u.why);
        return imx_fail(IMX_E_NOMEM, "out of memory for the list of unreadable files");
    }
    ds->unreadable[ds->unreadables++] = u;
    imx_log(IMX_LOG_WARN, "left out %s: %s", path, why);
    return IMX_OK;
}

struct chunk {
    uint64_t sum[4], square[4];
    unsigned char digest[32];
};

struct summary {
    const struct imx_dataset *ds;
    struct chunk *chunk;
};

enum { LANES = 12 }; /* a multiple of every number of channels */

/* Sums and sums of squares per channel of n values. Lane by lane, which the compiler turns into vectors, in blocks that
 * are short enough for 32 bits. */
static void sum_values(const uint8_t *v, size_t n, int32_t channels, struct chunk *c)
{
    enum { BLOCK = LANES << 12 };
    for (size_t from = 0; from < n; from += BLOCK) {
        const size_t to = from + BLOCK < n ? from + BLOCK : n;
        uint32_t sum[LANES] = { 0 }, square[LANES] = { 0 };
        size_t i = from;
        for (; i + LANES <= to; i += LANES)
            for (int k = 0; k < LANES; k++) {
                sum[k] += v[i + k];
                square[k] += (uint32_t)v[i + k] * v[i + k];
            }
        for (int k = 0; i < to; i++, k++) {
            sum[k] += v[i];
            square[k] += (uint32_t)v[i] * v[i];
        }
        for (int k = 0; k < LANES; k++) {
            c->sum[k % channels] += sum[k];
            c->square[k % channels] += square[k];
        }
    }
}

static void summarise_chunk(void *user, int64_t i)
{
    const struct summary *s = user;
    const struct imx_dataset *ds = s->ds;
    struct chunk *c = &s->chunk[i];
    struct imx_sha256 sha;
    const int64_t from = i * CHUNK, to = from + CHUNK < ds->n ? from + CHUNK : ds->n;
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    const uint8_t *pix = ds->pix + (size_t)from * image;
    imx_sha256_init(&sha);
    for (int64_t j = from; j < to; j++) {
        const uint32_t label = (uint32_t)ds->label[j];
        const unsigned char b[4] = { (unsigned char)label, (unsigned char)(label >> 8), (unsigned char)(label >> 16),
                                     (unsigned char)(label >> 24) };
        imx_sha256_add(&sha, b, sizeof b);
    }
    imx_sha256_add(&sha, pix, (size_t)(to - from) * image);
    imx_sha256_end(&sha, c->digest);
    sum_values(pix, (size_t)(to - from) * image, ds->c, c);
}

static void count_classes(struct imx_dataset *ds)
{
    for (int32_t i = 0; i < ds->n; i++)
        if (ds->label[i] >= 0)
            ds->class[ds->label[i]].images++;
}

imx_status imx_dataset_sum(struct imx_dataset *ds, int32_t threads)
{
    const int64_t chunks = ((int64_t)ds->n + CHUNK - 1) / CHUNK;
    struct summary s = { ds, calloc((size_t)chunks, sizeof *s.chunk) };
    uint64_t sum[4] = { 0 }, square[4] = { 0 };
    struct imx_sha256 sha;
    char head[96], hex[65];
    if (!s.chunk)
        return imx_fail(IMX_E_NOMEM, "out of memory for the sums of %d images", ds->n);
    imx_parallel(threads, chunks, summarise_chunk, &s);
    imx_sha256_init(&sha);
    snprintf(head, sizeof head, "infomax pixels 1: %d %d %d %d\n", ds->n, ds->h, ds->w, ds->c);
    imx_sha256_add(&sha, head, strlen(head));
    for (int64_t i = 0; i < chunks; i++) {
        imx_sha256_add(&sha, s.chunk[i].digest, 32);
        for (int32_t k = 0; k < ds->c; k++) {
            sum[k] += s.chunk[i].sum[k];
            square[k] += s.chunk[i].square[k];
        }
    }
    imx_sha256_hex(&sha, hex);
    memcpy(ds->hash, hex, sizeof ds->hash - 1);
    const double count = (double)ds->n * ds->h * ds->w;
    for (int32_t k = 0; k < ds->c; k++) {
        const double mean = (double)sum[k] / count;
        const double var = (double)square[k] / count - mean * mean;
        ds->mean[k] = mean / 255;
        ds->std[k] = sqrt(var > 0 ? var : 0) / 255;
    }
    free(s.chunk);
    return IMX_OK;
}

struct reshape {
    const struct imx_dataset *ds;
    uint8_t *dst;
    int32_t size, c;
    bool *failed;
};

static void reshape_image(void *user, int64_t i)
{
    const struct reshape *r = user;
    const struct imx_dataset *ds = r->ds;
    const size_t square = (size_t)r->size * (size_t)r->size;
    const uint8_t *src = ds->pix + (size_t)i * (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    uint8_t *mid = malloc(square * (size_t)ds->c);
    if (!mid || imx_scale_square(src, ds->w, ds->h, ds->c, r->size, mid) != IMX_OK)
        r->failed[i] = true;
    else
        imx_convert_channels(mid, ds->c, r->dst + (size_t)i * square * (size_t)r->c, r->c, (int64_t)square);
    free(mid);
}

/* Brings a set that was stored as one array to the size and channels asked for. */
static imx_status reshape(struct imx_dataset *ds, const struct imx_dataset_options *opt)
{
    const int32_t size = opt->size ? opt->size : ds->h < ds->w ? ds->h : ds->w;
    const int32_t c = opt->channels ? opt->channels : ds->c;
    imx_status status = IMX_OK;
    if ((!opt->size || (size == ds->h && size == ds->w)) && c == ds->c)
        return IMX_OK;
    if (!opt->size && ds->h != ds->w) { /* only the channels change */
        uint8_t *flat = malloc((size_t)ds->n * (size_t)ds->h * (size_t)ds->w * (size_t)c);
        if (!flat)
            return imx_fail(IMX_E_NOMEM, "out of memory while converting %d images to %d channels", ds->n, c);
        imx_convert_channels(ds->pix, ds->c, flat, c, (int64_t)ds->n * ds->h * ds->w);
        free(ds->pix);
        ds->pix = flat;
        ds->c = c;
        return IMX_OK;
    }
    struct reshape r = { ds, malloc((size_t)ds->n * (size_t)size * (size_t)size * (size_t)c), size, c,
                         calloc((size_t)ds->n, 1) };
    if (r.dst && r.failed)
        imx_parallel(opt->threads, ds->n, reshape_image, &r);
    bool failed = !r.dst || !r.failed;
    for (int32_t i = 0; !failed && i < ds->n; i++)
        failed = r.failed[i];
    if (failed) {
        status = imx_fail(IMX_E_NOMEM, "out of memory while scaling %d images to %dx%dx%d", ds->n, size, size, c);
        free(r.dst);
    } else {
        free(ds->pix);
        ds->pix = r.dst;
        ds->h = ds->w = size;
        ds->c = c;
    }
    free(r.failed);
    return status;
}

/* Splits "path#part" unless something of the whole name exists. */
static imx_status split_part(const char *whole, char *path, size_t size, const char **part)
{
    struct stat st;
    if (snprintf(path, size, "%s", whole) >= (int)size)
        return imx_fail(IMX_E_ARG, "the path is longer than %zu bytes", size - 1);
    *part = "";
    if (stat(path, &st)) {
        char *hash = strrchr(path, '#');
        if (hash) {
            *hash = 0;
            *part = hash + 1;
        }
    }
    if (!path[0] || stat(path, &st))
        return imx_fail(IMX_E_DATA, "there is no file or folder %s", path[0] ? path : whole);
    return IMX_OK;
}

static imx_status check_options(const struct imx_dataset_options *o)
{
    if (o->size && (o->size < 4 || o->size > 2048))
        return imx_fail(IMX_E_ARG, "size %d: images of 4 to 2048 pixels are possible", o->size);
    if (o->channels != 0 && o->channels != 1 && o->channels != 3)
        return imx_fail(IMX_E_ARG, "channels %d: 1 (grey) or 3 (colour) are possible", o->channels);
    if (o->depth && (o->depth < 8 || o->depth > 16))
        return imx_fail(IMX_E_ARG, "depth %d: 8 to 16 bits are possible", o->depth);
    return IMX_OK;
}

imx_status imx_dataset_open(const char *path, const struct imx_dataset_options *options, struct imx_dataset **out)
{
    static imx_source_fn *const source[] = { imx_source_cifar, imx_source_stl, imx_source_idx,
                                             imx_source_npy,   imx_source_npz, imx_source_folder };
    const struct imx_dataset_options none = { 0 };
    const struct imx_dataset_options *opt = options ? options : &none;
    char plain[4096];
    const char *part = "";
    bool found = false;
    *out = NULL;
    IMX_TRY(check_options(opt));
    IMX_TRY(split_part(path, plain, sizeof plain, &part));
    struct imx_dataset *ds = calloc(1, sizeof *ds);
    imx_status status = ds ? IMX_OK : imx_fail(IMX_E_NOMEM, "out of memory");
    for (size_t i = 0; status == IMX_OK && !found && i < sizeof source / sizeof *source; i++)
        status = source[i](plain, part, opt, &found, ds);
    if (status == IMX_OK && !found)
        status = imx_fail(IMX_E_DATA,
                          "%s is no data set that infomax knows: a folder of images, a "
                          "CIFAR or STL-10 binary folder, "
                          "an IDX pair, .npy or .npz",
                          plain);
    if (status == IMX_OK)
        status = reshape(ds, opt);
    if (status == IMX_OK)
        status = imx_source_number_classes(ds);
    if (status == IMX_OK && !opt->unsummed)
        status = imx_dataset_sum(ds, opt->threads);
    if (status != IMX_OK) {
        imx_dataset_destroy(ds);
        return status;
    }
    count_classes(ds);
    *out = ds;
    return IMX_OK;
}

imx_status imx_dataset_crop(struct imx_dataset *ds, int32_t side, int32_t threads)
{
    const size_t row = (size_t)ds->w * (size_t)ds->c, part = (size_t)side * (size_t)ds->c;
    const size_t skip = (size_t)((ds->h - side) / 2) * row + (size_t)((ds->w - side) / 2) * (size_t)ds->c;
    if (!side || (side == ds->h && side == ds->w))
        return IMX_OK;
    if (side < 0 || side > ds->h || side > ds->w)
        return imx_fail(IMX_E_ARG, "a part of %dx%d pixels does not fit into images of %dx%d", side, side, ds->w,
                        ds->h);
    uint8_t *to = ds->pix; /* never ahead of what is still to be read */
    for (int32_t i = 0; i < ds->n; i++)
        for (int32_t y = 0; y < side; y++, to += part)
            memmove(to, ds->pix + (size_t)i * (size_t)ds->h * row + skip + (size_t)y * row, part);
    uint8_t *pix = realloc(ds->pix, (size_t)(to - ds->pix));
    ds->pix = pix ? pix : ds->pix;
    ds->h = ds->w = side;
    return *ds->hash ? imx_dataset_sum(ds, threads) : IMX_OK;
}

imx_status imx_dataset_of_pixels(uint8_t *pix, int32_t *label, int32_t n, int32_t h, int32_t w, int32_t c,
                                 struct imx_dataset **out)
{
    struct imx_dataset *ds = calloc(1, sizeof *ds);
    imx_status status = IMX_OK;
    *out = NULL;
    if (!ds || n < 1 || h < 1 || w < 1 || (c != 1 && c != 3)) {
        free(pix);
        free(label);
        free(ds);
        return ds ? imx_fail(IMX_E_ARG, "%d images of %dx%dx%d are no data set", n, h, w, c)
                  : imx_fail(IMX_E_NOMEM, "out of memory");
    }
    *ds = (struct imx_dataset){ .kind = "drawn",
                                .n = n,
                                .h = h,
                                .w = w,
                                .c = c,
                                .pix = pix,
                                .label = label,
                                .bits = 8,
                                .min_w = w,
                                .max_w = w,
                                .min_h = h,
                                .max_h = h };
    if (!label) {
        ds->label = malloc((size_t)n * sizeof *ds->label);
        if (!ds->label)
            IMX_GO(imx_fail(IMX_E_NOMEM, "out of memory for %d labels", n));
        for (int32_t i = 0; i < n; i++)
            ds->label[i] = -1;
    }
    IMX_GO(imx_source_number_classes(ds));
    IMX_GO(imx_dataset_sum(ds, 0));
    count_classes(ds);
    *out = ds;
    return IMX_OK;
fail:
    imx_dataset_destroy(ds);
    return status;
}
