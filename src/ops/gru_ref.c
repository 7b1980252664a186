/* A gated recurrent unit's step by its formulas. See gru.h. */
#include "ops/gru.h"
#include "ops/real.h"
#include "ops/ref.h"

static real sigmoid_of(real x)
{
    if (x >= 0)
        return 1 / (1 + real_exp(-x));
    return real_exp(x) / (1 + real_exp(x));
}

/* One element's inputs and gates. With them each gate's slope and how far its argument may be off in roundings of its
 * terms: a gate's own error is slope * mag. */
struct gates {
    real h, hn, r, z, m;
    real dr, dz, dm;          /* r', z', m' */
    real r_mag, z_mag, m_mag; /* sums of |terms| that the gates' errors are multiples of */
};

static struct gates gates_of(const struct imx_gru *d, void *const *arg, int64_t row, int64_t c)
{
    const real *gi = (const real *)arg[IMX_GRU_GI] + row * 3 * d->cols + c;
    const real *gh = (const real *)arg[IMX_GRU_GH] + row * 3 * d->cols + c;
    struct gates g = { .h = ((const real *)arg[IMX_GRU_H])[row * d->cols + c], .hn = gh[2 * d->cols] };
    const real at_r = gi[0] + gh[0], at_z = gi[d->cols] + gh[d->cols];
    g.r = sigmoid_of(at_r);
    g.z = sigmoid_of(at_z);
    const real at_m = gi[2 * d->cols] + g.r * g.hn;
    g.m = real_tanh(at_m);
    g.dr = g.r * sigmoid_of(-at_r);
    g.dz = g.z * sigmoid_of(-at_z);
    g.dm = 4 * sigmoid_of(2 * at_m) * sigmoid_of(-2 * at_m);
    g.r_mag = g.r + g.dr * (real_abs(gi[0]) + real_abs(gh[0]));
    g.z_mag = g.z + g.dz * (real_abs(gi[d->cols]) + real_abs(gh[d->cols]));
    g.m_mag = real_abs(g.m) + g.dm * (real_abs(gi[2 * d->cols]) + g.r_mag * real_abs(g.hn));
    return g;
}

void REF(imx_ref_gru_cell)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gru *d = problem;
    real *dst = arg[IMX_GRU_DST];
    for (int64_t row = 0; row < d->rows; row++)
        for (int64_t c = 0; c < d->cols; c++) {
            const struct gates g = gates_of(d, arg, row, c);
            dst[row * d->cols + c] = (1 - g.z) * g.m + g.z * g.h;
            REF_MAG_SET(IMX_GRU_DST, row * d->cols + c,
                        (1 + g.z_mag) * g.m_mag + g.z_mag * (real_abs(g.h) + real_abs(g.m)));
        }
}

/* dz = ddst (h - m) z', dm = ddst (1 - z) m', dr = dm gh_n r'. Slopes lie below the gates that they belong to, and are
 * off by no more than their gates' errors and roundings of their own. */
void REF(imx_ref_gru_cell_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gru *d = problem;
    const real *ddst = arg[IMX_GRU_BWD_DDST];
    real *dgi = arg[IMX_GRU_BWD_DGI], *dgh = arg[IMX_GRU_BWD_DGH], *dh = arg[IMX_GRU_BWD_DH];
    for (int64_t row = 0; row < d->rows; row++)
        for (int64_t c = 0; c < d->cols; c++) {
            const struct gates g = gates_of(d, arg, row, c);
            const int64_t i = row * d->cols + c, at = row * 3 * d->cols + c;
            const real dm = ddst[i] * (1 - g.z) * g.dm, dz = ddst[i] * (g.h - g.m) * g.dz, dr = dm * g.hn * g.dr;
            dgi[at] = dgh[at] = dr;
            dgi[at + d->cols] = dgh[at + d->cols] = dz;
            dgi[at + 2 * d->cols] = dm;
            dgh[at + 2 * d->cols] = dm * g.r;
            dh[i] = ddst[i] * g.z;
            const real dm_mag = real_abs(ddst[i]) * (g.dm + 2 * g.m_mag) * (1 + g.z_mag);
            const real dz_mag = real_abs(ddst[i]) * (real_abs(g.h) + g.m_mag) * (g.dz + g.z_mag);
            const real dr_mag = dm_mag * real_abs(g.hn) * (g.dr + g.r_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGI, at, dr_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGH, at, dr_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGI, at + d->cols, dz_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGH, at + d->cols, dz_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGI, at + 2 * d->cols, dm_mag);
            REF_MAG_SET(IMX_GRU_BWD_DGH, at + 2 * d->cols, dm_mag * g.r_mag + dm_mag * g.r);
            REF_MAG_SET(IMX_GRU_BWD_DH, i, real_abs(ddst[i]) * g.z_mag);
            (void)dm_mag, (void)dz_mag, (void)dr_mag;
        }
}
