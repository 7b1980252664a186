/* See bench_io.h. The drawn files lie in the page cache when they are read, so this is the speed of decoding, not of a
 * disk. The step is the one that the options describe, by default the encoder that takes images fastest. */
#include "bench_io.h"

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/philox.h"
#include "cli.h"
#include "data/batch.h"
#include "data/draw.h"
#include "train/feed.h"
#include "train/measure.h"
#include "train_options.h"

enum { JPEGS = 384, JPEG_SIDE = 256, JPEG_QUALITY = 90, CIFAR_FILES = 5, CIFAR_IMAGES = 10000, MAX_RUNS = 9 };

/* ---- drawn sets ---- */

struct jpeg_error {
    struct jpeg_error_mgr manager; /* must be first */
    jmp_buf back;
};

static void jpeg_failed(j_common_ptr info)
{
    longjmp(((struct jpeg_error *)info->err)->back, 1);
}

static imx_status write_jpeg(const char *path, int32_t side, uint8_t *pix)
{
    struct jpeg_compress_struct info;
    struct jpeg_error error;
    FILE *f = fopen(path, "wbe");
    if (!f)
        return imx_fail(IMX_E_IO, "cannot create %s", path);
    info.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = jpeg_failed;
    if (setjmp(error.back)) {
        jpeg_destroy_compress(&info);
        fclose(f);
        return imx_fail(IMX_E_IO, "cannot write %s", path);
    }
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, f);
    info.image_width = info.image_height = (JDIMENSION)side;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, JPEG_QUALITY, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = pix + (size_t)info.next_scanline * (size_t)side * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return fclose(f) ? imx_fail(IMX_E_IO, "cannot write %s", path) : IMX_OK;
}

static imx_status check_stop(void)
{
    return imx_signal_caught() ? imx_fail(IMX_E_STOPPED, "stopped by a signal") : IMX_OK;
}

static imx_status draw_jpegs(const char *folder)
{
    imx_status status = IMX_OK;
    char path[4200], name[32];
    uint8_t *pix = malloc((size_t)JPEG_SIDE * JPEG_SIDE * 3);
    if (!pix)
        return imx_fail(IMX_E_NOMEM, "no memory for a picture");
    for (int i = 0; i < JPEGS; i++) {
        snprintf(name, sizeof name, "%05d.jpg", i);
        IMX_GO(check_stop());
        IMX_GO(imx_draw_picture(1, (uint32_t)i, i % 10, JPEG_SIDE, pix));
        IMX_GO(imx_join(path, sizeof path, folder, name) ? write_jpeg(path, JPEG_SIDE, pix)
                                                         : imx_fail(IMX_E_ARG, "the path %s is too long", folder));
    }
fail:
    free(pix);
    return status;
}

