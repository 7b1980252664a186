/* See bench_compare.h. ratio = ms now / ms then. ratio_of_limit = the same with each time measured in units of the
 * least time that its run's own peak and copy rate allow: what remains when the machine was faster or busier in one of
 * the runs. Below 1 is faster than before. A row is found by op, direction, problem and variant, else by the first
 * three if both runs have it once. */
#include "bench_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench_step.h"

enum { LARGEST = 64 << 20 };

/* One row of either run. */
struct item {
    const char *op, *direction, *problem, *variant;
    double ms, of_limit;
};

/* Two rows of the same work; then.op NULL: only now, now.op NULL: only then. */
struct pair {
    struct item then, now;
};

static const struct imx_json_node *rows_of(const struct imx_bench_before *b)
{
    const struct imx_json_node *rows = imx_json_get(b->doc.root, "rows");
    return rows && rows->type == IMX_JSON_ARRAY ? rows : NULL;
}

imx_status imx_bench_before_open(const char *path, struct imx_bench_before *b)
{
    char *text = NULL;
    size_t bytes = 0;
    *b = (struct imx_bench_before){ .path = path };
    IMX_TRY(imx_file_read(path, LARGEST, &text, &bytes));
    imx_status status = imx_json_parse(text, bytes, NULL, &b->doc);
    free(text);
    if (status == IMX_OK && !rows_of(b))
        status = imx_fail(IMX_E_FORMAT, "this is not what `infomax bench --json` prints: it has no \"rows\"");
    if (status == IMX_OK)
        return IMX_OK;
    imx_bench_before_close(b);
    return imx_note(status, "%s", path);
}

void imx_bench_before_close(struct imx_bench_before *b)
{
    imx_json_doc_free(&b->doc);
    memset(&b->doc, 0, sizeof b->doc);
}

static struct item item_then(const struct imx_json_node *row)
{
    return (
        struct item){ imx_json_get_string(row, "op", ""),          imx_json_get_string(row, "direction", ""),
                      imx_json_get_string(row, "problem", ""),     imx_json_get_string(row, "variant", ""),
                      imx_json_get_number(row, "ms", (double)NAN), imx_json_get_number(row, "of_limit", (double)NAN) };
}

static struct item item_now(const struct imx_bench_row *r)
{
    return (struct item){ r->op->name, r->direction, r->problem, r->variant, r->ms, r->of_limit };
}

static bool same_work(const struct item *a, const struct item *b)
{
    return !strcmp(a->op, b->op) && !strcmp(a->direction, b->direction) && !strcmp(a->problem, b->problem);
}

/* How many rows of the earlier run are this work; *out = the last one, or the one with this variant. */
static int find_then(const struct imx_bench_before *b, const struct item *now, struct item *out, bool *exact)
{
    int found = 0;
    *exact = false;
    for (const struct imx_json_node *row = rows_of(b)->child; row; row = row->next) {
        const struct item i = item_then(row);
        if (!same_work(&i, now))
            continue;
        found++;
        if (!*exact)
            *out = i;
        *exact = *exact || !strcmp(i.variant, now->variant);
        if (!strcmp(i.variant, now->variant))
            *out = i;
    }
    return found;
}

static int count_now(const struct imx_bench_now *now, const struct item *like)
{
    int found = 0;
    for (size_t i = 0; i < now->n; i++) {
        const struct item x = item_now(&now->row[i]);
        found += same_work(&x, like);
    }
    return found;
}

/* The pair of row i of this run. */
static struct pair pair_of(const struct imx_bench_before *b, const struct imx_bench_now *now, size_t i)
{
    struct pair p = { .now = item_now(&now->row[i]) };
    struct item then = { 0 };
    bool exact;
    const int found = find_then(b, &p.now, &then, &exact);
    if (exact || (found == 1 && count_now(now, &p.now) == 1))
        p.then = then;
    return p;
}

/* Is this row of the earlier run in no pair? */
static bool alone(const struct imx_bench_before *b, const struct imx_bench_now *now, const struct item *then)
{
    for (size_t i = 0; i < now->n; i++) {
        const struct pair p = pair_of(b, now, i);
        if (p.then.op && same_work(&p.then, then) && !strcmp(p.then.variant, then->variant))
            return false;
    }
    return true;
}

static bool same_text(const struct imx_json_node *root, const char *key, const char *now)
{
    return !strcmp(imx_json_get_string(root, key, ""), now);
}

