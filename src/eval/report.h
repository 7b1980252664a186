/* One self-contained HTML page about a run: curves, probe results, measures, a map of the features, settings, device.
 * Everything is inline (SVG, CSS), so the page can be mailed. What a run folder lacks, the page leaves out. */
#ifndef IMX_EVAL_REPORT_H
#define IMX_EVAL_REPORT_H

#include "base/json.h"
#include "base/text.h"

/* Builds the page from RUN/{metrics.jsonl,config.toml,env.json,probe-*.json,finetune-*.json,measure*.json,
 * features-y.npy,features-y.npy.labels.npy,reconstructions.png,drawings.png} into `page` (zeroed; freed by the caller,
 * also after an error). E_DATA when the folder holds no metrics. */
IMX_MUST_CHECK imx_status imx_report(const char *run, struct imx_text *page);

/* --- pieces, each a file report_*.c --- */

/* The head of a page: title, then "about of DATE" below it; and its end, which tells whether memory sufficed. */
void imx_page_begin(struct imx_text *t, const char *title, const char *about);
IMX_MUST_CHECK imx_status imx_page_end(struct imx_text *t);
/* Text with < > & " replaced; bytes that are no UTF-8 become U+FFFD. */
void imx_html_text(struct imx_text *t, const char *s);

/* A shape beside the colour, for print and for eyes to which colours are alike. */
enum imx_mark { IMX_MARK_NONE, IMX_MARK_CIRCLE, IMX_MARK_SQUARE, IMX_MARK_TRIANGLE, IMX_MARK_DIAMOND, IMX_MARK_CROSS };

/* What the k-th of many looks like: its colour ("s1" .. "s8", and dashed) and its shape, both of no other among the
 * first 40. */
struct imx_look {
    const char *css, *dashed;
    enum imx_mark mark;
};
struct imx_look imx_look(size_t k);
/* A piece of a line with that shape, for keys and heads of tables. */
void imx_put_look(struct imx_text *t, const struct imx_look *look);

struct imx_series {
    const char *name;    /* "": not in the key */
    const double *y;     /* not finite: a gap */
    const char *css;     /* class of the line: "s1" .. "s8", " dash" behind it */
    const double *own_x; /* [own_n]; NULL: the chart's x */
    size_t own_n;
    enum imx_mark mark; /* now and then on the line */
};

/* One chart as inline SVG in a <figure>; x [n] is shared by the series that have none of their own. A key names the
 * series when there are several or one with a mark. Nothing when fewer than two points are finite. */
void imx_plot_lines(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                    const struct imx_series *series, size_t n_series);
/* The same as a cloud of points, one series. */
void imx_plot_points(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                     const struct imx_series *series);

/* Rows of dots with whiskers. A row without a finite value shows its note instead; ceiling: a tick (not finite: none).
 */
struct imx_dot {
    const char *name, *note, *css;
    double value, spread, ceiling;
    enum imx_mark mark; /* none: a circle */
    const char *who;    /* for a key; of all dots or, NULL, of none */
};
/* Neighbours of the same name share a row. exact: an upright line (not finite: none). The axis takes in everything
 * within [low, high] (not finite: everything); values outside stand as numbers at its end. */
void imx_plot_dots(struct imx_text *t, const char *title, const char *x_name, const struct imx_dot *dot, size_t n,
                   double exact, double low, double high);

/* The lines of metrics.jsonl as columns; what a line lacks is NaN. Zeroed = empty. */
enum imx_curve {
    IMX_CURVE_STEP,
    IMX_CURVE_EPOCH,
    IMX_CURVE_LOSS,
    IMX_CURVE_MI,
    IMX_CURVE_CEILING,
    IMX_CURVE_SPEED,
    IMX_CURVE_SECONDS,
    IMX_CURVES
};
enum { IMX_CURVE_TERMS = 16 };
struct imx_curves {
    double *col[IMX_CURVES];
    size_t n, room;
    int n_terms; /* terms of the loss and readings, as they first came; more than IMX_CURVE_TERMS are left out */
    struct {
        char name[48];
        bool reading;
        double *value;
    } term[IMX_CURVE_TERMS];
};
/* E_DATA when the folder holds no metrics. A torn line costs one point. Freed by the caller, also after an error. */
IMX_MUST_CHECK imx_status imx_curves_read(const char *run, struct imx_curves *c);
void imx_curves_free(struct imx_curves *c);
/* Of the finite ones; NaN when there is none. */
IMX_MUST_CHECK imx_status imx_median(const double *v, size_t n, double *out);
/* RUN/name as JSON. A file that is damaged or absent leaves *good false; what the machine failed at is an error. */
IMX_MUST_CHECK imx_status imx_report_json(const char *run, const char *name, struct imx_json_doc *doc, bool *good);

/* Projects rows x[n,d] on their two main directions: xy[n,2]. Deterministic. share[2] = parts of the variance. E_NOMEM.
 */
IMX_MUST_CHECK imx_status imx_pca2(const float *x, size_t n, size_t d, float *xy, double share[2]);
/* The sheets that imx_rebuilt_sheet and `infomax measure` left in a run's folder; nothing when they are not there. */
#define IMX_REBUILT_FILE         "reconstructions.png"
#define IMX_DRAWN_FILE           "drawings.png"
#define IMX_DRAWN_UNTRAINED_FILE "drawings-untrained.png"
IMX_MUST_CHECK imx_status imx_put_rebuilt(struct imx_text *t, const char *run);
/* The map of RUN/features-y.npy, coloured by class; nothing when the file is not there. */
IMX_MUST_CHECK imx_status imx_plot_map(struct imx_text *t, const char *run);

#endif
