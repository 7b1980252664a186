/* Matrix product in tiles, for devices whose work-groups share memory (GPUs): a group computes a tile of BM x BN
 * results. The kernel says where an element comes from (fetching zero outside the matrix), this file does the rest;
 * every work-item of a group reaches every barrier. Two forms:
 *
 * TS: both factors lie in local memory. Each of TS x TS work-items has RB x RB results, spaced TS apart, so that
 *     neighbouring work-items touch neighbouring columns. TS 16 needs groups of 256 and 8.2 KB of local memory, TS 8
 *     groups of 64 and 4.2 KB, TS 4 groups of 16 and 2.2 KB.
 * SUB: the group is eight sub-groups of SUB work-items (cl_intel_subgroups, cl_intel_required_subgroup_size), each with
 *     eight rows of 32 results. The left factor's values stay in the registers of the sub-group, where every work-item
 *     holds the rows' values for one term and the others read them from it; only the right factor, which all sub-groups
 *     need, goes through local memory: a value read there serves eight multiplications instead of two. Needs groups of
 *     64 or 128 and 1.1 or 2.1 KB for SUB 8 or 16.
 *
 * HALF, of the form TS: the tiles are stored in half precision (no arithmetic in it: cl_khr_fp16 is not needed) and
 * take half the room, so twice as many groups are in flight where local memory limits them. What is beyond 65504
 * becomes infinite there.
 *
 * A kernel that takes both forms uses the TILE_ names alone. */
#ifndef IMX_CL_TILE_LOCAL_H
#define IMX_CL_TILE_LOCAL_H

#ifdef SUB
    #define RM         8 /* rows and columns of results of a work-item */
    #define RN         (BN / SUB)
    #define BK         SUB
    #define BM         64
    #define BN         32 /* more do not fit the registers of an Intel GPU */
    #define TILE_ITEMS (BM / RM * SUB)
    #define TILE_SHAPE reqd_work_group_size(TILE_ITEMS, 1, 1), intel_reqd_sub_group_size(SUB)
    /* A number that is the same in the whole sub-group, so that the compiler knows it and keeps it in one register. */
    #define SAME(x) sub_group_broadcast((int)(x), 0)
    /* What batch norm leaves to a product (bn_ends.h) would not fit the registers beside it, and nobody asks for it. */
    #define TILE_ENDS 0
    #define TILE_LOCALS                                                                                                \
        float tile_a[RM];                                                                                              \
        __local float tile_b[BK][BN + 1]
    #define TILE_IDS                                                                                                   \
        const int item = get_local_id(0), lane = get_sub_group_local_id(), row0 = SAME(get_sub_group_id() * RM)
    #define TILE_I0 SAME((int)get_global_id(1) * BM)
    #define TILE_J0 SAME((int)get_global_id(0) / TILE_ITEMS * BN)
    /* The left factor comes in turns t: row and term of a work-item's value, and its place. */
    #define TILE_TURNS(t)                                                                                              \
        int t = 0;                                                                                                     \
        t < RM;                                                                                                        \
        t++
    #define TILE_A_ROW(t, along)    (row0 + (t))
    #define TILE_A_TERM(t, along)   lane
    #define TILE_PUT_A(t, kk, i, v) tile_a[t] = (v)
    #define TILE_PUT_B(kk, j, v)    tile_b[kk][j] = (v)
    /* Row and column, within the tile, of a work-item's result [r][s]. */
    #define TILE_ROW(r)        (row0 + (r))
    #define TILE_COL(s)        (lane + (s)*SUB)
    #define TILE_MULTIPLY(acc) tile_multiply_sub(tile_a, tile_b, lane, acc)