/* Did both runs time the same step? An output from before there was "work" names less: that, and the arithmetic, must
 * be equal then. */
static bool same_step(const struct imx_json_node *root, const struct imx_bench_now *now)
{
    const struct imx_config *c = now->config;
    const struct imx_step_time *t = now->step;
    if (imx_json_get(root, "work"))
        return same_text(root, "work", t->work);
    return same_text(root, "objective", c->objective) && same_text(root, "critic", c->critic) &&
           same_text(root, "estimator", c->estimator) &&
           (same_text(root, "encoder", t->encoder) || same_text(root, "encoder", "auto")) &&
           imx_json_get_number(root, "batch", 0) == (double)c->batch &&
           fabs(imx_json_get_number(root, "flop_per_step", 0) / t->flop - 1) < 1e-12;
}

/* The steps of both runs, when they are the same work. */
static bool pair_steps(const struct imx_bench_before *b, const struct imx_bench_now *now, struct pair *p)
{
    const struct imx_json_node *root = b->doc.root;
    const struct imx_config *c = now->config;
    if (!now->step->n || !imx_json_get(root, "step_ms") || !same_step(root, now))
        return false;
    *p = (struct pair){ { "step", "", c->critic, "", imx_json_get_number(root, "step_ms", (double)NAN),
                          imx_json_get_number(root, "of_limit", (double)NAN) },
                        { "step", "", c->critic, "", now->step->ms, now->step->of_limit } };
    return true;
}

/* The same node of the earlier step: the k-th of that name and problem there, as node i is here. */
static bool pair_nodes(const struct imx_bench_before *b, const struct imx_bench_now *now, int i, struct pair *p)
{
    const struct imx_node_time *t = now->step->node, *n = &t[i];
    const struct imx_json_node *nodes = imx_json_get(b->doc.root, "nodes");
    int k = 0;
    for (int before = 0; before < i; before++)
        k += !strcmp(t[before].node, n->node) && !strcmp(t[before].problem, n->problem);
    for (const struct imx_json_node *x = nodes ? nodes->child : NULL; x; x = x->next) {
        if (!same_text(x, "node", n->node) || !same_text(x, "problem", n->problem) || k--)
            continue;
        *p = (struct pair){ { n->node, "", n->problem, imx_json_get_string(x, "variant", ""),
                              imx_json_get_number(x, "ms", (double)NAN),
                              imx_json_get_number(x, "of_limit", (double)NAN) },
                            { n->node, "", n->problem, n->variant, n->ms, n->of_limit } };
        return true;
    }
    return false;
}

static double ratio(const struct pair *p)
{
    return p->now.ms / p->then.ms;
}

static double ratio_of_limit(const struct pair *p)
{
    return p->then.of_limit > 0 && p->now.of_limit > 0 ? p->then.of_limit / p->now.of_limit : (double)NAN;
}

/* ---- text ---- */

static void number(double x, char text[16])
{
    snprintf(text, 16, "%s", "-");
    if (isfinite(x))
        snprintf(text, 16, "%.3f", x);
}

static void print_pair(const struct pair *p)
{
    char plain[16], limit[16], was[80] = "";
    number(ratio(p), plain);
    number(ratio_of_limit(p), limit);
    if (strcmp(p->then.variant, p->now.variant))
        snprintf(was, sizeof was, " (was %.60s)", p->then.variant);
    if (*p->now.direction)
        printf("%-16s %-17s", p->now.op, p->now.direction);
    else
        printf("%-34s", p->now.op);
    printf(" %-47s %-16s %10.3f %10.3f %7s %9s%s\n", p->now.problem, p->now.variant, p->then.ms, p->now.ms, plain,
           limit, was);
}

/* The nodes whose time changed most. */
static void print_nodes(const struct imx_bench_before *b, const struct imx_bench_now *now)
{
    enum { SHOWN = 8 };
    struct pair p;
    double last = INFINITY;
    for (int shown = 0; shown < SHOWN; shown++) {
        double most = 0;
        struct pair best = { 0 };
        for (int i = 0; i < now->step->n; i++) {
            const double change = pair_nodes(b, now, i, &p) ? fabs(p.now.ms - p.then.ms) : 0;
            if (change > most && change < last) {
                most = change;
                best = p;
            }
        }
        if (!best.now.op)
            return;
        print_pair(&best);
        last = most;
    }
}

static void print_alone(const char *where, const struct item *i)
{
    printf("only %s: %s %s %s %s %.3f ms\n", where, i->op, i->direction, i->problem, i->variant, i->ms);
}

