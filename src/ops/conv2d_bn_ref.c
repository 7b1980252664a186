/* Convolution between batch norms, the plain way. See conv2d_bn.h. */
#include "ops/bn_ends_ref.h"
#include "ops/conv2d_bn.h"
#include "ops/ref.h"

/* Pixel (y, x) of image n in channel c as the product sees it; false: it is padding. */
static bool pixel(const struct imx_conv2d_bn *p, const real *src, void *const *ends, int n, int y, int x, int c,
                  real *value, real *mag)
{
    const struct imx_conv2d *d = &p->d;
    if (y < 0 || y >= d->h || x < 0 || x >= d->w)
        return false;
    *value = src[((n * d->h + y) * d->w + x) * d->c + c];
    *mag = real_abs(*value);
    if (p->ends.norm)
        *value = bn_in(&p->ends, ends, c, *value, mag);
    return true;
}

void REF(imx_ref_conv2d_bn_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_conv2d_bn *b = problem;
    const struct imx_conv2d *d = &b->d;
    const real *src = arg[IMX_CONV2D_FWD_SRC]; /* [n,h,w,c] */
    const real *wei = arg[IMX_CONV2D_FWD_WEI]; /* [o,k,k,c] */
    const real *bia = arg[IMX_CONV2D_FWD_BIA]; /* [o] */
    real *dst = arg[IMX_CONV2D_FWD_DST];       /* [n,p,q,o] */
    const int p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    for (int at = 0; at < d->n * p * q * d->o; at++) {
        const int o = at % d->o, x = at / d->o % q * d->stride - d->pad;
        const int y = at / d->o / q % p * d->stride - d->pad, n = at / d->o / q / p;
        real sum = d->bias ? bia[o] : 0, mag_sum = real_abs(sum), value, size;
        for (int t = 0; t < d->k * d->k * d->c; t++) {
            const int c = t % d->c, s = t / d->c % d->k, r = t / d->c / d->k;
            if (!pixel(b, src, arg + IMX_CONV2D_BN_FWD_ENDS, n, y + r, x + s, c, &value, &size))
                continue;
            sum += value * wei[o * d->k * d->k * d->c + t];
            mag_sum += size * real_abs(wei[o * d->k * d->k * d->c + t]);
        }
        dst[at] = sum;
        REF_MAG_SET(IMX_CONV2D_FWD_DST, at, mag_sum);
        (void)mag_sum;
    }
    bn_stat(&b->ends, (int64_t)d->n * p * q, d->o, IMX_CONV2D_FWD_DST, IMX_CONV2D_BN_FWD_ENDS, arg REF_MAG_ON);
}

void REF(imx_ref_conv2d_bn_wei)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_conv2d_bn *b = problem;
    const struct imx_conv2d *d = &b->d;
    const real *src = arg[IMX_CONV2D_BWD_WEI_SRC];   /* [n,h,w,c] */
    const real *ddst = arg[IMX_CONV2D_BWD_WEI_DDST]; /* [n,p,q,o] */
    real *dwei = arg[IMX_CONV2D_BWD_WEI_DWEI];       /* [o,k,k,c] */
    const int p = imx_conv2d_p(d), q = imx_conv2d_q(d);
    for (int at = 0; at < d->o * d->k * d->k * d->c; at++) {
        const int c = at % d->c, s = at / d->c % d->k, r = at / d->c / d->k % d->k, o = at / d->c / d->k / d->k;
        real sum = 0, mag_sum = 0, value, size;
        for (int l = 0; l < d->n * p * q; l++) {
            const int y = l / q % p * d->stride + r - d->pad, x = l % q * d->stride + s - d->pad;
            if (!pixel(b, src, arg + IMX_CONV2D_BN_WEI_ENDS, l / q / p, y, x, c, &value, &size))
                continue;
            sum += value * ddst[l * d->o + o];
            mag_sum += size * real_abs(ddst[l * d->o + o]);
        }
        dwei[at] = sum;
        REF_MAG_SET(IMX_CONV2D_BWD_WEI_DWEI, at, mag_sum);
        (void)mag_sum;
    }
}
