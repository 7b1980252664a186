/* The header is a Python dict literal; accepted is exactly what NumPy writes (the three keys, in any order),
 * nothing else, so there is little to get wrong. */
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { LARGEST = 65536 };

struct text {
    const char *at, *end;
};

static void skip(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t'))
        t->at++;
}

static bool take(struct text *t, char c)
{
    skip(t);
    if (t->at < t->end && *t->at == c) {
        t->at++;
        return true;
    }
    return false;
}

/* A quoted string without escapes into s. */
static bool quoted(struct text *t, char *s, size_t size)
{
    skip(t);
    if (t->at == t->end || (*t->at != '\'' && *t->at != '"'))
        return false;
    const char quote = *t->at++;
    size_t n = 0;
    while (t->at < t->end && *t->at != quote && n + 1 < size)
        s[n++] = *t->at++;
    s[n] = 0;
    return t->at < t->end && *t->at++ == quote;
}

static bool word(struct text *t, const char *w)
{
    const size_t n = strlen(w);
    skip(t);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, w, n))
        return false;
    t->at += n;
    return true;
}

static bool read_shape(struct text *t, struct imx_npy *out)
{
    if (!take(t, '('))
        return false;
    while (!take(t, ')')) {
        uint64_t v = 0;
        int digits = 0;
        if (out->rank == IMX_NPY_RANK)
            return false;
        while (t->at < t->end && *t->at >= '0' && *t->at <= '9' && digits < 18) {
            v = 10 * v + (uint64_t)(*t->at++ - '0');
            digits++;
        }
        if (!digits)
            return false;
        out->shape[out->rank++] = v;
        skip(t);
        if (!take(t, ',') && (t->at == t->end || *t->at != ')'))
            return false;
    }
    return true;
}

static imx_status read_type(const char *descr, struct imx_npy *out)
{
    const uint16_t probe = 1;
    const bool little = *(const uint8_t *)&probe == 1;
    if (strlen(descr) != 3 || !strchr("<>|=", descr[0]) || !strchr("biuf", descr[1]) || !strchr("1248", descr[2]))
        return imx_fail(IMX_E_FORMAT, "it holds elements of type '%s', and only plain numbers are read", descr);
    out->kind = descr[1];
    out->width = descr[2] - '0';
    out->swapped = out->width > 1 && ((descr[0] == '<' && !little) || (descr[0] == '>' && little));
    return IMX_OK;
}

static imx_status read_dict(struct text t, struct imx_npy *out)
{
    unsigned seen = 0;
    char key[16], descr[64];
    if (!take(&t, '{'))
        return imx_fail(IMX_E_FORMAT, "its .npy header is damaged");
    while (!take(&t, '}')) {
        bool ok = quoted(&t, key, sizeof key) && take(&t, ':');
        unsigned bit = 0;
        if (ok && !strcmp(key, "descr")) {
            bit = 1;
            if (!quoted(&t, descr, sizeof descr))
                return imx_fail(IMX_E_FORMAT, "it holds records, and only plain numbers are read");
            IMX_TRY(read_type(descr, out));
        } else if (ok && !strcmp(key, "fortran_order")) {
            bit = 2;
            out->fortran = word(&t, "True");
            ok = out->fortran || word(&t, "False");
        } else if (ok && !strcmp(key, "shape")) {
            bit = 4;
            out->rank = 0;
            ok = read_shape(&t, out);
        }
        if (!ok || !bit || (seen & bit))
            return imx_fail(IMX_E_FORMAT, "its .npy header is damaged");
        seen |= bit;
        skip(&t);
        if (!take(&t, ',') && (t.at == t.end || *t.at != '}'))
            return imx_fail(IMX_E_FORMAT, "its .npy header is damaged");
    }
    return seen == 7 ? IMX_OK : imx_fail(IMX_E_FORMAT, "its .npy header is not whole");
}

