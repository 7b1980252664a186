/* infomax probe: how much a classifier can read from a run's features, trained and untrained encoder alike. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli.h"
#include "eval/classify.h"
#include "eval/knn.h"
#include "option_rows.h"
#include "probe_data.h"
#include "progress.h"
#include "score_json.h"
#include "support_vectors.h"
#include "train_options.h"

enum { BATCH = 64, NEIGHBOURS = 20, SVM_REPEATS = 5, MAX_REPEATS = 100 };
static const double TEMPERATURE = 0.07;

struct values {
    char *test, *layer, *classifier, *device, *svm_loss, *draw;
    struct imx_list labels;
    bool untrained, both, save;
    int64_t repeats, epochs, steps, seed;
    double lr, svm_c, svm_tolerance;
    uint64_t svm_memory;
};

/* One line of the result. */
struct result {
    bool done;
    struct imx_scores mean, std, each[MAX_REPEATS]; /* svm and knn have the accuracy alone, the others are NaN */
    double seconds;
    int64_t images; /* that a classifier learns from */
    int repeats;
    struct imx_svm_result svm;
};

/* What was learnt from so many labels. */
struct share {
    const char *text;                           /* as asked for, borrowed */
    struct imx_labelled labelled;               /* share 1: all images */
    struct result result[2][IMX_FEATURE_COUNT]; /* [untrained][layer] */
};

struct probe {
    const struct values *v;
    const char *run;
    struct imx_trained trained;
    struct imx_probe_data data;
    struct imx_dev *dev;
    struct imx_label_shares shares;
    struct share *share; /* [shares.n] */
};

static bool wanted(const struct values *v, int f)
{
    return !strcmp(v->layer, "all") || !strcmp(v->layer, imx_feature_names[f]);
}

static bool tell_epoch(void *user, int32_t epoch, double accuracy)
{
    (void)user;
    imx_progress_at((uint64_t)epoch + 1, "accuracy %.1f %%", 100 * accuracy);
    return !imx_signal_caught();
}

static bool tell_pairs(void *user, int64_t done, int64_t total)
{
    (void)user;
    imx_progress_at((uint64_t)done, "%.0f %%", 100.0 * (double)done / (double)total);
    return !imx_signal_caught();
}

static bool is(const struct probe *p, const char *classifier)
{
    return !strcmp(p->v->classifier, classifier);
}

/* All runs at once: they share the machine. */
static imx_status support_vectors(struct probe *p, const char *title, int repeat, int repeats,
                                  const struct imx_samples *train, const struct imx_samples *test, struct result *r)
{
    const struct values *v = p->v;
    double accuracy[MAX_REPEATS];
    const struct imx_svm how = {
        .squared = !strcmp(v->svm_loss, "squared"),
        .classes = p->data.classes,
        .repeats = repeats,
        .c = v->svm_c,
        .tolerance = v->svm_tolerance,
        .seed = (uint64_t)(v->seed + repeat),
        .memory = v->svm_memory,
    };
    IMX_TRY(imx_support_vectors(title, &how, train, test, accuracy, &r->svm));
    for (int i = 0; i < repeats; i++)
        r->each[repeat + i] = (struct imx_scores){ accuracy[i], (double)NAN, (double)NAN };
    return IMX_OK;
}

static struct imx_classify classifier(const struct probe *p, int repeat, int64_t images)
{
    const struct values *v = p->v;
    return (struct imx_classify){
        .mlp = is(p, "mlp"),
        .classes = p->data.classes,
        .batch = (int32_t)(images < BATCH ? images : BATCH),
        .epochs = (int32_t)v->epochs,
        .steps = v->steps,
        .lr = v->lr,
        .seed = (uint64_t)(v->seed + repeat),
        .progress = tell_epoch,
    };
}

