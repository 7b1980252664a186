/* Convolution as a matrix product whose left matrix is never stored, on local-memory tiles (GPU type); see
 * src/ops/conv2d.h. Forward and backward-data are one kernel: a row of the product is an output pixel (image, t, u),
 * its terms are the taps (a, b) and channels ci of the input pixel
 *     y = t * step + base_y + a * dir,   x = u * step + base_x + b * dir    (zero outside),
 * and the weight of tap and channel for column j lies at w_0 + a*w_a + b*w_b + ci*w_c + j*w_j.
 * Forward: step = stride, base = -pad, dir = 1. Backward-data: one launch for each of the stride^2 residues of input
 * pixels, whose taps are stride apart: step = 1, dir = -1; so no tap is computed for nothing. */
#include "shared.h"
#include "tile_local.h"

__kernel __attribute__((reqd_work_group_size(TS, TS, 1))) void conv2d_tile(
    __global const float *restrict src,
    __global const float *restrict wei,
    __global const float *restrict bia,
    __global float *restrict dst,
    const int images,
    const int out_h,
    const int out_w,
    const int in_h,
    const int in_w,
    const int in_c,
    const int taps_a,
    const int taps_b,
    const int step,
    const int base_y,
    const int base_x,
    const int dir,
    const int w_0,
    const int w_a,
    const int w_b,
    const int w_c,
    const int w_j,
    const int dst_0,
    const int dst_n,
    const int dst_t,
    const int dst_u,
    const int cols,
    const int has_bias)
{
    TILE_LOCALS;
    const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x;
    const int i0 = (int)get_global_id(1) / TS * BM, j0 = (int)get_global_id(0) / TS * BN;
    const int m = images * out_h * out_w, k = taps_a * taps_b * in_c;
    float acc[RB][RB];
    tile_clear(acc);
    for (int k0 = 0; k0 < k; k0 += BK) {
        for (int t = item; t < BM * BK; t += TS * TS) {
            const int kk = t % BK, i = i0 + t / BK, l = k0 + kk;
            const int ci = l % in_c, b = l / in_c % taps_b, a = l / in_c / taps_b;
            const int u = i % out_w, v = i / out_w % out_h, image = i / out_w / out_h;
            const int iy = v * step + base_y + a * dir, ix = u * step + base_x + b * dir;
            const bool inside = i < m && l < k && iy >= 0 && iy < in_h && ix >= 0 && ix < in_w;
            tile_a[kk][t / BK] = inside ? src[((image * in_h + iy) * in_w + ix) * in_c + ci] : 0.0f;
        }
        for (int t = item; t < BN * BK; t += TS * TS) {
            const int kk = w_j == 1 ? t / BN : t % BK, jj = w_j == 1 ? t % BN : t / BK, l = k0 + kk;
            const int ci = l % in_c, b = l / in_c % taps_b, a = l / in_c / taps_b;
            const bool inside = j0 + jj < cols && l < k;
            tile_b[kk][jj] = inside ? wei[w_0 + a * w_a + b * w_b + ci * w_c + (j0 + jj) * w_j] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        tile_multiply(tile_a, tile_b, x, y, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++) {
            const int i = i0 + y + r * TS, j = j0 + x + s * TS;
            if (i >= m || j >= cols)
                continue;
            const int u = i % out_w, v = i / out_w % out_h, image = i / out_w / out_h;
            dst[dst_0 + image * dst_n + v * dst_t + u * dst_u + j] = acc[r][s] + (has_bias ? bia[j] : 0.0f);
        }
}

/* part[slice][o][r,s,c] = the weight gradient from the pixels of one slice. */
__kernel __attribute__((reqd_work_group_size(TS, TS, 1))) void conv2d_tile_wei(
    __global const float *restrict src,
    __global const float *restrict ddst,
    __global float *restrict part,
    const int n,
    const int h,
    const int w,
    const int c,
    const int o,
    const int k,
    const int stride,
    const int pad,
    const int slice_pixels)
{
    TILE_LOCALS;
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x;
    const int i0 = (int)get_global_id(1) / TS * BM, j0 = (int)get_global_id(0) / TS * BN;
    const int slice = get_global_id(2), cols = k * k * c, end = min(n * p * q, (slice + 1) * slice_pixels);
    float acc[RB][RB];
    tile_clear(acc);
    for (int l0 = slice * slice_pixels; l0 < end; l0 += BK) {
        for (int t = item; t < BM * BK; t += TS * TS) {
            const int i = i0 + t % BM, l = l0 + t / BM;
            tile_a[t / BM][t % BM] = i < o && l < end ? ddst[l * o + i] : 0.0f;
        }
        for (int t = item; t < BN * BK; t += TS * TS) {
            const int j = j0 + t % BN, l = l0 + t / BN;
            const int ci = j % c, s = j / c % k, r = j / c / k;
            const int iy = l / q % p * stride + r - pad, ix = l % q * stride + s - pad, image = l / q / p;
            const bool inside = j < cols && l < end && iy >= 0 && iy < h && ix >= 0 && ix < w;
            tile_b[t / BN][t % BN] = inside ? src[((image * h + iy) * w + ix) * c + ci] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        tile_multiply(tile_a, tile_b, x, y, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++) {
            const int i = i0 + y + r * TS, j = j0 + x + s * TS;
            if (i < o && j < cols)
                part[((size_t)slice * o + i) * cols + j] = acc[r][s];
        }
}

/* dwei = the sum of the slices, in their order. */
__kernel void conv2d_sum_slices(
    __global const float *restrict part,
    __global float *restrict dwei,
    const int count,
    const int slices)
{
    const int at = get_global_id(0);
    if (at >= count)
        return;
    float v = part[at];
    for (int s = 1; s < slices; s++)
        v += part[(size_t)s * count + at];
    dwei[at] = v;
}
