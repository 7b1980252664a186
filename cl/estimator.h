/* What each estimator does with scores, for kernels; see src/ops/critic.h. VEC scores at a time: CPU devices take 16,
 * GPUs 1. */
#ifndef IMX_CL_ESTIMATOR_H
#define IMX_CL_ESTIMATOR_H

#include "shared.h"

#ifndef VEC
    #define VEC 16
#endif

#if VEC == 16
typedef float16 vfloat;
typedef int16 vint;
    #define V_LOAD(at)     vload16(0, at)
    #define V_STORE(v, at) vstore16(v, 0, at)
    #define V_INT(x)       convert_int16(x)
    #define V_AS_FLOAT(x)  as_float16(x)
    #define V_LANES        ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#else
typedef float vfloat;
typedef int vint;
    #define V_LOAD(at)     (*(at))
    #define V_STORE(v, at) (*(at) = (v))
    #define V_LANES        0
#endif

#define LN2 0.69314718055994530942f

/* exp. Compilers for CPUs call one scalar function per lane, hence a polynomial: 2^n exp(r), |r| <= ln2/2, 1
 * ulp. */
vfloat v_exp(const vfloat x)
{
#if VEC == 1
    return exp(x);
#else
    const vfloat low = select(x, (vfloat)(-104.0f), x < -104.0f);
    const vfloat y = select(low, (vfloat)(89.0f), low > 89.0f);
    const vfloat n = rint(y * 1.44269504088896341f);
    const vfloat r = fma(n, (vfloat)(2.12194440e-4f), fma(n, (vfloat)(-0.693359375f), y));
    vfloat e = fma(r, (vfloat)(1.9875691500e-4f), (vfloat)(1.3981999507e-3f));
    e = fma(e, r, (vfloat)(8.3334519073e-3f));
    e = fma(e, r, (vfloat)(4.1665795894e-2f));
    e = fma(e, r, (vfloat)(1.6666665459e-1f));
    e = fma(e, r, (vfloat)(5.0000001201e-1f));
    e = fma(e, r * r, r) + 1.0f;
    /* Two steps: 2^n alone would leave the exponent's range near its ends. */
    const vint i = V_INT(n), half_i = i >> 1;
    return e * V_AS_FLOAT((half_i + 127) << 23) * V_AS_FLOAT((i - half_i + 127) << 23);
#endif
}

/* log(1 + exp(x)) to within eps absolutely. */
vfloat v_softplus(const vfloat x)
{
    const vfloat e = v_exp(-fabs(x));
    return select((vfloat)(0.0f), x, x > 0.0f) + log(1.0f + e) + (x - x); /* x - x: 0, but NaN stays NaN */
}

vfloat v_sigmoid(const vfloat x)
{
    const vfloat e = v_exp(-fabs(x));
    return select((vfloat)(1.0f), e, x < 0.0f) / (1.0f + e);
}

float softplus(const float x)
{
    return (x > 0.0f ? x : 0.0f) + log1p(exp(-fabs(x))) + (x - x);
}

