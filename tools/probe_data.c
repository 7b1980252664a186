/* See probe_data.h. */
#include "probe_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/philox.h"
#include "cli.h"

enum { HELD_OUT = 5, MOST_SHARES = 32 };

static bool has_labels(const struct imx_dataset *ds)
{
    int64_t labelled = 0;
    for (int32_t i = 0; i < ds->n; i++)
        labelled += ds->label[i] >= 0;
    return labelled && ds->classes >= 1;
}

static imx_status need_labels(const struct imx_dataset *ds, const char *path)
{
    if (has_labels(ds))
        return IMX_OK;
    return imx_fail(IMX_E_DATA,
                    "%s has no labels, and a probe needs them: put the images of each class into a folder of its own, "
                    "or use a labelled set",
                    path);
}

/* "DATA#NAME" for DATA or DATA#part; free() it. */
static char *other_part(const char *path, const char *name)
{
    const char *part = imx_file_size(path, NULL) ? NULL : strrchr(path, '#');
    const int n = part ? (int)(part - path) : (int)strlen(path);
    char *text = NULL;
    return asprintf(&text, "%.*s#%s", n, path, name) < 0 ? NULL : text;
}

static bool has_class(const struct imx_dataset *ds, const char *name)
{
    for (int32_t i = 0; i < ds->classes; i++)
        if (!strcmp(ds->class[i].name, name))
            return true;
    return false;
}

/* Opens the training images. The folders "train" and "test" of a tree are its parts, not its classes. */
static imx_status open_train(const struct imx_trained *t, const char *path, struct imx_dataset **out)
{
    struct imx_dataset *ds = NULL;
    IMX_TRY(imx_trained_data(t, path, &ds));
    if (*ds->part || !has_class(ds, "train") || !has_class(ds, "test")) {
        *out = ds;
        return IMX_OK;
    }
    imx_dataset_destroy(ds);
    char *part = other_part(path, "train");
    if (!part)
        return imx_fail(IMX_E_NOMEM, "no memory for a path");
    const imx_status status = imx_trained_data(t, part, out);
    free(part);
    return status;
}

/* Moves the held-out images behind the others; both keep their order. */
static imx_status hold_out(struct imx_dataset *ds, int64_t *n_train)
{
    const size_t n = (size_t)ds->n, image = (size_t)ds->h * (size_t)ds->w * (size_t)ds->c, out = n / HELD_OUT;
    uint32_t *order = malloc(n * sizeof *order);
    uint8_t *held = calloc(n, 1), *pix = malloc(n * image);
    int32_t *label = malloc(n * sizeof *label);
    imx_status status = IMX_OK;
    size_t at = 0;
    if (!order || !held || !pix || !label)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to hold test images out"));
    imx_permute(0, UINT64_MAX, IMX_STREAM_SPLIT, order, (uint32_t)n); /* a step that no epoch reaches */
    for (size_t i = 0; i < out; i++)
        held[order[i]] = 1;
    for (uint8_t side = 0; side < 2; side++)
        for (size_t i = 0; i < n; i++)
            if (held[i] == side) {
                memcpy(pix + at * image, ds->pix + i * image, image);
                label[at++] = ds->label[i];
            }
    memcpy(ds->pix, pix, n * image);
    memcpy(ds->label, label, n * sizeof *label);
    *n_train = (int64_t)(n - out);
fail:
    free(order);
    free(held);
    free(pix);
    free(label);
    return status;
}

imx_status imx_match_classes(const struct imx_class *class, int32_t classes, struct imx_dataset *ds, int32_t *unknown,
                             const char **example)
{
    int32_t *to = malloc(sizeof *to * (size_t)(ds->classes > 0 ? ds->classes : 1));
    if (!to)
        return imx_fail(IMX_E_NOMEM, "no memory to match classes");
    *unknown = 0;
    for (int32_t i = 0; i < ds->classes; i++) {
        to[i] = -1;
        for (int32_t k = 0; k < classes && to[i] < 0; k++)
            if (!strcmp(ds->class[i].name, class[k].name))
                to[i] = k;
        if (to[i] < 0) {
            ++*unknown;
            *example = ds->class[i].name;
        }
    }
    for (int32_t i = 0; i < ds->n; i++)
        ds->label[i] = ds->label[i] >= 0 ? to[ds->label[i]] : -1;
    free(to);
    return IMX_OK;
}

/* Sets number their classes independently: the test set's become those of the training set of the same name. */
static imx_status match_sets(const struct imx_dataset *train, struct imx_dataset *test, bool needed)
{
    int32_t unknown = 0;
    const char *example = "";
    IMX_TRY(imx_match_classes(train->class, train->classes, test, &unknown, &example));
    if (!needed)
        return IMX_OK;
    if (unknown == test->classes)
        return imx_fail(
            IMX_E_DATA,
            "no class of the test images (\"%s\", ...) has the name of a class of the training images (\"%s\", ...)",
            example, train->class[0].name);
    if (unknown)
        imx_say("%d of %d test classes are not among the training classes (\"%s\"); their images do not count", unknown,
                test->classes, example);
    return IMX_OK;
}

