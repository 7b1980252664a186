/* See toml.h. One pass over the text; every value ends in plain text that the option table parses strictly. */
#include "base/toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct reader {
    const char *at, *end, *name;
    int line;
    struct imx_toml *doc;
};

static imx_status bad(const struct reader *r, const char *what)
{
    return imx_fail(IMX_E_FORMAT, "%s line %d: %s", r->name, r->line, what);
}

static imx_status no_memory(void)
{
    return imx_fail(IMX_E_NOMEM, "no memory for a configuration");
}

static char peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : 0;
}

static void blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
}

/* Blanks, a comment, and the end of the line. */
static imx_status line_end(struct reader *r)
{
    blanks(r);
    if (peek(r) == '#')
        while (r->at < r->end && *r->at != '\n')
            r->at++;
    if (peek(r) == '\r')
        r->at++;
    if (r->at >= r->end)
        return IMX_OK;
    if (*r->at != '\n')
        return bad(r, "something follows the value");
    r->at++;
    r->line++;
    return IMX_OK;
}

static bool bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static imx_status escape(struct reader *r, struct imx_text *out)
{
    static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
    const char c = peek(r);
    const char *simple = c ? strchr(from, c) : NULL;
    if (!simple)
        return bad(r, "an unknown escape (use \\\" \\\\ \\n \\t, or single quotes for plain text)");
    imx_text_add(out, &to[simple - from], 1);
    r->at++;
    return IMX_OK;
}

static imx_status string(struct reader *r, struct imx_text *out)
{
    const char quote = *r->at++;
    imx_text_put(out, "");
    for (;;) {
        const char c = peek(r);
        if (c == quote)
            break;
        if ((unsigned char)c < 0x20 && c != '\t')
            return bad(r, "a string that does not end on its line");
        if (c == '\\' && quote == '"') {
            r->at++;
            IMX_TRY(escape(r, out));
            continue;
        }
        const int len = imx_utf8_length(r->at, (size_t)(r->end - r->at));
        if (!len)
            return bad(r, "a byte that is not UTF-8");
        imx_text_add(out, r->at, (size_t)len);
        r->at += len;
    }
    r->at++;
    return imx_text_check(out);
}

/* "a.b.c": everything before the last dot goes to `table` (appended behind what is there), the rest to `key`. */
static imx_status dotted_key(struct reader *r, struct imx_text *table, struct imx_text *key)
{
    for (;;) {
        blanks(r);
        if (peek(r) == '"' || peek(r) == '\'') {
            IMX_TRY(string(r, key));
        } else {
            const char *start = r->at;
            while (bare(peek(r)))
                r->at++;
            imx_text_add(key, start, (size_t)(r->at - start));
        }
        IMX_TRY(imx_text_check(key));
        if (!key->size)
            return bad(r, "a key was expected");
        blanks(r);
        if (peek(r) != '.')
            return imx_text_check(key);
        r->at++;
        if (table->size)
            imx_text_put(table, ".");
        imx_text_add(table, key->data, key->size);
        key->size = 0;
    }
}

/* A number or boolean, kept as text without digit separators. */
static imx_status scalar(struct reader *r, struct imx_text *out, enum imx_toml_type *type)
{
    int64_t i;
    double d;
    while (bare(peek(r)) || peek(r) == '.' || peek(r) == '+') {
        if (*r->at != '_')
            imx_text_add(out, r->at, 1);
        r->at++;
    }
    IMX_TRY(imx_text_check(out));
    if (!out->size)
        return bad(r, "a value was expected");
    if (!strcmp(out->data, "true") || !strcmp(out->data, "false"))
        *type = IMX_TOML_BOOL;
    else if (imx_parse_int(out->data, &i))
        *type = IMX_TOML_INT;
    else if (imx_parse_double(out->data, &d))
        *type = IMX_TOML_FLOAT;
    else
        return imx_fail(IMX_E_FORMAT, "%s line %d: \"%s\" is no number and no true or false; texts need quotes",
                        r->name, r->line, out->data);
    return IMX_OK;
}

static imx_status simple_value(struct reader *r, struct imx_text *out, enum imx_toml_type *type)
{
    *type = IMX_TOML_STRING;
    if (peek(r) == '"' || peek(r) == '\'')
        return string(r, out);
    return scalar(r, out, type);
}

