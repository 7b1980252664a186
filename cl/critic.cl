/* Streaming statistics of the critic's score tiles and the gradient on them; see src/ops/critic.h.
 *
 * A tile is s[rows, cols], row-major: rows = locals row0.. of all n*p, cols = all n*q globals; s holds g.l +
 * gb, the score is scale * s. Row r belongs to image (row0 + r) / p, column c to image c / q; equal images
 * are positives. A work-item owns VEC columns of one slot of rows: running sums stand in [slots, pitch]
 * buffers, pitch = cols rounded up to 16, and every sum has one owner, so results repeat bit for bit. CPU
 * devices take VEC 16, GPUs VEC 1 (neighbouring work-items then read neighbouring columns). A vector at the
 * end of a row reads on into the next one (the tile's buffer has 16 floats to spare); such lanes belong to no
 * image and are never stored into results. */
#include "shared.h"

#ifndef VEC
  #define VEC 16
#endif
#define LANES 64

#if VEC == 16
typedef float16 vfloat;
typedef int16 vint;
  #define V_LOAD(at)      vload16(0, at)
  #define V_STORE(v, at)  vstore16(v, 0, at)
  #define V_INT(x)        convert_int16(x)
  #define V_AS_FLOAT(x)   as_float16(x)
  #define V_LANES         ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#else
typedef float vfloat;
typedef int vint;
  #define V_LOAD(at)      (*(at))
  #define V_STORE(v, at)  (*(at) = (v))
  #define V_LANES         0
#endif

#define LN2 0.69314718055994530942f

/* exp. Compilers for CPUs call one scalar function per lane, hence a polynomial: 2^n exp(r), |r| <= ln2/2, 1
 * ulp. */
vfloat v_exp(const vfloat x)
{
#if VEC == 1
    return exp(x);
#else
    const vfloat low = select(x, (vfloat)(-104.0f), x < -104.0f);
    const vfloat y = select(low, (vfloat)(89.0f), low > 89.0f);
    const vfloat n = rint(y * 1.44269504088896341f);
    const vfloat r = fma(n, (vfloat)(2.12194440e-4f), fma(n, (vfloat)(-0.693359375f), y));
    vfloat e = fma(r, (vfloat)(1.9875691500e-4f), (vfloat)(1.3981999507e-3f));
    e = fma(e, r, (vfloat)(8.3334519073e-3f));
    e = fma(e, r, (vfloat)(4.1665795894e-2f));
    e = fma(e, r, (vfloat)(1.6666665459e-1f));
    e = fma(e, r, (vfloat)(5.0000001201e-1f));
    e = fma(e, r * r, r) + 1.0f;
    /* Two steps: 2^n alone would leave the exponent's range near its ends. */
    const vint i = V_INT(n), half_i = i >> 1;
    return e * V_AS_FLOAT((half_i + 127) << 23) * V_AS_FLOAT((i - half_i + 127) << 23);
#endif
}

/* log(1 + exp(x)) to within eps absolutely. */
vfloat v_softplus(const vfloat x)
{
    const vfloat e = v_exp(-fabs(x));
    return select((vfloat)(0.0f), x, x > 0.0f) + log(1.0f + e) + (x - x); /* x - x: 0, but NaN stays NaN */
}

vfloat v_sigmoid(const vfloat x)
{
    const vfloat e = v_exp(-fabs(x));
    return select((vfloat)(1.0f), e, x < 0.0f) / (1.0f + e);
}

float softplus(const float x)
{
    return (x > 0.0f ? x : 0.0f) + log1p(exp(-fabs(x))) + (x - x);
}

