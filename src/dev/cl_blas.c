/* CLBlast as one GEMM variant: an OpenCL library behind the device layer, because it takes cl_mem and the queue.
 * Pieces are passed as whole allocations with offsets in elements, so no sub-buffer is made. CLBlast keeps
 * programs per context in static memory; they are dropped before the context goes. */
#include "dev/cl.h"

#ifdef IMX_HAVE_CLBLAST
    #include <clblast_c.h>

bool imx_dev_has_blas(const struct imx_dev *dev)
{
    return dev->caps.type != IMX_DEV_HOST && !dev->lost;
}

void imx_cl_blas_finish(struct imx_cl *cl)
{
    if (cl->used_blas)
        (void)CLBlastClearCache();
}

/* The first element of a piece that holds at least `count` floats. */
static imx_status at(struct imx_mem m, int64_t count, const char *name, size_t *element)
{
    if (!m.buf || m.off % 4 || (uint64_t)count * 4 > m.bytes || m.off > m.buf->bytes || m.bytes > m.buf->bytes - m.off)
        return imx_fail(IMX_E_ARG, "CLBlast GEMM: matrix %s needs %lld floats, its piece of memory has %llu bytes",
                        name, (long long)count, (unsigned long long)m.bytes);
    *element = m.off / 4;
    return IMX_OK;
}

imx_status imx_dev_blas_gemm(struct imx_dev *dev, bool ta, bool tb, int64_t m, int64_t n, int64_t k, struct imx_mem a,
                             struct imx_mem b, struct imx_mem c)
{
    struct imx_cl *cl = imx_cl_of(dev);
    size_t oa = 0, ob = 0, oc = 0;
    if (imx_dev_is_host(dev))
        return imx_fail(IMX_E_UNSUPPORTED, "the host device has no CLBlast");
    if (dev->lost)
        return imx_fail(IMX_E_LOST, "CLBlast GEMM: the device was lost earlier in this run");
    if (m <= 0 || n <= 0)
        return IMX_OK;
    if (k <= 0)
        return imx_fail(IMX_E_ARG, "CLBlast GEMM: the inner size is %lld", (long long)k);
    IMX_TRY(at(a, m * k, "A", &oa));
    IMX_TRY(at(b, k * n, "B", &ob));
    IMX_TRY(at(c, m * n, "C", &oc));
    cl->used_blas = true;
    c.buf->blank = false;
    const CLBlastStatusCode code = CLBlastSgemm(
        CLBlastLayoutRowMajor, ta ? CLBlastTransposeYes : CLBlastTransposeNo,
        tb ? CLBlastTransposeYes : CLBlastTransposeNo, (size_t)m, (size_t)n, (size_t)k, 1.0f, a.buf->mem, oa,
        (size_t)(ta ? m : k), b.buf->mem, ob, (size_t)(tb ? k : n), 0.0f, c.buf->mem, oc, (size_t)n, &cl->queue, NULL);
    dev->count.launches++;
    if (code == CLBlastSuccess)
        return IMX_OK;
    if (code <= -1024) /* CLBlast's own codes begin there; above they are OpenCL's */
        return imx_fail(IMX_E_UNSUPPORTED, "CLBlast GEMM %lldx%lldx%lld: CLBlast error %d on %s", (long long)m,
                        (long long)n, (long long)k, (int)code, dev->caps.name);
    return imx_cl_fail(cl, (cl_int)code, false, "CLBlast GEMM");
}

#else

bool imx_dev_has_blas(const struct imx_dev *dev)
{
    (void)dev;
    return false;
}

void imx_cl_blas_finish(struct imx_cl *cl)
{
    (void)cl;
}

imx_status imx_dev_blas_gemm(struct imx_dev *dev, bool ta, bool tb, int64_t m, int64_t n, int64_t k, struct imx_mem a,
                             struct imx_mem b, struct imx_mem c)
{
    (void)dev, (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)b, (void)c;
    return imx_fail(IMX_E_UNSUPPORTED, "this build has no CLBlast");
}
#endif
