/* The page itself: what is read from the run folder, and in which order it is shown. See report.h. */
#include "eval/report.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/toml.h"

static const char style[] =
    ":root{--bg:#fbfaf8;--card:#fff;--ink:#1f2328;--dim:#667;--line:#e3e1dc;--s1:#2b6cb0;--s2:#c05621}"
    "@media(prefers-color-scheme:dark){:root{--bg:#16181c;--card:#1e2127;--ink:#e6e6e6;--dim:#9aa;--line:#343841;"
    "--s1:#63a4e8;--s2:#f0975a}}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 2px}"
    "h2{font-size:18px;margin:34px 0 10px}p.dim,.dim{color:var(--dim)}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:18px 0}"
    ".tile,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:8px}"
    ".tile{padding:10px 14px}.tile b{display:block;font-size:21px;font-weight:600}.tile "
    "span{color:var(--dim);font-size:13px}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:14px}"
    "figure{margin:0;padding:10px "
    "12px}figcaption{font-weight:600;margin-bottom:4px}svg{width:100%;height:auto;display:block}"
    "svg text{fill:var(--dim);font:11px system-ui,sans-serif}.axis{stroke:var(--line);stroke-width:1}"
    ".s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.line{fill:none;stroke-width:2;stroke-linejoin:round}.s2.line{stroke-"
    "dasharray:5 4}"
    ".key{font-size:12px;color:var(--dim)}.key i{display:inline-block;width:14px;height:3px;margin:0 5px 3px 10px}"
    "table{border-collapse:collapse;width:100%}.card{padding:4px 14px;overflow-x:auto}"
    "td,th{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}"
    "tr:last-child "
    "td{border-bottom:0}th{color:var(--dim);font-weight:500}td.n,th.n{text-align:right}code{font-size:13px}";

void imx_html_text(struct imx_text *t, const char *s)
{
    for (size_t left = strlen(s); left;) {
        const int len = imx_utf8_length(s, left);
        if (*s == '<')
            imx_text_put(t, "&lt;");
        else if (*s == '>')
            imx_text_put(t, "&gt;");
        else if (*s == '&')
            imx_text_put(t, "&amp;");
        else if (*s == '"')
            imx_text_put(t, "&quot;");
        else if (len)
            imx_text_add(t, s, (size_t)len);
        else
            imx_text_put(t, "\xEF\xBF\xBD");
        s += len ? len : 1;
        left -= len ? (size_t)len : 1;
    }
}

/* ---- metrics ---- */

enum column { STEP, EPOCH, LOSS, MI, CEILING, SPEED, SECONDS, COLUMNS };
static const char *const column_key[COLUMNS] = { "step",       "epoch",        "loss",   "mi_nats",
                                                 "mi_ceiling", "images_per_s", "seconds" };

struct curves {
    double *col[COLUMNS];
    size_t n, room;
};

static imx_status add_row(struct curves *c, const struct imx_json_node *row)
{
    if (c->n == c->room) {
        c->room = c->room * 2 + 256;
        for (int k = 0; k < COLUMNS; k++) {
            double *grown = realloc(c->col[k], c->room * sizeof *grown);
            if (!grown)
                return imx_fail(IMX_E_NOMEM, "no memory for the metrics");
            c->col[k] = grown;
        }
    }
    for (int k = 0; k < COLUMNS; k++)
        c->col[k][c->n] = imx_json_get_number(row, column_key[k], (double)NAN);
    c->n++;
    return IMX_OK;
}

static imx_status read_metrics(const char *run, struct curves *c)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    if (!imx_join(path, sizeof path, run, "metrics.jsonl") || !imx_file_size(path, NULL))
        return imx_fail(IMX_E_DATA, "%s holds no metrics.jsonl: it is no run folder", run);
    IMX_TRY(imx_file_read(path, 1 << 28, &text, &bytes));
    imx_status s = IMX_OK;
    for (char *line = text, *end; s == IMX_OK && (end = memchr(line, '\n', (size_t)(text + bytes - line)));
         line = end + 1) {
        struct imx_json_doc doc;
        s = imx_json_parse(line, (size_t)(end - line), NULL, &doc);
        if (s == IMX_OK) {
            s = add_row(c, doc.root);
            imx_json_doc_free(&doc);
        } else if (s != IMX_E_NOMEM) {
            s = IMX_OK; /* a torn line costs one point */
            imx_error_clear();
        }
    }
    free(text);
    return s == IMX_OK && !c->n ? imx_fail(IMX_E_DATA, "%s holds no line of metrics yet", path) : s;
}

