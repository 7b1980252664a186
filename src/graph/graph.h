/* A network as a list of nodes (op + problem + tensors), built once, in the order in which it runs.
 *
 *   build:   tensors and nodes are added; the first error sticks and imx_graph_plan returns it
 *   derive:  imx_graph_backward adds the nodes of every gradient, by each op's own rule
 *   plan:    variants are chosen, every tensor gets its place in memory by lifetime, nothing is allocated afterwards
 *   run:     imx_graph_run walks the list; per-step numbers come in through input tensors
 * Parameters live in a store that several graphs may share. */
#ifndef IMX_GRAPH_GRAPH_H
#define IMX_GRAPH_GRAPH_H

#include "graph/store.h"
#include "ops/op.h"

enum imx_place {
    IMX_PLACE_TEMP,  /* lives from its first to its last node */
    IMX_PLACE_KEEP,  /* inputs, outputs and constants: own memory for the life of the graph */
    IMX_PLACE_PARAM, /* a parameter of the store (values) */
    IMX_PLACE_GRAD,  /* the gradient of a parameter, in the store's gradient arena */
    IMX_PLACE_ARENA, /* a whole arena of the store */
    IMX_PLACE_VIEW,  /* a part of another tensor */
};

struct imx_tensor {
    char name[48];
    enum imx_dtype dtype;
    int64_t count;
    enum imx_place place;
    int index;          /* parameter or arena */
    imx_tid base;       /* of a view: the tensor that it is a part of */
    int64_t at;         /* of a view: its first element there */
    bool detached;      /* no gradient flows through it */
    int first, last;    /* nodes that write and read it or its views, after planning */
    imx_tid heir;       /* after planning: the tensor that takes over its memory (imx_variant.over), 0: none */
    bool inherits;      /* it is such a heir itself */
    struct imx_mem mem; /* after planning */
};

enum { IMX_PROBLEM_BYTES = 64 };

struct imx_node {
    const struct imx_op *op;
    _Alignas(8) unsigned char problem[IMX_PROBLEM_BYTES];
    imx_tid arg[IMX_MAX_ARGS];
    const struct imx_variant *variant; /* after planning */
    struct imx_args args;              /* after planning */
    uint64_t workspace;
    int origin; /* where a graph was rewritten: the node that this one is a part of, as it was numbered before */
    int times;  /* in the sketch of a plan: how many nodes it stands for, 0: one */
    char name[48];
};

struct imx_graph {
    struct imx_emit emit;      /* must be first: gradient rules see only this */
    struct imx_dev *dev;       /* borrowed */
    struct imx_store *store;   /* borrowed */
    struct imx_tensor *tensor; /* [0] is "none" */
    int n_tensors;
    struct imx_node *node;
    int n_nodes;
    imx_tid *grad; /* [n_grads]: gradient of each tensor that stood before imx_graph_backward, 0: none */
    int n_grads;
    imx_tid one; /* the constant 1 that starts a gradient, when one was made */
    struct imx_buf *pool[16];
    int n_pools;
    int32_t batch; /* images in a batch, the rows that tensors are cut by when memory is short; 0: they are not */
    int n_slices, n_virtual, n_again; /* what a limit made of the plan: slices of the batch, tensors that exist in
                                         slices only, nodes whose results are computed again */
    uint64_t temp_bytes;              /* of all pools */
    uint64_t lower_bound;             /* most bytes of temps and scratch that are alive at one node */
    uint64_t keep_bytes;
    imx_tid meeting; /* 0: none; see imx_graph_meet */
    imx_status (*meet)(void *user);
    void *meet_user;
    int meet_node;     /* after planning: the first node that reads `meeting`; -1: none */
    char label[48];    /* prefix of the names of nodes and tensors being added */
    imx_status status; /* first error while building */
};

/* What t is a part of: itself, unless it is a view. */
static inline imx_tid imx_graph_whole(const struct imx_graph *g, imx_tid t)
{
    return g->tensor[t].place == IMX_PLACE_VIEW ? g->tensor[t].base : t;
}

IMX_MUST_CHECK imx_status imx_graph_create(struct imx_dev *dev, struct imx_store *store, struct imx_graph **out);
void imx_graph_destroy(struct imx_graph *g);

