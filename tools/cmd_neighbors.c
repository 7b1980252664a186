/* infomax neighbors: the images whose features are nearest to those of queries, as a contact sheet and as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "cli.h"
#include "data/picture.h"
#include "data/scale.h"
#include "eval/neighbors.h"
#include "eval/sheet.h"
#include "option_rows.h"
#include "train_options.h"
#include "trained.h"

enum { MOST = 100, NAME = 8192 };

struct values {
    struct imx_list query;
    char *out, *layer, *metric, *device;
    int64_t k;
    bool untrained;
};

struct query {
    const char *name;
    int64_t index; /* in the data; -1: a file */
    uint8_t *pix;
};

struct search {
    const struct values *v;
    struct imx_trained trained;
    struct imx_dataset *ds;
    struct query *query;
    size_t n_queries;
    enum imx_metric metric;
    int layer;
    struct imx_neighbor *best; /* [n_queries, k] */
    int32_t *found;
};

static imx_status read_picture(const struct search *s, const char *path, uint8_t *pix)
{
    const struct imx_dataset *ds = s->ds;
    const size_t n = strlen(path);
    char *data = NULL;
    size_t bytes = 0;
    uint8_t *square = NULL;
    struct imx_picture p = { 0 };
    imx_status status = IMX_OK;
    IMX_TRY(imx_file_read(path, IMX_PICTURE_FILE, &data, &bytes));
    const struct imx_picture_options o = { .least = ds->w + ds->w / 4 };
    status = imx_picture_decode((const uint8_t *)data, bytes, n > 4 && !strcasecmp(path + n - 4, ".tga"), &o, &p);
    if (status != IMX_OK)
        status = imx_note(status, "%s", path);
    else if (ds->h != ds->w && (p.h != ds->h || p.w != ds->w))
        status = imx_fail(IMX_E_DATA, "%s is %dx%d, the encoder's images are %dx%d", path, p.w, p.h, ds->w, ds->h);
    if (status != IMX_OK)
        goto fail;
    square = malloc((size_t)ds->h * (size_t)ds->w * 3);
    if (!square)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for an image"));
    if (ds->h == ds->w)
        IMX_GO(imx_scale_square(p.pix, p.w, p.h, p.c, ds->w, square));
    else
        memcpy(square, p.pix, (size_t)p.h * (size_t)p.w * (size_t)p.c);
    imx_convert_channels(square, p.c, pix, ds->c, (int64_t)ds->h * ds->w);
fail:
    free(square);
    free(data);
    imx_picture_finish(&p);
    return status;
}

/* A number that is no file is an image of the data; so is the name of one. */
static imx_status find_query(struct search *s, const char *text, struct query *q)
{
    const struct imx_dataset *ds = s->ds;
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    *q = (struct query){ text, -1, malloc(image) };
    if (!q->pix)
        return imx_fail(IMX_E_NOMEM, "no memory for an image");
    if (imx_file_size(text, NULL))
        return read_picture(s, text, q->pix);
    for (int32_t i = 0; ds->path && i < ds->n && q->index < 0; i++)
        if (!strcmp(ds->path[i], text))
            q->index = i;
    if (q->index < 0 && (!imx_parse_int(text, &q->index) || q->index < 0 || q->index >= ds->n))
        return imx_fail(IMX_E_DATA, "--query %s: there is no such file, and it is no image of the data (0 to %d)", text,
                        ds->n - 1);
    memcpy(q->pix, ds->pix + (size_t)q->index * image, image);
    return IMX_OK;
}

static imx_status look(struct search *s, struct imx_encode *e)
{
    imx_status status = IMX_OK;
    bool want[IMX_FEATURE_COUNT] = { false };
    float *table[IMX_FEATURE_COUNT] = { NULL }, *x[IMX_FEATURE_COUNT] = { NULL };
    const int32_t d = imx_encode_width(e, (enum imx_feature)s->layer), k = (int32_t)s->v->k;
    want[s->layer] = true;
    IMX_GO(imx_trained_features(e, "encoding", s->ds->pix, s->ds->n, want, table));
    for (size_t i = 0; i < s->n_queries; i++) {
        IMX_GO(imx_trained_features(e, "query", s->query[i].pix, 1, want, x));
        s->found[i] = imx_nearest_rows(s->metric, table[s->layer], s->ds->n, d, x[s->layer], s->query[i].index, k,
                                       s->best + i * (size_t)k);
        free(x[s->layer]);
        x[s->layer] = NULL;
    }
fail:
    free(table[s->layer]);
    free(x[s->layer]);
    return status;
}

static imx_status draw(const struct search *s, const char *path)
{
    const struct imx_dataset *ds = s->ds;
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    struct imx_sheet sheet;
    if (ds->c != 1 && ds->c != 3)
        return imx_fail(IMX_E_DATA, "images of %d channels cannot be drawn", ds->c);
    IMX_TRY(imx_sheet_init(&sheet, (int32_t)s->n_queries, (int32_t)s->v->k + 1, ds->h, ds->w, ds->c, true));
    for (size_t i = 0; i < s->n_queries; i++) {
        imx_sheet_put(&sheet, (int32_t)i, 0, s->query[i].pix);
        for (int32_t k = 0; k < s->found[i]; k++)
            imx_sheet_put(&sheet, (int32_t)i, k + 1,
                          ds->pix + (size_t)s->best[i * (size_t)s->v->k + (size_t)k].index * image);
    }
    const imx_status status = imx_sheet_write(&sheet, path);
    imx_sheet_finish(&sheet);
    return status;
}

