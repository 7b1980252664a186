/* Reading safetensors: nothing of the file is believed before it has been checked, and no size is computed without a
 * bound. See safetensors.h for the limits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "io/safetensors.h"
#include "io/safetensors_types.h"

static const struct imx_json_limits header_limits = { .depth = 4, .nodes = 16 * IMX_ST_TENSORS };

struct imx_safetensors {
    char *name;
    char *bytes; /* the data section, 64-byte aligned */
    uint64_t n_bytes;
    struct imx_json_doc doc;
    struct imx_st_tensor *tensor;
    size_t n;
};

static imx_status bad(const struct imx_safetensors *f, const char *tensor, const char *what)
{
    return imx_fail(IMX_E_FORMAT, "%s: tensor %.80s %s", f->name, tensor, what);
}

static bool whole(const struct imx_json_node *n, int64_t *out)
{
    if (!n || n->type != IMX_JSON_NUMBER || !n->is_int || n->integer < 0)
        return false;
    *out = n->integer;
    return true;
}

/* {"dtype": T, "shape": [..], "data_offsets": [begin, end]} and nothing else. */
static imx_status read_entry(struct imx_safetensors *f, const struct imx_json_node *e, struct imx_st_tensor *t)
{
    const struct imx_json_node *type = imx_json_get(e, "dtype"), *shape = imx_json_get(e, "shape");
    const struct imx_json_node *offsets = imx_json_get(e, "data_offsets");
    int64_t begin, end;
    t->name = e->key;
    if (!*e->key || strlen(e->key) > IMX_ST_NAME)
        return bad(f, e->key, "has an empty name or one of more than 256 bytes");
    if (e->type != IMX_JSON_OBJECT || e->count != 3 || !type || type->type != IMX_JSON_STRING || !shape ||
        shape->type != IMX_JSON_ARRAY || !offsets || offsets->type != IMX_JSON_ARRAY || offsets->count != 2)
        return bad(f, e->key, "is not described by dtype, shape and data_offsets");
    t->type = IMX_ST_TYPES;
    for (int i = 0; i < IMX_ST_TYPES; i++)
        if (!strcmp(type->string, imx_st_types[i].name))
            t->type = (enum imx_st_type)i;
    if (t->type == IMX_ST_TYPES)
        return bad(f, e->key, "has a type other than F32, F64, I32, I64, U32, U64, U8");
    if (shape->count > IMX_ST_RANK)
        return bad(f, e->key, "has more than 8 dimensions");
    if (!whole(offsets->child, &begin) || !whole(offsets->child->next, &end) || begin > end ||
        (uint64_t)end > f->n_bytes)
        return bad(f, e->key, "lies outside the file");
    uint64_t bytes = imx_st_types[t->type].size;
    for (const struct imx_json_node *d = shape->child; d; d = d->next) {
        int64_t size;
        if (!whole(d, &size) || __builtin_mul_overflow(bytes, (uint64_t)size, &bytes) || bytes > (uint64_t)INT64_MAX)
            return bad(f, e->key, "has a shape that is no shape");
        t->shape[t->rank++] = size;
    }
    if (bytes != (uint64_t)(end - begin))
        return bad(f, e->key, "has a shape that does not match its bytes");
    t->data = f->bytes + begin;
    return IMX_OK;
}

/* By place; tensors without elements may share theirs with the one that follows. */
static int by_place(const void *a, const void *b)
{
    const struct imx_st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    const uint64_t p = imx_st_bytes(x), q = imx_st_bytes(y);
    return p != q ? (p < q ? -1 : 1) : strcmp(x->name, y->name);
}

static imx_status no_holes(const struct imx_safetensors *f)
{
    const char *at = f->bytes;
    for (size_t i = 0; i < f->n; i++) {
        if ((const char *)f->tensor[i].data != at)
            return bad(f, f->tensor[i].name, "overlaps another or leaves a hole before it");
        at += imx_st_bytes(&f->tensor[i]);
    }
    return at == f->bytes + f->n_bytes ? IMX_OK : imx_fail(IMX_E_FORMAT, "%s: bytes follow the last tensor", f->name);
}

static imx_status check_meta(const struct imx_safetensors *f, const struct imx_json_node *meta)
{
    char hex[65];
    if (meta->type != IMX_JSON_OBJECT)
        return imx_fail(IMX_E_FORMAT, "%s: __metadata__ is not an object", f->name);
    for (const struct imx_json_node *c = meta->child; c; c = c->next)
        if (c->type != IMX_JSON_STRING)
            return imx_fail(IMX_E_FORMAT, "%s: __metadata__ holds something other than texts", f->name);
    const char *sum = imx_json_get_string(meta, "sha256", NULL);
    if (!sum)
        return IMX_OK;
    imx_sha256_of(f->bytes, (size_t)f->n_bytes, hex);
    return strcmp(sum, hex) ? imx_fail(IMX_E_FORMAT, "%s is damaged: its contents do not match its SHA-256", f->name)
                            : IMX_OK;
}

