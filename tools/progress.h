/* One line on stderr that says how far a long job is: redrawn in place on a terminal, a plain line every few seconds
 * otherwise, nothing with -q. One bar at a time; the log may write in between. */
#ifndef IMX_TOOLS_PROGRESS_H
#define IMX_TOOLS_PROGRESS_H

#include <stdint.h>

#include "base/status.h"

/* total 0: unknown. unit names what is counted ("images"), may be NULL. */
void imx_progress_begin(const char *title, uint64_t total, const char *unit);
/* done so far and a few words ("loss 3.21, 812 images/s, PoCL"); cheap, may be called at every step. */
void imx_progress_at(uint64_t done, const char *fmt, ...) IMX_PRINTF(2, 3);
/* Takes the line away; "title: done in 12s" stays when it took more than a second. */
void imx_progress_end(void);
/* Makes room for another line on stderr; the bar comes back by itself. */
void imx_progress_clear(void);

#endif
