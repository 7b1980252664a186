/* Philox4x32-10 for kernels; the host's twin is src/base/philox.c, and a test compares their words. */
#ifndef IMX_CL_PHILOX_H
#define IMX_CL_PHILOX_H

/* Words of draw `index` of a stream; ctr = {seed low, seed high, step low, step high}. */
static inline uint4 imx_random4(const uint4 ctr, const uint stream, const uint index)
{
    uint2 key = (uint2)(ctr.x, ctr.y);
    uint4 c = (uint4)(index, stream, ctr.z, ctr.w);
    for (int round = 0; round < 10; round++) {
        const uint hi0 = mul_hi(0xD2511F53u, c.x), lo0 = 0xD2511F53u * c.x;
        const uint hi1 = mul_hi(0xCD9E8D57u, c.z), lo1 = 0xCD9E8D57u * c.z;
        c = (uint4)(hi1 ^ c.y ^ key.x, lo1, hi0 ^ c.w ^ key.y, lo0);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

static inline float imx_unit(const uint bits)
{
    return (float)(bits >> 8) * (1.0f / 16777216.0f);
}

#endif