static imx_status classify_once(struct probe *p, const char *title, int repeat, const struct imx_samples *train,
                                const struct imx_samples *test, struct imx_scores *scores)
{
    const struct values *v = p->v;
    imx_status status;
    if (is(p, "knn")) {
        const struct imx_knn how = {
            .k = NEIGHBOURS, .classes = p->data.classes, .temperature = TEMPERATURE, .progress = tell_pairs
        };
        *scores = (struct imx_scores){ 0, (double)NAN, (double)NAN };
        imx_progress_begin(title, (uint64_t)(train->n * test->n), "pairs");
        status = imx_knn(p->dev, &how, train, test, &scores->accuracy);
    } else {
        const struct imx_classify how = classifier(p, repeat, train->n);
        imx_progress_begin(title, (uint64_t)v->epochs, "epochs");
        status = imx_classify(p->dev, &how, train, test, scores);
    }
    imx_progress_end();
    return status;
}

/* One repeat that learns from the images that keep their label alone. */
static imx_status classify_labelled(struct probe *p, const char *title, int repeat, const struct imx_labelled *labelled,
                                    const struct imx_samples *train, const struct imx_samples *test, struct result *r)
{
    imx_status status = IMX_OK;
    struct imx_labelled how = *labelled;
    int32_t *index = NULL, kept = 0, *label = NULL;
    float *x = NULL;
    const size_t d = (size_t)train->d;
    how.seed = (uint64_t)(p->v->seed + repeat);
    IMX_GO(imx_probe_data_labelled(&p->data, &how, &index, &kept));
    x = malloc((size_t)kept * d * sizeof *x);
    label = malloc((size_t)kept * sizeof *label);
    if (!x || !label)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the features of %d images", kept));
    for (int32_t i = 0; i < kept; i++) {
        memcpy(x + (size_t)i * d, train->x + (size_t)index[i] * d, d * sizeof *x);
        label[i] = train->label[index[i]];
    }
    const struct imx_samples some = { x, label, kept, train->d };
    r->images = kept;
    if (is(p, "svm"))
        IMX_GO(support_vectors(p, title, repeat, 1, &some, test, r));
    else
        IMX_GO(classify_once(p, title, repeat, &some, test, &r->each[repeat]));
fail:
    free(index);
    free(x);
    free(label);
    return status;
}

static imx_status classify_layer(struct probe *p, const char *title, const struct imx_labelled *labelled,
                                 const struct imx_samples *train, const struct imx_samples *test, struct result *r)
{
    const double start = imx_now();
    const bool all = labelled->share == 1;
    r->repeats = p->v->repeats ? (int)p->v->repeats : is(p, "svm") ? SVM_REPEATS : 1;
    if (is(p, "knn") && all)
        r->repeats = 1; /* nothing is drawn */
    r->images = train->n;
    if (is(p, "svm") && all)
        IMX_TRY(support_vectors(p, title, 0, r->repeats, train, test, r));
    for (int i = 0; i < r->repeats; i++) {
        if (!all)
            IMX_TRY(classify_labelled(p, title, i, labelled, train, test, r));
        else if (!is(p, "svm"))
            IMX_TRY(classify_once(p, title, i, train, test, &r->each[i]));
    }
    imx_scores_mean(r->each, r->repeats, &r->mean, &r->std);
    r->seconds = imx_now() - start;
    r->done = true;
    return IMX_OK;
}

