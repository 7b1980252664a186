/* A string that grows, UTF-8 checks and near misses. Growth failures are remembered and reported once at the end, so
 * that callers need not test every append. */
#ifndef IMX_BASE_TEXT_H
#define IMX_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Zeroed = empty. data (may be NULL while empty) has a 0 byte behind size bytes; freed by imx_text_free. */
struct imx_text {
    char *data;
    size_t size, room;
    bool failed; /* memory ran out: further appends do nothing */
};

void imx_text_add(struct imx_text *t, const void *data, size_t bytes);
void imx_text_put(struct imx_text *t, const char *s);
void imx_text_printf(struct imx_text *t, const char *fmt, ...) IMX_PRINTF(2, 3);
/* E_NOMEM when an append had failed. */
IMX_MUST_CHECK imx_status imx_text_check(const struct imx_text *t);
void imx_text_free(struct imx_text *t);

/* Length of the valid UTF-8 sequence at s (1..4; no overlong forms, surrogates or values past 10FFFF), 0 when there is
 * none in the first n bytes. */
int imx_utf8_length(const char *s, size_t n);
/* Shortest decimal text that reads back as the same number; text holds at least 32 bytes. Not for NaN or infinity. */
void imx_double_text(double v, char *text);
void imx_float_text(float v, char *text);
/* Edit distance (insert, delete, replace, swap of neighbours) of two names of at most 64 bytes; 99 for longer ones. */
int imx_edit_distance(const char *a, const char *b);

/* Strict numbers: the whole text, no blanks, in range; false otherwise. */
IMX_MUST_CHECK bool imx_parse_int(const char *text, int64_t *out);
/* Finite numbers only. */
IMX_MUST_CHECK bool imx_parse_double(const char *text, double *out);
/* Seconds from "90", "90s", "30m", "2h", "1.5h", "2d". */
IMX_MUST_CHECK bool imx_parse_duration(const char *text, double *out);
/* Bytes from "512M", "2G", "1.5G", "4096", "64K", "1T" (powers of 1024; a trailing "B" or "iB" is fine). */
IMX_MUST_CHECK bool imx_parse_size(const char *text, uint64_t *out);

#endif
