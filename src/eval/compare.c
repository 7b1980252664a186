/* What is read of several runs, and the table of it. See compare.h. */
#include "eval/compare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

const char *const imx_compare_sections[] = { "settings",     "results", "probes", "fine-tuning",
                                             "measurements", "cost",    "data",   NULL };

/* ---- one run ---- */

static bool has(const char *run, const char *name)
{
    char path[4096];
    return imx_join(path, sizeof path, run, name) && imx_file_size(path, NULL);
}

/* Damaged or incomplete is as if it were not there; what the machine failed at stays an error. */
static imx_status forgive(imx_status s)
{
    if (s != IMX_E_DATA && s != IMX_E_FORMAT)
        return s;
    imx_error_clear();
    return IMX_OK;
}

static imx_status read_config(struct imx_compared *r)
{
    char path[4096];
    if (!has(r->path, "config.toml") || !imx_join(path, sizeof path, r->path, "config.toml"))
        return IMX_OK;
    return forgive(imx_toml_read(path, &r->config));
}

/* The last line of train.log says how the run ended: "DATE finished: step ...", "DATE stopped at step ...". */
static imx_status read_state(struct imx_compared *r)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    if (!has(r->path, "train.log") || !imx_join(path, sizeof path, r->path, "train.log"))
        return IMX_OK;
    const imx_status status = imx_file_read(path, 1 << 26, &text, &bytes);
    if (status != IMX_OK)
        return forgive(status);
    while (bytes && (text[bytes - 1] == '\n' || text[bytes - 1] == ' '))
        text[--bytes] = 0;
    const char *line = strrchr(text, '\n'), *last = line ? line : text, *space = strchr(last, ' ');
    const char *word = space ? space + 1 : last + strlen(last);
    r->finished = !strncmp(word, "finished", 8) || !strncmp(word, "nothing is left", 15);
    if (r->finished)
        snprintf(r->state, sizeof r->state, "finished");
    else if (!strncmp(word, "stopped at step", 15))
        snprintf(r->state, sizeof r->state, "%.*s", (int)strcspn(word, ";"), word);
    else
        snprintf(r->state, sizeof r->state, "not finished");
    free(text);
    return IMX_OK;
}

static imx_status read_run(const char *path, struct imx_compared *r)
{
    bool good = false;
    r->path = path;
    if (!imx_file_size(path, NULL))
        return imx_fail(IMX_E_DATA, "there is no folder %s", path);
    if (!has(path, "config.toml") && !has(path, "env.json") && !has(path, "metrics.jsonl"))
        return imx_fail(IMX_E_DATA, "%s is no run folder: it holds no config.toml, env.json or metrics.jsonl", path);
    IMX_TRY(read_config(r));
    IMX_TRY(read_state(r));
    IMX_TRY(imx_report_json(path, "env.json", &r->env, &good));
    IMX_TRY(forgive(imx_curves_read(path, &r->curve)));
    return imx_results_read(path, &r->results);
}

/* The end of a path from the k-th slash from behind; trailing slashes are not counted. */
static void end_of(const char *path, int k, char *out, size_t size)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t at = n;
    while (at > 0 && (path[at - 1] != '/' || --k >= 0))
        at--;
    snprintf(out, size, "%.*s", (int)(n - at), path + at);
}

static void name_runs(struct imx_compare *c)
{
    for (int k = 0; k < 8; k++) {
        bool twice = false;
        for (size_t i = 0; i < c->runs; i++)
            end_of(c->run[i].path, k, c->run[i].name, sizeof c->run[i].name);
        for (size_t i = 0; i < c->runs; i++)
            for (size_t j = 0; j < i; j++)
                twice |= !strcmp(c->run[i].name, c->run[j].name);
        if (!twice)
            return;
    }
}

const char *imx_compared_setting(const struct imx_compared *r, const char *key)
{
    for (size_t i = 0; i < r->config.entries; i++)
        if (!strcmp(r->config.entry[i].key, key) && r->config.entry[i].string)
            return r->config.entry[i].string;
    return "";
}

double imx_compared_last(const struct imx_compared *r, const double *column)
{
    for (size_t i = r->curve.n; column && i-- > 0;)
        if (isfinite(column[i]))
            return column[i];
    return (double)NAN;
}

/* ---- the table ---- */

