/* The page of several runs. See compare.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/compare.h"

static void put_warnings(struct imx_text *t, const struct imx_compare *c)
{
    if (!c->warnings)
        return;
    imx_text_put(t, "<div class=\"card warn\"><ul>\n");
    for (size_t i = 0; i < c->warnings; i++) {
        imx_text_put(t, "<li>");
        imx_html_text(t, c->warning[i]);
    }
    imx_text_put(t, "</ul></div>\n");
}

static void put_fact(struct imx_text *t, const struct imx_compare *c, const struct imx_fact *f)
{
    imx_text_put(t, "<tr><th class=wide>");
    imx_html_text(t, f->name);
    for (size_t k = 0; k < c->runs; k++) {
        imx_text_put(t, isfinite(f->number[k].value) ? "<td class=wide>" : "<td>");
        imx_html_text(t, f->cell[k] ? f->cell[k] : "-");
    }
    imx_text_put(t, "\n");
}

/* A table per section; the heads carry the colours and shapes that the charts use. */
static void put_tables(struct imx_text *t, const struct imx_compare *c)
{
    imx_text_put(t, "<div class=\"card full\"><table>\n<tr><th>");
    for (size_t k = 0; k < c->runs; k++) {
        imx_text_put(t, "<td class=wide>");
        const struct imx_look look = imx_look(k);
        imx_put_look(t, &look);
        imx_text_put(t, "<b>");
        imx_html_text(t, c->run[k].name);
        imx_text_put(t, "</b>");
    }
    imx_text_put(t, "\n");
    for (const char *const *s = imx_compare_sections; *s; s++) {
        bool first = true;
        for (size_t i = 0; i < c->facts; i++) {
            if (strcmp(c->fact[i].section, *s) != 0)
                continue;
            if (first)
                imx_text_printf(t, "<tr><td colspan=%zu class=dim><b>%s%s</b>\n", c->runs + 1, *s,
                                strcmp(*s, "settings") ? "" : " that differ");
            first = false;
            put_fact(t, c, &c->fact[i]);
        }
    }
    imx_text_put(t, "</table></div>\n");
}

/* A curve of every run that `with` takes in, over epochs or, when minutes is given, over time. */
struct chart {
    const char *title, *x_name;
    enum imx_curve x, y;
    const char *term; /* of the loss, instead of y */
    bool ceiling;
};

static const double *column(const struct imx_compared *r, const struct chart *ch)
{
    if (!ch->term)
        return r->curve.col[ch->y];
    for (int k = 0; k < r->curve.n_terms; k++)
        if (!strcmp(r->curve.term[k].name, ch->term))
            return r->curve.term[k].value;
    return NULL;
}

/* The global term's own; "" where it has that of the local one, as all had once. */
static const char *global_estimator(const struct imx_compared *r)
{
    const char *name = imx_compared_setting(r, "global-estimator");
    return strcmp(name, "same") ? name : "";
}

/* like: the run whose objective and estimators a run must share; NULL: any run. */
static bool takes(const struct imx_compared *r, const struct imx_compared *like)
{
    return !like || (!strcmp(imx_compared_setting(r, "objective"), imx_compared_setting(like, "objective")) &&
                     !strcmp(imx_compared_setting(r, "estimator"), imx_compared_setting(like, "estimator")) &&
                     !strcmp(global_estimator(r), global_estimator(like)));
}

static imx_status put_chart(struct imx_text *t, const struct imx_compare *c, const struct chart *ch,
                            const struct imx_compared *like)
{
    struct imx_series *s = calloc(2 * c->runs + 1, sizeof *s);
    size_t n = 0;
    if (!s)
        return imx_fail(IMX_E_NOMEM, "no memory for a chart");
    for (size_t k = 0; k < c->runs; k++) {
        const struct imx_compared *r = &c->run[k];
        const double *y = r->curve.n && takes(r, like) ? column(r, ch) : NULL;
        if (!y || !isfinite(imx_compared_last(r, y)))
            continue;
        const struct imx_look look = imx_look(k);
        s[n++] = (struct imx_series){ r->name, y, look.css, r->curve.col[ch->x], r->curve.n, look.mark };
        const double *top = r->curve.col[IMX_CURVE_CEILING];
        if (ch->ceiling && isfinite(imx_compared_last(r, top)))
            s[n++] = (struct imx_series){ "", top, look.dashed, r->curve.col[ch->x], r->curve.n, look.mark };
    }
    imx_plot_lines(t, ch->title, ch->x_name, NULL, 0, s, n);
    free(s);
    return IMX_OK;
}

/* Losses in one unit share a chart. */
static imx_status put_losses(struct imx_text *t, const struct imx_compare *c, enum imx_curve x, const char *x_name)
{
    char title[160];
    for (size_t k = 0; k < c->runs; k++) {
        const struct imx_compared *r = &c->run[k];
        size_t first = 0;
        while (!takes(&c->run[first], r))
            first++;
        if (first < k)
            continue;
        const char *how = x == IMX_CURVE_SECONDS ? "Loss over time" : "Loss";
        if (r->config.entries)
            snprintf(title, sizeof title, "%s: %.60s, %.40s%s%.40s", how, imx_compared_setting(r, "objective"),
                     imx_compared_setting(r, "estimator"), *global_estimator(r) ? ", globally " : "",
                     global_estimator(r));
        else
            snprintf(title, sizeof title, "%s: settings not known", how);
        IMX_TRY(put_chart(t, c, &(struct chart){ title, x_name, x, IMX_CURVE_LOSS, NULL, false }, r));
    }
    return IMX_OK;
}

