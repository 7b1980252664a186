/* Pooling, the plain way: every window walks all its taps and tests the bounds. See pool2d.h. */
#include "ops/pool2d.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_pool2d_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_pool2d *d = problem;
    const real *src = arg[IMX_POOL2D_FWD_SRC]; /* [n,h,w,c] */
    real *dst = arg[IMX_POOL2D_FWD_DST];       /* [n,p,q,c] */
    int32_t *at = arg[IMX_POOL2D_FWD_AT];
    const int p = imx_pool2d_out(d->h, d), q = imx_pool2d_out(d->w, d);
    for (int n = 0; n < d->n; n++)
        for (int y = 0; y < p; y++)
            for (int x = 0; x < q; x++)
                for (int c = 0; c < d->c; c++) {
                    real best = 0, sum = 0, mag_sum = 0;
                    int best_at = -1;
                    for (int r = 0; r < d->k; r++)
                        for (int s = 0; s < d->k; s++) {
                            const int iy = y * d->stride + r - d->pad, ix = x * d->stride + s - d->pad;
                            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                                continue;
                            const real v = src[((n * d->h + iy) * d->w + ix) * d->c + c];
                            sum += v;
                            mag_sum += real_abs(v);
                            if (best_at < 0 || v > best || v != v) {
                                best = v;
                                best_at = iy * d->w + ix;
                            }
                        }
                    const int o = ((n * p + y) * q + x) * d->c + c;
                    const real area = (real)(d->k * d->k);
                    if (d->kind == IMX_POOL_MAX) {
                        dst[o] = best;
                        at[o] = best_at;
                        REF_MAG_SET(IMX_POOL2D_FWD_DST, o, 0);
                    } else {
                        dst[o] = sum / area;
                        REF_MAG_SET(IMX_POOL2D_FWD_DST, o, mag_sum / area);
                    }
                }
}

void REF(imx_ref_pool2d_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_pool2d *d = problem;
    const real *ddst = arg[IMX_POOL2D_BWD_DDST]; /* [n,p,q,c] */
    const int32_t *at = arg[IMX_POOL2D_BWD_AT];
    real *dsrc = arg[IMX_POOL2D_BWD_DSRC]; /* [n,h,w,c] */
    const int p = imx_pool2d_out(d->h, d), q = imx_pool2d_out(d->w, d);
    for (int n = 0; n < d->n; n++)
        for (int iy = 0; iy < d->h; iy++)
            for (int ix = 0; ix < d->w; ix++)
                for (int c = 0; c < d->c; c++) {
                    real sum = 0, mag_sum = 0;
                    for (int y = 0; y < p; y++)
                        for (int x = 0; x < q; x++) {
                            const int r = iy - (y * d->stride - d->pad), s = ix - (x * d->stride - d->pad);
                            if (r < 0 || r >= d->k || s < 0 || s >= d->k)
                                continue;
                            const int o = ((n * p + y) * q + x) * d->c + c;
                            if (d->kind == IMX_POOL_MAX && at[o] != iy * d->w + ix)
                                continue;
                            sum += ddst[o];
                            mag_sum += real_abs(ddst[o]);
                        }
                    const real area = d->kind == IMX_POOL_MAX ? 1 : (real)(d->k * d->k);
                    const int i = ((n * d->h + iy) * d->w + ix) * d->c + c;
                    dsrc[i] = sum / area;
                    REF_MAG_SET(IMX_POOL2D_BWD_DSRC, i, mag_sum / area);
                }
}
