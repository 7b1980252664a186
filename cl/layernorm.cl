/* Layer norm over each row of src[rows, cols]; see src/ops/layernorm.h. "row" kernels (CPU devices) walk whole rows
 * with vectors, so that the second look at a row hits the L1 cache; "group" kernels (GPUs) give each row to GROUP
 * work-items. The variance is the mean square of the deviations from the mean, in a second look at the row.
 *     dsrc = invstd * (g - mean(g) - x * mean(g x)),  g = gamma ddst,  x = (src-mean) invstd
 * dgamma and dbeta are column sums: part[chunks][2][cols] first, then a pass that adds the chunks. */
#include "group_sum.h"
#include "shared.h"

#define LOAD16(p) vload16(0, p)

static float sum16(const float16 v)
{
    const float8 a = v.lo + v.hi;
    const float4 b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

__kernel void ln_fwd_row(
    __global const float *restrict src,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global float *restrict dst,
    __global float *restrict mean,
    __global float *restrict invstd,
    const int rows,
    const int cols,
    const int chunk,
    const float eps)
{
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r++) {
        __global const float *at = src + (size_t)r * cols;
        __global float *to = dst + (size_t)r * cols;
        float16 v = 0.0f, q = 0.0f;
        int c = 0;
        for (; c + 16 <= cols; c += 16)
            v += LOAD16(at + c);
        float s = sum16(v);
        for (; c < cols; c++)
            s += at[c];
        const float m = s / (float)cols;
        for (c = 0; c + 16 <= cols; c += 16) {
            const float16 d = LOAD16(at + c) - m;
            q += d * d;
        }
        s = sum16(q);
        for (; c < cols; c++)
            s += (at[c] - m) * (at[c] - m);
        const float inv = 1.0f / sqrt(s / (float)cols + eps);
        for (c = 0; c + 16 <= cols; c += 16)
            vstore16((LOAD16(at + c) - m) * inv * LOAD16(gamma + c) + LOAD16(beta + c), 0, to + c);
        for (; c < cols; c++)
            to[c] = (at[c] - m) * inv * gamma[c] + beta[c];
        mean[r] = m;
        invstd[r] = inv;
    }
}

__kernel __attribute__((GROUP_SHAPE)) void ln_fwd_group(
    __global const float *restrict src,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global float *restrict dst,
    __global float *restrict mean,
    __global float *restrict invstd,
    const int cols,
    const float eps)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), l = get_local_id(0);
    __global const float *at = src + (size_t)r * cols;
    __global float *to = dst + (size_t)r * cols;
    float s = 0.0f, q = 0.0f;
    for (int c = l; c < cols; c += GROUP)
        s += at[c];
    const float m = group_sum(s, tmp) / (float)cols;
    for (int c = l; c < cols; c += GROUP)
        q += (at[c] - m) * (at[c] - m);
    const float inv = 1.0f / sqrt(group_sum(q, tmp) / (float)cols + eps);
    for (int c = l; c < cols; c += GROUP)
        to[c] = (at[c] - m) * inv * gamma[c] + beta[c];
    if (l == 0) {
        mean[r] = m;
        invstd[r] = inv;
    }
}

__kernel void ln_back_row(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global const float *restrict gamma,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict dsrc,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk)
{
    const int k = get_global_id(0), r0 = k * chunk, r1 = min(r0 + chunk, rows);
    __global float *sum = part + (size_t)k * 2 * cols, *dot = sum + cols;
    for (int r = r0; r < r1; r++) {
        __global const float *at = src + (size_t)r * cols, *up = ddst + (size_t)r * cols;
        __global float *to = dsrc + (size_t)r * cols;
        const float m = mean[r], inv = invstd[r];
        float16 v = 0.0f, w = 0.0f;
        int c = 0;
        for (; c + 16 <= cols; c += 16) {
            const float16 g = LOAD16(up + c) * LOAD16(gamma + c);
            v += g;
            w += g * (LOAD16(at + c) - m);
        }
        float s = sum16(v), t = sum16(w);
        for (; c < cols; c++) {
            const float g = up[c] * gamma[c];
            s += g;
            t += g * (at[c] - m);
        }
        s /= (float)cols;
        t *= inv / (float)cols;
        for (c = 0; c + 16 <= cols; c += 16) {
            const float16 u = LOAD16(up + c), x = (LOAD16(at + c) - m) * inv, p = u * x;
            vstore16((u * LOAD16(gamma + c) - s - x * t) * inv, 0, to + c);
            vstore16(r == r0 ? u : LOAD16(sum + c) + u, 0, sum + c);
            vstore16(r == r0 ? p : LOAD16(dot + c) + p, 0, dot + c);
        }
        for (; c < cols; c++) {
            const float u = up[c], x = (at[c] - m) * inv;
            to[c] = (u * gamma[c] - s - x * t) * inv;
            sum[c] = r == r0 ? u : sum[c] + u;
            dot[c] = r == r0 ? u * x : dot[c] + u * x;
        }
    }
}

__kernel __attribute__((GROUP_SHAPE)) void ln_dsrc_group(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global const float *restrict gamma,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict dsrc,
    const int cols)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), l = get_local_id(0);
    __global const float *at = src + (size_t)r * cols, *up = ddst + (size_t)r * cols;
    __global float *to = dsrc + (size_t)r * cols;
    const float m = mean[r], inv = invstd[r];
    float s = 0.0f, t = 0.0f;
    for (int c = l; c < cols; c += GROUP) {
        const float g = up[c] * gamma[c];
        s += g;
        t += g * (at[c] - m);
    }
    s = group_sum(s, tmp) / (float)cols;
    t = group_sum(t, tmp) * inv / (float)cols;
    for (int c = l; c < cols; c += GROUP)
        to[c] = (up[c] * gamma[c] - s - (at[c] - m) * inv * t) * inv;
}

__kernel void ln_part_column(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk)
{
    const int c = get_global_id(0), k = get_global_id(1);
    if (c >= cols)
        return;
    const int r0 = k * chunk, r1 = min(r0 + chunk, rows);
    float s = 0.0f, t = 0.0f;
    for (int r = r0; r < r1; r++) {
        const float u = ddst[(size_t)r * cols + c];
        s += u;
        t += u * ((src[(size_t)r * cols + c] - mean[r]) * invstd[r]);
    }
    part[(size_t)k * 2 * cols + c] = s;
    part[(size_t)k * 2 * cols + cols + c] = t;
}

__kernel void ln_part_finish(
    __global const float *restrict part,
    __global float *restrict dgamma,
    __global float *restrict dbeta,
    const int chunks,
    const int cols,
    const int width)
{
    const int c0 = get_global_id(0) * width, c1 = min(c0 + width, cols);
    if (c0 + 16 == c1) {
        float16 s = 0.0f, t = 0.0f;
        for (int k = 0; k < chunks; k++) {
            s += LOAD16(part + (size_t)k * 2 * cols + c0);
            t += LOAD16(part + (size_t)k * 2 * cols + cols + c0);
        }
        vstore16(s, 0, dbeta + c0);
        vstore16(t, 0, dgamma + c0);
        return;
    }
    for (int c = c0; c < c1; c++) {
        float s = 0.0f, t = 0.0f;
        for (int k = 0; k < chunks; k++) {
            s += part[(size_t)k * 2 * cols + c];
            t += part[(size_t)k * 2 * cols + cols + c];
        }
        dbeta[c] = s;
        dgamma[c] = t;
    }
}
