#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t imx_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double imx_now(void)
{
    return (double)imx_now_ns() * 1e-9;
}

double imx_process_seconds(void)
{
    char text[1024];
    double uptime;
    unsigned long long began;
    FILE *f = fopen("/proc/self/stat", "r");
    const size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    /* Field 22; the second one, the program's name in parentheses, may hold anything. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, " %llu", &began) != 1)
        return (double)NAN;
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    uptime = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    return uptime - (double)began / (double)sysconf(_SC_CLK_TCK);
}

double imx_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void imx_wall_text(char text[32])
{
    const time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void imx_duration_text(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(text, size, "?");
        return;
    }
    const long s = (long)(seconds + 0.5);
    if (seconds < 9.95)
        snprintf(text, size, "%.1fs", seconds);
    else if (s < 60)
        snprintf(text, size, "%lds", s);
    else if (s < 3600)
        snprintf(text, size, "%ldm%02lds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, size, "%ldh%02ldm", s / 3600, s / 60 % 60);
    else
        snprintf(text, size, "%ldd%02ldh", s / 86400, s / 3600 % 24);
}
