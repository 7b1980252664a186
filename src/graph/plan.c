/* The memory plan. Every temporary tensor and every node's scratch lives from its first to its last node; pieces whose
 * lives overlap must not share bytes, but for an input that a node reads as the last one and whose memory it may fill
 * with a result: the two are one piece. Greedy by size: the largest piece first, each at the lowest offset of the first
 * pool where it fits. The lower bound is the most bytes that are alive at any one node. */
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "graph/fit.h"
#include "graph/fuse.h"
#include "ops/selftest.h"
#include "ops/selftest_side.h"

enum { ALIGN = 4096, MAX_POOLS = 16, MOST_TRIALS = 64 };

struct piece {
    uint64_t bytes, off;
    int first, last, pool;
    int tensor, node; /* one of them, the other is -1 */
};

static uint64_t padded(uint64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static imx_status pick_variant(struct imx_graph *g, struct imx_node *n)
{
    char text[128];
    n->variant = imx_op_pick(g->dev, n->op, n->problem, NULL);
    if (n->variant)
        return IMX_OK;
    imx_problem_print(n->op, n->problem, text, sizeof text);
    return imx_fail(IMX_E_UNSUPPORTED, "%s: no variant of %s runs %s on %s", n->name, n->op->name, text,
                    g->dev->caps.name);
}

/* Picks the nodes' variants; *n: how many of them, at most `most`, are in trial[] because nobody tested them yet. */
static imx_status pick_variants(struct imx_graph *g, struct imx_trial *trial, int most, int *n)
{
    *n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        struct imx_node *node = &g->node[i];
        bool known = false;
        IMX_TRY(pick_variant(g, node));
        IMX_TRY(imx_selftest_trusted(g->dev, node->op, node->variant, &known));
        for (int k = 0; k < *n && !known; k++)
            known = trial[k].op == node->op && trial[k].variant == node->variant;
        if (!known && *n < most)
            trial[(*n)++] = (struct imx_trial){ .op = node->op, .variant = node->variant };
    }
    return IMX_OK;
}

/* Variants that fail their self-test on this device are put aside, and the nodes choose again. */
static imx_status choose_variants(struct imx_graph *g)
{
    struct imx_trial trial[MOST_TRIALS];
    const int known = g->dev->n_trusted;
    const double start = imx_now();
    int n = 0;
    IMX_TRY(pick_variants(g, trial, MOST_TRIALS, &n));
    while (n) {
        IMX_TRY(imx_selftest_trust(g->dev, trial, n));
        IMX_TRY(pick_variants(g, trial, MOST_TRIALS, &n));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        struct imx_node *node = &g->node[i];
        node->workspace = node->variant->workspace ? node->variant->workspace(&g->dev->caps, node->problem) : 0;
    }
    if (g->dev->n_trusted > known) {
        const double took = imx_now() - start;
        imx_log(took > 1 ? IMX_LOG_INFO : IMX_LOG_DEBUG,
                "self-test: %d kernel variants are right on this device (%.1f s)", g->dev->n_trusted - known, took);
        imx_selftest_remember(g->dev);
    }
    return IMX_OK;
}

static void find_lives(struct imx_graph *g)
{
    for (int t = 0; t < g->n_tensors; t++)
        g->tensor[t].first = g->tensor[t].last = -1;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].op->n_args; k++) {
            struct imx_tensor *t = &g->tensor[g->node[i].arg[k]];
            for (struct imx_tensor *of = t;; of = &g->tensor[of->base]) {
                if (of->first < 0)
                    of->first = i;
                of->last = i;
                if (of->place != IMX_PLACE_VIEW)
                    break;
            }
        }
}

/* May node i put its result into the memory of its input? */
static bool takes_over(const struct imx_graph *g, int i, imx_tid in, imx_tid out)
{
    const struct imx_tensor *a = &g->tensor[in], *b = &g->tensor[out];
    int uses = 0;
    for (int k = 0; k < g->node[i].op->n_args; k++)
        uses += imx_graph_whole(g, g->node[i].arg[k]) == in;
    return in && out && a->place == IMX_PLACE_TEMP && b->place == IMX_PLACE_TEMP && a->count == b->count &&
           a->dtype == b->dtype && a->last == i && b->first == i && uses == 1;
}

static void find_heirs(struct imx_graph *g)
{
    for (int t = 0; t < g->n_tensors; t++)
        g->tensor[t].heir = g->tensor[t].inherits = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_variant *v = g->node[i].variant;
        const imx_tid in = g->node[i].arg[v->over.in], out = g->node[i].arg[v->over.out];
        if (v->over.in != v->over.out && takes_over(g, i, in, out)) {
            g->tensor[in].heir = out;
            g->tensor[out].inherits = true;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first)
        return x->first - y->first;
    return x->tensor != y->tensor ? x->tensor - y->tensor : x->node - y->node;
}

