/* infomax report: one self-contained HTML page about a run. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli.h"
#include "eval/report.h"
#include "train_options.h"
#include "trained.h"

struct values {
    char *out;
};

static const struct imx_option options[] = {
    { .name = "out",
      .letter = 'o',
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, out),
      .value = "FILE.html",
      .help = "where to write (default RUN/report.html)" },
    { .name = NULL },
};

/* Is there a checkpoint that is newer than the run's sheet of reconstructions? */
static bool stale(const char *run)
{
    char path[4096];
    struct stat weights, sheet;
    if (!imx_join(path, sizeof path, run, "checkpoints/last.safetensors") || stat(path, &weights))
        return false;
    if (!imx_join(path, sizeof path, run, IMX_REBUILT_FILE) || stat(path, &sheet))
        return true;
    return weights.st_mtim.tv_sec > sheet.st_mtim.tv_sec ||
           (weights.st_mtim.tv_sec == sheet.st_mtim.tv_sec && weights.st_mtim.tv_nsec > sheet.st_mtim.tv_nsec);
}

/* Training writes the sheet at its end; one that was stopped gets it here, if its images are still there. */
static imx_status renew_sheet(const char *run)
{
    struct imx_trained t;
    struct imx_dataset *ds = NULL;
    struct imx_dev *dev = NULL;
    if (!stale(run))
        return IMX_OK;
    imx_status status = imx_trained_open(run, &t);
    const bool wanted = status == IMX_OK && t.objective->rebuilds;
    if (wanted) {
        status = imx_trained_data(&t, t.config.data, &ds);
        if (status == IMX_OK)
            status = imx_open_device(t.config.device, &dev);
        if (status == IMX_OK)
            status = imx_run_sheet(dev, &t.config, ds, run);
    }
    imx_trained_close(&t);
    imx_dataset_destroy(ds);
    imx_dev_close(dev);
    if (status == IMX_OK || status == IMX_E_NOMEM)
        return status;
    if (wanted)
        imx_say("the page has no new reconstructions: %s", imx_error_text());
    imx_error_clear();
    return IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct imx_text page = { 0 };
    char path[4096];
    imx_status status;
    (void)n;
    if (!imx_join(path, sizeof path, word[0], "report.html"))
        return imx_fail(IMX_E_ARG, "the name of the run is too long");
    IMX_GO(renew_sheet(word[0]));
    IMX_GO(imx_report(word[0], &page));
    IMX_GO(imx_file_write(v->out ? v->out : path, page.data, page.size));
    printf("%s\n", v->out ? v->out : path);
fail:
    imx_text_free(&page);
    return status;
}

static const char *const examples[] = {
    "infomax report runs/photos",
    "infomax report runs/photos -o photos.html",
    NULL,
};

extern const struct imx_command imx_cmd_report;
const struct imx_command imx_cmd_report = {
    .name = "report",
    .summary = "makes one self-contained page: curves, probes, a map of the features, settings",
    .usage = "RUN [-o FILE.html]",
    .about =
        "Reads what the run's folder holds: metrics.jsonl, config.toml, env.json, probe-*.json,\n"
        "finetune-*.json and measure*.json (as probe, finetune and measure --save leave them) and features-y.npy with\n"
        "features-y.npy.labels.npy (as written by infomax embed).\n"
        "A run that rebuilds images (vae, ae, bigan) shows reconstructions.png, which is drawn anew when a "
        "checkpoint is newer; drawings.png, as measure leaves it, is shown as it is.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
