/* Data sets of every kind, made here in a temporary folder: what is recognised, in which order, with which
 * labels, and what is refused.
 * Length: one folder tree serves all the cases of folders(). */
#include "data/dataset.h"
#include "data/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/file.h"
#include "data/draw.h"
#include "io/npy.h"
#include "io/png_write.h"
#include "tap.h"

static char root[64], text[512];

static const char *at(const char *name)
{
    snprintf(text, sizeof text, "%s/%s", root, name);
    return text;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", at(name));
    *strrchr(folder, '/') = 0;
    if (imx_mkdirs(folder) != IMX_OK)
        exit(1);
    FILE *f = fopen(at(name), "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f))
        exit(1);
}

static void write_png(const char *name, int w, int h, int c, uint8_t value)
{
    uint8_t *pix = malloc((size_t)(w * h * c)), *data = NULL;
    size_t bytes = 0;
    if (!pix)
        exit(1);
    memset(pix, value, (size_t)(w * h * c));
    if (imx_png_encode(w, h, c, pix, &data, &bytes) != IMX_OK)
        exit(1);
    write_file(name, data, bytes);
    free(data);
    free(pix);
}

static imx_status open_set(const char *name, const struct imx_dataset_options *o, struct imx_dataset **ds)
{
    return imx_dataset_open(at(name), o, ds);
}

static void refused(const char *name, const struct imx_dataset_options *o, imx_status want, const char *what)
{
    struct imx_dataset *ds = NULL;
    const imx_status got = open_set(name, o, &ds);
    tap_ok(got == want && !ds, "%s is %s: %s", what, imx_status_name(want),
           got == want ? imx_error_text() : "it was not");
    imx_dataset_destroy(ds);
}

static void folders(void)
{
    struct imx_dataset *ds = NULL;
    write_png("tree/b/2.png", 12, 8, 3, 200);
    write_png("tree/b/10.png", 8, 8, 1, 100);
    write_png("tree/a/deep/er/x.PNG", 8, 8, 1, 50);
    write_png("tree/a/no_ending", 8, 8, 1, 60);
    write_png("tree/a/new\nline \xff.png", 8, 8, 1, 70);
    write_png("tree/__MACOSX/b/2.png", 8, 8, 1, 1);
    write_png("tree/.hidden/2.png", 8, 8, 1, 1);
    write_file("tree/a/.DS_Store", "x", 1);
    write_file("tree/a/notes.txt", "hello", 5);
    write_file("tree/b/broken.png", "\x89PNG\r\n\x1a\n....", 12);
    write_file("tree/b/empty.jpg", "", 0);
    write_file("tree/b/old.gif", "GIF89a", 6);
    char target[512];
    snprintf(target, sizeof target, "%s", at("tree"));
    const bool linked = symlink(target, at("tree/a/circle")) == 0;
    const bool piped = mkfifo(at("tree/a/pipe.png"), 0600) == 0;
    static const char *const want[] = { "a/deep/er/x.PNG", "a/new\nline \xff.png", "a/no_ending", "b/10.png",
                                        "b/2.png" };
    const struct imx_dataset_options o = { .size = 8 };
    bool ok = open_set("tree", &o, &ds) == IMX_OK && ds->n == 5;
    for (int i = 0; ok && i < 5; i++)
        ok = !strcmp(ds->path[i], want[i]) && ds->label[i] == (i < 3 ? 0 : 1);
    tap_ok(ok && linked && piped, "a tree with circles, pipes and odd names: 5 images in the order of their bytes");
    tap_ok(ok && ds->classes == 2 && !strcmp(ds->class[0].name, "a") && ds->class[0].images == 3 &&
               ds->class[1].images == 2,
           "the first level is the class");
    tap_ok(ok && ds->c == 3 && ds->pix[0] == 50 && ds->pix[4 * 192] == 200 && ds->pix[2] == 50, "pixels are theirs");
    tap_ok(ok && ds->min_w == 8 && ds->max_w == 12 && ds->max_h == 8 && ds->bits == 8, "the sizes of the sources");
    tap_ok(ok && ds->unreadables == 3 && !strcmp(ds->unreadable[0].path, "b/broken.png") && ds->unreadable[2].why[0],
           "three unreadable files are named");
    const double mean = (50 + 60 + 70 + 100 + 200) / 5.0 / 255;
    tap_ok(ok && fabs(ds->mean[0] - mean) < 1e-12 && fabs(ds->std[1] - 54.626001 / 255) < 1e-6, "mean and deviation");
    char hash[33] = "";
    if (ok)
        memcpy(hash, ds->hash, 33);
    imx_dataset_destroy(ds);
    const struct imx_dataset_options one = { .size = 8, .threads = 1 }, strict = { .size = 8, .strict = true };
    ok = open_set("tree", &one, &ds) == IMX_OK && strlen(hash) == 32 && !strcmp(ds->hash, hash);
    tap_ok(ok, "one thread gives the same hash");
    imx_dataset_destroy(ds);
    refused("tree", &strict, IMX_E_DATA, "strict with a broken file");
    write_png("grey/x/1.png", 8, 8, 1, 50);
    write_png("grey/x/2.png", 8, 8, 1, 70);
    ok = open_set("grey#x", NULL, &ds) == IMX_OK && ds->n == 2 && ds->c == 1 && ds->w == 8 && ds->label[1] == -1;
    tap_ok(ok && ds->pix[0] == 50 && ds->pix[64] == 70, "#x is the folder in it; all grey gives one channel");
    imx_dataset_destroy(ds);
    write_file("bad/1.png", "x", 1);
    write_file("none/readme.md", "x", 1);
    refused("bad", NULL, IMX_E_DATA, "a folder with nothing readable");
    refused("none", NULL, IMX_E_DATA, "a folder without images");
    refused("nowhere", NULL, IMX_E_DATA, "a missing path");
    refused("tree#c", NULL, IMX_E_DATA, "a missing part");
    const struct imx_dataset_options two = { .channels = 2 };
    refused("tree", &two, IMX_E_ARG, "two channels");
}

static void cifar(void)
{
    enum { RECORD = 3073, N = 3 };
    static uint8_t b[N * RECORD];
    struct imx_dataset *ds = NULL;
    char name[64];
    for (int i = 0; i < N; i++)
        for (int p = 0; p < RECORD; p++)
            b[i * RECORD + p] = (uint8_t)(p ? (p - 1) % 32 + 50 * ((p - 1) / 1024) + i : i * 4);
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "cifar/data_batch_%d.bin", i);
        write_file(name, b, sizeof b);
    }
    write_file("cifar/test_batch.bin", b, RECORD);
    write_file("cifar/batches.meta.txt", "plane\ncar\n\n", 11);
    bool ok = open_set("cifar", NULL, &ds) == IMX_OK && ds->n == 15 && ds->c == 3 && !strcmp(ds->kind, "cifar10");
    for (int p = 0; ok && p < 1024; p++)
        for (int k = 0; k < 3; k++)
            ok = ok && ds->pix[(4 * 1024 + p) * 3 + k] == p % 32 + 50 * k + 1;
    tap_ok(ok && ds->label[2] == 8 && ds->classes == 9, "CIFAR-10: planes become pixels, labels are read");
    tap_ok(ok && !strcmp(ds->class[1].name, "car") && !strcmp(ds->class[8].name, "8"), "names as far as there are any");
    imx_dataset_destroy(ds);
    ok = open_set("cifar#test", NULL, &ds) == IMX_OK && ds->n == 1;
    tap_ok(ok, "#test is the other file");
    imx_dataset_destroy(ds);
    refused("cifar#val", NULL, IMX_E_ARG, "CIFAR #val");
    write_file("cifar/data_batch_3.bin", b, sizeof b - 1);
    refused("cifar", NULL, IMX_E_FORMAT, "a CIFAR file one byte short");
    b[0] = 10;
    write_file("cifar/data_batch_3.bin", b, sizeof b);
    refused("cifar", NULL, IMX_E_FORMAT, "label 10 in CIFAR-10");
    unlink(at("cifar/data_batch_3.bin"));
    refused("cifar", NULL, IMX_E_DATA, "a missing CIFAR file");
    b[0] = 7;
    b[1] = 99;
    write_file("cifar100/train.bin", b, 3074);
    write_file("cifar100/fine_label_names.txt", "apple\n", 6);
    ok = open_set("cifar100", NULL, &ds) == IMX_OK && ds->label[0] == 99 && ds->classes == 100;
    tap_ok(ok, "CIFAR-100: the fine label");
    imx_dataset_destroy(ds);
}

