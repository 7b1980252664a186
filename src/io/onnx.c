/* See onnx.h. Numbers in front of values are field numbers of onnx.proto; 0, 2 and 5 in a tag mean a variable-length
 * number, bytes with their length, and four bytes. */
#include "io/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5, SMALL = 65536, IR_VERSION = 7, OPSET = 13 };

static void put_number(struct imx_text *t, uint64_t v)
{
    unsigned char b[10];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        b[n++] = (unsigned char)(v | 128);
    b[n++] = (unsigned char)v;
    imx_text_add(t, (const char *)b, n);
}

static void put_int(struct imx_text *t, unsigned field, int64_t v)
{
    put_number(t, field << 3 | VARINT);
    put_number(t, (uint64_t)v);
}

static void put_float(struct imx_text *t, unsigned field, float v)
{
    put_number(t, field << 3 | FIXED32);
    imx_text_add(t, (const char *)&v, 4); /* little endian, as everywhere in this room */
}

static void put_bytes(struct imx_text *t, unsigned field, const void *data, size_t n)
{
    put_number(t, field << 3 | BYTES);
    put_number(t, n);
    imx_text_add(t, data, n);
}

static void put_string(struct imx_text *t, unsigned field, const char *text)
{
    put_bytes(t, field, text, strlen(text));
}

/* A message inside another one; the inner one is freed. */
static void put_message(struct imx_text *t, unsigned field, struct imx_text *inner)
{
    t->failed |= inner->failed;
    put_bytes(t, field, inner->data ? inner->data : "", inner->size);
    imx_text_free(inner);
}

void imx_onnx_node(struct imx_onnx *m, const char *op, const char *const *in, const char *const *out,
                   const struct imx_onnx_attr *attrs)
{
    struct imx_text node = { 0 };
    for (; *in; in++)
        put_string(&node, 1, *in);
    for (const char *const *o = out; *o; o++)
        put_string(&node, 2, *o);
    put_string(&node, 3, *out); /* the name: that of its first result, which only it has */
    put_string(&node, 4, op);
    for (const struct imx_onnx_attr *a = attrs; a && a->name; a++) {
        struct imx_text attr = { 0 };
        put_string(&attr, 1, a->name);
        if (a->kind == IMX_ONNX_FLOAT)
            put_float(&attr, 2, a->f);
        else if (a->kind == IMX_ONNX_INT)
            put_int(&attr, 3, a->i[0]);
        for (int i = 0; a->kind == IMX_ONNX_INTS && i < a->n; i++)
            put_int(&attr, 8, a->i[i]);
        put_int(&attr, 20, a->kind == IMX_ONNX_FLOAT ? 1 : a->kind == IMX_ONNX_INT ? 2 : 7);
        put_message(&node, 5, &attr);
    }
    put_message(&m->nodes, 1, &node);
    m->n_nodes++;
}

static uint64_t size_of(enum imx_onnx_type type)
{
    return type == IMX_ONNX_F32 ? 4 : type == IMX_ONNX_I64 ? 8 : 1;
}

void imx_onnx_weight(struct imx_onnx *m, const char *name, enum imx_onnx_type type, int rank, const int64_t *shape,
                     const void *data)
{
    struct imx_text t = { 0 };
    uint64_t bytes = size_of(type);
    for (int i = 0; i < rank; i++) {
        put_int(&t, 1, shape[i]);
        bytes *= (uint64_t)shape[i];
    }
    put_int(&t, 2, type);
    put_string(&t, 8, name);
    if (bytes <= SMALL) {
        put_bytes(&t, 9, data, bytes);
        put_message(&m->weights, 5, &t);
        return;
    }
    struct imx_onnx_big *grown = realloc(m->big, (m->n_big + 1) * sizeof *grown);
    if (!grown) {
        imx_text_free(&t);
        m->status = imx_fail(IMX_E_NOMEM, "no memory for an ONNX model");
        return;
    }
    m->big = grown;
    put_number(&t, 9 << 3 | BYTES);
    put_number(&t, bytes);
    m->big[m->n_big++] = (struct imx_onnx_big){ t, data, bytes };
}

void imx_onnx_value(struct imx_onnx *m, bool output, const char *name, enum imx_onnx_type type, int rank,
                    const int64_t *shape)
{
    struct imx_text dims = { 0 }, tensor = { 0 }, of = { 0 }, value = { 0 };
    for (int i = 0; i < rank; i++) {
        struct imx_text dim = { 0 };
        if (shape[i])
            put_int(&dim, 1, shape[i]);
        else
            put_string(&dim, 2, "N");
        put_message(&dims, 1, &dim);
    }
    put_int(&tensor, 1, type);
    put_message(&tensor, 2, &dims);
    put_message(&of, 1, &tensor);
    put_string(&value, 1, name);
    put_message(&value, 2, &of);
    put_message(output ? &m->outputs : &m->inputs, output ? 12 : 11, &value);
}

