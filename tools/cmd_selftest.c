/* infomax selftest: every variant of every op on a device against the double-precision reference. */
#include <stdio.h>

#include "base/clock.h"
#include "cli.h"
#include "dev/dev.h"
#include "ops/selftest.h"
#include "progress.h"

struct values {
    char *device, *op, *variant, *problem;
    int64_t cases, seed;
    bool quick, full, half;
};

#define AT(field) .at = offsetof(struct values, field)
static const struct imx_option options[] = {
    { .name = "device",
      .type = IMX_OPT_STRING,
      AT(device),
      .value = "D",
      .fallback = "auto",
      .help = "auto, host, cpu, gpu, a number P:D from infomax devices, or part of a name" },
    { .name = "quick", .type = IMX_OPT_FLAG, AT(quick), .help = "three problems of each op: what training runs first" },
    { .name = "full",
      .type = IMX_OPT_FLAG,
      AT(full),
      .help = "every problem (without --quick or --full: eight of each)" },
    { .name = "cases",
      .type = IMX_OPT_INT,
      AT(cases),
      .value = "N",
      .fallback = "0",
      .max = 1000000,
      .help = "at most N problems of each op, for slow devices; 0: as --quick or --full say" },
    { .name = "half",
      .type = IMX_OPT_FLAG,
      AT(half),
      .help = "also the kernels that store in half precision, against their own bound" },
    { .name = "op", .type = IMX_OPT_STRING, AT(op), .value = "NAME", .help = "only these ops, with commas between" },
    { .name = "variant", .type = IMX_OPT_STRING, AT(variant), .value = "NAME", .help = "only this variant" },
    { .name = "problem",
      .type = IMX_OPT_STRING,
      AT(problem),
      .value = "TEXT",
      .help = "only this problem, as printed by a failure; needs --op" },
    { .name = "seed", .type = IMX_OPT_INT, AT(seed), .value = "S", .help = "of the test data; 0: the fixed one" },
    { .name = NULL },
};

static void on_row(void *user, const struct imx_selftest_row *row)
{
    int *done = user;
    *done += row->cases;
    imx_progress_at((uint64_t)*done, "%s/%s", row->op, row->variant);
    if (!imx_cli.json) {
        imx_progress_clear();
        printf("%-4s %-22s %-22s %4d cases, %4d exact, worst %.3f of its bound%s\n", row->failed ? "FAIL" : "ok",
               row->op, row->variant, row->cases, row->exact_cases, row->worst,
               row->cases ? "" : " (not for this device)");
    }
}

static imx_status as_json(const struct imx_dev *dev, const struct imx_selftest_summary *sum, double seconds)
{
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "device", dev->caps.name);
    imx_json_int(&j, "cases", sum->cases);
    imx_json_int(&j, "exact_cases", sum->exact_cases);
    imx_json_int(&j, "failed", sum->failed);
    imx_json_int(&j, "skipped", sum->skipped);
    imx_json_double(&j, "worst_of_bound", sum->worst_of_bound);
    imx_json_double(&j, "seconds", seconds);
    imx_json_array(&j, "failures");
    for (int i = 0; i < sum->n_failures; i++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "op", sum->failures[i].op);
        imx_json_string(&j, "variant", sum->failures[i].variant);
        imx_json_string(&j, "problem", sum->failures[i].problem);
        imx_json_string(&j, "repeat", sum->failures[i].repeat);
        imx_json_string(&j, "text", sum->failures[i].text);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    imx_json_array(&j, "quarantined");
    for (int i = 0; i < dev->n_quarantine; i++)
        imx_json_string(&j, NULL, dev->quarantine[i]);
    imx_json_end(&j);
    imx_json_array(&j, "rows");
    for (int i = 0; i < sum->n_rows; i++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "op", sum->rows[i].op);
        imx_json_string(&j, "variant", sum->rows[i].variant);
        imx_json_int(&j, "cases", sum->rows[i].cases);
        imx_json_int(&j, "failed", sum->rows[i].failed);
        imx_json_double(&j, "worst", sum->rows[i].worst);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    imx_json_end(&j);
    return imx_print_json(&j);
}

static void as_text(const struct imx_dev *dev, const struct imx_selftest_summary *sum, double seconds)
{
    for (int i = 0; i < sum->n_failures; i++)
        printf("\n%s\n", sum->failures[i].text);
    printf("%s: %d cases (%d bit-exact), %d failed, %d skipped, worst error %.3f of its bound, %.1f s\n",
           dev->caps.name, sum->cases, sum->exact_cases, sum->failed, sum->skipped, sum->worst_of_bound, seconds);
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct imx_selftest_summary sum = { 0 };
    struct imx_dev *dev = NULL;
    const char *why = NULL;
    imx_status status;
    int done = 0;
    (void)n, (void)word;
    if ((v->quick && v->full) || (v->cases && (v->quick || v->full)))
        return imx_fail(IMX_E_ARG, "--quick, --full and --cases exclude each other");
    const struct imx_selftest_options o = {
        .cases = v->cases   ? (int)v->cases
                 : v->quick ? IMX_SELFTEST_SHORT
                 : v->full  ? 0
                            : 8,
        .op = v->op,
        .variant = v->variant,
        .problem = v->problem,
        .seed = (uint64_t)v->seed,
        .progress = on_row,
        .user = &done,
    };
    const double start = imx_now();
    IMX_TRY(imx_dev_open(v->device, &dev, &why));
    imx_dev_allow_half(dev, v->half);
    imx_say("device: %s (%s)", dev->caps.name, why ? why : "");
    imx_progress_begin("selftest", 0, "cases");
    IMX_GO(imx_selftest_run(dev, &o, &sum));
    imx_progress_end();
    if (imx_cli.json)
        IMX_GO(as_json(dev, &sum, imx_now() - start));
    else
        as_text(dev, &sum, imx_now() - start);
    if (sum.failed)
        status = imx_fail(IMX_E_SELFTEST, "%d of %d cases are wrong on %s", sum.failed, sum.cases, dev->caps.name);
    else if (!sum.cases)
        status = imx_fail(IMX_E_ARG, "nothing was tested: %s has no such variant", dev->caps.name);
fail:
    imx_selftest_finish(&sum);
    imx_dev_close(dev);
    return status;
}

static const char *const examples[] = {
    "infomax selftest",
    "infomax selftest --device gpu --full --half",
    "infomax selftest --op conv2d --json",
    NULL,
};

extern const struct imx_command imx_cmd_selftest;
const struct imx_command imx_cmd_selftest = {
    .name = "selftest",
    .summary = "checks every kernel on a device against the reference",
    .usage = "[--device D] [--quick|--full|--cases N] [--half] [--op NAME] [--json]",
    .about = "Integer-valued inputs must match bit for bit, real ones within the rounding bound; guard zones around\n"
             "every buffer must stay as they were. Exit code 4 when a kernel is wrong, with the line that repeats it.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .json = true,
    .run = run,
};
