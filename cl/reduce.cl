/* Reductions with a fixed shape; see src/ops/reduce.h. "strip" and "row" kernels are for CPU devices (one work-item
 * walks whole rows with vectors), "column" and "group" kernels for GPUs (GROUP work-items read neighbouring values
 * and add them by group_sum.h). */
#include "group_sum.h"
#include "shared.h"

#define LOAD16(p) vload16(0, p)
#define LOAD1(p) (*(p))
enum { REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX, REDUCE_LSE };

static float sum16(const float16 v)
{
    const float8 a = v.lo + v.hi;
    const float4 b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

static float16 larger16(const float16 a, const float16 b)
{
    return b > a || isnan(b) ? b : a;
}

static float max16(const float16 v)
{
    const float8 a = v.hi > v.lo || isnan(v.hi) ? v.hi : v.lo;
    const float4 b = a.hi > a.lo || isnan(a.hi) ? a.hi : a.lo;
    return larger(larger(b.x, b.z), larger(b.y, b.w));
}

/* The sum of r rows of one column group, as a tree for a full block. */
#define DEFINE_ADD(NAME, V, LOAD)                                                                             \
    static V NAME(__global const float *src, const size_t cols, const int r)                                 \
    {                                                                                                        \
        if (r == 8)                                                                                          \
            return ((LOAD(src) + LOAD(src + cols)) + (LOAD(src + 2 * cols) + LOAD(src + 3 * cols))) +        \
                   ((LOAD(src + 4 * cols) + LOAD(src + 5 * cols)) +                                          \
                    (LOAD(src + 6 * cols) + LOAD(src + 7 * cols)));                                          \
        V s = LOAD(src);                                                                                     \
        for (int k = 1; k < r; k++)                                                                          \
            s += LOAD(src + k * cols);                                                                       \
        return s;                                                                                            \
    }
DEFINE_ADD(add16, float16, LOAD16)
DEFINE_ADD(add1, float, LOAD1)

/* part[chunk, cols] = column sums of each chunk of rows. */
__kernel void colsum_strip(
    __global const float *restrict src,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk,
    const int strip,
    const int block)
{
    const int k = get_global_id(0), c0 = get_global_id(1) * strip, c1 = min(c0 + strip, cols);
    const int r0 = k * chunk, r1 = min(r0 + chunk, rows);
    __global float *sum = part + (size_t)k * cols;
    for (int r = r0; r < r1; r += block) {
        __global const float *at = src + (size_t)r * cols;
        const int n = min(block, r1 - r);
        int c = c0;
        for (; c + 16 <= c1; c += 16) {
            const float16 s = add16(at + c, cols, n);
            vstore16(r == r0 ? s : LOAD16(sum + c) + s, 0, sum + c);
        }
        for (; c < c1; c++) {
            const float s = add1(at + c, cols, n);
            sum[c] = r == r0 ? s : sum[c] + s;
        }
    }
}

__kernel void colsum_column(
    __global const float *restrict src,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk)
{
    const int c = get_global_id(0), k = get_global_id(1);
    if (c >= cols)
        return;
    const int r0 = k * chunk, r1 = min(r0 + chunk, rows);
    float s = 0.0f;
    for (int r = r0; r < r1; r += 8)
        s += add1(src + (size_t)r * cols + c, cols, min(8, r1 - r));
    part[(size_t)k * cols + c] = s;
}

__kernel void colsum_finish(
    __global const float *restrict part,
    __global float *restrict dst,
    const int chunks,
    const int cols,
    const int width)
{
    const int c0 = get_global_id(0) * width, c1 = min(c0 + width, cols);
    if (c0 + 16 == c1) {
        float16 s = LOAD16(part + c0);
        for (int k = 1; k < chunks; k++)
            s += LOAD16(part + (size_t)k * cols + c0);
        vstore16(s, 0, dst + c0);
        return;
    }
    for (int c = c0; c < c1; c++) {
        float s = part[c];
        for (int k = 1; k < chunks; k++)
            s += part[(size_t)k * cols + c];
        dst[c] = s;
    }
}

/* One work-item per chunk of rows (CPU) or of one row's column (GPU): copies src[cols] into every row. */
__kernel void broadcast_row(
    __global const float *restrict src,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int chunk)
{
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r++) {
        __global float *to = dst + (size_t)r * cols;
        int c = 0;
        for (; c + 16 <= cols; c += 16)
            vstore16(LOAD16(src + c), 0, to + c);
        for (; c < cols; c++)
            to[c] = src[c];
    }
}