static int collect(const struct imx_graph *g, struct piece *piece)
{
    int n = 0;
    for (int t = 1; t < g->n_tensors; t++) {
        const struct imx_tensor *x = &g->tensor[t], *end = x;
        while (end->heir)
            end = &g->tensor[end->heir];
        if (x->place == IMX_PLACE_TEMP && x->first >= 0 && !x->inherits)
            piece[n++] = (struct piece){
                padded((uint64_t)x->count * imx_dtype_size(x->dtype)), 0, x->first, end->last, 0, t, -1
            };
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].workspace)
            piece[n++] = (struct piece){ padded(g->node[i].workspace), 0, i, i, 0, -1, i };
    qsort(piece, (size_t)n, sizeof *piece, by_size);
    return n;
}

/* Lowest offset of `pool` where p overlaps no placed piece that is alive with it. */
static uint64_t lowest(const struct piece *piece, int placed, const struct piece *p, int pool)
{
    uint64_t off = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < placed; i++) {
            const struct piece *q = &piece[i];
            if (q->pool == pool && q->first <= p->last && p->first <= q->last && off < q->off + q->bytes &&
                q->off < off + p->bytes) {
                off = q->off + q->bytes;
                moved = true;
            }
        }
    }
    return off;
}

static imx_status place(struct imx_graph *g, struct piece *piece, int n, uint64_t pool_bytes[MAX_POOLS])
{
    const uint64_t max = g->dev->caps.max_alloc_bytes;
    for (int i = 0; i < n; i++) {
        struct piece *p = &piece[i];
        for (p->pool = 0; p->pool < MAX_POOLS; p->pool++) {
            p->off = lowest(piece, i, p, p->pool);
            if (!max || p->off + p->bytes <= max)
                break;
        }
        if (p->bytes > max && max)
            return imx_fail(IMX_E_NOMEM,
                            "%s needs %llu MB in one piece, the device allows %llu MB; a smaller --batch needs less",
                            p->tensor >= 0 ? g->tensor[p->tensor].name : g->node[p->node].name,
                            (unsigned long long)(p->bytes >> 20), (unsigned long long)(max >> 20));
        if (p->pool == MAX_POOLS)
            return imx_fail(IMX_E_NOMEM, "the plan needs more than %d pools of %llu MB", MAX_POOLS,
                            (unsigned long long)(max >> 20));
        if (pool_bytes[p->pool] < p->off + p->bytes)
            pool_bytes[p->pool] = p->off + p->bytes;
    }
    return IMX_OK;
}

/* at[i] = bytes that are alive at node i; returns the most. */
static uint64_t alive(const struct imx_graph *g, const struct piece *piece, int n, uint64_t *at)
{
    uint64_t most = 0, now = 0;
    for (int i = 0; i <= g->n_nodes; i++)
        at[i] = 0;
    for (int k = 0; k < n; k++) { /* differences, which wrap around below 0 and back */
        at[piece[k].first] += piece[k].bytes;
        at[piece[k].last + 1] -= piece[k].bytes;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        at[i] = now += at[i];
        most = now > most ? now : most;
    }
    return most;
}

static imx_status allocate(struct imx_graph *g, const struct piece *piece, int n, const uint64_t *pool_bytes)
{
    for (int i = 0; i < MAX_POOLS && pool_bytes[i]; i++) {
        IMX_TRY(g->dev->vt->alloc(g->dev, pool_bytes[i], &g->pool[i]));
        g->n_pools = i + 1;
    }
    for (int i = 0; i < n; i++) {
        const struct piece *p = &piece[i];
        if (p->tensor >= 0) {
            const struct imx_tensor *x = &g->tensor[p->tensor];
            const struct imx_mem mem = { g->pool[p->pool], p->off, (uint64_t)x->count * imx_dtype_size(x->dtype) };
            for (imx_tid t = p->tensor; t; t = g->tensor[t].heir) /* all of one size */
                g->tensor[t].mem = mem;
        } else {
            g->node[p->node].args.ws = (struct imx_mem){ g->pool[p->pool], p->off, g->node[p->node].workspace };
        }
    }
    for (int t = 1; t < g->n_tensors; t++) {
        struct imx_tensor *x = &g->tensor[t];
        const uint64_t bytes = (uint64_t)x->count * imx_dtype_size(x->dtype);
        if (x->place == IMX_PLACE_KEEP) {
            struct imx_buf *buf = NULL;
            IMX_TRY(g->dev->vt->alloc(g->dev, padded(bytes), &buf));
            x->mem = (struct imx_mem){ buf, 0, bytes };
        } else if (x->place == IMX_PLACE_PARAM || x->place == IMX_PLACE_GRAD) {
            x->mem = imx_store_mem(g->store, x->index, x->place == IMX_PLACE_PARAM ? IMX_ARENA_PARAM : IMX_ARENA_GRAD);
        } else if (x->place == IMX_PLACE_ARENA) {
            x->mem = imx_store_arena(g->store, (enum imx_arena)x->index);
        } else if (x->place == IMX_PLACE_VIEW) { /* its base stands before it */
            x->mem = imx_part(g->tensor[x->base].mem, (uint64_t)x->at * imx_dtype_size(x->dtype), bytes);
        }
    }
    return IMX_OK;
}

