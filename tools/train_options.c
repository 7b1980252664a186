/* What train, resume and the commands that read a run share. See train_options.h. */
#include "train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli.h"
#include "data/reading.h"
#include "eval/rebuilt.h"
#include "eval/report.h"
#include "ops/critic.h"
#include "ops/selftest_side.h"
#include "ops/tuned.h"
#include "progress.h"
#include "train/run.h"
#include "train/step.h"

const struct imx_option imx_config_options[] = { IMX_CONFIG_OPTIONS, { .name = NULL } };

imx_status imx_config_load(const char *run, struct imx_config *c)
{
    char path[4096];
    memset(c, 0, sizeof *c);
    if (!imx_join(path, sizeof path, run, "config.toml"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", run);
    if (!imx_file_size(path, NULL))
        return imx_fail(IMX_E_ARG, "%s is no run: it has no config.toml", run);
    IMX_TRY(imx_options_default(imx_config_options, c));
    return imx_options_load(imx_config_options, c, path);
}

imx_status imx_config_save(const char *run, const struct imx_config *c)
{
    char path[4096];
    struct imx_text text = { 0 };
    if (!imx_join(path, sizeof path, run, "config.toml"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", run);
    imx_options_save(imx_config_options, c, &text);
    imx_status status = imx_text_check(&text);
    if (status == IMX_OK)
        status = imx_file_write(path, text.data, text.size);
    imx_text_free(&text);
    return status;
}

const char *imx_critic_choice(size_t i, char *what, size_t size)
{
    const struct imx_critic_form *f = &imx_critics[i];
    if (f->name)
        snprintf(what, size, "%s (%d units, %s%s)", f->what, f->units, imx_estimator_name(f->estimator),
                 f->by_width ? ", scores over their root" : "");
    return f->name;
}

const char *imx_critic_name_choice(size_t i, char *what, size_t size)
{
    snprintf(what, size, "%s", "");
    return imx_critics[i].name;
}

static imx_status put(char **at, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return imx_fail(IMX_E_NOMEM, "no memory for options");
    free(*at);
    *at = copy;
    return IMX_OK;
}

imx_status imx_config_resolve(struct imx_config *c)
{
    const struct imx_critic_form *critic = imx_critic_find(c->critic);
    const struct imx_critic_form *global = critic ? imx_critic_find(imx_choose_global_critic(c)) : NULL;
    if (!critic || !global)
        return IMX_E_ARG;
    /* Both of what was asked for; "same" stays where it is the truth, so that it follows a later --estimator. */
    const char *whole = imx_choose_global_estimator(c, global);
    const char *local = imx_choose_estimator(c->estimator, critic);
    if (strcmp(c->global_estimator, "same") || strcmp(whole, local))
        IMX_TRY(put(&c->global_estimator, whole));
    return put(&c->estimator, local);
}

static void tell_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user, (void)total;
    imx_progress_at(done, " ");
}

static struct imx_dataset_options data_options(int64_t size, int64_t channels, bool strict, int64_t threads)
{
    return (struct imx_dataset_options){ .size = (int32_t)size,
                                         .channels = (int32_t)channels,
                                         .strict = strict,
                                         .threads = (int32_t)threads,
                                         .progress = tell_progress };
}

/* What is told of a set that was read, or why it was not. */
static imx_status tell_data(const char *path, imx_status s, const struct imx_dataset *ds)
{
    char skipped[64] = "";
    if (s != IMX_OK)
        return imx_note(s, "%s", path);
    if (ds->unreadables)
        snprintf(skipped, sizeof skipped, ", %d unreadable", ds->unreadables);
    imx_say("%s: %s%s%s, %d images of %dx%dx%d, %d classes%s", path, ds->kind, *ds->part ? " " : "", ds->part, ds->n,
            ds->w, ds->h, ds->c, ds->classes, skipped);
    return IMX_OK;
}

imx_status imx_open_data(const char *path, int64_t size, int64_t channels, bool strict, int64_t threads,
                         struct imx_dataset **out)
{
    const struct imx_dataset_options o = data_options(size, channels, strict, threads);
    imx_progress_begin("reading images", 0, "images");
    const imx_status s = imx_dataset_open(path, &o, out);
    imx_progress_end();
    return tell_data(path, s, s == IMX_OK ? *out : NULL);
}

/* testers: the device takes them. */
static imx_status open_chosen(const struct imx_dev_info *chosen, const char *why, struct imx_testers *testers,
                              struct imx_dev **out)
{
    IMX_TRY(imx_testers_open(chosen, testers, out));
    (*out)->check = true;
    imx_say("device %s: %s%s%s%s", (*out)->caps.id, (*out)->caps.name, *why ? " (" : "", why, *why ? ")" : "");
    return IMX_OK;
}

imx_status imx_open_device(const char *spec, struct imx_dev **out)
{
    const char *why = "";
    struct imx_dev_info chosen;
    IMX_TRY(imx_dev_choose(spec, &chosen, &why));
    return open_chosen(&chosen, why, imx_testers_start(&chosen, NULL), out);
}

struct job {
    struct imx_dev *dev;
    struct imx_keeper *keeper;
};

static void tell_run(void *user, const struct imx_run_report *r)
{
    const struct job *j = user;
    imx_progress_at(r->step, "epoch %.2f, loss %.4f, %.0f images/s, %s", r->epoch, r->loss, r->images_per_s,
                    j->dev->caps.name);
    imx_keeper_tell(j->keeper, j->dev);
}

/* What was measured before a driver, this program or a setting changed does not count; whoever waited for it wants to
 * know. */
static void say_others(struct imx_dev *dev, const char *path)
{
    enum { MOST = 16 };
    struct imx_tuned *other[MOST], *most = NULL;
    const int n = imx_tuned_others(&dev->caps, path, other, MOST);
    for (int i = 0; i < n; i++)
        if (!most || other[i]->n > most->n)
            most = other[i];
    if (most && most->n && strcmp(most->driver, dev->caps.driver))
        imx_say("not tuned: %d choices were made with driver %s, this is %s; infomax tune would check them again",
                most->n, most->driver, dev->caps.driver);
    else if (most && most->n)
        imx_say("not tuned: %d choices were made with another version or other settings; infomax tune would check them "
                "again",
                most->n);
    for (int i = 0; i < n; i++)
        free(other[i]);
}

imx_status imx_use_tuned(struct imx_dev *dev, bool wanted)
{
    char path[4096];
    struct imx_tuned *t = NULL;
    const char *set = getenv("INFOMAX_TUNED");
    if (!wanted || imx_dev_is_host(dev) || (set && !strcmp(set, "off")) ||
        !imx_tuned_path(&dev->caps, path, sizeof path))
        return IMX_OK;
    const imx_status s = imx_tuned_read(path, &t);
    if (s == IMX_E_FORMAT || s == IMX_E_IO) {
        imx_say("tuned choices are not used: %s; infomax tune writes the file anew", imx_error_text());
        imx_error_clear();
        return IMX_OK;
    }
    IMX_TRY(s);
    dev->caps.tuned = t;
    if (!t)
        say_others(dev, path);
    else
        imx_say("tuned: %d choices, %d of them other than without (%s; --no-tuned leaves them out)", t->n,
                imx_tuned_changes(t, &dev->caps), path);
    return IMX_OK;
}

imx_status imx_use_config(struct imx_dev *dev, const struct imx_config *c)
{
    imx_dev_allow_half(dev, c->half);
    return imx_use_tuned(dev, c->tuned);
}

/* A run keeps the choices that it began with: other ones round differently, and resume must give the same bits. */
static imx_status keep_tuned(struct imx_dev *dev, const struct imx_config *c, const char *run, bool resume)
{
    char path[4096], key[65];
    struct imx_tuned *t = NULL;
    if (!imx_join(path, sizeof path, run, "tuned.txt"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", run);
    if (!resume) {
        IMX_TRY(imx_use_config(dev, c));
        if (dev->caps.tuned)
            return imx_tuned_write(path, dev->caps.tuned);
        return remove(path) && imx_file_size(path, NULL) ? imx_fail(IMX_E_IO, "%s could not be removed", path) : IMX_OK;
    }
    imx_dev_allow_half(dev, c->half);
    const imx_status s = imx_tuned_read(path, &t);
    if (s != IMX_OK)
        return imx_note(s, "without the choices that the run began with it would not go on with the same bits");
    imx_tuned_key(&dev->caps, key);
    if (t && !imx_dev_is_host(dev) && strcmp(t->key, key)) {
        imx_say(
            "the run's tuned choices were measured on another device, driver or version (%s, driver %s) and are not "
            "used; the results may differ by rounding",
            t->device, t->driver);
        free(t);
        return IMX_OK;
    }
    dev->caps.tuned = t;
    if (t)
        imx_say("tuned: %d choices, as the run began", t->n);
    return IMX_OK;
}

imx_status imx_run_sheet(struct imx_dev *dev, const struct imx_config *c, struct imx_dataset *ds, const char *run)
{
    char weights[4096], sheet[4096];
    struct imx_net_spec spec;
    IMX_TRY(imx_step_spec(c, ds->h, ds->w, ds->c, &spec));
    if (!spec.objective->rebuilds)
        return IMX_OK;
    if (!imx_join(weights, sizeof weights, run, "checkpoints/last.safetensors") ||
        !imx_join(sheet, sizeof sheet, run, IMX_REBUILT_FILE))
        return imx_fail(IMX_E_ARG, "the path %s is too long", run);
    IMX_TRY(imx_dataset_crop(ds, (int32_t)c->crop, (int32_t)c->threads));
    const struct imx_rebuilder r = { spec.encoder, spec.decoder, weights, ds->h, ds->w, ds->c };
    return imx_rebuilt_sheet(dev, &r, ds->pix, ds->n, sheet);
}

/* Device and images at once: the images are read while the driver is loaded, and summed by imx_run, which has to know
 * that they are the same ones only when it resumes. */
static imx_status open_both(const struct imx_config *c, const char *run, bool resume, struct job *job,
                            struct imx_dataset **ds)
{
    struct imx_dataset_options o = data_options(c->size, c->channels, c->strict, c->threads);
    struct imx_dev_info chosen;
    struct imx_reading *reading = NULL;
    struct imx_testers *testers = NULL, *taken;
    imx_status status = IMX_OK;
    const char *why = "";
    o.unsummed = !resume;
    IMX_GO(imx_dev_choose(c->device, &chosen, &why));
    IMX_GO(imx_keeper_start(&chosen, &job->keeper));
    testers = c->selftest ? imx_testers_start(&chosen, NULL) : NULL;
    imx_progress_begin("reading images", 0, "images");
    IMX_GO(imx_reading_begin(c->data, &o, &reading));
    taken = testers;
    testers = NULL;
    IMX_GO(open_chosen(&chosen, why, taken, &job->dev));
    job->dev->check = c->selftest;
    IMX_GO(keep_tuned(job->dev, c, run, resume));
    status = imx_reading_end(reading, ds);
    imx_progress_end();
    return tell_data(c->data, status, *ds);
fail:
    imx_testers_end(testers);
    imx_reading_end(reading, NULL);
    imx_progress_end();
    return status;
}

imx_status imx_train_command(const struct imx_config *c, const char *run, bool resume)
{
    imx_status status = IMX_OK;
    struct job job = { 0 };
    struct imx_dataset *ds = NULL;
    struct imx_run_result result = { 0 };
    char took[24];
    IMX_GO(open_both(c, run, resume, &job, &ds));
    const struct imx_run_hooks hooks = { imx_stop_flag(), imx_signal_save, tell_run, &job };
    imx_signals_catch();
    imx_progress_begin("training", (uint64_t)(ds->n / c->batch) * (uint64_t)c->epochs, "steps");
    status = imx_run(job.dev, c, ds, run, resume, &hooks, &result);
    imx_progress_end();
    IMX_GO(status);
    IMX_GO(imx_run_sheet(job.dev, c, ds, run));
    imx_duration_text(result.seconds, took, sizeof took);
    if (!(result.loss == result.loss))
        imx_say("%s: no step was made", run);
    else if (result.idle)
        imx_say("%s is complete already: %llu steps in %s, loss %.4f", run, (unsigned long long)result.steps, took,
                result.loss);
    else
        imx_say("%llu steps in %s, loss %.4f, the device waited for images %.1f %% of the time",
                (unsigned long long)result.steps, took, result.loss, 100 * result.waited);
    printf("%s/encoder.safetensors\n", run);
fail:
    imx_keeper_end(job.keeper);
    imx_dataset_destroy(ds);
    imx_dev_close(job.dev);
    return status;
}
