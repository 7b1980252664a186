/* infomax synth: draws a labelled set of PNG files. */
#include <stddef.h>

#include "cli.h"
#include "data/draw.h"
#include "progress.h"

struct values {
    int64_t classes, count, size, seed;
};

static const struct imx_option options[] = {
    { .name = "classes",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, classes),
      .value = "K",
      .fallback = "10",
      .min = 2,
      .max = 16,
      .help = "how many shapes" },
    { .name = "count",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, count),
      .value = "N",
      .fallback = "4000",
      .min = 2,
      .max = 10000000,
      .help = "pictures in all, evenly over the classes" },
    { .name = "size",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, size),
      .value = "S",
      .fallback = "32",
      .min = 8,
      .max = 1024,
      .help = "side in pixels" },
    { .name = "seed",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, seed),
      .value = "S",
      .fallback = "0",
      .min = 0,
      .max = 9e15,
      .help = "the same seed gives the same pictures; another seed gives others" },
    { 0 },
};

static void on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    imx_progress_at(done, "of %llu", (unsigned long long)total);
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    const struct imx_draw d = {
        .classes = (int32_t)v->classes, .count = (int32_t)v->count, .size = (int32_t)v->size, .seed = (uint64_t)v->seed
    };
    (void)n;
    imx_progress_begin("drawing", (uint64_t)v->count, "images");
    const imx_status status = imx_draw_folder(&d, word[0], on_progress, NULL);
    imx_progress_end();
    if (status == IMX_OK)
        imx_say("%d pictures of %d classes are in %s", d.count, d.classes, word[0]);
    return status;
}

static const char *const examples[] = {
    "infomax synth pictures/train",
    "infomax synth pictures/test --count 1000 --seed 1",
    NULL,
};

extern const struct imx_command imx_cmd_synth;
const struct imx_command imx_cmd_synth = {
    .name = "synth",
    .summary = "draws a labelled set of pictures",
    .usage = "OUT [options]",
    .about = "The shape decides the class; place, size, rotation, colours, background and what covers it do not.\n"
             "OUT gets one folder per class.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