/* Encodes both sets once and classifies on every layer that is wanted. */
static imx_status probe_encoder(struct probe *p, bool untrained)
{
    imx_status status = IMX_OK;
    struct imx_encode *e = NULL;
    float *train[IMX_FEATURE_COUNT] = { 0 }, *test[IMX_FEATURE_COUNT] = { 0 };
    bool want[IMX_FEATURE_COUNT];
    char title[64];
    const char *word = untrained ? "untrained" : "trained";
    IMX_GO(imx_trained_encoder(&p->trained, p->dev, untrained, &e));
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        want[f] = wanted(p->v, f);
        if (want[f] && !strcmp(p->v->layer, "all") && !imx_encode_width(e, (enum imx_feature)f)) {
            imx_say("encoder %s has no layer \"%s\": left out", e->encoder, imx_feature_names[f]);
            want[f] = false;
        }
    }
    snprintf(title, sizeof title, "encoding, %s", word);
    IMX_GO(imx_trained_features(e, title, p->data.train_pix, p->data.n_train, want, train));
    IMX_GO(imx_trained_features(e, title, p->data.test_pix, p->data.n_test, want, test));
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        if (!want[f])
            continue;
        const int32_t width = imx_encode_width(e, (enum imx_feature)f);
        const struct imx_samples a = { train[f], p->data.train_label, p->data.n_train, width };
        const struct imx_samples b = { test[f], p->data.test_label, p->data.n_test, width };
        for (size_t i = 0; i < p->shares.n; i++) {
            struct share *s = &p->share[i];
            snprintf(title, sizeof title, "%s on %s, %s%s%.8s", p->v->classifier, imx_feature_names[f], word,
                     p->shares.n > 1 ? ", " : "", p->shares.n > 1 ? s->text : "");
            IMX_GO(classify_layer(p, title, &s->labelled, &a, &b, &s->result[untrained][f]));
        }
        free(train[f]);
        free(test[f]);
        train[f] = test[f] = NULL;
    }
fail:
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        free(train[f]);
        free(test[f]);
    }
    imx_encode_destroy(e);
    return status;
}

/* Which of the scores. */
static double of(const struct imx_scores *s, size_t score)
{
    return *(const double *)((const char *)s + score);
}

static void cell(char text[32], const struct result *r, size_t score)
{
    if (!r->done)
        snprintf(text, 32, "-");
    else
        imx_scores_cell(of(&r->mean, score), of(&r->std, score), r->repeats, text);
}

static void rows_of_both(const struct share *s, size_t score)
{
    char a[32], b[32];
    printf("%-6s %15s %15s %11s\n", "layer", "trained", "untrained", "difference");
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        const struct result *t = &s->result[0][f], *u = &s->result[1][f];
        if (!t->done && !u->done)
            continue;
        cell(a, t, score);
        cell(b, u, score);
        printf("%-6s %15s %15s %+11.2f\n", imx_feature_names[f], a, b,
               100 * (of(&t->mean, score) - of(&u->mean, score)));
    }
}

/* Accuracy alone, unless some classes have more images than others. */
static void tables_of_both(const struct share *s)
{
    bool unequal = false;
    for (int k = 0; k < 2 * IMX_FEATURE_COUNT; k++) {
        const struct result *r = &s->result[k / IMX_FEATURE_COUNT][k % IMX_FEATURE_COUNT];
        unequal |= r->done && imx_scores_unequal(r->mean.accuracy, r->mean.balanced);
    }
    rows_of_both(s, offsetof(struct imx_scores, accuracy));
    if (!unequal)
        return;
    printf("balanced accuracy, the mean over the classes\n");
    rows_of_both(s, offsetof(struct imx_scores, balanced));
    printf("AUC, the area under the ROC curve\n");
    rows_of_both(s, offsetof(struct imx_scores, auc));
}

static void row_of_one(const char *layer, const struct result *r)
{
    char text[3][32];
    cell(text[0], r, offsetof(struct imx_scores, accuracy));
    imx_scores_cell(r->mean.balanced, r->std.balanced, r->repeats, text[1]);
    imx_scores_cell(r->mean.auc, r->std.auc, r->repeats, text[2]);
    printf("%-6s %15s %15s %15s\n", layer, text[0], text[1], text[2]);
}

