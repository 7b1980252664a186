/* See audit.h. Everything is allocated for the one audited node and freed behind it: audits are rare. */
#include "graph/audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct side {
    struct imx_arg arg[IMX_MAX_ARGS];
    void *raw[IMX_MAX_ARGS];   /* as on the device */
    void *wide[IMX_MAX_ARGS];  /* what the oracle works on: double for f32, else raw's copy */
    double *mag[IMX_MAX_ARGS]; /* outputs, f32 only */
};

static uint64_t bytes_of(const struct imx_arg *a)
{
    return (uint64_t)a->count * imx_dtype_size(a->dtype);
}

static imx_status fetch(struct imx_graph *g, const struct imx_node *n, struct side *s, bool before)
{
    for (int k = 0; k < n->op->n_args; k++) {
        const struct imx_arg *a = &s->arg[k];
        if (!a->count || (before && a->role == IMX_OUT) || (!before && a->role == IMX_IN))
            continue;
        IMX_TRY(g->dev->vt->download(g->dev, s->raw[k], n->args.m[k], bytes_of(a)));
        for (int64_t i = 0; before && a->dtype == IMX_F32 && i < a->count; i++)
            ((double *)s->wide[k])[i] = (double)((const float *)s->raw[k])[i];
        if (before && a->dtype != IMX_F32)
            memcpy(s->wide[k], s->raw[k], bytes_of(a));
    }
    return IMX_OK;
}

static imx_status make(const struct imx_node *n, struct side *s)
{
    n->op->args(n->problem, s->arg);
    for (int k = 0; k < n->op->n_args; k++) {
        const size_t count = (size_t)s->arg[k].count;
        if (!count)
            continue;
        s->raw[k] = calloc(count, imx_dtype_size(s->arg[k].dtype));
        s->wide[k] = calloc(count, s->arg[k].dtype == IMX_F32 ? sizeof(double) : imx_dtype_size(s->arg[k].dtype));
        s->mag[k] = s->arg[k].role != IMX_IN && s->arg[k].dtype == IMX_F32 ? calloc(count, sizeof(double)) : NULL;
        if (!s->raw[k] || !s->wide[k])
            return imx_fail(IMX_E_NOMEM, "no memory to audit %s", n->name);
    }
    return IMX_OK;
}

static void drop(struct side *s)
{
    for (int k = 0; k < IMX_MAX_ARGS; k++) {
        free(s->raw[k]);
        free(s->wide[k]);
        free(s->mag[k]);
    }
}

static void describe(const struct imx_graph *g, const struct imx_node *n, const char *arg, int64_t i, double got,
                     double want, double bound, struct imx_audit *r)
{
    char problem[128];
    imx_problem_print(n->op, n->problem, problem, sizeof problem);
    snprintf(r->text, sizeof r->text,
             "%s (%s/%s %s): %s[%lld] = %.9g, the reference says %.9g, allowed error %.3g; "
             "`infomax selftest --device %s --op %s` tests the op",
             n->name, n->op->name, n->variant->name, problem, arg, (long long)i, got, want, bound, g->dev->caps.id,
             n->op->name);
}

/* A NaN on the device where the oracle has a number fails: the comparison is written so that only "within" passes. */
static void compare(const struct imx_graph *g, const struct imx_node *n, const struct side *s, struct imx_audit *r)
{
    for (int k = 0; k < n->op->n_args; k++) {
        int64_t missed = 0;
        if (!s->mag[k] || s->arg[k].role == IMX_IN)
            continue;
        for (int64_t i = 0; i < s->arg[k].count; i++) {
            const double got = (double)((const float *)s->raw[k])[i], want = ((const double *)s->wide[k])[i];
            const double bound = imx_variant_bound(n->op, n->variant, n->problem, s->mag[k][i], want),
                         error = fabs(got - want);
            if (error <= bound || (isnan(want) && isnan(got)) || got == want) {
                r->worst = bound > 0 && error / bound > r->worst ? error / bound : r->worst;
                continue;
            }
            if (!missed++ || !isfinite(got))
                describe(g, n, s->arg[k].name, i, got, want, bound, r);
            r->failed |= !isfinite(got) || missed > s->arg[k].count / 100000;
        }
    }
}

imx_status imx_graph_run_audited(struct imx_graph *g, int index, struct imx_audit *r)
{
    imx_status status = IMX_OK;
    struct side s = { 0 };
    *r = (struct imx_audit){ .node = g->node[index].name };
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        if (i == g->meet_node)
            IMX_GO(g->meet(g->meet_user));
        if (i == index) {
            IMX_GO(make(n, &s));
            IMX_GO(fetch(g, n, &s, true));
        }
        IMX_GO(imx_op_run(g->dev, n->op, n->variant, n->problem, &n->args));
        if (i == index) {
            n->op->ref_f64(n->problem, s.wide, s.mag);
            if (n->variant->mag)
                IMX_GO(n->variant->mag(n->problem, s.wide, s.mag));
            IMX_GO(fetch(g, n, &s, false));
            compare(g, n, &s, r);
        }
    }
fail:
    drop(&s);
    return status;
}
