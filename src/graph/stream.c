/* See stream.h. Batch norm and critic are first taken apart where sums over the batch meet (imx_bnpart, critic_part). A
 * node all of whose outputs are virtual runs only on demand; one that touches virtual tensors and has real outputs
 * belongs to a pass: a loop over the slices that runs everything its nodes need of the slice at hand. A pass takes up
 * nodes as long as none needs a finished sum of its own. */
#include "graph/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/slice.h"
#include "ops/batchnorm.h"
#include "ops/bnpart.h"
#include "ops/critic.h"
#include "ops/eltwise.h"
#include "ops/gemm.h"
#include "ops/layernorm.h"
#include "ops/rowchunk.h"

enum kind { PLAIN, MAKER, REAL };

struct item {
    struct imx_node node;
    enum kind kind;
    bool done;    /* its real outputs are computed by what was emitted so far */
    bool in_pass; /* of the pass being gathered: its real outputs are */
    bool in_body; /* of the pass being gathered: it runs */
    int runs;     /* passes that ran it */
    int asked;    /* the last question (stream.questions) that came by */
};

struct stream {
    struct imx_graph *g;
    int32_t per;
    bool *virt;    /* [n_tensors], grows with the graph */
    int *producer; /* [n_tensors] item, -1: none */
    imx_tid *now;  /* [n_tensors] of a virtual tensor: its slice at hand; of a sum: what it has come to */
    int n_tensors; /* that the arrays know: of the graph, and what taking apart added */
    struct item *item;
    int n, room;
    bool sketch;
    bool failed; /* a node cannot be cut that way */
    int questions;
};

/* ---- taking nodes apart ---- */

static imx_status push(struct stream *s, const struct imx_op *op, const void *problem, const imx_tid *arg,
                       const struct imx_node *from, int origin)
{
    if (s->n == s->room) {
        const int room = s->room ? 2 * s->room : 256;
        struct item *grown = realloc(s->item, (size_t)room * sizeof *grown);
        if (!grown)
            return imx_fail(IMX_E_NOMEM, "no memory to rewrite a graph");
        s->item = grown;
        s->room = room;
    }
    struct item *x = &s->item[s->n++];
    *x = (struct item){ .node = { .op = op, .origin = origin } };
    memcpy(x->node.problem, problem, op->problem_size);
    memcpy(x->node.arg, arg, (size_t)op->n_args * sizeof *arg);
    memcpy(x->node.name, from->name, sizeof x->node.name);
    return IMX_OK;
}

/* Rows that share a part of batch norm's statistics: those of the op in one piece, or fewer that divide a slice. */
static int32_t part_rows(const struct stream *s, int32_t rows)
{
    const int32_t slice = rows / s->g->batch * s->per;
    int32_t chunk = imx_rowchunk(rows, s->g->dev->caps.type == IMX_DEV_CPU).rows;
    chunk = chunk < slice ? chunk : slice;
    while (slice % chunk)
        chunk--;
    return chunk;
}

static struct imx_bnpart bnpart_of(const struct stream *s, const struct imx_batchnorm *d)
{
    return (struct imx_bnpart){ d->rows, d->cols, d->rows, part_rows(s, d->rows), d->act, d->eps, d->momentum };
}

static imx_tid parts(struct stream *s, const struct imx_bnpart *d)
{
    return imx_graph_temp(s->g, IMX_F32, (int64_t)((d->total + d->chunk - 1) / d->chunk) * 2 * d->cols, "part");
}

static imx_status split_bn_fwd(struct stream *s, const struct imx_node *n, int origin)
{
    struct imx_batchnorm d;
    const imx_tid *a = n->arg;
    memcpy(&d, n->problem, sizeof d);
    if (d.rows % s->g->batch) {
        s->failed = true;
        return IMX_OK;
    }
    const struct imx_bnpart p = bnpart_of(s, &d);
    const imx_tid part = parts(s, &p);
    IMX_TRY(push(s, &imx_op_bn_stat, &p, (imx_tid[]){ a[IMX_BN_FWD_SRC], part }, n, origin));
    IMX_TRY(push(
        s, &imx_op_bn_merge, &p,
        (imx_tid[]){ part, a[IMX_BN_FWD_RUN_MEAN], a[IMX_BN_FWD_RUN_VAR], a[IMX_BN_FWD_MEAN], a[IMX_BN_FWD_INVSTD] }, n,
        origin));
    return push(s, &imx_op_bn_apply, &p,
                (imx_tid[]){ a[IMX_BN_FWD_SRC], a[IMX_BN_FWD_GAMMA], a[IMX_BN_FWD_BETA], a[IMX_BN_FWD_MEAN],
                             a[IMX_BN_FWD_INVSTD], a[IMX_BN_FWD_DST] },
                n, origin);
}

