/* infomax bench: how fast the ops of the model run here, and what fraction of the possible that is. The copy rate is
 * measured just before, the peak around every sample, so that a fraction means something on a busy machine, too. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_compare.h"
#include "bench_io.h"
#include "bench_step.h"
#include "cli.h"
#include "dev/dev.h"
#include "ops/bench.h"
#include "train_options.h"

struct values {
    struct imx_config config; /* of the step; must be first */
    char *op, *problem, *variant, *compare;
};

/* One run of the command. */
struct bench {
    struct imx_dev *dev;
    const struct imx_config *config;
    struct imx_step_time step; /* n == 0: not timed */
    struct imx_io io;          /* n == 0: not timed */
    const char *variant;       /* NULL: the one that the device would use; "all": every one that supports the problem */
    struct imx_meter meter;
    struct imx_bench_limit limit;
    struct imx_bench_before before; /* zeroed: nothing to compare with */
    struct imx_bench_row *row;
    size_t n;
    imx_status last; /* why the latest row is missing */
};

/* The reference needs minutes for what a device does in a tenth of a second; on the host, lists leave that out. */
static const double host_flop_limit = 1e9, host_byte_limit = 3e7;

static bool too_much(const struct imx_dev *dev, const struct imx_op *op, const void *problem)
{
    return imx_dev_is_host(dev) &&
           ((op->flop && op->flop(problem) > host_flop_limit) || imx_bench_bytes(op, problem) > host_byte_limit);
}

static void print_head(const struct bench *b)
{
    printf("%s", b->dev->caps.name);
    if (b->limit.peak_gflops > 0)
        printf(": peak %.0f GFLOP/s, copy %.1f GB/s, measured just now", b->limit.peak_gflops, b->limit.copy_gbps);
    printf("\n%-16s %-17s %-47s %-16s %10s %21s %9s %8s %6s\n", "op", "direction", "problem", "variant", "ms",
           "min .. max", "GFLOP/s", "GB/s", "limit");
}

static void print_row(const struct imx_bench_row *r)
{
    char range[48], part[16] = "-";
    snprintf(range, sizeof range, "%.3f .. %.3f", r->ms_min, r->ms_max);
    if (r->of_limit > 0)
        snprintf(part, sizeof part, "%.0f%%", 100 * r->of_limit);
    printf("%-16s %-17s %-47s %-16s %10.3f %21s %9.1f %8.1f %6s\n", r->op->name, r->direction, r->problem, r->variant,
           r->ms, range, r->gflops, r->gbps, part);
    fflush(stdout);
}

/* Times one variant. A problem that this device cannot do costs a line on stderr, not the other rows. */
static imx_status time_one(struct bench *b, const struct imx_op *op, const char *direction, const void *problem,
                           const struct imx_variant *variant)
{
    struct imx_bench_row *more = realloc(b->row, (b->n + 1) * sizeof *more);
    if (!more)
        return imx_fail(IMX_E_NOMEM, "no memory for a benchmark row");
    b->row = more;
    const imx_status s = imx_bench_run(b->dev, op, problem, variant, &b->limit, &b->row[b->n]);
    if (s == IMX_E_UNSUPPORTED || s == IMX_E_NOMEM || s == IMX_E_BUILD) {
        imx_say("left out: %s", imx_error_text());
        b->last = s;
        return IMX_OK;
    }
    IMX_TRY(s);
    b->row[b->n].direction = direction;
    if (!imx_cli.json)
        print_row(&b->row[b->n]);
    b->n++;
    return imx_signal_caught() ? imx_fail(IMX_E_STOPPED, "stopped by a signal") : IMX_OK;
}

static imx_status time_problem(struct bench *b, const struct imx_op *op, const char *direction, const void *problem)
{
    const struct imx_dev *dev = b->dev;
    if (!b->variant)
        return time_one(b, op, direction, problem, NULL);
    if (strcmp(b->variant, "all") || imx_dev_is_host(dev)) {
        const char *force = strcmp(b->variant, "all") ? b->variant : NULL;
        const struct imx_variant *v = imx_op_pick(dev, op, problem, force);
        if (v)
            return time_one(b, op, direction, problem, v);
        char text[192];
        imx_problem_print(op, problem, text, sizeof text);
        b->last = imx_fail(IMX_E_UNSUPPORTED, "%s has no variant \"%s\" for %s on %s", op->name, b->variant, text,
                           dev->caps.name);
        imx_say("left out: %s", imx_error_text());
        return IMX_OK;
    }
    for (const struct imx_variant *const *v = op->variants; v && *v; v++)
        if ((*v)->supports(&dev->caps, problem))
            IMX_TRY(time_one(b, op, direction, problem, *v));
    return IMX_OK;
}

