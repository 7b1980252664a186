/* Deep InfoMax's terms (Hjelm et al. 2019, eq. 8): alpha * global + beta * local + gamma * prior. Estimators are
 * losses, so each is minimised. The global term pairs the code with the whole last convolution map; by a critic that
 * maps both to one space, each code meets each map of the batch. Coordinate prediction comes on top (section 4.3). */
#include "objectives/objective.h"

void imx_build_dim(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_build *b = &n->b;
    const struct imx_encoder *encoder = n->spec->encoder;
    struct imx_map y = { 0 };
    /* The whole image comes last, so that it has the last word on the running statistics of the batch norms, which both
     * passes update. */
    if (mix->occlude)
        y = imx_encoder_build(b, encoder, imx_net_occlude(n, imx_encoder_field(encoder))).y;
    struct imx_encoded e = imx_encoder_build(b, encoder, n->pixels);
    if (b->g->status != IMX_OK)
        return;
    if (mix->occlude)
        e.y = y;
    if (mix->alpha > 0) {
        struct imx_critic_spec spec = n->spec->critic;
        spec.whole = true;
        const struct imx_critic_out c = imx_critic_build(b, &spec, e.conv, e.y);
        n->info = c.info;
        n->locals = 1;
        imx_net_term(n, "global", c.loss, mix->alpha, false);
    }
    if (mix->beta > 0) {
        const struct imx_critic_out c = imx_critic_build(b, &n->spec->critic, e.local, e.y);
        n->info = c.info;
        n->locals = n->spec->critic.locals ? n->spec->critic.locals : e.local.h * e.local.w;
        imx_net_term(n, "local", c.loss, mix->beta, false);
    }
    if (mix->coordinates && mix->coordinates_weight > 0)
        imx_build_coordinates(n, e.local, e.y, mix);
    if (mix->gamma > 0)
        imx_build_prior(n, e.y, mix);
}
