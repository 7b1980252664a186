/* Draws from normal distributions and their divergence from N(0, 1); see src/ops/gauss.h. */
#include "vec.h"

__kernel void gauss_draw(
    __global const float *restrict mu,
    __global const float *restrict ls,
    __global const float *restrict eps,
    __global float *restrict dst,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at < n)
        imx_storev(imx_loadv(mu, at, n) + exp(imx_loadv(ls, at, n)) * imx_loadv(eps, at, n), dst, at, n);
}

__kernel void gauss_draw_bwd(
    __global const float *restrict ls,
    __global const float *restrict eps,
    __global const float *restrict ddst,
    __global float *restrict dls,
    __global float *restrict deps,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const floatv d = imx_loadv(ddst, at, n) * exp(imx_loadv(ls, at, n));
    imx_storev(d, deps, at, n);
    imx_storev(d * imx_loadv(eps, at, n), dls, at, n);
}

__kernel void gauss_kl(
    __global const float *restrict mu,
    __global const float *restrict ls,
    __global float *restrict dst,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const floatv m = imx_loadv(mu, at, n), twice = 2.0f * imx_loadv(ls, at, n);
    imx_storev(0.5f * (exp(twice) - twice + m * m - 1.0f), dst, at, n);
}

__kernel void gauss_kl_bwd(
    __global const float *restrict mu,
    __global const float *restrict ls,
    __global const float *restrict ddst,
    __global float *restrict dmu,
    __global float *restrict dls,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const floatv d = imx_loadv(ddst, at, n);
    imx_storev(d * imx_loadv(mu, at, n), dmu, at, n);
    imx_storev(d * (exp(2.0f * imx_loadv(ls, at, n)) - 1.0f), dls, at, n);
}
