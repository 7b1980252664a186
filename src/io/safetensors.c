/* Writing safetensors. Tensors are stored by falling element size (stable), so that every one of them is aligned; the
 * hash is put into its place in the header after the data has passed by. */
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "io/safetensors_types.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor files are little-endian, as is this host's memory");

#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

const struct imx_st_type_info imx_st_types[IMX_ST_TYPES] = {
    [IMX_ST_F64] = { "F64", 8 }, [IMX_ST_I64] = { "I64", 8 }, [IMX_ST_U64] = { "U64", 8 }, [IMX_ST_F32] = { "F32", 4 },
    [IMX_ST_I32] = { "I32", 4 }, [IMX_ST_U32] = { "U32", 4 }, [IMX_ST_U8] = { "U8", 1 },
};

size_t imx_st_type_size(enum imx_st_type t)
{
    return imx_st_types[t].size;
}

int64_t imx_st_count(const struct imx_st_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

uint64_t imx_st_bytes(const struct imx_st_tensor *t)
{
    return (uint64_t)imx_st_count(t) * imx_st_type_size(t->type);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static imx_status check_names(const struct imx_st_save *what)
{
    imx_status s = IMX_OK;
    const char **name = malloc((what->n + 1) * sizeof *name);
    if (!name)
        return imx_fail(IMX_E_NOMEM, "no memory for %zu tensor names", what->n);
    for (size_t i = 0; i < what->n && s == IMX_OK; i++) {
        const struct imx_st_tensor *t = &what->tensor[i];
        name[i] = t->name;
        if (!*t->name || strlen(t->name) > IMX_ST_NAME || !strcmp(t->name, "__metadata__"))
            s = imx_fail(IMX_E_ARG, "\"%.40s\" is no name for a tensor", t->name);
        else if (t->rank < 0 || t->rank > IMX_ST_RANK || (!t->data && !what->fill && imx_st_bytes(t)))
            s = imx_fail(IMX_E_ARG, "tensor %s has rank %d or no data", t->name, t->rank);
    }
    if (s == IMX_OK)
        qsort(name, what->n, sizeof *name, by_name);
    for (size_t i = 1; i < what->n && s == IMX_OK; i++)
        if (!strcmp(name[i - 1], name[i]))
            s = imx_fail(IMX_E_ARG, "two tensors are called %s", name[i]);
    free(name);
    return s;
}

/* order[k] = index of the k-th tensor of the file. */
static void sort_by_size(const struct imx_st_save *what, size_t *order)
{
    size_t k = 0;
    for (size_t size = 8; size; size /= 2)
        for (size_t i = 0; i < what->n; i++)
            if (imx_st_type_size(what->tensor[i].type) == size)
                order[k++] = i;
}

/* The JSON header, padded with blanks so that length field and header are a multiple of 64 bytes; *hash_at = where in
 * it the 64 digits of the hash belong. */
static imx_status header(const struct imx_st_save *what, const size_t *order, struct imx_text *out, size_t *hash_at)
{
    struct imx_json j = { 0 };
    uint64_t at = 0;
    imx_json_object(&j, NULL);
    imx_json_object(&j, "__metadata__");
    for (size_t i = 0; i < what->n_meta; i++)
        imx_json_string(&j, what->meta[i].key, what->meta[i].value);
    imx_json_string(&j, "sha256", NO_HASH);
    *hash_at = j.text.size - 65;
    imx_json_end(&j);
    for (size_t k = 0; k < what->n; k++) {
        const struct imx_st_tensor *t = &what->tensor[order[k]];
        imx_json_object(&j, t->name);
        imx_json_string(&j, "dtype", imx_st_types[t->type].name);
        imx_json_array(&j, "shape");
        for (int i = 0; i < t->rank; i++)
            imx_json_int(&j, NULL, t->shape[i]);
        imx_json_end(&j);
        imx_json_array(&j, "data_offsets");
        imx_json_uint(&j, NULL, at);
        at += imx_st_bytes(t);
        imx_json_uint(&j, NULL, at);
        imx_json_end(&j);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    imx_status s = imx_json_check(&j);
    while (s == IMX_OK && (j.text.size + 8) % 64) {
        imx_text_put(&j.text, " ");
        s = imx_text_check(&j.text);
    }
    if (s == IMX_OK && j.text.size > IMX_ST_HEADER)
        s = imx_fail(IMX_E_ARG, "a header of %zu bytes is longer than %d", j.text.size, IMX_ST_HEADER);
    *out = j.text;
    return s;
}

static imx_status write_tensor(struct imx_atomic *f, struct imx_sha256 *hash, const struct imx_st_save *what, size_t i,
                               void *buffer)
{
    const struct imx_st_tensor *t = &what->tensor[i];
    const uint64_t bytes = imx_st_bytes(t);
    const void *data = t->data;
    if (!bytes)
        return IMX_OK;
    if (!data) {
        IMX_TRY(what->fill(what->user, i, buffer));
        data = buffer;
    }
    imx_sha256_add(hash, data, (size_t)bytes);
    return imx_atomic_write(f, data, (size_t)bytes);
}

imx_status imx_safetensors_save(const char *path, const struct imx_st_save *what)
{
    struct imx_text head = { 0 };
    struct imx_atomic *f = NULL;
    struct imx_sha256 hash;
    size_t hash_at = 0, largest = 1;
    imx_status status;
    size_t *order = calloc(what->n + 1, sizeof *order);
    void *buffer = NULL;
    char hex[65];
    for (size_t i = 0; i < what->n; i++)
        if (!what->tensor[i].data && imx_st_bytes(&what->tensor[i]) > largest)
            largest = (size_t)imx_st_bytes(&what->tensor[i]);
    buffer = malloc(largest);
    if (!order || !buffer) {
        status = imx_fail(IMX_E_NOMEM, "no memory to write %s", path);
        goto fail;
    }
    IMX_GO(check_names(what));
    sort_by_size(what, order);
    IMX_GO(header(what, order, &head, &hash_at));
    IMX_GO(imx_atomic_create(path, &f));
    const uint64_t length = head.size;
    IMX_GO(imx_atomic_write(f, &length, 8));
    IMX_GO(imx_atomic_write(f, head.data, head.size));
    imx_sha256_init(&hash);
    for (size_t k = 0; k < what->n; k++)
        IMX_GO(write_tensor(f, &hash, what, order[k], buffer));
    imx_sha256_hex(&hash, hex);
    IMX_GO(imx_atomic_patch(f, 8 + hash_at, hex, 64));
    status = imx_atomic_commit(f);
    f = NULL;
fail:
    imx_atomic_abandon(f);
    imx_text_free(&head);
    free(order);
    free(buffer);
    return status == IMX_OK ? IMX_OK : imx_note(status, "writing %s", path);
}
