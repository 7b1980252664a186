/* Rows of length 1, by the definition. See unitrow.h. */
#include "ops/real.h"
#include "ops/ref.h"
#include "ops/unitrow.h"

void REF(imx_ref_unitrow_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_unitrow *d = problem;
    real *inv = arg[IMX_UNITROW_FWD_INV];
    for (int64_t r = 0; r < d->rows; r++) {
        const real *src = (const real *)arg[IMX_UNITROW_FWD_SRC] + r * d->cols;
        real *dst = (real *)arg[IMX_UNITROW_FWD_DST] + r * d->cols, sum = (real)IMX_UNITROW_LEAST;
        for (int c = 0; c < d->cols; c++)
            sum += src[c] * src[c];
        inv[r] = 1 / real_sqrt(sum);
        REF_MAG_SET(IMX_UNITROW_FWD_INV, r, inv[r]); /* all terms have one sign: the error is relative */
        for (int c = 0; c < d->cols; c++) {
            dst[c] = src[c] * inv[r];
            REF_MAG_SET(IMX_UNITROW_FWD_DST, r * d->cols + c, real_abs(dst[c]));
        }
    }
}

void REF(imx_ref_unitrow_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_unitrow *d = problem;
    const real *inv = arg[IMX_UNITROW_BWD_INV];
    for (int64_t r = 0; r < d->rows; r++) {
        const real *dst = (const real *)arg[IMX_UNITROW_BWD_DST] + r * d->cols;
        const real *ddst = (const real *)arg[IMX_UNITROW_BWD_DDST] + r * d->cols;
        real *dsrc = (real *)arg[IMX_UNITROW_BWD_DSRC] + r * d->cols, dot = 0, dot_mag = 0;
        for (int c = 0; c < d->cols; c++) {
            dot += dst[c] * ddst[c];
            dot_mag += real_abs(dst[c] * ddst[c]);
        }
        for (int c = 0; c < d->cols; c++) {
            dsrc[c] = inv[r] * (ddst[c] - dst[c] * dot);
            REF_MAG_SET(IMX_UNITROW_BWD_DSRC, r * d->cols + c,
                        real_abs(inv[r]) * (real_abs(ddst[c]) + real_abs(dst[c]) * dot_mag));
        }
        (void)dot_mag;
    }
}
