/* Columns side by side, by the definition. See concat.h. */
#include "ops/concat.h"
#include "ops/real.h"
#include "ops/ref.h"

/* What C subtracts from column c of src, and the sum of the absolute terms behind it. */
static real mean_of(const real *src, const struct imx_concat *d, int64_t cols, int64_t c, real *mag_mean)
{
    real sum = 0;
    *mag_mean = 0;
    if (!d->centre)
        return 0;
    for (int64_t r = 0; r < d->rows; r++) {
        sum += src[r * cols + c];
        *mag_mean += real_abs(src[r * cols + c]);
    }
    *mag_mean /= (real)d->rows;
    return sum / (real)d->rows;
}

void REF(imx_ref_concat)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_concat *d = problem;
    const int64_t cols = d->ca + d->cb;
    real *dst = arg[IMX_CONCAT_DST];
    for (int64_t c = 0; c < cols; c++) {
        const bool first = c < d->ca;
        const real *src = arg[first ? IMX_CONCAT_A : IMX_CONCAT_B];
        const int64_t width = first ? d->ca : d->cb, at = first ? c : c - d->ca;
        real mag_mean;
        const real mean = mean_of(src, d, width, at, &mag_mean);
        for (int64_t r = 0; r < d->rows; r++) {
            dst[r * cols + c] = src[r * width + at] - mean;
            REF_MAG_SET(IMX_CONCAT_DST, r * cols + c, real_abs(src[r * width + at]) + mag_mean);
        }
    }
}

void REF(imx_ref_concat_split)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_concat *d = problem;
    const int64_t cols = d->ca + d->cb;
    const real *ddst = arg[IMX_CONCAT_SPLIT_DDST];
    for (int64_t c = 0; c < cols; c++) {
        const bool first = c < d->ca;
        const int out = first ? IMX_CONCAT_SPLIT_DA : IMX_CONCAT_SPLIT_DB;
        real *dsrc = arg[out];
        const int64_t width = first ? d->ca : d->cb, at = first ? c : c - d->ca;
        real mag_mean;
        const real mean = mean_of(ddst, d, cols, c, &mag_mean);
        for (int64_t r = 0; r < d->rows; r++) {
            dsrc[r * width + at] = ddst[r * cols + c] - mean;
            REF_MAG_SET(out, r * width + at, real_abs(ddst[r * cols + c]) + mag_mean);
        }
    }
}
