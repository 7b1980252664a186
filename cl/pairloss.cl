/* An estimator's loss over given scores; see src/ops/pairloss.h. Sums have LANES owners, so results repeat bit for bit. Few
 * scores: one at a time. */
#define VEC 1
#include "estimator.h"

#define LANES 64

/* Lane k takes scores k, k + LANES ...: lanes[6, LANES] = sums of the positives' value, of the negatives' f-, of squares;
 * maximum and sum of exp of the negatives; of smile the sum of its positives' losses. */
__kernel void pairloss_lanes(
    __global const float *restrict pos,
    __global const float *restrict neg,
    __global float *restrict lanes,
    const int m,
    const int k,
    const int est,
    const float par,
    const float clip)
{
    const int me = get_global_id(0), mean = est_mean(est), lse = est_lse(est);
    if (me >= LANES)
        return;
    float value = 0.0f, value_lost = 0.0f, sum = 0.0f, lost = 0.0f, square = 0.0f, square_lost = 0.0f, top = -FLT_MAX;
    float loss = 0.0f, loss_lost = 0.0f;
    for (int i = me; i < m; i += LANES) {
        const float u = clipped(pos[i], clip);
        kahan(&value, &value_lost, est_pos(est, u));
        kahan(&loss, &loss_lost, softplus(-u) - LN2);
        kahan(&square, &square_lost, pos[i] * pos[i]);
    }
    for (int i = me; i < k; i += LANES) {
        const float score = clipped(neg[i], clip), u = est_exponent(est, score, par);
        kahan(&square, &square_lost, neg[i] * neg[i]);
        top = u > top ? u : top;
        if (mean)
            kahan(&sum, &lost, est_neg(est, score));
    }
    lanes[me] = value;
    lanes[LANES + me] = sum;
    lanes[2 * LANES + me] = square;
    sum = lost = 0.0f;
    for (int i = me; i < k && lse; i += LANES)
        kahan(&sum, &lost, exp(est_exponent(est, clipped(neg[i], clip), par) - top));
    lanes[3 * LANES + me] = top;
    lanes[4 * LANES + me] = sum;
    lanes[5 * LANES + me] = loss;
}

/* The lanes become LOSS, INFO and LEVEL. pull: the weight of one square. One work-item. */
__kernel void pairloss_finish(
    __global const float *restrict lanes,
    __global float *restrict ema,
    __global float *restrict loss,
    __global float *restrict info,
    __global float *restrict level,
    const int est,
    const float positives,
    const float negatives,
    const float par,
    const float pull)
{
    float value = 0.0f, neg = 0.0f, square = 0.0f, top = -FLT_MAX, sum = 0.0f, own = 0.0f, average = 0.0f;
    if (get_global_id(0) > 0)
        return;
    for (int k = 0; k < LANES; k++) {
        value += lanes[k];
        neg += lanes[LANES + k];
        square += lanes[2 * LANES + k];
        top = lanes[3 * LANES + k] > top ? lanes[3 * LANES + k] : top;
        own += lanes[5 * LANES + k];
    }
    for (int k = 0; k < LANES; k++)
        sum += lanes[4 * LANES + k] * exp(lanes[3 * LANES + k] - top);
    const int mean = est_mean(est), lse = est_lse(est);
    const float all = lse ? top + log(sum) : 0.0f, count = log(negatives), e_pos = value / positives;
    const float e_neg = lse ? est_end(est, all, count) : neg / negatives;
    if (est == IMX_EST_DV_EMA)
        average = est_average(ema, all - count, par);
    loss[0] = (mean && lse ? neg / negatives + own / positives : e_neg - e_pos) + pull * square;
    info[0] = e_pos;
    info[1] = e_neg;
    info[2] = e_pos - e_neg;
    level[0] = mean ? 0.0f : est_level(est, all, average, count);
}

/* The slopes of n scores, all of them positives or all negatives: a launch that stored into one of two buffers, by a
 * work-item's number, came out wrong from Intel's CPU compiler. pull: twice the weight of one square. */
__kernel void pairloss_slope(
    __global const float *restrict src,
    __global const float *restrict level,
    __global const float *restrict dloss,
    __global float *restrict dst,
    const int n,
    const int positives,
    const int est,
    const float clip,
    const float pull)
{
    const int me = get_global_id(0);
    if (me >= n)
        return;
    const float raw = src[me], u = clipped(raw, clip), share = clip > 0.0f ? u / clip : 0.0f;
    const float w = positives ? -est_pos_slope(est, u, 0.0f) / (float)n
                              : est_neg_slope(est, u, level[0]) / (est_mean(est) ? (float)n : 1.0f);
    dst[me] = dloss[0] * (w * (1.0f - share * share) + pull * raw);
}
