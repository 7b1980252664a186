/* The graph of one training step, whatever is learned by:
 *   bytes -> image -> encoder -> the objective's terms -> loss -> gradients -> gradient norm -> Adam
 * Everything around the terms is made here; an objective (objective.h) adds the terms. */
#ifndef IMX_OBJECTIVES_NET_H
#define IMX_OBJECTIVES_NET_H

#include "nn/classifier.h"
#include "nn/critic_net.h"
#include "nn/decoder.h"
#include "nn/encoder.h"

enum { IMX_MAX_TERMS = 16, IMX_RING = 4 };

/* What the prior term draws the codes towards (dim_method 3.1). */
enum imx_prior { IMX_PRIOR_OWN = -1 /* the objective's */, IMX_PRIOR_UNIFORM, IMX_PRIOR_GAUSSIAN };

/* What is predicted of a local's place (dim_method 5.2): a set. */
enum imx_coordinate_kind { IMX_COORDINATES_ABSOLUTE = 1, IMX_COORDINATES_RELATIVE = 2 };

/* How the predictor is built: as in the paper's appendix; as in the authors' program. */
enum imx_coordinate_net { IMX_COORDINATES_MLP, IMX_COORDINATES_RESIDUAL };

/* The numbers that an objective may look at. Weights below 0 ask for the objective's own (objective.h). */
struct imx_mix {
    double alpha, beta, gamma; /* of the global, the local and the prior term */
    double penalty;            /* on the discriminator's gradient */
    int prior;                 /* enum imx_prior */
    bool occlude;              /* globals come from an occluded copy of the image (dim_method 5.1) */
    int coordinates;           /* set of enum imx_coordinate_kind */
    double coordinates_weight; /* of each of them */
    int32_t cpc_steps;         /* rows that cpc looks ahead; 0: 5 */
    double vae_beta;           /* of a variational encoder's divergence */
    double activation;         /* on the square of what a critic makes of a global (dim_method 3.1) */
    /* Of the occluded copy; what of it is published is in dim_method 5.1. */
    double occlude_fill;              /* value of what is covered, where pixels are in [-1, 1] */
    int32_t occlude_min, occlude_max; /* sides of the rectangle, in pixels; 0: of imx_occlusion's own */
    bool occlude_own;    /* its pass has running statistics of its own; false: it moves the encoder's, too */
    int coordinates_net; /* enum imx_coordinate_net */
};

struct imx_net_spec {
    const struct imx_encoder *encoder;
    struct imx_critic_spec critic;
    int32_t batch, h, w, c;                /* stored images */
    int32_t croph, cropw;                  /* what the encoder sees; 0: h and w */
    const struct imx_decoder *decoder;     /* of objectives that rebuild images; NULL: by encoder and side */
    const struct imx_objective *objective; /* NULL: the first of the table, with its own weights */
    struct imx_mix mix;
    struct imx_head head; /* of imx_supervised */
    bool sgd;             /* with momentum, in place of Adam */
    bool ring;            /* memory for IMX_RING batches lies on the device (train/feed.h), otherwise for one */
    int32_t images;       /* of the whole set; 0: as many as a batch */
    /* The global term's critic; form NULL: `critic`, too. `whole` is set for it. */
    struct imx_critic_spec global;
};

/* A part of the loss: weight * value, value a one-element tensor. */
struct imx_term {
    char name[32];
    imx_tid value;
    double weight;
    bool rival; /* the loss of an adversary, which has parameters of its own: not a part of the loss that is reported */
    bool reading;   /* reported, no part of any loss */
    double ceiling; /* of a reading in nats: what it cannot pass; 0: nothing */
};

/* Coordinate prediction by n codes on maps of h x w: its inputs, i32 [n*h*w] rows and columns, and i32 [n], the place
 * that the others are relative to. 0: not asked for. */
struct imx_coordinates {
    int32_t n, h, w;
    imx_tid absolute[2], relative[2], source;
    imx_tid repeat; /* i32 [n*h*w]: places again and again, where an image has several codes */
    double weight;
    bool residual; /* how the predictor is built */
};

/* How rectangles are drawn that cover an image: sides of least to most, anywhere, such that a square of `field` pixels,
 * a local's, stays uncovered. 0: least is field, most all but field. In a small image, half its side stands for field.
 */
struct imx_occlusion {
    int32_t field, least, most;
};

