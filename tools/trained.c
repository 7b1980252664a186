/* See trained.h. */
#include "trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "graph/weights.h"
#include "progress.h"
#include "train/step.h"
#include "train_options.h"

enum { BATCH = 64, LARGEST_ENV = 1 << 20 };

static imx_status read_shape(struct imx_trained *t)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    struct imx_json_doc doc = { 0 };
    if (!imx_join(path, sizeof path, t->run, "env.json"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", t->run);
    if (!imx_file_size(path, NULL))
        return imx_fail(IMX_E_ARG, "%s has not been trained: it has no env.json", t->run);
    IMX_TRY(imx_file_read(path, LARGEST_ENV, &text, &bytes));
    imx_status status = imx_json_parse(text, bytes, NULL, &doc);
    free(text);
    if (status != IMX_OK)
        return imx_note(status, "%s", path);
    const struct imx_json_node *data = imx_json_get(doc.root, "data");
    const double h = imx_json_get_number(data, "height", 0), w = imx_json_get_number(data, "width", 0);
    const double c = imx_json_get_number(data, "channels", 0);
    imx_json_doc_free(&doc);
    if (!(h >= 1 && h <= 65536 && w >= 1 && w <= 65536 && c >= 1 && c <= 16))
        return imx_fail(IMX_E_FORMAT, "%s does not say at what image size the run was trained", path);
    const int32_t crop = (int32_t)t->config.crop;
    if (crop > h || crop > w)
        return imx_fail(IMX_E_FORMAT, "%s: images of %.0fx%.0f have no parts of %dx%d", path, w, h, crop, crop);
    t->stored = (struct imx_stored){ (int32_t)h, (int32_t)w, (int32_t)c, crop };
    t->h = crop ? crop : t->stored.h;
    t->w = crop ? crop : t->stored.w;
    t->c = t->stored.c;
    return IMX_OK;
}

imx_status imx_trained_open(const char *run, struct imx_trained *t)
{
    *t = (struct imx_trained){ .run = run };
    imx_status status = imx_config_load(run, &t->config);
    if (status == IMX_OK)
        status = read_shape(t);
    if (status == IMX_OK) {
        t->encoder = imx_choose_encoder(t->config.encoder, t->h < t->w ? t->h : t->w);
        t->objective = imx_objective_find(t->config.objective);
        status = t->encoder && t->objective ? IMX_OK : IMX_E_ARG;
        imx_weights_name(run, t->weights);
    }
    if (status != IMX_OK)
        imx_trained_close(t);
    return status;
}

void imx_trained_close(struct imx_trained *t)
{
    imx_options_free(imx_config_options, &t->config);
    memset(&t->config, 0, sizeof t->config);
}

imx_status imx_sized_data(const char *path, const struct imx_stored *size, bool strict, int64_t threads,
                          const char *whom, struct imx_dataset **out)
{
    const int32_t h = size->h, w = size->w, c = size->c;
    struct imx_dataset *ds = NULL;
    IMX_TRY(imx_open_data(path, h == w ? h : 0, c == 1 || c == 3 ? c : 0, strict, threads, &ds));
    if (ds->h != h || ds->w != w || ds->c != c) {
        const imx_status status = imx_fail(IMX_E_DATA, "%s holds images of %dx%dx%d, %s was trained on %dx%dx%d", path,
                                           ds->w, ds->h, ds->c, whom, w, h, c);
        imx_dataset_destroy(ds);
        return status;
    }
    const imx_status status = imx_dataset_crop(ds, size->crop, (int32_t)threads);
    if (status == IMX_OK)
        *out = ds;
    else
        imx_dataset_destroy(ds);
    return status;
}

imx_status imx_trained_data(const struct imx_trained *t, const char *path, struct imx_dataset **out)
{
    char whom[4200];
    snprintf(whom, sizeof whom, "the encoder of %.4096s", t->run);
    return imx_sized_data(path, &t->stored, t->config.strict, t->config.threads, whom, out);
}

void imx_trained_json(const struct imx_trained *t, bool untrained, struct imx_json *j)
{
    imx_json_bool(j, "untrained", untrained);
    if (!untrained && *t->weights)
        imx_json_string(j, "encoder", t->weights);
}

imx_status imx_trained_weights(const struct imx_trained *t, char path[4096])
{
    if (!imx_join(path, 4096, t->run, "encoder.safetensors"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", t->run);
    if (!imx_file_size(path, NULL))
        return imx_fail(IMX_E_ARG, "%s has no encoder.safetensors yet; `infomax resume %s` finishes the run", t->run,
                        t->run);
    return IMX_OK;
}

imx_status imx_trained_encoder(const struct imx_trained *t, struct imx_dev *dev, bool untrained,
                               struct imx_encode **out)
{
    char path[4096];
    struct imx_encode *e = NULL;
    IMX_TRY(imx_encode_create(dev, t->encoder, t->objective->context, BATCH, t->h, t->w, t->c, (uint64_t)t->config.seed,
                              &e));
    imx_status status = IMX_OK;
    if (untrained) { /* drawn again, as the run drew it */
        e->store->uniform_gamma = imx_uniform_gamma(&t->config);
        status = imx_store_init(e->store, (uint64_t)t->config.seed);
    } else {
        status = imx_trained_weights(t, path);
        if (status == IMX_OK)
            status = imx_weights_read(path, e->store);
    }
    if (status == IMX_OK)
        *out = e;
    else
        imx_encode_destroy(e);
    return status;
}

static bool go_on(void *user, int64_t done)
{
    (void)user;
    imx_progress_at((uint64_t)done, " ");
    return !imx_signal_caught();
}

imx_status imx_trained_features(struct imx_encode *e, const char *title, const uint8_t *pix, int64_t n,
                                const bool want[IMX_FEATURE_COUNT], float *out[IMX_FEATURE_COUNT])
{
    imx_status status = IMX_OK;
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        out[f] = NULL;
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        const size_t width = (size_t)imx_encode_width(e, (enum imx_feature)f);
        if (!want[f])
            continue;
        IMX_GO(imx_encode_has(e, (enum imx_feature)f));
        out[f] = malloc((size_t)n * width * sizeof **out);
        if (!out[f])
            IMX_GO(imx_fail(IMX_E_NOMEM,
                            "no memory for %lld feature vectors of %zu values; fewer layers at a time need less",
                            (long long)n, width));
    }
    imx_progress_begin(title, (uint64_t)n, "images");
    status = imx_encode_run(e, pix, n, out, go_on, NULL);
    imx_progress_end();
    if (status == IMX_OK)
        return IMX_OK;
fail:
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        free(out[f]);
        out[f] = NULL;
    }
    return status;
}

imx_status imx_trained_logits(struct imx_encode *e, const char *title, const uint8_t *pix, int64_t n, float **logits)
{
    *logits = malloc((size_t)n * (size_t)e->logits.c * sizeof **logits + 1);
    if (!*logits)
        return imx_fail(IMX_E_NOMEM, "no memory for the classes of %lld images", (long long)n);
    imx_progress_begin(title, (uint64_t)n, "images");
    const imx_status status = imx_encode_logits(e, pix, n, *logits, go_on, NULL);
    imx_progress_end();
    if (status != IMX_OK) {
        free(*logits);
        *logits = NULL;
    }
    return status;
}
