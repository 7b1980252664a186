/* What probe, finetune and measure leave in a run's folder (--save): files of rows, each the result of one measurement.
 * A row of trained weights says by "encoder" of which; when training went on behind it, it is no result of the run as
 * it is now. */
#ifndef IMX_EVAL_RESULTS_H
#define IMX_EVAL_RESULTS_H

#include "base/json.h"
#include "base/status.h"

enum { IMX_WEIGHTS_NAME = 17 };

/* A row. */
struct imx_result {
    const struct imx_json_node *of; /* an object */
    const char *file;               /* its name */
    bool earlier;                   /* of weights that the run no longer has */
};

struct imx_results {
    struct imx_result *row; /* by the files' names, then as they stand there */
    size_t rows;
    struct imx_json_doc *doc;
    char **name;
    size_t files;
};

/* Files that are damaged are left out. Freed after an error, too. */
IMX_MUST_CHECK imx_status imx_results_read(const char *run, struct imx_results *r);
void imx_results_free(struct imx_results *r);
/* Removes these files, and the drawings and features that report would show: another training takes their place. */
IMX_MUST_CHECK imx_status imx_results_remove(const char *run);

/* What a row is of. */
enum imx_result_kind { IMX_RESULT_PROBE, IMX_RESULT_FINETUNE, IMX_RESULT_MEASURE };
enum imx_result_kind imx_result_kind(const struct imx_json_node *row);
bool imx_result_untrained(const struct imx_json_node *row);
/* imx_scores_unequal of the row. */
bool imx_result_unequal(const struct imx_json_node *row);

/* A name for the weights in RUN/encoder.safetensors, from their hash; "": there are none, or they have none. */
void imx_weights_name(const char *run, char name[IMX_WEIGHTS_NAME]);

#endif
