/* What the tuner asks its child process to do. Private to tune*.c; pointers cross the pipe because a forked child has
 * the parent's memory. */
#ifndef IMX_OPS_TUNE_WORKER_H
#define IMX_OPS_TUNE_WORKER_H

#include "base/child.h"
#include "ops/tune.h"

enum imx_ask {
    IMX_ASK_COLLECT, /* replies `count`, then as many struct imx_tune_problem follow */
    IMX_ASK_TIME,    /* replies ms[0] of `a` */
    IMX_ASK_DUEL,    /* replies the least ms of `a` and of `b`, timed in alternation, and b/a */
    IMX_ASK_VERIFY,  /* `b`, with the device's own choice `a` at hand */
    IMX_ASK_KEEP,    /* `a` is from now on in force for ops that run inside others; no reply */
};

struct imx_request {
    enum imx_ask ask;
    struct imx_choice a, b;
    double enough; /* TIME: stop after one execution that takes longer than so many ms; 0: no */
};

/* started: the programs are built and every candidate ran once; another reply follows. */
struct imx_reply {
    imx_status status;
    bool started, wrong;
    int count;
    double ms[2], ratio;
    char text[480];
};

/* The first thing that a child says. */
struct imx_hello {
    imx_status status;
    struct imx_caps caps;
    char text[480]; /* how the device was chosen, or why it could not be opened */
};

struct imx_worker_arg {
    const char *device;
    const struct imx_tuned *table; /* copied by the child */
    const struct imx_tune_options *options;
};

/* Body of the child: arg is a struct imx_worker_arg. */
void imx_tune_worker(int in, int out, void *arg);

#endif
