/* Batch norm over src[rows, cols]; see src/ops/batchnorm.h. Rows are cut into chunks; a work-item of a "strip" kernel
 * (CPU devices) takes one chunk and a strip of columns, row block by row block, with its accumulators in part (they
 * stay in L1); one of a "column" kernel (GPUs) takes one chunk and one column. Blocks of up to 8 rows get their own
 * mean and sum of squared deviations, merged by Chan's update:
 *     d = mean_b - mean_a;  mean = mean_a + d n_b/(n_a+n_b);  m2 = m2_a + m2_b + d^2 n_a n_b/(n_a+n_b)
 * so variance never comes from E[x^2] - E[x]^2. part is [chunks][2][cols]. */
#include "shared.h"

#define LOAD16(p) vload16(0, p)
#define STORE16(v, p) vstore16(v, 0, p)
#define LOAD1(p) (*(p))
#define STORE1(v, p) (*(p) = (v))

/* Merges rows [0, r) of one column group into mean and m2, which stand for `before` earlier rows. */
#define DEFINE_STAT(NAME, V, LOAD)                                                                            \
    static void NAME(__global const float *src, const size_t cols, const int r, const float before,          \
                     V *mean, V *m2)                                                                         \
    {                                                                                                        \
        V m, s, d;                                                                                           \
        if (r == 8) {                                                                                        \
            const V a = LOAD(src), b = LOAD(src + cols), c = LOAD(src + 2 * cols), e = LOAD(src + 3 * cols); \
            const V f = LOAD(src + 4 * cols), g = LOAD(src + 5 * cols), h = LOAD(src + 6 * cols);            \
            const V i = LOAD(src + 7 * cols);                                                                \
            m = (((a + b) + (c + e)) + ((f + g) + (h + i))) * 0.125f;                                        \
            s = (((a - m) * (a - m) + (b - m) * (b - m)) + ((c - m) * (c - m) + (e - m) * (e - m))) +        \
                (((f - m) * (f - m) + (g - m) * (g - m)) + ((h - m) * (h - m) + (i - m) * (i - m)));         \
        } else if (r == 1) {                                                                                 \
            m = LOAD(src);                                                                                   \
            s = 0.0f;                                                                                        \
        } else {                                                                                             \
            m = 0.0f;                                                                                        \
            for (int k = 0; k < r; k++)                                                                      \
                m += LOAD(src + k * cols);                                                                   \
            m /= (float)r;                                                                                   \
            s = 0.0f;                                                                                        \
            for (int k = 0; k < r; k++) {                                                                    \
                d = LOAD(src + k * cols) - m;                                                                \
                s += d * d;                                                                                  \
            }                                                                                                \
        }                                                                                                    \
        const float share = (float)r / (before + (float)r);                                                  \
        d = m - *mean;                                                                                       \
        *mean += d * share;                                                                                  \
        *m2 += s + d * d * (before * share);                                                                 \
    }
DEFINE_STAT(stat16, float16, LOAD16)
DEFINE_STAT(stat1, float, LOAD1)

__kernel void bn_stat_strip(
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
    __global float *mean = part + (size_t)k * 2 * cols, *m2 = mean + cols;
    for (int r = r0; r < r1; r += block) {
        __global const float *at = src + (size_t)r * cols;
        const int n = min(block, r1 - r), first = r == r0;
        int c = c0;
        for (; c + 16 <= c1; c += 16) {
            float16 m = first ? (float16)(0.0f) : LOAD16(mean + c), s = first ? (float16)(0.0f) : LOAD16(m2 + c);
            if (n == 1)
                stat16(at + c, cols, 1, (float)(r - r0), &m, &s);
            else
                stat16(at + c, cols, n, (float)(r - r0), &m, &s);
            STORE16(m, mean + c);
            STORE16(s, m2 + c);
        }
        for (; c < c1; c++) {
            float m = first ? 0.0f : mean[c], s = first ? 0.0f : m2[c];
            stat1(at + c, cols, n, (float)(r - r0), &m, &s);
            mean[c] = m;
            m2[c] = s;
        }
    }
}

