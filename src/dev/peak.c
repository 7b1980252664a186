/* The device's measured ceiling, which benchmarks quote and "auto" compares: the best of a few timed launches of
 * cl/peak.cl, each made long enough (20 ms or more) that the clock and the launch do not matter. */
#include "base/clock.h"
#include "imx_kernels.h"

enum { ACCUMULATORS = 12, TRIES = 4 };

/* The vector of peak_mad: a register of a CPU device. */
static int lanes_of(const struct imx_caps *caps, bool wide)
{
    return !wide || caps->vec_float < 8 ? 4 : caps->vec_float < 16 ? 8 : 16;
}

/* Seconds of one launch of peak_mad. */
static imx_status time_mad(struct imx_dev *dev, struct imx_mem dst, bool wide, size_t items, int rounds, double *s)
{
    const size_t most = dev->caps.max_group, local = wide ? 1 : most >= 64 ? 64 : most >= 16 ? 16 : 1;
    const int lanes = lanes_of(&dev->caps, wide);
    const struct imx_launch launch = { { items, 1, 1 },
                                       { local, 1, 1 },
                                       lanes == 16  ? NULL
                                       : lanes == 8 ? "-DWIDE=float8 -DLANES=8"
                                                    : "-DWIDE=float4 -DLANES=4" };
    const double start = imx_now();
    IMX_TRY(imx_run_peak_mad(dev, launch,
                             &(struct imx_k_peak_mad){ .dst = dst, .rounds = rounds, .scale = 0.5f, .shift = 1.0f }));
    IMX_TRY(dev->vt->sync(dev));
    *s = imx_now() - start;
    return IMX_OK;
}

static imx_status flops(struct imx_dev *dev, struct imx_mem dst, bool wide, size_t items, double *gflops)
{
    double s = 0.0;
    int rounds = 256;
    /* Not more rounds in a work-item than llvmpipe runs (see limit.cl); there are many work-items instead. */
    const int most = wide ? 1 << 24 : 1 << 15;
    IMX_TRY(time_mad(dev, dst, wide, items, rounds, &s)); /* builds */
    for (s = 0.0; s < 0.02 && rounds < most; rounds *= 2)
        IMX_TRY(time_mad(dev, dst, wide, items, rounds, &s));
    *gflops = 0.0;
    for (int i = 0; i < TRIES; i++) {
        IMX_TRY(time_mad(dev, dst, wide, items, rounds, &s));
        const double rate = 2.0 * ACCUMULATORS * lanes_of(&dev->caps, wide) * (double)items * (double)rounds / s * 1e-9;
        *gflops = rate > *gflops ? rate : *gflops;
    }
    return IMX_OK;
}

static imx_status copies(struct imx_dev *dev, struct imx_mem src, struct imx_mem dst, double *gbps)
{
    const size_t n = (size_t)(src.bytes / 64), local = dev->caps.max_group >= 64 ? 64 : 1;
    const struct imx_launch launch = { { (n + local - 1) / local * local, 1, 1 }, { local, 1, 1 }, NULL };
    *gbps = 0.0;
    for (int i = 0; i < TRIES + 1; i++) { /* the first builds and touches the pages */
        const double start = imx_now();
        for (int j = 0; j < 4; j++)
            IMX_TRY(imx_run_peak_copy(dev, launch, &(struct imx_k_peak_copy){ .src = src, .dst = dst, .n = (int)n }));
        IMX_TRY(dev->vt->sync(dev));
        const double rate = 8.0 * (double)src.bytes / (imx_now() - start) * 1e-9;
        if (i && rate > *gbps)
            *gbps = rate;
    }
    return IMX_OK;
}

imx_status imx_dev_peak(struct imx_dev *dev, double *gflops, double *copy_gbps)
{
    const bool wide = dev->caps.type == IMX_DEV_CPU;
    const size_t items = (size_t)dev->caps.compute_units * (wide ? 16 : 2048);
    uint64_t bytes = (uint64_t)64 << 20;
    struct imx_buf *a = NULL, *b = NULL;
    imx_status status = IMX_OK;
    if (imx_dev_is_host(dev))
        return imx_fail(IMX_E_UNSUPPORTED, "the host device has no kernels to measure");
    while (bytes > 65536 && bytes > dev->caps.max_alloc_bytes)
        bytes /= 2;
    IMX_GO(dev->vt->alloc(dev, bytes, &a));
    IMX_GO(dev->vt->alloc(dev, bytes, &b));
    const struct imx_mem src = { a, 0, bytes }, dst = { b, 0, bytes };
    IMX_GO(dev->vt->fill(dev, src, 0));
    IMX_GO(copies(dev, src, dst, copy_gbps));
    IMX_GO(flops(dev, dst, wide, items, gflops));
fail:
    if (!dev->lost)
        (void)dev->vt->sync(dev);
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
    return status;
}