static void share_as_text(const struct probe *p, const struct share *s)
{
    const struct values *v = p->v;
    int64_t images = p->data.n_train;
    for (int k = 0; k < 2 * IMX_FEATURE_COUNT; k++)
        if (s->result[k / IMX_FEATURE_COUNT][k % IMX_FEATURE_COUNT].done)
            images = s->result[k / IMX_FEATURE_COUNT][k % IMX_FEATURE_COUNT].images;
    printf("%s, %s in %%, %lld training images, test: %s\n", v->classifier,
           v->both        ? "accuracy"
           : v->untrained ? "untrained, all"
                          : "all",
           (long long)images, p->data.how);
    if (v->both) {
        tables_of_both(s);
        return;
    }
    printf("%-6s %15s %15s %15s\n", "layer", "accuracy", "balanced", "AUC");
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        for (int u = 0; u < 2; u++)
            if (s->result[u][f].done)
                row_of_one(imx_feature_names[f], &s->result[u][f]);
}

static void one_as_json(struct imx_json *j, const struct probe *p, const struct share *s, int f, bool untrained)
{
    const struct result *r = &s->result[untrained][f];
    imx_json_object(j, NULL);
    imx_json_string(j, "layer", imx_feature_names[f]);
    imx_json_string(j, "classifier", p->v->classifier);
    imx_trained_json(&p->trained, untrained, j);
    imx_json_int(j, "train_images", r->images);
    imx_json_int(j, "test_images", p->data.n_test);
    imx_scores_json(j, r->each, r->repeats, r->seconds);
    imx_json_int(j, "classes", p->data.classes);
    imx_json_string(j, "labels", s->text);
    if (is(p, "mlp") || is(p, "linear")) {
        const struct imx_classify how = classifier(p, 0, r->images);
        imx_json_int(j, "epochs", p->v->epochs);
        imx_json_int(j, "steps", imx_classify_steps(&how, r->images));
    }
    if (is(p, "svm")) {
        imx_json_string(j, "svm_loss", p->v->svm_loss);
        imx_json_double(j, "svm_c", p->v->svm_c);
        imx_json_int(j, "svm_images", r->svm.images);
        imx_json_int(j, "svm_unconverged", r->svm.unconverged);
    }
    imx_json_string(j, "test", p->data.how);
    imx_json_end(j);
}

/* An object for one result, an array for several or when `array` is set. */
static void as_json(const struct probe *p, bool array, struct imx_json *j)
{
    int n = 0;
    for (int k = 0; k < 2 * IMX_FEATURE_COUNT; k++)
        n += p->share[0].result[k / IMX_FEATURE_COUNT][k % IMX_FEATURE_COUNT].done;
    array |= n > 1 || p->shares.n > 1;
    if (array)
        imx_json_array(j, NULL);
    for (size_t i = 0; i < p->shares.n; i++)
        for (int f = 0; f < IMX_FEATURE_COUNT; f++)
            for (int u = 0; u < 2; u++)
                if (p->share[i].result[u][f].done)
                    one_as_json(j, p, &p->share[i], f, u);
    if (array)
        imx_json_end(j);
}

static imx_status save(const struct probe *p)
{
    char name[64];
    struct imx_json j = { .pretty = true };
    as_json(p, true, &j);
    snprintf(name, sizeof name, "probe-%s.json", p->v->classifier);
    return imx_save_json(p->run, name, &j);
}

static imx_status choose_shares(struct probe *p)
{
    IMX_TRY(imx_label_shares(&p->v->labels, p->v->draw, &p->shares));
    p->share = calloc(p->shares.n, sizeof *p->share);
    if (!p->share)
        return imx_fail(IMX_E_NOMEM, "no memory for results");
    for (size_t i = 0; i < p->shares.n; i++) {
        p->share[i].text = p->shares.word.item[i];
        p->share[i].labelled = p->shares.of[i];
    }
    return IMX_OK;
}

