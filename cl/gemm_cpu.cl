/* Matrix product for devices of type CPU: packing, and the product in register tiles with blocks of k; see
 * tile_cpu.h and src/ops/gemm_pack.c. Packed form: for each block of KC of k, panels of `width` rows or columns,
 * [k/KC][count/width][KC][width], the last panel filled up with zeros and the last block as deep as k leaves it. So what
 * a tile reads lies in one piece: rows at a power of two from each other would share a few sets of the caches.
 * Length: gemm_cpu is one loop nest around one register tile; cut up, its accumulators would spill. */
#include "shared.h"
#include "bn_ends.h"
#include "tile_cpu.h"

/* Batch norm in front of a matrix that is packed (bn_ends.h): along 1, its columns are the k, along 2, the j; 0: none. */
struct pack_in {
    __global const float *mean, *invstd, *gamma, *beta;
    int along, relu;
};

static float pack_in1(const struct pack_in *in, const int c, const float x)
{
    return bn_in(in->mean, in->invstd, in->gamma, in->beta, in->relu, c, x);
}

/* Of columns c..c+3. */
static float4 pack_in4(const struct pack_in *in, const int c, const float4 x)
{
    const float4 slope = vload4(0, in->gamma + c) * vload4(0, in->invstd + c);
    const float4 v = (x - vload4(0, in->mean + c)) * slope + vload4(0, in->beta + c);
    return in->relu ? select(v, (float4)(0.0f), v < 0.0f) : v;
}

/* Four neighbours of a row, from k = l on. */
static float4 pack_load(const struct pack_in *in, __global const float *from, const int l)
{
    return in->along ? pack_in4(in, l, vload4(0, from + l)) : vload4(0, from + l);
}

/* Columns l0..l1-1 of four rows that lie `step` apart, transposed in registers. */
static void pack_four_rows(const struct pack_in *in, __global const float *from, const size_t step, __global float *to,
                           const int width, const int l0, const int l1)
{
    int l = l0;
    for (; l + 4 <= l1; l += 4) {
        const float4 a = pack_load(in, from, l), b = pack_load(in, from + step, l), c = pack_load(in, from + 2 * step, l),
                     d = pack_load(in, from + 3 * step, l);
        vstore4((float4)(a.s0, b.s0, c.s0, d.s0), 0, to + (size_t)l * width);
        vstore4((float4)(a.s1, b.s1, c.s1, d.s1), 0, to + (size_t)(l + 1) * width);
        vstore4((float4)(a.s2, b.s2, c.s2, d.s2), 0, to + (size_t)(l + 2) * width);
        vstore4((float4)(a.s3, b.s3, c.s3, d.s3), 0, to + (size_t)(l + 3) * width);
    }
    for (; l < l1; l++)
        for (int i = 0; i < 4; i++)
            to[(size_t)l * width + i] = in->along ? pack_in1(in, l, from[i * step + l]) : from[i * step + l];
}

/* The same of two rows. */
static void pack_two_rows(const struct pack_in *in, __global const float *from, const size_t step, __global float *to,
                          const int width, const int l0, const int l1)
{
    int l = l0;
    for (; l + 4 <= l1; l += 4) {
        const float4 a = pack_load(in, from, l), b = pack_load(in, from + step, l);
        vstore2((float2)(a.s0, b.s0), 0, to + (size_t)l * width);
        vstore2((float2)(a.s1, b.s1), 0, to + (size_t)(l + 1) * width);
        vstore2((float2)(a.s2, b.s2), 0, to + (size_t)(l + 2) * width);
        vstore2((float2)(a.s3, b.s3), 0, to + (size_t)(l + 3) * width);
    }
    for (; l < l1; l++)
        for (int i = 0; i < 2; i++)
            to[(size_t)l * width + i] = in->along ? pack_in1(in, l, from[i * step + l]) : from[i * step + l];
}

/* `have` neighbours of a row, times their weight, then zeros up to `width`. */
static void pack_row(__global const float *from, __global float *to, const float w, const int have, const int width)
{
    int j = 0;
    for (; j + 8 <= have; j += 8)
        vstore8(w * vload8(0, from + j), 0, to + j);
    for (; j < width; j++)
        to[j] = j < have ? w * from[j] : 0.0f;
}

