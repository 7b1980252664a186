/* infomax measure: the paper's measures of a representation beside accuracy: mutual information with the images (MINE),
 * dependence between the values of a code (NDM), and what a decoder can draw from it (SSIM). Without flags: a row of
 * the paper's extended table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli.h"
#include "eval/mine.h"
#include "eval/ndm.h"
#include "eval/redraw.h"
#include "eval/report.h"
#include "eval/sheet.h"
#include "option_rows.h"
#include "probe_data.h"
#include "progress.h"
#include "support_vectors.h"
#include "train_options.h"
#include "trained.h"

enum { SVM_REPEATS = 5, SHEET_COLUMNS = 8, SHEET_IMAGES = 32 };

struct values {
    char *test, *device, *svm_loss, *ndm_heldout, *codes;
    bool mine, ndm, ssim, untrained, save;
    int64_t steps, batch, ndm_batch, seed;
    double lr, mine_penalty, svm_c;
    uint64_t svm_memory;
};

/* Of a layer. */
struct machines {
    double accuracy, std;
    struct imx_svm_result learnt;
};

struct measure {
    const struct values *v;
    const char *run;
    struct imx_trained trained;
    struct imx_dev *dev;
    struct imx_probe_data data;
    float *learn[IMX_FEATURE_COUNT], *test[IMX_FEATURE_COUNT]; /* codes and, where wanted, other features */
    int32_t width[IMX_FEATURE_COUNT];                          /* 0: the encoder has no such layer */
    bool mine, ndm, ssim, svm;
    struct imx_mine_result info;
    struct imx_ndm_result plain, sigmoid;
    struct imx_redraw_result drawn;
    struct machines machines[IMX_FEATURE_COUNT];
    double seconds[3]; /* MINE, NDM, SSIM */
    char sheet[4096];
};

static bool tell(void *user, int64_t step, double value)
{
    (void)user;
    if (isnan(value))
        imx_progress_at((uint64_t)step, " ");
    else
        imx_progress_at((uint64_t)step, "%.3f", value);
    return !imx_signal_caught();
}

/* ---- images and features ---- */

static bool has_labels(const struct measure *m)
{
    const struct imx_probe_data *d = &m->data;
    int64_t learn = 0, test = 0;
    for (int64_t i = 0; i < d->n_train; i++)
        learn += d->train_label[i] >= 0;
    for (int64_t i = 0; i < d->n_test; i++)
        test += d->test_label[i] >= 0;
    return d->classes > 1 && learn && test;
}

static imx_status encode(struct measure *m)
{
    struct imx_encode *e = NULL;
    bool want[IMX_FEATURE_COUNT];
    imx_status status = IMX_OK;
    IMX_GO(imx_trained_encoder(&m->trained, m->dev, m->v->untrained, &e));
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        m->width[f] = imx_encode_width(e, (enum imx_feature)f);
        want[f] = f == IMX_FEATURE_Y || (m->svm && m->width[f]);
    }
    IMX_GO(imx_trained_features(e, "encoding", m->data.train_pix, m->data.n_train, want, m->learn));
    IMX_GO(imx_trained_features(e, "encoding, test", m->data.test_pix, m->data.n_test, want, m->test));
fail:
    imx_encode_destroy(e);
    return status;
}

/* ---- the measures ---- */

static bool standardised(const struct measure *m)
{
    return !strcmp(m->v->codes, "standardised");
}

static imx_status run_mine(struct measure *m)
{
    const struct values *v = m->v;
    const struct imx_dataset *ds = m->data.set[0];
    const double start = imx_now();
    const struct imx_mine how = { .standardise = standardised(m),
                                  .batch = (int32_t)v->batch,
                                  .steps = v->steps,
                                  .lr = v->lr,
                                  .penalty = v->mine_penalty,
                                  .seed = (uint64_t)v->seed,
                                  .progress = tell };
    imx_progress_begin("mutual information (MINE)", (uint64_t)v->steps, "steps");
    const imx_status status = imx_mine(m->dev, &how, m->data.train_pix, m->data.n_train, ds->h, ds->w, ds->c,
                                       m->learn[IMX_FEATURE_Y], m->width[IMX_FEATURE_Y], &m->info);
    imx_progress_end();
    m->seconds[0] = imx_now() - start;
    return status;
}

