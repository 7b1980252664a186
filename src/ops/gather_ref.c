/* Drawing rows, and adding their gradients back, row by row. See gather.h. */
#include "ops/gather.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_gather_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gather *d = problem;
    const real *src = arg[IMX_GATHER_FWD_SRC];    /* [n,p,c] */
    const int32_t *idx = arg[IMX_GATHER_FWD_IDX]; /* [n,k] */
    real *dst = arg[IMX_GATHER_FWD_DST];          /* [n,k,c] */
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t t = 0; t < d->k; t++)
            for (int64_t c = 0; c < d->c; c++) {
                const int64_t from = idx[n * d->k + t], o = (n * d->k + t) * d->c + c;
                dst[o] = from >= 0 && from < d->p ? src[(n * d->p + from) * d->c + c] : 0;
                REF_MAG_SET(IMX_GATHER_FWD_DST, o, 0);
            }
}

void REF(imx_ref_gather_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gather *d = problem;
    const real *ddst = arg[IMX_GATHER_BWD_DDST];  /* [n,k,c] */
    const int32_t *idx = arg[IMX_GATHER_BWD_IDX]; /* [n,k] */
    real *dsrc = arg[IMX_GATHER_BWD_DSRC];        /* [n,p,c] */
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t p = 0; p < d->p; p++)
            for (int64_t c = 0; c < d->c; c++) {
                const int64_t i = (n * d->p + p) * d->c + c;
                real sum = 0, mag_sum = 0;
                for (int64_t t = 0; t < d->k; t++) {
                    const real v = ddst[(n * d->k + t) * d->c + c];
                    if (idx[n * d->k + t] != p)
                        continue;
                    sum += v;
                    mag_sum += real_abs(v);
                }
                dsrc[i] = sum;
                REF_MAG_SET(IMX_GATHER_BWD_DSRC, i, mag_sum);
                (void)mag_sum;
            }
}
