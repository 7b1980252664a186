/* Deep InfoMax's terms (Hjelm et al. 2019, eq. 8): alpha * global + beta * local + gamma * prior. Estimators are
 * losses, so each is minimised. The global term pairs the code with the whole last convolution map; by a critic that
 * maps both to one space, each code meets each map of the batch. Coordinate prediction comes on top (section 4.3).
 * The authors' program has a penalty on the embedded globals psi(y), the mean over them of sum_k psi(y)_k^2, off by
 * default (dim_method 3.1): `activation` is its weight, for each critic. Where a layer norm ends the head it bears on
 * that norm's own parameters alone. A critic without such globals beside one that has them goes without the penalty.
 *
 * Each term has a critic and an estimator of its own: in the paper the global one is a network over pairs with a loss
 * like the Jensen-Shannon one, while the local one reads infonce (dim_method 2.3). */
#include "objectives/adversary.h"
#include "objectives/objective.h"
#include "ops/critic.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/reduce.h"

/* A term's critic: where its numbers go, and what they are called. */
struct part {
    struct imx_critic_spec spec;
    const char *name, *nats, *activation; /* of the term and what is reported beside it */
    double weight;                        /* 0: there is no such term */
};

static bool embeds(const struct part *p)
{
    return p->weight > 0 && imx_critic_form(&p->spec)->can & IMX_CRITIC_EMBEDS;
}

static void penalise_activation(struct imx_net *n, struct imx_map v, const char *name, double weight)
{
    struct imx_graph *g = n->g;
    const int32_t rows = imx_map_rows(v), count = rows * v.c;
    imx_graph_label(g, "activation");
    const imx_tid square = imx_graph_temp(g, IMX_F32, count, "square"), mean = imx_graph_temp(g, IMX_F32, 1, "mean");
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ count }, (imx_tid[]){ v.t, v.t, square });
    imx_graph_node(g, &imx_op_rowreduce, &(struct imx_rowreduce){ 1, count, IMX_REDUCE_MEAN },
                   (imx_tid[]){ square, mean });
    imx_net_term(n, name, imx_adversary_sum(g, mean, v.c, 0, 0, 1), weight, false);
}

/* Of two critics, each reads its own, if its estimator reads nats: what the code tells of the whole map and what of
 * each place. info as in imx_critic_out; locals: per image, that are scored. */
static void read_nats(struct imx_net *n, const struct part *p, imx_tid info, int32_t locals)
{
    if (n->g->status != IMX_OK || !imx_estimator_nats(p->spec.estimator))
        return;
    if (!n->nats)
        n->nats = imx_graph_keep(n->g, IMX_I32, 1, "nats");
    const imx_tid mi = imx_graph_temp(n->g, IMX_F32, 1, "mi");
    imx_graph_node(n->g, &imx_op_gather_fwd, &(struct imx_gather){ .n = 1, .p = 3, .c = 1, .k = 1 },
                   (imx_tid[]){ info, n->nats, mi });
    imx_net_reading(n, p->nats, mi);
    if (n->g->status == IMX_OK)
        n->term[n->n_terms - 1].ceiling = imx_critic_ceiling(&p->spec, n->pixels.n, locals);
}

/* What the global term's critic takes for the image. */
static struct imx_map whole_map(struct imx_net *n, const struct part *p, const struct imx_encoded *e)
{
    if (!imx_critic_form(&p->spec)->copies)
        return e->conv;
    return imx_encoder_build_upper(&n->b, n->spec->encoder, e->local, "whole.local", p->spec.units);
}

/* Of two, the one leads whose estimator reads nats; of two such, or of two that do not, the later. */
static void add_part(struct imx_net *n, const struct part *p, struct imx_map local, struct imx_map y, bool both,
                     double activation)
{
    const struct imx_critic_out c = imx_critic_build(&n->b, &p->spec, local, y);
    if (n->g->status != IMX_OK)
        return;
    const int32_t locals = p->spec.whole ? 1 : p->spec.locals ? p->spec.locals : local.h * local.w;
    if (!n->info || imx_estimator_nats(p->spec.estimator) || !imx_estimator_nats(n->lead.estimator)) {
        n->info = c.info;
        n->lead = p->spec;
        n->locals = locals;
    }
    imx_net_term(n, p->name, c.loss, p->weight, false);
    if (both)
        read_nats(n, p, c.info, locals);
    if (activation > 0 && embeds(p))
        penalise_activation(n, c.global, p->activation, activation);
}

void imx_build_dim(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_build *b = &n->b;
    const struct imx_encoder *encoder = n->spec->encoder;
    struct imx_map y = { 0 };
    /* The whole image comes last, so that it has the last word on the running statistics of the batch norms where both
     * passes update them. Which do in the paper is not told (dim_method 5.1). */
    if (mix->occlude) {
        b->statistics = mix->occlude_own ? "occluded." : NULL;
        y = imx_encoder_build(b, encoder, imx_net_occlude(n, mix)).y;
        b->statistics = NULL;
    }
    struct imx_encoded e = imx_encoder_build(b, encoder, n->pixels);
    if (b->g->status != IMX_OK)
        return;
    if (mix->occlude)
        e.y = y;
    const struct part global = { imx_net_global(n->spec), "global", "global-nats", "global-activation", mix->alpha };
    const struct part local = { n->spec->critic, "local", "local-nats", "local-activation", mix->beta };
    const bool both = mix->alpha > 0 && mix->beta > 0;
    char names[256];
    if (mix->activation > 0 && (mix->alpha > 0 || mix->beta > 0) && !embeds(&global) && !embeds(&local))
        b->g->status =
            imx_fail(IMX_E_ARG, "the critic %s embeds no globals that --activation-penalty could bear on; these do: %s",
                     imx_critic_form(mix->beta > 0 ? &local.spec : &global.spec)->name,
                     imx_critics_that(IMX_CRITIC_EMBEDS, names, sizeof names));
    if (mix->alpha > 0)
        add_part(n, &global, whole_map(n, &global, &e), e.y, both, mix->activation);
    if (mix->beta > 0)
        add_part(n, &local, e.local, e.y, both, mix->activation);
    if (mix->coordinates && mix->coordinates_weight > 0)
        imx_build_coordinates(n, e.local, e.y, mix);
    if (mix->gamma > 0)
        imx_build_prior(n, e.y, mix);
}
