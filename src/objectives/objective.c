/* The table of objectives. See objective.h. */
#include "objectives/objective.h"

#include <stdio.h>
#include <string.h>

/* gamma of Deep InfoMax is 0 here, as in the authors' command for CIFAR-10; the paper had a prior in its runs, gamma 1
 * with the global term alone and 0.1 with the local (dim_method 3), and does not say which with both. */
const struct imx_objective imx_objectives[] = {
    { "dim-local", "Deep InfoMax between the code and each place", 0, 1, 0, imx_build_dim },
    { "dim-global", "Deep InfoMax between the code and the last map as a whole", 1, 0, 0, imx_build_dim },
    { "dim-local-global", "both", 0.5, 0.1, 0, imx_build_dim },
    { "cpc", "contrastive predictive coding: the rows below are told from those above", 0, 0, 0, imx_build_cpc,
      .context = true, .start = imx_cpc_start },
    { "vae", "a variational autoencoder", 0, 0, 0, imx_build_vae, .rebuilds = true, .vae_beta = 1 },
    /* The weight that the paper used is not known (dim_method 6.3); 4 is our choice. */
    { "beta-vae", "a variational autoencoder whose code costs more", 0, 0, 0, imx_build_vae, .rebuilds = true,
      .vae_beta = 4 },
    { "ae", "an autoencoder", 0, 0, 0, imx_build_ae, .rebuilds = true },
    { "aae", "an autoencoder whose codes are drawn towards a prior by an adversary", 0, 0, 1, imx_build_aae,
      .rebuilds = true, .penalty = 0.5, .prior = IMX_PRIOR_GAUSSIAN, .rival = 200 },
    { "bigan", "an adversary tells images with their codes from drawn codes with their images", 0, 0, 0,
      imx_build_bigan, .rebuilds = true },
    { "nat", "noise as targets: points of the sphere, which images exchange within a batch", 0, 0, 0, imx_build_nat,
      .draw = imx_nat_draw, .keep = imx_nat_keep, .finish = imx_nat_finish },
    { 0 },
};

const struct imx_objective *imx_objective_find(const char *name)
{
    char names[256] = "";
    for (const struct imx_objective *o = imx_objectives; o->name; o++) {
        if (!strcmp(o->name, name))
            return o;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? ", " : "", o->name);
    }
    imx_fail(IMX_E_ARG, "no objective \"%s\"; there are %s", name, names);
    return NULL;
}

struct imx_mix imx_objective_mix(const struct imx_objective *o, const struct imx_mix *mix)
{
    struct imx_mix m = *mix;
    m.alpha = m.alpha < 0 ? o->alpha : m.alpha;
    m.beta = m.beta < 0 ? o->beta : m.beta;
    m.gamma = m.gamma < 0 ? o->gamma : m.gamma;
    m.vae_beta = m.vae_beta < 0 ? o->vae_beta : m.vae_beta;
    m.penalty = m.penalty >= 0 ? m.penalty : o->penalty > 0 ? o->penalty : 1;
    m.prior = m.prior < 0 ? o->prior : m.prior;
    return m;
}

bool imx_refuse_terms(struct imx_net *n, const struct imx_mix *mix, bool prior)
{
    if (n->g->status != IMX_OK)
        return true;
    if (mix->alpha > 0 || mix->beta > 0 || (!prior && mix->gamma > 0) || mix->occlude || mix->coordinates ||
        mix->activation > 0)
        n->g->status = imx_fail(IMX_E_ARG, "%s has no %s%s", n->spec->objective->name,
                                mix->alpha > 0             ? "global term (--alpha)"
                                : mix->beta > 0            ? "local term (--beta)"
                                : !prior && mix->gamma > 0 ? "prior term (--gamma)"
                                : mix->occlude             ? "occluded copy (--occlude)"
                                : mix->activation > 0      ? "critic (--activation-penalty)"
                                                           : "prediction of coordinates (--coordinates)",
                                n->spec->objective->vae_beta > 0 ? "; --vae-beta weighs its divergence" : "");
    return n->g->status != IMX_OK;
}
