/* Bytes to normalised floats, pixel by pixel. See image.h. */
#include "ops/image.h"
#include "ops/real.h"
#include "ops/ref.h"

static int32_t inside(int32_t i, int32_t size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

void REF(imx_ref_image)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_image *d = problem;
    const uint8_t *src = arg[IMX_IMAGE_SRC]; /* [n,h,w,c] */
    const int32_t *aug = arg[IMX_IMAGE_AUG]; /* [n,3] */
    const real *mean = arg[IMX_IMAGE_MEAN], *invstd = arg[IMX_IMAGE_INVSTD];
    real *dst = arg[IMX_IMAGE_DST]; /* [n,croph,cropw,c] */
    int64_t o = 0;
    for (int32_t n = 0; n < d->n; n++)
        for (int32_t y = 0; y < d->croph; y++)
            for (int32_t x = 0; x < d->cropw; x++)
                for (int32_t c = 0; c < d->c; c++, o++) {
                    const int32_t *a = aug + 3 * n;
                    const int32_t sy = inside(a[0] + y, d->h);
                    const int32_t sx = inside(a[1] + (a[2] ? d->cropw - 1 - x : x), d->w);
                    const real v = (real)src[(((int64_t)n * d->h + sy) * d->w + sx) * d->c + c] / 255;
                    dst[o] = (v - mean[c]) * invstd[c];
                    REF_MAG_SET(IMX_IMAGE_DST, o, (v + real_abs(mean[c])) * real_abs(invstd[c]));
                }
}
