/* Matching the codes to a prior (dim_method 3.1; Hjelm et al. 2019, eq. 7), adversarially: a discriminator with logit d
 * tells samples of the prior from codes v (sigmoid(y) for the uniform prior, y for the Gaussian one), the encoder
 * makes it fail.
 *   discriminator: mean sp(-d(prior)) + mean sp(d(v)) + penalty/2 (mean |grad d(prior)|^2 + mean |grad d(v)|^2)
 *   encoder:       gamma mean sp(-d(v))                                   (non-saturating)
 * The discriminator is 64 -> 1000 -> 200 -> 1 with ReLU (of aae 64 -> 200 -> 200 -> 1). All losses come from one
 * forward pass and each player's parameters follow its own (dim_method 3.2); Adam works element by element, so the one
 * update of the whole arena is each player's own optimiser step. The penalty's gradient is of second order: grad d(x) =
 * W1^T D1 W2^T D2 w3, with the ReLUs' masks D, is built here as nodes, which are then differentiated like any others;
 * masks are constants almost everywhere. (The authors' program takes the gradient of the batch's last element alone;
 * this is the correct form.) */
#include "base/philox.h"
#include "objectives/adversary.h"
#include "objectives/objective.h"
#include "ops/act.h"
#include "ops/random.h"

enum { HIDDEN1 = 1000, HIDDEN2 = 200, LAYERS = 3 };

struct discriminator {
    int32_t in, hidden;
    imx_tid wei[LAYERS], bia[LAYERS];
};

/* The logits [rows] of x [rows, in]. */
static imx_tid discriminate(struct imx_build *b, const struct discriminator *d, imx_tid x, int32_t rows)
{
    struct imx_map at = { x, rows, 1, 1, d->in };
    at = imx_nn_act(b, imx_nn_product(b, at, d->wei[0], d->bia[0], 0, d->hidden), IMX_ACT_RELU, 0);
    at = imx_nn_act(b, imx_nn_product(b, at, d->wei[1], d->bia[1], 0, HIDDEN2), IMX_ACT_RELU, 0);
    return imx_nn_product(b, at, d->wei[2], d->bia[2], 0, 1).t;
}

static struct discriminator make(struct imx_build *b, int32_t in, int32_t hidden)
{
    struct discriminator d = { .in = in, .hidden = hidden };
    const int32_t out[LAYERS] = { hidden, HIDDEN2, 1 }, from[LAYERS] = { in, hidden, HIDDEN2 };
    static const char *const name[LAYERS] = { "prior.fc1", "prior.fc2", "prior.fc3" };
    for (int i = 0; i < LAYERS; i++) {
        d.wei[i] = imx_nn_weight(b, name[i], "weight", out[i], from[i], IMX_INIT_UNIFORM);
        d.bia[i] = imx_nn_vector(b, name[i], "bias", out[i], IMX_INIT_UNIFORM, from[i], false);
    }
    return d;
}

void imx_build_prior(struct imx_net *n, struct imx_map y, const struct imx_mix *mix)
{
    struct imx_build *b = &n->b;
    struct imx_graph *g = n->g;
    const int32_t rows = imx_map_rows(y);
    const int64_t count = (int64_t)rows * y.c;
    imx_graph_label(g, "prior");
    const int32_t hidden = n->spec->objective ? n->spec->objective->rival : 0;
    const struct discriminator d = make(b, y.c, hidden ? hidden : HIDDEN1);
    if (g->status != IMX_OK)
        return;
    const bool uniform = mix->prior == IMX_PRIOR_UNIFORM;
    const imx_tid v = uniform ? imx_nn_act(b, y, IMX_ACT_SIGMOID, 0).t : y.t;
    const imx_tid fake = imx_graph_detach(g, v), real = imx_graph_temp(g, IMX_F32, count, "real");
    const struct imx_random_problem draw = { (int32_t)count, uniform ? IMX_RANDOM_UNIFORM : IMX_RANDOM_NORMAL,
                                             IMX_STREAM_PRIOR };
    imx_graph_node(g, &imx_op_random, &draw, (imx_tid[]){ n->ctr, real });
    const imx_tid on_real = discriminate(b, &d, real, rows), on_fake = discriminate(b, &d, fake, rows);
    imx_tid rival = imx_adversary_sum(g, imx_adversary_softplus(b, on_real, rows, -1), 1,
                                      imx_adversary_softplus(b, on_fake, rows, 1), 1, 1);
    if (mix->penalty > 0) {
        const imx_tid both = imx_adversary_sum(g, imx_adversary_steep(g, on_real, rows, 1, &real, &y.c), 1,
                                               imx_adversary_steep(g, on_fake, rows, 1, &fake, &y.c), 1, 1);
        rival = imx_adversary_sum(g, rival, 1, both, 0.5 * mix->penalty, 1);
    }
    struct discriminator fixed = d;
    imx_adversary_fix(g, LAYERS, d.wei, fixed.wei);
    imx_adversary_fix(g, LAYERS, d.bia, fixed.bia);
    const imx_tid judged = discriminate(b, &fixed, v, rows);
    imx_net_term(n, "prior", imx_adversary_softplus(b, judged, rows, -1), mix->gamma, false);
    imx_net_term(n, "discriminator", rival, 1, true);
}