__kernel void broadcast_column(
    __global const float *restrict src,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int chunk)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    const int r0 = get_global_id(1) * chunk, r1 = min(r0 + chunk, rows);
    const float v = src[c];
    for (int r = r0; r < r1; r++)
        dst[(size_t)r * cols + c] = v;
}

/* Sum of the row, or of exp(row - shift) when kind is LSE. */
static float row_sum(__global const float *src, const int cols, const int kind, const float shift)
{
    float16 v = 0.0f;
    int c = 0;
    for (; c + 16 <= cols; c += 16)
        v += kind == REDUCE_LSE ? exp(LOAD16(src + c) - shift) : LOAD16(src + c);
    float s = sum16(v);
    for (; c < cols; c++)
        s += kind == REDUCE_LSE ? exp(src[c] - shift) : src[c];
    return s;
}

static float row_max(__global const float *src, const int cols)
{
    float16 v = -INFINITY;
    int c = 0;
    for (; c + 16 <= cols; c += 16)
        v = larger16(v, LOAD16(src + c));
    float m = max16(v);
    for (; c < cols; c++)
        m = larger(m, src[c]);
    return m;
}

__kernel void rowreduce_row(
    __global const float *restrict src,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int kind,
    const int chunk)
{
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r++) {
        __global const float *at = src + (size_t)r * cols;
        const float top = kind >= REDUCE_MAX ? row_max(at, cols) : 0.0f;
        if (kind == REDUCE_MAX || (kind == REDUCE_LSE && isinf(top))) {
            dst[r] = top;
            continue;
        }
        const float s = row_sum(at, cols, kind, top);
        dst[r] = kind == REDUCE_SUM ? s : kind == REDUCE_MEAN ? s / (float)cols : top + log(s);
    }
}

/* One group per row. */
__kernel __attribute__((GROUP_SHAPE)) void rowreduce_group(
    __global const float *restrict src,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int kind)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), l = get_local_id(0);
    __global const float *at = src + (size_t)r * cols;
    float top = -INFINITY, s = 0.0f;
    if (kind >= REDUCE_MAX)
        for (int c = l; c < cols; c += GROUP)
            top = larger(top, at[c]);
    top = group_max(top, tmp);
    for (int c = l; c < cols; c += GROUP)
        s += kind == REDUCE_LSE ? exp(at[c] - top) : at[c];
    s = group_sum(s, tmp);
    if (l == 0)
        dst[r] = kind == REDUCE_SUM    ? s
                 : kind == REDUCE_MEAN ? s / (float)cols
                 : kind == REDUCE_MAX || isinf(top) ? top
                                       : top + log(s);
}

/* Sum and mean: every element of a row gets scale*ddst of its row. */
__kernel void rowreduce_spread(
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int rows,
    const int cols,
    const float scale)
{
    const size_t i = get_global_id(0);
    if (i < (size_t)rows * cols)
        dsrc[i] = ddst[i / cols] * scale;
}

/* The same for CPU devices, a chunk of rows at a time. */
__kernel void rowreduce_spread_row(
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int rows,
    const int cols,
    const int chunk,
    const float scale)
{
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r++) {
        __global float *to = dsrc + (size_t)r * cols;
        const float v = ddst[r] * scale;
        int c = 0;
        for (; c + 16 <= cols; c += 16)
            vstore16((float16)(v), 0, to + c);
        for (; c < cols; c++)
            to[c] = v;
    }
}