/* Random pixels: nothing is decoded here, and drawing so many pictures would take longer than the benchmark. */
static imx_status write_cifar(const char *folder)
{
    enum { RECORD = 1 + 3 * 32 * 32 };
    imx_status status = IMX_OK;
    char path[4200], name[32];
    const size_t bytes = (size_t)CIFAR_IMAGES * RECORD;
    uint8_t *data = malloc(bytes + 16);
    if (!data)
        return imx_fail(IMX_E_NOMEM, "no memory for drawn images");
    for (int file = 1; file <= CIFAR_FILES; file++) {
        for (size_t i = 0; i < bytes; i += 16) {
            uint32_t word[4];
            imx_random4(1, (uint64_t)file, IMX_STREAM_TEST, (uint32_t)(i / 16), word);
            memcpy(data + i, word, sizeof word);
        }
        for (size_t i = 0; i < CIFAR_IMAGES; i++)
            data[i * RECORD] %= 10;
        snprintf(name, sizeof name, "data_batch_%d.bin", file);
        IMX_GO(check_stop());
        IMX_GO(imx_join(path, sizeof path, folder, name) ? imx_file_write(path, data, bytes)
                                                         : imx_fail(IMX_E_ARG, "the path %s is too long", folder));
    }
fail:
    free(data);
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Opens the set again and again; the last one is the caller's. */
static imx_status time_decode(const char *path, const struct imx_config *c, int32_t side, struct imx_io_time *t,
                              struct imx_dataset **out)
{
    const struct imx_dataset_options o = {
        .size = side, .channels = (int32_t)c->channels, .strict = c->strict, .threads = (int32_t)c->threads
    };
    double seconds[MAX_RUNS], total = 0;
    int n = 0;
    while (n < MAX_RUNS && (n < 3 || total < 1.5)) {
        struct imx_dataset *ds = NULL;
        IMX_TRY(check_stop());
        const double start = imx_now();
        IMX_TRY(imx_dataset_open(path, &o, &ds));
        seconds[n] = imx_now() - start;
        total += seconds[n++];
        imx_dataset_destroy(*out);
        *out = ds;
        if (total > 20) /* a large set of the user's */
            break;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, ascending);
    t->runs = n;
    t->decode_s = seconds[n / 2];
    t->decode_least = seconds[0];
    t->decode_most = seconds[n - 1];
    t->images = (*out)->n;
    t->width = (*out)->max_w;
    t->side = (*out)->w;
    t->decode = t->images / t->decode_s;
    return IMX_OK;
}

static struct imx_batch_options batches_of(const struct imx_dataset *ds, const struct imx_config *c)
{
    return (struct imx_batch_options){ .batch = (int32_t)c->batch, .shuffle = true, .flip = true, .pad = ds->h / 8 };
}

static imx_status time_batches(const struct imx_dataset *ds, const struct imx_config *c, struct imx_io_time *t)
{
    const struct imx_batch_options o = batches_of(ds, c);
    struct imx_batches *batches = NULL;
    struct imx_batch view;
    imx_status status = IMX_OK;
    int64_t images = 0;
    IMX_TRY(imx_batches_create(ds, &o, &batches));
    for (int i = 0; i < 8; i++) /* the ring is full at first */
        IMX_GO(imx_batches_next(batches, &view));
    const double start = imx_now();
    do {
        IMX_GO(imx_batches_next(batches, &view));
        images += view.count;
    } while (imx_now() - start < 0.5);
    t->batch = (double)images / (imx_now() - start);
fail:
    imx_batches_destroy(batches);
    return status;
}

/* Training steps as a run makes them; the time that imx_feed_next takes is time that the device waits. */
static imx_status time_fed(struct imx_dev *dev, const struct imx_dataset *ds, const struct imx_config *c,
                           struct imx_io_time *t)
{
    const struct imx_batch_options o = batches_of(ds, c);
    struct imx_feed *feed = NULL;
    struct imx_step *step = NULL;
    struct imx_step_result result;
    struct imx_batch view;
    struct imx_net_spec spec;
    imx_status status = IMX_OK;
    uint64_t n = 0;
    double before = 0, start = 0;
    IMX_TRY(imx_step_spec(c, ds->h, ds->w, ds->c, &spec));
    spec.ring = true;
    IMX_GO(imx_step_create(dev, c, &spec, &step));
    IMX_GO(imx_feed_create(&step->graph, ds, &o, &feed));
    for (uint64_t i = 0; n < 100 && (n < 8 || imx_now() - start < 2); i++) {
        if (i == 2) { /* warm */
            start = imx_now();
            before = imx_feed_waited(feed);
            n = 0;
        }
        IMX_GO(check_stop());
        IMX_GO(imx_feed_next(feed, &view));
        IMX_GO(imx_step_begin(step, c, i));
        IMX_GO(imx_feed_ahead(feed));
        IMX_GO(imx_step_end(step, &result));
        n++;
    }
    t->fed = (double)n * (double)c->batch / (imx_now() - start);
    t->waited = (imx_feed_waited(feed) - before) / (imx_now() - start);
fail:
    imx_feed_destroy(feed);
    imx_step_destroy(step);
    return status;
}

static imx_status time_source(struct imx_dev *dev, const char *source, const char *path, const struct imx_config *c,
                              int32_t side, struct imx_io *io)
{
    struct imx_io_time *t = &io->at[io->n];
    struct imx_dataset *ds = NULL;
    struct imx_step_time step = { 0 };
    imx_status status = IMX_OK;
    snprintf(t->source, sizeof t->source, "%s", source);
    IMX_GO(time_decode(path, c, side, t, &ds));
    IMX_GO(time_batches(ds, c, t));
    t->step = t->fed = t->waited = (double)NAN;
    if (!imx_dev_is_host(dev)) { /* there a step takes many seconds */
        IMX_GO(imx_step_measure(dev, c, ds->h, ds->w, ds->c, 7, 0, &step));
        t->step = (double)c->batch / step.ms * 1e3;
        IMX_GO(time_fed(dev, ds, c, t));
    }
    io->n++;
fail:
    free(step.node);
    imx_dataset_destroy(ds);
    return status;
}

static imx_status time_drawn(struct imx_dev *dev, const struct imx_config *c, int32_t side, const char *folder,
                             struct imx_io *io)
{
    char path[4096];
    if (!imx_join(path, sizeof path, folder, "jpeg"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", folder);
    IMX_TRY(imx_mkdirs(path));
    IMX_TRY(draw_jpegs(path));
    IMX_TRY(time_source(dev, "jpeg", path, c, side, io));
    if (!imx_join(path, sizeof path, folder, "cifar10"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", folder);
    IMX_TRY(imx_mkdirs(path));
    IMX_TRY(write_cifar(path));
    return time_source(dev, "cifar10", path, c, 0, io);
}

imx_status imx_bench_io(struct imx_dev *dev, const struct imx_config *c, struct imx_io *io)
{
    const char *tmp = getenv("TMPDIR");
    char folder[4096];
    *io = (struct imx_io){ 0 };
    if (c->data) {
        const char *name = strrchr(c->data, '/');
        return time_source(dev, name && name[1] ? name + 1 : c->data, c->data, c, (int32_t)c->size, io);
    }
    const struct imx_encoder *e = imx_choose_encoder(c->encoder, c->size ? (int32_t)c->size : 32);
    if (!e)
        return IMX_E_ARG;
    if (snprintf(folder, sizeof folder, "%s/infomax-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= (int)sizeof folder ||
        !mkdtemp(folder))
        return imx_fail(IMX_E_IO, "no temporary folder for drawn images can be made (TMPDIR names another place)");
    const imx_status status = time_drawn(dev, c, c->size ? (int32_t)c->size : e->size, folder, io);
    if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS))
        imx_say("%s could not be removed", folder);
    return status;
}

/* ---- output ---- */

static const struct imx_op io_op = { .name = "io" };

void imx_bench_io_row(const struct imx_io_time *t, struct imx_bench_row *row)
{
    *row = (struct imx_bench_row){ .op = &io_op,
                                   .direction = "decode",
                                   .runs = t->runs,
                                   .ms = 1e3 * t->decode_s,
                                   .ms_min = 1e3 * t->decode_least,
                                   .ms_max = 1e3 * t->decode_most };
    snprintf(row->problem, sizeof row->problem, "%s_n%dw%dto%d", t->source, t->images, t->width, t->side);
    snprintf(row->variant, sizeof row->variant, "host");
    row->gbps = (double)t->images * t->side * t->side * 3 / t->decode_s * 1e-9;
}

void imx_bench_io_text(const struct imx_io *io, const struct imx_config *c)
{
    printf("\n%-16s %7s %9s %12s %12s %12s %12s %8s   images/s; step: %s %s, batch %lld\n", "images", "", "", "decode",
           "batch", "step alone", "step, fed", "waited", c->critic, c->estimator, (long long)c->batch);
    for (int i = 0; i < io->n; i++) {
        const struct imx_io_time *t = &io->at[i];
        char size[24];
        snprintf(size, sizeof size, "%d->%d", t->width, t->side);
        printf("%-16s %7d %9s %12.0f %12.0f", t->source, t->images, size, t->decode, t->batch);
        if (isfinite(t->step))
            printf(" %12.0f %12.0f %7.1f%%\n", t->step, t->fed, 100 * t->waited);
        else
            printf(" %12s %12s %8s\n", "-", "-", "-");
    }
    printf(
        "decode: once per run, pictures then stay in memory; below the step's rate it would hold a first epoch up\n");
}

void imx_bench_io_json(struct imx_json *j, const struct imx_io *io)
{
    imx_json_array(j, "io");
    for (int i = 0; i < io->n; i++) {
        const struct imx_io_time *t = &io->at[i];
        imx_json_object(j, NULL);
        imx_json_string(j, "source", t->source);
        imx_json_int(j, "images", t->images);
        imx_json_int(j, "width", t->width);
        imx_json_int(j, "side", t->side);
        imx_json_double(j, "decode_images_per_s", t->decode);
        imx_json_double(j, "batch_images_per_s", t->batch);
        imx_json_double(j, "step_images_per_s", t->step);
        imx_json_double(j, "fed_images_per_s", t->fed);
        imx_json_double(j, "waited", t->waited);
        imx_json_end(j);
    }
    imx_json_end(j);
}
