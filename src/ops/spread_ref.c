/* A row added to every row of its group, and the sum back. See spread.h. */
#include "ops/real.h"
#include "ops/ref.h"
#include "ops/spread.h"

void REF(imx_ref_spread)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_spread *d = problem;
    const real *src = arg[IMX_SPREAD_SRC], *row = arg[IMX_SPREAD_ROW]; /* [g,r,c], [g,c] */
    real *dst = arg[IMX_SPREAD_DST];                                   /* [g,r,c] */
    for (int64_t g = 0; g < d->groups; g++)
        for (int64_t r = 0; r < d->rows; r++)
            for (int64_t c = 0; c < d->cols; c++) {
                const int64_t i = (g * d->rows + r) * d->cols + c;
                const real own = d->add ? src[i] : 0, all = row[g * d->cols + c];
                dst[i] = own + all;
                REF_MAG_SET(IMX_SPREAD_DST, i, real_abs(own) + real_abs(all));
            }
}

void REF(imx_ref_spread_sum)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_spread *d = problem;
    const real *src = arg[IMX_SPREAD_SUM_SRC]; /* [g,r,c] */
    real *dst = arg[IMX_SPREAD_SUM_DST];       /* [g,c] */
    for (int64_t g = 0; g < d->groups; g++)
        for (int64_t c = 0; c < d->cols; c++) {
            real sum = 0, mag_sum = 0;
            for (int64_t r = 0; r < d->rows; r++) {
                const real v = src[(g * d->rows + r) * d->cols + c];
                sum += v;
                mag_sum += real_abs(v);
            }
            dst[g * d->cols + c] = sum;
            REF_MAG_SET(IMX_SPREAD_SUM_DST, g * d->cols + c, mag_sum);
            (void)mag_sum;
        }
}