__kernel void bn_stat_column(
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
    float mean = 0.0f, m2 = 0.0f;
    for (int r = r0; r < r1; r += 8)
        stat1(src + (size_t)r * cols + c, cols, min(8, r1 - r), (float)(r - r0), &mean, &m2);
    part[(size_t)k * 2 * cols + c] = mean;
    part[(size_t)k * 2 * cols + cols + c] = m2;
}

/* Merges the chunks of one column group in order, then writes the statistics and moves the running ones. */
#define DEFINE_STAT_FINISH(NAME, V, LOAD, STORE)                                                              \
    static void NAME(__global const float *part, __global float *run_mean, __global float *run_var,          \
                     __global float *mean, __global float *invstd, const int rows, const size_t cols,        \
                     const int chunk, const float eps, const float momentum)                                 \
    {                                                                                                        \
        V m = LOAD(part), s = LOAD(part + cols);                                                             \
        for (int r = chunk; r < rows; r += chunk) {                                                          \
            part += 2 * cols;                                                                                \
            const float n = (float)min(chunk, rows - r), share = n / ((float)r + n);                         \
            const V d = LOAD(part) - m;                                                                      \
            m += d * share;                                                                                  \
            s += LOAD(part + cols) + d * d * ((float)r * share);                                             \
        }                                                                                                    \
        STORE(m, mean);                                                                                      \
        STORE(1.0f / sqrt(s / (float)rows + eps), invstd);                                                   \
        const V old_mean = LOAD(run_mean), old_var = LOAD(run_var);                                          \
        STORE(old_mean + momentum * (m - old_mean), run_mean);                                               \
        if (rows > 1)                                                                                        \
            STORE(old_var + momentum * (s / (float)(rows - 1) - old_var), run_var);                          \
    }
DEFINE_STAT_FINISH(stat_finish16, float16, LOAD16, STORE16)
DEFINE_STAT_FINISH(stat_finish1, float, LOAD1, STORE1)

__kernel void bn_stat_finish(
    __global const float *restrict part,
    __global float *restrict run_mean,
    __global float *restrict run_var,
    __global float *restrict mean,
    __global float *restrict invstd,
    const int rows,
    const int cols,
    const int chunk,
    const int width,
    const float eps,
    const float momentum)
{
    const int c0 = get_global_id(0) * width, c1 = min(c0 + width, cols);
    if (c0 + 16 == c1)
        stat_finish16(part + c0, run_mean + c0, run_var + c0, mean + c0, invstd + c0, rows, cols, chunk, eps,
                      momentum);
    else
        for (int c = c0; c < c1; c++)
            stat_finish1(part + c, run_mean + c, run_var + c, mean + c, invstd + c, rows, cols, chunk, eps,
                         momentum);
}

/* dst = act(scale*(src-mean) + beta) for r rows of one column group; a NaN goes through the ReLU as a NaN. */
#define DEFINE_APPLY(NAME, V, LOAD, STORE)                                                                    \
    static void NAME(__global const float *src, __global float *dst, const size_t cols, const int r,         \
                     const int act, const V mean, const V scale, const V beta)                               \
    {                                                                                                        \
        for (int k = 0; k < r; k++) {                                                                        \
            const V v = (LOAD(src + k * cols) - mean) * scale + beta;                                        \
            STORE(act == IMX_ACT_RELU ? (v < 0.0f ? (V)(0.0f) : v) : v, dst + k * cols);                     \
        }                                                                                                    \
    }
DEFINE_APPLY(apply16, float16, LOAD16, STORE16)
DEFINE_APPLY(apply1, float, LOAD1, STORE1)

__kernel void bn_apply_strip(
    __global const float *restrict src,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int chunk,
    const int act,
    const int strip,
    const int block)
{
    const int c0 = get_global_id(1) * strip, c1 = min(c0 + strip, cols);
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    for (int r = r0; r < r1; r += block) {
        const size_t at = (size_t)r * cols;
        const int n = min(block, r1 - r);
        int c = c0;
        for (; c + 16 <= c1; c += 16)
            if (n == 1)
                apply16(src + at + c, dst + at + c, cols, 1, act, LOAD16(mean + c),
                        LOAD16(gamma + c) * LOAD16(invstd + c), LOAD16(beta + c));
            else
                apply16(src + at + c, dst + at + c, cols, n, act, LOAD16(mean + c),
                        LOAD16(gamma + c) * LOAD16(invstd + c), LOAD16(beta + c));
        for (; c < c1; c++)
            apply1(src + at + c, dst + at + c, cols, n, act, mean[c], gamma[c] * invstd[c], beta[c]);
    }
}

