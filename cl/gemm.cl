/* Matrix product on tiles (GPU type, tile_local.h), and what follows a product that was cut along k; see
 * src/ops/gemm.h. bias, add and relu say what the epilogue does; a partial product (slices > 1) leaves it to
 * gemm_finish. norm, 1 or 2: the left or the right matrix is what batch norm reads, and is normalised as it is loaded.
 * stat: part [m / BM, 2, n] = mean and sum of squared deviations of each tile's columns (src/ops/gemm_bn.h). */
#include "shared.h"
#include "bn_ends.h"
#include "tile_local.h"

/* relu that hands a NaN on. */
static float gemm_relu(const float x)
{
    return x < 0.0f ? 0.0f : x;
}

/* One group per tile of dst and slice of k: rows in dimension 1, slices in dimension 2. With slices > 1, dst
 * is slices x m x n partial sums. */
__kernel __attribute__((TILE_SHAPE)) void gemm_tile(
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
    const int relu,
    __global const float *restrict in_mean,
    __global const float *restrict in_invstd,
    __global const float *restrict in_gamma,
    __global const float *restrict in_beta,
    const int norm,
    const int in_relu,
    __global float *restrict part,
    const int stat)
{
    TILE_LOCALS;
    TILE_IDS;
    const int i0 = TILE_I0, j0 = TILE_J0, slice = get_global_id(2), k_end = min(k, (slice + 1) * slice_k);
    const int a_row = ta ? 1 : k, a_term = ta ? m : 1;
    float acc[RM][RN];
    tile_clear(acc);
    for (int k0 = slice * slice_k; k0 < k_end; k0 += BK) {
#ifdef SUB
    #pragma unroll
#endif
        for (TILE_TURNS(t)) {
            const int i = TILE_A_ROW(t, ta), kk = TILE_A_TERM(t, ta);
            float v = 0.0f;
            if (i0 + i < m && k0 + kk < k_end)
                v = a[(size_t)(i0 + i) * a_row + (size_t)(k0 + kk) * a_term];
            if (TILE_ENDS && norm == 1 && i0 + i < m && k0 + kk < k_end)
                v = bn_in(in_mean, in_invstd, in_gamma, in_beta, in_relu, ta ? i0 + i : k0 + kk, v);
            TILE_PUT_A(t, kk, i, v);
        }
        for (int t = item; t < BN * BK; t += TILE_ITEMS) {
            const int j = tb ? t / BK : t % BN, kk = tb ? t % BK : t / BN;
            float v = 0.0f;
            if (j0 + j < n && k0 + kk < k_end)
                v = tb ? b[(size_t)(j0 + j) * k + k0 + kk] : b[(size_t)(k0 + kk) * n + j0 + j];
            if (TILE_ENDS && norm == 2 && j0 + j < n && k0 + kk < k_end)
                v = bn_in(in_mean, in_invstd, in_gamma, in_beta, in_relu, tb ? k0 + kk : j0 + j, v);
            TILE_PUT_B(kk, j, v);
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
#if TILE_ENDS
    barrier(CLK_GLOBAL_MEM_FENCE); /* also without stat: PoCL mistakes what stands behind a conditional one */
    for (int j = item; stat && j < BN && j0 + j < n; j += TILE_ITEMS)
        bn_column(dst + (size_t)i0 * n + j0 + j, n, min(BM, m - i0), part + (size_t)(i0 / BM) * 2 * n + j0 + j, n);
#endif
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
