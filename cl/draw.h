/* Blocks of random words for element-wise kernels: BLOCK words per work-item, in the order of imx_random4's draws. On a
 * CPU device (VEC 16) sixteen draws are made at once, one per vector lane: some ten times the speed of one by one. */
#ifndef IMX_CL_DRAW_H
#define IMX_CL_DRAW_H

#include "philox.h"
#include "vec.h"

typedef IMX_CAT(uint, VEC) uintv;

#if VEC == 16
    #define BLOCK 64
#else
    #define BLOCK 4
#endif

/* Words 4*first .. 4*first + BLOCK - 1 of a stream; ctr as for imx_random4. */
static inline void imx_random_block(const uint4 ctr, const uint stream, const uint first, uint *word)
{
#if VEC == 16
    uint16 c0 = first + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    uint16 c1 = stream, c2 = ctr.z, c3 = ctr.w;
    uint k0 = ctr.x, k1 = ctr.y;
    for (int round = 0; round < 10; round++) {
        const ulong16 p0 = convert_ulong16(c0) * 0xD2511F53ul, p1 = convert_ulong16(c2) * 0xCD9E8D57ul;
        c0 = convert_uint16(p1 >> 32ul) ^ c1 ^ k0;
        c1 = convert_uint16(p1);
        c2 = convert_uint16(p0 >> 32ul) ^ c3 ^ k1;
        c3 = convert_uint16(p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    uint lane[4][16];
    vstore16(c0, 0, lane[0]);
    vstore16(c1, 0, lane[1]);
    vstore16(c2, 0, lane[2]);
    vstore16(c3, 0, lane[3]);
    for (uint i = 0; i < BLOCK; i++)
        word[i] = lane[i % 4][i / 4];
#else
    vstore4(imx_random4(ctr, stream, first), 0, word);
#endif
}

/* imx_unit of each lane. */
static inline floatv imx_unitv(const uintv bits)
{
    return IMX_CAT(convert_float, VEC)(bits >> 8u) * (1.0f / 16777216.0f);
}

#endif
