/* One loop over many independent items on several threads. Items are handed out in order,
 * one at a time, so that a slow item holds up nobody else; results must not depend on
 * which thread did what. */
#ifndef IMX_BASE_PARALLEL_H
#define IMX_BASE_PARALLEL_H

#include <stdint.h>

/* Calls item(user, i) once for each i in [0, n) from up to `threads` threads (0: one per
 * core), the caller's among them, and returns when all are done. Threads that the system
 * refuses are done without. */
void imx_parallel(int32_t threads, int64_t n, void (*item)(void *user, int64_t i), void *user);

#endif
