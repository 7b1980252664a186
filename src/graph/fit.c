/* See fit.h. For several numbers of slices: tensors are turned virtual, and real again, as long as that lowers the
 * plan; where that ends is the least which this number of slices needs, whatever the limit. From there on, as long as
 * the limit allows, tensors become real again, first those that save most work. The cheapest plan of all is taken.
 * Work: operations, or bytes moved times what a device computes meanwhile, plus something for every launch. Nothing
 * depends on time or chance. */
#include "graph/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"
#include "graph/stream.h"

#define FLOP_PER_BYTE   8.0
#define FLOP_PER_LAUNCH 2e7
enum { LEAST_BYTES = 65536, MOST_SLICES = 64 };

/* The graph as it was built, to begin every trial from. */
struct saved {
    struct imx_tensor *tensor;
    struct imx_node *node;
    int n_tensors, n_nodes;
};

/* What is known of a plan. */
struct trial {
    bool ok;
    uint64_t most; /* bytes alive at the worst node */
    double high;   /* the sum over the nodes as built of (MB alive)^8: sees the second worst, too */
    double work;
};

struct search {
    struct imx_graph *g;
    struct saved saved;
    uint64_t *level, *by_origin; /* of the trial made last: bytes alive by node, and by node as built */
    size_t room;
    bool *virt; /* [n_tensors] chosen */
    int32_t per;
};

static imx_status save(struct search *s)
{
    const struct imx_graph *g = s->g;
    s->saved = (struct saved){ malloc(sizeof *g->tensor * (size_t)g->n_tensors),
                               malloc(sizeof *g->node * (size_t)g->n_nodes), g->n_tensors, g->n_nodes };
    s->virt = calloc((size_t)g->n_tensors, sizeof *s->virt);
    s->by_origin = calloc((size_t)g->n_nodes, sizeof *s->by_origin);
    if (!s->saved.tensor || !s->saved.node || !s->virt || !s->by_origin)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    memcpy(s->saved.tensor, g->tensor, sizeof *g->tensor * (size_t)g->n_tensors);
    memcpy(s->saved.node, g->node, sizeof *g->node * (size_t)g->n_nodes);
    for (int i = 0; i < g->n_nodes; i++)
        s->saved.node[i].origin = i;
    return IMX_OK;
}

static imx_status restore(struct search *s)
{
    struct imx_graph *g = s->g;
    struct imx_tensor *tensor = malloc(sizeof *tensor * (size_t)s->saved.n_tensors);
    struct imx_node *node = malloc(sizeof *node * (size_t)s->saved.n_nodes);
    if (!tensor || !node) {
        free(tensor);
        free(node);
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    }
    memcpy(tensor, s->saved.tensor, sizeof *tensor * (size_t)s->saved.n_tensors);
    memcpy(node, s->saved.node, sizeof *node * (size_t)s->saved.n_nodes);
    free(g->tensor);
    free(g->node);
    g->tensor = tensor;
    g->node = node;
    g->n_tensors = s->saved.n_tensors;
    g->n_nodes = s->saved.n_nodes;
    g->n_slices = g->n_virtual = g->n_again = 0;
    return IMX_OK;
}

static double work_of(const struct imx_graph *g)
{
    double sum = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        struct imx_arg a[IMX_MAX_ARGS] = { 0 };
        double bytes = 0;
        n->op->args(n->problem, a);
        for (int k = 0; k < n->op->n_args; k++)
            bytes += (double)a[k].count * (double)imx_dtype_size(a[k].dtype);
        const double flop = n->op->flop ? n->op->flop(n->problem) : 0;
        sum += (n->times ? n->times : 1) *
               ((flop > FLOP_PER_BYTE * bytes ? flop : FLOP_PER_BYTE * bytes) + FLOP_PER_LAUNCH);
    }
    return sum;
}