__kernel void bn_apply_column(
    __global const float *restrict src,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict dst,
    const int rows,
    const int cols,
    const int chunk,
    const int act)
{
    const int c = get_global_id(0), r = get_global_id(1) * chunk;
    if (c >= cols)
        return;
    const size_t at = (size_t)r * cols + c;
    apply1(src + at, dst + at, cols, min(chunk, rows - r), act, mean[c], gamma[c] * invstd[c], beta[c]);
}

/* Inference uses the same pass over invstd = 1/sqrt(run_var + eps), computed into part once. */
__kernel void bn_invstd(
    __global const float *restrict run_var,
    __global float *restrict invstd,
    const int cols,
    const float eps)
{
    const int c = get_global_id(0);
    if (c < cols)
        invstd[c] = 1.0f / sqrt(run_var[c] + eps);
}

/* Adds sum g and sum g*(src-mean) of r rows of one column group, g = ddst where the ReLU let the value pass. */
#define DEFINE_BACK(NAME, V, LOAD)                                                                            \
    static void NAME(__global const float *src, __global const float *ddst, const size_t cols, const int r,  \
                     const int act, const V mean, const V scale, const V beta, V *sum, V *dot)               \
    {                                                                                                        \
        V s = 0.0f, t = 0.0f;                                                                                \
        for (int k = 0; k < r; k++) {                                                                        \
            const V d = LOAD(src + k * cols) - mean, v = d * scale + beta, g0 = LOAD(ddst + k * cols);       \
            const V g = act == IMX_ACT_RELU ? (v > 0.0f ? g0 : (V)(0.0f)) : g0;                              \
            s += g;                                                                                          \
            t += g * d;                                                                                      \
        }                                                                                                    \
        *sum += s;                                                                                           \
        *dot += t;                                                                                           \
    }
DEFINE_BACK(back16, float16, LOAD16)
DEFINE_BACK(back1, float, LOAD1)

__kernel void bn_back_strip(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk,
    const int act,
    const int strip,
    const int block)
{
    const int k = get_global_id(0), c0 = get_global_id(1) * strip, c1 = min(c0 + strip, cols);
    const int r0 = k * chunk, r1 = min(r0 + chunk, rows);
    __global float *sum = part + (size_t)k * 2 * cols, *dot = sum + cols;
    for (int r = r0; r < r1; r += block) {
        const size_t at = (size_t)r * cols;
        const int n = min(block, r1 - r), first = r == r0;
        int c = c0;
        for (; c + 16 <= c1; c += 16) {
            float16 s = first ? (float16)(0.0f) : LOAD16(sum + c), t = first ? (float16)(0.0f) : LOAD16(dot + c);
            if (n == 1)
                back16(src + at + c, ddst + at + c, cols, 1, act, LOAD16(mean + c),
                       LOAD16(gamma + c) * LOAD16(invstd + c), LOAD16(beta + c), &s, &t);
            else
                back16(src + at + c, ddst + at + c, cols, n, act, LOAD16(mean + c),
                       LOAD16(gamma + c) * LOAD16(invstd + c), LOAD16(beta + c), &s, &t);
            STORE16(s, sum + c);
            STORE16(t, dot + c);
        }
        for (; c < c1; c++) {
            float s = first ? 0.0f : sum[c], t = first ? 0.0f : dot[c];
            back1(src + at + c, ddst + at + c, cols, n, act, mean[c], gamma[c] * invstd[c], beta[c], &s, &t);
            sum[c] = s;
            dot[c] = t;
        }
    }
}

__kernel void bn_back_column(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict part,
    const int rows,
    const int cols,
    const int chunk,
    const int act)
{
    const int c = get_global_id(0), k = get_global_id(1);
    if (c >= cols)
        return;
    const int r = k * chunk;
    const size_t at = (size_t)r * cols + c;
    float s = 0.0f, t = 0.0f;
    back1(src + at, ddst + at, cols, min(chunk, rows - r), act, mean[c], gamma[c] * invstd[c], beta[c], &s, &t);
    part[(size_t)k * 2 * cols + c] = s;
    part[(size_t)k * 2 * cols + cols + c] = t;
}

