/* Crops, pixel by pixel, and their gradients added back. See unfold.h. */
#include "ops/real.h"
#include "ops/ref.h"
#include "ops/unfold.h"

void REF(imx_ref_unfold_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_unfold *d = problem;
    const real *src = arg[IMX_UNFOLD_FWD_SRC]; /* [n,h,w,c] */
    real *dst = arg[IMX_UNFOLD_FWD_DST];       /* [n,p,q,k,k,c] */
    const int p = imx_unfold_out(d->h, d), q = imx_unfold_out(d->w, d);
    int64_t o = 0;
    for (int64_t n = 0; n < d->n; n++)
        for (int y = 0; y < p; y++)
            for (int x = 0; x < q; x++)
                for (int r = 0; r < d->k; r++)
                    for (int s = 0; s < d->k; s++)
                        for (int c = 0; c < d->c; c++, o++) {
                            const int iy = y * d->stride + r, ix = x * d->stride + s;
                            dst[o] = src[((n * d->h + iy) * d->w + ix) * d->c + c];
                            REF_MAG_SET(IMX_UNFOLD_FWD_DST, o, 0);
                        }
}

void REF(imx_ref_unfold_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_unfold *d = problem;
    const real *ddst = arg[IMX_UNFOLD_BWD_DDST]; /* [n,p,q,k,k,c] */
    real *dsrc = arg[IMX_UNFOLD_BWD_DSRC];       /* [n,h,w,c] */
    const int p = imx_unfold_out(d->h, d), q = imx_unfold_out(d->w, d);
    int64_t i = 0;
    for (int64_t n = 0; n < d->n; n++)
        for (int iy = 0; iy < d->h; iy++)
            for (int ix = 0; ix < d->w; ix++)
                for (int c = 0; c < d->c; c++, i++) {
                    real sum = 0, mag_sum = 0;
                    for (int y = 0; y < p; y++)
                        for (int x = 0; x < q; x++) {
                            const int r = iy - y * d->stride, s = ix - x * d->stride;
                            if (r < 0 || r >= d->k || s < 0 || s >= d->k)
                                continue;
                            const real v = ddst[((((n * p + y) * q + x) * d->k + r) * d->k + s) * d->c + c];
                            sum += v;
                            mag_sum += real_abs(v);
                        }
                    dsrc[i] = sum;
                    REF_MAG_SET(IMX_UNFOLD_BWD_DSRC, i, mag_sum);
                    (void)mag_sum;
                }
}