static void array_blanks(struct reader *r)
{
    for (;;) {
        blanks(r);
        if (peek(r) == '#')
            while (r->at < r->end && *r->at != '\n')
                r->at++;
        if (peek(r) != '\n' && peek(r) != '\r')
            return;
        r->line += *r->at == '\n';
        r->at++;
    }
}

static imx_status array(struct reader *r, struct imx_toml_entry *e)
{
    struct imx_text text = { 0 };
    imx_status status;
    e->type = IMX_TOML_ARRAY;
    r->at++;
    for (;;) {
        enum imx_toml_type type;
        array_blanks(r);
        if (peek(r) == ']')
            break;
        IMX_GO(peek(r) == '[' || peek(r) == '{' ? bad(r, "nested arrays and inline tables are not supported")
                                                : simple_value(r, &text, &type));
        char **grown = realloc(e->item, (e->items + 1) * sizeof *grown);
        if (!grown) {
            status = no_memory();
            goto fail;
        }
        e->item = grown;
        e->item[e->items++] = text.data;
        text = (struct imx_text){ 0 };
        array_blanks(r);
        if (peek(r) == ',')
            r->at++;
        else if (peek(r) != ']') {
            status = bad(r, "a comma or ] was expected");
            goto fail;
        }
    }
    r->at++;
    return IMX_OK;
fail:
    imx_text_free(&text);
    return status;
}

static imx_status new_entry(struct imx_toml *doc, struct imx_toml_entry **out)
{
    if (doc->entries == doc->room) {
        const size_t room = doc->room * 2 + 16;
        struct imx_toml_entry *grown = realloc(doc->entry, room * sizeof *grown);
        if (!grown)
            return no_memory();
        doc->entry = grown;
        doc->room = room;
    }
    *out = &doc->entry[doc->entries++];
    **out = (struct imx_toml_entry){ 0 };
    return IMX_OK;
}

static imx_status key_value(struct reader *r, const struct imx_text *in_table)
{
    struct imx_text table = { 0 }, key = { 0 }, text = { 0 };
    struct imx_toml_entry *e = NULL;
    imx_status status;
    imx_text_add(&table, in_table->data ? in_table->data : "", in_table->size);
    IMX_GO(dotted_key(r, &table, &key));
    IMX_GO(imx_text_check(&table));
    if (peek(r) != '=') {
        status = bad(r, "expected \"key = value\"");
        goto fail;
    }
    r->at++;
    blanks(r);
    if (imx_toml_get(r->doc, table.data, key.data)) {
        status = imx_fail(IMX_E_FORMAT, "%s line %d: \"%s\" is set a second time", r->name, r->line, key.data);
        goto fail;
    }
    IMX_GO(new_entry(r->doc, &e));
    e->line = r->line;
    e->table = table.data;
    e->key = key.data;
    table = key = (struct imx_text){ 0 };
    if (peek(r) == '[')
        return array(r, e);
    if (peek(r) == '{') {
        status = bad(r, "inline tables are not supported; write [table]");
        goto fail;
    }
    IMX_GO(simple_value(r, &text, &e->type));
    e->string = text.data;
    return IMX_OK;
fail:
    imx_text_free(&table);
    imx_text_free(&key);
    imx_text_free(&text);
    return status;
}

static imx_status table_line(struct reader *r, struct imx_text *table)
{
    struct imx_text key = { 0 };
    imx_status status;
    r->at++;
    table->size = 0;
    IMX_GO(peek(r) == '[' ? bad(r, "arrays of tables are not supported") : dotted_key(r, table, &key));
    if (table->size)
        imx_text_put(table, ".");
    imx_text_add(table, key.data, key.size);
    IMX_GO(imx_text_check(table));
    if (peek(r) != ']') {
        status = bad(r, "] was expected");
        goto fail;
    }
    r->at++;
    imx_text_free(&key);
    return IMX_OK;
fail:
    imx_text_free(&key);
    return status;
}