void imx_bench_compare_text(const struct imx_bench_before *b, const struct imx_bench_now *now)
{
    const struct imx_json_node *root = b->doc.root;
    struct pair p;
    printf("\nagainst %s: %s, peak %.0f GFLOP/s, copy %.1f GB/s (now %.0f and %.1f); ratios below 1 are faster now\n",
           b->path, imx_json_get_string(root, "device", "?"), imx_json_get_number(root, "peak_gflops", (double)NAN),
           imx_json_get_number(root, "copy_gbps", (double)NAN), now->limit.peak_gflops, now->limit.copy_gbps);
    printf("%-16s %-17s %-47s %-16s %10s %10s %7s %9s\n", "op", "direction", "problem", "variant", "ms then", "ms now",
           "ratio", "of limit");
    for (size_t i = 0; i < now->n; i++) {
        p = pair_of(b, now, i);
        if (p.then.op)
            print_pair(&p);
    }
    if (pair_steps(b, now, &p)) {
        print_pair(&p);
        print_nodes(b, now);
    } else if (now->step->n || imx_json_get(root, "step_ms"))
        printf("only %s: a step of this network%s\n", now->step->n ? "now" : "then",
               now->step->n && imx_json_get(root, "step_ms") ? "; the earlier one was other work" : "");
    for (size_t i = 0; i < now->n; i++) {
        p = pair_of(b, now, i);
        if (!p.then.op)
            print_alone("now", &p.now);
    }
    for (const struct imx_json_node *row = rows_of(b)->child; row; row = row->next) {
        const struct item then = item_then(row);
        if (alone(b, now, &then))
            print_alone("then", &then);
    }
}

/* ---- JSON ---- */

static void put_item(struct imx_json *j, const struct item *i)
{
    imx_json_object(j, NULL);
    imx_json_string(j, "op", i->op);
    imx_json_string(j, "direction", i->direction);
    imx_json_string(j, "problem", i->problem);
    imx_json_string(j, "variant", i->variant);
    imx_json_double(j, "ms", i->ms);
    imx_json_end(j);
}

static void put_pair(struct imx_json *j, const char *key, const struct pair *p)
{
    imx_json_object(j, key);
    imx_json_string(j, "op", p->now.op);
    imx_json_string(j, "direction", p->now.direction);
    imx_json_string(j, "problem", p->now.problem);
    imx_json_string(j, "variant", p->now.variant);
    imx_json_string(j, "variant_before", p->then.variant);
    imx_json_double(j, "ms", p->now.ms);
    imx_json_double(j, "ms_before", p->then.ms);
    imx_json_double(j, "ratio", ratio(p));
    imx_json_double(j, "ratio_of_limit", ratio_of_limit(p));
    imx_json_end(j);
}

void imx_bench_compare_json(struct imx_json *j, const struct imx_bench_before *b, const struct imx_bench_now *now)
{
    const struct imx_json_node *root = b->doc.root;
    struct pair p;
    imx_json_object(j, "compare");
    imx_json_string(j, "file", b->path);
    imx_json_string(j, "device", imx_json_get_string(root, "device", ""));
    imx_json_double(j, "peak_gflops", imx_json_get_number(root, "peak_gflops", (double)NAN));
    imx_json_double(j, "copy_gbps", imx_json_get_number(root, "copy_gbps", (double)NAN));
    imx_json_array(j, "rows");
    for (size_t i = 0; i < now->n; i++) {
        p = pair_of(b, now, i);
        if (p.then.op)
            put_pair(j, NULL, &p);
    }
    imx_json_end(j);
    if (pair_steps(b, now, &p)) {
        put_pair(j, "step", &p);
        imx_json_array(j, "nodes");
        for (int i = 0; i < now->step->n; i++)
            if (pair_nodes(b, now, i, &p))
                put_pair(j, NULL, &p);
        imx_json_end(j);
    }
    imx_json_array(j, "only_now");
    for (size_t i = 0; i < now->n; i++) {
        p = pair_of(b, now, i);
        if (!p.then.op)
            put_item(j, &p.now);
    }
    imx_json_end(j);
    imx_json_array(j, "only_before");
    for (const struct imx_json_node *row = rows_of(b)->child; row; row = row->next) {
        const struct item then = item_then(row);
        if (alone(b, now, &then))
            put_item(j, &then);
    }
    imx_json_end(j);
    imx_json_end(j);
}
