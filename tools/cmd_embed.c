/* infomax embed: features of images as .npy, .csv or .jsonl, in the order of the data set, with the images' names
 * beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "io/npy.h"
#include "option_rows.h"
#include "train_options.h"
#include "trained.h"

enum { NAME = 8192 };

struct values {
    char *out, *layer, *device;
    bool untrained;
};

/* What a writer needs. */
struct table {
    const struct imx_dataset *ds;
    const float *x; /* [n, d] */
    int64_t n;
    int32_t d;
    bool labels;
};

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

static void csv_head(const struct table *t, struct imx_text *line)
{
    imx_text_put(line, t->labels ? "path,class" : "path");
    for (int32_t c = 0; c < t->d; c++)
        imx_text_printf(line, ",f%d", c);
    imx_text_put(line, "\n");
}

static void csv_row(const struct table *t, int32_t i, const char *name, struct imx_text *line)
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

static void json_row(const struct table *t, int32_t i, const char *name, struct imx_text *line)
{
    struct imx_json j = { 0 };
    imx_json_object(&j, NULL);
    imx_json_string(&j, "path", name);
    if (t->labels)
        imx_json_string(&j, "class", t->ds->label[i] >= 0 ? t->ds->class[t->ds->label[i]].name : NULL);
    imx_json_array(&j, "features");
    for (int32_t c = 0; c < t->d; c++)
        imx_json_float(&j, NULL, t->x[(int64_t)i * t->d + c]);
    imx_json_end(&j);
    imx_json_end(&j);
    line->failed |= imx_json_check(&j) != IMX_OK;
    imx_text_add(line, j.text.data, j.text.size);
    imx_text_put(line, "\n");
    imx_json_free(&j);
}

static imx_status write_rows(const char *path, const struct table *t, bool csv)
{
    imx_status status = IMX_OK;
    struct imx_atomic *f = NULL;
    struct imx_text line = { 0 };
    char name[NAME];
    IMX_TRY(imx_atomic_create(path, &f));
    if (csv)
        csv_head(t, &line);
    for (int32_t i = 0; i < t->n; i++) {
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
static imx_status write_beside(const char *out, const struct table *t)
{
    char path[4096], name[NAME];
    struct imx_text text = { 0 };
    for (int32_t i = 0; i < t->n; i++) {
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
    IMX_TRY(imx_npy_write(path, "<i4", 1, &(uint64_t){ (uint64_t)t->n }, t->ds->label));
    IMX_TRY(beside(path, out, optional[1]));
    for (int32_t i = 0; i < t->ds->classes; i++)
        put_line(&text, t->ds->class[i].name);
    return write_text(path, &text);
}

enum form { NPY, CSV, JSONL };

static imx_status find_form(const char *out, enum form *form)
{
    static const char *const ending[] = { ".npy", ".csv", ".jsonl" };
    const size_t n = strlen(out);
    for (int i = NPY; i <= JSONL; i++)
        if (n > strlen(ending[i]) && !strcmp(out + n - strlen(ending[i]), ending[i])) {
            *form = (enum form)i;
            return IMX_OK;
        }
    return imx_fail(IMX_E_ARG, "%s: the name of the output must end in .npy, .csv or .jsonl", out);
}

static imx_status write_all(const char *out, enum form form, const struct table *t)
{
    if (form == NPY)
        IMX_TRY(imx_npy_write(out, "<f4", 2, (const uint64_t[]){ (uint64_t)t->n, (uint64_t)t->d }, t->x));
    else
        IMX_TRY(write_rows(out, t, form == CSV));
    return write_beside(out, t);
}

static bool has_labels(const struct imx_dataset *ds)
{
    for (int32_t i = 0; i < ds->n && ds->classes; i++)
        if (ds->label[i] >= 0)
            return true;
    return false;
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    imx_status status = IMX_OK;
    struct imx_trained t = { 0 };
    struct imx_dev *dev = NULL;
    struct imx_dataset *ds = NULL;
    struct imx_encode *e = NULL;
    float *x[IMX_FEATURE_COUNT] = { NULL };
    bool want[IMX_FEATURE_COUNT] = { false };
    enum form form = NPY;
    int layer = 0;
    (void)n;
    if (!v->out)
        return imx_fail(IMX_E_ARG, "embed needs -o FILE, ending in .npy, .csv or .jsonl");
    IMX_TRY(find_form(v->out, &form));
    while (strcmp(v->layer, imx_feature_names[layer]))
        layer++;
    want[layer] = true;
    IMX_GO(imx_trained_open(word[0], &t));
    IMX_GO(imx_open_device(v->device, &dev));
    IMX_GO(imx_use_tuned(dev, t.config.tuned));
    imx_signals_catch();
    IMX_GO(imx_trained_data(&t, word[1], &ds));
    IMX_GO(imx_trained_encoder(&t, dev, v->untrained, &e));
    IMX_GO(imx_trained_features(e, "encoding", ds->pix, ds->n, want, x));
    const struct table out = { ds, x[layer], ds->n, imx_encode_width(e, (enum imx_feature)layer), has_labels(ds) };
    IMX_GO(write_all(v->out, form, &out));
    imx_say("%lld images, %d values each (%s)", (long long)out.n, out.d, v->layer);
    printf("%s\n", v->out);
fail:
    free(x[layer]);
    imx_encode_destroy(e);
    imx_dataset_destroy(ds);
    imx_dev_close(dev);
    imx_trained_close(&t);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_OUT("FILE", "what to write; .npy, .csv or .jsonl"),
    IMX_ROW_LAYER("y", "the last convolution, the last hidden layer, the output (of several globals: all)"),
    IMX_ROW_UNTRAINED,
    IMX_ROW_DEVICE,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax embed runs/photos photos -o photos.npy",
    "infomax embed runs/c10 cifar10#test -o test.csv --layer fc",
    NULL,
};

extern const struct imx_command imx_cmd_embed;
const struct imx_command imx_cmd_embed = {
    .name = "embed",
    .summary = "writes the features of images",
    .usage = "RUN DATA -o FILE [options]",
    .about = "One row per image, in the order of the data (folders: by the bytes of the relative path). FILE.paths.txt "
             "holds "
             "the rows' names (backslash, newline and return written as \\\\, \\n and \\r); with labels, "
             "FILE.labels.npy and "
             "FILE.classes.txt hold the classes. conv is flattened as channels, rows, columns.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .run = run,
};
