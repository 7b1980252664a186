/* infomax lab: what each bound on mutual information is worth, on joints whose mutual information is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "eval/lab.h"
#include "eval/lab_exact.h"
#include "ops/critic.h"
#include "option_rows.h"
#include "progress.h"
#include "train_options.h"

enum { MOST = 64, TABLE_SYMBOLS = 24 };

struct values {
    char *out, *csv, *device, *critic;
    struct imx_list estimator, joint, dims, rho, symbols, concentration, batch;
    int64_t test_batch, steps, seeds, seed, tests, hidden, embed, tables;
    double lr, max_time;
};

/* Everything that is worked on. */
struct lab {
    const struct values *v;
    struct imx_dev *dev;
    struct imx_lab_task task[MOST];
    size_t tasks;
    int32_t est[MOST], batch[MOST];
    size_t ests, batches;
    struct imx_lab_row *row;
    double *mi, *jsd;
    struct imx_lab_results results;
    char about[512];
    size_t done; /* trainings */
    bool concat;
};

/* Numbers of a list; whole ones when `whole`. */
static imx_status numbers(const struct imx_list *list, const char *fallback, const char *option, bool whole,
                          double out[MOST], size_t *n)
{
    struct imx_list w = { 0 };
    imx_status status = imx_list_words(list, fallback, option, MOST, &w);
    for (size_t i = 0; status == IMX_OK && i < w.n; i++) {
        int64_t integer = 0;
        if (whole ? !imx_parse_int(w.item[i], &integer) || integer < -1000000000 || integer > 1000000000
                  : !imx_parse_double(w.item[i], &out[i]))
            status = imx_fail(IMX_E_ARG, "--%s: \"%s\" is not a %snumber", option, w.item[i], whole ? "whole " : "");
        else if (whole)
            out[i] = (double)integer;
    }
    *n = w.n;
    imx_list_free(&w);
    return status;
}

/* ---- what is asked for ---- */

static imx_status unknown(const char *option, const char *word, const char *const *known, size_t n)
{
    const char *near = imx_nearest(word, known, n);
    return near ? imx_fail(IMX_E_ARG, "--%s: there is no \"%s\", did you mean %s?", option, word, near)
                : imx_fail(IMX_E_ARG, "--%s: there is no \"%s\"", option, word);
}

static imx_status choose_estimators(struct lab *lab)
{
    const char *known[MOST];
    size_t n = 0;
    struct imx_list w = { 0 };
    imx_status status = IMX_OK;
    for (int32_t est = 0; imx_estimator_name(est); est++)
        known[n++] = imx_estimator_name(est);
    IMX_GO(imx_list_words(&lab->v->estimator, "all", "estimator", MOST, &w));
    for (size_t i = 0; i < w.n; i++) {
        const int32_t est = imx_estimator_find(w.item[i]);
        if (w.n == 1 && !strcmp(w.item[i], "all"))
            for (int32_t all = lab->concat ? IMX_EST_INFONCE + 1 : 0; (size_t)all < n; all++)
                lab->est[lab->ests++] = all; /* a network over pairs has no infonce */
        else if (est < 0)
            IMX_GO(unknown("estimator", w.item[i], known, n));
        else
            lab->est[lab->ests++] = est;
    }
fail:
    imx_list_free(&w);
    return status;
}

static imx_status add_task(struct lab *lab, enum imx_lab_joint joint, double size, double parameter)
{
    if (lab->tasks == MOST)
        return imx_fail(IMX_E_ARG, "at most %d joints at a time", MOST);
    IMX_TRY(imx_lab_task_init(&lab->task[lab->tasks], joint, (int32_t)size, parameter, (uint64_t)lab->v->seed));
    lab->tasks++;
    return IMX_OK;
}

