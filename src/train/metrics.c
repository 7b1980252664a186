/* See metrics.h. A line is appended and flushed whole, so the files are readable at any moment, also after a crash. */
#include "train/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "io/tfevents.h"
#include "ops/tuned.h"

struct imx_metrics {
    struct imx_lines *json, *csv, *log;
    struct imx_tfevents *events;
    double last_loss;
    bool old_csv; /* begun before there was a column mi_ceiling, which therefore has none */
};

/* What is kept of the lines of an earlier session: those up to a step. */
struct kept {
    uint64_t step;
    double loss; /* of the last one */
    bool old_csv;
    imx_status status;
};

static const char CSV_HEAD[] = "step,epoch,loss,e_pos,e_neg,mi_nats,grad_norm,images_per_s,seconds,waited,"
                               "mi_ceiling";

static bool keep_json(void *user, const char *line)
{
    struct imx_json_doc doc;
    struct kept *k = user;
    const imx_status parsed = imx_json_parse(line, strlen(line), NULL, &doc);
    if (parsed == IMX_E_NOMEM)
        k->status = parsed;
    if (parsed != IMX_OK)
        return parsed == IMX_E_NOMEM; /* what could not be looked at is not thrown away */
    const double step = imx_json_get_number(doc.root, "step", INFINITY);
    const bool keep = step <= (double)k->step;
    if (keep)
        k->loss = imx_json_get_number(doc.root, "loss", (double)NAN);
    imx_json_doc_free(&doc);
    return keep;
}

static bool keep_csv(void *user, const char *line)
{
    struct kept *k = user;
    if (strncmp(line, "step,", 5))
        return strtod(line, NULL) <= (double)k->step;
    k->old_csv = !strstr(line, ",mi_ceiling");
    return true;
}

static imx_status open_lines(const char *run, const char *name, struct imx_lines **out)
{
    char path[4096];
    if (!imx_join(path, sizeof path, run, name))
        return imx_fail(IMX_E_ARG, "the path of %s is too long", name);
    return imx_lines_open(path, out);
}

imx_status imx_metrics_open(const char *run, uint64_t step, struct imx_metrics **out)
{
    imx_status status = IMX_OK;
    struct kept kept = { step, (double)NAN, false, IMX_OK };
    struct imx_metrics *m = calloc(1, sizeof *m);
    if (!m)
        return imx_fail(IMX_E_NOMEM, "no memory for metrics");
    IMX_GO(open_lines(run, "metrics.jsonl", &m->json));
    IMX_GO(open_lines(run, "metrics.csv", &m->csv));
    IMX_GO(open_lines(run, "train.log", &m->log));
    IMX_GO(imx_lines_keep(m->json, keep_json, &kept));
    IMX_GO(kept.status);
    IMX_GO(imx_lines_keep(m->csv, keep_csv, &kept));
    IMX_GO(imx_tfevents_create(run, &m->events));
    if (imx_lines_empty(m->csv))
        IMX_GO(imx_lines_add(m->csv, CSV_HEAD));
    m->last_loss = kept.loss;
    m->old_csv = kept.old_csv;
    *out = m;
    return IMX_OK;
fail:
    imx_metrics_close(m);
    return status;
}

double imx_metrics_last_loss(const struct imx_metrics *m)
{
    return m->last_loss;
}

/* The object "terms", or that of the readings; neither without any. */
static void add_terms(struct imx_json *j, const struct imx_metric *r, bool readings)
{
    bool open = false;
    for (int i = 0; i < r->n_terms; i++) {
        if (r->term[i].reading != readings)
            continue;
        if (!open)
            imx_json_object(j, readings ? "readings" : "terms");
        open = true;
        imx_json_double(j, r->term[i].name, r->term[i].value);
    }
    if (open)
        imx_json_end(j);
}

