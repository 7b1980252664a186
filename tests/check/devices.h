/* Runs an op with given numbers on a device, and a test on the host and on every OpenCL device at hand. */
#ifndef IMX_TESTS_DEVICES_H
#define IMX_TESTS_DEVICES_H

#include <stdlib.h>
#include <string.h>

#include "ops/op.h"
#include "tap.h"

/* data[i]: host memory of argument i (NULL: absent); inputs go up, outputs come back. */
static inline imx_status run_op(struct imx_dev *dev, const struct imx_op *op, const void *problem, void *const *data)
{
    struct imx_arg arg[IMX_MAX_ARGS];
    struct imx_args args = { 0 };
    imx_status status = IMX_OK;
    const struct imx_variant *v = imx_op_pick(dev, op, problem, NULL);
    const uint64_t ws = v && v->workspace ? v->workspace(&dev->caps, problem) : 0;
    op->args(problem, arg);
    for (int i = 0; i < op->n_args; i++)
        if (arg[i].count) {
            args.m[i].bytes = (uint64_t)arg[i].count * imx_dtype_size(arg[i].dtype);
            IMX_GO(dev->vt->alloc(dev, args.m[i].bytes, &args.m[i].buf));
            if (arg[i].role != IMX_OUT)
                IMX_GO(dev->vt->upload(dev, args.m[i], data[i], args.m[i].bytes));
        }
    args.ws.bytes = ws;
    if (ws)
        IMX_GO(dev->vt->alloc(dev, ws, &args.ws.buf));
    IMX_GO(imx_op_run(dev, op, v, problem, &args));
    for (int i = 0; i < op->n_args; i++)
        if (arg[i].count && arg[i].role != IMX_IN)
            IMX_GO(dev->vt->download(dev, data[i], args.m[i], args.m[i].bytes));
    IMX_GO(dev->vt->sync(dev));
fail:
    for (int i = 0; i < op->n_args; i++)
        dev->vt->free(dev, args.m[i].buf);
    dev->vt->free(dev, args.ws.buf);
    if (status != IMX_OK)
        printf("# %s\n", imx_error_text());
    return status;
}

/* Two of a kind by one driver count once: a driver that errs on one errs on the other. */
static inline bool same_device(const struct imx_caps *a, const struct imx_caps *b)
{
    return !strcmp(a->platform, b->platform) && !strcmp(a->name, b->name) && !strcmp(a->driver, b->driver);
}

/* Calls test(device, its name) on the host, "host", and on every OpenCL device at hand, "cpu 0:0"; without any OpenCL
 * device, a skip with the reason. */
static inline void on_devices(void (*test)(struct imx_dev *dev, const char *where))
{
    static const char *const type[] = { "host", "cpu", "gpu", "accelerator" };
    struct imx_dev_info *list = NULL;
    struct imx_dev *dev = NULL;
    size_t n = 0;
    int opened = 0;
    if (tap_ok(imx_dev_open("host", &dev, NULL) == IMX_OK, "the host device opens"))
        test(dev, "host");
    imx_dev_close(dev);
    if (!tap_ok(imx_dev_list(&list, &n) == IMX_OK, "devices are listed"))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        char where[64];
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= list[k].usable && same_device(&list[k].caps, &list[i].caps);
        if (again || !list[i].usable || list[i].caps.type == IMX_DEV_HOST)
            continue;
        snprintf(where, sizeof where, "%s %s", type[list[i].caps.type], list[i].caps.id);
        dev = NULL;
        if (tap_ok(imx_dev_open_chosen(&list[i], &dev) == IMX_OK, "%s opens", where))
            test(dev, where);
        imx_dev_close(dev);
        opened++;
    }
    free(list);
    dev = NULL;
    if (!opened && imx_dev_open("gpu", &dev, NULL) != IMX_OK)
        tap_skip("OpenCL", imx_error_text());
    imx_error_clear();
}

#endif
