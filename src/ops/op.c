#include "ops/op.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/tuned.h"

static const struct imx_variant ref_variant = { .name = "ref" };

const struct imx_op *imx_op_find(const char *name)
{
    for (const struct imx_op *const *op = imx_ops; *op; op++)
        if (!strcmp((*op)->name, name))
            return *op;
    return NULL;
}

void imx_problem_print(const struct imx_op *op, const void *problem, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (const struct imx_field *f = op->fields; f->key && used < size; f++) {
        const char *at = (const char *)problem + f->offset;
        int n;
        if (f->is_float) {
            float v;
            memcpy(&v, at, sizeof v);
            n = f->spare && v == 0 ? 0 : snprintf(text + used, size - used, "%s%.9g", f->key, (double)v);
        } else {
            int32_t v;
            memcpy(&v, at, sizeof v);
            n = f->spare && !v ? 0 : snprintf(text + used, size - used, "%s%d", f->key, v);
        }
        used += n > 0 ? (size_t)n : 0;
    }
}

imx_status imx_problem_parse(const struct imx_op *op, const char *text, void *problem)
{
    const char *s = text;
    memset(problem, 0, op->problem_size);
    for (const struct imx_field *f = op->fields; f->key; f++) {
        char *at = (char *)problem + f->offset, *end;
        const size_t len = strlen(f->key);
        if (f->spare && strncmp(s, f->key, len))
            continue;
        if (strncmp(s, f->key, len))
            return imx_fail(IMX_E_ARG, "%s problem \"%s\": expected \"%s\" at \"%s\"", op->name, text, f->key, s);
        s += len;
        if (f->is_float) {
            const float v = strtof(s, &end);
            memcpy(at, &v, sizeof v);
        } else {
            const int32_t v = (int32_t)strtol(s, &end, 10);
            memcpy(at, &v, sizeof v);
        }
        if (end == s)
            return imx_fail(IMX_E_ARG, "%s problem \"%s\": a number is missing after \"%s\"", op->name, text, f->key);
        s = end;
    }
    if (*s)
        return imx_fail(IMX_E_ARG, "%s problem \"%s\": \"%s\" is left over", op->name, text, s);
    const char *wrong = op->check ? op->check(problem) : NULL;
    return wrong ? imx_fail(IMX_E_ARG, "%s problem \"%s\": %s", op->name, text, wrong) : IMX_OK;
}

static bool quarantined(const struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", op->name, v->name);
    for (int i = 0; i < dev->n_quarantine; i++)
        if (!strcmp(dev->quarantine[i], name))
            return true;
    return false;
}

/* inner: for an op that another one runs inside, whose bounds know nothing of what is stored in fewer bits. */
static const struct imx_variant *pick(const struct imx_dev *dev, const struct imx_op *op, const void *problem,
                                      const char *force, bool inner)
{
    if (imx_dev_is_host(dev))
        return force && strcmp(force, "ref") ? NULL : &ref_variant;
    const struct imx_choice *tuned = force ? NULL : imx_tuned_find(dev->caps.tuned, op, problem);
    if (tuned && tuned->variant->supports(&dev->caps, problem) && !quarantined(dev, op, tuned->variant) &&
        !(inner && tuned->variant->storage > 0))
        return tuned->variant;
    const struct imx_variant *best = NULL;
    int best_rank = 0;
    for (const struct imx_variant *const *v = op->variants; v && *v; v++) {
        if ((force && strcmp(force, (*v)->name)) || !(*v)->supports(&dev->caps, problem) || quarantined(dev, op, *v) ||
            (inner && (*v)->storage > 0))
            continue;
        const int rank = (*v)->rank ? (*v)->rank(&dev->caps, problem) : 0;
        if (!best || rank < best_rank) {
            best = *v;
            best_rank = rank;
        }
    }
    return best;
}

const struct imx_variant *imx_op_pick(const struct imx_dev *dev, const struct imx_op *op, const void *problem,
                                      const char *force)
{
    return pick(dev, op, problem, force, false);
}

uint64_t imx_op_scratch(const struct imx_caps *caps, const struct imx_op *op, const void *problem)
{
    uint64_t most = 0;
    for (const struct imx_variant *const *v = op->variants; v && *v; v++)
        if ((*v)->workspace && (*v)->supports(caps, problem)) {
            const uint64_t bytes = (*v)->workspace(caps, problem);
            most = bytes > most ? bytes : most;
        }
    return most;
}

imx_status imx_op_run_ref(struct imx_dev *dev, const struct imx_op *op, const void *problem,
                          const struct imx_args *args)
{
    void *ptr[IMX_MAX_ARGS] = { NULL };
    for (int i = 0; i < op->n_args; i++)
        ptr[i] = imx_host_ptr(dev, args->m[i]);
    op->ref_f32(problem, ptr);
    return IMX_OK;
}

imx_status imx_op_run(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                      const void *problem, const struct imx_args *args)
{
    const struct imx_variant *v = variant ? variant : pick(dev, op, problem, NULL, true);
    char text[256];
    if (!v) {
        imx_problem_print(op, problem, text, sizeof text);
        return imx_fail(IMX_E_UNSUPPORTED, "no variant of %s runs %s on %s", op->name, text, dev->caps.name);
    }
    const imx_status s = v == &ref_variant ? imx_op_run_ref(dev, op, problem, args) : v->run(dev, problem, args);
    if (s != IMX_OK) {
        imx_problem_print(op, problem, text, sizeof text);
        return imx_note(s, "%s/%s %s", op->name, v->name, text);
    }
    return IMX_OK;
}

double imx_op_bound(const struct imx_op *op, const void *problem, double mag, double want)
{
    const double eps = (double)FLT_EPSILON, size = isnan(mag) ? fabs(want) : mag;
    const double terms = op->terms ? (double)op->terms(problem) : 1.0;
    return (4.0 + 2.0 * sqrt(terms)) * eps * size + op->ulps * eps * fabs(want) + 4.0 * (double)FLT_MIN;
}
