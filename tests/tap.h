/* A test program reports in TAP, which meson reads case by case. Every failure prints the text that identifies the
 * case; a program that ran no case fails; a skip needs a reason. */
#ifndef IMX_TESTS_TAP_H
#define IMX_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_run, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool tap_ok(bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%sok %d - ", ok ? "" : "not ", ++tap_run);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    fflush(stdout);
    tap_failed += !ok;
    return ok;
}

static inline void tap_skip(const char *what, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++tap_run, what, reason);
}

/* The exit status of the program. */
static inline int tap_done(void)
{
    if (!tap_run)
        printf("not ok 1 - the program ran no case\n1..1\n");
    else
        printf("1..%d\n", tap_run);
    return tap_failed || !tap_run;
}

#endif
