/* Matrix product for devices of type CPU: packing, and the product in register tiles with blocks of k; see
 * tile_cpu.h and src/ops/gemm_pack.c. Packed form: for each block of KC of k, panels of `width` rows or columns,
 * [k/KC][count/width][KC][width], the last panel filled up with zeros and the last block as deep as k leaves it. So what
 * a tile reads lies in one piece: rows at a power of two from each other would share a few sets of the caches. */
#include "shared.h"
#include "tile_cpu.h"

/* Columns l0..l1-1 of four rows that lie `step` apart, transposed in registers. */
static void pack_four_rows(__global const float *from, const size_t step, __global float *to, const int width,
                           const int l0, const int l1)
{
    int l = l0;
    for (; l + 4 <= l1; l += 4) {
        const float4 a = vload4(0, from + l), b = vload4(0, from + step + l), c = vload4(0, from + 2 * step + l),
                     d = vload4(0, from + 3 * step + l);
        vstore4((float4)(a.s0, b.s0, c.s0, d.s0), 0, to + (size_t)l * width);
        vstore4((float4)(a.s1, b.s1, c.s1, d.s1), 0, to + (size_t)(l + 1) * width);
        vstore4((float4)(a.s2, b.s2, c.s2, d.s2), 0, to + (size_t)(l + 2) * width);
        vstore4((float4)(a.s3, b.s3, c.s3, d.s3), 0, to + (size_t)(l + 3) * width);
    }
    for (; l < l1; l++)
        vstore4((float4)(from[l], from[step + l], from[2 * step + l], from[3 * step + l]), 0, to + (size_t)l * width);
}

/* dst = packed form of the matrix whose element (j, l) is src[j * step_j + l * step_k]. Dimension 0: pieces of 64
 * k; dimension 1: panels. */
__kernel void gemm_pack(
    __global const float *restrict src,
    __global float *restrict dst,
    const int count,
    const int k,
    const int width,
    const int step_j,
    const int step_k)
{
    const int l0 = (int)get_global_id(0) * 64, j0 = (int)get_global_id(1) * width;
    if (l0 >= k || j0 >= count)
        return;
    const int l1 = min(k, l0 + 64), have = min(width, count - j0);
    const int block = l0 / KC * KC, depth = min(KC, k - block), all = (count + width - 1) / width * width;
    __global float *to = dst + (size_t)block * all + (size_t)j0 * depth - (size_t)block * width;
    if (step_j == 1) {
        for (int l = l0; l < l1; l++) {
            __global const float *from = src + (size_t)l * step_k + j0;
            for (int j = 0; j < have; j++)
                to[(size_t)l * width + j] = from[j];
            for (int j = have; j < width; j++)
                to[(size_t)l * width + j] = 0.0f;
        }
        return;
    }
    int j = 0;
    for (; step_k == 1 && j + 4 <= have; j += 4)
        pack_four_rows(src + (size_t)(j0 + j) * step_j, step_j, to + j, width, l0, l1);
    for (; j < width; j++) {
        __global const float *from = src + (size_t)(j0 + min(j, have - 1)) * step_j;
        for (int l = l0; l < l1; l++)
            to[(size_t)l * width + j] = j < have ? from[(size_t)l * step_k] : 0.0f;
    }
}

/* Rows i0.. of the result as they leave a tile; first: nothing is there yet; last: the epilogue. */
static void gemm_store(const vec acc[MR][2], __global float *dst, __global const float *bia, __global const float *add,
                       const int i0, const int j0, const int m, const int n, const bool first, const bool last,
                       const int has_bias, const int has_add, const int relu)
{
    const int have = min(NR, n - j0);
#pragma unroll
    for (int i = 0; i < MR; i++) {
        if (i0 + i >= m)
            continue;
        const size_t at = (size_t)(i0 + i) * n + j0;
        if (have == NR) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                vec v = acc[i][h];
                v = first ? v : v + VLOAD(dst + at + h * VW);
                v = last && has_bias ? v + VLOAD(bia + j0 + h * VW) : v;
                v = last && has_add ? v + VLOAD(add + at + h * VW) : v;
                v = last && relu ? select(v, (vec)(0.0f), v < (vec)(0.0f)) : v;
                VSTORE(v, dst + at + h * VW);
            }
            continue;
        }
        float t[NR];
        VSTORE(acc[i][0], t);
        VSTORE(acc[i][1], t + VW);
        for (int j = 0; j < have; j++) {
            float v = first ? t[j] : t[j] + dst[at + j];
            v = last && has_bias ? v + bia[j0 + j] : v;
            v = last && has_add ? v + add[at + j] : v;
            dst[at + j] = last && relu && v < 0.0f ? 0.0f : v;
        }
    }
}

/* The rows that the next tile adds to are fetched while this one is worked out. Only where the compiler makes code of
 * the CPU itself: every pointer is then an address. */
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
    #define FETCH(p) __builtin_prefetch((const void *)(size_t)(p), 1)
#else
    #define FETCH(p)
#endif

