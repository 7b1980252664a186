/* Matrix product on local-memory tiles (GPU type), and what follows a product that was cut along k; see
 * src/ops/gemm.h. bias, add and relu say what the epilogue does; a partial product (slices > 1) leaves it to
 * gemm_finish. */
#include "shared.h"
#include "tile_local.h"

/* relu that hands a NaN on. */
static float gemm_relu(const float x)
{
    return x < 0.0f ? 0.0f : x;
}

/* One group per tile of dst and slice of k: rows in dimension 1, slices in dimension 2. With slices > 1, dst
 * is slices x m x n partial sums. */
__kernel __attribute__((reqd_work_group_size(TS, TS, 1))) void gemm_tile(
    __global const float *restrict a,
    __global const float *restrict b,
    __global const float *restrict bia,
    __global const float *restrict add,
    __global float *restrict dst,
    const int m,
    const int n,
    const int k,
    const int ta,
    const int tb,
    const int slices,
    const int slice_k,
    const int has_bias,
    const int has_add,
    const int relu)
{
    TILE_LOCALS;
    const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x;
    const int i0 = (int)get_global_id(1) / TS * BM, j0 = (int)get_global_id(0) / TS * BN;
    const int slice = get_global_id(2), k_end = min(k, (slice + 1) * slice_k);
    float acc[RB][RB];
    tile_clear(acc);
    for (int k0 = slice * slice_k; k0 < k_end; k0 += BK) {
        for (int t = item; t < BM * BK; t += TS * TS) {
            const int i = ta ? t % BM : t / BK, kk = ta ? t / BM : t % BK;
            float v = 0.0f;
            if (i0 + i < m && k0 + kk < k_end)
                v = ta ? a[(size_t)(k0 + kk) * m + i0 + i] : a[(size_t)(i0 + i) * k + k0 + kk];
            tile_a[kk][i] = v;
        }
        for (int t = item; t < BN * BK; t += TS * TS) {
            const int j = tb ? t / BK : t % BN, kk = tb ? t % BK : t / BN;
            float v = 0.0f;
            if (j0 + j < n && k0 + kk < k_end)
                v = tb ? b[(size_t)(j0 + j) * k + k0 + kk] : b[(size_t)(k0 + kk) * n + j0 + j];
            tile_b[kk][j] = v;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        tile_multiply(tile_a, tile_b, x, y, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++) {
            const int i = i0 + y + r * TS, j = j0 + x + s * TS;
            if (i >= m || j >= n)
                continue;
            const size_t at = (size_t)i * n + j;
            float v = acc[r][s];
            if (slices == 1) {
                v += has_bias ? bia[j] : 0.0f;
                v += has_add ? add[at] : 0.0f;
                v = relu ? gemm_relu(v) : v;
            }
            dst[(size_t)slice * m * n + at] = v;
        }
}

/* dst = act(sum of the slices + bia + add), the slices in their order. transposed: a slice is stored [n,m].
 * */
__kernel void gemm_finish(
    __global const float *restrict part,
    __global const float *restrict bia,
    __global const float *restrict add,
    __global float *restrict dst,
    const int m,
    const int n,
    const int slices,
    const int transposed,
    const int has_bias,
    const int has_add,
    const int relu)
{
    const size_t at = get_global_id(0), count = (size_t)m * n;
    if (at >= count)
        return;
    const size_t from = transposed ? at % n * m + at / n : at;
    float v = part[from];
    for (int s = 1; s < slices; s++)
        v += part[s * count + from];
    v += has_bias ? bia[at % n] : 0.0f;
    v += has_add ? add[at] : 0.0f;
    dst[at] = relu ? gemm_relu(v) : v;
}

/* dst = act(dst + bia + add), after a product that a library wrote. */
__kernel void gemm_epilogue(
    __global const float *restrict bia,
    __global const float *restrict add,
    __global float *restrict dst,
    const int m,
    const int n,
    const int has_bias,
    const int has_add,
    const int relu)
{
    const size_t at = get_global_id(0);
    if (at >= (size_t)m * n)
        return;
    float v = dst[at];
    v += has_bias ? bia[at % n] : 0.0f;
    v += has_add ? add[at] : 0.0f;
    dst[at] = relu ? gemm_relu(v) : v;
}
