/* One self-contained HTML page about a run: curves, probe results, a map of the features, settings, device. Everything
 * is inline (SVG, CSS), so the page can be mailed. What a run folder lacks, the page leaves out. */
#ifndef IMX_EVAL_REPORT_H
#define IMX_EVAL_REPORT_H

#include "base/text.h"

/* Builds the page from RUN/{metrics.jsonl,config.toml,env.json,probe-*.json,features-y.npy,features-y.npy.labels.npy}
 * into `page` (zeroed; freed by the caller, also after an error). E_DATA when the folder holds no metrics. */
IMX_MUST_CHECK imx_status imx_report(const char *run, struct imx_text *page);

/* --- pieces, each a file report_*.c --- */

/* Text with < > & " replaced; bytes that are no UTF-8 become U+FFFD. */
void imx_html_text(struct imx_text *t, const char *s);

struct imx_series {
    const char *name;
    const double *y; /* not finite: a gap */
    const char *css; /* class of the line: "s1" or "s2" */
};

/* One chart of n points as inline SVG in a <figure>: x is shared by the series. Nothing when fewer than two points are
 * finite. */
void imx_plot_lines(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                    const struct imx_series *series, size_t n_series);

/* Projects rows x[n,d] on their two main directions: xy[n,2]. Deterministic. share[2] = parts of the variance. E_NOMEM.
 */
IMX_MUST_CHECK imx_status imx_pca2(const float *x, size_t n, size_t d, float *xy, double share[2]);
/* The map of RUN/features-y.npy, coloured by class; nothing when the file is not there. */
IMX_MUST_CHECK imx_status imx_plot_map(struct imx_text *t, const char *run);

#endif