/* Every combination; without any of the two options the two joints of the specification (dim_method 4.6). */
static imx_status add_gauss(struct lab *lab)
{
    double dims[MOST], rho[MOST];
    size_t nd, nr;
    if (!lab->v->dims.n && !lab->v->rho.n) {
        IMX_TRY(add_task(lab, IMX_LAB_GAUSS, 1, 0.9));
        return add_task(lab, IMX_LAB_GAUSS, 20, 0.5);
    }
    IMX_TRY(numbers(&lab->v->dims, "1", "dims", true, dims, &nd));
    IMX_TRY(numbers(&lab->v->rho, "0.5", "rho", false, rho, &nr));
    for (size_t i = 0; i < nd; i++)
        for (size_t k = 0; k < nr; k++)
            IMX_TRY(add_task(lab, IMX_LAB_GAUSS, dims[i], rho[k]));
    return IMX_OK;
}

static imx_status add_discrete(struct lab *lab, enum imx_lab_joint joint)
{
    double symbols[MOST], concentration[MOST] = { 0 };
    size_t ns, nc = 1;
    IMX_TRY(numbers(&lab->v->symbols, "10", "symbols", true, symbols, &ns));
    if (joint == IMX_LAB_TABLE)
        IMX_TRY(numbers(&lab->v->concentration, "0.1", "concentration", false, concentration, &nc));
    for (size_t i = 0; i < ns; i++)
        for (size_t k = 0; k < nc; k++)
            IMX_TRY(add_task(lab, joint, symbols[i], concentration[k]));
    return IMX_OK;
}

static imx_status choose_tasks(struct lab *lab)
{
    static const char *const known[] = { "gauss", "equal", "table", "none" };
    struct imx_list w = { 0 };
    imx_status status;
    IMX_GO(imx_list_words(&lab->v->joint, "gauss,equal,table", "joint", MOST, &w));
    for (size_t i = 0; i < w.n; i++) {
        if (!strcmp(w.item[i], "gauss"))
            IMX_GO(add_gauss(lab));
        else if (!strcmp(w.item[i], "equal"))
            IMX_GO(add_discrete(lab, IMX_LAB_EQUAL));
        else if (!strcmp(w.item[i], "table"))
            IMX_GO(add_discrete(lab, IMX_LAB_TABLE));
        else if (w.n > 1 || strcmp(w.item[i], "none"))
            IMX_GO(unknown("joint", w.item[i], known, 4));
    }
fail:
    imx_list_free(&w);
    return status;
}

static imx_status choose(struct lab *lab)
{
    double batch[MOST];
    lab->concat = !strcmp(lab->v->critic, "concat");
    IMX_TRY(choose_estimators(lab));
    IMX_TRY(choose_tasks(lab));
    IMX_TRY(numbers(&lab->v->batch, "16,128", "batch", true, batch, &lab->batches));
    for (size_t i = 0; i < lab->batches; i++) {
        if (batch[i] < 2 || batch[i] > 16384)
            return imx_fail(IMX_E_ARG, "--batch: %g is not within 2 and 16384", batch[i]);
        lab->batch[i] = (int32_t)batch[i];
    }
    lab->results.rows = lab->tasks * lab->ests * lab->batches;
    lab->row = calloc(lab->results.rows + 1, sizeof *lab->row);
    if (!lab->row)
        return imx_fail(IMX_E_NOMEM, "no memory for %zu rows of results", lab->results.rows);
    size_t at = 0;
    for (size_t t = 0; t < lab->tasks; t++)
        for (size_t e = 0; e < lab->ests; e++)
            for (size_t b = 0; b < lab->batches; b++)
                lab->row[at++] = imx_lab_row(&lab->task[t], lab->est[e], lab->batch[b], (int32_t)lab->v->test_batch);
    lab->results.row = lab->row;
    return IMX_OK;
}

/* ---- the work ---- */

static bool go_on(void *user, int32_t step)
{
    (void)user;
    (void)step;
    return !imx_signal_caught();
}