/* Following nodes and tensors are named "label.op"; appears in profiles and audits. */
void imx_graph_label(struct imx_graph *g, const char *fmt, ...) IMX_PRINTF(2, 3);

/* All return 0 after an error, which sticks in g->status. */
imx_tid imx_graph_temp(struct imx_graph *g, enum imx_dtype dtype, int64_t count, const char *name);
imx_tid imx_graph_keep(struct imx_graph *g, enum imx_dtype dtype, int64_t count, const char *name);
imx_tid imx_graph_param(struct imx_graph *g, const struct imx_param *param);
imx_tid imx_graph_arena(struct imx_graph *g, enum imx_arena arena, const char *name);
/* Adds a node; arg has op->n_args entries (0: absent). */
imx_status imx_graph_node(struct imx_graph *g, const struct imx_op *op, const void *problem, const imx_tid *arg);
/* Elements [at, at + count) of another tensor, which is no view itself. */
imx_tid imx_graph_view(struct imx_graph *g, imx_tid base, int64_t at, int64_t count);
/* A copy of t through which no gradient flows. */
imx_tid imx_graph_detach(struct imx_graph *g, imx_tid t);
/* Lets the host fill t, a keep, in the middle of every run: before the first node that reads it, meet(user) is called,
 * which may download what was computed before (outputs, imx_graph_output) and upload t. One t for each graph. */
void imx_graph_meet(struct imx_graph *g, imx_tid t, imx_status (*meet)(void *user), void *user);
/* Gives a temp memory of its own, so that it can be read after a run. */
void imx_graph_output(struct imx_graph *g, imx_tid t);

/* Adds the gradient nodes of the one-element tensor `loss`, times the one-element tensor `dloss` (0: the constant 1).
 * Gradients of parameters land in the store's gradient arena; those of other tensors are named by g->grad. */
IMX_MUST_CHECK imx_status imx_graph_backward(struct imx_graph *g, imx_tid loss, imx_tid dloss);
/* Adds the nodes of the gradient of y, weighted with dy (of y's size; 0: ones), with respect to the n tensors of[]:
 * inputs, temps or parameters; of[i] is taken as given, whatever it was computed from. out[i] names the gradient, a
 * tensor like any other (0: y does not depend on of[i]), so that a loss made of it (a gradient penalty) can be
 * differentiated again. The gradient of a parameter stays out of the store's arena. */
IMX_MUST_CHECK imx_status imx_graph_gradient(struct imx_graph *g, imx_tid y, imx_tid dy, int n, const imx_tid *of,
                                             imx_tid *out);

/* Commits the store if need be, chooses variants, lays out memory, allocates. limit: bytes that the store and this
 * graph may take together (0: as much as they like). A plan that does not fit is rewritten to compute large tensors of
 * the batch slice by slice and again where they are needed (stream.h), the cheapest way that fits; the result depends
 * on graph, device type and limit alone. E_NOMEM says what the least is. */
IMX_MUST_CHECK imx_status imx_graph_plan(struct imx_graph *g, uint64_t limit);

/* Two keeps of one size, planned, change memory with each other: what the one held the other one holds. */
void imx_graph_swap(struct imx_graph *g, imx_tid a, imx_tid b);

/* Queues every node; does not wait for the device, but for the host where there is a meeting. */
IMX_MUST_CHECK imx_status imx_graph_run(struct imx_graph *g);
/* Runs with a sync behind each node and adds each node's seconds to seconds[n_nodes]. */
IMX_MUST_CHECK imx_status imx_graph_profile(struct imx_graph *g, double *seconds);
double imx_graph_flop(const struct imx_graph *g);

IMX_MUST_CHECK imx_status imx_graph_upload(struct imx_graph *g, imx_tid t, const void *values);
IMX_MUST_CHECK imx_status imx_graph_download(struct imx_graph *g, imx_tid t, void *values);
/* Does not wait: values are there after the next download, and must stay until then. */
IMX_MUST_CHECK imx_status imx_graph_fetch(struct imx_graph *g, imx_tid t, void *values);

#endif