/* The fact of this name, made if need be; NULL without memory. */
static struct imx_fact *fact(struct imx_compare *c, const char *section, const char *name)
{
    for (size_t i = 0; i < c->facts; i++)
        if (!strcmp(c->fact[i].section, section) && !strcmp(c->fact[i].name, name))
            return &c->fact[i];
    if (c->facts == c->room) {
        struct imx_fact *grown = realloc(c->fact, (c->room * 2 + 64) * sizeof *grown);
        if (!grown)
            return NULL;
        c->fact = grown;
        c->room = c->room * 2 + 64;
    }
    struct imx_fact *f = &c->fact[c->facts];
    *f = (struct imx_fact){ section, strdup(name), calloc(c->runs, sizeof *f->cell),
                            calloc(c->runs, sizeof *f->number) };
    c->facts++;
    for (size_t k = 0; f->number && k < c->runs; k++)
        f->number[k].value = (double)NAN;
    return f->name && f->cell && f->number ? f : NULL;
}

static imx_status set_with(struct imx_compare *c, size_t run, const char *section, const char *name, const char *text,
                           double value, double spread)
{
    struct imx_fact *f = text ? fact(c, section, name) : NULL;
    if (!text || (f && f->cell[run]))
        return IMX_OK;
    char *copy = f ? strdup(text) : NULL;
    if (!copy)
        return imx_fail(IMX_E_NOMEM, "no memory for a table");
    f->cell[run] = copy;
    f->number[run] = (struct imx_fact_number){ value, spread };
    return IMX_OK;
}

static imx_status set(struct imx_compare *c, size_t run, const char *section, const char *name, const char *text)
{
    return set_with(c, run, section, name, text, (double)NAN, 0);
}

static imx_status set_number(struct imx_compare *c, size_t run, const char *section, const char *name, double v)
{
    char text[32];
    snprintf(text, sizeof text, fabs(v) >= 1e4 && fabs(v) < 1e15 ? "%.0f" : "%.4g", v);
    return isfinite(v) ? set_with(c, run, section, name, text, v, 0) : IMX_OK;
}

/* A member of a row that is a share, with its deviation: "12.34 +- 0.56 %". */
static imx_status set_share(struct imx_compare *c, size_t run, const char *section, const char *name,
                            const struct imx_json_node *of, const char *member, const char *deviation)
{
    char text[64];
    const double share = 100 * imx_json_get_number(of, member, (double)NAN);
    const double std = 100 * imx_json_get_number(of, deviation, 0);
    if (!isfinite(share))
        return IMX_OK;
    if (std > 0)
        snprintf(text, sizeof text, "%.2f +- %.2f %%", share, std);
    else
        snprintf(text, sizeof text, "%.2f %%", share);
    return set_with(c, run, section, name, text, share, std > 0 ? std : 0);
}

/* Accuracy; where classes are unequal, so that it says little, what is better then. */
static imx_status set_accuracy(struct imx_compare *c, size_t run, const char *section, const char *name,
                               const struct imx_json_node *of)
{
    char better[128];
    IMX_TRY(set_share(c, run, section, name, of, "accuracy", "std"));
    if (!imx_result_unequal(of))
        return IMX_OK;
    snprintf(better, sizeof better, "%s, balanced", name);
    IMX_TRY(set_share(c, run, section, better, of, "balanced_accuracy", "balanced_std"));
    snprintf(better, sizeof better, "%s, AUC", name);
    return set_share(c, run, section, better, of, "auc", "auc_std");
}

/* Settings that are not the same in all runs that have some. */
static imx_status set_settings(struct imx_compare *c)
{
    for (size_t r = 0; r < c->runs; r++)
        for (size_t i = 0; i < c->run[r].config.entries; i++) {
            const struct imx_toml_entry *e = &c->run[r].config.entry[i];
            bool same = true;
            for (size_t k = 0; k < c->runs && same; k++) {
                const struct imx_toml_entry *o = imx_toml_get(&c->run[k].config, e->table, e->key);
                same = !c->run[k].config.entries ||
                       (o && (!e->string || !o->string ? e->string == o->string : !strcmp(o->string, e->string)));
            }
            if (!same)
                IMX_TRY(set(c, r, "settings", e->key, e->string ? e->string : "[...]"));
        }
    return IMX_OK;
}

static imx_status set_results(struct imx_compare *c, size_t i)
{
    struct imx_compared *r = &c->run[i];
    char name[64];
    IMX_TRY(set(c, i, "results", "state", *r->state ? r->state : NULL));
    IMX_TRY(set_number(c, i, "results", "steps", imx_compared_last(r, r->curve.col[IMX_CURVE_STEP])));
    IMX_TRY(set_number(c, i, "results", "epochs", imx_compared_last(r, r->curve.col[IMX_CURVE_EPOCH])));
    IMX_TRY(set_number(c, i, "results", "loss", imx_compared_last(r, r->curve.col[IMX_CURVE_LOSS])));
    for (int k = 0; k < r->curve.n_terms; k++) {
        snprintf(name, sizeof name, "%s: %s", r->curve.term[k].reading ? "reading" : "loss", r->curve.term[k].name);
        IMX_TRY(set_number(c, i, "results", name, imx_compared_last(r, r->curve.term[k].value)));
    }
    IMX_TRY(set_number(c, i, "results", "mi_nats", imx_compared_last(r, r->curve.col[IMX_CURVE_MI])));
    return set_number(c, i, "results", "mi_ceiling", imx_compared_last(r, r->curve.col[IMX_CURVE_CEILING]));
}

