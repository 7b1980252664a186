/* infomax report: one self-contained HTML page about a run. */
#include <stdio.h>

#include "base/file.h"
#include "cli.h"
#include "eval/report.h"

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

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct imx_text page = { 0 };
    char path[4096];
    imx_status status;
    (void)n;
    if (!imx_join(path, sizeof path, word[0], "report.html"))
        return imx_fail(IMX_E_ARG, "the name of the run is too long");
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
    .about = "Reads what the run's folder holds: metrics.jsonl, config.toml, env.json, probe-*.json (as printed by\n"
             "infomax probe --json) and features-y.npy with features-y.npy.labels.npy (as written by infomax embed).",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
