#include "progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char title[64], unit[32];
    uint64_t total;
    double start, shown;
    bool active, drawn, tty;
} bar;

void imx_progress_begin(const char *title, uint64_t total, const char *unit)
{
    pthread_mutex_lock(&lock);
    memset(&bar, 0, sizeof bar);
    snprintf(bar.title, sizeof bar.title, "%s", title);
    snprintf(bar.unit, sizeof bar.unit, "%s%s", unit ? " " : "", unit ? unit : "");
    bar.total = total;
    bar.start = imx_now();
    bar.shown = bar.start;
    bar.tty = isatty(2);
    bar.active = !imx_cli.quiet;
    pthread_mutex_unlock(&lock);
}

static int columns(void)
{
    struct winsize w;
    return !ioctl(2, TIOCGWINSZ, &w) && w.ws_col >= 20 ? w.ws_col : 80;
}

static void draw(uint64_t done, double now, const char *words)
{
    char line[512], left[32] = "", share[32] = "", tail[320];
    const double spent = now - bar.start;
    if (bar.total && done) {
        const double part = (double)done / (double)bar.total;
        char time[24];
        imx_duration_text(part < 1 ? spent / part - spent : 0, time, sizeof time);
        snprintf(left, sizeof left, ", %s left", time);
        snprintf(share, sizeof share, " %3d%%", (int)(100 * (part < 1 ? part : 1)));
    }
    snprintf(tail, sizeof tail, "%s%s", words, left);
    if (bar.total)
        snprintf(line, sizeof line, "%s%s %llu/%llu%s  %s", bar.title, share, (unsigned long long)done,
                 (unsigned long long)bar.total, bar.unit, tail);
    else
        snprintf(line, sizeof line, "%s %llu%s  %s", bar.title, (unsigned long long)done, bar.unit, tail);
    if (bar.tty)
        fprintf(stderr, "\r\033[K%.*s", columns() - 1, line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    bar.drawn = bar.tty;
}

void imx_progress_at(uint64_t done, const char *fmt, ...)
{
    pthread_mutex_lock(&lock);
    const double now = imx_now(), pause = bar.tty ? 0.1 : 5;
    if (bar.active && now - bar.shown >= pause) {
        char words[256];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(words, sizeof words, fmt, ap);
        va_end(ap);
        bar.shown = now;
        draw(done, now, words);
    }
    pthread_mutex_unlock(&lock);
}

static void clear(void)
{
    if (bar.drawn)
        fputs("\r\033[K", stderr);
    bar.drawn = false;
}

void imx_progress_clear(void)
{
    pthread_mutex_lock(&lock);
    clear();
    pthread_mutex_unlock(&lock);
}

void imx_progress_end(void)
{
    pthread_mutex_lock(&lock);
    clear();
    const double spent = imx_now() - bar.start;
    if (bar.active && spent > 1) {
        char time[32];
        imx_duration_text(spent, time, sizeof time);
        fprintf(stderr, "%s: done in %s\n", bar.title, time);
    }
    bar.active = false;
    pthread_mutex_unlock(&lock);
}
