/* See feature_table.h. */
#include "feature_table.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "io/npy.h"

enum { NAME = 8192 };

static bool has_labels(const struct imx_dataset *ds)
{
    for (int32_t i = 0; i < ds->n && ds->classes; i++)
        if (ds->label[i] >= 0)
            return true;
    return false;
}

static void put_quoted(struct imx_text *t, const char *s)
{
    imx_text_put(t, "\"");
    for (; *s; s++) {
        imx_text_add(t, s, 1);
        if (*s == '"')
            imx_text_put(t, "\"");
    }
    imx_text_put(t, "\"");
}

static void csv_head(const struct imx_table *t, struct imx_text *line)
{
    imx_text_put(line, t->labels ? "path,class" : "path");
    for (int32_t c = 0; c < t->d; c++) {
        if (!t->column) {
            imx_text_printf(line, ",f%d", c);
            continue;
        }
        imx_text_put(line, ",");
        put_quoted(line, t->column[c]);
    }
    imx_text_put(line, "\n");
}

static void csv_row(const struct imx_table *t, int32_t i, const char *name, struct imx_text *line)
{
    char number[32];
    put_quoted(line, name);
    if (t->labels) {
        imx_text_put(line, ",");
        put_quoted(line, t->ds->label[i] >= 0 ? t->ds->class[t->ds->label[i]].name : "");
    }
    for (int32_t c = 0; c < t->d; c++) {
        imx_float_text(t->x[(int64_t)i * t->d + c], number);
        imx_text_printf(line, ",%s", number);
    }
    imx_text_put(line, "\n");
}

static void json_row(const struct imx_table *t, int32_t i, const char *name, struct imx_text *line)
{
    struct imx_json j = { 0 };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "path", name);
    if (t->labels)
        imx_json_string(&j, "class", t->ds->label[i] >= 0 ? t->ds->class[t->ds->label[i]].name : NULL);
    if (t->column)
        imx_json_object(&j, t->what);
    else
        imx_json_array(&j, t->what);
    for (int32_t c = 0; c < t->d; c++)
        imx_json_float(&j, t->column ? t->column[c] : NULL, t->x[(int64_t)i * t->d + c]);
    imx_json_end(&j);
    imx_json_end(&j);
    line->failed |= imx_json_check(&j) != IMX_OK;
    imx_text_add(line, j.text.data, j.text.size);
    imx_text_put(line, "\n");
    imx_json_free(&j);
}

static imx_status write_rows(const char *path, const struct imx_table *t, bool csv)
{
    imx_status status = IMX_OK;
    struct imx_atomic *f = NULL;
    struct imx_text line = { 0 };
    char name[NAME];
    IMX_TRY(imx_atomic_create(path, &f));
    if (csv)
        csv_head(t, &line);
    for (int32_t i = 0; i < t->ds->n; i++) {
        imx_dataset_name(t->ds, i, name, sizeof name);
        (csv ? csv_row : json_row)(t, i, name, &line);
        IMX_GO(imx_text_check(&line));
        IMX_GO(imx_atomic_write(f, line.data, line.size));
        line.size = 0;
    }
    imx_text_free(&line);
    return imx_atomic_commit(f);
fail:
    imx_text_free(&line);
    imx_atomic_abandon(f);
    return status;
}

/* One line each; \n, \r and \\ stand for a newline, a return and a backslash in a name. */
static void put_line(struct imx_text *t, const char *s)
{
    for (; *s; s++)
        if (*s == '\n' || *s == '\r' || *s == '\\')
            imx_text_printf(t, "\\%c", *s == '\n' ? 'n' : *s == '\r' ? 'r' : '\\');
        else
            imx_text_add(t, s, 1);
    imx_text_put(t, "\n");
}

static imx_status beside(char path[4096], const char *out, const char *ending)
{
    const int n = snprintf(path, 4096, "%s%s", out, ending);
    return n > 0 && n < 4096 ? IMX_OK : imx_fail(IMX_E_ARG, "the path %s is too long", out);
}

static imx_status write_text(const char *path, struct imx_text *t)
{
    imx_status status = imx_text_check(t);
    if (status == IMX_OK)
        status = imx_file_write(path, t->data ? t->data : "", t->size);
    imx_text_free(t);
    return status;
}

/* FILE.paths.txt; FILE.labels.npy and FILE.classes.txt when there are labels, and no older ones when there are none. */
static imx_status write_beside(const char *out, const struct imx_table *t)
{
    char path[4096], name[NAME];
    struct imx_text text = { 0 };
    for (int32_t i = 0; i < t->ds->n; i++) {
        imx_dataset_name(t->ds, i, name, sizeof name);
        put_line(&text, name);
    }
    imx_status status = beside(path, out, ".paths.txt");
    if (status != IMX_OK) {
        imx_text_free(&text);
        return status;
    }
    IMX_TRY(write_text(path, &text));
    static const char *const optional[] = { ".labels.npy", ".classes.txt" };
    for (int i = 0; i < 2 && !t->labels; i++) {
        IMX_TRY(beside(path, out, optional[i]));
        if (imx_file_size(path, NULL) && remove(path))
            return imx_fail(IMX_E_IO, "%s, of other images, could not be removed", path);
    }
    if (!t->labels)
        return IMX_OK;
    IMX_TRY(beside(path, out, optional[0]));
    IMX_TRY(imx_npy_write(path, "<i4", 1, &(uint64_t){ (uint64_t)t->ds->n }, t->ds->label));
    IMX_TRY(beside(path, out, optional[1]));
    for (int32_t i = 0; i < t->ds->classes; i++)
        put_line(&text, t->ds->class[i].name);
    return write_text(path, &text);
}

imx_status imx_table_form_of(const char *out, enum imx_table_form *form)
{
    static const char *const ending[] = { ".npy", ".csv", ".jsonl" };
    const size_t n = strlen(out);
    for (int i = IMX_TABLE_NPY; i <= IMX_TABLE_JSONL; i++)
        if (n > strlen(ending[i]) && !strcmp(out + n - strlen(ending[i]), ending[i])) {
            *form = (enum imx_table_form)i;
            return IMX_OK;
        }
    return imx_fail(IMX_E_ARG, "%s: the name of the output must end in .npy, .csv or .jsonl", out);
}

imx_status imx_table_write(const char *out, enum imx_table_form form, const struct imx_table *table)
{
    struct imx_table t = *table;
    t.labels = has_labels(t.ds);
    if (form == IMX_TABLE_NPY)
        IMX_TRY(imx_npy_write(out, "<f4", 2, (const uint64_t[]){ (uint64_t)t.ds->n, (uint64_t)t.d }, t.x));
    else
        IMX_TRY(write_rows(out, &t, form == IMX_TABLE_CSV));
    return write_beside(out, &t);
}
