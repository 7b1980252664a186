#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char text[1024];

const char *imx_status_name(imx_status s)
{
    switch (s) {
#define IMX_STATUS_NAME(name, value, text)                                                                             \
    case IMX_##name: return #name;
        IMX_STATUS_MAP(IMX_STATUS_NAME)
#undef IMX_STATUS_NAME
    }
    return "E_UNKNOWN";
}

const char *imx_status_text(imx_status s)
{
    switch (s) {
#define IMX_STATUS_TEXT(name, value, sentence)                                                                         \
    case IMX_##name: return sentence;
        IMX_STATUS_MAP(IMX_STATUS_TEXT)
#undef IMX_STATUS_TEXT
    }
    return "unknown status";
}

imx_status imx_fail(imx_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return s;
}

imx_status imx_note(imx_status s, const char *fmt, ...)
{
    char head[256], tail[sizeof text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    snprintf(tail, sizeof tail, "%s", text[0] ? text : imx_status_text(s));
    snprintf(text, sizeof text, "%s: %.*s", head, (int)(sizeof text - sizeof head - 3), tail);
    return s;
}

const char *imx_error_text(void)
{
    return text;
}

void imx_error_clear(void)
{
    text[0] = 0;
}
