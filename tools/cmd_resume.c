/* infomax resume: goes on exactly where a run stopped. */
#include "cli.h"
#include "option_rows.h"
#include "train_options.h"

struct values {
    int64_t epochs;
    double max_time;
};

/* A run that is to go on for longer says so itself from then on, so that the next resume does the same. */
static imx_status lengthen(struct imx_config *c, const struct values *v, const char *run)
{
    if (v->epochs)
        c->epochs = v->epochs;
    if (v->max_time > 0)
        c->max_time = v->max_time;
    return v->epochs || v->max_time > 0 ? imx_config_save(run, c) : IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    (void)n;
    struct imx_config c;
    imx_status status = imx_config_load(word[0], &c);
    if (status == IMX_OK)
        status = lengthen(&c, values, word[0]);
    if (status == IMX_OK)
        status = imx_train_command(&c, word[0], true);
    imx_options_free(imx_config_options, &c);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_INT("epochs", epochs, "0", 0, 1e6, "passes over the images in all, from now on; 0: as the run has it"),
    { IMX_ROW("max-time", IMX_OPT_DURATION, max_time), .value = "TIME",
      .help = "ends the run after this long in all, from now on" },
    { .name = NULL },
};

static const char *const examples[] = { "infomax resume runs/photos", "infomax resume runs/photos --epochs 20", NULL };

const struct imx_command imx_cmd_resume = {
    .name = "resume",
    .summary = "goes on exactly where a run stopped",
    .usage = "RUN [options]",
    .about = "Continues from the newest whole checkpoint with the settings of RUN/config.toml. On the same device the "
             "run ends "
             "with the same bits as one that was never interrupted, or that had as many epochs from its start.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
