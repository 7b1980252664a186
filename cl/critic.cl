/* Streaming statistics of the critic's score tiles and the gradient on them; see src/ops/critic.h.
 *
 * A tile is s[rows, cols], row-major: rows = locals row0.. of all n*p, cols = all n*q globals; s holds g.l +
 * gb, the score is scale * s. Row r belongs to image (row0 + r) / p, column c to image c / q; equal images
 * are positives. A work-item owns VEC columns of one slot of rows: running sums stand in [slots, pitch]
 * buffers, pitch = cols rounded up to 16, and every sum has one owner, so results repeat bit for bit. CPU
 * devices take VEC 16, GPUs VEC 1 (neighbouring work-items then read neighbouring columns). A vector at the
 * end of a row reads on into the next one (the tile's buffer has 16 floats to spare); such lanes belong to no
 * image and are never stored into results. */
#include "estimator.h"

#define LANES 64

/* Which lanes meet image j as a negative: it is one of the next `neg` in the circle of n. */
vint negatives(const vint image, const int j, const int n, const int neg)
{
    const vint gap = j - image, ahead = gap < 0 ? gap + n : gap;
    return (ahead > 0) & (ahead <= neg);
}

/* Forward over one tile: positives to pos[.., p], which begins with column pos0; of the negatives run_m, run_s = running
 * maximum and sum of exp, or the sum of f- in run_s (of smile, which wants both, in run_f); run_q: the sum of s^2 of all
 * pairs where squares != 0. first: nothing was accumulated yet. */
__kernel void critic_stat(
    __global const float *restrict s,
    __global float *restrict pos,
    __global float *restrict run_m,
    __global float *restrict run_s,
    __global float *restrict run_f,
    __global float *restrict run_q,
    const int rows,
    const int row0,
    const int pos0,
    const int cols,
    const int pitch,
    const int n,
    const int p,
    const int q,
    const int per_slot,
    const int est,
    const int neg,
    const int squares,
    const int first,
    const float scale,
    const float par,
    const float clip)
{
    const int c = get_global_id(0) * VEC, slot = get_global_id(1), at = slot * pitch + c;
    const int begin = slot * per_slot, end = min(rows, begin + per_slot), mean = est_mean(est), lse = est_lse(est);
    if (c >= cols)
        return;
    const vint image = (c + V_LANES) / q;
    vfloat top = (vfloat)(-FLT_MAX), sum = (vfloat)(0.0f), loss = (vfloat)(0.0f), square = (vfloat)(0.0f);
    if (!first)
        top = V_LOAD(run_m + at);
    if (!first && lse)
        sum = V_LOAD(run_s + at);
    if (!first && mean)
        loss = V_LOAD((lse ? run_f : run_s) + at);
    if (!first && squares)
        square = V_LOAD(run_q + at);
    const vfloat top_before = top;
    for (int r = begin; r < end; r++) {
        const int j = (row0 + r) / p;
        const vfloat raw = scale * V_LOAD(s + (long)r * cols + c);
        const vfloat score = clipped(raw, clip), u = est_exponent(est, score, par);
        const vint use = negatives(image, j, n, neg);
        top = select(top, u, (u > top) & use);
        for (int k = max(c, j * q); k < min(min(c + VEC, cols), (j + 1) * q); k++) {
            const float own = scale * s[(long)r * cols + k];
            pos[(long)(k - pos0) * p + (row0 + r) % p] = clip > 0.0f ? clip * tanh(own / clip) : own;
        }
        if (mean)
            loss += select((vfloat)(0.0f), est_neg(est, score), use);
        if (squares)
            square += raw * raw;
    }
    if (lse) {
        sum *= v_exp(top_before - top);
        for (int r = begin; r < end; r++) {
            const int j = (row0 + r) / p;
            const vfloat u = est_exponent(est, clipped(scale * V_LOAD(s + (long)r * cols + c), clip), par);
            sum += select((vfloat)(0.0f), v_exp(u - top), negatives(image, j, n, neg));
        }
    }
    V_STORE(top, run_m + at);
    if (lse)
        V_STORE(sum, run_s + at);
    if (mean)
        V_STORE(loss, (lse ? run_f : run_s) + at);
    if (squares)
        V_STORE(square, run_q + at);
}

