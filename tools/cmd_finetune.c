/* infomax finetune: encoder and classifier are trained together on labelled images, from a run's weights or from
 * scratch, and judged on others: what few labels are worth with and without training before. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli.h"
#include "model.h"
#include "option_rows.h"
#include "probe_data.h"
#include "progress.h"
#include "score_json.h"
#include "train/finetune.h"
#include "train_options.h"

enum { JUDGED = 64, MAX_REPEATS = 100 };

struct values {
    char *test, *layer, *classifier, *draw, *augment, *out, *device;
    struct imx_list labels;
    bool from_scratch, both, save;
    int64_t repeats, epochs, steps, batch, seed;
    double lr, weight_decay;
};

/* One line of the result. */
struct result {
    bool done;
    struct imx_scores each[MAX_REPEATS];
    double seconds, loss;
    int32_t images;
    uint64_t steps;
};

struct row {
    const char *text; /* as asked for, borrowed */
    struct imx_labelled labelled;
    struct result result[2]; /* [from scratch] */
};

struct job {
    const struct values *v;
    const char *run;
    struct imx_trained trained;
    struct imx_config config; /* of the run, but for what is asked for here; borrows */
    struct imx_probe_data data;
    struct imx_dev *dev;
    struct imx_label_shares shares;
    struct row *row;
    size_t rows;
    struct imx_model model; /* what is trained; borrows */
};

/* ---- what is asked for ---- */

static imx_status choose_rows(struct job *job)
{
    IMX_TRY(imx_label_shares(&job->v->labels, job->v->draw, &job->shares));
    job->row = calloc(job->shares.n, sizeof *job->row);
    if (!job->row)
        return imx_fail(IMX_E_NOMEM, "no memory for results");
    for (; job->rows < job->shares.n; job->rows++)
        job->row[job->rows] =
            (struct row){ .text = job->shares.word.item[job->rows], .labelled = job->shares.of[job->rows] };
    if (job->v->out && (job->rows > 1 || job->v->both))
        return imx_fail(IMX_E_ARG, "-o holds one network: give one value of --labels, and not --both");
    return IMX_OK;
}

static void configure(struct job *job)
{
    const struct values *v = job->v;
    const struct imx_trained *t = &job->trained;
    int layer = 0;
    while (strcmp(v->layer, imx_feature_names[layer]))
        layer++;
    job->config = t->config;
    job->config.batch = v->batch;
    job->config.lr = v->lr;
    job->config.weight_decay = v->weight_decay;
    if (strcmp(v->augment, "run"))
        job->config.augment = v->augment;
    const struct imx_head head = { (enum imx_feature)layer, t->objective->context, !strcmp(v->classifier, "mlp"),
                                   job->data.classes };
    job->model = (struct imx_model){ .encoder = t->encoder,
                                     .head = head,
                                     .h = t->h,
                                     .w = t->w,
                                     .c = t->c,
                                     .stored = t->stored,
                                     .class = job->data.set[0]->class };
}

/* ---- the work ---- */

static bool tell(void *user, uint64_t step, uint64_t steps, double loss)
{
    const struct job *job = user;
    (void)steps;
    imx_progress_at(step, "loss %.4f, %s", loss, job->dev->caps.name);
    return !imx_signal_caught();
}

static imx_status judge(struct job *job, struct imx_store *store, struct imx_scores *scores)
{
    imx_status status = IMX_OK;
    const struct imx_model *m = &job->model;
    struct imx_encode *e = NULL;
    float *logits = NULL;
    IMX_GO(imx_encode_classifier(store, m->encoder, &m->head, JUDGED, m->h, m->w, m->c, &e));
    IMX_GO(imx_trained_logits(e, "test", job->data.test_pix, job->data.n_test, &logits));
    IMX_GO(imx_score(logits, job->data.test_label, job->data.n_test, m->head.classes, scores));
fail:
    imx_encode_destroy(e);
    free(logits);
    return status;
}