#else
    #ifndef TS
        #define TS 8
    #endif
    #ifndef RB
        #define RB 4
    #endif
    #define TILE_ENDS  1
    #define RM         RB
    #define RN         RB
    #define BK         16
    #define BM         (TS * RB)
    #define BN         (TS * RB)
    #define TILE_ITEMS (TS * TS)
    #define TILE_SHAPE reqd_work_group_size(TS, TS, 1)
    #ifdef HALF
        #define STORED         ushort
        #define SPARE          2
        #define TILE_PUT(p, v) vstore_half_rte(v, 0, (__local half *)(p))
        #define TILE_GET(p)    vload_half(0, (const __local half *)(p))
    #else
        #define STORED         float
        #define SPARE          1
        #define TILE_PUT(p, v) *(p) = (v)
        #define TILE_GET(p)    *(p)
    #endif
    /* Two tiles in local memory; spare columns (a word) keep transposed writes off the same bank. */
    #define TILE_LOCALS                                                                                                \
        __local STORED tile_a[BK][BM + SPARE];                                                                         \
        __local STORED tile_b[BK][BN + SPARE]
    #define TILE_IDS const int x = get_local_id(0), y = get_local_id(1), item = y * TS + x
    #define TILE_I0  ((int)get_global_id(1) / TS * BM)
    #define TILE_J0  ((int)get_global_id(0) / TS * BN)
    #define TILE_TURNS(t)                                                                                              \
        int t = item;                                                                                                  \
        t < BM *BK;                                                                                                    \
        t += TILE_ITEMS
    /* along: neighbouring rows lie side by side in memory, else neighbouring terms. */
    #define TILE_A_ROW(t, along)    ((along) ? (t) % BM : (t) / BK)
    #define TILE_A_TERM(t, along)   ((along) ? (t) / BM : (t) % BK)
    #define TILE_PUT_A(t, kk, i, v) TILE_PUT(&tile_a[kk][i], v)
    #define TILE_PUT_B(kk, j, v)    TILE_PUT(&tile_b[kk][j], v)
    #define TILE_ROW(r)             (y + (r)*TS)
    #define TILE_COL(s)             (x + (s)*TS)
    #define TILE_MULTIPLY(acc)      tile_multiply(tile_a, tile_b, x, y, acc)
#endif

static void tile_clear(float acc[RM][RN])
{
#pragma unroll
    for (int r = 0; r < RM; r++)
#pragma unroll
        for (int s = 0; s < RN; s++)
            acc[r][s] = 0.0f;
}

#ifdef SUB
/* acc += the product of the sub-group's rows, of which this work-item holds term `lane`, and the tile b. */
static void tile_multiply_sub(const float a[RM], __local const float (*restrict b)[BN + 1], const int lane,
                              float acc[RM][RN])
{
    #pragma unroll
    for (int k = 0; k < BK; k++) {
        float bv[RN];
    #pragma unroll
        for (int s = 0; s < RN; s++)
            bv[s] = b[k][lane + s * SUB];
    #pragma unroll
        for (int r = 0; r < RM; r++) {
            const float av = sub_group_broadcast(a[r], k);
    #pragma unroll
            for (int s = 0; s < RN; s++)
                acc[r][s] = fma(av, bv[s], acc[r][s]);
        }
    }
}
#else
/* acc += the product of the two tiles as they stand in local memory; x and y are the local ids. */
static void tile_multiply(const __local STORED (*restrict a)[BM + SPARE],
                          const __local STORED (*restrict b)[BN + SPARE], const int x, const int y, float acc[RB][RB])
{
    for (int k = 0; k < BK; k++) {
        float av[RB], bv[RB];
    #pragma unroll
        for (int r = 0; r < RB; r++)
            av[r] = TILE_GET(&a[k][y + r * TS]);
    #pragma unroll
        for (int s = 0; s < RB; s++)
            bv[s] = TILE_GET(&b[k][x + s * TS]);
    #pragma unroll
        for (int r = 0; r < RB; r++)
    #pragma unroll
            for (int s = 0; s < RB; s++)
                acc[r][s] = fma(av[r], bv[s], acc[r][s]);
    }
}
#endif

#endif