__kernel void bn_back_finish(
    __global const float *restrict part,
    __global const float *restrict invstd,
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
        STORE16(s, dbeta + c0);
        STORE16(t * LOAD16(invstd + c0), dgamma + c0);
        return;
    }
    for (int c = c0; c < c1; c++) {
        float s = 0.0f, t = 0.0f;
        for (int k = 0; k < chunks; k++) {
            s += part[(size_t)k * 2 * cols + c];
            t += part[(size_t)k * 2 * cols + cols + c];
        }
        dbeta[c] = s;
        dgamma[c] = t * invstd[c];
    }
}

/* dsrc = scale*(g - dbeta/rows - (src-mean)*invstd*dgamma/rows) for r rows of one column group. */
#define DEFINE_DSRC(NAME, V, LOAD, STORE)                                                                     \
    static void NAME(__global const float *src, __global const float *ddst, __global float *dsrc,            \
                     const size_t cols, const int r, const int act, const V mean, const V scale,             \
                     const V beta, const V shift, const V slope)                                             \
    {                                                                                                        \
        for (int k = 0; k < r; k++) {                                                                        \
            const V d = LOAD(src + k * cols) - mean, v = d * scale + beta, g0 = LOAD(ddst + k * cols);       \
            const V g = act == IMX_ACT_RELU ? (v > 0.0f ? g0 : (V)(0.0f)) : g0;                              \
            STORE(scale * (g - shift - d * slope), dsrc + k * cols);                                         \
        }                                                                                                    \
    }
DEFINE_DSRC(dsrc16, float16, LOAD16, STORE16)
DEFINE_DSRC(dsrc1, float, LOAD1, STORE1)

__kernel void bn_dsrc_strip(
    __global const float *restrict src,
    __global const float *ddst,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global const float *restrict dgamma,
    __global const float *restrict dbeta,
    __global float *dsrc,
    const int rows,
    const int total,
    const int cols,
    const int chunk,
    const int act,
    const int strip,
    const int block)
{
    const int c0 = get_global_id(1) * strip, c1 = min(c0 + strip, cols);
    const int r0 = get_global_id(0) * chunk, r1 = min(r0 + chunk, rows);
    const float part = 1.0f / (float)total;
    for (int r = r0; r < r1; r += block) {
        const size_t at = (size_t)r * cols;
        const int n = min(block, r1 - r);
        int c = c0;
        for (; c + 16 <= c1; c += 16) {
            const float16 inv = LOAD16(invstd + c);
            if (n == 1)
                dsrc16(src + at + c, ddst + at + c, dsrc + at + c, cols, 1, act, LOAD16(mean + c),
                       LOAD16(gamma + c) * inv, LOAD16(beta + c), LOAD16(dbeta + c) * part, LOAD16(dgamma + c) * inv * part);
            else
                dsrc16(src + at + c, ddst + at + c, dsrc + at + c, cols, n, act, LOAD16(mean + c),
                       LOAD16(gamma + c) * inv, LOAD16(beta + c), LOAD16(dbeta + c) * part, LOAD16(dgamma + c) * inv * part);
        }
        for (; c < c1; c++)
            dsrc1(src + at + c, ddst + at + c, dsrc + at + c, cols, n, act, mean[c], gamma[c] * invstd[c], beta[c],
                  dbeta[c] * part, dgamma[c] * invstd[c] * part);
    }
}

__kernel void bn_dsrc_column(
    __global const float *restrict src,
    __global const float *ddst,
    __global const float *restrict gamma,
    __global const float *restrict beta,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global const float *restrict dgamma,
    __global const float *restrict dbeta,
    __global float *dsrc,
    const int rows,
    const int total,
    const int cols,
    const int chunk,
    const int act)
{
    const int c = get_global_id(0), r = get_global_id(1) * chunk;
    if (c >= cols)
        return;
    const size_t at = (size_t)r * cols + c;
    const float part = 1.0f / (float)total;
    dsrc1(src + at, ddst + at, dsrc + at, cols, min(chunk, rows - r), act, mean[c], gamma[c] * invstd[c], beta[c],
          dbeta[c] * part, dgamma[c] * invstd[c] * part);
}