static void tile(struct imx_text *t, const char *value, const char *name)
{
    imx_text_put(t, "<div class=tile><b>");
    imx_html_text(t, value);
    imx_text_put(t, "</b><span>");
    imx_html_text(t, name);
    imx_text_put(t, "</span></div>\n");
}

static void number_tile(struct imx_text *t, const char *fmt, double v, const char *name)
{
    char text[64];
    if (!isfinite(v))
        return;
    /* fmt is one of the constants below */
    if (!strcmp(fmt, "%.0f"))
        snprintf(text, sizeof text, "%.0f", v);
    else
        snprintf(text, sizeof text, "%.4g", v);
    tile(t, text, name);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the finite ones; NaN when there is none. Typical speed: the first steps include compiling. */
static double median(struct imx_text *t, const double *v, size_t n)
{
    double *copy = malloc((n + 1) * sizeof *copy);
    t->failed |= !copy;
    size_t k = 0;
    for (size_t i = 0; copy && i < n; i++)
        if (isfinite(v[i]))
            copy[k++] = v[i];
    if (k)
        qsort(copy, k, sizeof *copy, by_value);
    const double m = k ? copy[k / 2] : (double)NAN;
    free(copy);
    return m;
}

static void put_curves(struct imx_text *t, const struct curves *c)
{
    const size_t last = c->n - 1;
    char text[64];
    imx_text_put(t, "<div class=tiles>\n");
    number_tile(t, "%.0f", c->col[STEP][last], "steps");
    number_tile(t, "%.4g", c->col[EPOCH][last], "epochs");
    number_tile(t, "%.4g", c->col[LOSS][last], "loss at the end");
    number_tile(t, "%.4g", c->col[MI][last], "mutual information, nats");
    number_tile(t, "%.0f", median(t, c->col[SPEED], c->n), "images per second");
    imx_duration_text(c->col[SECONDS][last], text, sizeof text);
    tile(t, text, "training time");
    imx_text_put(t, "</div>\n<div class=grid>\n");
    const struct imx_series loss[] = { { "loss", c->col[LOSS], "s1" } };
    const struct imx_series mi[] = { { "bound", c->col[MI], "s1" },
                                     { "ceiling of the estimator", c->col[CEILING], "s2" } };
    const struct imx_series speed[] = { { "images/s", c->col[SPEED], "s1" } };
    imx_plot_lines(t, "Loss", "step", c->col[STEP], c->n, loss, 1);
    imx_plot_lines(t, "Mutual information, nats", "step", c->col[STEP], c->n, mi, 2);
    imx_plot_lines(t, "Images per second", "step", c->col[STEP], c->n, speed, 1);
    imx_text_put(t, "</div>\n");
}

/* ---- probes ---- */

static void probe_row(struct imx_text *t, const struct imx_json_node *row)
{
    const struct imx_json_node *untrained = imx_json_get(row, "untrained");
    const double accuracy = imx_json_get_number(row, "accuracy", (double)NAN);
    const double std = imx_json_get_number(row, "std", (double)NAN);
    const double scale = accuracy <= 1 ? 100 : 1;
    imx_text_put(t, "<tr><td>");
    imx_html_text(t, imx_json_get_string(row, "layer", "?"));
    imx_text_put(t, "<td>");
    imx_html_text(t, imx_json_get_string(row, "classifier", "?"));
    imx_text_printf(t, "<td>%s<td class=n>%.1f %%", untrained && untrained->truth ? "untrained" : "trained",
                    accuracy * scale);
    if (std > 0)
        imx_text_printf(t, " &plusmn; %.1f", std * scale);
    imx_text_printf(t, "<td class=n>%.0f<td class=n>%.0f\n", imx_json_get_number(row, "train_images", 0),
                    imx_json_get_number(row, "test_images", 0));
}

static int is_probe(const struct dirent *e)
{
    const size_t n = strlen(e->d_name);
    return n > 11 && !strncmp(e->d_name, "probe-", 6) && !strcmp(e->d_name + n - 5, ".json");
}

/* A file that is damaged is left out; what the machine failed at is an error. */
static imx_status read_json(const char *run, const char *name, struct imx_json_doc *doc, bool *good)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    *good = false;
    if (!imx_join(path, sizeof path, run, name) || !imx_file_size(path, NULL))
        return IMX_OK;
    IMX_TRY(imx_file_read(path, 1 << 20, &text, &bytes));
    const imx_status status = imx_json_parse(text, bytes, NULL, doc);
    free(text);
    *good = status == IMX_OK;
    if (status == IMX_E_NOMEM)
        return status;
    if (status != IMX_OK)
        imx_error_clear();
    return IMX_OK;
}