imx_status imx_npy_parse(const void *data, size_t bytes, uint64_t total, struct imx_npy *out)
{
    const uint8_t *d = data;
    *out = (struct imx_npy){ 0 };
    if (bytes < 12 || memcmp(d, "\x93NUMPY", 6) || d[6] < 1 || d[6] > 3)
        return imx_fail(IMX_E_FORMAT, "it is not a .npy file");
    const size_t wide = d[6] == 1 ? 2 : 4;
    const size_t length =
        wide == 2 ? (size_t)d[9] << 8 | d[8] : (size_t)d[11] << 24 | (size_t)d[10] << 16 | (size_t)d[9] << 8 | d[8];
    out->offset = 8 + wide + length;
    if (length > LARGEST || out->offset > bytes)
        return imx_fail(IMX_E_FORMAT, "its .npy header is longer than it may be");
    const char *text = (const char *)d + 8 + wide;
    IMX_TRY(read_dict((struct text){ text, text + length }, out));
    out->count = 1;
    uint64_t size = (uint64_t)out->width;
    for (int32_t i = 0; i < out->rank; i++) {
        if (__builtin_mul_overflow(out->count, out->shape[i], &out->count))
            return imx_fail(IMX_E_FORMAT, "its shape is impossible");
    }
    if (__builtin_mul_overflow(out->count, size, &size) || total < out->offset || size != total - out->offset)
        return imx_fail(IMX_E_FORMAT, "it should hold %llu numbers of %d bytes but has %llu bytes: it is damaged",
                        (unsigned long long)out->count, out->width,
                        (unsigned long long)(total > out->offset ? total - out->offset : 0));
    return IMX_OK;
}

int64_t imx_npy_integer(const struct imx_npy *npy, const void *elements, uint64_t i, bool *ok)
{
    uint8_t b[8] = { 0 };
    const int32_t w = npy->width;
    for (int32_t k = 0; k < w; k++)
        b[npy->swapped ? w - 1 - k : k] = ((const uint8_t *)elements)[i * (uint64_t)w + (uint64_t)k];
    if (npy->kind == 'f') {
        float f;
        double v = 0;
        if (w == 4) {
            memcpy(&f, b, sizeof f);
            v = (double)f;
        } else if (w == 8) {
            memcpy(&v, b, sizeof v);
        }
        if (w < 4 || !(v >= -1e15 && v <= 1e15) || (double)(int64_t)v != v) {
            *ok = false;
            return 0;
        }
        return (int64_t)v;
    }
    int8_t i1;
    int16_t i2;
    int32_t i4;
    int64_t i8;
    memcpy(&i1, b, sizeof i1);
    memcpy(&i2, b, sizeof i2);
    memcpy(&i4, b, sizeof i4);
    memcpy(&i8, b, sizeof i8);
    if (npy->kind == 'i')
        return w == 1 ? i1 : w == 2 ? i2 : w == 4 ? i4 : i8;
    if (w == 8 && i8 < 0)
        *ok = false;
    return w == 1 ? (uint8_t)i1 : w == 2 ? (uint16_t)i2 : w == 4 ? (int64_t)(uint32_t)i4 : i8;
}

size_t imx_npy_header(const char *descr, int32_t rank, const uint64_t *shape, char *text, size_t size)
{
    char dict[512];
    int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    if (rank < 0 || rank > IMX_NPY_RANK)
        return 0;
    for (int32_t i = 0; i < rank; i++)
        n += snprintf(dict + n, sizeof dict - (size_t)n, "%llu%s", (unsigned long long)shape[i],
                      rank == 1      ? ","
                      : i + 1 < rank ? ", "
                                     : "");
    n += snprintf(dict + n, sizeof dict - (size_t)n, "), }");
    const size_t total = (10 + (size_t)n + 1 + 63) / 64 * 64, length = total - 10;
    if (total > size)
        return 0;
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)(length & 255);
    text[9] = (char)(length >> 8);
    memcpy(text + 10, dict, (size_t)n);
    memset(text + 10 + n, ' ', length - (size_t)n - 1);
    text[total - 1] = '\n';
    return total;
}

imx_status imx_npy_write(const char *path, const char *descr, int32_t rank, const uint64_t *shape, const void *elements)
{
    char head[1024];
    struct imx_atomic *f = NULL;
    imx_status status = IMX_OK;
    const size_t bytes = strlen(descr) == 3 ? imx_npy_header(descr, rank, shape, head, sizeof head) : 0;
    size_t size = bytes ? (size_t)(descr[2] - '0') : 0;
    for (int32_t i = 0; bytes && i < rank; i++)
        size *= (size_t)shape[i];
    if (!bytes)
        return imx_fail(IMX_E_ARG, "%s: an array of type '%s' and rank %d cannot be written", path, descr, rank);
    IMX_TRY(imx_atomic_create(path, &f));
    IMX_GO(imx_atomic_write(f, head, bytes));
    IMX_GO(imx_atomic_write(f, elements, size));
    return imx_atomic_commit(f);
fail:
    imx_atomic_abandon(f);
    return status;
}
