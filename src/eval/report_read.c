/* What a run folder holds, read with patience: a torn line costs one point, a damaged file is left out. See report.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eval/report.h"

static const char *const curve_key[IMX_CURVES] = { "step",       "epoch",        "loss",   "mi_nats",
                                                   "mi_ceiling", "images_per_s", "seconds" };

/* Room for one more row; fresh room of a term is filled with gaps when it is named. */
static imx_status grow(struct imx_curves *c)
{
    if (c->n < c->room)
        return IMX_OK;
    c->room = c->room * 2 + 256;
    for (int k = 0; k < IMX_CURVES + c->n_terms; k++) {
        double **at = k < IMX_CURVES ? &c->col[k] : &c->term[k - IMX_CURVES].value;
        double *grown = realloc(*at, c->room * sizeof *grown);
        if (!grown)
            return imx_fail(IMX_E_NOMEM, "no memory for the metrics");
        *at = grown;
    }
    return IMX_OK;
}

/* The column of a term, new ones filled with gaps up to here; NULL: too many terms, or no memory (sets *status). */
static double *term_column(struct imx_curves *c, const char *full, bool reading, imx_status *status)
{
    char name[sizeof c->term->name];
    snprintf(name, sizeof name, "%s", full);
    for (int k = 0; k < c->n_terms; k++)
        if (c->term[k].reading == reading && !strcmp(c->term[k].name, name))
            return c->term[k].value;
    if (c->n_terms == IMX_CURVE_TERMS)
        return NULL;
    double *fresh = malloc(c->room * sizeof *fresh);
    if (!fresh) {
        *status = imx_fail(IMX_E_NOMEM, "no memory for the metrics");
        return NULL;
    }
    for (size_t i = 0; i <= c->n; i++)
        fresh[i] = (double)NAN;
    memcpy(c->term[c->n_terms].name, name, sizeof name);
    c->term[c->n_terms].reading = reading;
    c->term[c->n_terms].value = fresh;
    return c->term[c->n_terms++].value;
}

static imx_status add_row(struct imx_curves *c, const struct imx_json_node *row)
{
    imx_status status = IMX_OK;
    IMX_TRY(grow(c));
    for (int k = 0; k < IMX_CURVES; k++)
        c->col[k][c->n] = imx_json_get_number(row, curve_key[k], (double)NAN);
    for (int k = 0; k < c->n_terms; k++)
        c->term[k].value[c->n] = (double)NAN;
    static const char *const part[] = { "terms", "readings" };
    for (int p = 0; p < 2; p++) {
        const struct imx_json_node *terms = imx_json_get(row, part[p]);
        for (const struct imx_json_node *v = terms ? terms->child : NULL; v && status == IMX_OK; v = v->next) {
            double *column = v->key && v->type == IMX_JSON_NUMBER ? term_column(c, v->key, p == 1, &status) : NULL;
            if (column)
                column[c->n] = v->number;
        }
    }
    c->n++;
    return status;
}

imx_status imx_curves_read(const char *run, struct imx_curves *c)
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

void imx_curves_free(struct imx_curves *c)
{
    for (int k = 0; k < IMX_CURVES; k++)
        free(c->col[k]);
    for (int k = 0; k < c->n_terms; k++)
        free(c->term[k].value);
    *c = (struct imx_curves){ 0 };
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

imx_status imx_median(const double *v, size_t n, double *out)
{
    double *copy = malloc((n + 1) * sizeof *copy);
    size_t k = 0;
    if (!copy)
        return imx_fail(IMX_E_NOMEM, "no memory for a median");
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i]))
            copy[k++] = v[i];
    if (k)
        qsort(copy, k, sizeof *copy, by_value);
    *out = k ? copy[k / 2] : (double)NAN;
    free(copy);
    return IMX_OK;
}

imx_status imx_report_json(const char *run, const char *name, struct imx_json_doc *doc, bool *good)
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
