/* Several runs side by side: settings that differ, curves, probes, fine-tuning, measurements, cost. Reads what the
 * folders hold; what a folder lacks is a missing entry, never an error, as long as it is a run's folder at all. */
#ifndef IMX_EVAL_COMPARE_H
#define IMX_EVAL_COMPARE_H

#include "base/toml.h"
#include "eval/report.h"
#include "eval/results.h"

/* One run. Zeroed documents are absent or damaged files. */
struct imx_compared {
    const char *path;        /* borrowed */
    char name[128];          /* the shortest end of the path that no other run has */
    char state[160];         /* how it ended, by the last line of train.log; "" when there is none */
    bool finished;           /* ... and that it reached its end */
    struct imx_curves curve; /* curve.n == 0: no metrics */
    struct imx_toml config;
    struct imx_json_doc env;
    struct imx_results results;
};

/* What a cell says as a number, for the charts. */
struct imx_fact_number {
    double value, spread; /* value NaN: it is none */
};

/* A line of the table: one cell per run. */
struct imx_fact {
    const char *section; /* one of imx_compare_sections */
    char *name;
    char **cell;                    /* [runs]; NULL: missing */
    struct imx_fact_number *number; /* [runs] */
};

struct imx_compare {
    struct imx_compared *run;
    size_t runs;
    struct imx_fact *fact;
    size_t facts, room;
    char **warning; /* what makes the runs less comparable, or incomplete; a sentence each */
    size_t warnings;
};

/* Reads the runs. E_DATA for a path that is no run folder (it holds none of config.toml, env.json, metrics.jsonl). The
 * paths stay the caller's and must outlive c, which is zeroed before and finished after, also after an error. */
IMX_MUST_CHECK imx_status imx_compare_read(char *const *path, size_t n, struct imx_compare *c);
void imx_compare_finish(struct imx_compare *c);
/* The page. */
IMX_MUST_CHECK imx_status imx_compare_page(const struct imx_compare *c, struct imx_text *page);

/* The sections in the order in which they are shown; ends with NULL. */
extern const char *const imx_compare_sections[];
/* Setting of a run ("" when it is not known). */
const char *imx_compared_setting(const struct imx_compared *r, const char *key);
/* Last finite value of a curve; NaN when there is none. */
double imx_compared_last(const struct imx_compared *r, const double *column);

#endif