static void stl(void)
{
    enum { IMAGE = 3 * 96 * 96 };
    uint8_t *x = malloc(2 * IMAGE);
    const uint8_t y[2] = { 10, 1 }, wrong[2] = { 0, 1 };
    struct imx_dataset *ds = NULL;
    for (int i = 0; x && i < 2 * IMAGE; i++) /* column x, row y: value 2x + y / 2 */
        x[i] = (uint8_t)(2 * (i % 9216 / 96) + i % 96 / 2);
    write_file("stl/train_X.bin", x, 2 * IMAGE);
    write_file("stl/train_y.bin", y, 2);
    write_file("stl/unlabeled_X.bin", x, IMAGE);
    bool ok = open_set("stl", NULL, &ds) == IMX_OK && ds->n == 2 && ds->w == 96 && ds->label[0] == 9;
    tap_ok(ok && ds->pix[(10 * 96 + 20) * 3 + 1] == 45 && !strcmp(ds->part, "train"), "STL-10 is stored by columns");
    imx_dataset_destroy(ds);
    const struct imx_dataset_options o = { .size = 32, .channels = 1 };
    ok = open_set("stl#unlabeled", &o, &ds) == IMX_OK && ds->n == 1 && ds->label[0] == -1 && ds->classes == 0;
    tap_ok(ok && ds->w == 32 && ds->c == 1 && abs(ds->pix[16 * 32 + 16] - 123) <= 2, "unlabeled, smaller and grey");
    imx_dataset_destroy(ds);
    write_file("stl/train_y.bin", wrong, 2);
    refused("stl", NULL, IMX_E_FORMAT, "an STL-10 label of 0");
    write_file("stl/train_y.bin", y, 1);
    refused("stl", NULL, IMX_E_FORMAT, "one STL-10 label for two images");
    free(x);
}

