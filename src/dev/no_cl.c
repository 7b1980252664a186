/* What a build without OpenCL (meson option opencl disabled, or no libOpenCL) has instead of the cl_*.c files. */
#include <stdlib.h>

#include "dev/host.h"
#include "dev/probe.h"

imx_status imx_cl_open(int p, int d, struct imx_dev **out)
{
    (void)p, (void)d, (void)out;
    return imx_fail(IMX_E_NODEVICE, "this build has no OpenCL");
}

imx_status imx_cl_probe(bool remembered, struct imx_dev_info **out, size_t *n)
{
    (void)remembered;
    *n = 0;
    *out = calloc(1, sizeof **out);
    return *out ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for the list of devices");
}

bool imx_dev_has_blas(const struct imx_dev *dev)
{
    (void)dev;
    return false;
}

imx_status imx_dev_blas_gemm(struct imx_dev *dev, bool ta, bool tb, int64_t m, int64_t n, int64_t k, struct imx_mem a,
                             struct imx_mem b, struct imx_mem c)
{
    (void)dev, (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)b, (void)c;
    return imx_fail(IMX_E_UNSUPPORTED, "this build has no OpenCL");
}

imx_status imx_keeper_start(const struct imx_dev_info *chosen, struct imx_keeper **out)
{
    (void)chosen;
    *out = NULL;
    return IMX_OK;
}

void imx_keeper_tell(struct imx_keeper *k, struct imx_dev *dev)
{
    (void)k, (void)dev;
}

void imx_keeper_end(struct imx_keeper *k)
{
    (void)k;
}

void imx_cl_race(const struct imx_dev_info *at, size_t n, double *gflops)
{
    (void)at;
    for (size_t i = 0; i < n; i++)
        gflops[i] = 0.0;
}

imx_status imx_meter_open(struct imx_dev *dev, struct imx_meter *out)
{
    *out = (struct imx_meter){ .dev = dev };
    return IMX_OK;
}

imx_status imx_meter_read(struct imx_meter *m, double *gflops)
{
    (void)m;
    *gflops = 0.0;
    return IMX_OK;
}

void imx_meter_close(struct imx_meter *m)
{
    *m = (struct imx_meter){ 0 };
}

imx_status imx_dev_peak(struct imx_dev *dev, double *gflops, double *copy_gbps)
{
    (void)dev, (void)gflops, (void)copy_gbps;
    return imx_fail(IMX_E_UNSUPPORTED, "the host device has no kernels to measure");
}