/* The listed problems of one group: "gemm", "conv2d", ... */
static imx_status time_group(struct bench *b, const char *group)
{
    for (const struct imx_bench_case *c = imx_bench_cases; c->group; c++) {
        const struct imx_op *op = imx_op_find(c->op);
        if (strcmp(c->group, group))
            continue;
        if (!op) {
            b->last = imx_fail(IMX_E_UNSUPPORTED, "this build has no op %s", c->op);
            imx_say("left out: %s", imx_error_text());
        } else if (too_much(b->dev, op, c->problem)) {
            char text[192];
            imx_problem_print(op, c->problem, text, sizeof text);
            b->last = imx_fail(IMX_E_UNSUPPORTED,
                               "%s %s takes the host too long; name it with --op and --problem to "
                               "time it all the same",
                               op->name, text);
            imx_say("left out: %s", imx_error_text());
        } else {
            IMX_TRY(time_problem(b, op, c->direction, c->problem));
        }
    }
    return IMX_OK;
}

/* One exact problem; without a problem, those that the self-test of that op runs. */
static imx_status time_exact(struct bench *b, const char *name, const char *text)
{
    const struct imx_op *op = imx_op_find(name);
    const char *const one[] = { text, NULL };
    void *problem = calloc(1, op->problem_size);
    imx_status status = problem ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for a problem");
    for (const char *const *t = text ? one : op->cases; status == IMX_OK && t && *t; t++) {
        IMX_GO(imx_problem_parse(op, *t, problem));
        IMX_GO(time_problem(b, op, "", problem));
    }
fail:
    free(problem);
    return status;
}

static struct imx_bench_now measured(const struct bench *b)
{
    return (struct imx_bench_now){ b->row, b->n, b->config, &b->step, b->limit };
}

static imx_status print_json(const struct bench *b)
{
    const bool known = b->limit.peak_gflops > 0;
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "device", b->dev->caps.name);
    imx_json_double(&j, "peak_gflops", known ? b->limit.peak_gflops : (double)NAN);
    imx_json_double(&j, "copy_gbps", known ? b->limit.copy_gbps : (double)NAN);
    imx_json_array(&j, "rows");
    for (size_t i = 0; i < b->n; i++) {
        const struct imx_bench_row *r = &b->row[i];
        imx_json_object(&j, NULL);
        imx_json_string(&j, "op", r->op->name);
        imx_json_string(&j, "direction", r->direction);
        imx_json_string(&j, "problem", r->problem);
        imx_json_string(&j, "variant", r->variant);
        imx_json_double(&j, "ms", r->ms);
        imx_json_double(&j, "ms_min", r->ms_min);
        imx_json_double(&j, "ms_max", r->ms_max);
        imx_json_double(&j, "gflops", r->gflops);
        imx_json_double(&j, "gbps", r->gbps);
        imx_json_double(&j, "peak_gflops", r->peak_gflops > 0 ? r->peak_gflops : (double)NAN);
        imx_json_double(&j, "of_limit", known ? r->of_limit : (double)NAN);
        imx_json_int(&j, "runs", r->runs);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    if (b->step.n)
        imx_bench_step_json(&j, b->config, &b->step);
    if (b->io.n)
        imx_bench_io_json(&j, &b->io);
    if (b->before.doc.root) {
        const struct imx_bench_now now = measured(b);
        imx_bench_compare_json(&j, &b->before, &now);
    }
    imx_json_end(&j);
    return imx_print_json(&j);
}

/* A training step on images of --size (0: what the encoder was made for). */
static imx_status time_step(struct bench *b, const char *name)
{
    (void)name;
    const struct imx_config *c = b->config;
    const struct imx_encoder *e = imx_choose_encoder(c->encoder, c->size ? (int32_t)c->size : 32);
    if (!e)
        return IMX_E_ARG;
    const int32_t side = c->size ? (int32_t)c->size : e->size;
    const int32_t channels = c->channels ? (int32_t)c->channels : e->channels;
    const int runs = imx_dev_is_host(b->dev) ? 1 : 15;
    free(b->step.node);
    IMX_TRY(imx_step_measure(b->dev, c, side, side, channels, runs, b->limit.copy_gbps, &b->step));
    if (!imx_cli.json)
        imx_bench_step_text(c, &b->step);
    return IMX_OK;
}

static imx_status time_io(struct bench *b, const char *name)
{
    (void)name;
    IMX_TRY(imx_bench_io(b->dev, b->config, &b->io));
    struct imx_bench_row *more = realloc(b->row, (b->n + (size_t)b->io.n) * sizeof *more);
    if (!more)
        return imx_fail(IMX_E_NOMEM, "no memory for a benchmark row");
    b->row = more;
    for (int i = 0; i < b->io.n; i++)
        imx_bench_io_row(&b->io.at[i], &b->row[b->n++]);
    if (!imx_cli.json)
        imx_bench_io_text(&b->io, b->config);
    return IMX_OK;
}

/* What may be named after "bench"; without a name, all of them. */
static const struct part {
    const char *name;
    imx_status (*run)(struct bench *b, const char *name);
} parts[] = {
    { "gemm", time_group },      { "conv2d", time_group }, { "critic", time_group },
    { "batchnorm", time_group }, { "pool2d", time_group }, { "layernorm", time_group },
    { "adam", time_group },      { "step", time_step },    { "io", time_io },
};
enum { PARTS = sizeof parts / sizeof *parts };