/* A thread of its own reads the same set, carries the text of a fault over, and stops when nobody wants it. */
static void beside(const char *name)
{
    struct imx_dataset *ds = NULL, *same = NULL;
    struct imx_reading *r = NULL;
    const struct imx_dataset_options o = { .size = 8 };
    bool ok = imx_dataset_open(at(name), &o, &ds) == IMX_OK && imx_reading_begin(at(name), &o, &r) == IMX_OK;
    ok = ok && imx_reading_end(r, &same) == IMX_OK && !strcmp(ds->hash, same->hash) && ds->n == same->n;
    tap_ok(ok, "a set that a thread reads is the same");
    imx_dataset_destroy(ds);
    imx_dataset_destroy(same);
    imx_error_clear();
    ok = imx_reading_begin(at("nowhere"), NULL, &r) == IMX_OK && imx_reading_end(r, &same) == IMX_E_DATA && !same;
    tap_ok(ok && strstr(imx_error_text(), "nowhere"), "what it failed at is told: %s", imx_error_text());
    ok = imx_reading_begin(at(name), &o, &r) == IMX_OK && imx_reading_end(r, NULL) == IMX_E_STOPPED;
    tap_ok(ok && imx_reading_end(NULL, NULL) == IMX_OK, "one that is not wanted ends");
}

/* A set that is summed later, at once or by a thread, has the sums of one that was opened with them. */
static void summed_later(const char *name)
{
    struct imx_dataset *ds = NULL, *later = NULL;
    struct imx_summing *s = NULL;
    const struct imx_dataset_options o = { .size = 8, .unsummed = true }, whole = { .size = 8 };
    bool ok = imx_dataset_open(at(name), &whole, &ds) == IMX_OK && imx_dataset_open(at(name), &o, &later) == IMX_OK;
    tap_ok(ok && !*later->hash && later->mean[0] == 0 && later->classes == ds->classes, "a set is opened unsummed");
    for (int32_t k = 0; ok && k < ds->classes; k++)
        ok = later->class[k].images == ds->class[k].images;
    tap_ok(ok && ds->classes, "its classes are counted");
    ok = ok && imx_summing_begin(later, 2, &s) == IMX_OK && imx_summing_end(s) == IMX_OK;
    ok = ok && strlen(ds->hash) == 32 && !strcmp(ds->hash, later->hash) &&
         !memcmp(ds->mean, later->mean, sizeof ds->mean);
    tap_ok(ok && !memcmp(ds->std, later->std, sizeof ds->std), "a thread sums it as well");
    if (ok)
        later->pix[5] ^= 1;
    ok = ok && imx_dataset_sum(later, 1) == IMX_OK && strcmp(ds->hash, later->hash) != 0;
    tap_ok(ok && imx_summing_done(NULL) && imx_summing_end(NULL) == IMX_OK, "another pixel is another hash");
    imx_dataset_destroy(ds);
    imx_dataset_destroy(later);
}

