/* The writing half of json.h. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void quoted(struct imx_text *t, const char *s)
{
    size_t left = strlen(s);
    imx_text_put(t, "\"");
    while (left) {
        const unsigned char c = (unsigned char)*s;
        const int len = imx_utf8_length(s, left);
        if (len == 0)
            imx_text_put(t, "\xEF\xBF\xBD"); /* U+FFFD for a byte that is no UTF-8 */
        else if (c == '"' || c == '\\')
            imx_text_printf(t, "\\%c", c);
        else if (c == '\n')
            imx_text_put(t, "\\n");
        else if (c == '\t')
            imx_text_put(t, "\\t");
        else if (c < 0x20 || c == 0x7F)
            imx_text_printf(t, "\\u%04x", c);
        else
            imx_text_add(t, s, (size_t)len);
        s += len ? len : 1;
        left -= len ? (size_t)len : 1;
    }
    imx_text_put(t, "\"");
}

static void before(struct imx_json *j, const char *key)
{
    if (j->filled[j->depth])
        imx_text_put(&j->text, ",");
    j->filled[j->depth] = true;
    if (j->pretty && j->depth)
        imx_text_printf(&j->text, "\n%*s", 2 * j->depth, "");
    if (key) {
        quoted(&j->text, key);
        imx_text_put(&j->text, j->pretty ? ": " : ":");
    }
}

static void open_level(struct imx_json *j, const char *key, char open, char close)
{
    before(j, key);
    imx_text_add(&j->text, &open, 1);
    if (j->depth >= IMX_JSON_DEPTH) {
        j->text.failed = true;
        return;
    }
    j->depth++;
    j->filled[j->depth] = false;
    j->close[j->depth] = close;
}

void imx_json_object(struct imx_json *j, const char *key)
{
    open_level(j, key, '{', '}');
}

void imx_json_array(struct imx_json *j, const char *key)
{
    open_level(j, key, '[', ']');
}

void imx_json_end(struct imx_json *j)
{
    if (!j->depth)
        return;
    const char close = j->close[j->depth];
    const bool filled = j->filled[j->depth];
    j->depth--;
    if (j->pretty && filled)
        imx_text_printf(&j->text, "\n%*s", 2 * j->depth, "");
    imx_text_add(&j->text, &close, 1);
}

void imx_json_raw(struct imx_json *j, const char *key, const char *value)
{
    before(j, key);
    imx_text_put(&j->text, value);
}

void imx_json_string(struct imx_json *j, const char *key, const char *value)
{
    if (!value) {
        imx_json_raw(j, key, "null");
        return;
    }
    before(j, key);
    quoted(&j->text, value);
}

void imx_json_int(struct imx_json *j, const char *key, int64_t value)
{
    before(j, key);
    imx_text_printf(&j->text, "%lld", (long long)value);
}

void imx_json_uint(struct imx_json *j, const char *key, uint64_t value)
{
    before(j, key);
    imx_text_printf(&j->text, "%llu", (unsigned long long)value);
}

void imx_json_double(struct imx_json *j, const char *key, double value)
{
    char text[32] = "null";
    if (isfinite(value))
        imx_double_text(value, text);
    imx_json_raw(j, key, text);
}

void imx_json_float(struct imx_json *j, const char *key, float value)
{
    char text[32] = "null";
    if (isfinite(value))
        imx_float_text(value, text);
    imx_json_raw(j, key, text);
}

void imx_json_bool(struct imx_json *j, const char *key, bool value)
{
    imx_json_raw(j, key, value ? "true" : "false");
}

imx_status imx_json_check(const struct imx_json *j)
{
    IMX_TRY(imx_text_check(&j->text));
    return j->depth ? imx_fail(IMX_E_INTERNAL, "a JSON text was left open at depth %d", j->depth) : IMX_OK;
}

void imx_json_free(struct imx_json *j)
{
    imx_text_free(&j->text);
}
