/* See tfevents.h. The few fields of tensorboard's Event protobuf are written by hand: wall_time 1 (double), step 2,
 * file_version 3, summary 5 { value 1 { tag 1, simple_value 2 (float) } }. */
#include "io/tfevents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

enum { MOST = 512 };

struct imx_tfevents {
    FILE *file;
};

struct message {
    unsigned char data[MOST];
    size_t n;
};

uint32_t imx_crc32c(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void put(struct message *m, const void *data, size_t n)
{
    if (m->n + n > MOST)
        return;
    memcpy(m->data + m->n, data, n);
    m->n += n;
}

static void put_little(struct message *m, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const unsigned char byte = (unsigned char)(v >> (8 * i));
        put(m, &byte, 1);
    }
}

static void put_varint(struct message *m, uint64_t v)
{
    do {
        const unsigned char byte = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        put(m, &byte, 1);
        v >>= 7;
    } while (v);
}

static void put_bytes(struct message *m, int field, const void *data, size_t n)
{
    put_varint(m, (uint64_t)field << 3 | 2);
    put_varint(m, n);
    put(m, data, n);
}

static void put_head(struct message *m)
{
    uint64_t bits;
    const double now = imx_wall();
    memcpy(&bits, &now, sizeof bits);
    put_varint(m, 1 << 3 | 1);
    put_little(m, bits, 8);
}

static uint32_t masked(const void *data, size_t n)
{
    const uint32_t c = imx_crc32c(data, n);
    return (c >> 15 | c << 17) + 0xA282EAD8u;
}

static imx_status append(struct imx_tfevents *f, const struct message *m)
{
    struct message r = { .n = 0 };
    put_little(&r, m->n, 8);
    put_little(&r, masked(r.data, 8), 4);
    put(&r, m->data, m->n);
    put_little(&r, masked(m->data, m->n), 4);
    if (fwrite(r.data, 1, r.n, f->file) != r.n || fflush(f->file))
        return imx_fail(IMX_E_IO, "the event file could not be written: %s", strerror(errno));
    return IMX_OK;
}

imx_status imx_tfevents_create(const char *dir, struct imx_tfevents **out)
{
    static const char version[] = "brain.Event:2";
    char path[4096];
    struct message m = { .n = 0 };
    struct imx_tfevents *f = calloc(1, sizeof *f);
    if (!f)
        return imx_fail(IMX_E_NOMEM, "no memory for an event file");
    snprintf(path, sizeof path, "%s/events.out.tfevents.%lld.infomax", dir, (long long)imx_wall());
    f->file = fopen(path, "wb");
    if (!f->file) {
        const imx_status failed = imx_io_fail("create", path);
        free(f);
        return failed;
    }
    put_head(&m);
    put_bytes(&m, 3, version, sizeof version - 1);
    const imx_status s = append(f, &m);
    if (s != IMX_OK) {
        imx_tfevents_close(f);
        return s;
    }
    *out = f;
    return IMX_OK;
}

imx_status imx_tfevents_scalar(struct imx_tfevents *f, int64_t step, const char *tag, float value)
{
    struct message event = { .n = 0 }, summary = { .n = 0 }, entry = { .n = 0 };
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bytes(&entry, 1, tag, strlen(tag));
    put_varint(&entry, 2 << 3 | 5);
    put_little(&entry, bits, 4);
    put_bytes(&summary, 1, entry.data, entry.n);
    put_head(&event);
    put_varint(&event, 2 << 3);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, 5, summary.data, summary.n);
    return append(f, &event);
}

void imx_tfevents_close(struct imx_tfevents *f)
{
    if (!f)
        return;
    fclose(f->file);
    free(f);
}
