/* Element-wise functions and their derivatives; see src/ops/act.h. The comparisons are written so that NaN passes
 * through, and the derivatives of tanh, sigmoid and softplus come from e = exp(-|x|): no cancellation for large |x|. */
#include "shared.h"
#include "vec.h"

static inline floatv sigmoid_of(const floatv x)
{
    const floatv e = exp(-fabs(x));
    return (x < 0.0f ? e : (floatv)1.0f) / (1.0f + e);
}

static inline floatv value(const floatv x, const int kind, const float slope)
{
    switch (kind) {
    case IMX_ACT_RELU: return x < 0.0f ? (floatv)0.0f : x;
    case IMX_ACT_LEAKY: return x > 0.0f ? x : slope * x;
    case IMX_ACT_TANH: return tanh(x);
    case IMX_ACT_SIGMOID: return sigmoid_of(x);
    case IMX_ACT_EXP: return exp(x);
    case IMX_ACT_SOFTPLUS: return (x < 0.0f ? (floatv)0.0f : x) + log1p(exp(-fabs(x)));
    }
    return x;
}

static inline floatv derivative(const floatv x, const floatv ddst, const int kind, const float slope)
{
    floatv e;
    switch (kind) {
    case IMX_ACT_RELU: return x <= 0.0f ? (floatv)0.0f : ddst;
    case IMX_ACT_LEAKY: return x > 0.0f ? ddst : slope * ddst;
    case IMX_ACT_TANH:
        e = exp(-2.0f * fabs(x));
        return ddst * (4.0f * e / ((1.0f + e) * (1.0f + e)));
    case IMX_ACT_SIGMOID:
        e = exp(-fabs(x));
        return ddst * (e / ((1.0f + e) * (1.0f + e)));
    case IMX_ACT_EXP: return ddst * exp(x);
    case IMX_ACT_SOFTPLUS: return ddst * sigmoid_of(x);
    }
    return ddst;
}

__kernel void act_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    const uint n,
    const int kind,
    const float slope)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    imx_storev(value(imx_loadv(src, at, n), kind, slope), dst, at, n);
}

__kernel void act_bwd(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const uint n,
    const int kind,
    const float slope)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    imx_storev(derivative(imx_loadv(src, at, n), imx_loadv(ddst, at, n), kind, slope), dsrc, at, n);
}