void imx_onnx_meta(struct imx_onnx *m, const char *key, const char *value)
{
    struct imx_text pair = { 0 };
    put_string(&pair, 1, key);
    put_string(&pair, 2, value);
    put_message(&m->meta, 14, &pair);
}

static uint64_t length_of_number(uint64_t v)
{
    uint64_t n = 1;
    for (; v > 127; v >>= 7)
        n++;
    return n;
}

static imx_status put_part(struct imx_atomic *f, const struct imx_text *t)
{
    return t->size ? imx_atomic_write(f, t->data, t->size) : IMX_OK;
}

/* The graph's bytes in the order of the file: nodes, name, small weights, large weights, inputs, outputs. */
static imx_status put_graph(const struct imx_onnx *m, const struct imx_text *name, struct imx_atomic *f)
{
    IMX_TRY(put_part(f, &m->nodes));
    IMX_TRY(put_part(f, name));
    IMX_TRY(put_part(f, &m->weights));
    for (size_t i = 0; i < m->n_big; i++) {
        struct imx_text tag = { 0 };
        put_number(&tag, 5 << 3 | BYTES);
        put_number(&tag, m->big[i].head.size + m->big[i].bytes);
        imx_status status = imx_text_check(&tag);
        if (status == IMX_OK)
            status = put_part(f, &tag);
        imx_text_free(&tag);
        IMX_TRY(status);
        IMX_TRY(put_part(f, &m->big[i].head));
        IMX_TRY(imx_atomic_write(f, m->big[i].data, m->big[i].bytes));
    }
    IMX_TRY(put_part(f, &m->inputs));
    return put_part(f, &m->outputs);
}

static uint64_t graph_size(const struct imx_onnx *m, const struct imx_text *name)
{
    uint64_t size = m->nodes.size + name->size + m->weights.size + m->inputs.size + m->outputs.size;
    for (size_t i = 0; i < m->n_big; i++) {
        const uint64_t bytes = m->big[i].head.size + m->big[i].bytes;
        size += 1 + length_of_number(bytes) + bytes;
    }
    return size;
}

imx_status imx_onnx_write(const struct imx_onnx *m, const char *name, const char *path)
{
    struct imx_text head = { 0 }, opset = { 0 }, graph_name = { 0 };
    struct imx_atomic *f = NULL;
    imx_status status = m->status;
    const struct imx_text *const part[] = { &m->nodes, &m->inputs, &m->outputs, &m->weights, &m->meta };
    for (size_t i = 0; i < sizeof part / sizeof *part && status == IMX_OK; i++)
        status = imx_text_check(part[i]);
    for (size_t i = 0; i < m->n_big && status == IMX_OK; i++)
        status = imx_text_check(&m->big[i].head);
    IMX_TRY(status);
    put_string(&graph_name, 2, name);
    put_int(&head, 1, IR_VERSION);
    put_string(&head, 2, "infomax");
    put_string(&head, 3, IMX_VERSION);
    put_int(&opset, 2, OPSET);
    put_message(&head, 8, &opset);
    const uint64_t size = graph_size(m, &graph_name);
    put_number(&head, 7 << 3 | BYTES);
    put_number(&head, size);
    IMX_GO(imx_text_check(&head));
    IMX_GO(imx_text_check(&graph_name));
    if (size >= (uint64_t)1 << 31)
        IMX_GO(imx_fail(IMX_E_ARG, "%s: an ONNX file holds at most 2 GB", path));
    IMX_GO(imx_atomic_create(path, &f));
    IMX_GO(put_part(f, &head));
    IMX_GO(put_graph(m, &graph_name, f));
    IMX_GO(put_part(f, &m->meta));
    imx_text_free(&head);
    imx_text_free(&graph_name);
    return imx_atomic_commit(f);
fail:
    imx_text_free(&head);
    imx_text_free(&graph_name);
    imx_atomic_abandon(f);
    return status;
}

void imx_onnx_finish(struct imx_onnx *m)
{
    for (size_t i = 0; i < m->n_big; i++)
        imx_text_free(&m->big[i].head);
    free(m->big);
    imx_text_free(&m->nodes);
    imx_text_free(&m->inputs);
    imx_text_free(&m->outputs);
    imx_text_free(&m->weights);
    imx_text_free(&m->meta);
    *m = (struct imx_onnx){ 0 };
}
