/* Sizes come from the directory at the end alone, and each is checked against the file before it is used.
 * Deflate reaches at most 1032:1, so a member that claims more is refused before anything is allocated. */
#include "data/unzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"

enum { MEMBERS = 4096, DIRECTORY = 1 << 24, PIECE = 1 << 18 };

struct member {
    char *name;
    uint64_t packed, full, at; /* at: of the local header */
    uint32_t crc;
    int method;
};

struct imx_zip {
    FILE *f;
    char path[4096];
    uint64_t bytes;
    int32_t count;
    struct member *member;
};

static uint64_t le(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static imx_status damaged(const struct imx_zip *zip, const char *what)
{
    return imx_fail(IMX_E_FORMAT, "%s is a damaged ZIP archive: %s", zip->path, what);
}

static imx_status read_at(const struct imx_zip *zip, uint64_t at, void *dst, size_t n)
{
    if (at > zip->bytes || n > zip->bytes - at)
        return damaged(zip, "it ends early");
    if (fseeko(zip->f, (off_t)at, SEEK_SET))
        return imx_io_fail("read", zip->path);
    if (fread(dst, 1, n, zip->f) == n)
        return IMX_OK;
    return ferror(zip->f) ? imx_io_fail("read", zip->path)
                          : imx_fail(IMX_E_IO, "cannot read %s: it ends early", zip->path);
}

/* Where the directory is: from the end record, or the ZIP64 one that its locator names. */
static imx_status find_directory(const struct imx_zip *zip, uint64_t *at, uint64_t *bytes, uint64_t *count)
{
    enum { END = 22, LOCATOR = 20, END64 = 56 };
    uint8_t end64[END64];
    const size_t span = zip->bytes < 65536 + END ? (size_t)zip->bytes : 65536 + END;
    uint8_t *tail = malloc(span + 1);
    if (!tail)
        return imx_fail(IMX_E_NOMEM, "out of memory for %s", zip->path);
    imx_status status = IMX_OK;
    IMX_GO(read_at(zip, zip->bytes - span, tail, span));
    size_t i = span < END ? 0 : span - END + 1;
    while (i > 0 && memcmp(tail + i - 1, "PK\5\6", 4))
        i--;
    if (i == 0)
        IMX_GO(damaged(zip, "it has no directory"));
    const uint8_t *end = tail + --i;
    *count = le(end + 10, 2);
    *bytes = le(end + 12, 4);
    *at = le(end + 16, 4);
    if (i >= LOCATOR && !memcmp(end - LOCATOR, "PK\6\7", 4)) {
        IMX_GO(read_at(zip, le(end - LOCATOR + 8, 8), end64, END64));
        if (memcmp(end64, "PK\6\6", 4))
            IMX_GO(damaged(zip, "its ZIP64 directory is missing"));
        *count = le(end64 + 32, 8);
        *bytes = le(end64 + 40, 8);
        *at = le(end64 + 48, 8);
    }
fail:
    free(tail);
    return status;
}

/* ZIP64 sizes stand in an extra field, in this order and only those that did not fit. */
static bool read_extra(const uint8_t *e, size_t n, struct member *m)
{
    for (size_t i = 0; i + 4 <= n;) {
        const size_t size = (size_t)le(e + i + 2, 2), next = i + 4 + size;
        if (next > n)
            return false;
        if (le(e + i, 2) == 1) {
            uint64_t *const field[] = { &m->full, &m->packed, &m->at };
            size_t p = i + 4;
            for (int k = 0; k < 3; k++)
                if (*field[k] == 0xffffffffu) {
                    if (p + 8 > next)
                        return false;
                    *field[k] = le(e + p, 8);
                    p += 8;
                }
        }
        i = next;
    }
    return m->full != 0xffffffffu || m->packed != 0xffffffffu;
}

static imx_status read_directory(struct imx_zip *zip)
{
    uint64_t at = 0, bytes = 0, count = 0;
    imx_status status = IMX_OK;
    IMX_TRY(find_directory(zip, &at, &bytes, &count));
    if (count < 1 || count > MEMBERS || bytes > DIRECTORY)
        return damaged(zip, "its directory is empty or too long");
    uint8_t *d = malloc((size_t)bytes + 1);
    zip->member = calloc((size_t)count, sizeof *zip->member);
    if (!d || !zip->member)
        IMX_GO(imx_fail(IMX_E_NOMEM, "out of memory for the directory of %s", zip->path));
    IMX_GO(read_at(zip, at, d, (size_t)bytes));
    for (size_t p = 0; (uint64_t)zip->count < count;) {
        struct member *m = &zip->member[zip->count];
        if (p + 46 > bytes || memcmp(d + p, "PK\1\2", 4))
            IMX_GO(damaged(zip, "its directory is cut off"));
        const size_t name = (size_t)le(d + p + 28, 2), extra = (size_t)le(d + p + 30, 2);
        const size_t next = p + 46 + name + extra + (size_t)le(d + p + 32, 2);
        if (next > bytes)
            IMX_GO(damaged(zip, "its directory is cut off"));
        *m = (struct member){ NULL,
                              le(d + p + 20, 4),
                              le(d + p + 24, 4),
                              le(d + p + 42, 4),
                              (uint32_t)le(d + p + 16, 4),
                              (int)le(d + p + 10, 2) };
        if (le(d + p + 8, 2) & 1)
            IMX_GO(damaged(zip, "it is encrypted"));
        if (!read_extra(d + p + 46 + name, extra, m))
            IMX_GO(damaged(zip, "a ZIP64 size is missing"));
        m->name = strndup((const char *)d + p + 46, name);
        if (!m->name)
            IMX_GO(imx_fail(IMX_E_NOMEM, "out of memory for the directory of %s", zip->path));
        zip->count++;
        p = next;
    }
fail:
    free(d);
    return status;
}

imx_status imx_zip_open(const char *path, struct imx_zip **out)
{
    struct imx_zip *zip = calloc(1, sizeof *zip);
    imx_status status = IMX_OK;
    *out = NULL;
    if (!zip)
        return imx_fail(IMX_E_NOMEM, "out of memory");
    snprintf(zip->path, sizeof zip->path, "%s", path);
    zip->f = fopen(path, "rbe");
    if (!zip->f || fseeko(zip->f, 0, SEEK_END))
        IMX_GO(imx_io_fail("open", path));
    zip->bytes = (uint64_t)ftello(zip->f);
    IMX_GO(read_directory(zip));
    *out = zip;
    return IMX_OK;
fail:
    imx_zip_close(zip);
    return status;
}

void imx_zip_close(struct imx_zip *zip)
{
    if (!zip)
        return;
    for (int32_t i = 0; i < zip->count; i++)
        free(zip->member[i].name);
    free(zip->member);
    if (zip->f)
        fclose(zip->f);
    free(zip);
}

int32_t imx_zip_count(const struct imx_zip *zip)
{
    return zip->count;
}

const char *imx_zip_name(const struct imx_zip *zip, int32_t i)
{
    return zip->member[i].name;
}

int32_t imx_zip_find(const struct imx_zip *zip, const char *name)
{
    int32_t i = zip->count - 1;
    while (i >= 0 && strcmp(zip->member[i].name, name))
        i--;
    return i;
}

/* Inflates m, whose bytes begin at `at`, into dst [m->full]. */
static imx_status inflate_member(const struct imx_zip *zip, const struct member *m, uint64_t at, uint8_t *dst)
{
    z_stream z = { 0 };
    uint64_t left = m->packed, got = 0;
    imx_status status = IMX_OK;
    int rc = Z_OK;
    uint8_t *piece = malloc(PIECE);
    if (!piece || inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        free(piece);
        return imx_fail(IMX_E_NOMEM, "out of memory while unpacking %s", zip->path);
    }
    while (rc == Z_OK) {
        if (z.avail_in == 0 && left) {
            const size_t n = left < PIECE ? (size_t)left : PIECE;
            IMX_GO(read_at(zip, at, piece, n));
            at += n;
            left -= n;
            z.next_in = piece;
            z.avail_in = (unsigned)n;
        }
        const uint64_t room = m->full - got;
        uint8_t spare;
        z.next_out = room ? dst + got : &spare; /* one byte too many shows as spare being used */
        z.avail_out = room ? (unsigned)(room < (1u << 30) ? room : 1u << 30) : 1;
        const unsigned before = z.avail_out;
        rc = inflate(&z, Z_NO_FLUSH);
        if (!room && z.avail_out == 0)
            IMX_GO(damaged(zip, "a member is longer than its directory says"));
        got += room ? before - z.avail_out : 0;
        if (rc == Z_BUF_ERROR && left)
            rc = Z_OK;
    }
    if (rc != Z_STREAM_END || got != m->full)
        IMX_GO(damaged(zip, "a member does not unpack"));
fail:
    inflateEnd(&z);
    free(piece);
    return status;
}

imx_status imx_zip_read(const struct imx_zip *zip, int32_t i, uint64_t limit, uint8_t **data, size_t *bytes)
{
    const struct member *m = &zip->member[i];
    uint8_t local[30];
    imx_status status = IMX_OK;
    *data = NULL;
    *bytes = 0;
    IMX_TRY(read_at(zip, m->at, local, sizeof local));
    const uint64_t at = m->at + 30 + le(local + 26, 2) + le(local + 28, 2);
    if (memcmp(local, "PK\3\4", 4) || at > zip->bytes || m->packed > zip->bytes - at)
        return damaged(zip, "a member lies outside the file");
    if (m->full > limit || m->full > m->packed * 1032 + 64)
        return imx_fail(IMX_E_DATA, "%s: member %s says that it has %llu bytes, more than can be", zip->path, m->name,
                        (unsigned long long)m->full);
    if ((m->method != 0 && m->method != 8) || (m->method == 0 && m->packed != m->full))
        return damaged(zip, "a member is packed in a way that is not read here");
    uint8_t *dst = malloc((size_t)m->full + 1);
    if (!dst)
        return imx_fail(IMX_E_NOMEM, "out of memory for %s of %s", m->name, zip->path);
    if (m->method == 0)
        IMX_GO(read_at(zip, at, dst, (size_t)m->full));
    else
        IMX_GO(inflate_member(zip, m, at, dst));
    uLong crc = crc32_z(0, dst, (size_t)m->full);
    if ((uint32_t)crc != m->crc)
        IMX_GO(damaged(zip, "the checksum of a member is wrong"));
    *data = dst;
    *bytes = (size_t)m->full;
    return IMX_OK;
fail:
    free(dst);
    return status;
}