imx_status imx_toml_parse(const char *text, size_t bytes, const char *name, struct imx_toml *doc)
{
    struct reader r = { .at = text, .end = text + bytes, .name = name, .line = 1, .doc = doc };
    struct imx_text table = { 0 };
    imx_status status;
    *doc = (struct imx_toml){ 0 };
    while (r.at < r.end) {
        blanks(&r);
        if (peek(&r) == '[')
            IMX_GO(table_line(&r, &table));
        else if (r.at < r.end && !strchr("#\r\n", *r.at))
            IMX_GO(key_value(&r, &table));
        else if (r.at < r.end && *r.at == 0) {
            status = bad(&r, "a 0 byte");
            goto fail;
        }
        IMX_GO(line_end(&r));
    }
    imx_text_free(&table);
    return IMX_OK;
fail:
    imx_text_free(&table);
    imx_toml_free(doc);
    return status;
}

imx_status imx_toml_read(const char *path, struct imx_toml *doc)
{
    char *text = NULL;
    size_t bytes = 0;
    *doc = (struct imx_toml){ 0 };
    IMX_TRY(imx_file_read(path, 1 << 20, &text, &bytes));
    const imx_status s = imx_toml_parse(text, bytes, path, doc);
    free(text);
    return s;
}

void imx_toml_free(struct imx_toml *doc)
{
    for (size_t i = 0; i < doc->entries; i++) {
        struct imx_toml_entry *e = &doc->entry[i];
        for (size_t k = 0; k < e->items; k++)
            free(e->item[k]);
        free(e->item);
        free(e->table);
        free(e->key);
        free(e->string);
    }
    free(doc->entry);
    *doc = (struct imx_toml){ 0 };
}

const struct imx_toml_entry *imx_toml_get(const struct imx_toml *doc, const char *table, const char *key)
{
    for (size_t i = 0; i < doc->entries; i++)
        if (!strcmp(doc->entry[i].table, table) && !strcmp(doc->entry[i].key, key))
            return &doc->entry[i];
    return NULL;
}

static void put_quoted(struct imx_text *t, const char *s)
{
    imx_text_put(t, "\"");
    for (size_t left = strlen(s); left;) {
        const int len = imx_utf8_length(s, left);
        if (*s == '"' || *s == '\\')
            imx_text_printf(t, "\\%c", *s);
        else if (*s == '\n')
            imx_text_put(t, "\\n");
        else if (*s == '\r')
            imx_text_put(t, "\\r");
        else if (len == 0 || ((unsigned char)*s < 0x20 && *s != '\t'))
            imx_text_put(t, "\xEF\xBF\xBD");
        else
            imx_text_add(t, s, (size_t)len);
        s += len ? len : 1;
        left -= len ? (size_t)len : 1;
    }
    imx_text_put(t, "\"");
}

static void put_key(struct imx_text *t, const char *key)
{
    bool plain = *key != 0;
    for (const char *c = key; *c; c++)
        plain = plain && bare(*c);
    if (plain)
        imx_text_put(t, key);
    else
        put_quoted(t, key);
    imx_text_put(t, " = ");
}

void imx_toml_put_table(struct imx_text *t, const char *table)
{
    imx_text_printf(t, "%s[%s]\n", t->size ? "\n" : "", table);
}

void imx_toml_put_string(struct imx_text *t, const char *key, const char *value)
{
    put_key(t, key);
    put_quoted(t, value);
    imx_text_put(t, "\n");
}

void imx_toml_put_int(struct imx_text *t, const char *key, int64_t value)
{
    put_key(t, key);
    imx_text_printf(t, "%lld\n", (long long)value);
}

void imx_toml_put_float(struct imx_text *t, const char *key, double value)
{
    char text[40];
    imx_double_text(value, text);
    put_key(t, key);
    /* A TOML float has a point or an exponent. */
    imx_text_printf(t, "%s%s\n", text, strpbrk(text, ".e") ? "" : ".0");
}

void imx_toml_put_bool(struct imx_text *t, const char *key, bool value)
{
    put_key(t, key);
    imx_text_put(t, value ? "true\n" : "false\n");
}

void imx_toml_put_strings(struct imx_text *t, const char *key, char *const *item, size_t n)
{
    put_key(t, key);
    imx_text_put(t, "[");
    for (size_t i = 0; i < n; i++) {
        imx_text_put(t, i ? ", " : "");
        put_quoted(t, item[i]);
    }
    imx_text_put(t, "]\n");
}
