/* Draws from normal distributions and their divergence from N(0, 1), by their definitions. See gauss.h. */
#include "ops/gauss.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_gauss_draw)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gauss *d = problem;
    const real *mu = arg[IMX_GAUSS_DRAW_MU], *ls = arg[IMX_GAUSS_DRAW_LS], *eps = arg[IMX_GAUSS_DRAW_EPS];
    real *dst = arg[IMX_GAUSS_DRAW_DST];
    for (int64_t i = 0; i < d->n; i++) {
        const real away = real_exp(ls[i]) * eps[i];
        dst[i] = mu[i] + away;
        REF_MAG_SET(IMX_GAUSS_DRAW_DST, i, real_abs(mu[i]) + real_abs(away));
    }
}

void REF(imx_ref_gauss_draw_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gauss *d = problem;
    const real *ls = arg[IMX_GAUSS_DRAW_BWD_LS], *eps = arg[IMX_GAUSS_DRAW_BWD_EPS];
    const real *ddst = arg[IMX_GAUSS_DRAW_BWD_DDST];
    real *dls = arg[IMX_GAUSS_DRAW_BWD_DLS], *deps = arg[IMX_GAUSS_DRAW_BWD_DEPS];
    for (int64_t i = 0; i < d->n; i++) {
        deps[i] = ddst[i] * real_exp(ls[i]);
        dls[i] = deps[i] * eps[i];
        REF_MAG_SET(IMX_GAUSS_DRAW_BWD_DLS, i, real_abs(dls[i]));
        REF_MAG_SET(IMX_GAUSS_DRAW_BWD_DEPS, i, real_abs(deps[i]));
    }
}

void REF(imx_ref_gauss_kl)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gauss *d = problem;
    const real *mu = arg[IMX_GAUSS_KL_MU], *ls = arg[IMX_GAUSS_KL_LS];
    real *dst = arg[IMX_GAUSS_KL_DST];
    for (int64_t i = 0; i < d->n; i++) {
        const real var = real_exp(2 * ls[i]), square = mu[i] * mu[i];
        dst[i] = (var + square - 2 * ls[i] - 1) / 2;
        REF_MAG_SET(IMX_GAUSS_KL_DST, i, (var + square + 2 * real_abs(ls[i]) + 1) / 2);
    }
}

void REF(imx_ref_gauss_kl_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gauss *d = problem;
    const real *mu = arg[IMX_GAUSS_KL_BWD_MU], *ls = arg[IMX_GAUSS_KL_BWD_LS], *ddst = arg[IMX_GAUSS_KL_BWD_DDST];
    real *dmu = arg[IMX_GAUSS_KL_BWD_DMU], *dls = arg[IMX_GAUSS_KL_BWD_DLS];
    for (int64_t i = 0; i < d->n; i++) {
        const real var = real_exp(2 * ls[i]);
        dmu[i] = ddst[i] * mu[i];
        dls[i] = ddst[i] * (var - 1);
        REF_MAG_SET(IMX_GAUSS_KL_BWD_DMU, i, real_abs(dmu[i]));
        REF_MAG_SET(IMX_GAUSS_KL_BWD_DLS, i, real_abs(ddst[i]) * (var + 1));
    }
}
