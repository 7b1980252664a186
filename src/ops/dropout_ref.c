/* Dropout, element by element. See dropout.h. */
#include "base/philox.h"
#include "ops/dropout.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_dropout)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_dropout *d = problem;
    const real *src = arg[IMX_DROPOUT_SRC];
    const uint32_t *ctr = arg[IMX_DROPOUT_CTR];
    real *dst = arg[IMX_DROPOUT_DST];
    const uint64_t seed = ctr[0] | (uint64_t)ctr[1] << 32, step = ctr[2] | (uint64_t)ctr[3] << 32;
    for (int64_t i = 0; i < d->n; i++) {
        uint32_t r[4];
        imx_random4(seed, step, (uint32_t)d->stream, (uint32_t)(i / 4), r);
        const bool keep = imx_unit(r[i % 4]) >= d->p;
        /* a factor, not a selection: NaN stays NaN */
        dst[i] = src[i] * (keep ? 1 / (1 - (real)d->p) : 0);
        REF_MAG_SET(IMX_DROPOUT_DST, i, real_abs(dst[i]));
    }
}

void REF(imx_ref_dropout2d)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_dropout2d *d = problem;
    const real *src = arg[IMX_DROPOUT_SRC]; /* [n,area,c] */
    const uint32_t *ctr = arg[IMX_DROPOUT_CTR];
    real *dst = arg[IMX_DROPOUT_DST];
    const uint64_t seed = ctr[0] | (uint64_t)ctr[1] << 32, step = ctr[2] | (uint64_t)ctr[3] << 32;
    const int32_t draws = (d->c + 3) / 4; /* of an image */
    for (int32_t n = 0; n < d->n; n++)
        for (int32_t c = 0; c < d->c; c++) {
            uint32_t r[4];
            imx_random4(seed, step, (uint32_t)d->stream, (uint32_t)(n * draws + c / 4), r);
            const bool keep = imx_unit(r[c % 4]) >= d->p;
            for (int32_t at = 0; at < d->area; at++) {
                const int64_t i = ((int64_t)n * d->area + at) * d->c + c;
                dst[i] = src[i] * (keep ? 1 / (1 - (real)d->p) : 0);
                REF_MAG_SET(IMX_DROPOUT_DST, i, real_abs(dst[i]));
            }
        }
}
