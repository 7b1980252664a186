#include "base/philox.h"

void imx_philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void imx_random4(uint64_t seed, uint64_t step, uint32_t stream, uint32_t index, uint32_t out[4])
{
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t ctr[4] = { index, stream, (uint32_t)step, (uint32_t)(step >> 32) };
    imx_philox(key, ctr, out);
}

uint32_t imx_random_below(uint64_t seed, uint64_t step, uint32_t stream, uint32_t *draw, uint32_t limit)
{
    /* Lemire's multiply-shift with rejection: exact uniformity, and rejections are part of the counter. */
    for (;;) {
        uint32_t r[4];
        imx_random4(seed, step, stream, (*draw)++, r);
        const uint64_t wide = (uint64_t)r[0] * limit;
        if ((uint32_t)wide >= (uint32_t)(-limit) % limit)
            return (uint32_t)(wide >> 32);
    }
}

void imx_permute(uint64_t seed, uint64_t step, uint32_t stream, uint32_t *perm, uint32_t n)
{
    uint32_t draw = 0;
    for (uint32_t i = 0; i < n; i++)
        perm[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        const uint32_t j = imx_random_below(seed, step, stream, &draw, i);
        const uint32_t t = perm[i - 1];
        perm[i - 1] = perm[j];
        perm[j] = t;
    }
}