/* Finds the test images: a set of their own into d->set[1], or none. */
static imx_status open_test(const struct imx_trained *t, const char *train, const char *test, struct imx_probe_data *d)
{
    if (test) {
        snprintf(d->how, sizeof d->how, "%s", test);
        return imx_trained_data(t, test, &d->set[1]);
    }
    if (!*d->set[0]->part || !strcmp(d->set[0]->part, "test"))
        return IMX_OK;
    char *part = other_part(train, "test");
    if (!part)
        return imx_fail(IMX_E_NOMEM, "no memory for a path");
    imx_status status = imx_trained_data(t, part, &d->set[1]);
    if (status == IMX_OK)
        snprintf(d->how, sizeof d->how, "%s", part);
    else if (status == IMX_E_DATA)
        status = IMX_OK; /* there is no such part */
    free(part);
    return status;
}

imx_status imx_probe_data_open(const struct imx_trained *t, const char *train, const char *test, bool labels,
                               struct imx_probe_data *out)
{
    imx_status status = IMX_OK;
    struct imx_probe_data d = { 0 };
    IMX_GO(open_train(t, train, &d.set[0]));
    if (labels)
        IMX_GO(need_labels(d.set[0], train));
    IMX_GO(open_test(t, train, test, &d));
    d.n_train = d.set[0]->n;
    if (d.set[1]) {
        if (labels)
            IMX_GO(need_labels(d.set[1], d.how));
        IMX_GO(match_sets(d.set[0], d.set[1], labels));
        d.n_test = d.set[1]->n;
        if (!strcmp(d.set[0]->hash, d.set[1]->hash))
            imx_say("the test images are the training images: what is measured says nothing about new ones");
    } else {
        IMX_GO(hold_out(d.set[0], &d.n_train));
        d.n_test = d.set[0]->n - d.n_train;
        snprintf(d.how, sizeof d.how, "%lld images held out of %s (every fifth, by a fixed draw)", (long long)d.n_test,
                 train);
    }
    if (!d.n_test)
        IMX_GO(imx_fail(IMX_E_DATA, "%s holds too few images to hold some out for testing; name others with --test",
                        train));
    const struct imx_dataset *a = d.set[0], *b = d.set[1];
    d.classes = a->classes;
    d.train_pix = a->pix;
    d.train_label = a->label;
    d.test_pix = b ? b->pix : a->pix + (size_t)d.n_train * (size_t)a->h * (size_t)a->w * (size_t)a->c;
    d.test_label = b ? b->label : a->label + d.n_train;
    *out = d;
    return IMX_OK;
fail:
    imx_probe_data_close(&d);
    return status;
}

static imx_status parse_share(const char *text, struct imx_labelled *how)
{
    char number[32];
    const size_t n = strlen(text);
    double share = 0;
    int64_t count = 0;
    snprintf(number, sizeof number, "%.*s", (int)(n ? n - 1 : 0), text);
    if (n && n < sizeof number && text[n - 1] == '%' && imx_parse_double(number, &share) && share > 0 && share <= 100) {
        how->share = share / 100;
        how->count = 0;
        return IMX_OK;
    }
    if (imx_parse_int(text, &count) && count > 0) {
        how->share = 0;
        how->count = count;
        return IMX_OK;
    }
    return imx_fail(IMX_E_ARG,
                    "--labels: \"%s\" is neither a share such as 10%% (at most 100%%) nor a number of images", text);
}

imx_status imx_label_shares(const struct imx_list *labels, const char *draw, struct imx_label_shares *out)
{
    *out = (struct imx_label_shares){ 0 };
    IMX_TRY(imx_list_words(labels, "100%", "labels", MOST_SHARES, &out->word));
    out->of = calloc(out->word.n + 1, sizeof *out->of);
    if (!out->of)
        return imx_fail(IMX_E_NOMEM, "no memory for results");
    for (; out->n < out->word.n; out->n++) {
        IMX_TRY(parse_share(out->word.item[out->n], &out->of[out->n]));
        out->of[out->n].proportional = !strcmp(draw, "proportional");
    }
    return IMX_OK;
}

void imx_label_shares_free(struct imx_label_shares *s)
{
    imx_list_free(&s->word);
    free(s->of);
    *s = (struct imx_label_shares){ 0 };
}

imx_status imx_probe_data_labelled(const struct imx_probe_data *d, const struct imx_labelled *how, int32_t **index,
                                   int32_t *kept)
{
    *index = malloc(((size_t)d->n_train + 1) * sizeof **index);
    if (!*index)
        return imx_fail(IMX_E_NOMEM, "no memory to draw labelled images");
    const imx_status status = imx_draw_labelled(d->train_label, (int32_t)d->n_train, d->classes, how, *index, kept);
    if (status != IMX_OK) {
        free(*index);
        *index = NULL;
    }
    return status == IMX_E_ARG ? imx_note(status, "--labels") : status;
}

void imx_probe_data_close(struct imx_probe_data *d)
{
    imx_dataset_destroy(d->set[0]);
    imx_dataset_destroy(d->set[1]);
    *d = (struct imx_probe_data){ 0 };
}