/* What a slice of the locals knows of each column: part[2, cols] = maximum and sum of exp of its negatives (or 0
 * and their sum), merged over the slots; of smile a third row, the sum of f-; where squares != 0 one more, that of s^2. */
__kernel void critic_part(
    __global const float *restrict run_m,
    __global const float *restrict run_s,
    __global const float *restrict run_f,
    __global const float *restrict run_q,
    __global float *restrict part,
    const int cols,
    const int pitch,
    const int slots,
    const int est,
    const int squares)
{
    const int c = get_global_id(0), lse = est_lse(est), both = lse && est_mean(est);
    if (c >= cols)
        return;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f, loss = 0.0f, loss_lost = 0.0f, square = 0.0f, square_lost = 0.0f;
    for (int k = 0; k < slots; k++)
        top = run_m[k * pitch + c] > top ? run_m[k * pitch + c] : top;
    for (int k = 0; k < slots; k++)
        kahan(&sum, &lost, run_s[k * pitch + c] * (lse ? exp(run_m[k * pitch + c] - top) : 1.0f));
    for (int k = 0; k < slots && both; k++)
        kahan(&loss, &loss_lost, run_f[k * pitch + c]);
    for (int k = 0; k < slots && squares; k++)
        kahan(&square, &square_lost, run_q[k * pitch + c]);
    part[c] = lse ? top : 0.0f;
    part[cols + c] = sum;
    if (both)
        part[2 * cols + c] = loss;
    if (squares)
        part[(both ? 3 : 2) * cols + c] = square;
}

/* The same over the slices, part[slices, 2 to 4, cols], into a slot as critic_column takes it. */
__kernel void critic_fold(
    __global const float *restrict part,
    __global float *restrict run_m,
    __global float *restrict run_s,
    __global float *restrict run_f,
    __global float *restrict run_q,
    const int cols,
    const int slices,
    const int est,
    const int squares)
{
    const int c = get_global_id(0), lse = est_lse(est), both = lse && est_mean(est);
    if (c >= cols)
        return;
    const long step = (2 + both + (squares != 0)) * (long)cols;
    __global const float *restrict m = part + c, *restrict s = part + cols + c;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f, loss = 0.0f, loss_lost = 0.0f, square = 0.0f, square_lost = 0.0f;
    for (int k = 0; k < slices; k++)
        top = m[k * step] > top ? m[k * step] : top;
    for (int k = 0; k < slices; k++)
        kahan(&sum, &lost, s[k * step] * (lse ? exp(m[k * step] - top) : 1.0f));
    for (int k = 0; k < slices && both; k++)
        kahan(&loss, &loss_lost, s[k * step + cols]);
    for (int k = 0; k < slices && squares; k++)
        kahan(&square, &square_lost, s[k * step + (both ? 2 : 1) * cols]);
    run_m[c] = top;
    run_s[c] = sum;
    if (both)
        run_f[c] = loss;
    if (squares)
        run_q[c] = square;
}

/* One column: merges its slots and sums over its positives. part[4, pitch] = sums of the positives' value and
 * of the losses (infonce; smile: its positives'), the column's negatives (infonce: its logsumexp; smile: the sum of f-),
 * and its sum of s^2; maximum and sum of the negatives' exponentials are left in slot 0. */
