/* infomax resume: goes on exactly where a run stopped. */
#include "cli.h"
#include "train_options.h"

static imx_status run(void *values, int n, char **word)
{
    (void)values, (void)n;
    struct imx_config c;
    imx_status status = imx_config_load(word[0], &c);
    if (status == IMX_OK)
        status = imx_train_command(&c, word[0], true);
    imx_options_free(imx_config_options, &c);
    return status;
}

static const char *const examples[] = { "infomax resume runs/photos", NULL };

const struct imx_command imx_cmd_resume = {
    .name = "resume",
    .summary = "goes on exactly where a run stopped",
    .usage = "RUN",
    .about = "Continues from the newest whole checkpoint with the settings of RUN/config.toml. On the same device the "
             "run ends "
             "with the same bits as one that was never interrupted.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