static uint64_t sum_keep(const struct imx_graph *g)
{
    uint64_t sum = 0;
    for (int t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_KEEP)
            sum += padded((uint64_t)g->tensor[t].count * imx_dtype_size(g->tensor[t].dtype));
    return sum;
}

/* Variants, lives and pieces; *piece is the caller's to free. */
static imx_status prepare(struct imx_graph *g, struct piece **piece, int *n)
{
    IMX_TRY(choose_variants(g));
    *piece = malloc(sizeof **piece * (size_t)(g->n_tensors + g->n_nodes));
    if (!*piece)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    find_lives(g);
    find_heirs(g);
    *n = collect(g, *piece);
    return IMX_OK;
}

imx_status imx_plan_levels(struct imx_graph *g, uint64_t *at, uint64_t *most)
{
    struct piece *piece;
    int n;
    IMX_TRY(prepare(g, &piece, &n));
    *most = alive(g, piece, n, at);
    free(piece);
    return IMX_OK;
}

imx_status imx_plan_bytes(struct imx_graph *g, uint64_t *bytes)
{
    uint64_t pool_bytes[MAX_POOLS] = { 0 };
    struct piece *piece;
    int n;
    IMX_TRY(prepare(g, &piece, &n));
    const imx_status status = place(g, piece, n, pool_bytes);
    *bytes = 0;
    for (int i = 0; i < MAX_POOLS; i++)
        *bytes += pool_bytes[i];
    free(piece);
    return status;
}

static imx_status finish(struct imx_graph *g)
{
    imx_status status = IMX_OK;
    uint64_t pool_bytes[MAX_POOLS] = { 0 }, *at = malloc(sizeof *at * (size_t)(g->n_nodes + 1));
    struct piece *piece = NULL;
    int n;
    if (!at)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to plan"));
    IMX_GO(prepare(g, &piece, &n));
    IMX_GO(place(g, piece, n, pool_bytes));
    g->lower_bound = alive(g, piece, n, at);
    g->keep_bytes = sum_keep(g);
    g->temp_bytes = 0;
    for (int i = 0; i < MAX_POOLS; i++)
        g->temp_bytes += pool_bytes[i];
    if (!g->store->buf[IMX_ARENA_PARAM])
        IMX_GO(imx_store_commit(g->store));
    IMX_GO(allocate(g, piece, n, pool_bytes));
fail:
    free(piece);
    free(at);
    return status;
}

/* The first node that reads what the host fills, whole or a slice of it. */
static void find_meeting(struct imx_graph *g)
{
    g->meet_node = -1;
    for (int i = g->n_nodes - 1; i >= 0 && g->meeting; i--)
        for (int k = 0; k < g->node[i].op->n_args; k++)
            if (imx_graph_whole(g, g->node[i].arg[k]) == g->meeting)
                g->meet_node = i;
}

/* imx_graph_fuse, unless the plan would then exceed the limit (0: none) that it keeps: the parts of the statistics take
 * a little scratch. Slices know the plain ops. */
static imx_status fuse(struct imx_graph *g, uint64_t limit, uint64_t others)
{
    imx_status status = IMX_OK;
    const int n = g->n_nodes;
    uint64_t bytes = 0;
    if (!g->n_slices && !limit)
        imx_graph_fuse(g);
    if (g->n_slices || !limit)
        return IMX_OK;
    struct imx_node *plain = malloc((size_t)n * sizeof *plain);
    if (!plain)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    memcpy(plain, g->node, (size_t)n * sizeof *plain);
    imx_graph_fuse(g);
    IMX_GO(imx_plan_bytes(g, &bytes));
    if (bytes + others > limit) {
        memcpy(g->node, plain, (size_t)n * sizeof *plain);
        g->n_nodes = n;
    }
fail:
    free(plain);
    return status;
}

imx_status imx_graph_plan(struct imx_graph *g, uint64_t limit)
{
    IMX_TRY(g->status);
    const uint64_t others = sum_keep(g) + imx_store_bytes(g->store);
    if (limit)
        IMX_TRY(imx_graph_fit(g, limit, others));
    IMX_TRY(fuse(g, limit, others));
    IMX_TRY(finish(g));
    imx_testers_dismiss(g->dev); /* what comes later is little, and each of them has a compiler in memory */
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].op->n_args; k++)
            g->node[i].args.m[k] = g->node[i].arg[k] ? g->tensor[g->node[i].arg[k]].mem : (struct imx_mem){ 0 };
    find_meeting(g);
    const float one = 1.0f;
    if (g->one)
        IMX_TRY(imx_graph_upload(g, g->one, &one));
    imx_log(IMX_LOG_DEBUG, "plan: %d nodes, %.1f MB for temporaries (lower bound %.1f MB), %.1f MB kept", g->n_nodes,
            (double)g->temp_bytes / 1048576.0, (double)g->lower_bound / 1048576.0, (double)g->keep_bytes / 1048576.0);
    return IMX_OK;
}