static const char *class_of(const struct imx_dataset *ds, int64_t i)
{
    return ds->label[i] >= 0 ? ds->class[ds->label[i]].name : NULL;
}

static void as_text(const struct search *s)
{
    char name[NAME];
    for (size_t i = 0; i < s->n_queries; i++) {
        printf("%s\n", s->query[i].name);
        for (int32_t k = 0; k < s->found[i]; k++) {
            const struct imx_neighbor *b = &s->best[i * (size_t)s->v->k + (size_t)k];
            const char *class = s->ds->path ? NULL : class_of(s->ds, b->index);
            imx_dataset_name(s->ds, (int32_t)b->index, name, sizeof name);
            printf("  %-10.6g %s%s%s\n", b->distance, name, class ? "  " : "", class ? class : "");
        }
    }
}

static void as_json(const struct search *s, struct imx_json *j)
{
    char name[NAME];
    imx_json_array(j, NULL);
    for (size_t i = 0; i < s->n_queries; i++) {
        imx_json_object(j, NULL);
        imx_json_string(j, "query", s->query[i].name);
        imx_json_string(j, "layer", s->v->layer);
        imx_json_string(j, "metric", s->v->metric);
        imx_json_array(j, "neighbors");
        for (int32_t k = 0; k < s->found[i]; k++) {
            const struct imx_neighbor *b = &s->best[i * (size_t)s->v->k + (size_t)k];
            imx_dataset_name(s->ds, (int32_t)b->index, name, sizeof name);
            imx_json_object(j, NULL);
            imx_json_string(j, "path", name);
            imx_json_int(j, "index", b->index);
            imx_json_double(j, "distance", b->distance);
            imx_json_string(j, "class", class_of(s->ds, b->index));
            imx_json_end(j);
        }
        imx_json_end(j);
        imx_json_end(j);
    }
    imx_json_end(j);
}

static imx_status prepare(struct search *s, const char *run, const char *data)
{
    const struct values *v = s->v;
    s->metric = !strcmp(v->metric, "l1") ? IMX_METRIC_L1 : !strcmp(v->metric, "l2") ? IMX_METRIC_L2 : IMX_METRIC_COSINE;
    while (strcmp(v->layer, imx_feature_names[s->layer]))
        s->layer++;
    IMX_TRY(imx_trained_open(run, &s->trained));
    IMX_TRY(imx_trained_data(&s->trained, data, &s->ds));
    s->query = calloc(v->query.n, sizeof *s->query);
    s->best = calloc(v->query.n * (size_t)v->k, sizeof *s->best);
    s->found = calloc(v->query.n, sizeof *s->found);
    if (!s->query || !s->best || !s->found)
        return imx_fail(IMX_E_NOMEM, "no memory to look for neighbours");
    for (size_t i = 0; i < v->query.n; i++) {
        s->n_queries++;
        IMX_TRY(find_query(s, v->query.item[i], &s->query[i]));
    }
    return IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    struct search s = { .v = values };
    imx_status status = IMX_OK;
    struct imx_dev *dev = NULL;
    struct imx_encode *e = NULL;
    struct imx_json j = { 0 };
    (void)n;
    if (!s.v->query.n || !s.v->out)
        return imx_fail(IMX_E_ARG, "neighbors needs --query IMAGE... and -o SHEET.png");
    imx_signals_catch();
    IMX_GO(prepare(&s, word[0], word[1]));
    IMX_GO(imx_open_device(s.v->device, &dev));
    IMX_GO(imx_use_config(dev, &s.trained.config));
    IMX_GO(imx_trained_encoder(&s.trained, dev, s.v->untrained, &e));
    IMX_GO(look(&s, e));
    IMX_GO(draw(&s, s.v->out));
    if (imx_cli.json) {
        as_json(&s, &j);
        IMX_GO(imx_print_json(&j));
    } else {
        as_text(&s);
    }
    imx_say("%s: a row for each query, its neighbours from left to right", s.v->out);
fail:
    for (size_t i = 0; i < s.n_queries; i++)
        free(s.query[i].pix);
    free(s.query);
    free(s.best);
    free(s.found);
    imx_encode_destroy(e);
    imx_dataset_destroy(s.ds);
    imx_dev_close(dev);
    imx_trained_close(&s.trained);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_LIST("query", query, "IMAGE...",
                 "image files, or images of DATA by name or number; these are not their own neighbours"),
    IMX_ROW_OUT("SHEET.png", "the contact sheet"),
    { IMX_ROW("k", IMX_OPT_INT, k), .value = "K", .fallback = "5", .min = 1, .max = MOST,
      .help = "neighbours of each query" },
    IMX_ROW_LAYER("y", "the last convolution, the last hidden layer, the output"),
    IMX_ROW_CHOICE("metric", metric, "l2", "l2|l1|cosine", "distance of features; cosine: 1 - cosine"),
    IMX_ROW_UNTRAINED,
    IMX_ROW_DEVICE,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax neighbors runs/photos photos --query holiday.jpg -o near.png",
    "infomax neighbors runs/c10 cifar10 --query 3 14 159 -o near.png --metric l1 --k 8",
    NULL,
};

extern const struct imx_command imx_cmd_neighbors;
const struct imx_command imx_cmd_neighbors = {
    .name = "neighbors",
    .summary = "draws the images that are nearest to queries in feature space",
    .usage = "RUN DATA --query IMAGE... -o SHEET.png [options]",
    .about =
        "Query images are decoded and scaled as in training. The sheet shows a query on the left and its neighbours "
        "to the right of it, nearest first; their names and distances are printed.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .json = true,
    .run = run,
};