static void idx(void)
{
    uint8_t x[16 + 3 * 20] = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5 };
    const uint8_t y[8 + 3] = { 0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1 };
    struct imx_dataset *ds = NULL;
    for (int i = 0; i < 60; i++)
        x[16 + i] = (uint8_t)(4 * i);
    write_file("idx/train-images-idx3-ubyte", x, sizeof x);
    write_file("idx/train-labels-idx1-ubyte", y, sizeof y);
    bool ok = open_set("idx", NULL, &ds) == IMX_OK && ds->n == 3 && ds->h == 4 && ds->w == 5 && ds->c == 1;
    tap_ok(ok && ds->label[0] == 2 && ds->pix[59] == 236 && !strcmp(ds->part, "train"), "an IDX pair");
    imx_dataset_destroy(ds);
    write_file("idxgz/readme", "x", 1);
    gzFile f = gzopen(at("idxgz/t10k-images-idx3-ubyte.gz"), "wb");
    gzwrite(f, x, sizeof x);
    gzclose(f);
    write_file("idxgz/t10k-labels-idx1-ubyte", y, sizeof y);
    ok = open_set("idxgz", NULL, &ds) == IMX_OK && ds->n == 3 && ds->label[2] == 1 && !strcmp(ds->part, "test");
    tap_ok(ok, "a lone packed test set is the default");
    imx_dataset_destroy(ds);
    ok = open_set("idxgz/t10k-images-idx3-ubyte.gz", NULL, &ds) == IMX_OK && ds->n == 3 && ds->label[2] == 1;
    tap_ok(ok, "named by its file of images");
    imx_dataset_destroy(ds);
    write_file("idx/train-images-idx3-ubyte", x, sizeof x - 1);
    refused("idx", NULL, IMX_E_FORMAT, "an IDX file one byte short");
    x[4] = 0x7f;
    write_file("idx/train-images-idx3-ubyte", x, sizeof x);
    refused("idx", NULL, IMX_E_FORMAT, "an IDX file with a huge count");
}

static void le(uint8_t *p, uint32_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* A ZIP of one member; method 8 deflates. */
static size_t zip_one(const char *name, const uint8_t *data, uint32_t n, int method, uint8_t *out)
{
    const uint32_t len = (uint32_t)strlen(name);
    uint8_t *p = out + 30 + len;
    uLongf packed = n;
    memset(out, 0, 30);
    memcpy(p, data, n);
    if (method == 8) {
        z_stream z = { 0 };
        deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0);
        z.next_in = (Bytef *)(uintptr_t)data;
        z.avail_in = n;
        z.next_out = p;
        z.avail_out = 65536;
        deflate(&z, Z_FINISH);
        packed = z.total_out;
        deflateEnd(&z);
    }
    memcpy(out, "PK\3\4", 4);
    le(out + 26, len, 2);
    memcpy(out + 30, name, len);
    uint8_t *d = p + packed;
    memset(d, 0, 46 + 22 + len);
    memcpy(d, "PK\1\2", 4);
    le(d + 10, (uint32_t)method, 2);
    le(d + 16, (uint32_t)crc32(0, data, n), 4);
    le(d + 20, (uint32_t)packed, 4);
    le(d + 24, n, 4);
    le(d + 28, len, 2);
    memcpy(d + 46, name, len);
    uint8_t *e = d + 46 + len;
    memcpy(e, "PK\5\6", 4);
    le(e + 10, 1, 2);
    le(e + 12, 46 + len, 4);
    le(e + 16, (uint32_t)(d - out), 4);
    return (size_t)(e + 22 - out);
}

