/* Element-wise sums and products; see src/ops/eltwise.h. bias_add walks each row in vectors, so that a vector never
 * reaches over the end of a row. */
#include "vec.h"

__kernel void axpby_scale(
    __global const float *a,
    __global float *dst,
    const uint n,
    const float alpha)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at < n)
        imx_storev(alpha * imx_loadv(a, at, n), dst, at, n);
}

__kernel void axpby(
    __global const float *a,
    __global const float *restrict b,
    __global float *dst,
    const uint n,
    const float alpha,
    const float beta)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at < n)
        imx_storev(alpha * imx_loadv(a, at, n) + beta * imx_loadv(b, at, n), dst, at, n);
}

__kernel void mul(
    __global const float *restrict a,
    __global const float *restrict b,
    __global float *restrict dst,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at < n)
        imx_storev(imx_loadv(a, at, n) * imx_loadv(b, at, n), dst, at, n);
}

__kernel void add_relu(
    __global const float *restrict a,
    __global const float *restrict b,
    __global float *restrict dst,
    const uint n)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const floatv sum = imx_loadv(a, at, n) + imx_loadv(b, at, n);
    imx_storev(sum < 0.0f ? (floatv)0.0f : sum, dst, at, n); /* NaN stays NaN */
}

__kernel void bias_add(
    __global const float *restrict src,
    __global const float *restrict bia,
    __global float *restrict dst,
    const uint rows,
    const uint cols)
{
    const uint chunks = (cols + VEC - 1) / VEC, item = get_global_id(0);
    const uint row = item / chunks, at = item % chunks * VEC;
    if (row >= rows)
        return;
    const ulong start = (ulong)row * cols;
    imx_storev(imx_loadv(src + start, at, cols) + imx_loadv(bia, at, cols), dst + start, at, cols);
}
