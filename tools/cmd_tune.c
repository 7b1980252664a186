/* infomax tune: finds the fastest right variant of every op of a model on this device, and remembers it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli.h"
#include "ops/tune.h"
#include "progress.h"
#include "train/step.h"
#include "train_options.h"

struct values {
    struct imx_config config; /* of the model; must be first */
    struct imx_list problem;
    char *op;
    double margin, build_limit, run_limit;
    bool again;
};

/* One run of the command. */
struct tune {
    const struct values *v;
    int total, done;
    double started;
    struct imx_json json; /* one object per problem, inside "problems" */
};

/* The problems that --op and --problem name; without a problem, those of the op's self-test. */
static imx_status collect_named(const struct values *v, struct imx_tune_list *list)
{
    const struct imx_op *op = imx_op_find(v->op);
    _Alignas(8) unsigned char problem[IMX_TUNED_PROBLEM];
    if (op->problem_size > sizeof problem)
        return imx_fail(IMX_E_INTERNAL, "%s: a problem of %zu bytes", op->name, op->problem_size);
    for (size_t i = 0; v->problem.n ? i < v->problem.n : op->cases && op->cases[i]; i++) {
        IMX_TRY(imx_problem_parse(op, v->problem.n ? v->problem.item[i] : op->cases[i], problem));
        IMX_TRY(imx_tune_add(list, op, problem));
    }
    return IMX_OK;
}

/* The nodes of a training step, as it is planned on this device. Runs in the tuner's child. */
static imx_status collect(struct imx_dev *dev, void *user, struct imx_tune_list *list)
{
    const struct tune *t = user;
    const struct imx_config *c = &t->v->config;
    struct imx_step *step = NULL;
    struct imx_net_spec spec;
    imx_status status = IMX_OK;
    if (t->v->op)
        return collect_named(t->v, list);
    const struct imx_encoder *e = imx_choose_encoder(c->encoder, c->size ? (int32_t)c->size : 32);
    if (!e)
        return IMX_E_ARG;
    const int32_t side = c->size ? (int32_t)c->size : e->size;
    IMX_TRY(imx_step_spec(c, side, side, c->channels ? (int32_t)c->channels : e->channels, &spec));
    IMX_TRY(imx_step_create(dev, c, &spec, &step));
    for (int i = 0; status == IMX_OK && i < step->graph.g->n_nodes; i++)
        status = imx_tune_add(list, step->graph.g->node[i].op, step->graph.g->node[i].problem);
    imx_step_destroy(step);
    return status;
}

static void begin(void *user, const struct imx_caps *caps, const char *why, const struct imx_tune_list *list,
                  const char *path)
{
    struct tune *t = user;
    t->total = list->n;
    imx_say("device %s: %s (%s)", caps->id, caps->name, why);
    if (caps->type == IMX_DEV_HOST)
        return;
    imx_say("%d problems; choices go to %s", list->n, *path ? path : "nowhere: INFOMAX_CACHE is off");
    imx_progress_begin("tuning", 0, "problems");
}

static void tell(void *user, const struct imx_tune_result *r)
{
    struct tune *t = user;
    const struct imx_choice *c = r->choice;
    char problem[192], options[128];
    imx_problem_print(c->op, c->problem, problem, sizeof problem);
    imx_tuned_options(c->variant, c->value, options, sizeof options);
    imx_json_object(&t->json, NULL);
    imx_json_string(&t->json, "op", c->op->name);
    imx_json_string(&t->json, "problem", problem);
    imx_json_string(&t->json, "variant", c->variant->name);
    imx_json_string(&t->json, "options", strcmp(options, "-") ? options : "");
    imx_json_double(&t->json, "ms", c->ms);
    imx_json_string(&t->json, "variant_without", r->without->name);
    imx_json_double(&t->json, "ms_without", c->without);
    imx_json_bool(&t->json, "changed", r->changed);
    imx_json_int(&t->json, "times", r->problem->times);
    imx_json_int(&t->json, "tried", r->tried);
    imx_json_int(&t->json, "failed", r->failed);
    imx_json_end(&t->json);
    imx_progress_at((uint64_t)++t->done, "%s %s", c->op->name, problem);
    if (imx_cli.json)
        return;
    imx_progress_clear();
    if (r->changed)
        printf("%-16s %-38s %s %s: %.3f ms, %s %.3f ms, %.2fx, %d tried\n", c->op->name, problem, c->variant->name,
               options, c->ms, r->without->name, c->without, c->without / c->ms, r->tried);
    else
        printf("%-16s %-38s %s as it is: %.3f ms, %d tried\n", c->op->name, problem, c->variant->name, c->ms, r->tried);
    fflush(stdout);
}

static imx_status print_json(struct tune *t, const struct imx_tune_summary *s, bool whole)
{
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "device", s->caps.name);
    imx_json_string(&j, "driver", s->caps.driver);
    imx_json_string(&j, "file", s->path);
    imx_json_bool(&j, "whole", whole);
    imx_json_int(&j, "known", s->known);
    imx_json_int(&j, "searched", s->searched);
    imx_json_int(&j, "changed", s->changed);
    imx_json_int(&j, "left", s->left);
    imx_json_int(&j, "tried", s->tried);
    imx_json_int(&j, "failed", s->failed);
    imx_json_double(&j, "ms_without", s->before_ms);
    imx_json_double(&j, "ms", s->after_ms);
    imx_json_double(&j, "seconds", imx_now() - t->started);
    imx_json_end(&t->json);
    const imx_status status = imx_json_check(&t->json);
    if (status == IMX_OK)
        imx_json_raw(&j, "problems", t->json.text.data);
    imx_json_free(&t->json);
    imx_json_end(&j);
    if (status != IMX_OK)
        imx_json_free(&j);
    return status == IMX_OK ? imx_print_json(&j) : status;
}

