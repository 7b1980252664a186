/* Matching the codes to a prior (dim_method 3.1; Hjelm et al. 2019, eq. 7), adversarially: a discriminator with logit d
 * tells samples of the prior from codes v (sigmoid(y) for the uniform prior, y for the Gaussian one), the encoder
 * makes it fail.
 *   discriminator: mean sp(-d(prior)) + mean sp(d(v)) + penalty/2 (mean |grad d(prior)|^2 + mean |grad d(v)|^2)
 *   encoder:       gamma mean sp(-d(v))                                   (non-saturating)
 * The discriminator is 64 -> 1000 -> 200 -> 1 with ReLU. All losses come from one forward pass and each player's
 * parameters follow its own (dim_method 3.2); Adam works element by element, so the one update of the whole arena is
 * each player's own optimiser step. The penalty's gradient is of second order: grad d(x) = W1^T D1 W2^T D2 w3, with the
 * ReLUs' masks D, is built here as nodes, which are then differentiated like any others; masks are constants almost
 * everywhere. (The authors' program takes the gradient of the batch's last element alone; this is the correct form.) */
#include "base/philox.h"
#include "objectives/objective.h"
#include "ops/act.h"
#include "ops/eltwise.h"
#include "ops/random.h"
#include "ops/reduce.h"

enum { HIDDEN1 = 1000, HIDDEN2 = 200 };

struct discriminator {
    int32_t in;
    imx_tid wei[3], bia[3];
};

static struct imx_map act(struct imx_build *b, imx_tid t, int32_t rows, int32_t cols, int32_t kind)
{
    return imx_nn_act(b, (struct imx_map){ t, rows, 1, 1, cols }, kind, 0);
}

/* The logits [rows] of x [rows, in]. */
static imx_tid discriminate(struct imx_build *b, const struct discriminator *d, imx_tid x, int32_t rows)
{
    struct imx_map at = { x, rows, 1, 1, d->in };
    at = imx_nn_act(b, imx_nn_product(b, at, d->wei[0], d->bia[0], 0, HIDDEN1), IMX_ACT_RELU, 0);
    at = imx_nn_act(b, imx_nn_product(b, at, d->wei[1], d->bia[1], 0, HIDDEN2), IMX_ACT_RELU, 0);
    return imx_nn_product(b, at, d->wei[2], d->bia[2], 0, 1).t;
}

/* alpha * a + beta * b (b may be 0) */
static imx_tid axpby(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta, int64_t count)
{
    const struct imx_axpby d = { (int32_t)count, (float)alpha, b ? (float)beta : 0.0f };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, count, "sum");
    imx_graph_node(g, &imx_op_axpby, &d, (imx_tid[]){ a, b, dst });
    return dst;
}

static imx_tid mean_of(struct imx_graph *g, imx_tid x, int64_t count)
{
    const struct imx_rowreduce d = { 1, (int32_t)count, IMX_REDUCE_MEAN };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, 1, "mean");
    imx_graph_node(g, &imx_op_rowreduce, &d, (imx_tid[]){ x, dst });
    return dst;
}

/* mean softplus(sign * logit) */
static imx_tid mean_softplus(struct imx_build *b, imx_tid logit, int32_t rows, double sign)
{
    const imx_tid x = sign < 0 ? axpby(b->g, logit, sign, 0, 0, rows) : logit;
    return mean_of(b->g, act(b, x, rows, 1, IMX_ACT_SOFTPLUS).t, rows);
}

/* mean over the rows of |grad d(x)|^2 */
static imx_tid mean_gradient(struct imx_graph *g, imx_tid logit, imx_tid x, int32_t rows, int32_t in)
{
    const int64_t count = (int64_t)rows * in;
    imx_tid dx = 0;
    if (imx_graph_gradient(g, logit, 0, 1, &x, &dx) != IMX_OK)
        return 0;
    const imx_tid square = imx_graph_temp(g, IMX_F32, count, "square");
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ (int32_t)count }, (imx_tid[]){ dx, dx, square });
    return axpby(g, mean_of(g, square, count), in, 0, 0, 1);
}

static struct discriminator make(struct imx_build *b, int32_t in)
{
    struct discriminator d = { .in = in };
    const int32_t out[3] = { HIDDEN1, HIDDEN2, 1 }, from[3] = { in, HIDDEN1, HIDDEN2 };
    static const char *const name[3] = { "prior.fc1", "prior.fc2", "prior.fc3" };
    for (int i = 0; i < 3; i++) {
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
    const struct discriminator d = make(b, y.c);
    if (g->status != IMX_OK)
        return;
    const bool uniform = mix->prior == IMX_PRIOR_UNIFORM;
    const imx_tid v = uniform ? act(b, y.t, rows, y.c, IMX_ACT_SIGMOID).t : y.t;
    const imx_tid fake = imx_graph_detach(g, v), real = imx_graph_temp(g, IMX_F32, count, "real");
    const struct imx_random_problem draw = { (int32_t)count, uniform ? IMX_RANDOM_UNIFORM : IMX_RANDOM_NORMAL,
                                             IMX_STREAM_PRIOR };
    imx_graph_node(g, &imx_op_random, &draw, (imx_tid[]){ n->ctr, real });
    const imx_tid on_real = discriminate(b, &d, real, rows), on_fake = discriminate(b, &d, fake, rows);
    imx_tid rival = axpby(g, mean_softplus(b, on_real, rows, -1), 1, mean_softplus(b, on_fake, rows, 1), 1, 1);
    if (mix->penalty > 0) {
        const imx_tid both =
            axpby(g, mean_gradient(g, on_real, real, rows, y.c), 1, mean_gradient(g, on_fake, fake, rows, y.c), 1, 1);
        rival = axpby(g, rival, 1, both, 0.5 * mix->penalty, 1);
    }
    struct discriminator fixed = d;
    for (int i = 0; i < 3; i++) {
        fixed.wei[i] = imx_graph_detach(g, d.wei[i]);
        fixed.bia[i] = imx_graph_detach(g, d.bia[i]);
    }
    const imx_tid judged = discriminate(b, &fixed, v, rows);
    imx_net_term(n, "prior", mean_softplus(b, judged, rows, -1), mix->gamma, false);
    imx_net_term(n, "discriminator", rival, 1, true);
}