/* The same images whether from the run's weights or from scratch: the draw follows from the seed alone. */
static imx_status repeat_once(struct job *job, struct row *row, bool scratch, int repeat, const char *weights)
{
    const struct values *v = job->v;
    struct result *r = &row->result[scratch];
    struct imx_labelled draw = row->labelled;
    struct imx_step *step = NULL;
    int32_t *index = NULL;
    char title[96];
    imx_status status = IMX_OK;
    draw.seed = (uint64_t)(v->seed + repeat);
    job->config.seed = v->seed + repeat;
    IMX_GO(imx_probe_data_labelled(&job->data, &draw, &index, &r->images));
    const struct imx_finetune how = {
        .config = &job->config,
        .encoder = job->model.encoder,
        .head = job->model.head,
        .weights = scratch ? NULL : weights,
        .labelled = index,
        .n_labelled = r->images,
        .epochs = (uint64_t)v->epochs,
        .steps = (uint64_t)v->steps,
        .progress = tell,
        .user = job,
    };
    r->steps = imx_finetune_steps(&how);
    snprintf(title, sizeof title, "%s, %d labels, %d of %d", scratch ? "from scratch" : "fine-tuning", r->images,
             repeat + 1, (int)v->repeats);
    imx_progress_begin(title, r->steps, "steps");
    status = imx_finetune(job->dev, &how, job->data.set[0], &step, &r->loss);
    imx_progress_end();
    IMX_GO(status);
    IMX_GO(judge(job, step->store, &r->each[repeat]));
    if (v->out && !repeat)
        IMX_GO(imx_model_save(v->out, step->store, &job->model));
fail:
    imx_step_destroy(step);
    free(index);
    return status;
}

static imx_status train_row(struct job *job, struct row *row, bool scratch)
{
    char weights[4096] = "";
    const double start = imx_now();
    if (!scratch)
        IMX_TRY(imx_trained_weights(&job->trained, weights));
    for (int i = 0; i < (int)job->v->repeats; i++)
        IMX_TRY(repeat_once(job, row, scratch, i, weights));
    row->result[scratch].seconds = imx_now() - start;
    row->result[scratch].done = true;
    return IMX_OK;
}

/* ---- results ---- */

static void as_text(const struct job *job)
{
    const struct values *v = job->v;
    const int n = (int)v->repeats;
    printf("%s on %s, all in %%, test: %s\n", v->classifier, v->layer, job->data.how);
    printf("%-8s %7s %-13s %15s %15s %15s %8s\n", "labels", "images", "encoder", "accuracy", "balanced", "AUC",
           "seconds");
    for (size_t i = 0; i < job->rows; i++)
        for (int scratch = 0; scratch < 2; scratch++) {
            const struct result *r = &job->row[i].result[scratch];
            struct imx_scores mean, std;
            char cell[3][32];
            if (!r->done)
                continue;
            imx_scores_mean(r->each, n, &mean, &std);
            imx_scores_cell(mean.accuracy, std.accuracy, n, cell[0]);
            imx_scores_cell(mean.balanced, std.balanced, n, cell[1]);
            imx_scores_cell(mean.auc, std.auc, n, cell[2]);
            printf("%-8s %7d %-13s %15s %15s %15s %8.1f\n", job->row[i].text, r->images,
                   scratch ? "from scratch" : "fine-tuned", cell[0], cell[1], cell[2], r->seconds);
        }
}

static void one_as_json(struct imx_json *j, const struct job *job, const struct row *row, bool scratch)
{
    const struct values *v = job->v;
    const struct result *r = &row->result[scratch];
    imx_json_object(j, NULL);
    imx_json_string(j, "layer", v->layer);
    imx_json_string(j, "classifier", v->classifier);
    imx_trained_json(&job->trained, scratch, j);
    imx_json_string(j, "method", scratch ? "from-scratch" : "fine-tuned");
    imx_json_int(j, "train_images", r->images);
    imx_json_int(j, "test_images", job->data.n_test);
    imx_scores_json(j, r->each, (int)v->repeats, r->seconds);
    imx_json_int(j, "classes", job->data.classes);
    imx_json_string(j, "labels", row->text);
    imx_json_string(j, "draw", v->draw);
    imx_json_uint(j, "steps", r->steps);
    imx_json_double(j, "loss", r->loss);
    imx_json_string(j, "test", job->data.how);
    imx_json_end(j);
}

/* An object for one result, an array for several or when `array` is set. */
static void as_json(const struct job *job, bool array, struct imx_json *j)
{
    array |= job->rows > 1 || job->v->both;
    if (array)
        imx_json_array(j, NULL);
    for (size_t i = 0; i < job->rows; i++)
        for (int scratch = 0; scratch < 2; scratch++)
            if (job->row[i].result[scratch].done)
                one_as_json(j, job, &job->row[i], scratch);
    if (array)
        imx_json_end(j);
}

static imx_status save(const struct job *job)
{
    char name[64];
    struct imx_json j = { .pretty = true };
    as_json(job, true, &j);
    snprintf(name, sizeof name, "finetune-%s-%s.json", job->v->layer, job->v->classifier);
    return imx_save_json(job->run, name, &j);
}