static imx_status run(void *values, int n, char **word)
{
    imx_status status = IMX_OK;
    struct probe *p = calloc(1, sizeof *p);
    struct imx_json j = { 0 };
    (void)n;
    if (!p)
        return imx_fail(IMX_E_NOMEM, "no memory for a probe");
    p->v = values;
    p->run = word[0];
    if (is(p, "svm") && !imx_svm_available())
        IMX_GO(imx_fail(IMX_E_UNSUPPORTED, "this build has no support vector machine: install liblinear (Debian: "
                                           "liblinear-dev) and build again, or take --classifier linear"));
    IMX_GO(choose_shares(p));
    IMX_GO(imx_trained_open(p->run, &p->trained));
    IMX_GO(imx_open_device(p->v->device, &p->dev));
    IMX_GO(imx_use_config(p->dev, &p->trained.config));
    imx_signals_catch();
    IMX_GO(imx_probe_data_open(&p->trained, word[1], p->v->test, true, &p->data));
    if (!p->v->untrained || p->v->both)
        IMX_GO(probe_encoder(p, false));
    if (p->v->untrained || p->v->both)
        IMX_GO(probe_encoder(p, true));
    if (p->v->save)
        IMX_GO(save(p));
    if (imx_cli.json) {
        as_json(p, false, &j);
        status = imx_print_json(&j);
    } else {
        for (size_t i = 0; i < p->shares.n; i++)
            share_as_text(p, &p->share[i]);
    }
fail:
    imx_probe_data_close(&p->data);
    imx_dev_close(p->dev);
    imx_trained_close(&p->trained);
    imx_label_shares_free(&p->shares);
    free(p->share);
    free(p);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_TEST("images to judge on; otherwise TRAIN#test, or every fifth image of TRAIN"),
    IMX_ROW_CHOICE("layer", layer, "all", "all|conv|fc|y", "the last convolution, the last hidden layer, the output"),
    IMX_ROW_CHOICE(
        "classifier", classifier, "mlp", "mlp|linear|svm|knn",
        "one hidden layer of 200; a linear map; a linear support vector machine on standardised features; 20 nearest "
        "neighbours by cosine"),
    IMX_ROW_SVM_LOSS("--classifier svm"),
    IMX_ROW_SVM_C,
    IMX_ROW_FLOAT("svm-tolerance", svm_tolerance, "R", "0.1", 1e-9, 1e3,
                  "where the solver stops, as liblinear defines it"),
    IMX_ROW_SVM_MEMORY("for training features, 16 bytes a value; of more images as many as fit are drawn by lot"),
    IMX_ROW_UNTRAINED,
    IMX_ROW_FLAG("both", both, "trained and untrained side by side"),
    IMX_ROW_LABELS,
    IMX_ROW_DRAW,
    IMX_ROW_INT("repeats", repeats, "0", 0, MAX_REPEATS,
                "classifiers with other seeds; mean and deviation are reported (0: 5 of svm, 1 of others)"),
    IMX_ROW_INT("epochs", epochs, "10", 1, 100000, "of each classifier; the accuracy is the mean over the last tenth"),
    IMX_ROW_INT(
        "steps", steps, "500", 0, 1e9,
        "of each classifier, at least: where images or labels are few, an epoch goes through them several times"),
    IMX_ROW_LR("1e-4", "Adam's step size"),
    IMX_ROW_SEED("of the first classifier"),
    IMX_ROW_DEVICE,
    IMX_ROW_FLAG("save", save, "also writes RUN/probe-CLASSIFIER.json"),
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax probe runs/photos photos --both",
    "infomax probe runs/c10 cifar10 --test cifar10#test --repeats 5",
    "infomax probe runs/scans scans --labels 1% 10% 100% --both --repeats 3 --save",
    "infomax probe runs/c10 cifar10 --layer y --classifier knn --json",
    "infomax probe runs/c10 cifar10 --classifier svm --svm-memory 4G",
    NULL,
};

extern const struct imx_command imx_cmd_probe;
const struct imx_command imx_cmd_probe = {
    .name = "probe",
    .summary = "says how good a run's features are",
    .usage = "RUN TRAIN [--test TEST] [options]",
    .about = "Encodes labelled images, trains classifiers on the features of TRAIN and prints their accuracy on TEST. "
             "Classes "
             "are matched by name.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .json = true,
    .run = run,
};