static bool held_out(const struct measure *m)
{
    return !strcmp(m->v->ndm_heldout, "on");
}

static imx_status run_ndm(struct measure *m)
{
    const struct values *v = m->v;
    const double start = imx_now();
    for (int squash = 0; squash < 2; squash++) {
        const struct imx_ndm how = { .sigmoid = squash,
                                     .standardise = standardised(m),
                                     .all = !held_out(m),
                                     .batch = (int32_t)v->ndm_batch,
                                     .steps = v->steps,
                                     .lr = v->lr,
                                     .seed = (uint64_t)v->seed,
                                     .progress = tell };
        imx_progress_begin(squash ? "dependence (NDM), sigmoid" : "dependence (NDM)", (uint64_t)v->steps, "steps");
        const imx_status status = imx_ndm(m->dev, &how, m->learn[IMX_FEATURE_Y], m->data.n_train,
                                          m->width[IMX_FEATURE_Y], squash ? &m->sigmoid : &m->plain);
        imx_progress_end();
        IMX_TRY(status);
    }
    m->seconds[1] = imx_now() - start;
    return IMX_OK;
}

/* Originals over their drawings; reconstructions.png is another sheet, by the decoder of a run that rebuilds images. */
static imx_status draw_sheet(struct measure *m)
{
    const struct imx_dataset *ds = m->data.set[0];
    const size_t image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c;
    const int32_t kept = m->drawn.kept, columns = kept < SHEET_COLUMNS ? kept : SHEET_COLUMNS;
    struct imx_sheet s;
    if (ds->c != 1 && ds->c != 3)
        return IMX_OK;
    if (!imx_join(m->sheet, sizeof m->sheet, m->run, m->v->untrained ? IMX_DRAWN_UNTRAINED_FILE : IMX_DRAWN_FILE))
        return imx_fail(IMX_E_ARG, "the path %s is too long", m->run);
    IMX_TRY(imx_sheet_init(&s, 2 * ((kept + columns - 1) / columns), columns, ds->h, ds->w, ds->c, false));
    for (int32_t i = 0; i < kept; i++) {
        imx_sheet_put(&s, 2 * (i / columns), i % columns, m->data.test_pix + (size_t)i * image);
        imx_sheet_put(&s, 2 * (i / columns) + 1, i % columns, m->drawn.drawn + (size_t)i * image);
    }
    const imx_status status = imx_sheet_write(&s, m->sheet);
    imx_sheet_finish(&s);
    return status;
}

static imx_status run_ssim(struct measure *m)
{
    const struct values *v = m->v;
    const struct imx_dataset *ds = m->data.set[0];
    const double start = imx_now();
    const struct imx_redraw how = { (int32_t)v->batch, v->steps, v->lr, (uint64_t)v->seed, SHEET_IMAGES, tell, NULL };
    const struct imx_redraw_set learn = { m->data.train_pix, m->learn[IMX_FEATURE_Y], m->data.n_train },
                                test = { m->data.test_pix, m->test[IMX_FEATURE_Y], m->data.n_test };
    imx_progress_begin("reconstruction (SSIM)", (uint64_t)v->steps, "steps");
    const imx_status status =
        imx_redraw(m->dev, &how, &learn, &test, ds->h, ds->w, ds->c, m->width[IMX_FEATURE_Y], &m->drawn);
    imx_progress_end();
    IMX_TRY(status);
    m->seconds[2] = imx_now() - start;
    return draw_sheet(m);
}

