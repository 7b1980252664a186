/* Rows divided by the root of a quadratic form of them; see src/ops/quadnorm.h. The products that make z come before
 * (src/ops/quadnorm_cl.c); here are the passes over the rows. "row" kernels (CPU devices) walk whole rows with vectors,
 * so that the second look at a row hits the L1 cache; "group" kernels (GPUs) give each row to GROUP work-items. The
 * weighted sum of the rows goes through part[chunks][k], then a pass that adds the chunks. */
#include "group_sum.h"
#include "shared.h"

#define LOAD16(p) vload16(0, p)

static float sum16(const float16 v)
{
    const float8 a = v.lo + v.hi;
    const float4 b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

/* 1/sqrt(form/out + eps); a NaN stays one. */
static float inverse(const float form, const int out, const float eps)
{
    return 1.0f / sqrt((form < 0.0f ? 0.0f : form) / (float)out + eps);
}

__kernel void quad_fwd_row(
    __global const float *restrict src,
    __global const float *restrict z,
    __global const float *restrict m,
    __global const float *restrict m0,
    __global float *restrict dst,
    __global float *restrict invstd,
    const int rows,
    const int k,
    const int chunk,
    const int out,
    const float eps)
{
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r++) {
        __global const float *at = src + (size_t)r * k, *with = z + (size_t)r * k;
        __global float *to = dst + (size_t)r * k;
        float16 v = 0.0f;
        int c = 0;
        for (; c + 16 <= k; c += 16)
            v = fma(LOAD16(at + c), LOAD16(with + c) + LOAD16(m + c), v);
        float form = sum16(v);
        for (; c < k; c++)
            form += at[c] * (with[c] + m[c]);
        const float inv = inverse(form + m0[0], out, eps);
        for (c = 0; c + 16 <= k; c += 16)
            vstore16(inv * LOAD16(at + c), 0, to + c);
        for (; c < k; c++)
            to[c] = inv * at[c];
        invstd[r] = inv;
    }
}

__kernel __attribute__((GROUP_SHAPE)) void quad_fwd_group(
    __global const float *restrict src,
    __global const float *restrict z,
    __global const float *restrict m,
    __global const float *restrict m0,
    __global float *restrict dst,
    __global float *restrict invstd,
    const int k,
    const int out,
    const float eps)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), l = get_local_id(0);
    __global const float *at = src + (size_t)r * k, *with = z + (size_t)r * k;
    __global float *to = dst + (size_t)r * k;
    float s = 0.0f;
    for (int c = l; c < k; c += GROUP)
        s += at[c] * (with[c] + m[c]);
    const float inv = inverse(group_sum(s, tmp) + m0[0], out, eps);
    for (int c = l; c < k; c += GROUP)
        to[c] = inv * at[c];
    if (l == 0)
        invstd[r] = inv;
}

__kernel void quad_bwd_row(
    __global const float *restrict dst,
    __global const float *restrict z,
    __global const float *restrict invstd,
    __global const float *restrict ddst,
    __global const float *restrict dinvstd,
    __global float *restrict dsrc,
    __global float *restrict wgt,
    __global float *restrict share,
    __global float *restrict part,
    const int rows,
    const int k,
    const int chunk,
    const int out)
{
    const int piece = get_global_id(0), r0 = piece * chunk, r1 = min(r0 + chunk, rows);
    __global float *sum = part + (size_t)piece * k;
    for (int r = r0; r < r1; r++) {
        __global const float *at = dst + (size_t)r * k, *up = ddst + (size_t)r * k, *with = z + (size_t)r * k;
        __global float *to = dsrc + (size_t)r * k;
        const float inv = invstd[r];
        float16 v = 0.0f;
        int c = 0;
        for (; c + 16 <= k; c += 16)
            v = fma(LOAD16(at + c), LOAD16(up + c), v);
        float dot = sum16(v);
        for (; c < k; c++)
            dot += at[c] * up[c];
        const float w = -(dot + inv * dinvstd[r]) / (float)out, s = w * inv * inv, wi = w * inv;
        for (c = 0; c + 16 <= k; c += 16) {
            const float16 add = wi * LOAD16(at + c);
            vstore16(inv * LOAD16(up + c) + s * LOAD16(with + c), 0, to + c);
            vstore16(r == r0 ? add : LOAD16(sum + c) + add, 0, sum + c);
        }
        for (; c < k; c++) {
            to[c] = inv * up[c] + s * with[c];
            sum[c] = r == r0 ? wi * at[c] : sum[c] + wi * at[c];
        }
        wgt[r] = w;
        share[r] = s;
    }
}

__kernel __attribute__((GROUP_SHAPE)) void quad_bwd_group(
    __global const float *restrict dst,
    __global const float *restrict z,
    __global const float *restrict invstd,
    __global const float *restrict ddst,
    __global const float *restrict dinvstd,
    __global float *restrict dsrc,
    __global float *restrict wgt,
    __global float *restrict share,
    const int k,
    const int out)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), l = get_local_id(0);
    __global const float *at = dst + (size_t)r * k, *up = ddst + (size_t)r * k, *with = z + (size_t)r * k;
    __global float *to = dsrc + (size_t)r * k;
    const float inv = invstd[r];
    float dot = 0.0f;
    for (int c = l; c < k; c += GROUP)
        dot += at[c] * up[c];
    const float w = -(group_sum(dot, tmp) + inv * dinvstd[r]) / (float)out, s = w * inv * inv;
    for (int c = l; c < k; c += GROUP)
        to[c] = inv * up[c] + s * with[c];
    if (l == 0) {
        wgt[r] = w;
        share[r] = s;
    }
}

__kernel void quad_sum_column(
    __global const float *restrict dst,
    __global const float *restrict wgt,
    __global const float *restrict invstd,
    __global float *restrict part,
    const int rows,
    const int k,
    const int chunk)
{
    const int c = get_global_id(0), piece = get_global_id(1);
    if (c >= k)
        return;
    const int r0 = piece * chunk, r1 = min(r0 + chunk, rows);
    float s = 0.0f;
    for (int r = r0; r < r1; r++)
        s += wgt[r] * invstd[r] * dst[(size_t)r * k + c];
    part[(size_t)piece * k + c] = s;
}

__kernel void quad_sum_finish(
    __global const float *restrict part,
    __global float *restrict wsum,
    const int chunks,
    const int k)
{
    const int c = get_global_id(0);
    if (c >= k)
        return;
    float s = 0.0f;
    for (int i = 0; i < chunks; i++)
        s += part[(size_t)i * k + c];
    wsum[c] = s;
}
