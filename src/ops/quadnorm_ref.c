/* Rows divided by the root mean square of their linear map, by the definition: the map is computed. Rounding is that
 * of the quadratic form, whose terms are larger than its value. See quadnorm.h. */
#include "ops/quadnorm.h"
#include "ops/real.h"
#include "ops/ref.h"

/* Adds what output o of the map, e (terms' absolute sum e_abs), puts into z. */
static void add_to_z(const struct imx_quadnorm *d, const real *wei, real e, real e_abs, real *z, double *z_mag)
{
    for (int64_t c = 0; c < d->k; c++) {
        z[c] += wei[c] * e;
        if (z_mag)
            z_mag[c] += (double)(real_abs(wei[c]) * e_abs);
    }
}

void REF(imx_ref_quadnorm_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_quadnorm *d = problem;
    const real *wei = arg[IMX_QUADNORM_FWD_WEI], *bia = arg[IMX_QUADNORM_FWD_BIA]; /* [out,k], [out] */
    real *invstd = arg[IMX_QUADNORM_FWD_INVSTD];
    const int64_t k = d->k;
    for (int64_t r = 0; r < d->rows; r++) {
        const real *src = (const real *)arg[IMX_QUADNORM_FWD_SRC] + r * k;
        real *dst = (real *)arg[IMX_QUADNORM_FWD_DST] + r * k, *z = (real *)arg[IMX_QUADNORM_FWD_Z] + r * k;
        double *z_mag = NULL;
#ifdef IMX_REAL_DOUBLE
        z_mag = mag && mag[IMX_QUADNORM_FWD_Z] ? mag[IMX_QUADNORM_FWD_Z] + r * k : NULL;
#endif
        real square = 0, lost = 0;
        for (int64_t c = 0; c < k; c++) {
            z[c] = 0;
            REF_MAG_SET(IMX_QUADNORM_FWD_Z, r * k + c, 0);
        }
        for (int64_t o = 0; o < d->out; o++) {
            real e = bia[o], e_abs = real_abs(bia[o]);
            for (int64_t c = 0; c < k; c++) {
                e += wei[o * k + c] * src[c];
                e_abs += real_abs(wei[o * k + c] * src[c]);
            }
            square += e * e;
            lost += e_abs * e_abs;
            add_to_z(d, wei + o * k, e, e_abs, z, z_mag);
        }
        const real inv = 1 / real_sqrt(square / (real)d->out + (real)d->eps);
        const real inv_rel = 1 + lost / (real)d->out * inv * inv; /* relative error of inv, in units of eps */
        invstd[r] = inv;
        REF_MAG_SET(IMX_QUADNORM_FWD_INVSTD, r, inv * inv_rel);
        for (int64_t c = 0; c < k; c++) {
            dst[c] = src[c] * inv;
            REF_MAG_SET(IMX_QUADNORM_FWD_DST, r * k + c, real_abs(src[c]) * inv * inv_rel);
        }
        (void)inv_rel;
    }
}

void REF(imx_ref_quadnorm_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_quadnorm *d = problem;
    const real *invstd = arg[IMX_QUADNORM_BWD_INVSTD], *dinvstd = arg[IMX_QUADNORM_BWD_DINVSTD];
    real *wgt = arg[IMX_QUADNORM_BWD_WGT], *wsum = arg[IMX_QUADNORM_BWD_WSUM];
    real *share = arg[IMX_QUADNORM_BWD_SHARE];
    const int64_t k = d->k;
    for (int64_t c = 0; c < k; c++) {
        wsum[c] = 0;
        REF_MAG_SET(IMX_QUADNORM_BWD_WSUM, c, 0);
    }
    for (int64_t r = 0; r < d->rows; r++) {
        const real *dst = (const real *)arg[IMX_QUADNORM_BWD_DST] + r * k;
        const real *z = (const real *)arg[IMX_QUADNORM_BWD_Z] + r * k;
        const real *ddst = (const real *)arg[IMX_QUADNORM_BWD_DDST] + r * k;
        real *dsrc = (real *)arg[IMX_QUADNORM_BWD_DSRC] + r * k;
        const real inv = invstd[r], out = (real)d->out;
        real dot = inv * dinvstd[r], dot_abs = real_abs(dot);
        for (int64_t c = 0; c < k; c++) {
            dot += ddst[c] * dst[c];
            dot_abs += real_abs(ddst[c] * dst[c]);
        }
        const real w = -dot / out, w_abs = dot_abs / out;
        wgt[r] = w;
        share[r] = w * inv * inv;
        REF_MAG_SET(IMX_QUADNORM_BWD_WGT, r, w_abs);
        REF_MAG_SET(IMX_QUADNORM_BWD_SHARE, r, w_abs * inv * inv);
        for (int64_t c = 0; c < k; c++) {
            dsrc[c] = inv * ddst[c] + share[r] * z[c];
            wsum[c] += w * inv * dst[c];
            REF_MAG_SET(IMX_QUADNORM_BWD_DSRC, r * k + c, inv * real_abs(ddst[c]) + w_abs * inv * inv * real_abs(z[c]));
            REF_MAG_SET(IMX_QUADNORM_BWD_WSUM, c, mag[IMX_QUADNORM_BWD_WSUM][c] + w_abs * inv * real_abs(dst[c]));
        }
        (void)w_abs;
    }
}