static imx_status split_bn_bwd(struct stream *s, const struct imx_node *n, int origin)
{
    struct imx_batchnorm d;
    imx_tid a[IMX_MAX_ARGS];
    memcpy(a, n->arg, sizeof a); /* SRC, DDST, GAMMA, BETA, MEAN, INVSTD stand first in all */
    memcpy(&d, n->problem, sizeof d);
    if (d.rows % s->g->batch) {
        s->failed = true;
        return IMX_OK;
    }
    const struct imx_bnpart p = bnpart_of(s, &d);
    const imx_tid dsrc = n->arg[IMX_BN_BWD_DSRC], dgamma = n->arg[IMX_BN_BWD_DGAMMA], dbeta = n->arg[IMX_BN_BWD_DBETA];
    a[IMX_BN_BACK_PART] = parts(s, &p);
    IMX_TRY(push(s, &imx_op_bn_back_stat, &p, a, n, origin));
    IMX_TRY(push(s, &imx_op_bn_back_merge, &p, (imx_tid[]){ a[IMX_BN_BACK_PART], a[IMX_BN_BACK_INVSTD], dgamma, dbeta },
                 n, origin));
    a[IMX_BN_BACK_DGAMMA] = dgamma;
    a[IMX_BN_BACK_DBETA] = dbeta;
    a[IMX_BN_BACK_DSRC] = dsrc;
    return push(s, &imx_op_bn_back_apply, &p, a, n, origin);
}

static struct imx_critic_part critic_part_of(const struct imx_node *n)
{
    struct imx_critic d;
    memcpy(&d, n->problem, sizeof d);
    return (struct imx_critic_part){ d.n, d.p, d.q,     d.d0,  d.d1,  d.bias, d.est, 0,
                                     d.n, 0,   d.scale, d.neg, d.par, d.clip, d.l2 };
}

static imx_status split_critic_fwd(struct stream *s, const struct imx_node *n, int origin)
{
    struct imx_critic_part d = critic_part_of(n);
    const int64_t slices = (d.n + s->per - 1) / s->per;
    imx_tid a[IMX_MAX_ARGS];
    memcpy(a, n->arg, sizeof a);
    const imx_tid part = imx_graph_temp(s->g, IMX_F32, slices * imx_critic_part_rows(&d) * d.n * d.q, "part");
    const imx_tid pos = a[IMX_CRITIC_FWD_POS];
    const imx_tid end[] = {
        pos, part, a[IMX_CRITIC_FWD_LOSS], a[IMX_CRITIC_FWD_INFO], a[IMX_CRITIC_FWD_STAT], a[IMX_CRITIC_FWD_EMA]
    };
    a[IMX_CRITIC_PART_POS] = pos;
    a[IMX_CRITIC_PART_PART] = part;
    IMX_TRY(push(s, &imx_op_critic_part_fwd, &d, a, n, origin));
    d.images = s->per;
    return push(s, &imx_op_critic_part_end, &d, end, n, origin);
}

static imx_status split_critic_bwd(struct stream *s, const struct imx_node *n, int origin)
{
    struct imx_critic_part d = critic_part_of(n);
    imx_tid a[IMX_MAX_ARGS] = { 0 };
    memcpy(a, n->arg, (IMX_CRITIC_BWD_DLOSS + 1) * sizeof *a);
    for (int k = 0; k < 5; k++)
        a[IMX_CRITIC_PART_DL0 + k] = n->arg[IMX_CRITIC_BWD_DL0 + k];
    d.want = IMX_WANT_DG | (a[IMX_CRITIC_PART_DL0] ? IMX_WANT_DL0 : 0) | (a[IMX_CRITIC_PART_DL1] ? IMX_WANT_DL1 : 0);
    return push(s, &imx_op_critic_part_bwd, &d, a, n, origin);
}

