/* The reading half of json.h: recursive descent over a bounded depth; nodes and strings live in a chain of blocks. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct block {
    struct block *next;
    size_t used, room;
    max_align_t data[];
};

struct parser {
    const char *text, *at, *end;
    size_t depth, nodes, max_depth, max_nodes;
    struct block *memory;
};

static imx_status bad(const struct parser *p, const char *what)
{
    return imx_fail(IMX_E_FORMAT, "JSON: %s at byte %zu", what, (size_t)(p->at - p->text));
}

static void *take(struct parser *p, size_t bytes)
{
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!p->memory || p->memory->room - p->memory->used < bytes) {
        const size_t room = bytes > 8192 ? bytes : 8192;
        struct block *b = malloc(sizeof *b + room);
        if (!b)
            return NULL;
        *b = (struct block){ .next = p->memory, .room = room };
        p->memory = b;
    }
    char *at = (char *)p->memory->data + p->memory->used;
    p->memory->used += bytes;
    return at;
}

static void blanks(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

static int hex4(struct parser *p)
{
    int v = 0;
    if (p->end - p->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char c = *p->at++;
        const int digit = c >= '0' && c <= '9'                 ? c - '0'
                          : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                               : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static char *put_utf8(char *out, int v)
{
    if (v < 0x80) {
        *out++ = (char)v;
    } else if (v < 0x800) {
        *out++ = (char)(0xC0 | v >> 6);
        *out++ = (char)(0x80 | (v & 63));
    } else if (v < 0x10000) {
        *out++ = (char)(0xE0 | v >> 12);
        *out++ = (char)(0x80 | (v >> 6 & 63));
        *out++ = (char)(0x80 | (v & 63));
    } else {
        *out++ = (char)(0xF0 | v >> 18);
        *out++ = (char)(0x80 | (v >> 12 & 63));
        *out++ = (char)(0x80 | (v >> 6 & 63));
        *out++ = (char)(0x80 | (v & 63));
    }
    return out;
}

/* What follows a backslash. */
static imx_status escape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = p->at < p->end ? *p->at++ : 0;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        *(*out)++ = to[simple - from];
        return IMX_OK;
    }
    if (c != 'u')
        return bad(p, "an unknown escape");
    int v = hex4(p);
    if (v >= 0xD800 && v < 0xDC00) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return bad(p, "half a surrogate pair");
        p->at += 2;
        const int low = hex4(p);
        if (low < 0xDC00 || low > 0xDFFF)
            return bad(p, "half a surrogate pair");
        v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
    } else if (v <= 0 || (v >= 0xDC00 && v < 0xE000)) {
        return bad(p, "an escape that is no character");
    }
    *out = put_utf8(*out, v);
    return IMX_OK;
}

static imx_status string(struct parser *p, const char **out)
{
    /* The decoded text is never longer than the source. */
    const char *stop = p->at;
    while (stop < p->end && *stop != '"')
        stop += *stop == '\\' && p->end - stop > 1 ? 2 : 1;
    char *text = take(p, (size_t)(stop - p->at) + 1), *put = text;
    if (!text)
        return imx_fail(IMX_E_NOMEM, "no memory for a JSON string");
    for (;;) {
        if (p->at >= p->end)
            return bad(p, "a string that does not end");
        const unsigned char c = (unsigned char)*p->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return bad(p, "a control character in a string");
        if (c == '\\') {
            p->at++;
            IMX_TRY(escape(p, &put));
            continue;
        }
        const int len = imx_utf8_length(p->at, (size_t)(p->end - p->at));
        if (!len)
            return bad(p, "a byte that is not UTF-8");
        memcpy(put, p->at, (size_t)len);
        put += len;
        p->at += len;
    }
    p->at++;
    *put = 0;
    *out = text;
    return IMX_OK;
}

static bool digits(struct parser *p)
{
    const char *start = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return p->at > start;
}

static imx_status number(struct parser *p, struct imx_json_node *node)
{
    char text[64];
    const char *start = p->at;
    bool whole = true;
    if (*p->at == '-')
        p->at++;
    const char *first = p->at;
    if (!digits(p) || (*first == '0' && p->at - first > 1))
        return bad(p, "a malformed number");
    if (p->at < p->end && *p->at == '.') {
        whole = false;
        p->at++;
        if (!digits(p))
            return bad(p, "a malformed number");
    }
    if (p->at < p->end && (*p->at | 32) == 'e') {
        whole = false;
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (!digits(p))
            return bad(p, "a malformed number");
    }
    const size_t n = (size_t)(p->at - start);
    if (n >= sizeof text)
        return bad(p, "a number with too many digits");
    memcpy(text, start, n);
    text[n] = 0;
    node->type = IMX_JSON_NUMBER;
    node->number = strtod(text, NULL);
    if (!isfinite(node->number))
        return bad(p, "a number that is too large");
    errno = 0;
    node->integer = whole ? strtoll(text, NULL, 10) : 0;
    node->is_int = whole && !errno;
    return IMX_OK;
}

static bool word(struct parser *p, const char *w)
{
    const size_t n = strlen(w);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, w, n))
        return false;
    p->at += n;
    return true;
}

static imx_status value(struct parser *p, const char *key, struct imx_json_node **out);

