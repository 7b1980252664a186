/* Softmax cross-entropy; see src/ops/xent.h. Rows first (one work-item or one group per row) into
 * part = { loss[rows], hit[rows] }, then one group adds the rows in a fixed order. A label outside [-1, classes)
 * gives a NaN loss instead of a read out of bounds. */
#include "group_sum.h"
#include "shared.h"

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
    const int t = label[r];
    float top = at[0], sum = 0.0f;
    for (int c = 1; c < classes; c++)
        top = at[c] > top || isnan(at[c]) ? at[c] : top;
    for (int c = 0; c < classes; c++)
        sum += exp(at[c] - top);
    const float l = isinf(top) ? top : top + log(sum);
    lse[r] = l;
    int hit = t >= 0 && t < classes;
    const float x = hit ? at[t] : NAN;
    for (int c = 0; c < classes; c++)
        hit &= c < t ? at[c] < x : c > t ? at[c] <= x : 1;
    part[r] = t < 0 ? 0.0f : l - x;
    part[rows + r] = hit ? 1.0f : 0.0f;
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

/* dlogits = (softmax - onehot) * dloss/count, and 0 in rows without a label. */
__kernel void xent_back(
    __global const float *restrict logits,
    __global const int *restrict label,
    __global const float *restrict lse,
    __global const float *restrict count,
    __global const float *restrict dloss,
    __global float *restrict dlogits,
    const int rows,
    const int classes)
{
    const size_t i = get_global_id(0);
    if (i >= (size_t)rows * classes)
        return;
    const int r = i / classes, c = i % classes, t = label[r];
    const float scale = t >= 0 ? dloss[0] / count[0] : 0.0f;
    dlogits[i] = t >= 0 ? (exp(logits[i] - lse[r]) - (c == t ? 1.0f : 0.0f)) * scale : 0.0f;
}