/* An accuracy: of a probe "conv mlp untrained", of fine-tuning "conv mlp from scratch"; ", 10%" when it learned from a
 * share of the labels. */
static imx_status set_probe(struct imx_compare *c, size_t i, const struct imx_json_node *row)
{
    char name[96];
    const bool tuned = imx_result_kind(row) == IMX_RESULT_FINETUNE;
    const char *labels = imx_json_get_string(row, "labels", "100%");
    const bool all = !strcmp(labels, "100%");
    snprintf(name, sizeof name, "%.20s %.20s%s%s%.20s", imx_json_get_string(row, "layer", "?"),
             imx_json_get_string(row, "classifier", "?"),
             !imx_result_untrained(row) ? ""
             : tuned                    ? " from scratch"
                                        : " untrained",
             all ? "" : ", ", all ? "" : labels);
    return set_accuracy(c, i, tuned ? "fine-tuning" : "probes", name, row);
}

/* An object of measurements: its numbers and words, also those of objects within, but for the path of a picture; of one
 * that has an accuracy, first that with its deviation. */
static imx_status set_measured(struct imx_compare *c, size_t i, const char *prefix, const struct imx_json_node *object)
{
    const bool share = *prefix && imx_json_get(object, "accuracy");
    if (share)
        IMX_TRY(set_accuracy(c, i, "measurements", prefix, object));
    for (const struct imx_json_node *v = object->child; v; v = v->next) {
        char name[128];
        snprintf(name, sizeof name, "%.60s%s%.60s", prefix, *prefix ? " " : "", v->key ? v->key : "");
        if (share && (!strcmp(v->key, "accuracy") || !strcmp(v->key, "std")))
            continue;
        if (v->type == IMX_JSON_NUMBER)
            IMX_TRY(set_number(c, i, "measurements", name, v->number));
        else if (v->type == IMX_JSON_STRING && v->key && strcmp(v->key, "sheet") && strcmp(v->key, "encoder"))
            IMX_TRY(set(c, i, "measurements", name, v->string));
        else if (v->type == IMX_JSON_OBJECT && strlen(prefix) < 60)
            IMX_TRY(set_measured(c, i, name, v));
    }
    return IMX_OK;
}

static imx_status set_files(struct imx_compare *c, size_t i)
{
    const struct imx_results *r = &c->run[i].results;
    for (size_t k = 0; k < r->rows; k++) {
        const struct imx_json_node *row = r->row[k].of;
        IMX_TRY(imx_result_kind(row) != IMX_RESULT_MEASURE
                    ? set_probe(c, i, row)
                    : set_measured(c, i, imx_result_untrained(row) ? "untrained" : "", row));
    }
    return IMX_OK;
}

static imx_status set_cost(struct imx_compare *c, size_t i)
{
    const struct imx_compared *r = &c->run[i];
    const struct imx_json_node *device = imx_json_get(r->env.root, "device"), *data = imx_json_get(r->env.root, "data");
    const double seconds = imx_compared_last(r, r->curve.col[IMX_CURVE_SECONDS]);
    double speed = (double)NAN;
    char text[96];
    imx_duration_text(seconds, text, sizeof text);
    IMX_TRY(set_with(c, i, "cost", "training time", isfinite(seconds) ? text : NULL, seconds / 60, 0));
    if (r->curve.n)
        IMX_TRY(imx_median(r->curve.col[IMX_CURVE_SPEED], r->curve.n, &speed));
    snprintf(text, sizeof text, "%.0f", speed);
    IMX_TRY(set_with(c, i, "cost", "images/s", isfinite(speed) ? text : NULL, speed, 0));
    const double bytes = imx_json_get_number(imx_json_get(r->env.root, "memory"), "peak_bytes", (double)NAN);
    snprintf(text, sizeof text, "%.1f MB", bytes / 1048576);
    IMX_TRY(set_with(c, i, "cost", "peak memory", isfinite(bytes) ? text : NULL, bytes / 1048576, 0));
    IMX_TRY(set(c, i, "cost", "device", imx_json_get_string(device, "name", NULL)));
    IMX_TRY(set(c, i, "cost", "driver", imx_json_get_string(device, "driver", NULL)));
    IMX_TRY(set(c, i, "cost", "infomax", imx_json_get_string(r->env.root, "infomax", NULL)));
    IMX_TRY(set_number(c, i, "data", "images", imx_json_get_number(data, "images", (double)NAN)));
    const char *hash = imx_json_get_string(data, "hash", NULL);
    snprintf(text, sizeof text, "%.12s", hash ? hash : ""); /* enough to tell sets apart */
    return set(c, i, "data", "hash", hash ? text : NULL);
}