float sigmoid(const float x)
{
    const float e = exp(-fabs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* Adds x to a sum that keeps its own rounding error: long sums of equal terms would all round the same way.
 * */
void kahan(float *sum, float *lost, const float x)
{
    const float y = x - *lost, t = *sum + y;
    *lost = (t - *sum) - y;
    *sum = t;
}

/* Forward over one tile: positives to pos[.., p], which begins with column pos0; of the negatives run_m, run_s = running maximum and sum
 * of exp (infonce, dv) or the sum of softplus - ln2 in run_s (jsd). first: nothing was accumulated yet. */
__kernel void critic_stat(
    __global const float *restrict s,
    __global float *restrict pos,
    __global float *restrict run_m,
    __global float *restrict run_s,
    const int rows,
    const int row0,
    const int pos0,
    const int cols,
    const int pitch,
    const int p,
    const int q,
    const int per_slot,
    const int est,
    const int first,
    const float scale)
{
    const int c = get_global_id(0) * VEC, slot = get_global_id(1), at = slot * pitch + c;
    const int begin = slot * per_slot, end = min(rows, begin + per_slot);
    if (c >= cols)
        return;
    const vint image = (c + V_LANES) / q;
    vfloat top = (vfloat)(-FLT_MAX), sum = (vfloat)(0.0f);
    if (!first) {
        top = V_LOAD(run_m + at);
        sum = V_LOAD(run_s + at);
    }
    const vfloat top_before = top;
    for (int r = begin; r < end; r++) {
        const int j = (row0 + r) / p;
        const vfloat u = scale * V_LOAD(s + (long)r * cols + c);
        top = select(top, u, (u > top) & (image != j));
        for (int k = max(c, j * q); k < min(min(c + VEC, cols), (j + 1) * q); k++)
            pos[(long)(k - pos0) * p + (row0 + r) % p] = scale * s[(long)r * cols + k];
        if (est == IMX_EST_JSD)
            sum += select((vfloat)(0.0f), v_softplus(u) - LN2, image != j);
    }
    if (est != IMX_EST_JSD) {
        sum *= v_exp(top_before - top);
        for (int r = begin; r < end; r++) {
            const int j = (row0 + r) / p;
            const vfloat u = scale * V_LOAD(s + (long)r * cols + c);
            sum += select((vfloat)(0.0f), v_exp(u - top), image != j);
        }
    }
    V_STORE(top, run_m + at);
    V_STORE(sum, run_s + at);
}

/* What a slice of the locals knows of each column: part[2, cols] = maximum and sum of exp of its negatives (jsd: 0
 * and the sum), merged over the slots. */
__kernel void critic_part(
    __global const float *restrict run_m,
    __global const float *restrict run_s,
    __global float *restrict part,
    const int cols,
    const int pitch,
    const int slots,
    const int est)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f;
    for (int k = 0; k < slots; k++)
        top = run_m[k * pitch + c] > top ? run_m[k * pitch + c] : top;
    for (int k = 0; k < slots; k++)
        kahan(&sum, &lost, run_s[k * pitch + c] * (est == IMX_EST_JSD ? 1.0f : exp(run_m[k * pitch + c] - top)));
    part[c] = est == IMX_EST_JSD ? 0.0f : top;
    part[cols + c] = sum;
}

/* The same over the slices, part[slices, 2, cols], into a slot as critic_column takes it. */
__kernel void critic_fold(
    __global const float *restrict part,
    __global float *restrict run_m,
    __global float *restrict run_s,
    const int cols,
    const int slices,
    const int est)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    __global const float *restrict m = part + c, *restrict s = part + cols + c;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f;
    for (int k = 0; k < slices; k++)
        top = m[(long)k * 2 * cols] > top ? m[(long)k * 2 * cols] : top;
    for (int k = 0; k < slices; k++)
        kahan(&sum, &lost, s[(long)k * 2 * cols] * (est == IMX_EST_JSD ? 1.0f : exp(m[(long)k * 2 * cols] - top)));
    run_m[c] = top;
    run_s[c] = sum;
}

/* One column: merges its slots and sums over its positives. part[3, pitch] = sums of the positives' value and
 * of the losses, and the column's negatives (infonce: its logsumexp); dv leaves maximum and sum in slot 0. */
__kernel void critic_column(
    __global const float *restrict pos,
    __global float *restrict run_m,
    __global float *restrict run_s,
    __global float *restrict part,
    __global float *restrict stat,
    const int cols,
    const int pitch,
    const int p,
    const int slots,
    const int est)
{
    const int c = get_global_id(0);
    if (c >= cols)
        return;
    float top = -FLT_MAX, sum = 0.0f, lost = 0.0f;
    float value = 0.0f, value_lost = 0.0f, loss = 0.0f, loss_lost = 0.0f;
    for (int k = 0; k < slots; k++)
        top = run_m[k * pitch + c] > top ? run_m[k * pitch + c] : top;
    for (int k = 0; k < slots; k++)
        kahan(&sum, &lost,
              run_s[k * pitch + c] * (est == IMX_EST_JSD ? 1.0f : exp(run_m[k * pitch + c] - top)));
    const float all = est == IMX_EST_INFONCE ? top + log(sum) : sum;
    for (int k = 0; k < p; k++) {
        const float u = pos[(long)c * p + k];
        kahan(&value, &value_lost, est == IMX_EST_JSD ? LN2 - softplus(-u) : u);
        if (est == IMX_EST_INFONCE)
            kahan(&loss, &loss_lost, softplus(all - u));
    }
    stat[c] = est == IMX_EST_INFONCE ? all : 0.0f;
    part[c] = value;
    part[pitch + c] = loss;
    part[2 * pitch + c] = all;
    run_m[c] = top;
    run_s[c] = sum;
}