static bool touches(const struct stream *s, const struct imx_node *n)
{
    for (int k = 0; k < n->op->n_args; k++)
        if (s->virt[n->arg[k]])
            return true;
    return false;
}

static imx_status take_apart(struct stream *s, const struct imx_node *n, int origin)
{
    imx_graph_label(s->g, "%.*s", (int)(strrchr(n->name, '.') ? strrchr(n->name, '.') - n->name : 0), n->name);
    if (touches(s, n)) {
        if (n->op == &imx_op_batchnorm_fwd)
            return split_bn_fwd(s, n, origin);
        if (n->op == &imx_op_batchnorm_bwd)
            return split_bn_bwd(s, n, origin);
        if (n->op == &imx_op_critic_fwd)
            return split_critic_fwd(s, n, origin);
        if (n->op == &imx_op_critic_bwd)
            return split_critic_bwd(s, n, origin);
    }
    return push(s, n->op, n->problem, n->arg, n, origin);
}

/* ---- which node is what ---- */

static enum imx_role role_of(const struct imx_node *n, int k)
{
    struct imx_arg a[IMX_MAX_ARGS] = { 0 };
    n->op->args(n->problem, a);
    return a[k].role;
}

/* A virtual tensor's rows must be those of the batch, and one node must make them. */
static bool find_kinds(struct stream *s)
{
    const struct imx_graph *g = s->g;
    const struct imx_slice whole = { g->batch, s->per, 0, g->batch };
    for (int i = 0; i < s->n; i++) {
        struct item *x = &s->item[i];
        struct imx_arg a[IMX_MAX_ARGS] = { 0 };
        struct imx_sliced cut;
        bool real = false;
        const bool cuts = touches(s, &x->node);
        if (cuts && !imx_slice_node(&x->node, s->virt, whole, &cut))
            return false;
        x->node.op->args(x->node.problem, a);
        for (int k = 0; k < x->node.op->n_args; k++) {
            const imx_tid t = x->node.arg[k];
            if (cuts && t && cut.cut[k] == IMX_CUT_ROWS && g->tensor[t].count % g->batch)
                return false;
            if (s->virt[t] && (a[k].role == IMX_INOUT || (a[k].role == IMX_OUT && s->producer[t] >= 0)))
                return false;
            if (!t || a[k].role != IMX_OUT)
                continue;
            s->producer[t] = i;
            real |= !s->virt[t];
        }
        x->kind = !cuts ? PLAIN : real ? REAL : MAKER;
    }
    for (imx_tid t = 1; t < s->n_tensors; t++)
        if (s->virt[t] && (s->producer[t] < 0 || g->tensor[t].place != IMX_PLACE_TEMP))
            return false;
    return true;
}

/* ---- passes ---- */

/* Everything that argument k reads is there when a pass over the slices begins, or comes by rows from the same pass. */
static bool ready(const struct stream *s, const struct item *x, int k, bool by_rows)
{
    const imx_tid t = x->node.arg[k];
    const int p = t ? s->producer[t] : -1;
    if (t && s->g->tensor[t].place == IMX_PLACE_ARENA)
        return false;
    if (p < 0 || s->item[p].done)
        return true;
    if (!s->item[p].in_pass || !by_rows)
        return false;
    const struct imx_slice whole = { s->g->batch, s->per, 0, s->g->batch };
    struct imx_sliced cut;
    if (!imx_slice_node(&s->item[p].node, s->virt, whole, &cut))
        return false;
    for (int o = 0; o < s->item[p].node.op->n_args; o++)
        if (s->item[p].node.arg[o] == t && role_of(&s->item[p].node, o) == IMX_OUT)
            return cut.cut[o] == IMX_CUT_ROWS;
    return false;
}

/* Item i can run in the pass being gathered, with what it needs on demand. Whom the question met stays marked: paths
 * that meet again (residual blocks) are walked once, and a no of one is a no to all. */
