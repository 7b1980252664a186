/* Time: a monotonic clock for durations, the wall clock for stamps, and "1h02m" for people. */
#ifndef IMX_BASE_CLOCK_H
#define IMX_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds and seconds of a clock that never goes back; the origin means nothing. */
uint64_t imx_now_ns(void);
double imx_now(void);
/* Seconds since this process began, to a hundredth; NaN where the system does not tell. */
double imx_process_seconds(void);
/* Seconds since 1970-01-01 UTC. */
double imx_wall(void);
/* "2026-11-24T01:02:03Z". */
void imx_wall_text(char text[32]);
/* "4.2s", "3m05s", "1h02m", "2d03h"; "?" when not finite or negative. */
void imx_duration_text(double seconds, char *text, size_t size);

#endif