/* LANES partial results over the columns: lane k takes columns k, k + LANES... lanes[5, LANES] = sums of
 * part, then dv's maximum and sum. Small work-items without a barrier run where a driver's work-groups are
 * tiny, too. */
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
    for (int k = 0; k < 3; k++) {
        float total = 0.0f;
        for (int c = me; c < cols; c += LANES)
            total += part[k * pitch + c];
        lanes[k * LANES + me] = total;
    }
    for (int c = me; c < cols; c += LANES)
        top = run_m[c] > top ? run_m[c] : top;
    for (int c = me; c < cols; c += LANES)
        sum += run_s[c] * exp(run_m[c] - top);
    lanes[3 * LANES + me] = top;
    lanes[4 * LANES + me] = sum;
}

/* The lanes become LOSS and INFO, and dv's STAT. positives, negatives: how many pairs. Every work-item adds
 * up the few lanes in the same order; the first one reports. */
__kernel void critic_finish(
    __global const float *restrict lanes,
    __global float *restrict stat,
    __global float *restrict loss,
    __global float *restrict info,
    const int cols,
    const int est,
    const float positives,
    const float negatives,
    const float most)
{
    const int me = get_global_id(0);
    float pos = 0.0f, nce = 0.0f, neg = 0.0f, top = -FLT_MAX, sum = 0.0f;
    for (int k = 0; k < LANES; k++) {
        pos += lanes[k];
        nce += lanes[LANES + k];
        neg += lanes[2 * LANES + k];
        top = lanes[3 * LANES + k] > top ? lanes[3 * LANES + k] : top;
    }
    for (int k = 0; k < LANES; k++)
        sum += lanes[4 * LANES + k] * exp(lanes[3 * LANES + k] - top);
    const float all = top + log(sum), e_pos = pos / positives;
    const float e_neg = est == IMX_EST_INFONCE ? neg / (float)cols
                        : est == IMX_EST_JSD   ? neg / negatives
                                               : all - log(negatives);
    const float total = est == IMX_EST_INFONCE ? nce / positives : e_neg - e_pos;
    if (me == 0) {
        loss[0] = total;
        info[0] = e_pos;
        info[1] = e_neg;
        info[2] = (est == IMX_EST_INFONCE ? most : 0.0f) - total;
    }
    if (me < cols && est == IMX_EST_DV)
        stat[me] = all;
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
    gate[c] = est == IMX_EST_INFONCE ? step * (sum / positives)
              : est == IMX_EST_JSD   ? step / negatives
                                     : step;
}

/* Turns a tile s into d loss / d s in place, and adds its column sums to run (the bias gradient, [slots,
 * pitch]). */
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
    const int p,
    const int q,
    const int per_slot,
    const int est,
    const int first,
    const float scale,
    const float positives)
{
    const int c = get_global_id(0) * VEC, slot = get_global_id(1), at = slot * pitch + c;
    const int begin = slot * per_slot, end = min(rows, begin + per_slot), last = min(c + VEC, cols);
    if (c >= cols)
        return;
    const float own = -dloss[0] * scale / positives;
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
        const vfloat u = scale * V_LOAD(here);
        vfloat w = v_gate * (est == IMX_EST_JSD ? v_sigmoid(u) : v_exp(u - v_stat));
        if (mine < mine_end || last < c + VEC) {
            V_STORE(w, lane);
            for (int k = mine; k < mine_end; k++) {
                const float x = pos[(long)k * p + (row0 + r) % p];
                lane[k - c] =
                    own * (est == IMX_EST_DV ? 1.0f : sigmoid(est == IMX_EST_JSD ? -x : stat[k] - x));
            }
            for (int k = c; k < last; k++)
                here[k - c] = lane[k - c];
            w = V_LOAD(lane);
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