static imx_status run(void *values, int n, char **word)
{
    imx_status status = IMX_OK;
    struct job job = { .v = values, .run = word[0] };
    struct imx_json j = { 0 };
    const struct values *v = values;
    (void)n;
    IMX_GO(choose_rows(&job));
    IMX_GO(imx_trained_open(job.run, &job.trained));
    IMX_GO(imx_open_device(v->device, &job.dev));
    IMX_GO(imx_use_config(job.dev, &job.trained.config));
    imx_signals_catch();
    IMX_GO(imx_probe_data_open(&job.trained, word[1], v->test, true, &job.data));
    configure(&job);
    for (size_t i = 0; i < job.rows; i++)
        for (int scratch = 0; scratch < 2; scratch++)
            if (v->both || scratch == v->from_scratch)
                IMX_GO(train_row(&job, &job.row[i], scratch));
    if (v->save)
        IMX_GO(save(&job));
    if (imx_cli.json) {
        as_json(&job, false, &j);
        IMX_GO(imx_print_json(&j));
    } else {
        as_text(&job);
    }
    if (v->out)
        imx_say("%s: encoder and classifier%s, for `infomax predict`", v->out,
                v->repeats > 1 ? " of the first repeat" : "");
fail:
    imx_probe_data_close(&job.data);
    imx_dev_close(job.dev);
    imx_trained_close(&job.trained);
    imx_label_shares_free(&job.shares);
    free(job.row);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_TEST("images to judge on; otherwise TRAIN#test, or every fifth image of TRAIN"),
    IMX_ROW_LABELS,
    IMX_ROW_DRAW,
    IMX_ROW_LAYER("conv", "where the classifier stands: the last convolution, as published, the last hidden layer, the "
                          "output; layers behind it are left out"),
    IMX_ROW_CHOICE("classifier", classifier, "mlp", "mlp|linear", "one hidden layer of 200; a linear map"),
    IMX_ROW_FLAG("from-scratch", from_scratch, "begins with weights as they are drawn: the supervised reference"),
    IMX_ROW_FLAG("both", both, "from the run's weights and from scratch, on the same images"),
    IMX_ROW_INT("epochs", epochs, "10", 0, 1000000, "passes over the labelled images"),
    IMX_ROW_INT(
        "steps", steps, "500", 1, 1e9,
        "at least, which counts when labels are few; the step size falls to a tenth at a half and again at three "
        "quarters"),
    IMX_ROW_INT("batch", batch, "64", 2, 65536, "images a step, at most all that have a label"),
    IMX_ROW_LR("1e-4", "Adam's step size"),
    IMX_ROW_FLOAT("weight-decay", weight_decay, "W", "0", 0, 1, "weight of the squared weights' gradient"),
    IMX_ROW_CHOICE("augment", augment, "run", "run|none|flip|crop|flip+crop",
                   "as in train; run: as the run was trained"),
    IMX_ROW_INT("repeats", repeats, "1", 1, MAX_REPEATS, "with other seeds; mean and deviation are reported"),
    IMX_ROW_SEED("of the first: weights, labels, order, dropout"),
    IMX_ROW_OUT("FILE", "keeps encoder and classifier as safetensors, for predict"),
    IMX_ROW_DEVICE,
    IMX_ROW_FLAG("save", save, "also writes the results to RUN/finetune-LAYER-CLASSIFIER.json, for compare and report"),
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax finetune runs/scans scans --labels 1% 10% 100% --both --repeats 3 --save",
    "infomax finetune runs/c10 cifar10 --test cifar10#test --labels 250 --augment flip+crop --json",
    "infomax finetune runs/scans scans -o scans.safetensors",
    NULL,
};

extern const struct imx_command imx_cmd_finetune;
const struct imx_command imx_cmd_finetune = {
    .name = "finetune",
    .summary = "trains encoder and classifier together on labelled images",
    .usage = "RUN TRAIN [--test TEST] [--labels N|P%...] [options]",
    .about = "Puts a classifier on the run's encoder and trains both on the images of TRAIN that have (and keep) a "
             "label: fine-"
             "\ntuning, or with --from-scratch the supervised reference. Prints accuracy, the mean over the classes of "
             "what is"
             "\nfound of each (balanced), and the area under the ROC curve on TEST. Images outside of class folders "
             "have no label."
             "\nClasses are matched by name. `infomax probe --labels` learns from as few on frozen features.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .json = true,
    .run = run,
};
