/* Keeping built programs where that is slow. PoCL has a cache of its own, but it runs its preprocessor over every
 * source before it looks there (40 ms a program; 4 ms from a binary), and handing out a binary means building each
 * kernel once more, for work-groups of any size, which takes longer than all else of a first start. So on such a driver
 * a child process does it, in what the training leaves of the processor, and ends with its parent; what it did not get
 * to, the next start's child does. It is forked before this process uses OpenCL and waits for the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/log.h"
#include "dev/cl.h"
#include "dev/probe.h"

enum { OPTIONS = 256 };

/* The fork shares the addresses of constants. source NULL: that was all. */
struct order {
    const struct imx_kernel_source *source;
    char options[OPTIONS];
};

struct imx_keeper {
    struct imx_child child;
    struct imx_dev_info device;
    bool told;
};

static bool slow(const struct imx_caps *caps)
{
    return !strcmp(caps->platform, "Portable Computing Language");
}

bool imx_cl_keeps_slowly(const struct imx_cl *cl)
{
    const char *set = getenv("INFOMAX_BINARIES");
    return slow(&cl->base.caps) && !(set && !strcmp(set, "all")); /* all: at once, for tests */
}

static void body_keep(int in, int out, void *arg)
{
    const struct imx_keeper *k = arg;
    struct imx_dev *dev = NULL;
    struct order o;
    (void)out;
    while (imx_pipe_read(in, &o, sizeof o, 0) && o.source) {
        int p = -1, d = -1;
        if (!dev) {
            if (nice(19) < 0 || sscanf(k->device.caps.id, "%d:%d", &p, &d) != 2 || imx_cl_open(p, d, &dev) != IMX_OK)
                _exit(1);
        }
        imx_cl_keep(imx_cl_of(dev), o.source, o.options);
    }
    _exit(0);
}

imx_status imx_keeper_start(const struct imx_dev_info *device, struct imx_keeper **out)
{
    *out = NULL;
    if (!slow(&device->caps))
        return IMX_OK;
    struct imx_keeper *k = calloc(1, sizeof *k);
    if (!k)
        return imx_fail(IMX_E_NOMEM, "no memory for a child process");
    k->device = *device;
    const imx_status s = imx_child_start(&k->child, body_keep, k);
    if (s != IMX_OK) {
        free(k);
        return s;
    }
    *out = k;
    return IMX_OK;
}

void imx_keeper_tell(struct imx_keeper *k, struct imx_dev *dev)
{
    if (!k || k->told || imx_dev_is_host(dev))
        return;
    struct imx_cl *cl = imx_cl_of(dev);
    k->told = true;
    bool there = true; /* a child that is gone costs nothing but a slower next start */
    for (size_t i = 0; i < cl->n_programs && there; i++) {
        struct order o = { .source = cl->programs[i].source };
        if (!cl->programs[i].unkept || strlen(cl->programs[i].options) >= OPTIONS)
            continue;
        strcpy(o.options, cl->programs[i].options);
        there = imx_pipe_write(k->child.to, &o, sizeof o);
    }
    there = there && imx_pipe_write(k->child.to, &(struct order){ .source = NULL }, sizeof(struct order));
    if (!there)
        imx_log(IMX_LOG_DEBUG, "the child process that keeps programs is gone");
}

void imx_keeper_end(struct imx_keeper *k)
{
    if (!k)
        return;
    imx_child_end(&k->child, IMX_CHILD_DONE, NULL, 0);
    free(k);
}
