/* Convolution as a matrix product whose left matrix is never stored, on tiles (GPU type, tile_local.h); see
 * src/ops/conv2d.h. Forward and backward-data are one kernel: a row of the product is an output pixel (image, t, u),
 * its terms are the taps (a, b) and channels ci of the input pixel
 *     y = t * step + base_y + a * dir,   x = u * step + base_x + b * dir    (zero outside),
 * and the weight of tap and channel for column j lies at w_0 + a*w_a + b*w_b + ci*w_c + j*w_j.
 * Forward: step = stride, base = -pad, dir = 1. Backward-data: one launch for each of the stride^2 residues of input
 * pixels, whose taps are stride apart: step = 1, dir = -1; so no tap is computed for nothing. norm: src is what batch
 * norm reads, and is normalised as it is loaded. stat (forward): part [m / BM, 2, cols] = mean and sum of squared
 * deviations of each tile's columns (src/ops/conv2d_bn.h). */
#include "shared.h"
#include "bn_ends.h"
#include "tile_local.h"

__kernel __attribute__((TILE_SHAPE)) void conv2d_tile(
    __global const float *restrict src,
    __global const float *restrict wei,
    __global const float *restrict bia,
    __global float *restrict dst,
    __global const float *restrict in_mean,
    __global const float *restrict in_invstd,
    __global const float *restrict in_gamma,
    __global const float *restrict in_beta,
    const int norm,
    const int in_relu,
    __global float *restrict part,
    const int stat,
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
    TILE_IDS;
    const int i0 = TILE_I0, j0 = TILE_J0;
    const int m = images * out_h * out_w, k = taps_a * taps_b * in_c;
    float acc[RM][RN];
    tile_clear(acc);
    for (int k0 = 0; k0 < k; k0 += BK) {
#ifdef SUB
    #pragma unroll
#endif
        for (TILE_TURNS(t)) {
            const int row = TILE_A_ROW(t, 0), kk = TILE_A_TERM(t, 0), i = i0 + row, l = k0 + kk;
            const int ci = l % in_c, b = l / in_c % taps_b, a = l / in_c / taps_b;
            const int u = i % out_w, v = i / out_w % out_h, image = i / out_w / out_h;
            const int iy = v * step + base_y + a * dir, ix = u * step + base_x + b * dir;
            const bool inside = i < m && l < k && iy >= 0 && iy < in_h && ix >= 0 && ix < in_w;
            float x = inside ? src[((image * in_h + iy) * in_w + ix) * in_c + ci] : 0.0f;
            if (TILE_ENDS && norm && inside)
                x = bn_in(in_mean, in_invstd, in_gamma, in_beta, in_relu, ci, x);
            TILE_PUT_A(t, kk, row, x);
        }
        for (int t = item; t < BN * BK; t += TILE_ITEMS) {
            const int kk = w_j == 1 ? t / BN : t % BK, jj = w_j == 1 ? t % BN : t / BK, l = k0 + kk;
            const int ci = l % in_c, b = l / in_c % taps_b, a = l / in_c / taps_b;
            const bool inside = j0 + jj < cols && l < k;
            TILE_PUT_B(kk, jj, inside ? wei[w_0 + a * w_a + b * w_b + ci * w_c + (j0 + jj) * w_j] : 0.0f);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        TILE_MULTIPLY(acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int r = 0; r < RM; r++)
#pragma unroll
        for (int s = 0; s < RN; s++) {
            const int i = i0 + TILE_ROW(r), j = j0 + TILE_COL(s);
            if (i >= m || j >= cols)
                continue;
            const int u = i % out_w, v = i / out_w % out_h, image = i / out_w / out_h;
            dst[dst_0 + image * dst_n + v * dst_t + u * dst_u + j] = acc[r][s] + (has_bias ? bia[j] : 0.0f);
        }
#if TILE_ENDS
    barrier(CLK_GLOBAL_MEM_FENCE); /* also without stat: PoCL mistakes what stands behind a conditional one */
    for (int j = item; stat && j < BN && j0 + j < cols; j += TILE_ITEMS)
        bn_column(dst + (size_t)i0 * cols + j0 + j, cols, min(BM, m - i0), part + (size_t)(i0 / BM) * 2 * cols + j0 + j,
                  cols);
#endif
}

/* part[slice][o][r,s,c] = the weight gradient from the pixels of one slice. */
__kernel __attribute__((TILE_SHAPE)) void conv2d_tile_wei(
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
    const int slice_pixels,
    __global const float *restrict in_mean,
    __global const float *restrict in_invstd,
    __global const float *restrict in_gamma,
    __global const float *restrict in_beta,
    const int norm,
    const int in_relu)
{
    TILE_LOCALS;
    const int p = (h + 2 * pad - k) / stride + 1, q = (w + 2 * pad - k) / stride + 1;
    TILE_IDS;
    const int i0 = TILE_I0, j0 = TILE_J0, slice = get_global_id(2), cols = k * k * c;
    const int end = min(n * p * q, (slice + 1) * slice_pixels);
    float acc[RM][RN];
    tile_clear(acc);
    for (int l0 = slice * slice_pixels; l0 < end; l0 += BK) {
#ifdef SUB
    #pragma unroll
#endif
        for (TILE_TURNS(t)) {
            const int row = TILE_A_ROW(t, 1), kk = TILE_A_TERM(t, 1), i = i0 + row, l = l0 + kk;
            TILE_PUT_A(t, kk, row, i < o && l < end ? ddst[l * o + i] : 0.0f);
        }
        for (int t = item; t < BN * BK; t += TILE_ITEMS) {
            const int j = j0 + t % BN, l = l0 + t / BN;
            const int ci = j % c, s = j / c % k, r = j / c / k;
            const int iy = l / q % p * stride + r - pad, ix = l % q * stride + s - pad, image = l / q / p;
            const bool inside = j < cols && l < end && iy >= 0 && iy < h && ix >= 0 && ix < w;
            float x = inside ? src[((image * h + iy) * w + ix) * c + ci] : 0.0f;
            if (TILE_ENDS && norm && inside)
                x = bn_in(in_mean, in_invstd, in_gamma, in_beta, in_relu, ci, x);
            TILE_PUT_B(t / BN, t % BN, x);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        TILE_MULTIPLY(acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int r = 0; r < RM; r++)
#pragma unroll
        for (int s = 0; s < RN; s++) {
            const int i = i0 + TILE_ROW(r), j = j0 + TILE_COL(s);
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