/* The same behind batch norm, without a weight; the first of them is j0, all are of k = l. */
static void pack_row_in(const struct pack_in *in, __global const float *from, __global float *to, const int j0,
                        const int l, const int have, const int width)
{
    int j = 0;
    for (; in->along == 2 && j + 4 <= have; j += 4)
        vstore4(pack_in4(in, j0 + j, vload4(0, from + j)), 0, to + j);
    for (; j < width; j++)
        to[j] = j < have ? pack_in1(in, in->along == 2 ? j0 + j : l, from[j]) : 0.0f;
}

/* Rows l0..l1-1 of one panel whose columns lie side by side. A row of fewer than eight is stored as eight where the
 * next one overwrites what is too much. */
static void pack_columns(__global const float *from, const size_t step, __global const float *wgt, __global float *to,
                         const int have, const int width, const int l0, const int l1, const int weighted)
{
    int l = l0;
    for (; have == width && width < 8 && l + 2 < l1; l++)
        vstore8((weighted ? wgt[l] : 1.0f) * vload8(0, from + l * step), 0, to + (size_t)l * width);
    for (; l < l1; l++)
        pack_row(from + l * step, to + (size_t)l * width, weighted ? wgt[l] : 1.0f, have, width);
}

/* dst = packed form of the matrix whose element (j, l) is src[j * step_j + l * step_k], with weighted (then step_j is 1)
 * times wgt[l], with norm 1 or 2 (then one of the steps is 1, and there is no weight) behind batch norm. Dimension 0:
 * pieces of 64 k; dimension 1: as many panels as fit SPAN columns, which find each other's cache lines loaded. */
