/* SHA-256 after FIPS 180-4, section numbers in the comments. Plain C: about 200 MB/s per core is enough for
 * checkpoints and data sets. */
#include "base/sha256.h"

#include <string.h>

/* 4.2.2: first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_key[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* 6.2.2: one block of 64 bytes. */
static void block(uint32_t state[8], const unsigned char *p)
{
    uint32_t w[64], v[8];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)p[4 * t] << 24 | (uint32_t)p[4 * t + 1] << 16 | (uint32_t)p[4 * t + 2] << 8 | p[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        const uint32_t a = w[t - 2], b = w[t - 15];
        const uint32_t s1 = rotr(a, 17) ^ rotr(a, 19) ^ a >> 10, s0 = rotr(b, 7) ^ rotr(b, 18) ^ b >> 3;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    memcpy(v, state, sizeof v);
    for (int t = 0; t < 64; t++) {
        const uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
        const uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
        const uint32_t choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t major = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t t1 = v[7] + s1 + choose + round_key[t] + w[t], t2 = s0 + major;
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

void imx_sha256_init(struct imx_sha256 *h)
{
    /* 5.3.3: square roots of the first 8 primes. */
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    memcpy(h->state, start, sizeof start);
    h->bytes = 0;
}

void imx_sha256_add(struct imx_sha256 *h, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    size_t used = h->bytes % 64;
    h->bytes += bytes;
    if (used) {
        const size_t part = bytes < 64 - used ? bytes : 64 - used;
        memcpy(h->block + used, p, part);
        p += part;
        bytes -= part;
        used += part;
        if (used < 64)
            return;
        block(h->state, h->block);
    }
    for (; bytes >= 64; p += 64, bytes -= 64)
        block(h->state, p);
    if (bytes)
        memcpy(h->block, p, bytes);
}

void imx_sha256_end(struct imx_sha256 *h, unsigned char digest[32])
{
    const uint64_t bits = h->bytes * 8;
    unsigned char tail[72] = { 0x80 };
    const size_t used = h->bytes % 64, pad = used < 56 ? 56 - used : 120 - used;
    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    imx_sha256_add(h, tail, pad + 8);
    for (int i = 0; i < 32; i++)
        digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void imx_sha256_hex(struct imx_sha256 *h, char hex[65])
{
    static const char digit[] = "0123456789abcdef";
    unsigned char d[32];
    imx_sha256_end(h, d);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digit[d[i] >> 4];
        hex[2 * i + 1] = digit[d[i] & 15];
    }
    hex[64] = 0;
}

void imx_sha256_of(const void *data, size_t bytes, char hex[65])
{
    struct imx_sha256 h;
    imx_sha256_init(&h);
    imx_sha256_add(&h, data, bytes);
    imx_sha256_hex(&h, hex);
}
