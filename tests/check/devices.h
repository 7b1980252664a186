/* Runs an op with given numbers on a device, and a test on the host and on every OpenCL device type at hand. */
#ifndef IMX_TESTS_DEVICES_H
#define IMX_TESTS_DEVICES_H

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

/* Calls test(device, its name) on the host and on the first OpenCL device of each type; a type without one is a skip
 * with the reason. */
static inline void on_devices(void (*test)(struct imx_dev *dev, const char *where))
{
    static const char *const spec[] = { "host", "cpu", "gpu" };
    for (int i = 0; i < 3; i++) {
        struct imx_dev *dev = NULL;
        if (imx_dev_open(spec[i], &dev, NULL) != IMX_OK) {
            tap_skip(spec[i], imx_error_text());
            continue;
        }
        test(dev, spec[i]);
        imx_dev_close(dev);
    }
}

#endif
