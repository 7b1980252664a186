/* The laboratory's page and table. See lab.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/lab.h"
#include "eval/report.h"
#include "ops/critic.h"

/* Place of a batch size among those of the results, as they first came; that is its colour and shape. */
static size_t batch_place(const struct imx_lab_results *r, int32_t batch)
{
    size_t seen = 0;
    for (size_t i = 0; i < r->rows; i++) {
        size_t k = 0;
        while (k < i && r->row[k].batch != r->row[i].batch)
            k++;
        if (r->row[i].batch == batch)
            return seen;
        seen += k == i;
    }
    return seen;
}

/* The first row of the task of row i? */
static bool first_of_task(const struct imx_lab_results *r, size_t i)
{
    size_t k = 0;
    while (r->row[k].task != r->row[i].task)
        k++;
    return k == i;
}

static void put_batches(struct imx_text *t, const struct imx_lab_results *r)
{
    imx_text_put(t, "<p class=key>Negatives are the other pairs of a batch of");
    size_t shown = 0;
    for (size_t i = 0; i < r->rows; i++)
        if (batch_place(r, r->row[i].batch) == shown) {
            const struct imx_look look = imx_look(shown++);
            imx_text_put(t, " <b>");
            imx_put_look(t, &look);
            imx_text_printf(t, "%d</b>", r->row[i].batch);
        }
    imx_text_put(t, ". The line is the exact value, a short upright stroke the most that an estimator can read.</p>\n");
}

static const char *note(const struct imx_lab_row *row)
{
    return row->bad ? "not finite" : "no reading in nats";
}

/* Dots of one task: readings, with the ceilings; or, closer, their bias. Whiskers are the spread. */
static imx_status put_task(struct imx_text *t, const struct imx_lab_results *r, const struct imx_lab_task *task,
                           bool bias)
{
    char title[128];
    size_t n = 0;
    double most = 2 * task->mi;
    struct imx_dot *dot = calloc(r->rows, sizeof *dot);
    if (!dot)
        return imx_fail(IMX_E_NOMEM, "no memory for a chart");
    for (size_t i = 0; i < r->rows; i++) {
        const struct imx_lab_row *row = &r->row[i];
        if (row->task != task || !row->seeds)
            continue;
        const struct imx_look look = imx_look(batch_place(r, row->batch));
        most = isfinite(row->ceiling) ? fmax(most, row->ceiling) : most;
        dot[n++] = (struct imx_dot){
            .name = imx_estimator_name(row->est),
            .note = note(row),
            .css = look.css,
            .mark = look.mark,
            .value = bias ? row->bias : row->mean,
            .spread = isfinite(row->spread) ? row->spread : 0,
            .ceiling = bias ? (double)INFINITY : row->ceiling,
        };
    }
    snprintf(title, sizeof title, bias ? "%s: bias and spread" : "%s: reading", task->name);
    if (n && bias)
        imx_plot_dots(t, title, "reading less exact, nats; whiskers: deviation over the seeds", dot, n, 0,
                      -1.2 * task->mi, 1.2 * task->mi);
    else if (n)
        imx_plot_dots(t, title, "nats", dot, n, task->mi, -0.5 * task->mi, most);
    free(dot);
    return IMX_OK;
}

/* Readings over the number of negatives, a line per estimator, when there are at least three batch sizes (8.6). */
static imx_status put_negatives(struct imx_text *t, const struct imx_lab_results *r, const struct imx_lab_task *task)
{
    char title[128];
    imx_status status = IMX_OK;
    double *xy = calloc(2 * r->rows + 1, sizeof *xy);
    struct imx_series *line = calloc(r->rows + 1, sizeof *line);
    size_t lines = 0, at = 0, longest = 0;
    if (!xy || !line)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a chart"));
    for (size_t i = 0; i < r->rows; i++) {
        const struct imx_lab_row *row = &r->row[i];
        if (row->task != task || !row->seeds)
            continue;
        if (!lines || strcmp(line[lines - 1].name, imx_estimator_name(row->est))) {
            const struct imx_look look = imx_look(lines);
            line[lines] =
                (struct imx_series){ imx_estimator_name(row->est), xy + r->rows + at, look.css, xy + at, 0, look.mark };
            lines++;
        }
        longest = ++line[lines - 1].own_n > longest ? line[lines - 1].own_n : longest;
        xy[at] = log2(row->batch - 1);
        xy[r->rows + at] = fabs(row->bias) <= 2 * task->mi ? row->mean : (double)NAN;
        at++;
    }
    snprintf(title, sizeof title, "%s: reading, nats", task->name);
    if (longest > 2)
        imx_plot_lines(t, title, "negatives of each pair, power of two", NULL, 0, line, lines);
fail:
    free(xy);
    free(line);
    return status;
}

