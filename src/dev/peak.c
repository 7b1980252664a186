/* The device's measured ceiling, which benchmarks quote and "auto" compares: the best of a few timed launches of
 * cl/peak.cl, each made long enough (20 ms or more) that the clock and the launch do not matter. */
#include "base/clock.h"
#include "imx_kernels.h"

enum { ACCUMULATORS = 12, TRIES = 4 };

/* How the multiply-adds of peak_mad are written, and how many of them one work-item does. */
struct mads {
    bool fused;
    int rounds;
};

/* The vector of peak_mad: a register of a CPU device. */
static int lanes_of(const struct imx_caps *caps, bool wide)
{
    return !wide || caps->vec_float < 8 ? 4 : caps->vec_float < 16 ? 8 : 16;
}

/* Seconds of one launch of peak_mad. */
static imx_status time_mad(struct imx_dev *dev, struct imx_mem dst, bool wide, size_t items, struct mads mads,
                           double *s)
{
    const size_t most = dev->caps.max_group, local = wide ? 1 : most >= 64 ? 64 : most >= 16 ? 16 : 1;
    static const char *const options[][2] = { { "-DWIDE=float4 -DLANES=4", "-DWIDE=float4 -DLANES=4 -DFUSED" },
                                              { "-DWIDE=float8 -DLANES=8", "-DWIDE=float8 -DLANES=8 -DFUSED" },
                                              { NULL, "-DFUSED" } };
    const struct imx_launch launch = { { items, 1, 1 },
                                       { local, 1, 1 },
                                       options[lanes_of(&dev->caps, wide) / 8][mads.fused] };
    const double start = imx_now();
    IMX_TRY(imx_run_peak_mad(
        dev, launch, &(struct imx_k_peak_mad){ .dst = dst, .rounds = mads.rounds, .scale = 0.5f, .shift = 1.0f }));
    IMX_TRY(dev->vt->sync(dev));
    *s = imx_now() - start;
    return IMX_OK;
}

static bool wide_of(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU;
}

static size_t items_of(const struct imx_dev *dev)
{
    return (size_t)dev->caps.compute_units * (wide_of(dev) ? 16 : 2048);
}

/* One launch's rate; the rounds are doubled until it takes `least` seconds if they are still 0. */
static imx_status mad_rate(struct imx_dev *dev, struct imx_mem dst, double least, struct mads *mads, double *gflops)
{
    const bool wide = wide_of(dev);
    const size_t items = items_of(dev);
    /* Not more rounds in a work-item than llvmpipe runs (see limit.cl); there are many work-items instead. */
    const int most = wide ? 1 << 24 : 1 << 15;
    double s = 0.0;
    if (!mads->rounds) {
        mads->rounds = 256;
        IMX_TRY(time_mad(dev, dst, wide, items, *mads, &s)); /* builds */
        for (s = 0.0; s < least && mads->rounds < most; mads->rounds *= 2)
            IMX_TRY(time_mad(dev, dst, wide, items, *mads, &s));
    }
    IMX_TRY(time_mad(dev, dst, wide, items, *mads, &s));
    *gflops = 2.0 * ACCUMULATORS * lanes_of(&dev->caps, wide) * (double)items * (double)mads->rounds / s * 1e-9;
    return IMX_OK;
}

/* How the device multiplies and adds best, and the best rate of a few launches of `least` seconds each. PoCL makes two
 * instructions of mad(), 20 % (AVX2 of AMD) to 50 % slower than the one of fma(); where there is no such instruction
 * fma() is a function, many times slower. In between there is only noise. */
static imx_status choose(struct imx_dev *dev, struct imx_mem dst, double least, struct mads *out, double *gflops)
{
    double best[2] = { 0.0, 0.0 };
    struct mads forms[2] = { { false, 0 }, { true, 0 } };
    for (int i = 0; i < 2 * TRIES; i++) {
        double rate = 0.0;
        IMX_TRY(mad_rate(dev, dst, least, &forms[i % 2], &rate));
        best[i % 2] = rate > best[i % 2] ? rate : best[i % 2];
    }
    const bool fused = best[1] > 0.7 * best[0];
    *gflops = best[fused];
    *out = forms[fused];
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
    uint64_t bytes = (uint64_t)64 << 20;
    struct imx_buf *a = NULL, *b = NULL;
    struct mads mads = { 0 };
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
    IMX_GO(choose(dev, dst, 0.02, &mads, gflops));
fail:
    if (!dev->lost)
        (void)dev->vt->sync(dev);
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
    return status;
}

imx_status imx_meter_open(struct imx_dev *dev, struct imx_meter *out)
{
    double first = 0.0;
    imx_status status = IMX_OK;
    *out = (struct imx_meter){ .dev = dev };
    if (imx_dev_is_host(dev))
        return IMX_OK;
    IMX_GO(dev->vt->alloc(dev, items_of(dev) * sizeof(float), &out->buf));
    struct mads mads = { 0 };
    IMX_GO(choose(dev, (struct imx_mem){ out->buf, 0, items_of(dev) * sizeof(float) }, 0.005, &mads, &first));
    out->fused = mads.fused;
    out->rounds = mads.rounds;
fail:
    if (status != IMX_OK)
        imx_meter_close(out);
    return status;
}

imx_status imx_meter_read(struct imx_meter *m, double *gflops)
{
    *gflops = 0.0;
    if (!m->buf)
        return IMX_OK;
    const struct imx_mem dst = { m->buf, 0, items_of(m->dev) * sizeof(float) };
    return mad_rate(m->dev, dst, 0.0, &(struct mads){ m->fused, m->rounds }, gflops);
}

void imx_meter_close(struct imx_meter *m)
{
    if (m->dev)
        m->dev->vt->free(m->dev, m->buf);
    *m = (struct imx_meter){ 0 };
}