static void arrays(void)
{
    static uint8_t npy[4096], zip[70000], pix[2 * 5 * 6 * 3];
    const uint64_t shape[4] = { 2, 5, 6, 3 };
    struct imx_dataset *ds = NULL;
    for (size_t i = 0; i < sizeof pix; i++)
        pix[i] = (uint8_t)i;
    bool ok = imx_npy_write(at("a.npy"), "|u1", 4, shape, pix) == IMX_OK && open_set("a.npy", NULL, &ds) == IMX_OK;
    tap_ok(ok && ds->n == 2 && ds->h == 5 && ds->w == 6 && ds->c == 3 && !memcmp(ds->pix, pix, sizeof pix),
           ".npy is written and read back");
    imx_dataset_destroy(ds);
    ok = imx_npy_write(at("f.npy"), "<f4", 1, shape, pix) == IMX_OK;
    refused("f.npy", NULL, IMX_E_DATA, ".npy of floats");
    refused("a.npy#test", NULL, IMX_E_ARG, "a part of .npy");
    const size_t head = imx_npy_header("|u1", 4, shape, (char *)npy, sizeof npy);
    tap_ok(ok && head % 64 == 0 && head > 0, "data begin at a multiple of 64");
    memcpy(npy + head, pix, sizeof pix);
    const uint32_t bytes = (uint32_t)(head + sizeof pix);
    for (int method = 0; method <= 8; method += 8) {
        const size_t n = zip_one("train_images.npy", npy, bytes, method, zip);
        write_file("m.npz", zip, n);
        ok = open_set("m.npz", NULL, &ds) == IMX_OK && ds->n == 2 && !memcmp(ds->pix, pix, sizeof pix);
        tap_ok(ok, ".npz, %s", method ? "deflated" : "stored");
        imx_dataset_destroy(ds);
        int wrong = 0;
        for (size_t i = 0; i < n; i++) { /* any changed byte: an error, or the same pixels */
            zip[i] ^= 0x41;
            write_file("x.npz", zip, n);
            zip[i] ^= 0x41;
            if (open_set("x.npz", NULL, &ds) == IMX_OK)
                wrong += ds->n != 2 || memcmp(ds->pix, pix, sizeof pix);
            imx_dataset_destroy(ds);
            ds = NULL;
        }
        for (size_t i = 0; i < n; i += 3) {
            write_file("x.npz", zip, i);
            wrong += open_set("x.npz", NULL, &ds) == IMX_OK;
            imx_dataset_destroy(ds);
            ds = NULL;
        }
        tap_ok(wrong == 0, ".npz with a changed byte or cut off is never taken for different images (%d were)", wrong);
    }
    refused("m.npz#test", NULL, IMX_E_DATA, "a part that the .npz lacks");
    refused("m.npz#more", NULL, IMX_E_ARG, "an unknown part of .npz");
    size_t n = zip_one("train_images.npy", npy, bytes, 0, zip);
    le(zip + n - 22 - 16 - 46 + 24, 0x7fffffff, 4);
    write_file("x.npz", zip, n);
    refused("x.npz", NULL, IMX_E_DATA, ".npz that claims 2 GB");
}

static void headers(void)
{
    static const char *const good[] = { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                                        "{\"shape\":(2),\"fortran_order\":True,\"descr\":\">u4\"}" };
    static const char *const bad[] = { "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
                                       "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
                                       "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
                                       "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
                                       "{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}",
                                       "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
                                       "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967298)}",
                                       "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}",
                                       "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}" };
    char file[256];
    struct imx_npy a;
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        const size_t m = sizeof good / sizeof *good;
        const char *dict = i < m ? good[i] : bad[i - m];
        const size_t n = strlen(dict), total = 10 + n + 8;
        memcpy(file, "\x93NUMPY\1\0", 8);
        file[8] = (char)n;
        file[9] = 0;
        memcpy(file + 10, dict, n);
        memset(file + 10 + n, 0, 8);
        file[10 + n + 3] = 7;
        const bool ok = imx_npy_parse(file, total, total, &a) == IMX_OK;
        bool fits = true;
        tap_ok(ok == (i < m), "header %s is %s", dict, i < m ? "read" : "refused");
        if (i == 1)
            tap_ok(ok && a.swapped && a.fortran && imx_npy_integer(&a, file + a.offset, 0, &fits) == 7 && fits,
                   "big endian numbers");
    }
}