static const struct part *find_part(const char *name)
{
    for (size_t i = 0; i < PARTS; i++)
        if (!strcmp(parts[i].name, name))
            return &parts[i];
    return NULL;
}

static imx_status time_all(struct bench *b, const struct values *v, int n, char **word)
{
    if (v->op)
        return time_exact(b, v->op, v->problem);
    for (int i = 0; i < n; i++)
        IMX_TRY(find_part(word[i])->run(b, word[i]));
    for (size_t i = 0; !n && i < PARTS; i++)
        IMX_TRY(parts[i].run(b, parts[i].name));
    return IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    struct values *v = values;
    struct bench b = { .variant = v->variant, .config = &v->config };
    const char *why = "";
    imx_status status = IMX_OK;
    if (v->problem && !v->op)
        return imx_fail(IMX_E_ARG, "--problem needs --op: the name of the op it is a problem of");
    if (v->op && !imx_op_find(v->op))
        return imx_fail(IMX_E_ARG, "--op %s: there is no such op (infomax selftest tests them all)", v->op);
    if (v->op && n)
        return imx_fail(IMX_E_ARG, "\"%s\" and --op: name either a part or one op", word[0]);
    IMX_TRY(imx_config_resolve(&v->config));
    for (int i = 0; i < n; i++)
        if (!find_part(word[i]))
            return imx_fail(IMX_E_ARG,
                            "there is no benchmark \"%s\"; there are gemm, conv2d, critic, batchnorm, pool2d, "
                            "layernorm, adam, step and io",
                            word[i]);
    if (v->compare)
        IMX_TRY(imx_bench_before_open(v->compare, &b.before));
    imx_signals_catch();
    IMX_GO(imx_dev_open(v->config.device, &b.dev, &why));
    IMX_GO(imx_use_config(b.dev, &v->config));
    if (!imx_dev_is_host(b.dev)) {
        IMX_GO(imx_dev_peak(b.dev, &b.limit.peak_gflops, &b.limit.copy_gbps));
        IMX_GO(imx_meter_open(b.dev, &b.meter));
        b.limit.meter = &b.meter;
    }
    imx_say("%s (%s)", b.dev->caps.name, why);
    if (!imx_cli.json)
        print_head(&b);
    IMX_GO(time_all(&b, v, n, word));
    if (imx_cli.json) {
        IMX_GO(print_json(&b));
    } else if (v->compare) {
        const struct imx_bench_now now = measured(&b);
        imx_bench_compare_text(&b.before, &now);
    }
    if (!b.n && !b.step.n)
        status = b.last; /* its text is the latest one recorded */
fail:
    imx_bench_before_close(&b.before);
    imx_meter_close(&b.meter);
    imx_dev_close(b.dev);
    free(b.row);
    free(b.step.node);
    return status;
}

static const struct imx_option options[] = {
    { .name = "op",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, op),
      .value = "NAME",
      .help = "times this op alone, on the problems of its self-test" },
    { .name = "problem",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, problem),
      .value = "TEXT",
      .help = "times --op on this problem alone, written as in the rows" },
    { .name = "variant",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, variant),
      .value = "NAME",
      .help = "this variant, or \"all\" that support the problem; without: the one that training would use" },
    { .name = "compare",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, compare),
      .value = "FILE",
      .help =
          "an earlier --json output: prints the ratio of the times, and of the times in units of each run's limits" },
    IMX_CONFIG_OPTIONS,
    { 0 },
};

static const char *const examples[] = {
    "infomax bench",
    "infomax bench gemm conv2d --device cpu",
    "infomax bench critic --variant all --json",
    "infomax bench step --critic encode-dot --estimator infonce",
    "infomax bench io --data photos --size 64",
    "infomax bench --op adam --problem n14000000",
    "infomax bench gemm --json > before.json; infomax bench gemm --compare before.json",
    NULL,
};

extern const struct imx_command imx_cmd_bench;
const struct imx_command imx_cmd_bench = {
    .name = "bench",
    .summary = "times ops, as fractions of what the device can do",
    .usage = "[gemm|conv2d|critic|batchnorm|pool2d|layernorm|adam|step|io...] [options]",
    .about =
        "The column \"limit\" is the least time that the device's measured peak and copy rate allow, over the time "
        "taken;\n"
        "the peak is measured again around each sample, because a shared machine's changes from one moment to the "
        "next.\n"
        "Above 100% went what did with less arithmetic than its formula (Winograd's convolutions) or found its "
        "arguments\n"
        "in a cache. Milliseconds are medians; their range stands beside them. Nothing else should run meanwhile.\n"
        "step: a whole training step, how many kernels it queues, how many programs were built for it (fewer after "
        "other\n"
        "parts of the same command), and its nodes one by one, each with a wait behind it.\n"
        "io: images a second that are decoded and scaled and that are batched (--data PATH, else drawn JPEG files and\n"
        "CIFAR-10 binaries), beside those that a training step takes and the time the device waits for them.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 0,
    .max_words = -1,
    .json = true,
    .run = run,
};