__kernel void gemm_pack(
    __global const float *restrict src,
    __global const float *restrict wgt,
    __global float *restrict dst,
    const int count,
    const int k,
    const int width,
    const int step_j,
    const int step_k,
    const int weighted,
    __global const float *restrict in_mean,
    __global const float *restrict in_invstd,
    __global const float *restrict in_gamma,
    __global const float *restrict in_beta,
    const int norm,
    const int in_relu)
{
    const int span = SPAN / width * width, l0 = (int)get_global_id(0) * 64, j_begin = (int)get_global_id(1) * span;
    const int l1 = min(k, l0 + 64), j_end = min(count, j_begin + span);
    const int block = l0 / KC * KC, depth = min(KC, k - block), all = (count + width - 1) / width * width;
    const struct pack_in in = { in_mean, in_invstd, in_gamma, in_beta, norm, in_relu };
    for (int j0 = j_begin; j0 < j_end; j0 += width) {
        const int have = min(width, count - j0);
        __global float *to = dst + (size_t)block * all + (size_t)j0 * depth - (size_t)block * width;
        if (step_j == 1 && norm) {
            for (int l = l0; l < l1; l++)
                pack_row_in(&in, src + j0 + (size_t)l * step_k, to + (size_t)l * width, j0, l, have, width);
            continue;
        }
        if (step_j == 1) {
            pack_columns(src + j0, step_k, wgt, to, have, width, l0, l1, weighted);
            continue;
        }
        __global const float *from = src + (size_t)j0 * step_j;
        int j = 0;
        for (; step_k == 1 && j + 4 <= have; j += 4)
            pack_four_rows(&in, from + (size_t)j * step_j, step_j, to + j, width, l0, l1);
        for (; step_k == 1 && j + 2 <= have; j += 2)
            pack_two_rows(&in, from + (size_t)j * step_j, step_j, to + j, width, l0, l1);
        for (; j < width; j++)
            for (int l = l0; l < l1; l++) {
                const float x = j < have ? from[(size_t)j * step_j + (size_t)l * step_k] : 0.0f;
                to[(size_t)l * width + j] = norm && j < have ? pack_in1(&in, norm == 2 ? j0 + j : l, x) : x;
            }
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

/* The right matrix as rows [k,n] is copied into panels, a lot of KC rows and LOT columns at a time: rows that lie at a
 * power of two from each other share a few sets of every cache, so what lies there cannot wait. While one lot is used
 * the next is copied bit by bit. One row more than a panel has keeps equal rows of the panels in different sets. A
 * GPU, where this variant can be asked for, has less memory of a work-item's own than two lots of 64 columns take. */
#if defined(__x86_64__) || defined(__aarch64__)
    #define LOT  64
    #define HELD (240 * 256)
#else
    #define LOT  32
    #define HELD (60 * 256)
#endif
#define LOT_PANELS (LOT / NR)
typedef vec gemm_lot[LOT_PANELS][KC + 1][2];
/* Results of a work-item that wait for the next block of k: register tiles one after the other. In dst, rows at a power of
 * two from each other would leave the caches before they are needed again. */
typedef vec gemm_held[HELD / (MR * NR)][MR][2];
/* Pieces, one row of a panel each, that are copied at a time: fewer are not worth the call. */
#define COPY_AT 16

/* What of a lot has been copied: the first l rows. */
struct gemm_copy {
    __global const float *from;
    int n, cols; /* floats from row to row; columns that the matrix has there */
    int panels, depth, l;
};

static struct gemm_copy gemm_begin(__global const float *b, const int l0, const int j0, const int n, const int depth,
                                   const int cols)
{
    return (struct gemm_copy){ b + (size_t)l0 * n + j0, n, n - j0, (min(LOT, cols) + NR - 1) / NR, depth, 0 };
}

static void gemm_copy_part(const struct gemm_copy *c, gemm_lot lot, const int l)
{
    __global const float *from = c->from + (size_t)l * c->n;
    float edge[NR];
    for (int q = 0; q < c->panels; q++) {
        if ((q + 1) * NR <= c->cols) {
            lot[q][l][0] = VLOAD(from + q * NR);
            lot[q][l][1] = VLOAD(from + q * NR + VW);
            continue;
        }
        for (int j = 0; j < NR; j++)
            edge[j] = q * NR + j < c->cols ? from[q * NR + j] : 0.0f;
        lot[q][l][0] = VLOAD(edge);
        lot[q][l][1] = VLOAD(edge + VW);
    }
}

/* Copies the next rows, zeros beyond the last column, and asks for as many after them. */
static void gemm_copy(struct gemm_copy *c, gemm_lot lot, const int rows)
{
    const int stop = min(c->depth, c->l + rows), ahead = min(rows + 1, COPY_AT);
    for (int l = c->l; l < stop; l++) {
        __global const float *from = c->from + (size_t)l * c->n;
        if (c->panels < LOT_PANELS || c->cols < LOT) {
            gemm_copy_part(c, lot, l);
            continue;
        }
#pragma unroll
        for (int j = 0; j < LOT; j += 16)
            FETCH(from + (size_t)ahead * c->n + j, 0);
#pragma unroll
        for (int q = 0; q < LOT_PANELS; q++) {
            lot[q][l][0] = VLOAD(from + q * NR);
            lot[q][l][1] = VLOAD(from + q * NR + VW);
        }
    }
    c->l = stop;
}

#define ROW(i, l)    row[i][(l) * A_STEP]
#define PACKED(l, h) VLOAD(packed + (l) * NR + (h) * VW)
#define COPIED(l, h) lot[turn][q][l][h]

/* Asks for piece `turn` of `turns` of what a work-item reads next: `floats` of them from there on. */
static void gemm_ahead(__global const float *from, const int floats, const int turn, const int turns)
{
    const int lines = (floats / 16 + turns - 1) / turns;
    for (int i = 0; i < lines; i++)
        FETCH_FAR(from + (size_t)(turn * lines + i) * 16);
}

/* One work-item per tile of tile_m x tile_n results (dimensions 1 and 0) and slice of k (dimension 2). a:
 * rows as they lie (A_STEP 1, a_row = k) or panels. b: rows [k,n] as they lie (b_packed 0), or panels. With
 * slices > 1, dst is slices x m x n partial sums. lower: register tiles above the diagonal are left out; rows of tiles
 * come from both ends in turn, so that each lot of work-items has the same share of what is left. more: adds to what dst
 * holds. stat (one slice, not lower): part [tiles, 2, n] = statistics of each tile's columns. */
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
    const int lower,
    const int more,
    __global float *restrict part,
    const int stat)
{
    const int tiles = (m + tile_m - 1) / tile_m, tile = get_global_id(1);
    const int i_begin = (!lower ? tile : tile % 2 ? tiles - 1 - tile / 2 : tile / 2) * tile_m, i_end = min(m, i_begin + tile_m);
    const int j_begin = (int)get_global_id(0) * tile_n, j_end = min(lower ? i_end : n, j_begin + tile_n);
    const int slice = get_global_id(2), k_begin = slice * slice_k, k_end = min(k, k_begin + slice_k);
    const int m_up = (m + MR - 1) / MR * MR, n_up = (n + NR - 1) / NR * NR;
    __global float *out = dst + (size_t)slice * m * n;
    const int rows = (i_end - i_begin + MR - 1) / MR;
    const int all_tiles = rows * ((j_end - j_begin + NR - 1) / NR);
    const bool hold = k_end - k_begin > KC && all_tiles * MR * NR <= HELD;
    gemm_held held;
    gemm_lot lot[2];
    struct gemm_copy next = gemm_begin(b, k_begin, j_begin, n, min(KC, k_end - k_begin), j_end - j_begin);
    if (j_begin >= j_end || k_begin >= k_end)
        return;
    int turn = 0, q = 0, due = 0;
    if (!b_packed)
        gemm_copy(&next, lot[0], KC);
    for (int l0 = k_begin; l0 < k_end; l0 += KC) {
        const int depth = min(KC, k_end - l0);
        const int next_depth = min(KC, k_end - l0 - KC);
        const bool first = l0 == k_begin && !more, last = l0 + KC >= k_end, waits = hold && l0 > k_begin;
        for (int j0 = j_begin; j0 < j_end; j0 += NR) {
            __global const float *packed = b + (size_t)l0 * n_up + (size_t)j0 * depth;
            const int i_first = lower ? max(i_begin, j0 / MR * MR) : i_begin;
            const int panels = (min(LOT, j_end - j0) + NR - 1) / NR;
            if (!b_packed && q == 0) {
                const bool along = j0 + LOT < j_end, further = along || !last;
                const int next_l = along ? l0 : l0 + KC, next_j = along ? j0 + LOT : j_begin;
                next = gemm_begin(b, next_l, next_j, n, further ? min(KC, k_end - next_l) : 0, j_end - next_j);
            }
            const int pieces = (next.depth * next.panels * MR - 1) / ((i_end - i_begin) * panels) + 1;
            for (int i0 = i_first; i0 < i_end; i0 += MR) {
                __global const float *row[MR];
                vec acc[MR][2];
                const bool whole = i0 + MR <= m && j0 + NR <= n;
                __global float *to = out + (size_t)i0 * n + j0;
                const int at = (j0 - j_begin) / NR * rows + (i0 - i_begin) / MR;
                cpu_clear(acc);
                if (waits)
                    cpu_copy(acc, held[at]);
                else if (whole && !first)
                    cpu_load(acc, to, n);
#pragma unroll
                for (int i = 0; i < MR; i++)
                    row[i] = A_STEP == 1 ? a + (size_t)min(i0 + i, m - 1) * k + l0
                                         : a + (size_t)l0 * m_up + (size_t)i0 * depth + i;
#pragma unroll
                for (int i = 0; i < MR && (!hold || last); i++)
                    FETCH(to + (size_t)(MR + i) * n, 1);
                if (A_STEP != 1 && l0 + KC < k_end)
                    gemm_ahead(a + (size_t)(l0 + KC) * m_up + (size_t)i_begin * next_depth, rows * MR * next_depth, at, all_tiles);
                if (b_packed) {
                    gemm_ahead(packed + depth * NR, depth * NR, (i0 - i_begin) / MR, rows);
                    CPU_WALK(acc, depth, ROW, PACKED)
                } else {
                    due += pieces;
                    if (due >= COPY_AT) {
                        gemm_copy(&next, lot[!turn], due / next.panels);
                        due %= next.panels;
                    }
                    CPU_WALK(acc, depth, ROW, COPIED)
                }
                if (hold && !last)
                    cpu_copy(held[at], acc);
                else if (whole && !(last && (has_bias || has_add || relu)))
                    cpu_store(acc, to, n);
                else
                    gemm_store(acc, out, bia, add, i0, j0, m, n, whole || (hold ? !more : first), last, has_bias, has_add,
                               relu);
                if (stat && last)
                    cpu_stat(to, n, min(MR, i_end - i0), i0 - i_begin, part + (size_t)tile * 2 * n + j0, n, min(NR, n - j0));
            }
            if (++q == LOT_PANELS || j0 + NR >= j_end) {
                if (!b_packed)
                    gemm_copy(&next, lot[!turn], KC);
                turn = !turn;
                q = 0;
            }
        }
    }
}
