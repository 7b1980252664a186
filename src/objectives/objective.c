/* The table of objectives. See objective.h. */
#include "objectives/objective.h"

#include <stdio.h>
#include <string.h>

const struct imx_objective imx_objectives[] = {
    { "dim-local", "Deep InfoMax between the code and each place", 0, 1, 0, imx_build_dim },
    { "dim-global", "Deep InfoMax between the code and the last map as a whole", 1, 0, 0, imx_build_dim },
    { "dim-local-global", "both", 0.5, 0.1, 0, imx_build_dim },
    { "cpc", "contrastive predictive coding: the rows below are told from those above", 0, 0, 0, imx_build_cpc },
    { "vae", "a variational autoencoder", 0, 0, 0, imx_build_vae, .rebuilds = true, .vae_beta = 1 },
    /* The weight that the paper used is not known (dim_method 6.3); 4 is our choice. */
    { "beta-vae", "a variational autoencoder whose code costs more", 0, 0, 0, imx_build_vae, .rebuilds = true,
      .vae_beta = 4 },
    { "ae", "an autoencoder", 0, 0, 0, imx_build_ae, .rebuilds = true },
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
    m.penalty = m.penalty < 0 ? 1 : m.penalty;
    return m;
}