/* A chart per term of the loss and per reading that any run has. */
static imx_status put_terms(struct imx_text *t, const struct imx_compare *c)
{
    char title[96];
    for (size_t k = 0; k < c->runs; k++)
        for (int i = 0; i < c->run[k].curve.n_terms; i++) {
            const struct chart ch = { title, "epoch", IMX_CURVE_EPOCH, IMX_CURVE_LOSS, c->run[k].curve.term[i].name,
                                      false };
            bool before = false;
            for (size_t j = 0; j < k; j++)
                before |= column(&c->run[j], &ch) != NULL;
            snprintf(title, sizeof title, "%s: %s", c->run[k].curve.term[i].reading ? "Reading" : "Term of the loss",
                     ch.term);
            if (!before)
                IMX_TRY(put_chart(t, c, &ch, NULL));
        }
    return IMX_OK;
}

/* A chart of numbers: each fact is a row with a dot for every run, or, where there is one fact alone, each run is a
 * row.
 */
struct dots {
    const char *section, *title, *unit;
    const char *fact[4]; /* names, ends with NULL; none: all of the section */
};

static const struct dots dots[] = {
    { "probes", "Probes of the trained encoders", "accuracy or AUC in %" },
    { "fine-tuning", "Encoders trained with labels", "accuracy or AUC in %" },
    { "measurements", "Linear support vector machines", "accuracy in %", { "svm conv", "svm fc", "svm y" } },
    { "measurements", "Likeness of images and what is drawn from their codes", "1: the same", { "ssim", "ms_ssim" } },
    { "measurements", "Information of codes about images (MINE)", "nats", { "mine_nats", "mine_heldout_nats" } },
    { "measurements", "Dependence between the values of a code (NDM)", "nats", { "ndm", "ndm_sigmoid" } },
    { "cost", "Training time", "minutes", { "training time" } },
    { "cost", "Speed", "images per second, median", { "images/s" } },
    { "cost", "Peak memory", "MB", { "peak memory" } },
};

/* Untrained encoders are measured to compare with; they are probed for the difference alone, which is not shown. */
static bool shows(const struct dots *d, const struct imx_fact *f)
{
    static const char untrained[] = "untrained ";
    if (strcmp(f->section, d->section))
        return false;
    if (!d->fact[0])
        return !strstr(f->name, "untrained");
    const char *name = f->name + (strncmp(f->name, untrained, strlen(untrained)) ? 0 : strlen(untrained));
    for (int i = 0; d->fact[i]; i++)
        if (!strcmp(name, d->fact[i]))
            return true;
    return false;
}

static imx_status put_dots(struct imx_text *t, const struct imx_compare *c, const struct dots *d)
{
    struct imx_dot *dot = calloc(c->facts * c->runs + 1, sizeof *dot);
    size_t n = 0, facts = 0;
    if (!dot)
        return imx_fail(IMX_E_NOMEM, "no memory for a chart");
    for (size_t i = 0; i < c->facts; i++)
        facts += shows(d, &c->fact[i]);
    for (size_t i = 0; i < c->facts; i++)
        for (size_t k = 0; k < c->runs && shows(d, &c->fact[i]); k++) {
            const struct imx_fact_number *v = &c->fact[i].number[k];
            const struct imx_look look = imx_look(k);
            if (isfinite(v->value))
                dot[n++] = (struct imx_dot){ .name = facts > 1 ? c->fact[i].name : c->run[k].name,
                                             .css = look.css,
                                             .mark = look.mark,
                                             .who = facts > 1 ? c->run[k].name : NULL,
                                             .value = v->value,
                                             .spread = v->spread,
                                             .ceiling = (double)INFINITY };
        }
    if (n)
        imx_plot_dots(t, d->title, d->unit, dot, n, (double)NAN, (double)NAN, (double)NAN);
    free(dot);
    return IMX_OK;
}

imx_status imx_compare_page(const struct imx_compare *c, struct imx_text *page)
{
    char title[64];
    snprintf(title, sizeof title, "%zu runs side by side", c->runs);
    imx_page_begin(page, title, "infomax compare, report");
    put_warnings(page, c);
    put_tables(page, c);
    imx_text_put(page, "<h2>Curves</h2>\n<div class=\"grid pair\">\n");
    IMX_TRY(put_losses(page, c, IMX_CURVE_EPOCH, "epoch"));
    IMX_TRY(put_losses(page, c, IMX_CURVE_SECONDS, "seconds"));
    const struct chart mi = {
        "Mutual information, nats; dashed: the ceiling", "epoch", IMX_CURVE_EPOCH, IMX_CURVE_MI, NULL, true
    };
    const struct chart speed = { "Images per second", "epoch", IMX_CURVE_EPOCH, IMX_CURVE_SPEED, NULL, false };
    IMX_TRY(put_chart(page, c, &mi, NULL));
    IMX_TRY(put_terms(page, c));
    IMX_TRY(put_chart(page, c, &speed, NULL));
    imx_text_put(page, "</div>\n<h2>Probes, measurements, cost</h2>\n<div class=\"grid pair\">\n");
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++)
        IMX_TRY(put_dots(page, c, &dots[i]));
    imx_text_put(page, "</div>\n");
    return imx_page_end(page);
}
