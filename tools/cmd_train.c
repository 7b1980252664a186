/* infomax train: learns an encoder from images without labels. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "eval/report.h"
#include "eval/results.h"
#include "train_options.h"

struct values {
    struct imx_config config; /* must be first */
    char *out, *file;
    bool overwrite;
};

/* The configuration outlives the working directory: DATA becomes absolute; a #part stays behind it. */
static imx_status absolute(char **data)
{
    char *part = imx_file_size(*data, NULL) ? NULL : strrchr(*data, '#');
    if (part)
        *part = 0;
    char *full = realpath(*data, NULL);
    if (part)
        *part = '#';
    if (!full && (errno == ENOENT || errno == ENOTDIR))
        return imx_fail(IMX_E_DATA, "there is nothing at %s", *data);
    if (!full)
        return imx_io_fail("follow the path", *data);
    char *joined = malloc(strlen(full) + (part ? strlen(part) : 0) + 1);
    if (!joined) {
        free(full);
        return imx_fail(IMX_E_NOMEM, "no memory for a path");
    }
    strcpy(joined, full);
    if (part)
        strcat(joined, part);
    free(full);
    free(*data);
    *data = joined;
    return IMX_OK;
}

/* config.toml first: whatever happens later, the run can be repeated. An old run's checkpoints must not mix in. */
static imx_status prepare(const struct values *v)
{
    static const char *const old[] = { "checkpoints/new.safetensors",
                                       "checkpoints/last.safetensors",
                                       "checkpoints/previous-1.safetensors",
                                       "checkpoints/previous-2.safetensors",
                                       "metrics.jsonl",
                                       "metrics.csv",
                                       "train.log",
                                       "tuned.txt",
                                       "encoder.safetensors",
                                       IMX_REBUILT_FILE };
    char path[4096];
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        if (!imx_join(path, sizeof path, v->out, old[i]))
            return imx_fail(IMX_E_ARG, "the path %s is too long", v->out);
        if (!imx_file_size(path, NULL))
            continue;
        if (!v->overwrite)
            return imx_fail(IMX_E_ARG, "%s holds a run already: `infomax resume %s` goes on, --overwrite begins anew",
                            v->out, v->out);
        if (remove(path))
            return imx_io_fail("remove", path);
    }
    if (v->overwrite)
        IMX_TRY(imx_results_remove(v->out));
    IMX_TRY(imx_mkdirs(v->out));
    return imx_config_save(v->out, &v->config);
}

static imx_status run(void *values, int n, char **word)
{
    struct values *v = values;
    if (n) {
        free(v->config.data);
        v->config.data = strdup(word[0]);
        if (!v->config.data)
            return imx_fail(IMX_E_NOMEM, "no memory for a path");
    }
    if (!v->config.data)
        return imx_fail(IMX_E_ARG, "train needs DATA: a folder of images, or one of the formats of `infomax data`");
    if (!v->out)
        return imx_fail(IMX_E_ARG, "train needs -o RUN, the folder to write to");
    IMX_TRY(absolute(&v->config.data));
    IMX_TRY(imx_config_resolve(&v->config));
    IMX_TRY(prepare(v));
    return imx_train_command(&v->config, v->out, false);
}

static const struct imx_option options[] = {
    { .name = "out",
      .letter = 'o',
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, out),
      .value = "RUN",
      .help = "the run's folder" },
    { .name = "overwrite",
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct values, overwrite),
      .help = "begins anew in a folder that holds a run; that run's results go, too" },
    { .name = "config",
      .type = IMX_OPT_CONFIG,
      .at = offsetof(struct values, file),
      .value = "FILE.toml",
      .help = "settings from a file; the command line wins" },
    { .name = "set", .type = IMX_OPT_SET, .value = "KEY=VALUE", .help = "one setting, as in the file" },
    IMX_CONFIG_OPTIONS,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax train photos -o runs/photos",
    "infomax train cifar10 -o runs/c10 --epochs 10 --critic encode-dot",
    "infomax train cifar10 -o runs/vae --epochs 10 --objective vae",
    "infomax train scans -o runs/scans --size 64 --channels 1 --max-time 2h --device gpu",
    NULL,
};

const struct imx_command imx_cmd_train = {
    .name = "train",
    .summary = "learns an encoder from images without labels",
    .usage = "DATA -o RUN [options]",
    .about =
        "Maximises the mutual information between an image's summary and its parts (dim-local) or its whole last "
        "map\n(dim-global), tells the rows below from others by those above (cpc), rebuilds the image from its summary "
        "(vae,\nbeta-vae, ae, aae), plays against an adversary of images and codes (bigan), or learns the directions "
        "of random\npoints that the images exchange (nat). Writes config.toml, env.json, train.log, metrics, "
        "checkpoints and\nencoder.safetensors into RUN.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 0,
    .max_words = 1,
    .run = run,
};