__kernel void critic_column(
    __global const float *restrict pos,
    __global float *restrict run_m,
    __global float *restrict run_s,
    __global const float *restrict run_f,
    __global const float *restrict run_q,
    __global float *restrict part,
    __global float *restrict stat,
    const int cols,
    const int pitch,
    const int p,
    const int slots,
    const int est,
    const int squares)
{
    const int c = get_global_id(0), lse = est_lse(est), both = lse && est_mean(est);
    if (c >= cols)
        return;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f, neg = 0.0f, neg_lost = 0.0f, square = 0.0f, square_lost = 0.0f;
    float value = 0.0f, value_lost = 0.0f, loss = 0.0f, loss_lost = 0.0f;
    for (int k = 0; k < slots; k++)
        top = run_m[k * pitch + c] > top ? run_m[k * pitch + c] : top;
    for (int k = 0; k < slots; k++)
        kahan(&sum, &lost, run_s[k * pitch + c] * (lse ? exp(run_m[k * pitch + c] - top) : 1.0f));
    for (int k = 0; k < slots && both; k++)
        kahan(&neg, &neg_lost, run_f[k * pitch + c]);
    for (int k = 0; k < slots && squares; k++)
        kahan(&square, &square_lost, run_q[k * pitch + c]);
    const float all = est == IMX_EST_INFONCE ? top + log(sum) : both ? neg : sum;
    for (int k = 0; k < p; k++) {
        const float u = pos[(long)c * p + k];
        kahan(&value, &value_lost, est_pos(est, u));
        if (est == IMX_EST_INFONCE)
            kahan(&loss, &loss_lost, softplus(all - u));
        else if (both)
            kahan(&loss, &loss_lost, softplus(-u) - LN2);
    }
    stat[c] = est == IMX_EST_INFONCE ? all : 0.0f;
    part[c] = value;
    part[pitch + c] = loss;
    part[2 * pitch + c] = all;
    part[3 * pitch + c] = square;
    run_m[c] = top;
    run_s[c] = sum;
}

/* LANES partial results over the columns: lane k takes columns k, k + LANES... lanes[6, LANES] = sums of
 * part, then maximum and sum of all exponentials. Small work-items without a barrier run where a driver's work-groups
 * are tiny, too. */
__kernel void critic_gather(
    __global const float *restrict run_m,
    __global const float *restrict run_s,
    __global const float *restrict part,
    __global float *restrict lanes,
    const int cols,
    const int pitch)
{
    const int me = get_global_id(0);
    if (me >= LANES)
        return;
    float top = -FLT_MAX, sum = 0.0f;
    for (int k = 0; k < 4; k++) {
        float total = 0.0f;
        for (int c = me; c < cols; c += LANES)
            total += part[k * pitch + c];
        lanes[k * LANES + me] = total;
    }
    for (int c = me; c < cols; c += LANES)
        top = run_m[c] > top ? run_m[c] : top;
    for (int c = me; c < cols; c += LANES)
        sum += run_s[c] * exp(run_m[c] - top);
    lanes[4 * LANES + me] = top;
    lanes[5 * LANES + me] = sum;
}

/* The lanes become LOSS and INFO, and level[1] = what STAT is where it is the same everywhere. positives, negatives: how
 * many pairs; pull: the weight of s^2 over the number of all pairs. One work-item. */
__kernel void critic_finish(
    __global const float *restrict lanes,
    __global float *restrict ema,
    __global float *restrict level,
    __global float *restrict loss,
    __global float *restrict info,
    const int cols,
    const int est,
    const float positives,
    const float negatives,
    const float most,
    const float par,
    const float pull)
{
    float pos = 0.0f, nce = 0.0f, neg = 0.0f, square = 0.0f, top = -FLT_MAX, sum = 0.0f, average = 0.0f;
    if (get_global_id(0) > 0)
        return;
    for (int k = 0; k < LANES; k++) {
        pos += lanes[k];
        nce += lanes[LANES + k];
        neg += lanes[2 * LANES + k];
        square += lanes[3 * LANES + k];
        top = lanes[4 * LANES + k] > top ? lanes[4 * LANES + k] : top;
    }
    for (int k = 0; k < LANES; k++)
        sum += lanes[5 * LANES + k] * exp(lanes[4 * LANES + k] - top);
    const float all = top + log(sum), e_pos = pos / positives, count = log(negatives);
    const float e_neg = est == IMX_EST_INFONCE ? neg / (float)cols
                        : est_lse(est)         ? est_end(est, all, count)
                                               : neg / negatives;
    const int apart = est_lse(est) && est_mean(est); /* what is read is not what is descended */
    const float total = est == IMX_EST_INFONCE ? nce / positives
                        : apart                ? neg / negatives + nce / positives
                                               : e_neg - e_pos;
    if (est == IMX_EST_DV_EMA)
        average = est_average(ema, all - count, par);
    level[0] = est_level(est, all, average, count);
    loss[0] = total + pull * square;
    info[0] = e_pos;
    info[1] = e_neg;
    info[2] = apart ? e_pos - e_neg : most - total;
}

