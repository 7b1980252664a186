/* The page itself: what is read from the run folder, and in which order it is shown. See report.h. */
#include "eval/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/toml.h"
#include "eval/results.h"

/* ---- metrics ---- */

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

/* Typical speed: the first steps include compiling. */
static double median(struct imx_text *t, const double *v, size_t n)
{
    double m = (double)NAN;
    t->failed |= imx_median(v, n, &m) != IMX_OK;
    return m;
}

/* The terms of the loss in one chart, or the readings: what one has of a kind, if it is more than the loss itself. */
static void put_terms(struct imx_text *t, const struct imx_curves *c, bool readings, const char *title)
{
    struct imx_series terms[IMX_CURVE_TERMS];
    size_t n = 0;
    for (int i = 0; i < c->n_terms; i++)
        if (c->term[i].reading == readings) {
            const struct imx_look look = imx_look(n);
            terms[n++] = (struct imx_series){ c->term[i].name, c->term[i].value, look.css, NULL, 0, look.mark };
        }
    if (n > !readings)
        imx_plot_lines(t, title, "step", c->col[IMX_CURVE_STEP], c->n, terms, n);
}

static void put_curves(struct imx_text *t, const struct imx_curves *c)
{
    const size_t last = c->n - 1;
    char text[64];
    imx_text_put(t, "<div class=tiles>\n");
    number_tile(t, "%.0f", c->col[IMX_CURVE_STEP][last], "steps");
    number_tile(t, "%.4g", c->col[IMX_CURVE_EPOCH][last], "epochs");
    number_tile(t, "%.4g", c->col[IMX_CURVE_LOSS][last], "loss at the end");
    number_tile(t, "%.4g", c->col[IMX_CURVE_MI][last], "mutual information, nats");
    number_tile(t, "%.0f", median(t, c->col[IMX_CURVE_SPEED], c->n), "images per second");
    imx_duration_text(c->col[IMX_CURVE_SECONDS][last], text, sizeof text);
    tile(t, text, "training time");
    imx_text_put(t, "</div>\n<div class=grid>\n");
    const struct imx_series loss[] = { { "loss", c->col[IMX_CURVE_LOSS], "s1" } };
    const struct imx_series mi[] = { { "bound", c->col[IMX_CURVE_MI], "s1" },
                                     { "ceiling of the estimator", c->col[IMX_CURVE_CEILING], "s2 dash" } };
    const struct imx_series speed[] = { { "images/s", c->col[IMX_CURVE_SPEED], "s1" } };
    imx_plot_lines(t, "Loss", "step", c->col[IMX_CURVE_STEP], c->n, loss, 1);
    imx_plot_lines(t, "Mutual information, nats", "step", c->col[IMX_CURVE_STEP], c->n, mi, 2);
    imx_plot_lines(t, "Images per second", "step", c->col[IMX_CURVE_STEP], c->n, speed, 1);
    put_terms(t, c, false, "Terms of the loss");
    put_terms(t, c, true, "Readings");
    imx_text_put(t, "</div>\n");
}

/* ---- probes ---- */

static void share(struct imx_text *t, const struct imx_json_node *row, const char *member, const char *deviation)
{
    const double part = imx_json_get_number(row, member, (double)NAN);
    const double std = imx_json_get_number(row, deviation, (double)NAN);
    imx_text_put(t, "<td class=n>");
    if (isfinite(part))
        imx_text_printf(t, "%.1f %%", 100 * part);
    if (isfinite(part) && std > 0)
        imx_text_printf(t, " &plusmn; %.1f", 100 * std);
}

static void probe_row(struct imx_text *t, const struct imx_result *r)
{
    const struct imx_json_node *row = r->of;
    imx_text_put(t, "<tr><td>");
    imx_html_text(t, imx_json_get_string(row, "layer", "?"));
    imx_text_put(t, "<td>");
    imx_html_text(t, imx_json_get_string(row, "classifier", "?"));
    imx_text_put(t, "<td>");
    imx_html_text(t, imx_json_get_string(row, "method", imx_result_untrained(row) ? "untrained" : "trained"));
    if (r->earlier)
        imx_text_put(t, ", but has learned on since");
    share(t, row, "accuracy", "std");
    share(t, row, "balanced_accuracy", "balanced_std");
    share(t, row, "auc", "auc_std");
    imx_text_printf(t, "<td class=n>%.0f<td class=n>%.0f\n", imx_json_get_number(row, "train_images", 0),
                    imx_json_get_number(row, "test_images", 0));
}

