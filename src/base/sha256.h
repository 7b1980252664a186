/* SHA-256 (FIPS 180-4): content hash of data sets, checkpoints and cache entries. */
#ifndef IMX_BASE_SHA256_H
#define IMX_BASE_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

struct imx_sha256 {
    struct sha256_ctx state; /* nettle's */
};

void imx_sha256_init(struct imx_sha256 *h);
void imx_sha256_add(struct imx_sha256 *h, const void *data, size_t bytes);
/* Ends the sum; digest = 32 bytes. */
void imx_sha256_end(struct imx_sha256 *h, unsigned char digest[32]);
/* Ends the sum as 64 lower-case hex digits and a 0 byte. */
void imx_sha256_hex(struct imx_sha256 *h, char hex[65]);
/* All at once. */
void imx_sha256_of(const void *data, size_t bytes, char hex[65]);

#endif