static bool joins(struct stream *s, int i)
{
    struct item *x = &s->item[i];
    const struct imx_slice whole = { s->g->batch, s->per, 0, s->g->batch };
    struct imx_sliced cut;
    if (x->in_body || x->asked == s->questions)
        return true;
    x->asked = s->questions;
    if (!imx_slice_node(&x->node, s->virt, whole, &cut))
        return false;
    for (int k = 0; k < x->node.op->n_args; k++) {
        const imx_tid t = x->node.arg[k];
        if (!t || role_of(&x->node, k) == IMX_OUT)
            continue;
        if (!s->virt[t]) {
            if (!ready(s, x, k, cut.cut[k] == IMX_CUT_ROWS))
                return false;
            continue;
        }
        const int p = s->producer[t];
        if (s->item[p].kind == REAL && !s->item[p].done && !s->item[p].in_pass)
            return false;
        if (!joins(s, p))
            return false;
    }
    return true;
}

static bool take_up(struct stream *s, int i)
{
    s->questions++;
    if (!joins(s, i))
        return false;
    for (int k = 0; k < s->n; k++)
        s->item[k].in_body |= s->item[k].asked == s->questions;
    s->item[i].in_pass = true;
    return true;
}

/* A virtual output that nobody in the pass reads. */
static bool unread(const struct stream *s, imx_tid t)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; s->item[i].in_body && k < s->item[i].node.op->n_args; k++)
            if (s->item[i].node.arg[k] == t && s->producer[t] != i)
                return false;
    return true;
}

static imx_tid slice_temp(struct stream *s, imx_tid t, struct imx_slice at)
{
    const struct imx_tensor x = s->g->tensor[t];
    const char *dot = strrchr(x.name, '.');
    return imx_graph_temp(s->g, x.dtype, x.count / at.batch * at.count, dot ? dot + 1 : x.name);
}

static imx_tid view(struct stream *s, imx_tid t, int64_t at, int64_t count)
{
    const struct imx_tensor *x = &s->g->tensor[t];
    const uint64_t align = s->g->dev->caps.align_bytes ? s->g->dev->caps.align_bytes : 1;
    if (count == x->count)
        return t;
    if ((uint64_t)at * imx_dtype_size(x->dtype) % align)
        s->failed = true;
    return imx_graph_view(s->g, t, at, count);
}

/* The critic computes what is asked for: in its own pass everything but locals that nobody reads, later only those. */
static void critic_wants(const struct stream *s, const struct item *x, struct imx_sliced *cut)
{
    struct imx_critic_part d;
    const imx_tid dl0 = x->node.arg[IMX_CRITIC_PART_DL0], dl1 = x->node.arg[IMX_CRITIC_PART_DL1];
    memcpy(&d, cut->problem, sizeof d);
    if (!x->in_pass)
        d.want &= ~IMX_WANT_DG;
    if (!dl0 || (s->virt[dl0] ? unread(s, dl0) : !x->in_pass))
        d.want &= ~IMX_WANT_DL0;
    if (!dl1 || (s->virt[dl1] ? unread(s, dl1) : !x->in_pass))
        d.want &= ~IMX_WANT_DL1;
    memcpy(cut->problem, &d, sizeof d);
}

/* Ops that add to a sum themselves get it as an argument; the others are followed by an addition. */
static bool adds_itself(const struct imx_op *op)
{
    return op == &imx_op_gemm || op == &imx_op_critic_part_bwd;
}

static void pass_sum(struct stream *s, const struct item *x, int k, imx_tid sum, imx_tid *arg, struct imx_sliced *cut)
{
    (void)s;
    if (x->node.op == &imx_op_gemm) {
        struct imx_gemm d;
        memcpy(&d, cut->problem, sizeof d);
        d.add = 1;
        memcpy(cut->problem, &d, sizeof d);
        arg[IMX_GEMM_ADD] = sum;
        return;
    }
    struct imx_critic_part d;
    memcpy(&d, cut->problem, sizeof d);
    d.want |= IMX_WANT_ADD;
    memcpy(cut->problem, &d, sizeof d);
    arg[k == IMX_CRITIC_PART_DG0   ? IMX_CRITIC_PART_AG0
        : k == IMX_CRITIC_PART_DG1 ? IMX_CRITIC_PART_AG1
                                   : IMX_CRITIC_PART_AGB] = sum;
}

