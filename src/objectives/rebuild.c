/* The rivals that learn by rebuilding the image from its code (dim_method 6.2 to 6.4):
 *   ae              (1/B) sum over batch and pixels of (x - xhat)^2,  xhat = decoder(y),  x in [-1, 1]
 *   vae, beta-vae   the same with xhat = decoder(mu + sigma eps), eps ~ N(0, 1), plus
 *                   vae_beta (1/B) sum over batch and units of (sigma^2 + mu^2 - 2 log sigma - 1) / 2
 *   aae             ae's plus gamma times prior matching (prior.c), by default to N(0, 1), with a discriminator
 *                   64 -> 200 -> 200 -> 1 and a penalty of 0.5 on its gradient. (How the two are weighed is not
 *                   published: 1 each. Nor is it clear whether the 0.5 is the whole factor or stands before prior.c's
 *                   penalty/2: here the latter, a quarter of the mean squared gradient on each side; --prior-penalty 1
 *                   is the other reading.)
 * The encoder is everybody's (section 1): mu is its output y, which is what is probed, and log sigma a second
 * linear map of its last hidden layer, "vae.logsigma". (That probes see mu rather than a sample is our choice; the
 * paper does not say.) eps follows from seed and step. */
#include "base/philox.h"
#include "objectives/objective.h"
#include "ops/eltwise.h"
#include "ops/gauss.h"
#include "ops/random.h"
#include "ops/reduce.h"

/* (1/rows) * the sum of all values of x [rows, cols] */
static imx_tid batch_sum(struct imx_graph *g, imx_tid x, int32_t rows, int32_t cols)
{
    const struct imx_rowreduce per_image = { rows, cols, IMX_REDUCE_SUM }, over_batch = { 1, rows, IMX_REDUCE_MEAN };
    const imx_tid sum = imx_graph_temp(g, IMX_F32, rows, "per_image"), mean = imx_graph_temp(g, IMX_F32, 1, "mean");
    imx_graph_node(g, &imx_op_rowreduce, &per_image, (imx_tid[]){ x, sum });
    imx_graph_node(g, &imx_op_rowreduce, &over_batch, (imx_tid[]){ sum, mean });
    return mean;
}

static void rebuilt(struct imx_net *n, struct imx_map code)
{
    struct imx_graph *g = n->g;
    const struct imx_map x = n->pixels;
    const struct imx_decoder *d = n->spec->decoder;
    if (!d)
        d = imx_decoder_find("auto", n->spec->encoder, x.h < x.w ? x.h : x.w);
    const struct imx_map made = imx_decoder_build(&n->b, d, code, x.h, x.w, x.c);
    const int32_t per = x.h * x.w * x.c, count = x.n * per;
    imx_graph_label(g, "reconstruction");
    const imx_tid apart = imx_graph_temp(g, IMX_F32, count, "apart"),
                  square = imx_graph_temp(g, IMX_F32, count, "square");
    imx_graph_node(g, &imx_op_axpby, &(struct imx_axpby){ count, 1, -1 }, (imx_tid[]){ made.t, x.t, apart });
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ count }, (imx_tid[]){ apart, apart, square });
    imx_net_term(n, "reconstruction", batch_sum(g, square, x.n, per), 1, false);
}

void imx_build_ae(struct imx_net *n, const struct imx_mix *mix)
{
    if (imx_refuse_terms(n, mix, false))
        return;
    const struct imx_encoded e = imx_encoder_build(&n->b, n->spec->encoder, n->pixels);
    rebuilt(n, e.y);
}

void imx_build_aae(struct imx_net *n, const struct imx_mix *mix)
{
    if (imx_refuse_terms(n, mix, true))
        return;
    const struct imx_encoded e = imx_encoder_build(&n->b, n->spec->encoder, n->pixels);
    rebuilt(n, e.y);
    if (n->g->status == IMX_OK && mix->gamma > 0)
        imx_build_prior(n, e.y, mix);
}

void imx_build_vae(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_graph *g = n->g;
    if (imx_refuse_terms(n, mix, false))
        return;
    const struct imx_encoded e = imx_encoder_build(&n->b, n->spec->encoder, n->pixels);
    if (g->status == IMX_OK && !e.fc.t)
        g->status = imx_fail(IMX_E_ARG, "encoder %s has no hidden layer that log sigma could be made from",
                             n->spec->encoder->name);
    if (g->status != IMX_OK)
        return;
    const struct imx_map mu = e.y, ls = imx_nn_linear(&n->b, e.fc, "vae.logsigma", mu.c, true);
    const int32_t rows = imx_map_rows(mu), count = rows * mu.c;
    imx_graph_label(g, "vae");
    const imx_tid eps = imx_graph_temp(g, IMX_F32, count, "eps"), kl = imx_graph_temp(g, IMX_F32, count, "kl");
    struct imx_map z = mu;
    z.t = imx_graph_temp(g, IMX_F32, count, "z");
    imx_graph_node(g, &imx_op_random, &(struct imx_random_problem){ count, IMX_RANDOM_NORMAL, IMX_STREAM_CODE },
                   (imx_tid[]){ n->ctr, eps });
    imx_graph_node(g, &imx_op_gauss_draw, &(struct imx_gauss){ count }, (imx_tid[]){ mu.t, ls.t, eps, z.t });
    rebuilt(n, z);
    imx_graph_label(g, "vae");
    imx_graph_node(g, &imx_op_gauss_kl, &(struct imx_gauss){ count }, (imx_tid[]){ mu.t, ls.t, kl });
    imx_net_term(n, "kl", batch_sum(g, kl, rows, mu.c), mix->vae_beta, false);
}
