/* Element-wise sums and products, by their definitions. See eltwise.h. */
#include "ops/eltwise.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_axpby)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_axpby *d = problem;
    const real *a = arg[IMX_AXPBY_A], *b = arg[IMX_AXPBY_B];
    real *dst = arg[IMX_AXPBY_DST];
    for (int64_t i = 0; i < d->n; i++) {
        const real first = (real)d->alpha * a[i];
        const real second = b ? (real)d->beta * b[i] : 0;
        dst[i] = first + second;
        REF_MAG_SET(IMX_AXPBY_DST, i, real_abs(first) + real_abs(second));
    }
}

void REF(imx_ref_mul)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_mul *d = problem;
    const real *a = arg[IMX_MUL_A], *b = arg[IMX_MUL_B];
    real *dst = arg[IMX_MUL_DST];
    for (int64_t i = 0; i < d->n; i++) {
        dst[i] = a[i] * b[i];
        REF_MAG_SET(IMX_MUL_DST, i, real_abs(dst[i]));
    }
}

void REF(imx_ref_add_relu)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_add_relu *d = problem;
    const real *a = arg[IMX_ADD_RELU_A], *b = arg[IMX_ADD_RELU_B];
    real *dst = arg[IMX_ADD_RELU_DST];
    for (int64_t i = 0; i < d->n; i++) {
        const real sum = a[i] + b[i];
        dst[i] = sum < 0 ? 0 : sum; /* NaN stays NaN */
        REF_MAG_SET(IMX_ADD_RELU_DST, i, real_abs(a[i]) + real_abs(b[i]));
    }
}

void REF(imx_ref_bias_add)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_bias_add *d = problem;
    const real *src = arg[IMX_BIAS_ADD_SRC], *bia = arg[IMX_BIAS_ADD_BIA]; /* [rows,cols], [cols] */
    real *dst = arg[IMX_BIAS_ADD_DST];
    for (int64_t r = 0; r < d->rows; r++)
        for (int64_t c = 0; c < d->cols; c++) {
            const int64_t i = r * d->cols + c;
            dst[i] = src[i] + bia[c];
            REF_MAG_SET(IMX_BIAS_ADD_DST, i, real_abs(src[i]) + real_abs(bia[c]));
        }
}
