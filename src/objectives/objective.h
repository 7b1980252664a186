/* What can be learned by. An objective is a name, the weights that it stands for, a function that adds terms to a
 * training graph, and functions for what it does beside the graph, if anything; adding one is a row of the table and
 * these functions. */
#ifndef IMX_OBJECTIVES_OBJECTIVE_H
#define IMX_OBJECTIVES_OBJECTIVE_H

#include "objectives/net.h"

struct imx_objective {
    const char *name, *what;
    double alpha, beta, gamma; /* its own weights, where the mix does not say */
    /* Adds at least one term with imx_net_term, and the encoder that they need. Errors stick in n->g->status. mix: as
     * resolved. */
    void (*build)(struct imx_net *n, const struct imx_mix *mix);
    bool rebuilds;   /* it has a decoder */
    double vae_beta; /* its own, as the weights above */
    double penalty;  /* on its discriminator's gradient; 0: 1 */
    int prior;       /* enum imx_prior: its own */
    int32_t rival;   /* first hidden layer of the prior's discriminator; 0: 1000 */
    bool context;    /* it trains the encoder up to its local map, and the context over that (nn/context.h) */
    /* NULL: nothing. Errors are those of the function of net.h that calls it. */
    imx_status (*start)(struct imx_net *n);                              /* after planning: inputs that stay */
    imx_status (*draw)(struct imx_net *n, uint64_t seed, uint64_t step); /* inputs of a step */
    imx_status (*keep)(struct imx_net *n);                               /* into the store what it holds on the host */
    void (*finish)(struct imx_net *n); /* frees what n->own points to, as far as building came */
};

extern const struct imx_objective imx_objectives[]; /* ends with name NULL; the first is the default */
/* Not in the table: it needs labels, which train never sees (supervised.c). spec->head says of what; n->label is its
 * input, i32 [batch]. */
extern const struct imx_objective imx_supervised;
/* NULL when there is none of that name, with the names that exist in the error text. */
const struct imx_objective *imx_objective_find(const char *name);
/* The mix with the objective's own weights in place of those below 0. */
struct imx_mix imx_objective_mix(const struct imx_objective *o, const struct imx_mix *mix);

/* The build functions. */
void imx_build_dim(struct imx_net *n, const struct imx_mix *mix);   /* dim.c */
void imx_build_cpc(struct imx_net *n, const struct imx_mix *mix);   /* cpc.c */
void imx_build_ae(struct imx_net *n, const struct imx_mix *mix);    /* rebuild.c */
void imx_build_vae(struct imx_net *n, const struct imx_mix *mix);   /* rebuild.c */
void imx_build_aae(struct imx_net *n, const struct imx_mix *mix);   /* rebuild.c */
void imx_build_nat(struct imx_net *n, const struct imx_mix *mix);   /* nat.c */
void imx_build_bigan(struct imx_net *n, const struct imx_mix *mix); /* bigan.c */

/* The others. */
IMX_MUST_CHECK imx_status imx_cpc_start(struct imx_net *n);                              /* cpc.c */
IMX_MUST_CHECK imx_status imx_nat_draw(struct imx_net *n, uint64_t seed, uint64_t step); /* nat.c */
IMX_MUST_CHECK imx_status imx_nat_keep(struct imx_net *n);                               /* nat.c */
void imx_nat_finish(struct imx_net *n);                                                  /* nat.c */

/* Terms of Deep InfoMax that another objective does not have are a mistake of whoever gave their weights; prior: it has
 * that one. True when building must not go on. */
bool imx_refuse_terms(struct imx_net *n, const struct imx_mix *mix, bool prior);

/* The prior term (prior.c): draws the codes y [n, units] or [n, g, g, units] towards mix->prior. Adds the terms "prior"
 * (weight gamma) and the rival's "discriminator". */
void imx_build_prior(struct imx_net *n, struct imx_map y, const struct imx_mix *mix);

/* The terms "coordinates-absolute" and "coordinates-relative" (coordinates.c): where in its image a local stands, told
 * from local [n, h, w, c] and the codes y [n, units] or [n, g, g, units]; as mix->coordinates asks. */
void imx_build_coordinates(struct imx_net *n, struct imx_map local, struct imx_map y, const struct imx_mix *mix);
/* Fills their inputs for step `step`. */
IMX_MUST_CHECK imx_status imx_coordinates_draw(struct imx_net *n, uint64_t seed, uint64_t step);

#endif
