/* Softmax cross-entropy; see src/ops/xent.h. Rows first (one work-item or one group per row) into
 * part = { loss[rows], hit[rows] }, then one group adds the rows in a fixed order. A label outside [-1, classes)
 * gives a NaN loss instead of a read out of bounds. */
#ifndef VEC
    #define VEC 1
#endif
#include "estimator.h"
#include "group_sum.h"

/* The largest of at[from..to), -INFINITY of none; *odd: is one a NaN? */
static float row_max(__global const float *at, const int from, const int to, int *odd)
{
    vfloat most = (vfloat)(-INFINITY), strange = (vfloat)(0.0f);
    float lane[VEC], odd_lane[VEC], top = -INFINITY;
    int c = from;
    for (; c + VEC <= to; c += VEC) {
        const vfloat v = V_LOAD(at + c);
        most = v > most ? v : most;
        strange = v != v ? (vfloat)(1.0f) : strange;
    }
    V_STORE(most, lane);
    V_STORE(strange, odd_lane);
    for (int i = 0; i < VEC; i++) {
        top = max(top, lane[i]);
        *odd |= odd_lane[i] != 0.0f;
    }
    for (; c < to; c++) {
        top = at[c] > top ? at[c] : top;
        *odd |= isnan(at[c]);
    }
    return top;
}

/* Sum of exp(at[c] - top). */
static float row_sum(__global const float *at, const int n, const float top)
{
    vfloat sums = (vfloat)(0.0f);
    float lane[VEC], sum = 0.0f;
    int c = 0;
    for (; c + VEC <= n; c += VEC)
        sums += v_exp(V_LOAD(at + c) - top);
    V_STORE(sums, lane);
    for (int i = 0; i < VEC; i++)
        sum += lane[i];
    for (; c < n; c++)
        sum += exp(at[c] - top);
    return sum;
}

__kernel void xent_row(
    __global const float *restrict logits,
    __global const int *restrict label,
    __global float *restrict lse,
    __global float *restrict part,
    const int rows,
    const int classes)
{
    const int r = get_global_id(0);
    if (r >= rows)
        return;
    __global const float *at = logits + (size_t)r * classes;
    const int t = label[r], known = t >= 0 && t < classes, split = known ? t : 0;
    int odd = 0;
    const float before = row_max(at, 0, split, &odd), rest = row_max(at, split, classes, &odd);
    const float top = odd ? NAN : max(before, rest), x = known ? at[t] : NAN;
    const float l = isinf(top) ? top : top + log(row_sum(at, classes, top));
    lse[r] = l;
    part[r] = t < 0 ? 0.0f : l - x;
    part[rows + r] = known && !odd && (!split || before < x) && rest <= x ? 1.0f : 0.0f; /* the first of the largest */
}

__kernel __attribute__((GROUP_SHAPE)) void xent_group(
    __global const float *restrict logits,
    __global const int *restrict label,
    __global float *restrict lse,
    __global float *restrict part,
    const int rows,
    const int classes)
{
    __local float tmp[GROUP];
    const int r = get_group_id(0), i = get_local_id(0), t = label[r];
    __global const float *at = logits + (size_t)r * classes;
    const int known = t >= 0 && t < classes;
    const float x = known ? at[t] : NAN;
    float top = -INFINITY, sum = 0.0f, better = 0.0f;
    for (int c = i; c < classes; c += GROUP) {
        const float v = at[c];
        top = larger(top, v);
        better += (c < t ? v < x : c > t ? v <= x : 1) ? 0.0f : 1.0f;
    }
    top = group_max(top, tmp);
    better = group_sum(better, tmp);
    for (int c = i; c < classes; c += GROUP)
        sum += exp(at[c] - top);
    sum = group_sum(sum, tmp);
    if (i == 0) {
        const float l = isinf(top) ? top : top + log(sum);
        lse[r] = l;
        part[r] = t < 0 ? 0.0f : l - x;
        part[rows + r] = known && better == 0.0f ? 1.0f : 0.0f;
    }
}

__kernel __attribute__((GROUP_SHAPE)) void xent_finish(
    __global const float *restrict part,
    __global const int *restrict label,
    __global float *restrict loss,
    __global float *restrict hits,
    __global float *restrict count,
    const int rows)
{
    __local float tmp[GROUP];
    const int i = get_local_id(0);
    float sum = 0.0f, won = 0.0f, seen = 0.0f;
    for (int r = i; r < rows; r += GROUP) {
        sum += part[r];
        won += part[rows + r];
        seen += label[r] >= 0 ? 1.0f : 0.0f;
    }
    sum = group_sum(sum, tmp);
    won = group_sum(won, tmp);
    seen = group_sum(seen, tmp);
    if (i == 0) {
        loss[0] = seen > 0.0f ? sum / seen : 0.0f;
        hits[0] = won;
        count[0] = seen;
    }
}

/* dlogits = (softmax - onehot) * dloss/count, and 0 in rows without a label. One work-item per row (dimension 1) and
 * `take` of its columns. */
__kernel void xent_back(
    __global const float *restrict logits,
    __global const int *restrict label,
    __global const float *restrict lse,
    __global const float *restrict count,
    __global const float *restrict dloss,
    __global float *restrict dlogits,
    const int classes,
    const int take)
{
    const int r = get_global_id(1), first = get_global_id(0) * take, end = min(first + take, classes), t = label[r];
    __global const float *at = logits + (size_t)r * classes;
    __global float *to = dlogits + (size_t)r * classes;
    const float scale = t >= 0 ? dloss[0] / count[0] : 0.0f, l = lse[r];
    int c = first;
    for (; c + VEC <= end; c += VEC) {
        const vfloat g = v_exp(V_LOAD(at + c) - l) * scale;
        V_STORE(t >= 0 ? g : (vfloat)(0.0f), to + c);
    }
    for (; c < end; c++)
        to[c] = t >= 0 ? exp(at[c] - l) * scale : 0.0f;
    if (t >= first && t < end)
        to[t] = (exp(at[t] - l) - 1.0f) * scale;
}
