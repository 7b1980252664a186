/* A child process that does what may crash or hang. Parent and child talk over two pipes in records of fixed size; the
 * parent waits no longer than a deadline. Fork before the first OpenCL call of the process: a child of a process that
 * runs a driver cannot use it. */
#ifndef IMX_BASE_CHILD_H
#define IMX_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct imx_child {
    int pid, to, from; /* pid 0: there is none */
};

/* Forks. The child is silent on the terminal, ignores Ctrl-C (the parent decides), dies with its parent where the
 * system can do that, runs body(in, out, arg) and ends at once, without exit handlers. */
IMX_MUST_CHECK imx_status imx_child_start(struct imx_child *c, void (*body)(int in, int out, void *arg), void *arg);

/* Whole records; false when the other end is gone. */
IMX_MUST_CHECK bool imx_pipe_write(int fd, const void *data, size_t size);
/* deadline: of imx_now(), 0: none. False when it passed or the other end is gone. */
IMX_MUST_CHECK bool imx_pipe_read(int fd, void *data, size_t size, double deadline);

/* How the parent came to end a child: it had said everything, it was silent past its deadline, or its pipe closed. */
enum imx_child_how { IMX_CHILD_DONE, IMX_CHILD_LATE, IMX_CHILD_GONE };

/* Kills (unless it is gone) and reaps the child. why (may be NULL) receives "" , "hung", "crashed (signal 11,
 * Segmentation fault)" or "ended the process (exit code 1)". Nothing happens when there is none. */
void imx_child_end(struct imx_child *c, enum imx_child_how how, char *why, size_t size);

#endif
