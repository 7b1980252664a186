/* See reading.h. Texts of faults belong to a thread, so those of the threads here are carried over. */
#include "data/reading.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct imx_reading {
    char *path;
    struct imx_dataset_options options;
    atomic_bool stop;
    bool threaded;
    pthread_t thread;
    imx_status status;
    char text[1024];
    struct imx_dataset *ds;
};

static void *read_set(void *arg)
{
    struct imx_reading *r = arg;
    r->status = imx_dataset_open(r->path, &r->options, &r->ds);
    snprintf(r->text, sizeof r->text, "%s", r->status == IMX_OK ? "" : imx_error_text());
    return NULL;
}

imx_status imx_reading_begin(const char *path, const struct imx_dataset_options *options, struct imx_reading **out)
{
    struct imx_reading *r = calloc(1, sizeof *r);
    char *copy = strdup(path);
    if (!r || !copy) {
        free(r);
        free(copy);
        return imx_fail(IMX_E_NOMEM, "no memory to read %s", path);
    }
    r->path = copy;
    if (options)
        r->options = *options;
    r->options.stop = &r->stop;
    r->threaded = !pthread_create(&r->thread, NULL, read_set, r);
    *out = r;
    return IMX_OK;
}

imx_status imx_reading_end(struct imx_reading *r, struct imx_dataset **out)
{
    if (!r)
        return IMX_OK;
    if (!out)
        atomic_store(&r->stop, true);
    if (r->threaded)
        pthread_join(r->thread, NULL);
    else if (out)
        read_set(r);
    const imx_status status = out ? r->status : IMX_E_STOPPED;
    if (out && status != IMX_OK)
        (void)imx_fail(status, "%s", r->text);
    if (out)
        *out = r->ds;
    else
        imx_dataset_destroy(r->ds);
    free(r->path);
    free(r);
    return status;
}

struct imx_summing {
    struct imx_dataset *ds;
    int32_t threads;
    bool threaded;
    pthread_t thread;
    atomic_bool done;
    imx_status status;
    char text[1024];
};

static void *sum_set(void *arg)
{
    struct imx_summing *s = arg;
    s->status = imx_dataset_sum(s->ds, s->threads);
    snprintf(s->text, sizeof s->text, "%s", s->status == IMX_OK ? "" : imx_error_text());
    atomic_store(&s->done, true);
    return NULL;
}

imx_status imx_summing_begin(struct imx_dataset *ds, int32_t threads, struct imx_summing **out)
{
    struct imx_summing *s = calloc(1, sizeof *s);
    if (!s)
        return imx_fail(IMX_E_NOMEM, "no memory to sum %d images", ds->n);
    s->ds = ds;
    s->threads = threads;
    s->threaded = !pthread_create(&s->thread, NULL, sum_set, s);
    *out = s;
    return IMX_OK;
}

bool imx_summing_done(struct imx_summing *s)
{
    return !s || atomic_load(&s->done);
}

imx_status imx_summing_end(struct imx_summing *s)
{
    if (!s)
        return IMX_OK;
    if (s->threaded)
        pthread_join(s->thread, NULL);
    else
        sum_set(s);
    const imx_status status = s->status;
    if (status != IMX_OK && s->threaded)
        (void)imx_fail(status, "%s", s->text);
    free(s);
    return status;
}