imx_status imx_metrics_add(struct imx_metrics *m, const struct imx_metric *r)
{
    char line[512];
    struct imx_json j = { 0 };
    imx_json_object(&j, NULL);
    imx_json_uint(&j, "step", r->step);
    imx_json_double(&j, "epoch", r->epoch);
    imx_json_double(&j, "loss", r->loss);
    imx_json_double(&j, "e_pos", r->e_pos);
    imx_json_double(&j, "e_neg", r->e_neg);
    add_terms(&j, r, false);
    add_terms(&j, r, true);
    imx_json_double(&j, "mi_nats", r->nats ? r->mi_nats : (double)NAN);
    imx_json_double(&j, "mi_ceiling", r->mi_ceiling);
    imx_json_double(&j, "grad_norm", r->grad_norm);
    imx_json_double(&j, "images_per_s", r->images_per_s);
    imx_json_double(&j, "seconds", r->seconds);
    imx_json_double(&j, "waited", r->waited);
    imx_json_end(&j);
    imx_status status = imx_json_check(&j);
    if (status == IMX_OK)
        status = imx_lines_add(m->json, j.text.data);
    imx_json_free(&j);
    IMX_TRY(status);
    m->last_loss = r->loss;
    int n = snprintf(line, sizeof line, "%llu,%.6f,%.9g,", (unsigned long long)r->step, r->epoch, r->loss);
    if (isnan(r->e_pos)) /* objectives without a critic */
        n += snprintf(line + n, sizeof line - (size_t)n, ",,");
    else
        n += snprintf(line + n, sizeof line - (size_t)n, "%.9g,%.9g,", r->e_pos, r->e_neg);
    if (r->nats)
        n += snprintf(line + n, sizeof line - (size_t)n, "%.9g", r->mi_nats);
    n += snprintf(line + n, sizeof line - (size_t)n, ",%.9g,%.1f,%.3f,%.4f", r->grad_norm, r->images_per_s, r->seconds,
                  r->waited);
    if (!m->old_csv)
        n += snprintf(line + n, sizeof line - (size_t)n, ",");
    if (!m->old_csv && isfinite(r->mi_ceiling))
        snprintf(line + n, sizeof line - (size_t)n, "%.9g", r->mi_ceiling);
    IMX_TRY(imx_tfevents_scalar(m->events, (int64_t)r->step, "loss", (float)r->loss));
    IMX_TRY(imx_tfevents_scalar(m->events, (int64_t)r->step, "images_per_s", (float)r->images_per_s));
    if (r->nats)
        IMX_TRY(imx_tfevents_scalar(m->events, (int64_t)r->step, "mi_nats", (float)r->mi_nats));
    if (isfinite(r->mi_ceiling))
        IMX_TRY(imx_tfevents_scalar(m->events, (int64_t)r->step, "mi_ceiling", (float)r->mi_ceiling));
    for (int i = 0; i < r->n_terms; i++) {
        char tag[64];
        snprintf(tag, sizeof tag, "%s/%s", r->term[i].reading ? "readings" : "terms", r->term[i].name);
        IMX_TRY(imx_tfevents_scalar(m->events, (int64_t)r->step, tag, (float)r->term[i].value));
    }
    return imx_lines_add(m->csv, line);
}

void imx_metrics_log(struct imx_metrics *m, const char *fmt, ...)
{
    char text[900], when[32], line[960];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    imx_wall_text(when);
    snprintf(line, sizeof line, "%s %s", when, text);
    imx_log(IMX_LOG_INFO, "%s", text);
    if (imx_lines_add(m->log, line) != IMX_OK)
        imx_log(IMX_LOG_WARN, "train.log: %s", imx_error_text());
}

void imx_metrics_close(struct imx_metrics *m)
{
    if (!m)
        return;
    struct imx_lines *file[] = { m->json, m->csv, m->log };
    for (int i = 0; i < 3; i++)
        if (imx_lines_close(file[i]) != IMX_OK)
            imx_log(IMX_LOG_WARN, "closing the run's logs: %s", imx_error_text());
    imx_tfevents_close(m->events);
    free(m);
}

static void describe_data(struct imx_json *j, const struct imx_dataset *ds)
{
    imx_json_object(j, "data");
    imx_json_string(j, "kind", ds->kind);
    imx_json_int(j, "images", ds->n);
    imx_json_int(j, "height", ds->h);
    imx_json_int(j, "width", ds->w);
    imx_json_int(j, "channels", ds->c);
    imx_json_int(j, "unreadable", ds->unreadables);
    imx_json_string(j, "hash", *ds->hash ? ds->hash : NULL);
    imx_json_end(j);
}

imx_status imx_env_write(const char *run, const struct imx_dev *dev, const struct imx_dataset *ds, const char *network,
                         const char *started)
{
    char path[4096];
    struct utsname os = { 0 };
    struct imx_json j = { .pretty = true };
    uname(&os);
    imx_json_object(&j, NULL);
    imx_json_string(&j, "infomax", IMX_VERSION);
    imx_json_string(&j, "started", started);
    imx_json_string(&j, "system", os.sysname);
    imx_json_string(&j, "release", os.release);
    imx_json_string(&j, "machine", os.machine);
    imx_json_string(&j, "compiler", __VERSION__);
    imx_json_object(&j, "device");
    imx_json_string(&j, "id", dev->caps.id);
    imx_json_string(&j, "platform", dev->caps.platform);
    imx_json_string(&j, "name", dev->caps.name);
    imx_json_string(&j, "vendor", dev->caps.vendor);
    imx_json_string(&j, "driver", dev->caps.driver);
    imx_json_string(&j, "opencl", dev->caps.opencl);
    imx_json_uint(&j, "compute_units", dev->caps.compute_units);
    imx_json_end(&j);
    imx_json_object(&j, "memory"); /* most that was allocated until the first step; a step allocates nothing */
    imx_json_uint(&j, "peak_bytes", dev->count.bytes_peak);
    imx_json_end(&j);
    imx_json_object(&j, "tuned"); /* the choices themselves lie beside this file, in tuned.txt */
    imx_json_int(&j, "choices", dev->caps.tuned ? dev->caps.tuned->n : 0);
    imx_json_int(&j, "changes", imx_tuned_changes(dev->caps.tuned, &dev->caps));
    imx_json_string(&j, "key", dev->caps.tuned ? dev->caps.tuned->key : NULL);
    imx_json_end(&j);
    imx_json_bool(&j, "half", dev->caps.half); /* products may store their factors in half precision */
    imx_json_string(&j, "network", network);
    describe_data(&j, ds);
    imx_json_end(&j);
    imx_status status = imx_json_check(&j);
    if (status == IMX_OK && !imx_join(path, sizeof path, run, "env.json"))
        status = imx_fail(IMX_E_ARG, "the path of env.json is too long");
    if (status == IMX_OK)
        status = imx_file_write(path, j.text.data, j.text.size);
    imx_json_free(&j);
    return status;
}