/* The argument k of item x for the slice `at`; want: its elements there. */
static imx_tid argument(struct stream *s, const struct item *x, int k, struct imx_slice at, struct imx_sliced *cut,
                        const struct imx_arg *want, imx_tid *arg)
{
    struct imx_graph *g = s->g;
    const imx_tid t = x->node.arg[k];
    const bool out = want->role == IMX_OUT, last = at.first + at.count == at.batch;
    const int64_t count = g->tensor[t].count;
    if (s->virt[t])
        return out ? s->now[t] = slice_temp(s, t, at) : s->now[t];
    if (out && !x->in_pass) /* computed before; this run is for the virtual ones */
        return imx_graph_temp(g, g->tensor[t].dtype, want->count, "again");
    switch (cut->cut[k]) {
    case IMX_CUT_WHOLE: return t;
    case IMX_CUT_ROWS: return view(s, t, count / at.batch * at.first, count / at.batch * at.count);
    case IMX_CUT_PART: return view(s, t, cut->part_at, want->count);
    case IMX_CUT_SUM: break;
    }
    if (at.first == 0)
        s->now[t] = 0;
    if (s->now[t] && adds_itself(x->node.op))
        pass_sum(s, x, k, s->now[t], arg, cut);
    if (last && (at.first == 0 || adds_itself(x->node.op)))
        return s->now[t] = t;
    const imx_tid to = imx_graph_temp(g, IMX_F32, count, "sum");
    if (at.first == 0 || adds_itself(x->node.op))
        s->now[t] = to;
    return to;
}

static imx_status emit(struct stream *s, const struct item *x, struct imx_slice at)
{
    struct imx_graph *g = s->g;
    struct imx_sliced cut;
    struct imx_arg want[IMX_MAX_ARGS] = { 0 };
    imx_tid arg[IMX_MAX_ARGS] = { 0 };
    if (!imx_slice_node(&x->node, s->virt, at, &cut)) {
        s->failed = true;
        return IMX_OK;
    }
    if (x->node.op == &imx_op_critic_part_bwd)
        critic_wants(s, x, &cut);
    x->node.op->args(cut.problem, want);
    for (int k = 0; k < x->node.op->n_args; k++)
        if (x->node.arg[k] && want[k].count && !s->failed)
            arg[k] = argument(s, x, k, at, &cut, &want[k], arg);
    if (s->failed)
        return IMX_OK;
    IMX_TRY(imx_graph_node(g, x->node.op, cut.problem, arg));
    for (int k = 0; k < x->node.op->n_args; k++) {
        const imx_tid t = x->node.arg[k];
        if (!t || !want[k].count || !x->in_pass || cut.cut[k] != IMX_CUT_SUM || at.first == 0 ||
            adds_itself(x->node.op))
            continue;
        const bool last = at.first + at.count == at.batch;
        const struct imx_axpby add = { (int32_t)g->tensor[t].count, 1.0f, 1.0f };
        const imx_tid to = last ? t : imx_graph_temp(g, IMX_F32, g->tensor[t].count, "sum");
        IMX_TRY(imx_graph_node(g, &imx_op_axpby, &add, (imx_tid[]){ s->now[t], arg[k], to }));
        s->now[t] = to;
    }
    return IMX_OK;
}

static void set_origin(struct imx_graph *g, int from, int origin)
{
    for (int i = from; i < g->n_nodes; i++)
        g->node[i].origin = origin;
}

static imx_status emit_body(struct stream *s, struct imx_slice slice)
{
    for (int i = 0; i < s->n && !s->failed; i++) {
        const char *name = s->item[i].node.name, *dot = strrchr(name, '.');
        if (!s->item[i].in_body)
            continue;
        imx_graph_label(s->g, "%.*s", (int)(dot ? dot - name : 0), name);
        IMX_TRY(emit(s, &s->item[i], slice));
    }
    return IMX_OK;
}

