/* A row of numbers for each image of a set, as .npy, .csv or .jsonl, in the order of the set, with the images' names
 * beside them: FILE.paths.txt (a name a line; newline, return and backslash written as \n, \r, \\) and, when there are
 * labels, FILE.labels.npy and FILE.classes.txt. */
#ifndef IMX_TOOLS_FEATURE_TABLE_H
#define IMX_TOOLS_FEATURE_TABLE_H

#include "data/dataset.h"

struct imx_table {
    const struct imx_dataset *ds;
    const float *x; /* [ds->n, d] */
    int32_t d;
    const char *what;          /* key of the numbers in .jsonl */
    const char *const *column; /* [d] names; NULL: f0, f1, ... in .csv, an array in .jsonl */
    bool labels;               /* set while writing: some image has one */
};

enum imx_table_form { IMX_TABLE_NPY, IMX_TABLE_CSV, IMX_TABLE_JSONL };

/* By the ending of the name; E_ARG for another. */
IMX_MUST_CHECK imx_status imx_table_form_of(const char *out, enum imx_table_form *form);
IMX_MUST_CHECK imx_status imx_table_write(const char *out, enum imx_table_form form, const struct imx_table *t);

#endif
