/* Winograd's convolution 3x3, stride 1, on local-memory tiles (tile_local.h, winograd.h), a slab of tiles of WM x WM
 * output pixels at a time: B' d B of every tile and channel as WE matrices [slab][in_c], their products with the
 * transformed weights [WE][in_c][cols] as WE matrices [slab][cols], and A' m A. */
#include "shared.h"
#include "tile_local.h"

#define WINO float
#include "winograd.h"

/* dst = [WE][in_c][cols] of G g G'; the weight of tap (a, b) and channel ci for column j lies at
 * w_0 + a*w_a + b*w_b + ci*w_c + j*w_j. */
__kernel void conv2d_winograd_wei(
    __global const float *restrict wei,
    __global float *restrict dst,
    const int in_c,
    const int w_0,
    const int w_a,
    const int w_b,
    const int w_c,
    const int w_j,
    const int cols)
{
    const int at = get_global_id(0), j = at % cols, ci = at / cols;
    float mid[3 * WT];
    if (ci >= in_c)
        return;
#pragma unroll
    for (int a = 0; a < 3; a++) {
        __global const float *from = wei + w_0 + a * w_a + ci * w_c + j * w_j;
        const float g[3] = { from[0], from[w_b], from[2 * w_b] };
        wino_wei(g, 1, mid + WT * a, 1);
    }
#pragma unroll
    for (int x = 0; x < WT; x++) {
        float t[WT];
        wino_wei(mid + x, WT, t, 1);
#pragma unroll
        for (int y = 0; y < WT; y++)
            dst[((size_t)(y * WT + x) * in_c + ci) * cols + j] = t[y];
    }
}

/* v[e][tile - first][ci] = B' d B of `tiles` tiles; the first pixel of tile (ty, tx) is (ty * WM + base_y,
 * tx * WM + base_x). */
__kernel void conv2d_winograd_src(
    __global const float *restrict src,
    __global float *restrict v,
    const int in_h,
    const int in_w,
    const int in_c,
    const int down,
    const int across,
    const int base_y,
    const int base_x,
    const int first,
    const int tiles)
{
    const int item = get_global_id(0), ci = item % in_c, tile = item / in_c, at = first + tile;
    float mid[WE];
    if (tile >= tiles)
        return;
    const int y0 = at / across % down * WM + base_y, x0 = at % across * WM + base_x, image = at / across / down;
#pragma unroll
    for (int y = 0; y < WT; y++) {
        float d[WT];
#pragma unroll
        for (int x = 0; x < WT; x++) {
            const bool inside = (uint)(y0 + y) < (uint)in_h && (uint)(x0 + x) < (uint)in_w;
            d[x] = inside ? src[((image * in_h + y0 + y) * in_w + x0 + x) * in_c + ci] : 0.0f;
        }
        wino_src(d, 1, mid + y * WT, 1);
    }
#pragma unroll
    for (int x = 0; x < WT; x++) {
        float t[WT];
        wino_src(mid + x, WT, t, 1);
#pragma unroll
        for (int y = 0; y < WT; y++)
            v[((size_t)(y * WT + x) * tiles + tile) * in_c + ci] = t[y];
    }
}

/* m[e] [tiles, cols] = v[e] [tiles, in_c] wei[e] [in_c, cols]; dimension 2: e. */
__kernel __attribute__((reqd_work_group_size(TS, TS, 1))) void conv2d_winograd_mul(
    __global const float *restrict v,
    __global const float *restrict wei,
    __global float *restrict m,
    const int tiles,
    const int in_c,
    const int cols)
{
    TILE_LOCALS;
    const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x, e = get_global_id(2);
    const int i0 = (int)get_global_id(1) / TS * BM, j0 = (int)get_global_id(0) / TS * BN;
    __global const float *a = v + (size_t)e * tiles * in_c, *b = wei + (size_t)e * in_c * cols;
    float acc[RB][RB];
    tile_clear(acc);
    for (int k0 = 0; k0 < in_c; k0 += BK) {
        for (int t = item; t < BM * BK; t += TS * TS) {
            const int i = i0 + t / BK, l = k0 + t % BK;
            tile_a[t % BK][t / BK] = i < tiles && l < in_c ? a[i * in_c + l] : 0.0f;
        }
        for (int t = item; t < BN * BK; t += TS * TS) {
            const int j = j0 + t % BN, l = k0 + t / BN;
            tile_b[t / BN][t % BN] = j < cols && l < in_c ? b[l * cols + j] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        tile_multiply(tile_a, tile_b, x, y, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++) {
            const int i = i0 + y + r * TS, j = j0 + x + s * TS;
            if (i < tiles && j < cols)
                m[((size_t)e * tiles + i) * cols + j] = acc[r][s];
        }
}

/* dst = A' m A of the slab's tiles, plus bias. */
__kernel void conv2d_winograd_dst(
    __global const float *restrict m,
    __global const float *restrict bia,
    __global float *restrict dst,
    const int out_h,
    const int out_w,
    const int cols,
    const int down,
    const int across,
    const int first,
    const int tiles,
    const int has_bias)
{
    const int item = get_global_id(0), j = item % cols, tile = item / cols, at = first + tile;
    float mid[WT * WM];
    if (tile >= tiles)
        return;
    const int y0 = at / across % down * WM, x0 = at % across * WM, image = at / across / down;
    const float add = has_bias ? bia[j] : 0.0f;
#pragma unroll
    for (int y = 0; y < WT; y++) {
        float t[WT];
#pragma unroll
        for (int x = 0; x < WT; x++)
            t[x] = m[((size_t)(y * WT + x) * tiles + tile) * cols + j];
        wino_dst(t, 1, mid + y * WM, 1);
    }
#pragma unroll
    for (int x = 0; x < WM; x++) {
        float t[WM];
        wino_dst(mid + x, WM, t, 1);
#pragma unroll
        for (int y = 0; y < WM; y++)
            if (y0 + y < out_h && x0 + x < out_w)
                dst[((image * out_h + y0 + y) * out_w + x0 + x) * cols + j] = t[y] + add;
    }
}
