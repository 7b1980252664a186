/* infomax predict: classes of images by what finetune wrote. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli.h"
#include "feature_table.h"
#include "model.h"
#include "option_rows.h"
#include "probe_data.h"
#include "score_json.h"
#include "train_options.h"

struct values {
    char *out, *device;
    bool strict;
};

struct outcome {
    struct imx_dataset *ds;
    struct imx_scores scores;
    bool scored;
    int64_t *predicted; /* [classes] */
    double seconds;
};

/* Logits become probabilities, in place; the largest is counted. */
static imx_status decide(float *x, int32_t n, int32_t classes, int64_t *predicted)
{
    for (int32_t i = 0; i < n; i++) {
        float *l = x + (int64_t)i * classes;
        double sum = 0;
        int32_t best = 0;
        for (int32_t k = 0; k < classes; k++) {
            if (!isfinite(l[k]))
                return imx_fail(IMX_E_NONFINITE, "image %d: the classifier's output is not finite", i);
            best = l[k] > l[best] ? k : best;
        }
        const double most = (double)l[best];
        for (int32_t k = 0; k < classes; k++)
            sum += exp((double)l[k] - most);
        for (int32_t k = 0; k < classes; k++)
            l[k] = (float)(exp((double)l[k] - most) / sum);
        predicted[best]++;
    }
    return IMX_OK;
}

/* Scores where images have labels by names that the classifier knows. */
static imx_status score(const struct imx_model *m, const float *logits, struct outcome *o)
{
    int32_t unknown = 0, known = 0;
    const char *example = "";
    int32_t *label = malloc(((size_t)o->ds->n + 1) * sizeof *label), *own = o->ds->label;
    if (!label)
        return imx_fail(IMX_E_NOMEM, "no memory for labels");
    memcpy(label, own, (size_t)o->ds->n * sizeof *label);
    o->ds->label = label; /* the table wants them as they are */
    imx_status status = imx_match_classes(m->class, m->head.classes, o->ds, &unknown, &example);
    for (int32_t i = 0; i < o->ds->n; i++)
        known += label[i] >= 0;
    if (status == IMX_OK && known) {
        status = imx_score(logits, label, o->ds->n, m->head.classes, &o->scores);
        o->scored = status == IMX_OK;
    }
    if (status == IMX_OK && unknown && known)
        imx_say("the classifier does not know %d of %d classes (\"%s\"); their images do not count", unknown,
                o->ds->classes, example);
    o->ds->label = own;
    free(label);
    return status;
}

static imx_status write_table(const char *out, enum imx_table_form form, const struct imx_model *m,
                              const struct imx_dataset *ds, const float *x)
{
    const char **name = calloc((size_t)m->head.classes, sizeof *name);
    if (!name)
        return imx_fail(IMX_E_NOMEM, "no memory for the names of classes");
    for (int32_t k = 0; k < m->head.classes; k++)
        name[k] = m->class[k].name;
    const struct imx_table table = { ds, x, m->head.classes, "probabilities", name, false };
    const imx_status status = imx_table_write(out, form, &table);
    free(name);
    return status;
}

static void as_text(const struct imx_model *m, const struct outcome *o)
{
    for (int32_t k = 0; k < m->head.classes; k++)
        printf("%8lld  %s\n", (long long)o->predicted[k], m->class[k].name);
    if (o->scored)
        printf("accuracy %.2f %%, balanced %.2f %%, AUC %.2f %%\n", 100 * o->scores.accuracy, 100 * o->scores.balanced,
               100 * o->scores.auc);
}

static imx_status as_json(const struct imx_model *m, const struct outcome *o)
{
    struct imx_json j = { 0 };
    imx_json_object(&j, NULL);
    imx_json_int(&j, "images", o->ds->n);
    imx_json_array(&j, "predicted");
    for (int32_t k = 0; k < m->head.classes; k++) {
        imx_json_object(&j, NULL);
        imx_json_string(&j, "name", m->class[k].name);
        imx_json_int(&j, "images", o->predicted[k]);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    if (o->scored)
        imx_scores_json(&j, &o->scores, 1, o->seconds);
    imx_json_end(&j);
    return imx_print_json(&j);
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    imx_status status = IMX_OK;
    struct imx_model m = { 0 };
    struct outcome o = { 0 };
    struct imx_dev *dev = NULL;
    float *x = NULL;
    enum imx_table_form form = IMX_TABLE_NPY;
    (void)n;
    if (v->out)
        IMX_TRY(imx_table_form_of(v->out, &form));
    IMX_GO(imx_model_open(word[0], &m));
    IMX_GO(imx_open_device(v->device, &dev));
    IMX_GO(imx_use_tuned(dev, true));
    imx_signals_catch();
    IMX_GO(imx_sized_data(word[1], &m.stored, v->strict, 0, word[0], &o.ds));
    IMX_GO(imx_model_start(&m, dev));
    const double start = imx_now();
    o.predicted = calloc((size_t)m.head.classes, sizeof *o.predicted);
    if (!o.predicted)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to count classes"));
    IMX_GO(imx_trained_logits(m.encode, "predicting", o.ds->pix, o.ds->n, &x));
    o.seconds = imx_now() - start;
    IMX_GO(score(&m, x, &o));
    IMX_GO(decide(x, o.ds->n, m.head.classes, o.predicted));
    if (v->out)
        IMX_GO(write_table(v->out, form, &m, o.ds, x));
    if (imx_cli.json)
        status = as_json(&m, &o);
    else
        as_text(&m, &o);
fail:
    free(x);
    free(o.predicted);
    imx_dataset_destroy(o.ds);
    imx_model_close(&m);
    imx_dev_close(dev);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_OUT("FILE", "a row for each image with the probability of each class; .npy, .csv or .jsonl"),
    IMX_ROW_FLAG("strict", strict, "stop at the first unreadable image"),
    IMX_ROW_DEVICE,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax predict scans.safetensors new-scans -o classes.csv",
    "infomax predict scans.safetensors scans#test --json",
    NULL,
};

extern const struct imx_command imx_cmd_predict;
const struct imx_command imx_cmd_predict = {
    .name = "predict",
    .summary = "classifies images by a network that finetune kept",
    .usage = "MODEL DATA [-o FILE] [options]",
    .about =
        "MODEL is what `infomax finetune -o` wrote. Prints how many images fall into each class, and how right that is "
        "where\nDATA has labels. FILE.paths.txt, FILE.labels.npy and FILE.classes.txt stand beside FILE as with embed.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .json = true,
    .run = run,
};
