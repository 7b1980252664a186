/* Optimizer steps in place over a whole arena; see src/ops/optim.h. norm[1] > 0 (non-finite gradients) changes nothing.
 * hyp: lr, b1, b2, eps, wd, c1, c2, 1-b2. */
#include "vec.h"

__kernel void adam(
    __global float *restrict param,
    __global float *restrict m,
    __global float *restrict v,
    __global const float *restrict grad,
    __global const float *restrict hyp,
    __global const float *restrict norm,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n || norm[1] > 0.0f)
        return;
    const float lr = hyp[0], b1 = hyp[1], b2 = hyp[2], eps = hyp[3], wd = hyp[4], c1 = hyp[5], c2 = hyp[6];
    const float left2 = hyp[7] > 0.0f ? hyp[7] : 1.0f - b2;
    const floatv p = imx_loadv(param, at, n);
    const floatv g = imx_loadv(grad, at, n) + wd * p;
    const floatv m1 = b1 * imx_loadv(m, at, n) + (1.0f - b1) * g;
    const floatv v1 = b2 * imx_loadv(v, at, n) + left2 * g * g;
    imx_storev(m1, m, at, n);
    imx_storev(v1, v, at, n);
    imx_storev(p - lr * (m1 * c1) / (sqrt(v1 * c2) + eps), param, at, n);
}

__kernel void sgd(
    __global float *restrict param,
    __global float *restrict m,
    __global const float *restrict grad,
    __global const float *restrict hyp,
    __global const float *restrict norm,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n || norm[1] > 0.0f)
        return;
    const float lr = hyp[0], b1 = hyp[1], wd = hyp[4];
    const floatv p = imx_loadv(param, at, n);
    const floatv m1 = b1 * imx_loadv(m, at, n) + (imx_loadv(grad, at, n) + wd * p);
    imx_storev(m1, m, at, n);
    imx_storev(p - lr * m1, param, at, n);
}
