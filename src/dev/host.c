/* The host device: plain memory and the float references. It needs no OpenCL at all, and it is where every result can
 * be checked by reading C. */
#include "dev/host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct imx_buf {
    uint64_t bytes;
    unsigned char *data;
};

static imx_status host_alloc(struct imx_dev *dev, uint64_t bytes, struct imx_buf **out)
{
    struct imx_buf *buf = calloc(1, sizeof *buf);
    void *data = NULL;
    if (!buf || posix_memalign(&data, 4096, bytes)) {
        free(buf);
        return imx_fail(IMX_E_NOMEM, "out of memory: the host has no %llu bytes", (unsigned long long)bytes);
    }
    buf->bytes = bytes;
    buf->data = data;
    dev->count.allocs++;
    dev->count.bytes_now += bytes;
    if (dev->count.bytes_now > dev->count.bytes_peak)
        dev->count.bytes_peak = dev->count.bytes_now;
    *out = buf;
    return IMX_OK;
}

static void host_free(struct imx_dev *dev, struct imx_buf *buf)
{
    if (!buf)
        return;
    dev->count.bytes_now -= buf->bytes;
    free(buf->data);
    free(buf);
}

static imx_status host_upload(struct imx_dev *dev, struct imx_mem dst, const void *src, uint64_t n)
{
    dev->count.bytes_up += n;
    memcpy(dst.buf->data + dst.off, src, n);
    return IMX_OK;
}

static imx_status host_download(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n)
{
    dev->count.bytes_down += n;
    memcpy(dst, src.buf->data + src.off, n);
    return IMX_OK;
}

static imx_status host_map(struct imx_dev *dev, struct imx_mem mem, void **at)
{
    (void)dev;
    *at = mem.buf->data + mem.off;
    return IMX_OK;
}

static imx_status host_unmap(struct imx_dev *dev, struct imx_mem mem, void *at)
{
    (void)dev, (void)mem, (void)at;
    return IMX_OK;
}

static imx_status host_copy(struct imx_dev *dev, struct imx_mem dst, struct imx_mem src, uint64_t n)
{
    (void)dev;
    memcpy(dst.buf->data + dst.off, src.buf->data + src.off, n);
    return IMX_OK;
}

static imx_status host_fill(struct imx_dev *dev, struct imx_mem dst, uint32_t pattern)
{
    (void)dev;
    for (uint64_t i = 0; i + 4 <= dst.bytes; i += 4)
        memcpy(dst.buf->data + dst.off + i, &pattern, 4);
    return IMX_OK;
}

static imx_status host_launch(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *launch,
                              const void *args)
{
    (void)dev, (void)kernel, (void)launch, (void)args;
    return imx_fail(IMX_E_UNSUPPORTED, "the host device runs references, not kernels");
}

static imx_status host_sync(struct imx_dev *dev)
{
    (void)dev;
    return IMX_OK;
}

static uint32_t host_group_limit(struct imx_dev *dev, const struct imx_kernel *kernel, const char *options)
{
    (void)dev, (void)kernel, (void)options;
    return 0;
}

static void host_release(struct imx_dev *dev)
{
    free(dev);
}

static const struct imx_dev_vt vt = {
    .alloc = host_alloc,
    .free = host_free,
    .upload = host_upload,
    .download = host_download,
    .fetch = host_download,
    .map = host_map,
    .unmap = host_unmap,
    .copy = host_copy,
    .fill = host_fill,
    .launch = host_launch,
    .sync = host_sync,
    .group_limit = host_group_limit,
    .release = host_release,
};

void *imx_host_ptr(struct imx_dev *dev, struct imx_mem mem)
{
    return dev->vt == &vt && mem.buf && mem.bytes ? mem.buf->data + mem.off : NULL;
}

void imx_host_caps(struct imx_caps *caps)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint64_t memory = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
    *caps = (struct imx_caps){
        .type = IMX_DEV_HOST,
        .id = "host",
        .platform = "infomax",
        .name = "host (plain C reference)",
        .vendor = "infomax",
        .driver = "-",
        .compute_units = cores > 0 ? (uint32_t)cores : 1,
        .memory_bytes = memory,
        .max_alloc_bytes = memory,
        .align_bytes = 64,
        .vec_float = 1,
        .unified = true,
    };
}

imx_status imx_host_open(struct imx_dev **out)
{
    struct imx_dev *dev = calloc(1, sizeof *dev);
    if (!dev)
        return imx_fail(IMX_E_NOMEM, "no memory for a device");
    dev->vt = &vt;
    imx_host_caps(&dev->caps);
    *out = dev;
    return IMX_OK;
}
