/* A folder tree of image files. The tree is walked first (links are followed, but not in circles), the paths
 * sorted by their bytes, then the files are decoded by several threads, each into its own place; what could
 * not be read is closed up at the end, so that the result does not depend on the threads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/picture.h"
#include "data/scale.h"
#include "data/source.h"

enum { DEPTH = 64, PROBED = 64, NATIVE = 128, USUAL = 64 };

struct tree {
    char **path; /* relative to root */
    int32_t n, room;
    char root[4096];
    struct {
        dev_t dev;
        ino_t ino;
    } above[DEPTH]; /* the folders from the root to here, to see circles */
};

static const char *ending(const char *path)
{
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    return dot ? dot + 1 : "";
}

static bool ends_in(const char *path, const char *list)
{
    const char *end = ending(path);
    const size_t n = strlen(end);
    for (const char *p = list; n && *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && !strncasecmp(p, end, n))
            return true;
    return false;
}

/* Whether a file is meant to be an image: by its ending, otherwise by its first bytes. Formats that are
 * images but are not read here count, so that they are named instead of vanishing. */
static bool looks_like_image(const char *full)
{
    uint8_t head[16];
    if (ends_in(full, "jpg jpeg jpe jfif png pgm ppm pbm pnm bmp dib tga psd "
                      "gif webp tif tiff heic avif jp2 dcm"))
        return true;
    if (ends_in(full, "txt csv tsv json xml html md npy npz gz zip tar bin"))
        return false;
    const int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    return n > 0 && imx_picture_known(head, (size_t)n);
}

static imx_status add_path(struct tree *t, const char *relative)
{
    if (t->n == t->room) {
        const int32_t room = t->room ? 2 * t->room : 1024;
        char **grown = room > 0 ? realloc(t->path, (size_t)room * sizeof *grown) : NULL;
        if (!grown)
            return imx_fail(IMX_E_NOMEM, "out of memory for the paths of %d images", t->n);
        t->path = grown;
        t->room = room;
    }
    t->path[t->n] = strdup(relative);
    return t->path[t->n] ? (t->n++, IMX_OK) : imx_fail(IMX_E_NOMEM, "out of memory for the paths of the images");
}

