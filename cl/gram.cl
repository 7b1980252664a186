/* What a Gram matrix needs besides the matrix product (src/ops/gram.h): on CPU devices gemm_pack brings in
 * the weights, gemm_cpu computes the lower triangle, here is the copy to the upper one; on GPUs gram_tile does all in
 * tiles of local memory. */
#include "shared.h"
#include "tile_local.h"

/* Edge of the squares that gram_mirror turns. */
#define EDGE 32

/* dst[j,i] = dst[i,j] for i > j. One work-item per square of EDGE x EDGE on or below the diagonal. */
__kernel void gram_mirror(
    __global float *restrict dst,
    const int k)
{
    const int i0 = (int)get_global_id(1) * EDGE, j0 = (int)get_global_id(0) * EDGE;
    if (i0 >= k || j0 >= k || j0 > i0)
        return;
    float square[EDGE][EDGE];
    const int have_i = min(EDGE, k - i0), have_j = min(EDGE, k - j0);
    for (int i = 0; i < have_i; i++)
        for (int j = 0; j < have_j; j++)
            square[j][i] = dst[(size_t)(i0 + i) * k + j0 + j];
    for (int j = 0; j < have_j; j++)
        for (int i = max(0, j0 + j + 1 - i0); i < have_i; i++)
            dst[(size_t)(j0 + j) * k + i0 + i] = square[j][i];
}

/* One group per tile and slice of the rows (dimension 2); tiles above the diagonal have nothing to add up and nothing to
 * store. With several slices, dst is slices x k x k partial sums. */
__kernel __attribute__((reqd_work_group_size(TS, TS, 1))) void gram_tile(
    __global const float *restrict src,
    __global const float *restrict wgt,
    __global float *restrict dst,
    const int rows,
    const int k,
    const int slice_rows,
    const int weighted)
{
    TILE_LOCALS;
    const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x;
    const int i0 = (int)get_global_id(1) / TS * BM, j0 = (int)get_global_id(0) / TS * BN;
    const int slice = get_global_id(2), last = min(rows, (slice + 1) * slice_rows), end = j0 > i0 ? 0 : last;
    __global float *out = dst + (size_t)slice * k * k;
    float acc[RB][RB];
    tile_clear(acc);
    for (int r0 = slice * slice_rows; r0 < end; r0 += BK) {
        for (int t = item; t < BM * BK; t += TS * TS) {
            const int i = t % BM, r = t / BM;
            float v = 0.0f, w = 0.0f;
            if (r0 + r < end) {
                v = i0 + i < k ? src[(size_t)(r0 + r) * k + i0 + i] : 0.0f;
                v = weighted ? v * wgt[r0 + r] : v;
                w = j0 + i < k ? src[(size_t)(r0 + r) * k + j0 + i] : 0.0f;
            }
            tile_a[r][i] = v;
            tile_b[r][i] = w;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        tile_multiply(tile_a, tile_b, x, y, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++) {
            const int i = i0 + y + r * TS, j = j0 + x + s * TS;
            if (i >= k || j > i)
                continue;
            out[(size_t)i * k + j] = acc[r][s];
            out[(size_t)j * k + i] = acc[r][s];
        }
}