static imx_status read_header(struct imx_safetensors *f, const char *text, size_t bytes)
{
    if (!bytes || *text != '{')
        return imx_fail(IMX_E_FORMAT, "%s is no safetensors file: its header is no JSON object", f->name);
    const imx_status s = imx_json_parse(text, bytes, &header_limits, &f->doc);
    if (s != IMX_OK)
        return imx_note(s, "the header of %s", f->name);
    const struct imx_json_node *root = f->doc.root;
    if (root->count > IMX_ST_TENSORS)
        return imx_fail(IMX_E_FORMAT, "%s: more than 65,536 tensors", f->name);
    f->tensor = calloc(root->count + 1, sizeof *f->tensor);
    if (!f->tensor)
        return imx_fail(IMX_E_NOMEM, "no memory for %zu tensors", root->count);
    for (const struct imx_json_node *e = root->child; e; e = e->next)
        if (strcmp(e->key, "__metadata__"))
            IMX_TRY(read_entry(f, e, &f->tensor[f->n++]));
    qsort(f->tensor, f->n, sizeof *f->tensor, by_place);
    IMX_TRY(no_holes(f));
    const struct imx_json_node *meta = imx_json_get(root, "__metadata__");
    return meta ? check_meta(f, meta) : IMX_OK;
}

imx_status imx_safetensors_parse(const void *data, size_t bytes, const char *name, struct imx_safetensors **out)
{
    uint64_t head = 0;
    imx_status status;
    struct imx_safetensors *f = calloc(1, sizeof *f);
    if (!f || !(f->name = strdup(name))) {
        status = imx_fail(IMX_E_NOMEM, "no memory to read %s", name);
        goto fail;
    }
    if (bytes >= 8)
        memcpy(&head, data, 8);
    if (bytes < 8 || head > bytes - 8) {
        status = imx_fail(IMX_E_FORMAT, "%s is no safetensors file, or it was cut short", name);
        goto fail;
    }
    if (head > IMX_ST_HEADER || (head > IMX_ST_SMALL_HEADER && head > bytes / 10)) {
        status = imx_fail(IMX_E_FORMAT, "%s: a header of %llu bytes is too long for this file", name,
                          (unsigned long long)head);
        goto fail;
    }
    f->n_bytes = bytes - 8 - head;
    void *copy = NULL;
    if (posix_memalign(&copy, 64, (size_t)f->n_bytes + 1)) {
        status = imx_fail(IMX_E_NOMEM, "no memory to read %s (%zu bytes)", name, bytes);
        goto fail;
    }
    f->bytes = copy;
    memcpy(f->bytes, (const char *)data + 8 + head, (size_t)f->n_bytes);
    IMX_GO(read_header(f, (const char *)data + 8, (size_t)head));
    *out = f;
    return IMX_OK;
fail:
    imx_safetensors_close(f);
    return status;
}

imx_status imx_safetensors_open(const char *path, uint64_t limit, struct imx_safetensors **out)
{
    char *data = NULL;
    size_t bytes = 0;
    IMX_TRY(imx_file_read(path, limit ? limit : UINT64_C(1) << 34, &data, &bytes));
    const imx_status s = imx_safetensors_parse(data, bytes, path, out);
    free(data);
    return s;
}

void imx_safetensors_close(struct imx_safetensors *f)
{
    if (!f)
        return;
    imx_json_doc_free(&f->doc);
    free(f->tensor);
    free(f->bytes);
    free(f->name);
    free(f);
}

imx_status imx_safetensors_hash(const char *path, char hex[65])
{
    struct imx_json_doc doc = { 0 };
    imx_status status = IMX_OK;
    uint64_t head = 0;
    *hex = 0;
    char *text = malloc(IMX_ST_HEADER);
    FILE *f = text ? fopen(path, "rb") : NULL;
    if (!text)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to read %s", path));
    if (!f)
        IMX_GO(imx_io_fail("open", path));
    errno = 0;
    if (fread(&head, 1, 8, f) < 8 || head > IMX_ST_HEADER || fread(text, 1, (size_t)head, f) < head)
        IMX_GO(ferror(f) ? imx_io_fail("read", path)
                         : imx_fail(IMX_E_FORMAT, "%s is no safetensors file, or it was cut short", path));
    IMX_GO(imx_json_parse(text, (size_t)head, &header_limits, &doc));
    const char *sum = imx_json_get_string(imx_json_get(doc.root, "__metadata__"), "sha256", "");
    if (strlen(sum) == 64)
        strcpy(hex, sum);
fail:
    imx_json_doc_free(&doc);
    free(text);
    if (f)
        fclose(f);
    return status;
}

size_t imx_safetensors_count(const struct imx_safetensors *f)
{
    return f->n;
}

const struct imx_st_tensor *imx_safetensors_at(const struct imx_safetensors *f, size_t i)
{
    return &f->tensor[i];
}

const struct imx_st_tensor *imx_safetensors_find(const struct imx_safetensors *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->tensor[i].name, name))
            return &f->tensor[i];
    return NULL;
}

const char *imx_safetensors_meta(const struct imx_safetensors *f, const char *key)
{
    return imx_json_get_string(imx_json_get(f->doc.root, "__metadata__"), key, NULL);
}

imx_status imx_safetensors_copy(const struct imx_safetensors *f, const char *name, enum imx_st_type type, int64_t count,
                                void *dst)
{
    const struct imx_st_tensor *t = imx_safetensors_find(f, name);
    if (!t)
        return imx_fail(IMX_E_FORMAT, "%s has no tensor %s", f->name, name);
    if (t->type != type || imx_st_count(t) != count)
        return imx_fail(IMX_E_FORMAT, "%s: %s holds %lld %s, not %lld %s", f->name, name, (long long)imx_st_count(t),
                        imx_st_types[t->type].name, (long long)count, imx_st_types[type].name);
    if (count)
        memcpy(dst, t->data, (size_t)imx_st_bytes(t));
    return IMX_OK;
}
