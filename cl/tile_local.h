/* Matrix product in tiles of local memory, for devices whose work-groups share memory (GPUs): a group of TS x
 * TS work-items computes a tile of BM x BN results, each work-item RB x RB of them spaced TS apart, so that
 * neighbouring work-items touch neighbouring columns. The kernel says where an element comes from (fetching
 * zero outside the matrix), this file does the rest; every work-item of a group reaches every barrier. TS 16
 * needs groups of 256 and 8.2 KB of local memory, TS 8 groups of 64 and 4.2 KB, TS 4 groups
 * of 16 and 2.2 KB. */
#ifndef IMX_CL_TILE_LOCAL_H
#define IMX_CL_TILE_LOCAL_H

#ifndef TS
    #define TS 8
#endif
#ifndef RB
    #define RB 4
#endif
#define BK 16
#define BM (TS * RB)
#define BN (TS * RB)

/* Two tiles in local memory; one spare column keeps transposed writes off the same bank. */
#define TILE_LOCALS                                                                                                    \
    __local float tile_a[BK][BM + 1];                                                                                  \
    __local float tile_b[BK][BN + 1]

static void tile_clear(float acc[RB][RB])
{
    for (int r = 0; r < RB; r++)
        for (int s = 0; s < RB; s++)
            acc[r][s] = 0.0f;
}

/* acc += the product of the two tiles as they stand in local memory; x and y are the local ids. */
static void tile_multiply(__local const float (*restrict a)[BM + 1], __local const float (*restrict b)[BN + 1],
                          const int x, const int y, float acc[RB][RB])
{
    for (int k = 0; k < BK; k++) {
        float av[RB], bv[RB];
#pragma unroll
        for (int r = 0; r < RB; r++)
            av[r] = a[k][y + r * TS];
#pragma unroll
        for (int s = 0; s < RB; s++)
            bv[s] = b[k][x + s * TS];
#pragma unroll
        for (int r = 0; r < RB; r++)
#pragma unroll
            for (int s = 0; s < RB; s++)
                acc[r][s] = fma(av[r], bv[s], acc[r][s]);
    }
}

#endif
