/* Occlusion, pixel by pixel. See occlude.h. */
#include "ops/occlude.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_occlude)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_occlude *d = problem;
    const real *src = arg[IMX_OCCLUDE_SRC];
    const int32_t *box = arg[IMX_OCCLUDE_BOX];
    real *dst = arg[IMX_OCCLUDE_DST];
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t y = 0; y < d->h; y++)
            for (int64_t x = 0; x < d->w; x++)
                for (int64_t c = 0; c < d->c; c++) {
                    const int32_t *b = box + 4 * n;
                    const int64_t at = ((n * d->h + y) * d->w + x) * d->c + c;
                    const bool inside = y >= b[0] && y < (int64_t)b[0] + b[2] && x >= b[1] && x < (int64_t)b[1] + b[3];
                    dst[at] = inside ? (real)d->fill : src[at];
                    REF_MAG_SET(IMX_OCCLUDE_DST, at, real_abs(dst[at]));
                }
}
