/* Walks ops, variants and problems for the self-test, and keeps the list of variants that a driver got wrong. See
 * selftest.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ops/selftest.h"

#define KEPT_FAILURES 64

/* Is the op in "name,stem,name"? A stem stands for its ops: conv2d for conv2d_fwd, conv2d_bwd_src ... */
static bool chosen(const char *list, const char *name)
{
    if (!list)
        return true;
    while (*list) {
        const size_t n = strcspn(list, ",");
        if (n && !strncmp(name, list, n) && (name[n] == 0 || name[n] == '_'))
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

static imx_status keep_failure(struct imx_selftest_summary *s, const struct imx_dev *dev, const struct imx_op *op,
                               const struct imx_variant *v, const void *problem, uint64_t seed, const char *text)
{
    if (s->n_failures == KEPT_FAILURES)
        return IMX_OK;
    if (!s->failures)
        s->failures = calloc(KEPT_FAILURES, sizeof *s->failures);
    if (!s->failures)
        return imx_fail(IMX_E_NOMEM, "no memory for the self-test's failures");
    struct imx_selftest_failure *f = &s->failures[s->n_failures++];
    f->op = op->name;
    f->variant = v->name;
    imx_problem_print(op, problem, f->problem, sizeof f->problem);
    imx_selftest_repeat(dev, op, v, problem, seed, f->repeat, sizeof f->repeat);
    snprintf(f->text, sizeof f->text, "%s", text);
    return IMX_OK;
}

static imx_status run_problem(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v,
                              const char *text, uint64_t seed, struct imx_selftest_row *row,
                              struct imx_selftest_summary *s)
{
    _Alignas(16) unsigned char problem[512];
    struct imx_selftest_result result;
    if (op->problem_size > sizeof problem)
        return imx_fail(IMX_E_INTERNAL, "%s: a problem of %zu bytes", op->name, op->problem_size);
    IMX_TRY(imx_problem_parse(op, text, problem));
    if (v->supports && !v->supports(&dev->caps, problem)) {
        row->skipped++;
        return IMX_OK;
    }
    for (int exact = 0; exact <= op->exact; exact++) {
        IMX_TRY(imx_selftest_case(dev, op, v, problem, seed, exact, &result));
        row->cases++;
        row->exact_cases += exact && !v->rounds;
        row->failed += result.failed;
        row->worst = fmax(row->worst, result.worst);
        if (result.failed)
            IMX_TRY(keep_failure(s, dev, op, v, problem, seed, result.text));
    }
    return IMX_OK;
}

static imx_status run_variant(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v,
                              const struct imx_selftest_options *o, struct imx_selftest_summary *s)
{
    const uint64_t seed = o->seed ? o->seed : 20181;
    struct imx_selftest_row row = { .op = op->name, .variant = v->name };
    if (o->problem)
        IMX_TRY(run_problem(dev, op, v, o->problem, seed, &row, s));
    else
        for (int i = 0; op->cases && op->cases[i] && (!o->cases || i < o->cases); i++)
            IMX_TRY(run_problem(dev, op, v, op->cases[i], seed, &row, s));
    struct imx_selftest_row *rows = realloc(s->rows, (size_t)(s->n_rows + 1) * sizeof *rows);
    if (!rows)
        return imx_fail(IMX_E_NOMEM, "no memory for the self-test's rows");
    s->rows = rows;
    rows[s->n_rows++] = row;
    s->cases += row.cases;
    s->exact_cases += row.exact_cases;
    s->failed += row.failed;
    s->skipped += row.skipped;
    s->worst_of_bound = fmax(s->worst_of_bound, row.worst);
    if (o->progress)
        o->progress(o->user, &row);
    return IMX_OK;
}

imx_status imx_selftest_run(struct imx_dev *dev, const struct imx_selftest_options *options,
                            struct imx_selftest_summary *summary)
{
    const struct imx_selftest_options none = { 0 }, *o = options ? options : &none;
    *summary = (struct imx_selftest_summary){ 0 };
    if (o->problem && (!o->op || !imx_op_find(o->op)))
        return imx_fail(IMX_E_ARG, "a problem needs the op that it belongs to (--op NAME)");
    for (const struct imx_op *const *op = imx_ops; *op; op++) {
        if (o->problem ? strcmp((*op)->name, o->op) != 0 : !chosen(o->op, (*op)->name))
            continue;
        if (imx_dev_is_host(dev)) {
            const struct imx_variant *ref = imx_op_pick(dev, *op, NULL, o->variant);
            if (ref)
                IMX_TRY(run_variant(dev, *op, ref, o, summary));
            continue;
        }
        for (const struct imx_variant *const *v = (*op)->variants; v && *v; v++)
            if (!o->variant || !strcmp(o->variant, (*v)->name))
                IMX_TRY(run_variant(dev, *op, *v, o, summary));
    }
    if (!summary->n_rows)
        return imx_fail(IMX_E_ARG, "no op%s%s has a variant%s%s on %s", o->op ? " named " : "", o->op ? o->op : "",
                        o->variant ? " named " : "", o->variant ? o->variant : "", dev->caps.name);
    return IMX_OK;
}

void imx_selftest_finish(struct imx_selftest_summary *summary)
{
    free(summary->rows);
    free(summary->failures);
    *summary = (struct imx_selftest_summary){ 0 };
}

imx_status imx_selftest_quarantine(struct imx_dev *dev, const char *op, const char *variant)
{
    const int most = (int)(sizeof dev->quarantine / sizeof dev->quarantine[0]);
    char name[sizeof dev->quarantine[0]];
    snprintf(name, sizeof name, "%s/%s", op, variant);
    for (int i = 0; i < dev->n_quarantine; i++)
        if (!strcmp(dev->quarantine[i], name))
            return IMX_OK;
    if (dev->n_quarantine == most)
        return imx_fail(IMX_E_SELFTEST, "more than %d kernels are wrong on %s (driver %s): this driver cannot be used",
                        most, dev->caps.name, dev->caps.driver);
    snprintf(dev->quarantine[dev->n_quarantine++], sizeof name, "%s", name);
    imx_log(IMX_LOG_WARN, "%s fails its self-test on %s (driver %s): another variant is used", name, dev->caps.name,
            dev->caps.driver);
    return IMX_OK;
}