static void tell(void *user, size_t trainings, const struct imx_lab_row *row)
{
    struct lab *lab = user;
    lab->done = trainings;
    imx_progress_at((uint64_t)trainings, "%s, %s, batch %d: %.3f of %.3f nats", row->task->name,
                    imx_estimator_name(row->est), row->batch, row->mean, row->task->mi);
}

static imx_status train(struct lab *lab)
{
    const struct values *v = lab->v;
    const struct imx_lab_plan plan = {
        .critic = { .test_batch = (int32_t)v->test_batch,
                    .hidden = (int32_t)v->hidden,
                    .embed = (int32_t)v->embed,
                    .concat = lab->concat,
                    .steps = (int32_t)v->steps,
                    .tests = (int32_t)v->tests,
                    .lr = v->lr,
                    .seed = (uint64_t)v->seed,
                    .go_on = go_on },
        .rows = lab->results.rows,
        .seeds = (int32_t)v->seeds,
        .max_time = v->max_time,
        .done = tell,
        .user = lab,
    };
    if (!plan.rows)
        return IMX_OK;
    IMX_TRY(imx_open_device(v->device, &lab->dev));
    const size_t all = plan.rows * (size_t)plan.seeds;
    imx_progress_begin("lab", all, "critics");
    const imx_status status = imx_lab_run(lab->dev, &plan, lab->row);
    imx_progress_end();
    if (lab->done < all)
        imx_say("%zu of %zu critics were trained; the rest is missing below", lab->done, all);
    snprintf(lab->about, sizeof lab->about,
             "Critics %s with two hidden layers of %lld, %lld steps each on fresh pairs, then read on %lld fresh "
             "batches; %lld seeds; on %s.",
             lab->concat ? "over pairs (x, y), one negative each," : "g(x).h(y) of two networks", (long long)v->hidden,
             (long long)v->steps, (long long)v->tests, (long long)v->seeds, lab->dev->caps.name);
    return status;
}

static imx_status tables(struct lab *lab)
{
    const size_t n = (size_t)lab->v->tables;
    lab->mi = malloc((n + 1) * sizeof *lab->mi);
    lab->jsd = malloc((n + 1) * sizeof *lab->jsd);
    if (!lab->mi || !lab->jsd)
        return imx_fail(IMX_E_NOMEM, "no memory for %zu tables", n);
    IMX_TRY(imx_lab_tables((int32_t)n, TABLE_SYMBOLS, (uint64_t)lab->v->seed, lab->mi, lab->jsd));
    lab->results.mi = lab->mi;
    lab->results.jsd = lab->jsd;
    lab->results.tables = n;
    return imx_rank_correlation(lab->mi, lab->jsd, n, &lab->results.correlation);
}

/* ---- how it is told ---- */

static void cell(int width, double v)
{
    if (isfinite(v))
        printf(fabs(v) < 1e4 ? " %*.3f" : " %*.2e", width, v);
    else
        printf(" %*s", width, "-");
}

static void as_text(const struct lab *lab)
{
    const struct imx_lab_results *r = &lab->results;
    for (size_t i = 0; i < r->rows; i++) {
        const struct imx_lab_row *row = &r->row[i];
        if (!i || row->task != row[-1].task) {
            printf("%s%s: %.6f nats\n", i ? "\n" : "", row->task->name, row->task->mi);
            printf("  %-9s %6s %8s %8s %8s %8s %8s  %-10s %9s %9s\n", "estimator", "batch", "reading", "bias", "spread",
                   "jitter", "ceiling", "by", "value", "best");
        }
        printf("  %-9s %6d", imx_estimator_name(row->est), row->batch);
        const double v[] = { row->mean, row->bias, row->spread, row->jitter, row->ceiling };
        for (size_t k = 0; k < sizeof v / sizeof *v; k++)
            cell(8, row->seeds || k == 4 ? v[k] : (double)NAN);
        printf("  %-10s", !row->seeds ? "not done" : row->bad ? "not finite" : imx_lab_kind(row->est));
        cell(9, row->value);
        cell(9, row->best);
        printf("\n");
    }
    if (r->tables > 1)
        printf("%sJSD against mutual information: rank correlation %.4f over %zu random joint tables\n",
               r->rows ? "\n" : "", r->correlation, r->tables);
}

