/* See fuse.h. */
#include "graph/fuse.h"

#include <stdlib.h>
#include <string.h>

#include "ops/batchnorm.h"
#include "ops/bnpart.h"
#include "ops/conv2d_bn.h"
#include "ops/gemm_bn.h"

/* A product as a node: the op that it is, the one that it may become, and how their arguments and problems lie. */
struct kind {
    const struct imx_op *plain, *bn;
    size_t plain_size, ends_at; /* bytes of the plain problem, which the other begins with; where its ends are */
    int n_args, src, dst;       /* arguments of the plain op; those that may be normalised and measured, -1: none */
    int32_t norm;               /* what struct imx_bn_ends calls src */
};
static const struct kind kinds[] = {
    { &imx_op_gemm, &imx_op_gemm_bn, sizeof(struct imx_gemm), offsetof(struct imx_gemm_bn, ends), IMX_GEMM_BN_ENDS,
      IMX_GEMM_A, IMX_GEMM_DST, 1 },
    { &imx_op_gemm, &imx_op_gemm_bn, sizeof(struct imx_gemm), offsetof(struct imx_gemm_bn, ends), IMX_GEMM_BN_ENDS,
      IMX_GEMM_B, IMX_GEMM_DST, 2 },
    { &imx_op_conv2d_fwd, &imx_op_conv2d_bn_fwd, sizeof(struct imx_conv2d), offsetof(struct imx_conv2d_bn, ends),
      IMX_CONV2D_BN_FWD_ENDS, IMX_CONV2D_FWD_SRC, IMX_CONV2D_FWD_DST, 1 },
    { &imx_op_conv2d_bwd_wei, &imx_op_conv2d_bn_wei, sizeof(struct imx_conv2d), offsetof(struct imx_conv2d_bn, ends),
      IMX_CONV2D_BN_WEI_ENDS, IMX_CONV2D_BWD_WEI_SRC, -1, 1 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* *out = the product n with more ends than it has. False: it has such an end already, or another variant would run it
 * then. Arguments that are new are 0 yet. */
static bool with_ends(const struct imx_graph *g, const struct imx_node *n, const struct kind *k,
                      const struct imx_bn_ends *more, struct imx_node *out)
{
    struct imx_bn_ends ends = { .eps = 1, .momentum = 1 };
    *out = *n;
    if (n->op == k->plain) {
        memset(out->problem + k->plain_size, 0, sizeof out->problem - k->plain_size);
        for (int i = k->n_args; i < IMX_MAX_ARGS; i++)
            out->arg[i] = 0;
    } else {
        memcpy(&ends, n->problem + k->ends_at, sizeof ends);
    }
    if ((more->norm && ends.norm) || (more->stat && ends.stat))
        return false;
    if (more->norm) {
        ends.norm = more->norm;
        ends.relu = more->relu;
    }
    if (more->stat) {
        ends.stat = 1;
        ends.eps = more->eps;
        ends.momentum = more->momentum;
    }
    out->op = k->bn;
    memcpy(out->problem + k->ends_at, &ends, sizeof ends);
    const struct imx_variant *was = imx_op_pick(g->dev, n->op, n->problem, NULL);
    const struct imx_variant *is = imx_op_pick(g->dev, out->op, out->problem, NULL);
    return was && is && !strcmp(was->name, is->name);
}

static bool is(const struct imx_node *n, const struct kind *k)
{
    return n->op == k->plain || n->op == k->bn;
}

/* Columns of what the product n makes, or of the argument that may be normalised. */
static int32_t columns(const struct imx_node *n, const struct kind *k, bool made)
{
    struct imx_gemm gemm;
    struct imx_conv2d conv;
    memcpy(&gemm, n->problem, sizeof gemm);
    memcpy(&conv, n->problem, sizeof conv);
    if (k->plain == &imx_op_gemm)
        return made ? gemm.n : imx_gemm_bn_cols(&gemm, k->norm);
    return made ? conv.o : conv.c;
}

/* How many arguments of n are t or views of it. */
static int uses(const struct imx_graph *g, const struct imx_node *n, imx_tid t)
{
    int found = 0;
    for (int i = 0; i < n->op->n_args; i++)
        found += imx_graph_whole(g, n->arg[i]) == t;
    return found;
}

/* The kind as which n reads t, as a matrix or images of `cols` columns; NULL: none. */
static const struct kind *reader(const struct imx_node *n, imx_tid t, int32_t cols)
{
    for (int i = 0; i < KINDS; i++)
        if (is(n, &kinds[i]) && n->arg[kinds[i].src] == t && columns(n, &kinds[i], false) == cols)
            return &kinds[i];
    return NULL;
}

/* The node that makes all of t, if it is a product whose columns are batch norm's. */
static int producer(const struct imx_graph *g, int end, imx_tid t, int32_t cols, const struct kind **kind)
{
    for (int i = end - 1; i >= 0; i--)
        for (int k = 0; k < KINDS; k++) {
            const struct imx_node *n = &g->node[i];
            if (!is(n, &kinds[k]) || kinds[k].dst < 0 || n->arg[kinds[k].dst] != t)
                continue;
            *kind = &kinds[k];
            return columns(n, *kind, true) == cols ? i : -1;
        }
    return -1;
}

/* Gives the statistics of batch norm b, a node, to the product that makes its input. */
static bool give_statistics(struct imx_graph *g, int b, const struct imx_batchnorm *d)
{
    const struct imx_bn_ends stat = { .stat = 1, .eps = d->eps, .momentum = d->momentum };
    const imx_tid *arg = g->node[b].arg;
    const struct kind *k = NULL;
    struct imx_node product;
    const int before = producer(g, b, arg[IMX_BN_FWD_SRC], d->cols, &k);
    if (before < 0 || !with_ends(g, &g->node[before], k, &stat, &product))
        return false;
    product.arg[k->n_args + IMX_BN_OUT_RUN_MEAN] = arg[IMX_BN_FWD_RUN_MEAN];
    product.arg[k->n_args + IMX_BN_OUT_RUN_VAR] = arg[IMX_BN_FWD_RUN_VAR];
    product.arg[k->n_args + IMX_BN_OUT_MEAN] = arg[IMX_BN_FWD_MEAN];
    product.arg[k->n_args + IMX_BN_OUT_INVSTD] = arg[IMX_BN_FWD_INVSTD];
    g->node[before] = product;
    return true;
}

/* *out = node n, which reads what batch norm b makes, reading what b reads instead; false: it cannot. */
static bool normalises(const struct imx_graph *g, const struct imx_node *n, const struct imx_node *b,
                       const struct imx_batchnorm *d, struct imx_node *out)
{
    const imx_tid dst = b->arg[IMX_BN_FWD_DST];
    const struct kind *k = uses(g, n, dst) == 1 ? reader(n, dst, d->cols) : NULL;
    const struct imx_bn_ends norm = { .norm = k ? k->norm : 0, .relu = d->act == IMX_ACT_RELU };
    if (!k || !with_ends(g, n, k, &norm, out))
        return false;
    out->arg[k->src] = b->arg[IMX_BN_FWD_SRC];
    out->arg[k->n_args + IMX_BN_IN_MEAN] = b->arg[IMX_BN_FWD_MEAN];
    out->arg[k->n_args + IMX_BN_IN_INVSTD] = b->arg[IMX_BN_FWD_INVSTD];
    out->arg[k->n_args + IMX_BN_IN_GAMMA] = b->arg[IMX_BN_FWD_GAMMA];
    out->arg[k->n_args + IMX_BN_IN_BETA] = b->arg[IMX_BN_FWD_BETA];
    return true;
}

/* Gives the rest of batch norm b to those who read its output, if all of them can take it. */
static bool give_normalisation(struct imx_graph *g, int b, const struct imx_batchnorm *d)
{
    const struct imx_node bn = g->node[b];
    const imx_tid dst = bn.arg[IMX_BN_FWD_DST];
    struct imx_node n;
    bool any = false;
    if (g->tensor[dst].place != IMX_PLACE_TEMP)
        return false;
    for (int i = b + 1; i < g->n_nodes; i++) {
        if (!uses(g, &g->node[i], dst))
            continue;
        if (!normalises(g, &g->node[i], &bn, d, &n))
            return false;
        any = true;
    }
    for (int i = b + 1; i < g->n_nodes; i++)
        if (uses(g, &g->node[i], dst) && normalises(g, &g->node[i], &bn, d, &n))
            g->node[i] = n;
    return any;
}

/* What is left of batch norm b without its statistics. */
static void apply_only(struct imx_node *b, const struct imx_batchnorm *d)
{
    const struct imx_bnpart part = { d->rows, d->cols, d->rows, d->rows, d->act, d->eps, d->momentum };
    const imx_tid a[] = { b->arg[IMX_BN_FWD_SRC],  b->arg[IMX_BN_FWD_GAMMA],  b->arg[IMX_BN_FWD_BETA],
                          b->arg[IMX_BN_FWD_MEAN], b->arg[IMX_BN_FWD_INVSTD], b->arg[IMX_BN_FWD_DST] };
    b->op = &imx_op_bn_apply;
    memset(b->problem, 0, sizeof b->problem);
    memcpy(b->problem, &part, sizeof part);
    memset(b->arg, 0, sizeof b->arg);
    memcpy(b->arg, a, sizeof a);
}

void imx_graph_fuse(struct imx_graph *g)
{
    const char *asked = getenv("IMX_FUSE");
    struct imx_batchnorm d;
    if (imx_dev_is_host(g->dev) || (asked && !strcmp(asked, "0")))
        return;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->node[i].op != &imx_op_batchnorm_fwd)
            continue;
        memcpy(&d, g->node[i].problem, sizeof d);
        if (!give_statistics(g, i, &d))
            continue;
        if (!give_normalisation(g, i, &d)) {
            apply_only(&g->node[i], &d);
            continue;
        }
        g->n_nodes--; /* nothing is left of it */
        memmove(&g->node[i], &g->node[i + 1], (size_t)(g->n_nodes - i) * sizeof *g->node);
        i--;
    }
}