/* ---- what to beware of ---- */

static imx_status warn(struct imx_compare *c, const char *fmt, ...) IMX_PRINTF(2, 3);
static imx_status warn(struct imx_compare *c, const char *fmt, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char **grown = realloc(c->warning, (c->warnings + 1) * sizeof *grown);
    if (grown)
        c->warning = grown;
    if (!grown || !(grown[c->warnings] = strdup(text)))
        return imx_fail(IMX_E_NOMEM, "no memory for a warning");
    c->warnings++;
    return IMX_OK;
}

static bool differs(const struct imx_compare *c, const char *section, const char *name)
{
    const char *first = NULL;
    for (size_t i = 0; i < c->facts; i++)
        for (size_t k = 0; k < c->runs && !strcmp(c->fact[i].section, section) && !strcmp(c->fact[i].name, name); k++) {
            const char *cell = c->fact[i].cell[k];
            if (first && cell && strcmp(first, cell) != 0)
                return true;
            first = first ? first : cell;
        }
    return false;
}

static imx_status warn_all(struct imx_compare *c)
{
    if (differs(c, "data", "hash"))
        IMX_TRY(warn(c, "The runs learned from different images (data hashes differ): losses, probes and nats are not "
                        "those of one set."));
    if (differs(c, "cost", "device") || differs(c, "cost", "driver"))
        IMX_TRY(warn(c, "The runs used different devices or drivers: times and speeds compare machines, too."));
    if (differs(c, "cost", "infomax"))
        IMX_TRY(warn(c, "The runs were made by different versions of infomax."));
    if (differs(c, "settings", "objective") || differs(c, "settings", "estimator") ||
        differs(c, "settings", "global-estimator"))
        IMX_TRY(warn(c, "Objectives or estimators differ: their losses have different units and share no chart."));
    for (size_t i = 0; i < c->runs; i++) {
        const struct imx_compared *r = &c->run[i];
        if (!r->curve.n)
            IMX_TRY(warn(c, "%s has no metrics: metrics.jsonl is absent, empty or cannot be read.", r->name));
        if (!r->config.entries)
            IMX_TRY(warn(c, "%s has no settings: config.toml is absent or damaged.", r->name));
        if (!r->env.root)
            IMX_TRY(warn(c, "%s does not say device and data: env.json is absent or damaged.", r->name));
        if (!r->finished)
            IMX_TRY(*r->state && strcmp(r->state, "not finished")
                        ? warn(c, "%s is not finished: %s.", r->name, r->state)
                        : warn(c, "%s is not finished.", r->name));
        for (size_t k = 0; k < r->results.rows; k++) /* once for each file */
            if (r->results.row[k].earlier && (!k || r->results.row[k].file != r->results.row[k - 1].file))
                IMX_TRY(warn(c, "%s: %s is of an encoder that has learned on since.", r->name, r->results.row[k].file));
    }
    return IMX_OK;
}

imx_status imx_compare_read(char *const *path, size_t n, struct imx_compare *c)
{
    c->run = calloc(n + 1, sizeof *c->run);
    if (!c->run)
        return imx_fail(IMX_E_NOMEM, "no memory for %zu runs", n);
    for (; c->runs < n; c->runs++)
        IMX_TRY(read_run(path[c->runs], &c->run[c->runs]));
    name_runs(c);
    IMX_TRY(set_settings(c));
    imx_status (*const part[])(struct imx_compare *, size_t) = { set_results, set_files, set_cost };
    for (size_t k = 0; k < sizeof part / sizeof *part; k++)
        for (size_t i = 0; i < n; i++)
            IMX_TRY(part[k](c, i));
    return warn_all(c);
}

void imx_compare_finish(struct imx_compare *c)
{
    for (size_t i = 0; c->run && i <= c->runs; i++) { /* also the one whose reading failed */
        struct imx_compared *r = &c->run[i];
        imx_curves_free(&r->curve);
        imx_toml_free(&r->config);
        imx_json_doc_free(&r->env);
        imx_results_free(&r->results);
    }
    for (size_t i = 0; i < c->facts; i++) {
        for (size_t k = 0; c->fact[i].cell && k < c->runs; k++)
            free(c->fact[i].cell[k]);
        free(c->fact[i].cell);
        free(c->fact[i].number);
        free(c->fact[i].name);
    }
    for (size_t i = 0; i < c->warnings; i++)
        free(c->warning[i]);
    free(c->run);
    free(c->fact);
    free(c->warning);
    *c = (struct imx_compare){ 0 };
}