static imx_status put_probes(struct imx_text *t, const char *run)
{
    struct dirent **name = NULL;
    imx_status status = IMX_OK;
    const int n = scandir(run, &name, is_probe, alphasort);
    if (n < 0)
        return imx_io_fail("read", run);
    if (n > 0)
        imx_text_put(
            t, "<h2>What the features are worth</h2>\n<div class=card><table>\n<tr><th>layer<th>classifier<th>encoder"
               "<th class=n>accuracy<th class=n>images to learn<th class=n>images to test\n");
    for (int i = 0; i < n; i++) {
        struct imx_json_doc doc = { 0 };
        bool good = false;
        if (status == IMX_OK)
            status = read_json(run, name[i]->d_name, &doc, &good);
        if (good) {
            if (doc.root->type == IMX_JSON_OBJECT)
                probe_row(t, doc.root);
            else if (doc.root->type == IMX_JSON_ARRAY)
                for (const struct imx_json_node *row = doc.root->child; row; row = row->next)
                    probe_row(t, row);
        }
        imx_json_doc_free(&doc);
        free(name[i]);
    }
    free(name);
    if (n > 0)
        imx_text_put(t, "</table></div>\n");
    return status;
}

/* ---- settings and device ---- */

static void pair(struct imx_text *t, const char *name, const char *value)
{
    imx_text_put(t, "<tr><th>");
    imx_html_text(t, name);
    imx_text_put(t, "<td><code>");
    imx_html_text(t, value);
    imx_text_put(t, "</code>\n");
}

static void put_node(struct imx_text *t, const char *prefix, const struct imx_json_node *object)
{
    for (const struct imx_json_node *c = object->child; c; c = c->next) {
        char name[256], value[64];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? " " : "", c->key ? c->key : "");
        if (c->type == IMX_JSON_OBJECT || c->type == IMX_JSON_ARRAY) {
            put_node(t, name, c);
        } else if (c->type == IMX_JSON_STRING) {
            pair(t, name, c->string);
        } else {
            imx_double_text(c->number, value);
            pair(t, name,
                 c->type == IMX_JSON_NUMBER ? value
                 : c->type == IMX_JSON_NULL ? "-"
                 : c->truth                 ? "yes"
                                            : "no");
        }
    }
}

static imx_status put_settings(struct imx_text *t, const char *run)
{
    char path[4096];
    imx_status status = IMX_OK;
    struct imx_toml config = { 0 };
    struct imx_json_doc env = { 0 };
    bool good = false;
    imx_text_put(t, "<div class=grid>\n");
    if (imx_join(path, sizeof path, run, "config.toml") && imx_file_size(path, NULL)) {
        status = imx_toml_read(path, &config);
        good = status == IMX_OK;
        if (status != IMX_E_NOMEM && status != IMX_E_IO)
            status = IMX_OK; /* damaged: left out */
    }
    if (good) {
        imx_text_put(t, "<div><h2>Settings</h2><div class=card><table>\n");
        for (size_t i = 0; i < config.entries; i++)
            pair(t, config.entry[i].key, config.entry[i].string ? config.entry[i].string : "[...]");
        imx_text_put(t, "</table></div></div>\n");
    }
    good = false;
    if (status == IMX_OK)
        status = read_json(run, "env.json", &env, &good);
    if (good && env.root->type == IMX_JSON_OBJECT) {
        imx_text_put(t, "<div><h2>Device and data</h2><div class=card><table>\n");
        put_node(t, "", env.root);
        imx_text_put(t, "</table></div></div>\n");
    }
    imx_text_put(t, "</div>\n");
    imx_toml_free(&config);
    imx_json_doc_free(&env);
    return status;
}

imx_status imx_report(const char *run, struct imx_text *page)
{
    struct curves c = { 0 };
    char now[32];
    imx_status status;
    const char *slash = strrchr(run, '/');
    const char *name = slash && slash[1] ? slash + 1 : run;
    IMX_GO(read_metrics(run, &c));
    imx_wall_text(now);
    imx_text_put(page, "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport "
                       "content=\"width=device-width\"><title>infomax: ");
    imx_html_text(page, name);
    imx_text_printf(page, "</title>\n<style>%s</style>\n<main><h1>", style);
    imx_html_text(page, name);
    imx_text_printf(page, "</h1><p class=dim>Deep InfoMax run, report of %s</p>\n", now);
    put_curves(page, &c);
    IMX_GO(put_probes(page, run));
    IMX_GO(imx_plot_map(page, run));
    IMX_GO(put_settings(page, run));
    imx_text_put(page, "</main></html>\n");
    status = imx_text_check(page);
fail:
    for (int k = 0; k < COLUMNS; k++)
        free(c.col[k]);
    return status;
}
