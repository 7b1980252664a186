/* The gates of a recurrent unit; see src/ops/gru.h. One work-item per vector of a row of the state. The derivatives come
 * from e = exp(-|x|), so that none cancels for large |x|. */
#include "vec.h"

static inline floatv sigmoid_of(const floatv x)
{
    const floatv e = exp(-fabs(x));
    return (x < 0.0f ? e : (floatv)1.0f) / (1.0f + e);
}

/* s(x) s(-x) */
static inline floatv sigmoid_slope(const floatv x)
{
    const floatv e = exp(-fabs(x));
    return e / ((1.0f + e) * (1.0f + e));
}

/* 1 - tanh(x)^2 = 4 s(2x) s(-2x) */
static inline floatv tanh_slope(const floatv x)
{
    return 4.0f * sigmoid_slope(2.0f * x);
}

__kernel void gru_cell(
    __global const float *restrict gi,
    __global const float *restrict gh,
    __global const float *restrict h,
    __global float *restrict dst,
    const uint rows,
    const uint cols)
{
    const uint chunks = (cols + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= rows)
        return;
    gi += (ulong)row * 3 * cols;
    gh += (ulong)row * 3 * cols;
    const floatv r = sigmoid_of(imx_loadv(gi, at, cols) + imx_loadv(gh, at, cols));
    const floatv z = sigmoid_of(imx_loadv(gi + cols, at, cols) + imx_loadv(gh + cols, at, cols));
    const floatv m = tanh(imx_loadv(gi + 2 * cols, at, cols) + r * imx_loadv(gh + 2 * cols, at, cols));
    imx_storev((1.0f - z) * m + z * imx_loadv(h + (ulong)row * cols, at, cols), dst + (ulong)row * cols, at, cols);
}

__kernel void gru_cell_bwd(
    __global const float *restrict gi,
    __global const float *restrict gh,
    __global const float *restrict h,
    __global const float *restrict ddst,
    __global float *restrict dgi,
    __global float *restrict dgh,
    __global float *restrict dh,
    const uint rows,
    const uint cols)
{
    const uint chunks = (cols + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= rows)
        return;
    const ulong wide = (ulong)row * 3 * cols, narrow = (ulong)row * cols;
    const floatv at_r = imx_loadv(gi + wide, at, cols) + imx_loadv(gh + wide, at, cols);
    const floatv at_z = imx_loadv(gi + wide + cols, at, cols) + imx_loadv(gh + wide + cols, at, cols);
    const floatv hn = imx_loadv(gh + wide + 2 * cols, at, cols), r = sigmoid_of(at_r), z = sigmoid_of(at_z);
    const floatv at_m = imx_loadv(gi + wide + 2 * cols, at, cols) + r * hn;
    const floatv d = imx_loadv(ddst + narrow, at, cols);
    const floatv dm = d * sigmoid_of(-at_z) * tanh_slope(at_m);
    const floatv dz = d * (imx_loadv(h + narrow, at, cols) - tanh(at_m)) * sigmoid_slope(at_z);
    const floatv dr = dm * hn * sigmoid_slope(at_r);
    imx_storev(dr, dgi + wide, at, cols);
    imx_storev(dr, dgh + wide, at, cols);
    imx_storev(dz, dgi + wide + cols, at, cols);
    imx_storev(dz, dgh + wide + cols, at, cols);
    imx_storev(dm, dgi + wide + 2 * cols, at, cols);
    imx_storev(dm * r, dgh + wide + 2 * cols, at, cols);
    imx_storev(d * z, dh + narrow, at, cols);
}