static imx_status run_svm(struct measure *m, int f)
{
    char title[64];
    double each[SVM_REPEATS], square = 0;
    struct machines *r = &m->machines[f];
    const struct imx_samples learn = { m->learn[f], m->data.train_label, m->data.n_train, m->width[f] },
                             test = { m->test[f], m->data.test_label, m->data.n_test, m->width[f] };
    const struct imx_svm how = { .squared = !strcmp(m->v->svm_loss, "squared"),
                                 .classes = m->data.set[0]->classes,
                                 .repeats = SVM_REPEATS,
                                 .c = m->v->svm_c,
                                 .tolerance = 0.1,
                                 .seed = (uint64_t)m->v->seed,
                                 .memory = m->v->svm_memory };
    snprintf(title, sizeof title, "svm on %s", imx_feature_names[f]);
    IMX_TRY(imx_support_vectors(title, &how, &learn, &test, each, &r->learnt));
    for (int i = 0; i < SVM_REPEATS; i++)
        r->accuracy += each[i] / SVM_REPEATS;
    for (int i = 0; i < SVM_REPEATS; i++)
        square += (each[i] - r->accuracy) * (each[i] - r->accuracy);
    r->std = sqrt(square / (SVM_REPEATS - 1));
    return IMX_OK;
}

/* ---- results ---- */

static void svm_as_text(const struct measure *m, int f)
{
    static const char *const title[IMX_FEATURE_COUNT] = { "SVM (conv)", "SVM (fc)", "SVM (Y)" };
    const struct machines *r = &m->machines[f];
    if (!m->width[f]) {
        printf("%-12s -  (the encoder has no such layer)\n", title[f]);
        return;
    }
    printf("%-12s %.2f +- %.2f %%  (%s loss, C %g)", title[f], 100 * r->accuracy, 100 * r->std, m->v->svm_loss,
           m->v->svm_c);
    if (r->learnt.images < m->data.n_train)
        printf("  (%lld of %lld images)", (long long)r->learnt.images, (long long)m->data.n_train);
    if (r->learnt.unconverged)
        printf("  (%d solutions unconverged)", r->learnt.unconverged);
    printf("\n");
}

static void as_text(const struct measure *m)
{
    printf("%-12s %s\n", "run", m->run);
    for (int f = 0; f < IMX_FEATURE_COUNT && m->svm; f++)
        svm_as_text(m, f);
    if (m->ssim) {
        if (isnan(m->drawn.ms_ssim))
            printf("%-12s -  (images of less than 11 pixels)\n", "MS-SSIM");
        else
            printf("%-12s %.4f  (%d of 5 scales, intensities in [0,1])\n", "MS-SSIM", m->drawn.ms_ssim,
                   m->drawn.scales);
        printf("%-12s %.4f  (one scale on [-1,1], as the authors' program)\n", "SSIM", m->drawn.ssim);
    }
    if (m->mine || m->ndm)
        printf("%-12s %s\n", "codes", m->v->codes);
    if (m->mine)
        printf("%-12s %.2f nats  (unseen images: %.2f; for comparing encoders, no absolute value)\n", "MINE I(X,Y)",
               m->info.nats, m->info.heldout);
    if (m->ndm && held_out(m))
        printf("%-12s %.3f (%.3f)  nats of unseen codes through a sigmoid (without); of learned ones %.3f (%.3f)\n",
               "NDM", m->sigmoid.nats, m->plain.nats, m->sigmoid.learned, m->plain.learned);
    else if (m->ndm)
        printf("%-12s %.3f (%.3f)  nats of the learned codes through a sigmoid (without), %d a step\n", "NDM",
               m->sigmoid.nats, m->plain.nats, m->plain.batch);
    if (m->sheet[0])
        printf("%-12s %s\n", "drawings", m->sheet);
}