static void row_as_json(struct imx_json *j, const struct imx_lab_row *row)
{
    static const char *const joint[] = { "gauss", "equal", "table" };
    imx_json_object(j, NULL);
    imx_json_string(j, "joint", joint[row->task->joint]);
    imx_json_int(j, row->task->joint == IMX_LAB_GAUSS ? "dims" : "symbols", row->task->size);
    if (row->task->joint != IMX_LAB_EQUAL)
        imx_json_double(j, row->task->joint == IMX_LAB_GAUSS ? "rho" : "concentration", row->task->parameter);
    imx_json_string(j, "estimator", imx_estimator_name(row->est));
    imx_json_int(j, "batch", row->batch);
    imx_json_int(j, "seeds", row->seeds);
    imx_json_int(j, "not_finite", row->bad);
    imx_json_string(j, "kind", imx_lab_kind(row->est));
    imx_json_double(j, "exact", row->task->mi);
    imx_json_double(j, "reading", row->mean);
    imx_json_double(j, "bias", row->bias);
    imx_json_double(j, "spread", row->spread);
    imx_json_double(j, "jitter", row->seeds ? row->jitter : (double)NAN);
    imx_json_double(j, "ceiling", row->ceiling);
    imx_json_double(j, "most", row->most);
    imx_json_double(j, "value", row->value);
    imx_json_double(j, "value_spread", row->value_spread);
    imx_json_double(j, "best_value", row->best);
    imx_json_double(j, "seconds", row->seeds ? row->seconds : (double)NAN);
    imx_json_end(j);
}

static imx_status as_json(const struct lab *lab)
{
    const struct imx_lab_results *r = &lab->results;
    struct imx_json j = { 0 };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "device", lab->dev ? lab->dev->caps.name : NULL);
    imx_json_string(&j, "critic", lab->v->critic);
    imx_json_int(&j, "steps", lab->v->steps);
    imx_json_array(&j, "rows");
    for (size_t i = 0; i < r->rows; i++)
        row_as_json(&j, &r->row[i]);
    imx_json_end(&j);
    imx_json_object(&j, "tables");
    imx_json_double(&j, "rank_correlation", r->correlation);
    imx_json_array(&j, "mi");
    for (size_t i = 0; i < r->tables; i++)
        imx_json_double(&j, NULL, r->mi[i]);
    imx_json_end(&j);
    imx_json_array(&j, "jsd");
    for (size_t i = 0; i < r->tables; i++)
        imx_json_double(&j, NULL, r->jsd[i]);
    imx_json_end(&j);
    imx_json_end(&j);
    imx_json_end(&j);
    return imx_print_json(&j);
}

static imx_status write_files(const struct lab *lab)
{
    struct imx_text text = { 0 };
    imx_status status = IMX_OK;
    if (lab->v->out) {
        IMX_GO(imx_lab_page(&lab->results, &text));
        IMX_GO(imx_file_write(lab->v->out, text.data, text.size));
    }
    imx_text_free(&text);
    if (lab->v->csv) {
        imx_lab_csv(&lab->results, &text);
        IMX_GO(imx_text_check(&text));
        IMX_GO(imx_file_write(lab->v->csv, text.data, text.size));
    }
fail:
    imx_text_free(&text);
    return status;
}

/* What is done is told, also when a signal ended it early. */
static imx_status tell_all(const struct lab *lab)
{
    if (imx_cli.json)
        IMX_TRY(as_json(lab));
    else
        as_text(lab);
    return write_files(lab);
}