struct imx_net {
    struct imx_graph *g;                   /* owned */
    struct imx_store *store;               /* borrowed */
    const struct imx_net_spec *spec;       /* borrowed while building */
    const struct imx_objective *objective; /* borrowed */
    void *own;             /* owned; what the objective has beside the graph, from calloc; NULL: nothing */
    struct imx_build b;    /* while building */
    struct imx_map pixels; /* the image as a map */
    imx_tid bytes, aug, mean, invstd, ctr, box, hyp; /* inputs; u8 [n,h,w,c] and i32 [n,3] as in ops/image.h; ctr:
                                                        u32[4] as in ops/dropout.h; box: i32 [n,4] as in ops/occlude.h,
                                                        0: none */
    struct { /* memory of batches to come, to change with bytes and aug; 0 without spec.ring */
        imx_tid bytes, aug;
    } more[IMX_RING - 1];
    imx_tid image, loss, norm;   /* outputs: [n,h,w,c], [1], [2] */
    imx_tid info;                /* [3] of the leading critic: e_pos, e_neg, mi; 0: none */
    struct imx_critic_spec lead; /* the leading critic: the local term's, unless only the global one's reads nats */
    int32_t locals;              /* locals per image that it scores */
    imx_tid nats;    /* i32 [1], where an info has its mi: input of the readings of two critics; 0: no such */
    int64_t classes; /* the loss is a mean cross-entropy among so many, ln(classes) - loss a reading; 0: it is not */
    char text[64];   /* describes the objective in place of critic and weights; "": these do */
    const int32_t *index; /* [batch], of the coming step: which images of the set; NULL: those of step * batch on */
    struct imx_coordinates coordinates;
    imx_tid label;              /* input of imx_supervised, i32 [batch]; 0: no labels */
    struct imx_context context; /* of its encoder, when that has one */
    struct imx_occlusion occlusion;
    int32_t *drawn; /* owned; the integers of a step on their way to the device; NULL: none are drawn */
    struct imx_term term[IMX_MAX_TERMS];
    int n_terms;
};

/* The critic of the global term. */
static inline struct imx_critic_spec imx_net_global(const struct imx_net_spec *spec)
{
    struct imx_critic_spec s = spec->global.form ? spec->global : spec->critic;
    s.whole = true;
    return s;
}

/* The rectangle {y0, x0, height, width} of image i at this step, for images of h x w. */
void imx_occlusion_draw(uint64_t seed, uint64_t step, int32_t i, int32_t h, int32_t w, const struct imx_occlusion *o,
                        int32_t box[4]);
/* E_ARG when there is no such rectangle. */
IMX_MUST_CHECK imx_status imx_occlusion_check(const struct imx_occlusion *o, int32_t h, int32_t w);
/* What of the occluded copy is other than by default, " fill=0.5 min=4 max=9 own", into text, which is returned. */
const char *imx_occlusion_text(const struct imx_mix *mix, char *text, size_t size);

/* Builds, differentiates and plans. memory_limit as in imx_graph_plan. */
IMX_MUST_CHECK imx_status imx_net_create(struct imx_dev *dev, struct imx_store *store, const struct imx_net_spec *spec,
                                         uint64_t memory_limit, struct imx_net *out);
void imx_net_finish(struct imx_net *d);

/* For objectives. An error sticks in n->g->status. */
void imx_net_term(struct imx_net *n, const char *name, imx_tid value, double weight, bool rival);
/* A one-element tensor that is reported beside the terms. */
void imx_net_reading(struct imx_net *n, const char *name, imx_tid value);

/* The image with a rectangle covered, drawn anew for each image and step (dim_method 5.1: the published rule is that a
 * square of a local's field is covered and one is not; the distribution is "ad hoc", its fill not told: here 0, the
 * mean of the normalised pixels). An error sticks in the graph. */
struct imx_map imx_net_occlude(struct imx_net *n, const struct imx_mix *mix);

/* Uploads ctr, box and the objective's inputs of step `step`: those that follow from seed, step and n->index, which is
 * NULL again behind it. Adam's numbers are the caller's. */
IMX_MUST_CHECK imx_status imx_net_draw(struct imx_net *n, uint64_t seed, uint64_t step);
/* What the objective holds on the host, into the store: before that is saved. */
IMX_MUST_CHECK imx_status imx_net_keep(struct imx_net *n);

#endif
