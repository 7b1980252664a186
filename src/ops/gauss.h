/* A normal distribution per element, given by mean mu and logarithm of the standard deviation ls (dim_method 6.3;
 * Kingma & Welling 2014, eq. 10), over n values:
 *   gauss_draw:     dst = mu + exp(ls) * eps                          args MU, LS, EPS, DST
 *   gauss_draw_bwd: deps = ddst * exp(ls), dls = deps * eps (dmu is ddst itself)   args LS, EPS, DDST, DLS, DEPS
 *   gauss_kl:       dst = (exp(2 ls) + mu^2 - 2 ls - 1) / 2, the divergence from N(0, 1) in nats   args MU, LS, DST
 *   gauss_kl_bwd:   dmu = ddst * mu, dls = ddst * (exp(2 ls) - 1)     args MU, LS, DDST, DMU, DLS
 * eps is drawn from N(0, 1). The two _bwd have no gradient rules of their own. */
#ifndef IMX_OPS_GAUSS_H
#define IMX_OPS_GAUSS_H

#include "ops/op.h"

struct imx_gauss {
    int32_t n;
};
enum { IMX_GAUSS_DRAW_MU, IMX_GAUSS_DRAW_LS, IMX_GAUSS_DRAW_EPS, IMX_GAUSS_DRAW_DST };
enum {
    IMX_GAUSS_DRAW_BWD_LS,
    IMX_GAUSS_DRAW_BWD_EPS,
    IMX_GAUSS_DRAW_BWD_DDST,
    IMX_GAUSS_DRAW_BWD_DLS,
    IMX_GAUSS_DRAW_BWD_DEPS
};
enum { IMX_GAUSS_KL_MU, IMX_GAUSS_KL_LS, IMX_GAUSS_KL_DST };
enum { IMX_GAUSS_KL_BWD_MU, IMX_GAUSS_KL_BWD_LS, IMX_GAUSS_KL_BWD_DDST, IMX_GAUSS_KL_BWD_DMU, IMX_GAUSS_KL_BWD_DLS };
extern const struct imx_op imx_op_gauss_draw, imx_op_gauss_draw_bwd, imx_op_gauss_kl, imx_op_gauss_kl_bwd;

#endif