static void drawn(void)
{
    struct imx_dataset *ds = NULL, *again = NULL, *files = NULL;
    const struct imx_draw d = { .classes = 4, .count = 40, .size = 16, .seed = 3 };
    struct imx_draw one = d;
    one.threads = 1;
    bool ok = imx_draw_dataset(&d, &ds) == IMX_OK && imx_draw_dataset(&one, &again) == IMX_OK;
    tap_ok(ok && !strcmp(ds->hash, again->hash) && ds->classes == 4 && ds->class[3].images == 10,
           "drawing is the same with any number of threads");
    tap_ok(ok && !strcmp(ds->hash, "8603238ae502dea41ddeb3a33ffc35e7"), "and on any machine (%s)", ok ? ds->hash : "");
    ok = ok && imx_draw_folder(&d, at("drawn"), NULL, NULL) == IMX_OK && open_set("drawn", NULL, &files) == IMX_OK;
    ok = ok && files->n == 40 && files->w == 16 && !strcmp(files->class[0].name, "disc");
    /* Files are sorted by class name and number: disc, ring, square, triangle are classes 0, 3, 1, 2. */
    static const int class[4] = { 0, 3, 1, 2 };
    for (int i = 0; ok && i < 40; i++)
        ok = !memcmp(files->pix + (size_t)i * 768, ds->pix + (size_t)(i % 10 * 4 + class[i / 10]) * 768, 768);
    tap_ok(ok, "files hold the same pictures");
    int same = 0;
    for (int i = 0; ds && i < 40; i++)
        for (int j = 0; j < i; j++)
            same += !memcmp(ds->pix + i * 768, ds->pix + j * 768, 768);
    tap_ok(same == 0, "no two pictures are the same");
    imx_dataset_destroy(ds);
    imx_dataset_destroy(again);
    imx_dataset_destroy(files);
    const struct imx_draw wrong[] = {
        { .classes = 1, .count = 9 }, { .classes = 99, .count = 999 }, { .count = 3 }, { .count = 50, .size = 4 }
    };
    for (int i = 0; i < 4; i++)
        tap_ok(imx_draw_dataset(&wrong[i], &ds) == IMX_E_ARG && !ds, "refused: %s", imx_error_text());
}

/* The middle of images of 7x6, in place. */
static void cropped(void)
{
    enum { N = 3, H = 7, W = 6, C = 3, SIDE = 4 };
    uint8_t *pix = malloc(N * H * W * C);
    struct imx_dataset *ds = NULL;
    char hash[sizeof ds->hash];
    for (int i = 0; pix && i < N * H * W * C; i++)
        pix[i] = (uint8_t)i;
    if (!pix || imx_dataset_of_pixels(pix, NULL, N, H, W, C, &ds) != IMX_OK)
        exit(1);
    memcpy(hash, ds->hash, sizeof hash);
    tap_ok(imx_dataset_crop(ds, 7, 1) == IMX_E_ARG && ds->w == W, "a part larger than the images: %s",
           imx_error_text());
    tap_ok(imx_dataset_crop(ds, 0, 1) == IMX_OK && ds->h == H && !strcmp(ds->hash, hash), "0 leaves them whole");
    bool same =
        imx_dataset_crop(ds, SIDE, 1) == IMX_OK && ds->h == SIDE && ds->w == SIDE && strcmp(ds->hash, hash) != 0;
    for (int i = 0; same && i < N * SIDE * SIDE * C; i++) {
        const int n = i / (SIDE * SIDE * C), y = i / (SIDE * C) % SIDE + 1, x = i / C % SIDE + 1;
        same = ds->pix[i] == (uint8_t)(((n * H + y) * W + x) * C + i % C);
    }
    tap_ok(same, "the middle of each image, with a hash of its own");
    imx_dataset_destroy(ds);
}

int main(void)
{
    snprintf(root, sizeof root, "/tmp/imx-dataset-XXXXXX");
    if (!mkdtemp(root))
        return 1;
    folders();
    cifar();
    stl();
    beside("tree");
    summed_later("tree");
    idx();
    arrays();
    headers();
    drawn();
    cropped();
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    tap_ok(system(command) == 0, "cleaned up");
    return tap_done();
}
