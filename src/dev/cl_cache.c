/* The disk cache of built programs: $INFOMAX_CACHE, else $XDG_CACHE_HOME/infomax, else ~/.cache/infomax;
 * INFOMAX_CACHE=off turns it off. The file name is the SHA-256 of everything the binary depends on. An entry is
 *   "imxprog" 0 | format u32 | key 32 bytes | length u64 | SHA-256 of the binary 32 bytes | binary
 * and appears by rename. Whatever is not whole and right is as good as absent: the program is built again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "dev/cl.h"
#include "dev/probe.h"

enum { FORMAT = 1, HEAD = 8 + 4 + 32 + 8 + 32 };
static const char magic[8] = "imxprog";

static bool entry_path(const struct imx_cl_key *key, char *path, size_t size, bool make)
{
    char dir[4000], name[80];
    if (!imx_cache_folder(dir, sizeof dir))
        return false;
    if (make && imx_mkdirs(dir) != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "the program cache is not used: %s", imx_error_text());
        imx_error_clear();
        return false;
    }
    for (int i = 0; i < 32; i++)
        snprintf(name + 2 * i, 3, "%02x", key->hash[i]);
    snprintf(name + 64, sizeof name - 64, ".clbin");
    return imx_join(path, size, dir, name);
}

static void add(struct imx_sha256 *h, const char *text)
{
    imx_sha256_add(h, text, strlen(text) + 1); /* with the 0 byte: "ab","c" is not "a","bc" */
}

void imx_cl_cache_key(const struct imx_cl *cl, const struct imx_kernel_source *source, const char *options,
                      struct imx_cl_key *key)
{
    const struct imx_caps *caps = &cl->base.caps;
    const uint32_t numbers[3] = { FORMAT, cl->pointer_bits, (uint32_t)sizeof(void *) };
    struct imx_sha256 h;
    imx_sha256_init(&h);
    imx_sha256_add(&h, source->text, source->length);
    add(&h, options);
    add(&h, caps->name);
    add(&h, caps->vendor);
    add(&h, caps->driver);
    add(&h, caps->opencl);
    add(&h, caps->platform);
    add(&h, cl->platform_version);
    imx_sha256_add(&h, numbers, sizeof numbers);
    imx_sha256_end(&h, key->hash);
}

static void digest_of(const void *data, size_t size, unsigned char digest[32])
{
    struct imx_sha256 h;
    imx_sha256_init(&h);
    imx_sha256_add(&h, data, size);
    imx_sha256_end(&h, digest);
}

static void head_of(const struct imx_cl_key *key, const unsigned char *binary, uint64_t size, unsigned char head[HEAD])
{
    const uint32_t format = FORMAT;
    memcpy(head, magic, 8);
    memcpy(head + 8, &format, 4);
    memcpy(head + 12, key->hash, 32);
    memcpy(head + 44, &size, 8);
    digest_of(binary, size, head + 52);
}

bool imx_cl_cache_read(const struct imx_cl_key *key, unsigned char **binary, size_t *size)
{
    char path[4096], *data = NULL;
    size_t bytes = 0;
    unsigned char head[HEAD];
    if (!entry_path(key, path, sizeof path, false) || !imx_file_size(path, NULL))
        return false;
    if (imx_file_read(path, (uint64_t)1 << 30, &data, &bytes) != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "a cached program cannot be read: %s", imx_error_text());
        imx_error_clear();
        return false;
    }
    if (bytes > HEAD)
        head_of(key, (unsigned char *)data + HEAD, bytes - HEAD, head);
    if (bytes <= HEAD || memcmp(data, head, HEAD)) {
        imx_log(IMX_LOG_DEBUG, "the cached program %s is damaged or foreign; it is built again", path);
        free(data);
        return false;
    }
    imx_file_sweep(path);
    memmove(data, data + HEAD, bytes - HEAD);
    *binary = (unsigned char *)data;
    *size = bytes - HEAD;
    return true;
}

void imx_cl_cache_write(const struct imx_cl_key *key, const unsigned char *binary, size_t size)
{
    char path[4096];
    if (!entry_path(key, path, sizeof path, true))
        return;
    unsigned char *all = malloc(HEAD + size);
    if (!all)
        return;
    head_of(key, binary, size, all);
    memcpy(all + HEAD, binary, size);
    if (imx_file_write(path, all, HEAD + size) != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "a built program was not cached: %s", imx_error_text());
        imx_error_clear();
    }
    free(all);
}