static imx_status walk(struct tree *t, const char *relative, int depth)
{
    char full[8192], below[4096];
    imx_status status = IMX_OK;
    struct stat st;
    struct dirent *e;
    snprintf(full, sizeof full, "%s/%s", t->root, relative);
    DIR *dir = opendir(full);
    if (!dir || fstat(dirfd(dir), &st)) {
        const int why = errno;
        if (dir)
            closedir(dir);
        errno = why;
        if (!relative[0] || why == ENOMEM || why == EMFILE || why == ENFILE)
            return imx_io_fail("open", full);
        imx_log(IMX_LOG_WARN, "left out the folder %s: %s", relative, strerror(errno));
        return IMX_OK;
    }
    t->above[depth].dev = st.st_dev;
    t->above[depth].ino = st.st_ino;
    while (status == IMX_OK && (errno = 0, e = readdir(dir))) {
        if (e->d_name[0] == '.' || !strcmp(e->d_name, "__MACOSX"))
            continue;
        if (snprintf(below, sizeof below, "%s%s%s", relative, relative[0] ? "/" : "", e->d_name) >= (int)sizeof below)
            continue;
        snprintf(full, sizeof full, "%s/%s", t->root, below);
        if (stat(full, &st)) {
            imx_log(IMX_LOG_WARN, "left out %s: %s", below, strerror(errno));
            continue;
        }
        bool circle = depth + 1 >= DEPTH;
        for (int i = 0; S_ISDIR(st.st_mode) && i <= depth; i++)
            circle = circle || (t->above[i].dev == st.st_dev && t->above[i].ino == st.st_ino);
        if (S_ISDIR(st.st_mode) && !circle)
            status = walk(t, below, depth + 1);
        else if (S_ISREG(st.st_mode) && looks_like_image(full))
            status = add_path(t, below);
    }
    if (status == IMX_OK && errno)
        status = imx_io_fail("read", t->root);
    closedir(dir);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What became of one file. */
struct verdict {
    char *why;
    imx_status status;
    int32_t w, h, bits;
    bool colour;
    uint16_t most;
};

struct loading {
    const struct tree *t;
    const struct imx_dataset_options *opt;
    struct imx_dataset *ds; /* NULL while probing */
    struct verdict *verdict;
    pthread_mutex_t lock;
    uint64_t done;
};

static imx_status read_picture(const struct loading *l, int64_t i, int32_t size, struct imx_picture *p)
{
    char full[8192], *data = NULL;
    size_t bytes = 0;
    const char *path = l->t->path[i];
    /* A quarter more than needed is decoded before the last reduction: no visible loss. */
    const struct imx_picture_options o = { .depth = l->opt->depth, .least = size + size / 4 };
    snprintf(full, sizeof full, "%s/%s", l->t->root, path);
    IMX_TRY(imx_file_read(full, IMX_PICTURE_FILE, &data, &bytes));
    const imx_status status = imx_picture_decode((const uint8_t *)data, bytes, ends_in(path, "tga"), &o, p);
    free(data);
    return status;
}

static bool stopped(const struct imx_dataset_options *opt)
{
    return opt->stop && atomic_load(opt->stop);
}

static void load_one(void *user, int64_t i)
{
    struct loading *l = user;
    struct verdict *v = &l->verdict[i];
    struct imx_dataset *ds = l->ds;
    struct imx_picture p = { 0 };
    if (stopped(l->opt))
        return;
    v->status = read_picture(l, i, ds ? ds->w : 0, &p);
    if (v->status == IMX_OK) {
        *v = (struct verdict){ .w = p.full_w, .h = p.full_h, .bits = p.bits, .colour = p.c == 3, .most = p.most };
        if (ds) {
            const size_t square = (size_t)ds->w * (size_t)ds->w;
            uint8_t *dst = ds->pix + (size_t)i * square * (size_t)ds->c, *mid = malloc(square * 3);
            v->status = mid ? imx_scale_square(p.pix, p.w, p.h, p.c, ds->w, mid)
                            : imx_fail(IMX_E_NOMEM, "out of memory for an image of %dx%d", p.w, p.h);
            if (v->status == IMX_OK)
                imx_convert_channels(mid, p.c, dst, ds->c, (int64_t)square);
            free(mid);
        }
    }
    if (v->status != IMX_OK)
        v->why = strdup(imx_error_text());
    imx_picture_finish(&p);
    if (ds && l->opt->progress) {
        pthread_mutex_lock(&l->lock);
        l->opt->progress(l->opt->user, ++l->done, (uint64_t)l->t->n);
        pthread_mutex_unlock(&l->lock);
    }
}

/* The side that images get when none is asked for. */
static imx_status choose_size(struct loading *l, int32_t *size)
{
    const int32_t n = l->t->n < PROBED ? l->t->n : PROBED;
    struct verdict *v = calloc((size_t)n, sizeof *v);
    int32_t side = 0;
    if (!v)
        return imx_fail(IMX_E_NOMEM, "out of memory");
    l->verdict = v;
    imx_parallel(l->opt->threads, n, load_one, l);
    imx_status status = IMX_OK;
    for (int32_t i = 0; i < n; i++) {
        if (v[i].status == IMX_E_NOMEM) /* another size than the images' own would come out */
            status = imx_fail(IMX_E_NOMEM, "%s: %s", l->t->path[i], v[i].why ? v[i].why : "out of memory");
        if (v[i].status == IMX_OK && side == 0)
            side = v[i].w;
        if (v[i].status == IMX_OK && (v[i].w != side || v[i].h != side || side > NATIVE || side < 4))
            side = -1;
        free(v[i].why);
    }
    free(v);
    l->verdict = NULL;
    *size = side > 0 ? side : USUAL;
    return status;
}

/* The class of a path is its first folder; classes are made in the order of the paths. */
static imx_status classify(const struct tree *t, struct imx_dataset *ds)
{
    for (int32_t i = 0; i < t->n; i++) {
        const char *slash = strchr(t->path[i], '/');
        if (!slash)
            continue;
        const size_t bytes = (size_t)(slash - t->path[i]);
        /* "a-b/x" sorts before "a/x" but after "a" would: names that share a beginning may come back. */
        int32_t k = ds->classes - 1;
        while (k >= 0 && (strncmp(ds->class[k].name, t->path[i], bytes) || ds->class[k].name[bytes]))
            k--;
        if (k < 0) {
            IMX_TRY(imx_source_class(ds, t->path[i], bytes));
            k = ds->classes - 1;
        }
        ds->label[i] = k;
    }
    return IMX_OK;
}

/* Closes the gaps of unreadable files; paths move from the tree to the set. */
static imx_status close_up(struct tree *t, struct verdict *v, const struct imx_dataset_options *opt,
                           struct imx_dataset *ds)
{
    const size_t image = (size_t)ds->w * (size_t)ds->w * (size_t)ds->c;
    const int32_t total = ds->n;
    uint16_t most = 0;
    ds->path = calloc((size_t)total, sizeof *ds->path);
    ds->n = 0;
    if (!ds->path)
        return imx_fail(IMX_E_NOMEM, "out of memory for the paths of %d images", total);
    for (int32_t i = 0; i < total; i++) {
        const int32_t n = ds->n;
        if (v[i].status != IMX_OK) {
            const char *why = v[i].why ? v[i].why : imx_status_text(v[i].status);
            if (v[i].status == IMX_E_NOMEM || opt->strict)
                return imx_fail(v[i].status == IMX_E_NOMEM ? IMX_E_NOMEM : IMX_E_DATA, "%s: %s", t->path[i], why);
            IMX_TRY(imx_source_unreadable(ds, t->path[i], why));
            continue;
        }
        if (n != i)
            memcpy(ds->pix + (size_t)n * image, ds->pix + (size_t)i * image, image);
        ds->label[n] = ds->label[i];
        ds->path[n] = t->path[i];
        t->path[i] = NULL;
        ds->n++;
        ds->min_w = n && ds->min_w < v[i].w ? ds->min_w : v[i].w;
        ds->min_h = n && ds->min_h < v[i].h ? ds->min_h : v[i].h;
        ds->max_w = ds->max_w > v[i].w ? ds->max_w : v[i].w;
        ds->max_h = ds->max_h > v[i].h ? ds->max_h : v[i].h;
        ds->bits = ds->bits > v[i].bits ? ds->bits : v[i].bits;
        most = most > v[i].most ? most : v[i].most;
    }
    if (ds->n && ds->bits == 16 && !opt->depth && most < 16384) {
        int depth = 8;
        while (most >> depth)
            depth++;
        imx_log(IMX_LOG_WARN, "no sample of the 16-bit images is above %u, so they come out dark: --depth %d", most,
                depth);
    }
    return IMX_OK;
}

static imx_status load(struct tree *t, const struct imx_dataset_options *opt, struct imx_dataset *ds)
{
    struct loading l = { .t = t, .opt = opt, .lock = PTHREAD_MUTEX_INITIALIZER };
    imx_status status = IMX_OK;
    int32_t size = opt->size;
    bool colour = false;
    if (!size)
        IMX_TRY(choose_size(&l, &size));
    ds->n = t->n;
    ds->w = ds->h = size;
    ds->c = opt->channels ? opt->channels : 3;
    IMX_TRY(imx_source_room(ds));
    IMX_TRY(classify(t, ds));
    struct verdict *v = l.verdict = calloc((size_t)t->n, sizeof *v);
    if (!v)
        return imx_fail(IMX_E_NOMEM, "out of memory for %d images", t->n);
    l.ds = ds;
    imx_parallel(opt->threads, t->n, load_one, &l);
    if (stopped(opt))
        IMX_GO(imx_fail(IMX_E_STOPPED, "the images of %s are not wanted any more", t->root));
    for (int32_t i = 0; i < t->n; i++)
        colour = colour || (v[i].status == IMX_OK && v[i].colour);
    IMX_GO(close_up(t, v, opt, ds));
    if (ds->n == 0)
        IMX_GO(imx_fail(IMX_E_DATA, "none of the %d images in %s can be read; the first: %s: %s", t->n, t->root,
                        ds->unreadable[0].path, ds->unreadable[0].why));
    if (!opt->channels && !colour) { /* grey was repeated in three channels */
        const size_t values = (size_t)ds->n * (size_t)size * (size_t)size;
        for (size_t i = 0; i < values; i++)
            ds->pix[i] = ds->pix[3 * i];
        uint8_t *less = realloc(ds->pix, values);
        ds->pix = less ? less : ds->pix;
        ds->c = 1;
    }
fail:
    for (int32_t i = 0; i < t->n; i++)
        free(v[i].why);
    free(v);
    return status;
}

imx_status imx_source_folder(const char *path, const char *part, const struct imx_dataset_options *opt, bool *found,
                             struct imx_dataset *ds)
{
    struct stat st;
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return IMX_OK;
    *found = true;
    snprintf(ds->kind, sizeof ds->kind, "folder");
    struct tree *t = calloc(1, sizeof *t);
    if (!t)
        return imx_fail(IMX_E_NOMEM, "out of memory");
    imx_status status = IMX_OK;
    if (snprintf(t->root, sizeof t->root, "%s%s%s", path, part[0] ? "/" : "", part) >= (int)sizeof t->root)
        IMX_GO(imx_fail(IMX_E_ARG, "the path of the folder is too long"));
    if (strchr(part, '/') || part[0] == '.' || stat(t->root, &st) || !S_ISDIR(st.st_mode))
        IMX_GO(imx_fail(IMX_E_DATA, "%s has no folder %s, so there is no part #%s", path, part, part));
    snprintf(ds->part, sizeof ds->part, "%.15s", part);
    IMX_GO(walk(t, "", 0));
    if (t->n == 0)
        IMX_GO(imx_fail(IMX_E_DATA,
                        "%s holds no images (JPEG, PNG, PGM, PPM, BMP, TGA, PSD) and no set that infomax "
                        "knows",
                        t->root));
    qsort(t->path, (size_t)t->n, sizeof *t->path, by_bytes);
    IMX_GO(load(t, opt, ds));
fail:
    for (int32_t i = 0; i < t->n; i++)
        free(t->path[i]);
    free(t->path);
    free(t);
    return status;
}
