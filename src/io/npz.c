/* See npz.h. Local heads, data, central directory, end; nothing is compressed, since weights hardly shrink. */
#include "io/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/text.h"
#include "io/npy.h"

enum { DATE_1980 = 0x21 }; /* the first day that the format knows: a file depends on nothing but its content */

struct archive {
    struct imx_atomic *f;
    struct imx_text directory;
    uint64_t at;
    unsigned members;
};

static void put(struct imx_text *t, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const char b = (char)(v >> 8 * i);
        imx_text_add(t, &b, 1);
    }
}

/* What a local head and the directory have in common. */
static void put_common(struct imx_text *t, const char *name, uint32_t crc, uint32_t bytes)
{
    put(t, 20, 2); /* version 2.0 reads it */
    put(t, 0, 2);
    put(t, 0, 2); /* stored */
    put(t, 0, 2);
    put(t, DATE_1980, 2);
    put(t, crc, 4);
    put(t, bytes, 4);
    put(t, bytes, 4);
    put(t, (uint32_t)strlen(name), 2);
    put(t, 0, 2);
}

/* A member of two parts. */
static imx_status add(struct archive *a, const char *name, const void *head, size_t head_bytes, const void *data,
                      uint64_t bytes)
{
    struct imx_text local = { 0 };
    uLong crc = crc32(crc32(0, NULL, 0), head, (uInt)head_bytes);
    for (uint64_t i = 0; i < bytes; i += 1 << 30)
        crc = crc32(crc, (const Bytef *)data + i, (uInt)(bytes - i < 1 << 30 ? bytes - i : 1 << 30));
    const uint64_t all = head_bytes + bytes;
    if (all > UINT32_MAX - (1 << 20) - a->at || a->members == 65535)
        return imx_fail(IMX_E_ARG, "an .npz file of more than 4 GB or 65,535 arrays cannot be written");
    put(&local, 0x04034b50, 4);
    put_common(&local, name, (uint32_t)crc, (uint32_t)all);
    imx_text_put(&local, name);
    put(&a->directory, 0x02014b50, 4);
    put(&a->directory, 20, 2);
    put_common(&a->directory, name, (uint32_t)crc, (uint32_t)all);
    put(&a->directory, 0, 2);
    put(&a->directory, 0, 2);
    put(&a->directory, 0, 2);
    put(&a->directory, 0, 4);
    put(&a->directory, (uint32_t)a->at, 4);
    imx_text_put(&a->directory, name);
    a->at += local.size + all;
    a->members++;
    imx_status status = imx_text_check(&local);
    if (status == IMX_OK)
        status = imx_atomic_write(a->f, local.data, local.size);
    if (status == IMX_OK)
        status = imx_atomic_write(a->f, head, head_bytes);
    if (status == IMX_OK && bytes)
        status = imx_atomic_write(a->f, data, bytes);
    imx_text_free(&local);
    return status;
}

static imx_status add_tensor(struct archive *a, const struct imx_st_tensor *t)
{
    char head[1024], name[300];
    uint64_t shape[IMX_ST_RANK];
    for (int i = 0; i < t->rank; i++)
        shape[i] = (uint64_t)t->shape[i];
    const size_t n = t->type == IMX_ST_F32 || t->type == IMX_ST_I64
                         ? imx_npy_header(t->type == IMX_ST_F32 ? "<f4" : "<i8", t->rank, shape, head, sizeof head)
                         : 0;
    if (!n)
        return imx_fail(IMX_E_ARG, "%s is no array that .npz files of this program hold", t->name);
    snprintf(name, sizeof name, "%s.npy", t->name);
    return add(a, name, head, n, t->data, imx_st_bytes(t));
}

imx_status imx_npz_write(const char *path, const struct imx_st_tensor *tensor, size_t n, const char *meta)
{
    struct archive a = { 0 };
    struct imx_text end = { 0 };
    imx_status status = IMX_OK;
    IMX_TRY(imx_atomic_create(path, &a.f));
    for (size_t i = 0; i < n; i++)
        IMX_GO(add_tensor(&a, &tensor[i]));
    IMX_GO(add(&a, "meta.json", meta, strlen(meta), NULL, 0));
    IMX_GO(imx_text_check(&a.directory));
    put(&end, 0x06054b50, 4);
    put(&end, 0, 4);
    put(&end, a.members, 2);
    put(&end, a.members, 2);
    put(&end, (uint32_t)a.directory.size, 4);
    put(&end, (uint32_t)a.at, 4);
    put(&end, 0, 2);
    IMX_GO(imx_text_check(&end));
    IMX_GO(imx_atomic_write(a.f, a.directory.data, a.directory.size));
    IMX_GO(imx_atomic_write(a.f, end.data, end.size));
    imx_text_free(&a.directory);
    imx_text_free(&end);
    return imx_atomic_commit(a.f);
fail:
    imx_text_free(&a.directory);
    imx_text_free(&end);
    imx_atomic_abandon(a.f);
    return status;
}