static imx_status run(void *values, int n, char **word)
{
    imx_status status;
    struct lab *lab = calloc(1, sizeof *lab);
    (void)n;
    (void)word;
    if (!lab)
        return imx_fail(IMX_E_NOMEM, "no memory for the laboratory");
    lab->v = values;
    lab->results.about = lab->about;
    lab->results.correlation = (double)NAN;
    imx_signals_catch();
    IMX_GO(choose(lab));
    IMX_GO(tables(lab));
    status = train(lab);
    if (status == IMX_OK)
        status = tell_all(lab);
    else if (status == IMX_E_STOPPED && lab->done) {
        IMX_GO(tell_all(lab));
        status = imx_fail(IMX_E_STOPPED, "stopped after %zu critics", lab->done);
    }
fail:
    for (size_t i = 0; i < lab->tasks; i++)
        imx_lab_task_free(&lab->task[i]);
    imx_dev_close(lab->dev);
    free(lab->row);
    free(lab->mi);
    free(lab->jsd);
    free(lab);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_OUT("FILE.html", "a page with charts of readings, bias and spread"),
    IMX_ROW_TEXT("csv", csv, "FILE.csv", "the table for other programs"),
    IMX_ROW_LIST("estimator", estimator, "NAME,...", "all by default"),
    IMX_ROW_LIST(
        "joint", joint, "NAME,...",
        "gauss: correlated normal numbers; equal: X = Y, uniform; table: a random joint table; none: no training "
        "(default gauss,equal,table)"),
    IMX_ROW_LIST("dims", dims, "N,...", "dimensions of gauss (default 1 with rho 0.9, and 20 with rho 0.5)"),
    IMX_ROW_LIST("rho", rho, "R,...", "correlation of each dimension; every combination with --dims"),
    IMX_ROW_LIST("symbols", symbols, "N,...", "of equal and table (default 10)"),
    IMX_ROW_LIST("concentration", concentration, "A,...", "of the tables' Dirichlet distribution (default 0.1)"),
    IMX_ROW_LIST("batch", batch, "N,...",
                 "pairs in a batch; the others of a batch are a pair's negatives (default 16,128)"),
    IMX_ROW_INT("test-batch", test_batch, "0", 0, 16384, "pairs in a batch that is read; 0: as in training"),
    IMX_ROW_INT("tests", tests, "32", 1, 100000, "batches to read"),
    IMX_ROW_INT("steps", steps, "400", 1, 100000000, "training steps of each critic"),
    IMX_ROW_INT("seeds", seeds, "3", 1, 1000, "critics of each kind"),
    IMX_ROW_SEED("of the first"),
    { IMX_ROW("critic", IMX_OPT_CHOICE, critic), .fallback = "dot", .choices = "dot|concat",
      .help = "dot: g(x).h(y), all others of a batch as negatives; concat: one network over pairs, a shuffled y each" },
    IMX_ROW_INT("hidden", hidden, "64", 1, 65536, "width of the critic's hidden layers"),
    IMX_ROW_INT("embed", embed, "32", 1, 65536, "numbers whose product is the score"),
    IMX_ROW_LR("2e-3", "Adam's step size; falls to 0 over the last half of the steps"),
    IMX_ROW_INT("tables", tables, "1000", 0, 1000000, "random tables of the picture of JSD against mutual information"),
    { IMX_ROW("max-time", IMX_OPT_DURATION, max_time), .value = "T", .max = 1e9,
      .help = "no critic is begun later; 0: all are trained" },
    IMX_ROW_DEVICE,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax lab -o lab.html",
    "infomax lab --estimator dv,infonce --joint gauss --dims 20 --rho 0.5 --batch 8,32,128,512 --steps 2000",
    "infomax lab --joint none --tables 10000 --json",
    NULL,
};

extern const struct imx_command imx_cmd_lab;
const struct imx_command imx_cmd_lab = {
    .name = "lab",
    .summary = "says what each bound on mutual information is worth, where the truth is known",
    .usage = "[-o FILE.html] [options]",
    .about = "Trains small critics with every estimator on joints whose mutual information is known, and prints\n"
             "reading, bias and spread over the seeds, in nats. Ctrl-C and --max-time keep what is done.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .json = true,
    .run = run,
};
