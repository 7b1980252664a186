/* Deep InfoMax's terms (Hjelm et al. 2019, eq. 8): alpha * global + beta * local + gamma * prior. Estimators are
 * losses, so each is minimised. */
#include "objectives/objective.h"

void imx_build_dim(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_build *b = &n->b;
    const struct imx_encoded e = imx_encoder_build(b, n->spec->encoder, n->pixels);
    if (b->g->status != IMX_OK)
        return;
    if (mix->beta > 0) {
        const struct imx_critic_out c = imx_critic_build(b, &n->spec->critic, e.local, e.y);
        n->info = c.info;
        n->locals = e.local.h * e.local.w;
        imx_net_term(n, "local", c.loss, mix->beta, false);
    }
    if (mix->gamma > 0)
        imx_build_prior(n, e.y, mix);
}
