#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(struct imx_text *t, size_t more)
{
    if (t->failed || more > SIZE_MAX / 4 - t->size) {
        t->failed = true;
        return false;
    }
    if (t->size + more + 1 <= t->room)
        return true;
    const size_t want = (t->size + more + 1) * 2 + 64;
    char *grown = realloc(t->data, want);
    if (!grown) {
        t->failed = true;
        return false;
    }
    t->data = grown;
    t->room = want;
    return true;
}

void imx_text_add(struct imx_text *t, const void *data, size_t bytes)
{
    if (!room(t, bytes))
        return;
    if (bytes)
        memcpy(t->data + t->size, data, bytes);
    t->size += bytes;
    t->data[t->size] = 0;
}

void imx_text_put(struct imx_text *t, const char *s)
{
    imx_text_add(t, s, strlen(s));
}

void imx_text_printf(struct imx_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        t->failed = true;
    else if (room(t, (size_t)n)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, fmt, again);
        t->size += (size_t)n;
    }
    va_end(again);
}

imx_status imx_text_check(const struct imx_text *t)
{
    return t->failed ? imx_fail(IMX_E_NOMEM, "no memory for a text of more than %zu bytes", t->size) : IMX_OK;
}

void imx_text_free(struct imx_text *t)
{
    free(t->data);
    *t = (struct imx_text){ 0 };
}

int imx_utf8_length(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (!n)
        return 0;
    if (p[0] < 0x80)
        return 1;
    const int len = p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4 : 0;
    if (!len || (size_t)len > n)
        return 0;
    for (int i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

void imx_double_text(double v, char *text)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

void imx_float_text(float v, char *text)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, 32, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            return;
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int imx_edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    const size_t na = strlen(a), nb = strlen(b);
    int row[3][LONGEST + 1]; /* rows i-2, i-1, i of the table, in turn */
    if (na > LONGEST || nb > LONGEST)
        return 99;
    for (size_t j = 0; j <= nb; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *now = row[i % 3];
        const int *up = row[(i - 1) % 3], *upup = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], upup[j - 2] + 1);
        }
    }
    return row[na % 3][nb];
}

/* strtol and strtod skip leading blanks and take hex and "inf"; people do not mean those. */
static bool plain_start(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    return (*s >= '0' && *s <= '9') || (*s == '.' && s[1] >= '0' && s[1] <= '9');
}

bool imx_parse_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    const long long v = plain_start(text) ? strtoll(text, &end, 10) : 0;
    if (!plain_start(text) || errno || *end)
        return false;
    *out = v;
    return true;
}

/* The number at the start of the text; *end behind it. */
static bool leading_double(const char *text, double *out, const char **end)
{
    char *stop;
    if (!plain_start(text) || strpbrk(text, "xX"))
        return false;
    const double v = strtod(text, &stop);
    if (!isfinite(v))
        return false;
    *out = v;
    *end = stop;
    return true;
}

bool imx_parse_double(const char *text, double *out)
{
    const char *end;
    double v;
    if (!leading_double(text, &v, &end) || *end)
        return false;
    *out = v;
    return true;
}

bool imx_parse_duration(const char *text, double *out)
{
    const char *end;
    double v;
    if (!leading_double(text, &v, &end) || v < 0)
        return false;
    const double unit = *end == 0 || *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
    if (unit == 0 || (*end && end[1]))
        return false;
    *out = v * unit;
    return true;
}

bool imx_parse_size(const char *text, uint64_t *out)
{
    static const char unit[] = "KMGT";
    const char *end;
    double v;
    if (!leading_double(text, &v, &end) || v < 0)
        return false;
    if (*end) {
        const char *u = strchr(unit, *end == 'k' ? 'K' : *end);
        if (u) {
            v = ldexp(v, 10 * (int)(u - unit + 1));
            end++;
        }
        if (strcmp(end, "") && strcmp(end, "B") && !(u && !strcmp(end, "iB")))
            return false;
    }
    if (!(v < 9.0e18))
        return false;
    *out = (uint64_t)v;
    return true;
}