/* What the graph as it stands needs. */
static imx_status judge(struct search *s, struct trial *t)
{
    struct imx_graph *g = s->g;
    if ((size_t)g->n_nodes + 1 > s->room) {
        free(s->level);
        s->room = 2 * ((size_t)g->n_nodes + 1);
        s->level = malloc(s->room * sizeof *s->level);
        if (!s->level)
            return imx_fail(IMX_E_NOMEM, "no memory to plan");
    }
    IMX_TRY(imx_plan_levels(g, s->level, &t->most));
    memset(s->by_origin, 0, sizeof *s->by_origin * (size_t)s->saved.n_nodes);
    for (int i = 0; i < g->n_nodes; i++) {
        uint64_t *at = &s->by_origin[g->node[i].origin];
        *at = s->level[i] > *at ? s->level[i] : *at;
    }
    t->high = 0;
    for (int i = 0; i < s->saved.n_nodes; i++)
        t->high += pow((double)s->by_origin[i] / 1048576.0, 8);
    t->work = work_of(g);
    return IMX_OK;
}

/* Makes the graph with the chosen tensors virtual. */
static imx_status rewrite(struct search *s, bool sketch, bool *ok)
{
    bool any = false;
    IMX_TRY(restore(s));
    for (int i = 0; i < s->saved.n_tensors; i++)
        any |= s->virt[i];
    *ok = true;
    return any ? imx_graph_stream(s->g, s->virt, s->per, sketch, ok) : IMX_OK;
}

/* The plan with tensor t the other way round. */
static imx_status try_turned(struct search *s, int t, struct trial *next)
{
    *next = (struct trial){ 0 };
    s->virt[t] = !s->virt[t];
    imx_status status = rewrite(s, true, &next->ok);
    if (status == IMX_OK && next->ok)
        status = judge(s, next);
    s->virt[t] = !s->virt[t];
    return status;
}

/* Temporaries that have rows for the batch and are worth the trouble. */
static bool candidate(const struct search *s, int t)
{
    const struct imx_tensor *x = &s->saved.tensor[t];
    const uint64_t bytes = (uint64_t)x->count * imx_dtype_size(x->dtype);
    return x->place == IMX_PLACE_TEMP && x->count % s->g->batch == 0 && x->first >= 0 && bytes >= LEAST_BYTES;
}

/* How far a trial goes where a sweep wants to: lower is better. shrink: down with the plan; else less work. */
static double aim(const struct trial *t, bool shrink)
{
    return shrink ? t->high : t->work;
}

static bool better(const struct trial *next, const struct trial *now, uint64_t most, bool shrink)
{
    return next->ok && (shrink || next->most <= most) && aim(next, shrink) < aim(now, shrink);
}

struct offer {
    int tensor;
    double aim;
};

static int by_aim(const void *a, const void *b)
{
    const struct offer *x = a, *y = b;
    return x->aim != y->aim ? (x->aim > y->aim) - (x->aim < y->aim) : x->tensor - y->tensor;
}

/* Tries to turn each tensor by itself, then turns those that helped, the best first, as long as they still help behind
 * the ones before. shrink: any, to lower the plan; else virtual ones become real to save work while the plan stays
 * within `most` bytes. *found = false: none helps. */
static imx_status sweep(struct search *s, struct trial *now, uint64_t most, bool shrink, bool *found)
{
    imx_status status = IMX_OK;
    struct trial next;
    int n = 0;
    struct offer *offer = malloc(sizeof *offer * (size_t)s->saved.n_tensors);
    if (!offer)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    for (int t = 1; t < s->saved.n_tensors; t++) {
        if (!s->virt[t] && !(shrink && candidate(s, t)))
            continue;
        IMX_GO(try_turned(s, t, &next));
        if (better(&next, now, most, shrink))
            offer[n++] = (struct offer){ t, aim(&next, shrink) };
    }
    qsort(offer, (size_t)n, sizeof *offer, by_aim);
    *found = n > 0;
    for (int i = 0; i < n; i++) {
        IMX_GO(try_turned(s, offer[i].tensor, &next));
        if (!better(&next, now, most, shrink))
            continue;
        s->virt[offer[i].tensor] = !s->virt[offer[i].tensor];
        *now = next;
    }
fail:
    free(offer);
    return status;
}