static void as_json(const struct measure *m, struct imx_json *j)
{
    imx_json_object(j, NULL);
    if (m->mine) {
        imx_json_double(j, "mine_nats", m->info.nats);
        imx_json_double(j, "mine_heldout_nats", m->info.heldout);
        imx_json_double(j, "mine_seconds", m->seconds[0]);
    }
    if (m->ndm) {
        imx_json_double(j, "ndm", m->plain.nats);
        imx_json_double(j, "ndm_sigmoid", m->sigmoid.nats);
        imx_json_double(j, "ndm_learned", m->plain.learned);
        imx_json_double(j, "ndm_sigmoid_learned", m->sigmoid.learned);
        imx_json_int(j, "ndm_step", m->plain.step);
        imx_json_int(j, "ndm_sigmoid_step", m->sigmoid.step);
        imx_json_int(j, "ndm_batch", m->plain.batch);
        imx_json_string(j, "ndm_heldout", m->v->ndm_heldout);
        imx_json_double(j, "ndm_seconds", m->seconds[1]);
    }
    if (m->mine || m->ndm)
        imx_json_string(j, "codes", m->v->codes);
    if (m->ssim) {
        imx_json_double(j, "ssim", m->drawn.ssim);
        imx_json_double(j, "ms_ssim", m->drawn.ms_ssim);
        imx_json_int(j, "ssim_scales", m->drawn.scales);
        imx_json_double(j, "squared_error", m->drawn.error);
        imx_json_double(j, "ssim_seconds", m->seconds[2]);
        imx_json_string(j, "sheet", m->sheet[0] ? m->sheet : NULL);
    }
    if (m->svm) {
        imx_json_object(j, "svm");
        for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
            if (!m->width[f])
                continue;
            imx_json_object(j, imx_feature_names[f]);
            imx_json_double(j, "accuracy", m->machines[f].accuracy);
            imx_json_double(j, "std", m->machines[f].std);
            imx_json_int(j, "images", m->machines[f].learnt.images);
            imx_json_int(j, "unconverged", m->machines[f].learnt.unconverged);
            imx_json_end(j);
        }
        imx_json_double(j, "c", m->v->svm_c);
        imx_json_string(j, "loss", m->v->svm_loss);
        imx_json_end(j);
    }
    imx_json_int(j, "steps", m->v->steps);
    imx_json_int(j, "images", m->data.n_train);
    imx_json_int(j, "test_images", m->data.n_test);
    imx_trained_json(&m->trained, m->v->untrained, j);
    imx_json_end(j);
}

/* A file for the trained encoder and one for the untrained: both may be there. */
static imx_status save(const struct measure *m)
{
    struct imx_json j = { .pretty = true };
    as_json(m, &j);
    return imx_save_json(m->run, m->v->untrained ? "measure-untrained.json" : "measure.json", &j);
}

static imx_status measure_all(struct measure *m)
{
    IMX_TRY(encode(m));
    for (int f = 0; f < IMX_FEATURE_COUNT && m->svm; f++)
        if (m->width[f])
            IMX_TRY(run_svm(m, f));
    if (m->ssim)
        IMX_TRY(run_ssim(m));
    if (m->mine)
        IMX_TRY(run_mine(m));
    if (m->ndm)
        IMX_TRY(run_ndm(m));
    return IMX_OK;
}

static void choose(struct measure *m)
{
    const struct values *v = m->v;
    const bool all = !v->mine && !v->ndm && !v->ssim;
    m->mine = v->mine || all;
    m->ndm = v->ndm || all;
    m->ssim = v->ssim || all;
    m->svm = all && has_labels(m) && imx_svm_available();
    if (all && !has_labels(m))
        imx_say("no labels, so no support vector machine");
    else if (all && !imx_svm_available())
        imx_say("built without liblinear, so no support vector machine");
}

