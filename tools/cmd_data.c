/* infomax data: what a data set holds, and what in it cannot be read. */
#include <stddef.h>
#include <stdio.h>

#include "cli.h"
#include "data/dataset.h"
#include "progress.h"

struct values {
    int64_t size, channels, depth, threads;
    bool strict;
};

static const struct imx_option options[] = {
    { .name = "size",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, size),
      .value = "N",
      .min = 4,
      .max = 2048,
      .help = "side to which images are scaled; the default keeps sets of one size as they are" },
    { .name = "channels",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, channels),
      .value = "1|3",
      .min = 1,
      .max = 3,
      .help = "1 grey, 3 colour; the default is 3 when any image has colour" },
    { .name = "depth",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, depth),
      .value = "BITS",
      .min = 8,
      .max = 16,
      .help = "significant bits of 16-bit images, e.g. 12 for values up to 4095" },
    { .name = "threads",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, threads),
      .value = "N",
      .min = 1,
      .max = 64,
      .help = "threads that decode; the default is one per core" },
    { .name = "strict",
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct values, strict),
      .help = "fail at the first file that cannot be read" },
    { 0 },
};

static void on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    imx_progress_at(done, "of %llu", (unsigned long long)total);
}

static void numbers(struct imx_json *j, const char *key, const double *v, int32_t n)
{
    imx_json_array(j, key);
    for (int32_t i = 0; i < n; i++)
        imx_json_double(j, NULL, v[i]);
    imx_json_end(j);
}

static void range(struct imx_json *j, const char *key, int32_t least, int32_t most)
{
    imx_json_array(j, key);
    imx_json_int(j, NULL, least);
    imx_json_int(j, NULL, most);
    imx_json_end(j);
}

static imx_status as_json(const struct imx_dataset *ds)
{
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "kind", ds->kind);
    imx_json_string(&j, "part", ds->part);
    imx_json_int(&j, "images", ds->n);
    imx_json_array(&j, "unreadable");
    for (int32_t i = 0; i < ds->unreadables; i++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "path", ds->unreadable[i].path);
        imx_json_string(&j, "why", ds->unreadable[i].why);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    range(&j, "width", ds->min_w, ds->max_w);
    range(&j, "height", ds->min_h, ds->max_h);
    range(&j, "used_size", ds->w, ds->h);
    imx_json_int(&j, "channels", ds->c);
    imx_json_int(&j, "bits", ds->bits);
    imx_json_array(&j, "classes");
    for (int32_t i = 0; i < ds->classes; i++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "name", ds->class[i].name);
        imx_json_int(&j, "images", ds->class[i].images);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    numbers(&j, "mean", ds->mean, ds->c);
    numbers(&j, "std", ds->std, ds->c);
    imx_json_string(&j, "hash", ds->hash);
    imx_json_end(&j);
    return imx_print_json(&j);
}

static void span(const char *name, int32_t least, int32_t most)
{
    if (least == most)
        printf("%-11s %d\n", name, least);
    else
        printf("%-11s %d to %d\n", name, least, most);
}

static void as_text(const struct imx_dataset *ds)
{
    printf("kind        %s%s%s\n", ds->kind, ds->part[0] ? " #" : "", ds->part);
    printf("images      %d\n", ds->n);
    printf("unreadable  %d\n", ds->unreadables);
    for (int32_t i = 0; i < ds->unreadables; i++)
        printf("  %s: %s\n", ds->unreadable[i].path, ds->unreadable[i].why);
    span("width", ds->min_w, ds->max_w);
    span("height", ds->min_h, ds->max_h);
    printf("used as     %dx%d, %s, %d bits in the source\n", ds->w, ds->h, ds->c == 1 ? "grey" : "colour", ds->bits);
    printf("mean       ");
    for (int32_t k = 0; k < ds->c; k++)
        printf(" %.4f", ds->mean[k]);
    printf("\ndeviation  ");
    for (int32_t k = 0; k < ds->c; k++)
        printf(" %.4f", ds->std[k]);
    printf("\nhash        %s\nclasses     %d\n", ds->hash, ds->classes);
    for (int32_t i = 0; i < ds->classes; i++)
        printf("  %6d %s\n", ds->class[i].images, ds->class[i].name);
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct imx_dataset *ds = NULL;
    imx_status status = IMX_OK;
    (void)n;
    const struct imx_dataset_options o = { .size = (int32_t)v->size,
                                           .channels = (int32_t)v->channels,
                                           .depth = (int32_t)v->depth,
                                           .threads = (int32_t)v->threads,
                                           .strict = v->strict,
                                           .progress = on_progress };
    imx_progress_begin("reading", 0, "images");
    status = imx_dataset_open(word[0], &o, &ds);
    imx_progress_end();
    IMX_TRY(status);
    if (imx_cli.json)
        status = as_json(ds);
    else
        as_text(ds);
    imx_dataset_destroy(ds);
    return status;
}

static const char *const examples[] = {
    "infomax data photos/",
    "infomax data cifar-10-batches-bin#test --json",
    "infomax data pathmnist.npz#val",
    NULL,
};

extern const struct imx_command imx_cmd_data;
const struct imx_command imx_cmd_data = {
    .name = "data",
    .summary = "says what a data set holds and which files cannot be read",
    .usage = "DATA [--json]",
    .about = "DATA is a folder tree of images (the first level is the class), a CIFAR-10/100 or STL-10 "
             "binary folder, an\n"
             "IDX pair (MNIST and its family), a .npy of uint8 N,H,W[,C] or a .npz in the MedMNIST form. "
             "#train, #test,\n"
             "#val and #unlabeled choose a part where there are several.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .json = true,
    .run = run,
};