static imx_status real_bytes(struct search *s, uint64_t *bytes)
{
    bool ok;
    IMX_TRY(rewrite(s, false, &ok));
    if (!ok)
        return imx_fail(IMX_E_INTERNAL, "a plan that could be sketched cannot be made");
    return imx_plan_bytes(s->g, bytes);
}

/* Chooses tensors for slices of s->per images. *least: what they need at least; *bytes: what the choice needs, at most
 * budget when *least is. */
static imx_status choose(struct search *s, uint64_t budget, struct trial *now, uint64_t *least, uint64_t *bytes)
{
    imx_status status = IMX_OK;
    const size_t size = (size_t)s->saved.n_tensors * sizeof *s->virt;
    bool found, *floor = malloc(size);
    struct trial at_floor;
    if (!floor)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    memset(s->virt, 0, size);
    IMX_GO(rewrite(s, true, &at_floor.ok));
    IMX_GO(judge(s, &at_floor));
    for (found = true; found;)
        IMX_GO(sweep(s, &at_floor, 0, true, &found));
    IMX_GO(real_bytes(s, least));
    memcpy(floor, s->virt, size);
    *bytes = *least;
    *now = at_floor;
    /* Where the pieces do not lie as tightly as they might, once more with a little less room. */
    for (uint64_t room = budget; *least <= budget; room -= budget / 50) {
        memcpy(s->virt, floor, size);
        *now = at_floor;
        for (found = room > budget / 2; found;)
            IMX_GO(sweep(s, now, room, false, &found));
        IMX_GO(real_bytes(s, bytes));
        if (*bytes <= budget)
            break;
    }
fail:
    free(floor);
    return status;
}

static imx_status search(struct search *s, uint64_t limit, uint64_t others)
{
    const uint64_t budget = limit > others ? limit - others : 0;
    const size_t size = (size_t)s->saved.n_tensors * sizeof *s->virt;
    uint64_t least;
    struct trial best = { 0 };
    bool ok, *best_virt = malloc(size);
    int32_t best_per = 0;
    imx_status status = IMX_OK;
    if (!best_virt)
        return imx_fail(IMX_E_NOMEM, "no memory to plan");
    IMX_GO(imx_plan_bytes(s->g, &least));
    for (int32_t slices = 2; s->g->batch && slices <= MOST_SLICES && slices <= s->g->batch; slices *= 2) {
        struct trial t = { 0 };
        uint64_t needs, bytes;
        s->per = (s->g->batch + slices - 1) / slices;
        IMX_GO(choose(s, budget, &t, &needs, &bytes));
        least = needs < least ? needs : least;
        if (needs <= budget && best.ok && best.work <= t.work)
            break; /* finer slices only cost more from here on */
        if (needs > budget)
            continue;
        best = t;
        best_per = s->per;
        memcpy(best_virt, s->virt, size);
    }
    if (!best.ok)
        IMX_GO(imx_fail(IMX_E_NOMEM,
                        "the step needs at least %.1f MB, --memory allows %.1f MB; a smaller --batch needs less",
                        ceil((double)(least + others) / 104857.6) / 10.0, (double)limit / 1048576.0));
    s->per = best_per;
    memcpy(s->virt, best_virt, size);
    status = rewrite(s, false, &ok);
fail:
    free(best_virt);
    return status;
}

imx_status imx_graph_fit(struct imx_graph *g, uint64_t limit, uint64_t others)
{
    imx_status status = IMX_OK;
    struct search s = { .g = g };
    uint64_t bytes;
    IMX_TRY(imx_plan_bytes(g, &bytes));
    if (bytes + others <= limit)
        return IMX_OK;
    IMX_GO(save(&s));
    status = search(&s, limit, others);
fail:
    free(s.saved.tensor);
    free(s.saved.node);
    free(s.virt);
    free(s.level);
    free(s.by_origin);
    return status;
}
