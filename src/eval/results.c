/* See results.h. */
#include "eval/results.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eval/report.h"
#include "eval/scores.h"
#include "io/safetensors.h"

static int is_result(const struct dirent *e)
{
    const char *name = e->d_name;
    const size_t n = strlen(name);
    if (!strcmp(name, "measure.json") || !strcmp(name, "measure-untrained.json"))
        return true;
    return n > 5 && !strcmp(name + n - 5, ".json") && (!strncmp(name, "probe-", 6) || !strncmp(name, "finetune-", 9));
}

static imx_status remove_file(const char *run, const char *name)
{
    char path[4096];
    if (!imx_join(path, sizeof path, run, name) || !imx_file_size(path, NULL) || !remove(path))
        return IMX_OK;
    return imx_io_fail("remove", path);
}

void imx_weights_name(const char *run, char name[IMX_WEIGHTS_NAME])
{
    char path[4096], hex[65] = "";
    if (imx_join(path, sizeof path, run, "encoder.safetensors") && imx_safetensors_hash(path, hex) != IMX_OK)
        imx_error_clear(); /* whoever reads the weights tells */
    snprintf(name, IMX_WEIGHTS_NAME, "%s", hex);
}

bool imx_result_untrained(const struct imx_json_node *row)
{
    const struct imx_json_node *u = imx_json_get(row, "untrained");
    return u && u->type == IMX_JSON_BOOL && u->truth;
}

bool imx_result_unequal(const struct imx_json_node *row)
{
    return imx_scores_unequal(imx_json_get_number(row, "accuracy", (double)NAN),
                              imx_json_get_number(row, "balanced_accuracy", (double)NAN));
}

enum imx_result_kind imx_result_kind(const struct imx_json_node *row)
{
    if (!imx_json_get(row, "accuracy"))
        return IMX_RESULT_MEASURE;
    return imx_json_get(row, "method") ? IMX_RESULT_FINETUNE : IMX_RESULT_PROBE;
}

static imx_status add(struct imx_results *r, const char *file, const struct imx_json_node *row, const char *weights)
{
    const char *of = imx_json_get_string(row, "encoder", "");
    struct imx_result *grown = realloc(r->row, (r->rows + 1) * sizeof *grown);
    if (!grown)
        return imx_fail(IMX_E_NOMEM, "no memory for results");
    r->row = grown;
    grown[r->rows++] = (struct imx_result){ row, file, *of && *weights && strcmp(of, weights) != 0 };
    return IMX_OK;
}

static imx_status read_file(struct imx_results *r, const char *run, const char *name, const char *weights)
{
    struct imx_json_doc *doc = &r->doc[r->files];
    bool good = false;
    IMX_TRY(imx_report_json(run, name, doc, &good));
    if (!good)
        return IMX_OK;
    char *file = r->name[r->files++] = strdup(name);
    if (!file)
        return imx_fail(IMX_E_NOMEM, "no memory for results");
    const bool array = doc->root->type == IMX_JSON_ARRAY;
    for (const struct imx_json_node *row = array ? doc->root->child : doc->root; row; row = array ? row->next : NULL)
        if (row->type == IMX_JSON_OBJECT)
            IMX_TRY(add(r, file, row, weights));
    return IMX_OK;
}

imx_status imx_results_read(const char *run, struct imx_results *r)
{
    struct dirent **name = NULL;
    char weights[IMX_WEIGHTS_NAME];
    imx_status status = IMX_OK;
    const int n = scandir(run, &name, is_result, alphasort);
    if (n < 0)
        return imx_io_fail("read", run);
    imx_weights_name(run, weights);
    r->doc = calloc((size_t)n + 1, sizeof *r->doc);
    r->name = calloc((size_t)n + 1, sizeof *r->name);
    if (!r->doc || !r->name)
        status = imx_fail(IMX_E_NOMEM, "no memory for results");
    for (int i = 0; i < n; i++) {
        if (status == IMX_OK)
            status = read_file(r, run, name[i]->d_name, weights);
        free(name[i]);
    }
    free(name);
    return status;
}

imx_status imx_results_remove(const char *run)
{
    static const char *const other[] = { IMX_DRAWN_FILE,
                                         IMX_DRAWN_UNTRAINED_FILE,
                                         "features-y.npy",
                                         "features-y.npy.labels.npy",
                                         "features-y.npy.paths.txt",
                                         "features-y.npy.classes.txt" };
    struct dirent **name = NULL;
    imx_status status = IMX_OK;
    const int n = scandir(run, &name, is_result, alphasort);
    for (int i = 0; i < n; i++) {
        if (status == IMX_OK)
            status = remove_file(run, name[i]->d_name);
        free(name[i]);
    }
    free(name);
    for (size_t i = 0; i < sizeof other / sizeof *other && status == IMX_OK; i++)
        status = remove_file(run, other[i]);
    return status;
}

void imx_results_free(struct imx_results *r)
{
    for (size_t i = 0; i < r->files; i++) {
        imx_json_doc_free(&r->doc[i]);
        free(r->name[i]);
    }
    free(r->doc);
    free(r->name);
    free(r->row);
    *r = (struct imx_results){ 0 };
}
