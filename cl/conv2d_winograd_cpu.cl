/* Winograd's convolution 3x3, stride 1, for devices of type CPU, in register tiles (tile_cpu.h, winograd.h). One
 * work-item takes `block` tiles of WM x WM output pixels through all three stages, in scratch of its own that its
 * caches hold: B' d B of every tile as WE matrices [block][v_row], their products with the transformed weights as WE
 * matrices [block][m_row], and A' m A. Rows and matrices are an odd number of cache lines apart, else they would share
 * a few sets. Vectors run along channels everywhere, so nothing is transposed. */
#include "shared.h"
#include "tile_cpu.h"

#define WINO vec
#include "winograd.h"

/* The operands of CPU_WALK. */
#define CHANNEL(i, l) row[i][l]
#define PANEL(l, h)   VLOAD(panel + (l) * NR + (h) * VW)

/* Channels of a piece of conv2d_winograd_wei_cpu: a cache line. */
#define PIECE 16

/* dst = panels [WE][cols/NR][in_c][NR] of G g G'. The weight of tap (a, b) and channel ci for column j lies at
 * w_0 + a*w_a + b*w_b + ci*w_c + j*w_j. Dimension 0: pieces of channels; 1: panels. */
__kernel void conv2d_winograd_wei_cpu(
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
    const int c0 = (int)get_global_id(0) * PIECE, j0 = (int)get_global_id(1) * NR;
    const int have = min(NR, cols - j0), panels = (cols + NR - 1) / NR;
    if (have <= 0)
        return;
    for (int ci = c0; ci < min(in_c, c0 + PIECE); ci++) {
        float taps[9][NR];
#pragma unroll 1
        for (int tap = 0; tap < 9; tap++) {
            __global const float *from = wei + w_0 + tap / 3 * w_a + tap % 3 * w_b + ci * w_c + j0 * w_j;
#pragma unroll 1
            for (int j = 0; j < NR; j++)
                taps[tap][j] = j < have ? from[j * w_j] : 0.0f;
        }
#pragma unroll 1
        for (int h = 0; h < 2; h++) {
            vec g[9], mid[3 * WT];
#pragma unroll
            for (int tap = 0; tap < 9; tap++)
                g[tap] = VLOAD(taps[tap] + h * VW);
#pragma unroll
            for (int a = 0; a < 3; a++)
                wino_wei(g + 3 * a, 1, mid + WT * a, 1);
#pragma unroll
            for (int x = 0; x < WT; x++) {
                vec t[WT];
                wino_wei(mid + x, WT, t, 1);
#pragma unroll
                for (int y = 0; y < WT; y++)
                    VSTORE(t[y], dst + (((size_t)(y * WT + x) * panels * NR + j0) * in_c + ci * NR) + h * VW);
            }
        }
    }
}

/* n floats (at most VW) from p to `to`, zeros from there to VW. */
static void copy_part(__global const float *p, __global float *to, const int n)
{
    if (n >= VW) {
        VSTORE(VLOAD(p), to);
        return;
    }
#pragma unroll 1
    for (int j = 0; j < VW; j++)
        to[j] = j < n ? p[j] : 0.0f;
}

/* One tile of the input, whose first pixel is (y0, x0) of the image at src, to row v of the WE matrices. A piece that
 * reaches beyond the image or the channels goes through `spare`, [WT][WT][VW]. */
static void tile_in(__global const float *src, __global float *v, __global float *spare, const int y0, const int x0,
                    const int in_h, const int in_w, const int in_c, const int v_plane)
{
    const bool inside = y0 >= 0 && x0 >= 0 && y0 + WT <= in_h && x0 + WT <= in_w;
    for (int c0 = 0; c0 < in_c; c0 += VW) {
        const bool whole = inside && c0 + VW <= in_c;
        const int step_y = whole ? in_w * in_c : WT * VW, step_x = whole ? in_c : VW;
        __global const float *from = whole ? src + (size_t)(y0 * in_w + x0) * in_c + c0 : spare;
        vec mid[WE];
        if (!whole) {
#pragma unroll 1
            for (int i = 0; i < WE; i++) {
                const int y = y0 + i / WT, x = x0 + i % WT;
                const bool there = (uint)y < (uint)in_h && (uint)x < (uint)in_w;
                copy_part(there ? src + (size_t)(y * in_w + x) * in_c + c0 : src, spare + i * VW,
                          there ? in_c - c0 : 0);
            }
        }
#pragma unroll
        for (int y = 0; y < WT; y++) {
            vec d[WT];
#pragma unroll
            for (int x = 0; x < WT; x++)
                d[x] = VLOAD(from + y * step_y + x * step_x);
            wino_src(d, 1, mid + y * WT, 1);
        }
#pragma unroll
        for (int x = 0; x < WT; x++) {
            vec t[WT];
            wino_src(mid + x, WT, t, 1);
#pragma unroll
            for (int y = 0; y < WT; y++)
                VSTORE(t[y], v + (size_t)(y * WT + x) * v_plane + c0);
        }
    }
}