static void number(struct imx_text *t, double v)
{
    if (isfinite(v))
        imx_text_printf(t, "<td class=n>%.4g", v);
    else
        imx_text_printf(t, "<td class=n>%s", isinf(v) ? "&infin;" : "-");
}

static void put_table(struct imx_text *t, const struct imx_lab_results *r)
{
    imx_text_put(t, "<h2>All numbers</h2>\n<div class=card><table>\n<tr><th>estimator<th class=n>batch<th "
                    "class=n>reading<th class=n>bias<th class=n>spread<th class=n>jitter<th "
                    "class=n>ceiling<th>by<th class=n>value<th class=n>best value<th class=n>seeds\n");
    for (size_t i = 0; i < r->rows; i++) {
        const struct imx_lab_row *row = &r->row[i];
        if (first_of_task(r, i)) {
            imx_text_put(t, "<tr><th colspan=11><b>");
            imx_html_text(t, row->task->name);
            imx_text_printf(t, "</b>: exact %.6f nats\n", row->task->mi);
        }
        imx_text_printf(t, "<tr><td>%s<td class=n>%d", imx_estimator_name(row->est), row->batch);
        const double v[] = { row->mean, row->bias, row->spread, row->jitter };
        for (size_t k = 0; k < sizeof v / sizeof *v; k++)
            number(t, row->seeds ? v[k] : (double)NAN);
        number(t, isfinite(row->ceiling) ? row->ceiling : (double)NAN);
        imx_text_printf(t, "<td>%s", !row->seeds ? "not done" : row->bad ? "not finite" : imx_lab_kind(row->est));
        number(t, row->value);
        number(t, row->best);
        imx_text_printf(t, "<td class=n>%d\n", row->seeds);
    }
    imx_text_put(
        t,
        "</table></div>\n<p class=dim>reading: mean over the seeds, nats. bias: reading less exact. spread: deviation "
        "over the seeds. jitter: deviation from one batch to the next with the critic frozen. by: \"bound\" is the "
        "estimator's own value; \"density\" is the mean of ln p(x,y)/(p(x)p(y)) over positive pairs as the critic "
        "has learned it, which bounds nothing. value: E+ less E-, in the estimator's own unit; best value: that of "
        "the best critic.</p>\n");
}

static void put_tables(struct imx_text *t, const struct imx_lab_results *r)
{
    const struct imx_series cloud = { "JSD", r->jsd, "s1", NULL, 0 };
    imx_text_printf(t,
                    "<h2>Jensen-Shannon divergence against mutual information</h2>\n<p>Rank correlation of %zu random "
                    "joint tables, both computed exactly: <b>%.4f</b>. What raises one raises the other, though JSD "
                    "never exceeds ln 2.</p><div class=narrow>\n",
                    r->tables, r->correlation);
    imx_plot_points(t, "JSD of the joint and the product of its marginals, nats", "mutual information, nats", r->mi,
                    r->tables, &cloud);
    imx_text_put(t, "</div>\n");
}

imx_status imx_lab_page(const struct imx_lab_results *r, struct imx_text *page)
{
    imx_page_begin(page, "What each bound is worth", "infomax lab, report");
    imx_text_put(page, "<p>");
    imx_html_text(page, r->about);
    imx_text_put(page, "</p>\n");
    if (r->rows)
        put_batches(page, r);
    imx_text_put(page, "<div class=grid>\n");
    for (size_t i = 0; i < r->rows; i++)
        if (first_of_task(r, i)) {
            IMX_TRY(put_task(page, r, r->row[i].task, false));
            IMX_TRY(put_task(page, r, r->row[i].task, true));
            IMX_TRY(put_negatives(page, r, r->row[i].task));
        }
    imx_text_put(page, "</div>\n");
    if (r->tables > 1)
        put_tables(page, r);
    if (r->rows)
        put_table(page, r);
    return imx_page_end(page);
}

static void field(struct imx_text *csv, double v)
{
    char text[32] = "";
    if (isfinite(v))
        imx_double_text(v, text);
    imx_text_printf(csv, ",%s", text);
}

void imx_lab_csv(const struct imx_lab_results *r, struct imx_text *csv)
{
    imx_text_put(csv, "joint,estimator,batch,seeds,not_finite,kind,exact,reading,bias,spread,jitter,ceiling,value,"
                      "value_spread,best_value\n");
    for (size_t i = 0; i < r->rows; i++) {
        const struct imx_lab_row *row = &r->row[i];
        imx_text_printf(csv, "%s,%s,%d,%d,%d,%s", row->task->name, imx_estimator_name(row->est), row->batch, row->seeds,
                        row->bad, imx_lab_kind(row->est));
        const double v[] = { row->task->mi, row->mean,  row->bias,         row->spread, row->jitter,
                             row->ceiling,  row->value, row->value_spread, row->best };
        for (size_t k = 0; k < sizeof v / sizeof *v; k++)
            field(csv, v[k]);
        imx_text_put(csv, "\n");
    }
}