/* Max and logsumexp. Only an element that equals the maximum looks for an earlier one. */
__kernel void rowreduce_back(
    __global const float *restrict src,
    __global const float *restrict dst,
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int rows,
    const int cols,
    const int kind)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)rows * cols)
        return;
    const size_t r = i / cols;
    const float v = src[i], m = dst[r];
    float share = kind == REDUCE_LSE ? exp(v - m) : v == m ? 1.0f : 0.0f;
    if (kind == REDUCE_MAX && share != 0.0f)
        for (size_t k = r * cols; k < i; k++)
            if (src[k] == m)
                share = 0.0f;
    dsrc[i] = ddst[r] * share;
}

/* part[chunk] = { sum of squares, number of non-finite values } of n values cut into chunks, multiples of 64. */
__kernel void gradnorm_row(
    __global const float *restrict src,
    __global float *restrict part,
    const int n,
    const int chunk)
{
    const int k = get_global_id(0), end = min(k * chunk + chunk, n), quarter = chunk / 4;
    float16 v = 0.0f, v1 = 0.0f, v2 = 0.0f, v3 = 0.0f;
    int16 odd = 0;
    int i = k * chunk;
    /* A whole chunk is read in four places at once: more lines of memory are on their way, a quarter of the time less. */
    for (; end - k * chunk == chunk && i < k * chunk + quarter; i += 16) {
        const float16 x = LOAD16(src + i), x1 = LOAD16(src + i + quarter), x2 = LOAD16(src + i + 2 * quarter),
                      x3 = LOAD16(src + i + 3 * quarter);
        v += x * x;
        v1 += x1 * x1;
        v2 += x2 * x2;
        v3 += x3 * x3;
        odd -= (as_int16(x) & 0x7f800000) == 0x7f800000; /* a true comparison is -1 */
        odd -= (as_int16(x1) & 0x7f800000) == 0x7f800000;
        odd -= (as_int16(x2) & 0x7f800000) == 0x7f800000;
        odd -= (as_int16(x3) & 0x7f800000) == 0x7f800000;
    }
    v = (v + v1) + (v2 + v3);
    i = end - k * chunk == chunk ? end : i;
    for (; i + 16 <= end; i += 16) {
        const float16 x = LOAD16(src + i);
        v += x * x;
        odd -= (as_int16(x) & 0x7f800000) == 0x7f800000; /* a true comparison is -1 */
    }
    float s = sum16(v);
    int count = 0;
    for (; i < end; i++) {
        s += src[i] * src[i];
        count += (as_int(src[i]) & 0x7f800000) == 0x7f800000;
    }
    part[2 * k] = s;
    part[2 * k + 1] = sum16(convert_float16(odd)) + (float)count;
}

__kernel __attribute__((GROUP_SHAPE)) void gradnorm_group(
    __global const float *restrict src,
    __global float *restrict part,
    const int n,
    const int chunk)
{
    __local float tmp[GROUP];
    const int k = get_group_id(0), l = get_local_id(0), end = min(k * chunk + chunk, n);
    float s = 0.0f, count = 0.0f;
    for (int i = k * chunk + l; i < end; i += GROUP) {
        const float x = src[i];
        s += x * x;
        count += (as_int(x) & 0x7f800000) == 0x7f800000 ? 1.0f : 0.0f;
    }
    s = group_sum(s, tmp);
    count = group_sum(count, tmp);
    if (l == 0) {
        part[2 * k] = s;
        part[2 * k + 1] = count;
    }
}

/* One group merges the chunks. */
__kernel __attribute__((GROUP_SHAPE)) void gradnorm_finish(
    __global const float *restrict part,
    __global float *restrict dst,
    const int chunks)
{
    __local float tmp[GROUP];
    const int l = get_local_id(0);
    float s = 0.0f, count = 0.0f;
    for (int k = l; k < chunks; k += GROUP) {
        s += part[2 * k];
        count += part[2 * k + 1];
    }
    s = group_sum(s, tmp);
    count = group_sum(count, tmp);
    if (l == 0) {
        dst[0] = sqrt(s);
        dst[1] = count;
    }
}