/* Emits the pass that was gathered, and begins an empty one. */
static imx_status flush(struct stream *s)
{
    struct imx_graph *g = s->g;
    const int32_t batch = g->batch;
    int first = -1;
    for (int i = 0; i < s->n && first < 0; i++)
        if (s->item[i].in_pass)
            first = i;
    if (first < 0)
        return IMX_OK;
    /* What only leaves sums can be taken up ahead of its turn. */
    for (int i = first; i < s->n; i++)
        if (s->item[i].kind == REAL && !s->item[i].done && !s->item[i].in_pass &&
            (s->item[i].node.op == &imx_op_bn_back_stat || s->item[i].node.op == &imx_op_bn_stat))
            take_up(s, i);
    const int begin = g->n_nodes;
    for (int32_t at = 0; at < batch && !s->failed; at += s->per) {
        const struct imx_slice slice = { batch, s->per, at, batch - at < s->per ? batch - at : s->per };
        const int from = g->n_nodes;
        if (s->sketch && at > s->per && at + s->per < batch)
            continue;
        IMX_TRY(emit_body(s, slice));
        for (int i = from; s->sketch && at == s->per && at + s->per < batch && i < g->n_nodes; i++)
            g->node[i].times = (batch - 1) / s->per - 1;
    }
    set_origin(g, begin, s->item[first].node.origin);
    for (int i = 0; i < s->n; i++) {
        struct item *x = &s->item[i];
        x->done |= x->in_pass;
        x->runs += x->in_body;
        x->in_pass = x->in_body = false;
    }
    return IMX_OK;
}

static bool plain_ready(const struct stream *s, const struct item *x)
{
    for (int k = 0; k < x->node.op->n_args; k++)
        if (x->node.arg[k] && role_of(&x->node, k) != IMX_OUT && !ready(s, x, k, false))
            return false;
    return true;
}

static imx_status emit_all(struct stream *s)
{
    struct imx_graph *g = s->g;
    for (int i = 0; i < s->n && !s->failed; i++) {
        struct item *x = &s->item[i];
        if (x->kind == MAKER || x->done || x->in_pass)
            continue;
        if (x->kind == REAL) {
            if (take_up(s, i))
                continue;
            IMX_TRY(flush(s));
            s->failed |= !x->done && !take_up(s, i);
            continue;
        }
        if (!plain_ready(s, x))
            IMX_TRY(flush(s));
        const char *dot = strrchr(x->node.name, '.');
        imx_graph_label(g, "%.*s", (int)(dot ? dot - x->node.name : 0), x->node.name);
        IMX_TRY(imx_graph_node(g, x->node.op, x->node.problem, x->node.arg));
        set_origin(g, g->n_nodes - 1, x->node.origin);
        x->done = true;
    }
    return flush(s);
}

static imx_status make_arrays(struct stream *s, const bool *virt, int known)
{
    s->n_tensors = s->g->n_tensors;
    const size_t n = (size_t)s->n_tensors;
    s->virt = calloc(n, sizeof *s->virt);
    s->producer = malloc(n * sizeof *s->producer);
    s->now = calloc(n, sizeof *s->now);
    if (!s->virt || !s->producer || !s->now)
        return imx_fail(IMX_E_NOMEM, "no memory to rewrite a graph");
    memcpy(s->virt, virt, (size_t)known * sizeof *virt);
    for (size_t t = 0; t < n; t++)
        s->producer[t] = -1;
    return IMX_OK;
}

imx_status imx_graph_stream(struct imx_graph *g, const bool *virt, int32_t per, bool sketch, bool *done)
{
    imx_status status = IMX_OK;
    struct stream s = { .g = g, .per = per, .sketch = sketch, .virt = (bool *)(uintptr_t)virt };
    struct imx_node *old = g->node;
    const int n_old = g->n_nodes, known = g->n_tensors;
    *done = false;
    for (int i = 0; i < n_old && !s.failed; i++)
        IMX_GO(take_apart(&s, &old[i], i));
    s.virt = NULL;
    IMX_GO(g->status);
    IMX_GO(make_arrays(&s, virt, known));
    if (s.failed || !find_kinds(&s))
        goto fail;
    g->node = NULL;
    g->n_nodes = 0;
    status = emit_all(&s);
    free(old);
    IMX_GO(status);
    IMX_GO(g->status);
    *done = !s.failed;
    g->n_slices = (g->batch + per - 1) / per;
    g->n_virtual = g->n_again = 0;
    for (imx_tid t = 1; t < s.n_tensors; t++)
        g->n_virtual += s.virt[t];
    for (int i = 0; i < s.n; i++)
        g->n_again += s.item[i].runs > 1;
fail:
    if (!s.producer)
        s.virt = NULL;
    free(s.virt);
    free(s.producer);
    free(s.now);
    free(s.item);
    return status;
}
