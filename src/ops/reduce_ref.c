/* Reductions, the plain way; see reduce.h. */
#include "ops/real.h"
#include "ops/reduce.h"
#include "ops/ref.h"

void REF(imx_ref_rowreduce)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_rowreduce *d = problem;
    real *dst = arg[IMX_REDUCE_DST]; /* [rows] */
    for (int r = 0; r < d->rows; r++) {
        const real *src = (const real *)arg[IMX_REDUCE_SRC] + (int64_t)r * d->cols;
        real sum = 0, sum_abs = 0, top = src[0], sum_exp = 0, spread = 0;
        for (int c = 0; c < d->cols; c++) {
            sum += src[c];
            sum_abs += real_abs(src[c]);
            if (src[c] > top || src[c] != src[c])
                top = src[c];
        }
        for (int c = 0; c < d->cols; c++) {
            sum_exp += real_exp(src[c] - top);
            spread += real_exp(src[c] - top) * real_abs(src[c] - top);
        }
        const real lse = isinf(top) ? top : top + real_log(sum_exp);
        dst[r] = d->kind == IMX_REDUCE_SUM    ? sum
                 : d->kind == IMX_REDUCE_MEAN ? sum / (real)d->cols
                 : d->kind == IMX_REDUCE_MAX  ? top
                                              : lse;
        REF_MAG_SET(IMX_REDUCE_DST, r,
                    d->kind == IMX_REDUCE_SUM    ? sum_abs
                    : d->kind == IMX_REDUCE_MEAN ? sum_abs / (real)d->cols
                    : d->kind == IMX_REDUCE_MAX  ? 0
                                                 : 1 + real_abs(top) + spread / sum_exp);
        (void)sum_abs, (void)spread;
    }
}

void REF(imx_ref_rowreduce_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_rowreduce *d = problem;
    const real *src = arg[IMX_ROWREDUCE_BWD_SRC], *dst = arg[IMX_ROWREDUCE_BWD_DST];
    const real *ddst = arg[IMX_ROWREDUCE_BWD_DDST]; /* [rows] */
    real *dsrc = arg[IMX_ROWREDUCE_BWD_DSRC];       /* [rows, cols] */
    for (int r = 0; r < d->rows; r++) {
        int taken = 0;
        for (int c = 0; c < d->cols; c++) {
            const int64_t i = (int64_t)r * d->cols + c;
            real share = 1, size = 1;
            if (d->kind == IMX_REDUCE_MEAN)
                share = 1 / (real)d->cols;
            if (d->kind == IMX_REDUCE_MAX) {
                share = !taken && src[i] == dst[r];
                taken |= src[i] == dst[r];
            }
            if (d->kind == IMX_REDUCE_LSE) {
                share = real_exp(src[i] - dst[r]);
                size = 1 + real_abs(src[i]) + real_abs(dst[r]);
            }
            dsrc[i] = ddst[r] * share;
            REF_MAG_SET(IMX_ROWREDUCE_BWD_DSRC, i, real_abs(ddst[r]) * share * size);
            (void)size;
        }
    }
}

void REF(imx_ref_colsum)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_colsum *d = problem;
    const real *src = arg[IMX_REDUCE_SRC]; /* [rows, cols] */
    real *dst = arg[IMX_REDUCE_DST];       /* [cols] */
    for (int c = 0; c < d->cols; c++) {
        real sum = 0, sum_abs = 0;
        for (int r = 0; r < d->rows; r++) {
            sum += src[(int64_t)r * d->cols + c];
            sum_abs += real_abs(src[(int64_t)r * d->cols + c]);
        }
        dst[c] = sum;
        REF_MAG_SET(IMX_REDUCE_DST, c, sum_abs);
        (void)sum_abs;
    }
}

void REF(imx_ref_broadcast)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_colsum *d = problem;
    const real *src = arg[IMX_REDUCE_SRC]; /* [cols] */
    real *dst = arg[IMX_REDUCE_DST];       /* [rows, cols] */
    for (int r = 0; r < d->rows; r++)
        for (int c = 0; c < d->cols; c++) {
            dst[(int64_t)r * d->cols + c] = src[c];
            REF_MAG_SET(IMX_REDUCE_DST, (int64_t)r * d->cols + c, 0);
        }
}

void REF(imx_ref_gradnorm)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gradnorm *d = problem;
    const real *src = arg[IMX_REDUCE_SRC]; /* [n] */
    real *dst = arg[IMX_REDUCE_DST];       /* norm, number of non-finite values */
    real sum = 0, odd = 0;
    for (int i = 0; i < d->n; i++) {
        sum += src[i] * src[i];
        odd += !isfinite(src[i]);
    }
    dst[0] = real_sqrt(sum);
    dst[1] = odd;
    REF_MAG_SET(IMX_REDUCE_DST, 0, dst[0]);
    REF_MAG_SET(IMX_REDUCE_DST, 1, 0);
}
