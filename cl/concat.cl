/* Columns of two matrices side by side, and back; see src/ops/concat.h. A work-item moves `width` columns of one row:
 * long runs on a CPU, one on a GPU, where neighbouring work-items then touch neighbouring columns. sum_*: the columns'
 * sums when they are to be centred. */
#include "shared.h"

/* to[0..n) = from[0..n) - inv * sum[0..n) */
static void move_columns(__global const float *from, __global const float *sum, __global float *to, const int n,
                         const int centre, const float inv)
{
    int c = 0;
    for (; c + 16 <= n; c += 16) {
        float16 v = vload16(0, from + c);
        if (centre)
            v -= inv * vload16(0, sum + c);
        vstore16(v, 0, to + c);
    }
    for (; c < n; c++)
        to[c] = centre ? from[c] - inv * sum[c] : from[c];
}

/* Dimension 0: pieces of a row, those of a first, then those of b; dimension 1: rows. */
__kernel void concat_join(
    __global const float *restrict a,
    __global const float *restrict b,
    __global const float *restrict sum_a,
    __global const float *restrict sum_b,
    __global float *restrict dst,
    const int rows,
    const int ca,
    const int cb,
    const int width,
    const int centre)
{
    const int r = get_global_id(1), pieces = (ca + width - 1) / width, piece = get_global_id(0);
    const bool first = piece < pieces;
    const int cols = first ? ca : cb, c = (first ? piece : piece - pieces) * width, n = min(width, cols - c);
    if (r >= rows || n <= 0)
        return;
    move_columns((first ? a : b) + (size_t)r * cols + c, (first ? sum_a : sum_b) + (centre ? c : 0),
                 dst + (size_t)r * (ca + cb) + (first ? c : ca + c), n, centre, 1.0f / (float)rows);
}

__kernel void concat_split(
    __global const float *restrict ddst,
    __global const float *restrict sum,
    __global float *restrict da,
    __global float *restrict db,
    const int rows,
    const int ca,
    const int cb,
    const int width,
    const int centre)
{
    const int r = get_global_id(1), pieces = (ca + width - 1) / width, piece = get_global_id(0);
    const bool first = piece < pieces;
    const int cols = first ? ca : cb, c = (first ? piece : piece - pieces) * width, n = min(width, cols - c);
    const int at = first ? c : ca + c;
    if (r >= rows || n <= 0)
        return;
    move_columns(ddst + (size_t)r * (ca + cb) + at, sum + (centre ? at : 0), (first ? da : db) + (size_t)r * cols + c,
                 n, centre, 1.0f / (float)rows);
}
