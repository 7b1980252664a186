/* Log lines go to one callback that the program sets; the library itself never prints. */
#ifndef IMX_BASE_LOG_H
#define IMX_BASE_LOG_H

#include "base/status.h"

enum imx_log_level { IMX_LOG_ERROR, IMX_LOG_WARN, IMX_LOG_INFO, IMX_LOG_DEBUG };

typedef void imx_log_fn(void *user, enum imx_log_level level, const char *line);

/* Sets the receiver of all log lines (NULL: drop them). Thread safe; the callback may be called from any
 * thread, one line at a time. */
void imx_log_to(imx_log_fn *fn, void *user);
void imx_log(enum imx_log_level level, const char *fmt, ...) IMX_PRINTF(2, 3);

#endif