static void say_summary(const struct tune *t, const struct imx_tune_summary *s)
{
    char took[24];
    imx_duration_text(imx_now() - t->started, took, sizeof took);
    imx_say("%d searched in %s (%d candidates, %d out), %d changed, %d known before, %d with one variant only",
            s->searched, took, s->tried, s->failed, s->changed, s->known, s->single);
    if (s->searched)
        imx_say("a step's share of these: %.1f ms without, %.1f ms now (%.2fx)", s->before_ms, s->after_ms,
                s->before_ms / s->after_ms);
    if (s->left && !s->searched && !imx_signal_caught())
        imx_say("%d problems are left: the time was over before the first was done", s->left);
    else if (s->left)
        imx_say("%d problems are left; the same command goes on with them", s->left);
}

static imx_status check(const struct values *v)
{
    if (v->problem.n && !v->op)
        return imx_fail(IMX_E_ARG, "--problem needs --op: the name of the op it is a problem of");
    const struct imx_op *op = v->op ? imx_op_find(v->op) : NULL;
    if (v->op && !op)
        return imx_fail(IMX_E_ARG, "--op %s: there is no such op (infomax selftest tests them all)", v->op);
    for (size_t i = 0; i < v->problem.n; i++) {
        _Alignas(8) unsigned char problem[512];
        if (op->problem_size <= sizeof problem)
            IMX_TRY(imx_problem_parse(op, v->problem.item[i], problem));
    }
    return IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct tune t = { .v = v, .started = imx_now() };
    struct imx_tune_summary summary = { 0 };
    const struct imx_tune_options o = {
        .device = v->config.device,
        .half = v->config.half,
        .max_time = v->config.max_time,
        .margin = v->margin / 100,
        .build_limit = v->build_limit,
        .run_limit = v->run_limit,
        .again = v->again,
        .keep = true,
        .stop = imx_stop_flag(),
        .collect = collect,
        .begin = begin,
        .tell = tell,
        .user = &t,
    };
    (void)n, (void)word;
    IMX_TRY(check(v));
    imx_signals_catch();
    t.json.pretty = true;
    imx_json_array(&t.json, NULL);
    imx_status status = imx_tune_run(&o, &summary);
    imx_progress_end();
    if (status == IMX_OK || status == IMX_E_STOPPED) {
        if (imx_cli.json) {
            const imx_status printed = print_json(&t, &summary, !summary.left && status == IMX_OK);
            status = status == IMX_OK ? printed : status;
        }
        if (summary.caps.type == IMX_DEV_HOST)
            imx_say("the host has one variant of each op: there is nothing to tune");
        else
            say_summary(&t, &summary);
    }
    imx_json_free(&t.json);
    free(summary.table);
    return status;
}

static const struct imx_option options[] = {
    { .name = "op",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, op),
      .value = "NAME",
      .help = "tunes this op alone, on the problems of its self-test" },
    { .name = "problem",
      .type = IMX_OPT_LIST,
      .at = offsetof(struct values, problem),
      .value = "TEXT...",
      .help = "tunes --op on these problems alone, written as infomax bench does" },
    { .name = "again",
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct values, again),
      .help = "also what has been tuned before on this device and driver" },
    { .name = "margin",
      .type = IMX_OPT_FLOAT,
      .at = offsetof(struct values, margin),
      .value = "PERCENT",
      .fallback = "3",
      .min = 0.1,
      .max = 50,
      .help = "how much faster than the default a choice must be" },
    { .name = "build-limit",
      .type = IMX_OPT_DURATION,
      .at = offsetof(struct values, build_limit),
      .value = "TIME",
      .fallback = "60s",
      .min = 0.1,
      .max = 3600,
      .help = "longest time for a candidate's programs and first run" },
    { .name = "run-limit",
      .type = IMX_OPT_DURATION,
      .at = offsetof(struct values, run_limit),
      .value = "TIME",
      .fallback = "60s",
      .min = 0.1,
      .max = 3600,
      .help = "longest time for a candidate's timing, and for its verification" },
    IMX_CONFIG_OPTIONS,
    { 0 },
};

static const char *const examples[] = {
    "infomax tune",
    "infomax tune --device gpu --max-time 10m",
    "infomax tune --critic encode-dot --size 64 --batch 128",
    "infomax tune --op gemm --problem m4096n2048k128_ta0tb1_bias0add0_act0",
    NULL,
};

extern const struct imx_command imx_cmd_tune;
const struct imx_command imx_cmd_tune = {
    .name = "tune",
    .summary = "finds the fastest right kernels for a model on this device",
    .usage = "[options]",
    .about =
        "Times the variants and tile sizes of every op of a training step, each in a child process. What is faster "
        "than\n"
        "the default by the margin, and was verified, is remembered for this device and driver; train, embed, probe "
        "and\n"
        "bench use it (not with --no-tuned or INFOMAX_TUNED=off). Of the options of train, those that shape the model\n"
        "count. Ctrl-C and --max-time keep what was found; the same command goes on. Nothing else should run "
        "meanwhile.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 0,
    .max_words = 0,
    .json = true,
    .run = run,
};