static imx_status run(void *values, int n, char **word)
{
    imx_status status = IMX_OK;
    struct imx_json j = { 0 };
    (void)n;
    struct measure *m = calloc(1, sizeof *m);
    if (!m)
        return imx_fail(IMX_E_NOMEM, "no memory to measure");
    m->v = values;
    m->run = word[0];
    IMX_GO(imx_trained_open(m->run, &m->trained));
    IMX_GO(imx_open_device(m->v->device, &m->dev));
    IMX_GO(imx_use_config(m->dev, &m->trained.config));
    imx_signals_catch();
    IMX_GO(imx_probe_data_open(&m->trained, word[1], m->v->test, false, &m->data));
    choose(m);
    IMX_GO(measure_all(m));
    if (m->v->save)
        IMX_GO(save(m));
    if (imx_cli.json) {
        as_json(m, &j);
        status = imx_print_json(&j);
    } else {
        as_text(m);
    }
fail:
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        free(m->learn[f]);
        free(m->test[f]);
    }
    free(m->drawn.drawn);
    imx_probe_data_close(&m->data);
    imx_dev_close(m->dev);
    imx_trained_close(&m->trained);
    free(m);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_FLAG("mine", mine, "mutual information of images and codes, by a network of its own"),
    IMX_ROW_FLAG("ndm", ndm, "dependence between the values of a code"),
    IMX_ROW_FLAG("ssim", ssim,
                 "likeness of test images and what a decoder draws from their codes; RUN/drawings.png shows them "
                 "(--untrained: drawings-untrained.png)"),
    IMX_ROW_TEST("images for testing; otherwise DATA#test, or every fifth image of DATA"),
    IMX_ROW_INT(
        "steps", steps, "2000", 1, 1e9,
        "of each network that is trained to measure; the step size falls to a tenth at a half and again at three "
        "quarters"),
    IMX_ROW_CHOICE("codes", codes, "standardised", "standardised|as-is",
                   "as --mine and --ndm read them; standardised: encoders whose codes differ in scale alone read the "
                   "same, and what small codes keep is found, too; as-is: as published"),
    IMX_ROW_INT("batch", batch, "64", 2, 65536, "images a step, of --mine and --ssim"),
    IMX_ROW_INT("ndm-batch", ndm_batch, "1000", 2, 1000000,
                "codes a step, of --ndm; at most all that there are, with --ndm-heldout on 15 % of them"),
    IMX_ROW_CHOICE(
        "ndm-heldout", ndm_heldout, "on", "on|off",
        "off: all codes teach, and --ndm is their value after the last step, as published with --ndm-batch 10000; on: "
        "70 % teach, 15 % choose the step, 15 % give the value"),
    IMX_ROW_LR("1e-4", "Adam's step size"),
    IMX_ROW_FLOAT(
        "mine-penalty", mine_penalty, "R", "0.5", 0, 1e6,
        "weight of the critic's squared gradient with respect to the images; 0: none, in two thirds of the time"),
    IMX_ROW_SVM_LOSS("the support vector machines"),
    IMX_ROW_SVM_C,
    IMX_ROW_SVM_MEMORY("for the features of the support vector machines, as in probe"),
    IMX_ROW_UNTRAINED,
    IMX_ROW_SEED("of everything drawn"),
    IMX_ROW_DEVICE,
    IMX_ROW_FLAG(
        "save", save,
        "also writes RUN/measure.json (--untrained: measure-untrained.json), in place of an earlier one, for compare"),
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax measure runs/photos photos",
    "infomax measure runs/c10 cifar10 --test cifar10#test --ssim --steps 10000",
    "infomax measure runs/c10 cifar10 --mine --ndm --json",
    "infomax measure runs/c10 cifar10 --ndm --codes as-is --ndm-heldout off --ndm-batch 10000",
    "infomax measure runs/c10 cifar10 --save",
    NULL,
};

extern const struct imx_command imx_cmd_measure;
const struct imx_command imx_cmd_measure = {
    .name = "measure",
    .summary = "measures information, dependence and reconstruction of a run's codes",
    .usage = "RUN DATA [--mine] [--ndm] [--ssim] [options]",
    .about = "Trains small networks on the frozen codes of DATA. Without --mine, --ndm and --ssim: all three and, with "
             "labels, linear support vector machines: a row of the paper's extended table.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .json = true,
    .run = run,
};