/* panel = `depth` rows of the matrix [k,n], from column j0 on, with zeros beyond the last one. */
static void gemm_copy_panel(vec panel[KC][2], __global const float *from, const int depth, const int n, const int j0)
{
    if (j0 + NR <= n) {
        for (int l = 0; l < depth; l++) {
            panel[l][0] = VLOAD(from + (size_t)l * n);
            panel[l][1] = VLOAD(from + (size_t)l * n + VW);
        }
        return;
    }
    for (int l = 0; l < depth; l++) {
        float t[NR];
        for (int j = 0; j < NR; j++)
            t[j] = j0 + j < n ? from[(size_t)l * n + j] : 0.0f;
        panel[l][0] = VLOAD(t);
        panel[l][1] = VLOAD(t + VW);
    }
}

/* Adds `depth` products of MR rows and the columns of one panel: PANEL(l, h) is vector h of its row l. */
#define GEMM_WALK(acc, row, depth, PANEL)                \
    for (int l = 0; l < (depth); l++) {                  \
        const vec b0 = PANEL(l, 0), b1 = PANEL(l, 1);    \
        _Pragma("unroll") for (int i = 0; i < MR; i++) { \
            const vec v = (vec)((row)[i][l * A_STEP]);   \
            acc[i][0] = fma(v, b0, acc[i][0]);           \
            acc[i][1] = fma(v, b1, acc[i][1]);           \
        }                                                \
    }
#define IN_PLACE(l, h) VLOAD(from + (l) * NR + (h) * VW)
#define COPIED(l, h)   panel[l][h]

/* One work-item per tile of tile_m x tile_n results (dimensions 1 and 0) and slice of k (dimension 2). a:
 * rows as they lie (A_STEP 1, a_row = k) or panels. b: rows [k,n] as they lie (b_packed 0), or panels. With
 * slices > 1, dst is slices x m x n partial sums. lower: register tiles above the diagonal are left
 * out; rows of tiles come from both ends in turn, so that each lot of work-items has the same share of what is left. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void gemm_cpu(
    __global const float *restrict a,
    __global const float *restrict b,
    __global const float *restrict bia,
    __global const float *restrict add,
    __global float *restrict dst,
    const int m,
    const int n,
    const int k,
    const int b_packed,
    const int tile_m,
    const int tile_n,
    const int slice_k,
    const int has_bias,
    const int has_add,
    const int relu,
    const int lower)
{
    const int tiles = (m + tile_m - 1) / tile_m, tile = get_global_id(1);
    const int i_begin = (!lower ? tile : tile % 2 ? tiles - 1 - tile / 2 : tile / 2) * tile_m, i_end = min(m, i_begin + tile_m);
    const int j_begin = (int)get_global_id(0) * tile_n, j_end = min(n, j_begin + tile_n);
    const int slice = get_global_id(2), k_begin = slice * slice_k, k_end = min(k, k_begin + slice_k);
    __global float *out = dst + (size_t)slice * m * n;
    const int m_up = (m + MR - 1) / MR * MR, n_up = (n + NR - 1) / NR * NR;
    vec panel[KC][2];
    for (int l0 = k_begin; l0 < k_end; l0 += KC) {
        const int depth = min(KC, k_end - l0);
        const bool first = l0 == k_begin, last = l0 + KC >= k_end;
        for (int j0 = j_begin; j0 < j_end; j0 += NR) {
            const int i_first = lower ? max(i_begin, j0 / MR * MR) : i_begin;
            if (i_first >= i_end)
                break;
            __global const float *from = b + (b_packed ? (size_t)l0 * n_up + (size_t)j0 * depth : (size_t)l0 * n + j0);
            if (!b_packed)
                gemm_copy_panel(panel, from, depth, n, j0);
            for (int i0 = i_first; i0 < i_end; i0 += MR) {
                __global const float *row[MR];
                vec acc[MR][2];
                const bool whole = i0 + MR <= m && j0 + NR <= n;
                __global float *to = out + (size_t)i0 * n + j0;
                cpu_clear(acc);
                if (whole && !first)
#pragma unroll
                    for (int i = 0; i < MR; i++) {
                        acc[i][0] = VLOAD(to + (size_t)i * n);
                        acc[i][1] = VLOAD(to + (size_t)i * n + VW);
                    }
#pragma unroll
                for (int i = 0; i < MR; i++)
                    row[i] = A_STEP == 1 ? a + (size_t)min(i0 + i, m - 1) * k + l0
                                         : a + (size_t)l0 * m_up + (size_t)i0 * depth + i;
#pragma unroll
                for (int i = 0; i < MR; i++)
                    FETCH(to + (size_t)(MR + i) * n);
                if (b_packed)
                    GEMM_WALK(acc, row, depth, IN_PLACE)
                else
                    GEMM_WALK(acc, row, depth, COPIED)
                if (whole && !(last && (has_bias || has_add || relu)))
#pragma unroll
                    for (int i = 0; i < MR; i++) {
                        VSTORE(acc[i][0], to + (size_t)i * n);
                        VSTORE(acc[i][1], to + (size_t)i * n + VW);
                    }
                else
                    gemm_store(acc, out, bia, add, i0, j0, m, n, first || whole, last, has_bias, has_add, relu);
            }
        }
    }
}
