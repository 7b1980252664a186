/* Convolution, the plain way: every output element walks all its taps and tests the bounds. See conv2d.h. */
#include "ops/conv2d.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_conv2d_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_conv2d *d = problem;
    const real *src = arg[IMX_CONV2D_FWD_SRC]; /* [n,h,w,c] */
    const real *wei = arg[IMX_CONV2D_FWD_WEI]; /* [o,k,k,c] */
    const real *bia = arg[IMX_CONV2D_FWD_BIA]; /* [o] */
    real *dst = arg[IMX_CONV2D_FWD_DST];       /* [n,p,q,o] */
    const int p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    for (int n = 0; n < d->n; n++)
        for (int y = 0; y < p; y++)
            for (int x = 0; x < q; x++)
                for (int o = 0; o < d->o; o++) {
                    real sum = d->bias ? bia[o] : 0, mag_sum = real_abs(sum);
                    for (int r = 0; r < d->k; r++)
                        for (int s = 0; s < d->k; s++)
                            for (int c = 0; c < d->c; c++) {
                                const int iy = y * d->stride + r - d->pad, ix = x * d->stride + s - d->pad;
                                if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                                    continue;
                                const real term = src[((n * d->h + iy) * d->w + ix) * d->c + c] *
                                                  wei[((o * d->k + r) * d->k + s) * d->c + c];
                                sum += term;
                                mag_sum += real_abs(term);
                            }
                    const int at = ((n * p + y) * q + x) * d->o + o;
                    dst[at] = sum;
                    REF_MAG_SET(IMX_CONV2D_FWD_DST, at, mag_sum);
                }
}

void REF(imx_ref_conv2d_bwd_data)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_conv2d *d = problem;
    const real *ddst = arg[IMX_CONV2D_BWD_DATA_DDST]; /* [n,p,q,o] */
    const real *wei = arg[IMX_CONV2D_BWD_DATA_WEI];   /* [o,k,k,c] */
    real *dsrc = arg[IMX_CONV2D_BWD_DATA_DSRC];       /* [n,h,w,c] */
    const int p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    for (int n = 0; n < d->n; n++)
        for (int iy = 0; iy < d->h; iy++)
            for (int ix = 0; ix < d->w; ix++)
                for (int c = 0; c < d->c; c++) {
                    real sum = 0, mag_sum = 0;
                    for (int r = 0; r < d->k; r++)
                        for (int s = 0; s < d->k; s++) {
                            const int up = iy + d->pad - r, left = ix + d->pad - s;
                            if (up < 0 || up % d->stride || up / d->stride >= p || left < 0 || left % d->stride ||
                                left / d->stride >= q)
                                continue;
                            for (int o = 0; o < d->o; o++) {
                                const real term = ddst[((n * p + up / d->stride) * q + left / d->stride) * d->o + o] *
                                                  wei[((o * d->k + r) * d->k + s) * d->c + c];
                                sum += term;
                                mag_sum += real_abs(term);
                            }
                        }
                    const int at = ((n * d->h + iy) * d->w + ix) * d->c + c;
                    dsrc[at] = sum;
                    REF_MAG_SET(IMX_CONV2D_BWD_DATA_DSRC, at, mag_sum);
                }
}

void REF(imx_ref_conv2d_bwd_wei)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_conv2d *d = problem;
    const real *src = arg[IMX_CONV2D_BWD_WEI_SRC];   /* [n,h,w,c] */
    const real *ddst = arg[IMX_CONV2D_BWD_WEI_DDST]; /* [n,p,q,o] */
    real *dwei = arg[IMX_CONV2D_BWD_WEI_DWEI];       /* [o,k,k,c] */
    const int p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    for (int o = 0; o < d->o; o++)
        for (int r = 0; r < d->k; r++)
            for (int s = 0; s < d->k; s++)
                for (int c = 0; c < d->c; c++) {
                    real sum = 0, mag_sum = 0;
                    for (int n = 0; n < d->n; n++)
                        for (int y = 0; y < p; y++)
                            for (int x = 0; x < q; x++) {
                                const int iy = y * d->stride + r - d->pad, ix = x * d->stride + s - d->pad;
                                if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w)
                                    continue;
                                const real term = ddst[((n * p + y) * q + x) * d->o + o] *
                                                  src[((n * d->h + iy) * d->w + ix) * d->c + c];
                                sum += term;
                                mag_sum += real_abs(term);
                            }
                    const int at = ((o * d->k + r) * d->k + s) * d->c + c;
                    dwei[at] = sum;
                    REF_MAG_SET(IMX_CONV2D_BWD_WEI_DWEI, at, mag_sum);
                }
}