/* m[have, cols] = v[have, in_c] times the panels of one of the WE matrices of weights. */
static void product(__global const float *v, __global const float *wei, __global float *m, const int have,
                    const int in_c, const int panels, const int v_row, const int m_row)
{
    for (int j = 0; j < panels; j++)
        for (int i0 = 0; i0 < have; i0 += MR) {
            __global const float *panel = wei + (size_t)j * in_c * NR, *row[MR];
            vec acc[MR][2];
            cpu_clear(acc);
#pragma unroll
            for (int i = 0; i < MR; i++)
                row[i] = v + (size_t)min(i0 + i, have - 1) * v_row;
            CPU_WALK(acc, in_c, CHANNEL, PANEL)
#pragma unroll
            for (int i = 0; i < MR; i++)
                if (i0 + i < have) {
                    VSTORE(acc[i][0], m + (size_t)(i0 + i) * m_row + j * NR);
                    VSTORE(acc[i][1], m + (size_t)(i0 + i) * m_row + j * NR + VW);
                }
        }
}

/* Row m of the WE products to one tile of the output, of which rows x columns lie inside the image; the rest goes
 * to `spare`, [WM][WM][VW]. */
static void tile_out(__global const float *m, __global const float *bia, __global float *dst, __global float *spare,
                     const int rows, const int columns, const int out_w, const int cols, const int m_plane,
                     const int has_bias)
{
    for (int j0 = 0; j0 < cols; j0 += VW) {
        const bool whole = rows >= WM && columns >= WM && j0 + VW <= cols;
        const int step_y = whole ? out_w * cols : WM * VW, step_x = whole ? cols : VW;
        __global float *to = whole ? dst + j0 : spare;
        vec b = (vec)(0.0f), mid[WT * WM];
        if (has_bias) {
            copy_part(bia + j0, spare, cols - j0);
            b = VLOAD(spare);
        }
#pragma unroll
        for (int y = 0; y < WT; y++) {
            vec t[WT];
#pragma unroll
            for (int x = 0; x < WT; x++)
                t[x] = VLOAD(m + (size_t)(y * WT + x) * m_plane + j0);
            wino_dst(t, 1, mid + y * WM, 1);
        }
#pragma unroll
        for (int x = 0; x < WM; x++) {
            vec t[WM];
            wino_dst(mid + x, WM, t, 1);
#pragma unroll
            for (int y = 0; y < WM; y++)
                VSTORE(t[y] + b, to + y * step_y + x * step_x);
        }
        if (whole)
            continue;
#pragma unroll 1
        for (int i = 0; i < min(rows, WM) * WM; i++)
#pragma unroll 1
            for (int j = 0; i % WM < columns && j < min(VW, cols - j0); j++)
                dst[(size_t)(i / WM * out_w + i % WM) * cols + j0 + j] = spare[i * VW + j];
    }
}

/* dst[image, y, x, j] = bia[j] + sum over taps of src[image, y + base_y + a, x + base_x + b, :] wei. wei: as
 * conv2d_winograd_wei_cpu leaves it. Each work-item computes item_tiles tiles, block at a time. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void conv2d_winograd_cpu(
    __global const float *restrict src,
    __global const float *restrict wei,
    __global const float *restrict bia,
    __global float *restrict work,
    __global float *restrict dst,
    const int images,
    const int out_h,
    const int out_w,
    const int in_h,
    const int in_w,
    const int in_c,
    const int base_y,
    const int base_x,
    const int cols,
    const int item_tiles,
    const int block,
    const int v_row,
    const int m_row,
    const int v_plane,
    const int m_plane,
    const int has_bias)
{
    const int down = (out_h + WM - 1) / WM, across = (out_w + WM - 1) / WM, tiles = images * down * across;
    const int item = get_global_id(0), panels = (cols + NR - 1) / NR;
    const int end = min(tiles, (item + 1) * item_tiles);
    __global float *v = work + (size_t)item * WE * (v_plane + m_plane + VW), *m = v + (size_t)WE * v_plane;
    __global float *spare = m + (size_t)WE * m_plane;
    for (int begin = item * item_tiles; begin < end; begin += block) {
        const int have = min(block, end - begin);
        for (int t = 0; t < have; t++) {
            const int at = begin + t, x = at % across * WM, y = at / across % down * WM, image = at / across / down;
            tile_in(src + (size_t)image * in_h * in_w * in_c, v + (size_t)t * v_row, spare, y + base_y, x + base_x, in_h, in_w,
                    in_c, v_plane);
        }
        for (int e = 0; e < WE; e++)
            product(v + (size_t)e * v_plane, wei + (size_t)e * panels * in_c * NR, m + (size_t)e * m_plane, have, in_c,
                    panels, v_row, m_row);
        for (int t = 0; t < have; t++) {
            const int at = begin + t, x = at % across * WM, y = at / across % down * WM, image = at / across / down;
            tile_out(m + (size_t)t * m_row, bia, dst + (((size_t)image * out_h + y) * out_w + x) * cols, spare, out_h - y,
                     out_w - x, out_w, cols, m_plane, has_bias);
        }
    }
}
