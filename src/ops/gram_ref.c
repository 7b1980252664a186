/* The Gram matrix by its definition, both triangles. See gram.h. */
#include "ops/gram.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_gram)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gram *d = problem;
    const real *src = arg[IMX_GRAM_SRC], *wgt = arg[IMX_GRAM_WGT]; /* [rows,k], [rows] */
    real *dst = arg[IMX_GRAM_DST];                                 /* [k,k] */
    const int64_t k = d->k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++) {
            real sum = 0, mag_sum = 0;
            for (int64_t r = 0; r < d->rows; r++) {
                const real w = d->weighted ? wgt[r] : 1;
                sum += w * src[r * k + i] * src[r * k + j];
                mag_sum += real_abs(w * src[r * k + i] * src[r * k + j]);
            }
            dst[i * k + j] = sum;
            REF_MAG_SET(IMX_GRAM_DST, i * k + j, mag_sum);
            (void)mag_sum;
        }
}
