/* infomax: one executable, one subcommand per file cmd_NAME.c. */
#include "cli.h"

extern const struct imx_command imx_cmd_bench;
extern const struct imx_command imx_cmd_compare;
extern const struct imx_command imx_cmd_data;
extern const struct imx_command imx_cmd_devices;
extern const struct imx_command imx_cmd_doctor;
extern const struct imx_command imx_cmd_embed;
extern const struct imx_command imx_cmd_export;
extern const struct imx_command imx_cmd_finetune;
extern const struct imx_command imx_cmd_lab;
extern const struct imx_command imx_cmd_measure;
extern const struct imx_command imx_cmd_neighbors;
extern const struct imx_command imx_cmd_predict;
extern const struct imx_command imx_cmd_probe;
extern const struct imx_command imx_cmd_report;
extern const struct imx_command imx_cmd_resume;
extern const struct imx_command imx_cmd_selftest;
extern const struct imx_command imx_cmd_synth;
extern const struct imx_command imx_cmd_trace;
extern const struct imx_command imx_cmd_train;
extern const struct imx_command imx_cmd_tune;

/* In the order in which help lists them. */
/* clang-format off */
static const struct imx_command *const commands[] = {
    &imx_cmd_devices,
    &imx_cmd_doctor,
    &imx_cmd_selftest,
    &imx_cmd_bench,
    &imx_cmd_tune,
    &imx_cmd_data,
    &imx_cmd_synth,
    &imx_cmd_train,
    &imx_cmd_resume,
    &imx_cmd_trace,
    &imx_cmd_embed,
    &imx_cmd_probe,
    &imx_cmd_finetune,
    &imx_cmd_predict,
    &imx_cmd_measure,
    &imx_cmd_neighbors,
    &imx_cmd_export,
    &imx_cmd_report,
    &imx_cmd_compare,
    &imx_cmd_lab,
    NULL,
};
/* clang-format on */

int main(int argc, char **argv)
{
    return imx_cli_main(commands, argc, argv);
}