static int by_key(const void *a, const void *b)
{
    const struct imx_json_node *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* Sorting keeps a header with 65,536 names from costing 65,536^2 comparisons. */
static imx_status no_duplicates(const struct parser *p, const struct imx_json_node *object)
{
    if (object->count < 2)
        return IMX_OK;
    const struct imx_json_node **all = malloc(object->count * sizeof *all);
    if (!all)
        return imx_fail(IMX_E_NOMEM, "no memory to check a JSON object");
    size_t n = 0;
    for (const struct imx_json_node *c = object->child; c; c = c->next)
        all[n++] = c;
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(all[i - 1]->key, all[i]->key)) {
            const imx_status s = imx_fail(IMX_E_FORMAT,
                                          "JSON: the key \"%.80s\" comes twice in the object that ends at "
                                          "byte %zu",
                                          all[i]->key, (size_t)(p->at - p->text));
            free(all);
            return s;
        }
    free(all);
    return IMX_OK;
}

/* Children of an array or object up to its closing mark; the opening one is behind us. */
static imx_status children(struct parser *p, struct imx_json_node *node)
{
    const bool object = node->type == IMX_JSON_OBJECT;
    const char close = object ? '}' : ']';
    const struct imx_json_node **link = &node->child;
    blanks(p);
    if (p->at < p->end && *p->at == close) {
        p->at++;
        return IMX_OK;
    }
    for (;;) {
        const char *key = NULL;
        struct imx_json_node *child;
        if (object) {
            blanks(p);
            if (p->at >= p->end || *p->at != '"')
                return bad(p, "a key was expected");
            p->at++;
            IMX_TRY(string(p, &key));
            blanks(p);
            if (p->at >= p->end || *p->at++ != ':')
                return bad(p, "a colon was expected");
        }
        IMX_TRY(value(p, key, &child));
        *link = child;
        link = &child->next;
        node->count++;
        blanks(p);
        const char c = p->at < p->end ? *p->at++ : 0;
        if (c == close)
            return object ? no_duplicates(p, node) : IMX_OK;
        if (c != ',')
            return bad(p, "a comma or the end was expected");
    }
}

static imx_status value(struct parser *p, const char *key, struct imx_json_node **out)
{
    blanks(p);
    if (p->at >= p->end)
        return bad(p, "a value is missing");
    struct imx_json_node *node = p->nodes < p->max_nodes ? take(p, sizeof *node) : NULL;
    if (!node)
        return p->nodes < p->max_nodes ? imx_fail(IMX_E_NOMEM, "no memory for JSON") : bad(p, "too many values");
    p->nodes++;
    *node = (struct imx_json_node){ .key = key };
    *out = node;
    const char c = *p->at;
    if (c == '{' || c == '[') {
        if (p->depth >= p->max_depth)
            return bad(p, "nested too deeply");
        p->depth++;
        p->at++;
        node->type = c == '{' ? IMX_JSON_OBJECT : IMX_JSON_ARRAY;
        IMX_TRY(children(p, node));
        p->depth--;
        return IMX_OK;
    }
    if (c == '"') {
        p->at++;
        node->type = IMX_JSON_STRING;
        return string(p, &node->string);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(p, node);
    node->type = c == 'n' ? IMX_JSON_NULL : IMX_JSON_BOOL;
    node->truth = c == 't';
    return word(p, "null") || word(p, "true") || word(p, "false") ? IMX_OK : bad(p, "a value was expected");
}

imx_status imx_json_parse(const char *text, size_t bytes, const struct imx_json_limits *limits,
                          struct imx_json_doc *doc)
{
    struct parser p = { .text = text, .at = text, .end = text + bytes, .max_depth = 32, .max_nodes = 1000000 };
    struct imx_json_node *root = NULL;
    imx_status status;
    *doc = (struct imx_json_doc){ 0 };
    if (limits && limits->depth)
        p.max_depth = limits->depth;
    if (limits && limits->nodes)
        p.max_nodes = limits->nodes;
    IMX_GO(value(&p, NULL, &root));
    blanks(&p);
    if (p.at != p.end) {
        status = bad(&p, "something follows the value");
        goto fail;
    }
    doc->root = root;
    doc->memory = p.memory;
    return IMX_OK;
fail:
    doc->memory = p.memory;
    imx_json_doc_free(doc);
    return status;
}

void imx_json_doc_free(struct imx_json_doc *doc)
{
    struct block *b = doc->memory;
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    *doc = (struct imx_json_doc){ 0 };
}

const struct imx_json_node *imx_json_get(const struct imx_json_node *object, const char *key)
{
    if (object && object->type == IMX_JSON_OBJECT)
        for (const struct imx_json_node *c = object->child; c; c = c->next)
            if (!strcmp(c->key, key))
                return c;
    return NULL;
}

double imx_json_get_number(const struct imx_json_node *object, const char *key, double fallback)
{
    const struct imx_json_node *n = imx_json_get(object, key);
    return n && n->type == IMX_JSON_NUMBER ? n->number : fallback;
}

const char *imx_json_get_string(const struct imx_json_node *object, const char *key, const char *fallback)
{
    const struct imx_json_node *n = imx_json_get(object, key);
    return n && n->type == IMX_JSON_STRING ? n->string : fallback;
}
