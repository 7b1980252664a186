/* IDX pairs, the form of MNIST and its family: images ...images-idx3-ubyte and labels ...labels-idx1-ubyte,
 * either packed with gzip or not. Magic numbers 0x803 (n, h, w) and 0x801 (n), big endian. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "base/file.h"
#include "data/source.h"

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Where "images-idx3" (or with a dot) stands in a name, NULL when it does not. */
static char *mark(char *name)
{
    char *p = strstr(name, "images-idx3");
    return p ? p : strstr(name, "images.idx3");
}

static bool is_test(const char *name)
{
    return strstr(name, "t10k") || strstr(name, "test");
}

/* The file of images of that part in a folder; "" when there is none, E_DATA when there are several. */
static imx_status find_images(const char *dir, bool test, char *file, size_t size)
{
    struct dirent *e;
    DIR *d = opendir(dir);
    file[0] = 0;
    if (!d)
        return imx_io_fail("open", dir);
    imx_status status = IMX_OK;
    while (status == IMX_OK && (errno = 0, e = readdir(d))) {
        if (e->d_name[0] == '.' || !mark(e->d_name) || is_test(e->d_name) != test)
            continue;
        if (file[0]) {
            const size_t n = strlen(file), m = strlen(dir) + 1 + strlen(e->d_name);
            /* The same file packed and not: either will do, the plain one is faster. */
            const bool same = m + 3 == n || n + 3 == m;
            if (!same)
                status = imx_fail(IMX_E_DATA, "%s holds several IDX sets: name the file of images itself", dir);
            else if (m < n)
                snprintf(file, size, "%s/%s", dir, e->d_name);
        } else if (snprintf(file, size, "%s/%s", dir, e->d_name) >= (int)size) {
            status = imx_fail(IMX_E_ARG, "the path of %s is too long", e->d_name);
        }
    }
    if (status == IMX_OK && errno)
        status = imx_io_fail("read", dir);
    closedir(d);
    return status;
}

static imx_status read_exactly(gzFile f, const char *path, void *dst, uint64_t n)
{
    uint8_t *to = dst;
    while (n) {
        const int got = gzread(f, to, n < (1u << 30) ? (unsigned)n : 1u << 30);
        int code;
        if (got <= 0)
            return imx_fail(IMX_E_FORMAT, "%s is damaged: %s", path, got < 0 ? gzerror(f, &code) : "it ends early");
        to += got;
        n -= (uint64_t)got;
    }
    return IMX_OK;
}

/* The end of the data, which for gzip includes its checksum. */
static imx_status read_end(gzFile f, const char *path)
{
    uint8_t more;
    int code = 0;
    const int got = gzread(f, &more, 1);
    const char *why = gzerror(f, &code);
    if (got > 0 || code != Z_OK)
        return imx_fail(IMX_E_FORMAT, "%s is damaged: %s", path, got > 0 ? "it is longer than it says" : why);
    return IMX_OK;
}

static imx_status read_images(const char *path, struct imx_dataset *ds)
{
    uint8_t head[16];
    struct stat st;
    imx_status status = IMX_OK;
    gzFile f = gzopen(path, "rbe");
    if (!f || stat(path, &st)) {
        const imx_status failed = imx_io_fail("open", path);
        if (f)
            gzclose(f);
        return failed;
    }
    IMX_GO(read_exactly(f, path, head, sizeof head));
    const uint64_t n = be32(head + 4), h = be32(head + 8), w = be32(head + 12);
    if (be32(head) != 0x803)
        IMX_GO(imx_fail(IMX_E_FORMAT, "%s is not an IDX file of images (it begins with %08x)", path, be32(head)));
    if (n < 1 || n > 0x7fffffff || h < 4 || w < 4 || h > 4096 || w > 4096 || n * h * w > (uint64_t)st.st_size * 1032)
        IMX_GO(imx_fail(IMX_E_FORMAT, "%s says that it has %llu images of %llux%llu, which cannot be", path,
                        (unsigned long long)n, (unsigned long long)w, (unsigned long long)h));
    ds->n = (int32_t)n;
    ds->h = ds->min_h = ds->max_h = (int32_t)h;
    ds->w = ds->min_w = ds->max_w = (int32_t)w;
    ds->c = 1;
    ds->bits = 8;
    IMX_GO(imx_source_room(ds));
    IMX_GO(read_exactly(f, path, ds->pix, n * h * w));
    IMX_GO(read_end(f, path));
fail:
    gzclose(f);
    return status;
}

static imx_status read_labels(const char *path, struct imx_dataset *ds)
{
    uint8_t head[8];
    imx_status status = IMX_OK;
    gzFile f = gzopen(path, "rbe");
    uint8_t *y = malloc((size_t)ds->n);
    if (!f || !y)
        IMX_GO(!y ? imx_fail(IMX_E_NOMEM, "out of memory for %d labels", ds->n) : imx_io_fail("open", path));
    IMX_GO(read_exactly(f, path, head, sizeof head));
    if (be32(head) != 0x801 || be32(head + 4) != (uint32_t)ds->n)
        IMX_GO(imx_fail(IMX_E_FORMAT, "%s does not hold the labels of %d images", path, ds->n));
    IMX_GO(read_exactly(f, path, y, (uint64_t)ds->n));
    IMX_GO(read_end(f, path));
    for (int32_t i = 0; i < ds->n; i++)
        ds->label[i] = y[i];
fail:
    free(y);
    if (f)
        gzclose(f);
    return status;
}

imx_status imx_source_idx(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                          struct imx_dataset *ds)
{
    char file[4300], *at;
    struct stat st;
    (void)opt;
    if (stat(path, &st))
        return IMX_OK;
    if (S_ISDIR(st.st_mode)) {
        bool test = !strcmp(part, "test");
        IMX_TRY(find_images(path, test, file, sizeof file));
        if (!file[0] && !part[0]) {
            test = true;
            IMX_TRY(find_images(path, test, file, sizeof file));
        }
        if (!file[0] && part[0] && strcmp(part, "train") && !test)
            return IMX_OK;
        if (!file[0])
            return IMX_OK;
        snprintf(ds->part, sizeof ds->part, "%s", test ? "test" : "train");
    } else {
        char copy[4300];
        snprintf(copy, sizeof copy, "%s", path);
        at = strrchr(copy, '/');
        if (!mark(at ? at : copy))
            return IMX_OK;
        snprintf(file, sizeof file, "%s", path);
    }
    *found = true;
    snprintf(ds->kind, sizeof ds->kind, "idx");
    if (part[0])
        IMX_TRY(imx_source_part(path, part, "train test"));
    IMX_TRY(read_images(file, ds));
    char *slash = strrchr(file, '/');
    at = mark(slash ? slash : file);
    memcpy(at, "labels", 6);
    memcpy(at + 7, "idx1", 4);
    if (stat(file, &st)) { /* the other of the pair may be packed differently */
        const size_t n = strlen(file);
        if (n > 3 && !strcmp(file + n - 3, ".gz"))
            file[n - 3] = 0;
        else if (n + 4 < sizeof file)
            memcpy(file + n, ".gz", 4);
    }
    return stat(file, &st) ? IMX_OK : read_labels(file, ds);
}