float sigmoid(const float x)
{
    const float e = exp(-fabs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Adds x to a sum that keeps its own rounding error: long sums of equal terms would all round the same way.
 * */
void kahan(float *sum, float *lost, const float x)
{
    const float y = x - *lost, t = *sum + y;
    *lost = (t - *sum) - y;
    *sum = t;
}

/* tanh: a polynomial near zero, where 1 - 2/(exp(2x) + 1) would cancel. */
vfloat v_tanh(const vfloat x)
{
#if VEC == 1
    return tanh(x);
#else
    const vfloat a = fabs(x), z = x * x;
    vfloat near = fma(z, (vfloat)(-5.70498872745e-3f), (vfloat)(2.06390887954e-2f));
    near = fma(near, z, (vfloat)(-5.37397155531e-2f));
    near = fma(near, z, (vfloat)(1.33314422036e-1f));
    near = fma(near, z, (vfloat)(-3.33332819422e-1f));
    near = fma(near * z, x, x);
    const vfloat far = copysign(1.0f - 2.0f / (v_exp(2.0f * a) + 1.0f), x);
    return select(far, near, a < 0.625f) + (x - x); /* x - x: 0, but NaN stays NaN */
#endif
}

/* u of raw scores: clip tanh(s / clip), or s. */
vfloat clipped(const vfloat s, const float clip)
{
    return clip > 0.0f ? clip * v_tanh(s / clip) : s;
}

/* Do the negatives of this estimator enter its loss by a mean (else by a logsumexp)? */
int est_mean(const int est)
{
    return est == IMX_EST_JSD || est == IMX_EST_GAN || est == IMX_EST_RKL || est == IMX_EST_CHI2 ||
           est == IMX_EST_SMILE;
}

/* Is a logsumexp of the negatives wanted? smile descends a mean and reads one. */
int est_lse(const int est)
{
    return !est_mean(est) || est == IMX_EST_SMILE;
}

/* f-(u) of the estimators with a mean. */
vfloat est_neg(const int est, const vfloat u)
{
    if (est == IMX_EST_JSD || est == IMX_EST_SMILE)
        return v_softplus(u) - LN2;
    if (est == IMX_EST_GAN)
        return v_softplus(u);
    return est == IMX_EST_CHI2 ? fma(0.25f * u, u, u) : u - 1.0f;
}

/* What goes into the logsumexp; par: smile's bound. Not clamp(), which may lose a NaN. */
vfloat est_exponent(const int est, const vfloat u, const float par)
{
    if (est != IMX_EST_SMILE)
        return u;
    const vfloat low = select(u, (vfloat)(-par), u < -par);
    return select(low, (vfloat)(par), low > par);
}

/* The derivative of a negative's share: of f-, or the softmax weight exp(u - stat). */
vfloat est_neg_slope(const int est, const vfloat u, const vfloat stat)
{
    if (est == IMX_EST_JSD || est == IMX_EST_GAN || est == IMX_EST_SMILE)
        return v_sigmoid(u);
    if (est == IMX_EST_CHI2)
        return 0.5f * u + 1.0f;
    if (est == IMX_EST_RKL)
        return (vfloat)(1.0f) + (u - u);
    return v_exp(u - stat);
}

/* f+(u); of smile what is read. */
float est_pos(const int est, const float u)
{
    if (est == IMX_EST_JSD)
        return LN2 - softplus(-u);
    if (est == IMX_EST_GAN)
        return -softplus(-u);
    if (est == IMX_EST_RKL || est == IMX_EST_H2)
        return (est == IMX_EST_H2 ? 1.0f : 0.0f) - exp(-u);
    return u;
}

/* Its derivative; stat: of infonce, the logsumexp of the negatives. */
float est_pos_slope(const int est, const float u, const float stat)
{
    if (est == IMX_EST_INFONCE)
        return sigmoid(stat - u);
    if (est == IMX_EST_JSD || est == IMX_EST_GAN || est == IMX_EST_SMILE)
        return sigmoid(-u);
    return est == IMX_EST_RKL || est == IMX_EST_H2 ? exp(-u) : 1.0f;
}

/* e_neg of an estimator with one logsumexp over all negatives; count: the logarithm of their number. */
float est_end(const int est, const float lse, const float count)
{
    if (est == IMX_EST_KL)
        return exp(lse - count - 1.0f);
    return est == IMX_EST_H2 ? expm1(lse - count) : lse - count;
}

/* Moves dv-ema's average (see critic.h) on by one batch; returns its logarithm. */
float est_average(__global float *ema, const float now, const float decay)
{
    const int started = ema[1] > 0.0f;
    if (!isfinite(now))
        return started ? ema[0] : now;
    const float before = started ? ema[0] : now, top = fmax(before, now);
    const float next = top + log(decay * exp(before - top) + (1.0f - decay) * exp(now - top));
    ema[0] = next;
    ema[1] = 1.0f;
    return next;
}

/* The logarithm of what the slopes divide exp(u) by. */
float est_level(const int est, const float lse, const float average, const float count)
{
    return est == IMX_EST_KL ? 1.0f + count : est == IMX_EST_H2 ? count : est == IMX_EST_DV_EMA ? average + count : lse;
}

#endif