static void put_probes(struct imx_text *t, const struct imx_results *r)
{
    bool begun = false;
    for (size_t i = 0; i < r->rows; i++) {
        if (imx_result_kind(r->row[i].of) == IMX_RESULT_MEASURE)
            continue;
        if (!begun)
            imx_text_put(t, "<h2>What the features are worth</h2>\n<div class=card><table>\n<tr><th>layer<th>classifier"
                            "<th>encoder<th class=n>accuracy<th class=n>balanced<th class=n>AUC<th class=n>images to "
                            "learn<th class=n>images to test\n");
        begun = true;
        probe_row(t, &r->row[i]);
    }
    if (begun)
        imx_text_put(t, "</table></div>\n");
}

/* ---- measures: a column for each file ---- */

struct measure {
    const char *name, *member;
};

/* NaN: not so, or another kind of row. */
static double measured(const struct imx_result *r, const struct measure *m)
{
    const bool is = imx_result_kind(r->of) == IMX_RESULT_MEASURE;
    return is ? imx_json_get_number(r->of, m->member, (double)NAN) : (double)NAN;
}

static void measure_row(struct imx_text *t, const struct imx_results *r, const struct measure *m)
{
    bool any = false;
    for (size_t i = 0; i < r->rows; i++)
        any |= isfinite(measured(&r->row[i], m));
    if (!any)
        return;
    imx_text_printf(t, "<tr><th>%s", m->name);
    for (size_t i = 0; i < r->rows; i++) {
        const double v = measured(&r->row[i], m);
        if (imx_result_kind(r->row[i].of) == IMX_RESULT_MEASURE)
            imx_text_put(t, "<td class=n>");
        if (isfinite(v))
            imx_text_printf(t, "%.4g", v);
    }
    imx_text_put(t, "\n");
}

static void put_measures(struct imx_text *t, const struct imx_results *r)
{
    static const struct measure measure[] = { { "I(X;Y) by MINE, nats", "mine_nats" },
                                              { "of unseen images", "mine_heldout_nats" },
                                              { "dependence between values (NDM), nats", "ndm" },
                                              { "behind a sigmoid", "ndm_sigmoid" },
                                              { "SSIM of what a decoder draws", "ssim" },
                                              { "MS-SSIM", "ms_ssim" } };
    bool begun = false;
    for (size_t i = 0; i < r->rows; i++) {
        if (imx_result_kind(r->row[i].of) != IMX_RESULT_MEASURE)
            continue;
        if (!begun)
            imx_text_put(t, "<h2>What the codes keep</h2>\n<div class=card><table>\n<tr><th>");
        begun = true;
        imx_text_printf(t, "<th class=n>%s%s", imx_result_untrained(r->row[i].of) ? "untrained" : "trained",
                        r->row[i].earlier ? ", but has learned on since" : "");
    }
    if (!begun)
        return;
    imx_text_put(t, "\n");
    for (size_t i = 0; i < sizeof measure / sizeof *measure; i++)
        measure_row(t, r, &measure[i]);
    imx_text_put(t, "</table></div>\n");
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
        status = imx_report_json(run, "env.json", &env, &good);
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
    struct imx_curves c = { 0 };
    struct imx_results r = { 0 };
    imx_status status;
    const char *slash = strrchr(run, '/');
    const char *name = slash && slash[1] ? slash + 1 : run;
    IMX_GO(imx_curves_read(run, &c));
    imx_page_begin(page, name, "Deep InfoMax run, report");
    put_curves(page, &c);
    IMX_GO(imx_results_read(run, &r));
    put_probes(page, &r);
    put_measures(page, &r);
    IMX_GO(imx_put_rebuilt(page, run));
    IMX_GO(imx_plot_map(page, run));
    IMX_GO(put_settings(page, run));
    status = imx_page_end(page);
fail:
    imx_results_free(&r);
    imx_curves_free(&c);
    return status;
}