/* stat[cols] = level[0] */
__kernel void critic_level(
    __global const float *restrict level,
    __global float *restrict stat,
    const int cols)
{
    const int c = get_global_id(0);
    if (c < cols)
        stat[c] = level[0];
}

/* What every negative slope of a column is multiplied with: gate[cols]. */
__kernel void critic_gate(
    __global const float *restrict pos,
    __global const float *restrict stat,
    __global const float *restrict dloss,
    __global float *restrict gate,
    const int cols,
    const int p,
    const int est,
    const float scale,
    const float positives,
    const float negatives)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    const float step = dloss[0] * scale;
    float sum = 0.0f;
    for (int k = 0; k < p && est == IMX_EST_INFONCE; k++)
        sum += sigmoid(stat[c] - pos[(long)c * p + k]);
    gate[c] = est == IMX_EST_INFONCE ? step * (sum / positives) : est_mean(est) ? step / negatives : step;
}

/* Turns a tile s into d loss / d s in place, and adds its column sums to run (the bias gradient, [slots,
 * pitch]). pull: twice the weight of s^2 over the number of all pairs. */
__kernel void critic_slope(
    __global float *restrict s,
    __global const float *restrict pos,
    __global const float *restrict stat,
    __global const float *restrict gate,
    __global const float *restrict dloss,
    __global float *restrict run,
    const int rows,
    const int row0,
    const int cols,
    const int pitch,
    const int n,
    const int p,
    const int q,
    const int per_slot,
    const int est,
    const int neg,
    const int first,
    const float scale,
    const float positives,
    const float clip,
    const float pull)
{
    const int c = get_global_id(0) * VEC, slot = get_global_id(1), at = slot * pitch + c;
    const int begin = slot * per_slot, end = min(rows, begin + per_slot), last = min(c + VEC, cols);
    if (c >= cols)
        return;
    const float step = dloss[0] * scale, own = -step / positives;
    const vint image = (c + V_LANES) / q;
    float lane[VEC], lane_stat[VEC], lane_gate[VEC];
    for (int k = 0; k < VEC; k++) {
        lane_stat[k] = c + k < cols ? stat[c + k] : 0.0f;
        lane_gate[k] = c + k < cols ? gate[c + k] : 0.0f;
    }
    const vfloat v_stat = V_LOAD(lane_stat), v_gate = V_LOAD(lane_gate);
    vfloat sum = (vfloat)(0.0f);
    if (!first)
        sum = V_LOAD(run + at);
    for (int r = begin; r < end; r++) {
        const int j = (row0 + r) / p, mine = max(c, j * q), mine_end = min(last, (j + 1) * q);
        __global float *const here = s + (long)r * cols + c;
        const vfloat raw = scale * V_LOAD(here), u = clipped(raw, clip);
        vfloat w = v_gate * est_neg_slope(est, u, v_stat);
        if (neg < n - 1)
            w = select((vfloat)(0.0f), w, negatives(image, j, n, neg));
        if (clip > 0.0f)
            w *= 1.0f - (u / clip) * (u / clip);
        if (mine < mine_end) {
            V_STORE(w, lane);
            for (int k = mine; k < mine_end; k++) {
                const float x = pos[(long)k * p + (row0 + r) % p], share = clip > 0.0f ? x / clip : 0.0f;
                lane[k - c] = own * est_pos_slope(est, x, stat[k]) * (1.0f - share * share);
            }
            w = V_LOAD(lane);
        }
        if (pull > 0.0f)
            w += step * pull * raw;
        if (last < c + VEC) {
            V_STORE(w, lane);
            for (int k = c; k < last; k++)
                here[k - c] = lane[k - c];
        } else {
            V_STORE(w, here);
        }
        sum += w;
    }
    V_STORE(sum, run + at);
}

/* dgb[cols] = sum over the slots of run, plus before when there is one to add to. */
__kernel void critic_bias(
    __global const float *restrict run,
    __global const float *restrict before,
    __global float *restrict dgb,
    const int cols,
    const int pitch,
    const int slots,
    const int add)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    float sum = 0.0f;
    for (int k = 0; k < slots; k++)
        sum += run[k * pitch + c];
    dgb[c] = add ? sum + before[c] : sum;
}
