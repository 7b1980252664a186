/* One OpenCL device behind the entry points of dev.h: context, one in-order queue, buffers.
 * Whole allocations are cl_mem; pieces of them become sub-buffers only as kernel arguments (cl_launch.c), because
 * reads, writes, copies and fills take offsets. Sizes are checked here, against the allocation and against the
 * (possibly emulated) limits, since drivers differ in what they check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/pages.h"
#include "dev/cl.h"
#include "imx_kernels.h"

static uint64_t env_limit(const char *name, uint64_t value)
{
    const char *text = getenv(name);
    char *end = NULL;
    const unsigned long long limit = text && *text ? strtoull(text, &end, 10) : 0;
    return limit && end && !*end && limit < value ? limit : value;
}

static void text_of(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    size_t used = 0;
    char all[4096] = "";
    if (clGetDeviceInfo(device, what, sizeof all - 1, all, &used) != CL_SUCCESS)
        all[0] = 0;
    snprintf(text, size, "%.*s", (int)size - 1, all);
}

static bool has_extension(cl_device_id device, const char *name)
{
    size_t size = 0;
    if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS || !size)
        return false;
    char *all = calloc(1, size + 1);
    bool found = false;
    if (all && clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, size, all, NULL) == CL_SUCCESS)
        found = strstr(all, name) != NULL;
    free(all);
    return found;
}

static enum imx_dev_type type_of(cl_device_id device)
{
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    return type & CL_DEVICE_TYPE_GPU ? IMX_DEV_GPU : type & CL_DEVICE_TYPE_CPU ? IMX_DEV_CPU : IMX_DEV_ACCELERATOR;
}

/* What sub-groups the device claims. The queries are newer than OpenCL 1.2: a driver that does not know one answers
 * with an error, which counts as "none". IMX_SUBGROUPS, for tests: "khr" passes over the sizes that kernels could ask
 * for, "off" over all. */
static void subgroups(cl_device_id device, struct imx_caps *caps)
{
    enum { MAX_NUM_SUB_GROUPS = 0x105C, SUB_GROUP_SIZES_INTEL = 0x4108 };
    const char *only = getenv("IMX_SUBGROUPS");
    size_t size[16] = { 0 }, used = 0;
    cl_uint most = 0;
    int major = 0;
    if (only && !strcmp(only, "off"))
        return;
    if (!(only && !strcmp(only, "khr")) && has_extension(device, "cl_intel_subgroups") &&
        has_extension(device, "cl_intel_required_subgroup_size") &&
        clGetDeviceInfo(device, SUB_GROUP_SIZES_INTEL, sizeof size, size, &used) == CL_SUCCESS)
        for (size_t i = 0; i < used / sizeof size[0]; i++)
            if (size[i] && !(size[i] & (size[i] - 1)) && size[i] <= 128)
                caps->sub_sizes |= (uint32_t)size[i];
    if (sscanf(caps->opencl, "OpenCL %d", &major) == 1 && major >= 2 &&
        (has_extension(device, "cl_khr_subgroups") ||
         (clGetDeviceInfo(device, MAX_NUM_SUB_GROUPS, sizeof most, &most, NULL) == CL_SUCCESS && most > 0)))
        caps->sub_std = major == 2 ? 2 : 3;
    caps->subgroups = caps->sub_sizes || caps->sub_std;
}

/* Emulation for tests: IMX_TYPE=gpu makes any device count as a GPU, IMX_UNITS sets how many compute units it has,
 * IMX_UNIFIED=0 gives it memory of its own, so that what is chosen for a large GPU runs, and is checked, without one.
 */
static void emulate(struct imx_caps *caps)
{
    const char *type = getenv("IMX_TYPE"), *units = getenv("IMX_UNITS"), *unified = getenv("IMX_UNIFIED");
    char *end = NULL;
    const unsigned long n = units && *units ? strtoul(units, &end, 10) : 0;
    if (type && !strcmp(type, "gpu"))
        caps->type = IMX_DEV_GPU;
    if (n > 0 && n <= 4096 && !*end)
        caps->compute_units = (uint32_t)n;
    if (unified && !strcmp(unified, "0"))
        caps->unified = false;
}

void imx_cl_caps(cl_platform_id platform, cl_device_id device, int p, int d, struct imx_caps *caps)
{
    cl_uint units = 0, align = 0, vec = 0;
    cl_ulong memory = 0, max_alloc = 0, local = 0;
    cl_device_local_mem_type local_type = 0;
    cl_bool unified = CL_FALSE;
    size_t group = 1, items[16] = { 0 };
    *caps = (struct imx_caps){ .type = type_of(device) };
    snprintf(caps->id, sizeof caps->id, "%d:%d", p, d);
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof caps->platform, caps->platform, NULL) != CL_SUCCESS)
        caps->platform[0] = 0;
    text_of(device, CL_DEVICE_NAME, caps->name, sizeof caps->name);
    text_of(device, CL_DEVICE_VENDOR, caps->vendor, sizeof caps->vendor);
    text_of(device, CL_DRIVER_VERSION, caps->driver, sizeof caps->driver);
    text_of(device, CL_DEVICE_VERSION, caps->opencl, sizeof caps->opencl);
    clGetDeviceInfo(device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof max_alloc, &max_alloc, NULL);
    clGetDeviceInfo(device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    clGetDeviceInfo(device, CL_DEVICE_LOCAL_MEM_TYPE, sizeof local_type, &local_type, NULL);
    clGetDeviceInfo(device, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, NULL);
    clGetDeviceInfo(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align, &align, NULL);
    clGetDeviceInfo(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof vec, &vec, NULL);
    caps->compute_units = units ? units : 1;
    caps->memory_bytes = memory;
    caps->max_alloc_bytes = env_limit("IMX_MAX_ALLOC", max_alloc ? max_alloc : memory / 4);
    caps->local_bytes = env_limit("IMX_LOCAL_BYTES", local);
    caps->local_is_global = local_type != CL_LOCAL;
    caps->max_group = (uint32_t)env_limit("IMX_MAX_GROUP", group);
    for (int i = 0; i < 3; i++)
        caps->max_items[i] = (uint32_t)(items[i] < UINT32_MAX ? items[i] : UINT32_MAX);
    caps->align_bytes = align >= 8 ? align / 8 : 128;
    caps->vec_float = vec ? vec : 1;
    caps->unified = unified || caps->type == IMX_DEV_CPU;
    emulate(caps);
    caps->fp16 = has_extension(device, "cl_khr_fp16");
    subgroups(device, caps);
}

static imx_status gone(void)
{
    return imx_fail(IMX_E_LOST, "the device was lost earlier in this run; start the program again "
                                "(a training run goes on from its last checkpoint with `infomax resume`)");
}

/* Pages of our own under a large buffer of a device that computes in host memory: huge ones where the system has them,
 * which cost a hundredth of the page faults, and zero as they come, so that zeroing them touches nothing. */
enum { HUGE_PAGE = 1 << 21 };

struct pages {
    void *at;
    size_t bytes;
};

static void CL_CALLBACK unmap(cl_mem mem, void *user)
{
    struct pages *p = user;
    (void)mem;
    munmap(p->at, p->bytes);
    free(p);
}

/* NULL where anything refuses; the driver then finds the memory itself. */
static cl_mem on_pages(struct imx_cl *cl, uint64_t bytes)
{
    cl_int code = CL_SUCCESS;
    struct pages *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    p->bytes = (size_t)bytes + 2 * HUGE_PAGE;
    p->at = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p->at == MAP_FAILED) {
        free(p);
        return NULL;
    }
    char *first = (char *)(((uintptr_t)p->at + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    imx_huge_pages(first, (size_t)bytes);
    cl_mem mem = clCreateBuffer(cl->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, first, &code);
    if (mem && code == CL_SUCCESS && clSetMemObjectDestructorCallback(mem, unmap, p) == CL_SUCCESS)
        return mem;
    if (mem && code == CL_SUCCESS)
        clReleaseMemObject(mem);
    munmap(p->at, p->bytes);
    free(p);
    return NULL;
}

static imx_status cl_alloc(struct imx_dev *dev, uint64_t bytes, struct imx_buf **out)
{
    struct imx_cl *cl = imx_cl_of(dev);
    const unsigned long long want = bytes;
    if (dev->lost)
        return gone();
    if (!bytes)
        return imx_fail(IMX_E_ARG, "an allocation of 0 bytes was asked for");
    if (bytes > dev->caps.max_alloc_bytes)
        return imx_fail(IMX_E_NOMEM,
                        "one allocation of %llu bytes is more than %s allows (%llu); use a smaller batch "
                        "or model",
                        want, dev->caps.name, (unsigned long long)dev->caps.max_alloc_bytes);
    if (dev->caps.memory_bytes && dev->count.bytes_now + bytes > dev->caps.memory_bytes)
        return imx_fail(IMX_E_NOMEM,
                        "%s has %llu bytes of memory, %llu are in use and %llu more were asked for; use a "
                        "smaller batch or model",
                        dev->caps.name, (unsigned long long)dev->caps.memory_bytes,
                        (unsigned long long)dev->count.bytes_now, want);
    struct imx_buf *buf = calloc(1, sizeof *buf);
    if (!buf)
        return imx_fail(IMX_E_NOMEM, "the host has no memory for a buffer");
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (dev->caps.unified ? CL_MEM_ALLOC_HOST_PTR : 0);
    if (dev->caps.type == IMX_DEV_CPU && dev->caps.unified && bytes >= HUGE_PAGE)
        buf->mem = on_pages(cl, bytes);
    buf->blank = buf->mem != NULL;
    if (!buf->mem)
        buf->mem = clCreateBuffer(cl->context, flags, bytes, NULL, &code);
    if (code != CL_SUCCESS || !buf->mem) {
        free(buf);
        return imx_fail(IMX_E_NOMEM, "%s refused an allocation of %llu bytes (%s); use a smaller batch or model",
                        dev->caps.name, want, imx_cl_name(code));
    }
    buf->bytes = bytes;
    dev->count.allocs++;
    dev->count.bytes_now += bytes;
    if (dev->count.bytes_now > dev->count.bytes_peak)
        dev->count.bytes_peak = dev->count.bytes_now;
    *out = buf;
    return IMX_OK;
}

static void cl_free(struct imx_dev *dev, struct imx_buf *buf)
{
    if (!buf)
        return;
    for (size_t i = 0; i < buf->cap_subs && !dev->lost; i++)
        if (buf->subs[i].mem)
            clReleaseMemObject(buf->subs[i].mem);
    if (!dev->lost)
        clReleaseMemObject(buf->mem);
    dev->count.bytes_now -= buf->bytes;
    free(buf->subs);
    free(buf);
}

/* The n bytes from mem.off on must lie inside the allocation. */
static imx_status inside(const struct imx_dev *dev, struct imx_mem mem, uint64_t n, const char *what)
{
    if (dev->lost)
        return gone();
    if (!mem.buf)
        return imx_fail(IMX_E_ARG, "%s: there is no allocation behind this piece of memory", what);
    if (mem.off > mem.buf->bytes || n > mem.buf->bytes - mem.off)
        return imx_fail(IMX_E_ARG, "%s: bytes %llu to %llu lie outside an allocation of %llu", what,
                        (unsigned long long)mem.off, (unsigned long long)(mem.off + n),
                        (unsigned long long)mem.buf->bytes);
    return IMX_OK;
}

static imx_status cl_upload(struct imx_dev *dev, struct imx_mem dst, const void *src, uint64_t n)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (!n)
        return IMX_OK;
    IMX_TRY(inside(dev, dst, n, "upload"));
    dst.buf->blank = false;
    const cl_int code = clEnqueueWriteBuffer(cl->queue, dst.buf->mem, CL_TRUE, dst.off, n, src, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return imx_cl_fail(cl, code, true, "upload");
    dev->count.bytes_up += n;
    return IMX_OK;
}

static imx_status read_buffer(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n, cl_bool wait)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (!n)
        return IMX_OK;
    IMX_TRY(inside(dev, src, n, "download"));
    const cl_int code = clEnqueueReadBuffer(cl->queue, src.buf->mem, wait, src.off, n, dst, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return imx_cl_fail(cl, code, true, "download");
    dev->count.bytes_down += n;
    return IMX_OK;
}

static imx_status cl_download(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n)
{
    return read_buffer(dev, dst, src, n, CL_TRUE);
}

static imx_status cl_fetch(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n)
{
    return read_buffer(dev, dst, src, n, CL_FALSE);
}

/* In host memory a mapping moves nothing: it may stand in the queue of the kernels. */
static cl_command_queue queue_of_maps(const struct imx_cl *cl)
{
    return cl->moves ? cl->moves : cl->queue;
}

static imx_status cl_map(struct imx_dev *dev, struct imx_mem mem, void **at)
{
    struct imx_cl *cl = imx_cl_of(dev);
    cl_int code = CL_SUCCESS;
    IMX_TRY(inside(dev, mem, mem.bytes, "map"));
    mem.buf->blank = false;
    *at = clEnqueueMapBuffer(queue_of_maps(cl), mem.buf->mem, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, mem.off,
                             mem.bytes, 0, NULL, NULL, &code);
    return code == CL_SUCCESS ? IMX_OK : imx_cl_fail(cl, code, true, "mapping memory");
}

static imx_status cl_unmap(struct imx_dev *dev, struct imx_mem mem, void *at)
{
    struct imx_cl *cl = imx_cl_of(dev);
    cl_event moved = NULL;
    IMX_TRY(inside(dev, mem, mem.bytes, "unmap"));
    cl_int code = clEnqueueUnmapMemObject(queue_of_maps(cl), mem.buf->mem, at, 0, NULL, cl->moves ? &moved : NULL);
    if (code == CL_SUCCESS && moved) {
        code = clFlush(cl->queue); /* the kernels that it is to move beside */
        if (code == CL_SUCCESS)
            code = clFlush(cl->moves);
        if (code == CL_SUCCESS)
            code = clEnqueueBarrierWithWaitList(cl->queue, 1, &moved, NULL);
    }
    if (moved)
        clReleaseEvent(moved);
    if (code != CL_SUCCESS)
        return imx_cl_fail(cl, code, false, "handing mapped memory over");
    dev->count.bytes_up += mem.bytes;
    return IMX_OK;
}

static imx_status cl_copy(struct imx_dev *dev, struct imx_mem dst, struct imx_mem src, uint64_t n)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (!n)
        return IMX_OK;
    IMX_TRY(inside(dev, dst, n, "copy to"));
    IMX_TRY(inside(dev, src, n, "copy from"));
    if (dst.buf == src.buf && dst.off < src.off + n && src.off < dst.off + n)
        return imx_fail(IMX_E_ARG, "copy: the source at %llu and the target at %llu overlap (%llu bytes)",
                        (unsigned long long)src.off, (unsigned long long)dst.off, (unsigned long long)n);
    dst.buf->blank = false;
    const cl_int code = clEnqueueCopyBuffer(cl->queue, src.buf->mem, dst.buf->mem, src.off, dst.off, n, 0, NULL, NULL);
    return code == CL_SUCCESS ? IMX_OK : imx_cl_fail(cl, code, false, "copy");
}

static imx_status cl_fill(struct imx_dev *dev, struct imx_mem dst, uint32_t pattern)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (!dst.bytes)
        return IMX_OK;
    IMX_TRY(inside(dev, dst, dst.bytes, "fill"));
    if (dst.off % 4 || dst.bytes % 4)
        return imx_fail(IMX_E_ARG, "fill: offset %llu and size %llu must be multiples of 4",
                        (unsigned long long)dst.off, (unsigned long long)dst.bytes);
    if (dst.buf->blank && !pattern)
        return IMX_OK;
    dst.buf->blank = false;
    const cl_int code =
        clEnqueueFillBuffer(cl->queue, dst.buf->mem, &pattern, sizeof pattern, dst.off, dst.bytes, 0, NULL, NULL);
    return code == CL_SUCCESS ? IMX_OK : imx_cl_fail(cl, code, false, "fill");
}

static imx_status cl_sync(struct imx_dev *dev)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (dev->lost)
        return gone();
    const cl_int code = clFinish(cl->queue);
    return code == CL_SUCCESS ? IMX_OK : imx_cl_fail(cl, code, true, "waiting for the device");
}

static uint32_t cl_group_limit(struct imx_dev *dev, const struct imx_kernel *kernel, const char *options)
{
    struct imx_cl_kernel *k = NULL;
    if (dev->lost || imx_cl_kernel(imx_cl_of(dev), kernel, options, &k) != IMX_OK)
        return 0;
    return k->group_limit;
}

static void cl_release(struct imx_dev *dev)
{
    struct imx_cl *cl = imx_cl_of(dev);
    if (!dev->lost && cl->queue)
        (void)clFinish(cl->queue);
    imx_cl_programs_finish(cl);
    if (!dev->lost) {
        imx_cl_blas_finish(cl);
        if (cl->nothing)
            clReleaseMemObject(cl->nothing);
        if (cl->moves)
            clReleaseCommandQueue(cl->moves);
        if (cl->queue)
            clReleaseCommandQueue(cl->queue);
        if (cl->context)
            clReleaseContext(cl->context);
    }
    free(cl->costs);
    free(cl);
}

static const struct imx_dev_vt vt = {
    .alloc = cl_alloc,
    .free = cl_free,
    .upload = cl_upload,
    .download = cl_download,
    .fetch = cl_fetch,
    .map = cl_map,
    .unmap = cl_unmap,
    .copy = cl_copy,
    .fill = cl_fill,
    .launch = imx_cl_launch,
    .sync = cl_sync,
    .group_limit = cl_group_limit,
    .release = cl_release,
};

/* Device d of platform p, in the loader's order. */
static imx_status find(int p, int d, cl_platform_id *platform, cl_device_id *device)
{
    cl_platform_id platforms[32];
    cl_device_id devices[32];
    cl_uint n = 0;
    cl_int code = clGetPlatformIDs(32, platforms, &n);
    if (code != CL_SUCCESS || p < 0 || (cl_uint)p >= n || p >= 32)
        return imx_fail(IMX_E_NODEVICE, "there is no OpenCL platform %d (%s, %u platforms)", p, imx_cl_name(code),
                        code == CL_SUCCESS ? n : 0);
    *platform = platforms[p];
    n = 0;
    code = clGetDeviceIDs(*platform, CL_DEVICE_TYPE_ALL, 32, devices, &n);
    if (code != CL_SUCCESS || d < 0 || (cl_uint)d >= n || d >= 32)
        return imx_fail(IMX_E_NODEVICE, "OpenCL platform %d has no device %d (%s, %u devices)", p, d, imx_cl_name(code),
                        code == CL_SUCCESS ? n : 0);
    *device = devices[d];
    return IMX_OK;
}

static void launch_budget(struct imx_cl *cl)
{
    const char *text = getenv("IMX_LAUNCH_MS");
    cl->launch_ms = cl->base.caps.type == IMX_DEV_GPU ? 100.0 : 0.0;
    if (text && *text)
        cl->launch_ms = strtod(text, NULL);
    if (!(cl->launch_ms > 0.0))
        cl->launch_ms = 0.0;
}

/* Lowers max_group to what a built kernel with a barrier may have: rusticl on llvmpipe claims 1024 and
 * allows 32. Variants choose their work-groups by it. A driver that cannot build even this kernel says so at
 * the first launch. */
static void measure_group(struct imx_cl *cl)
{
    const uint32_t limit = cl_group_limit(&cl->base, &imx_kernel_limit_probe, NULL);
    if (!limit || limit >= cl->base.caps.max_group)
        return;
    imx_log(IMX_LOG_DEBUG, "%s claims work-groups of %u, its kernels may have %u", cl->base.caps.name,
            cl->base.caps.max_group, limit);
    cl->base.caps.max_group = limit;
}

/* llvmpipe ends every loop of a work-item after 65,535 rounds without a word. Kernels for CPU-type devices do much in
 * one work-item, so such a device must not count as one: it gets the kernels that do little in each. */
static imx_status measure_rounds(struct imx_cl *cl)
{
    enum { ROUNDS = 200000 };
    struct imx_dev *dev = &cl->base;
    struct imx_buf *buf = NULL;
    uint32_t want = 1, got = 0;
    for (int i = 0; i < ROUNDS; i++)
        want = want * 1664525u + 1013904223u;
    IMX_TRY(dev->vt->alloc(dev, 64, &buf));
    const struct imx_mem mem = { buf, 0, 64 };
    const struct imx_launch one = { { 1, 1, 1 }, { 1, 1, 1 }, NULL };
    imx_status s =
        imx_run_limit_rounds(dev, one, &(struct imx_k_limit_rounds){ .dst = mem, .rounds = ROUNDS, .seed = 1 });
    if (s == IMX_OK)
        s = dev->vt->download(dev, &got, mem, sizeof got);
    dev->vt->free(dev, buf);
    if (s == IMX_E_LOST || s == IMX_E_NOMEM)
        return s;
    if (s == IMX_OK && got != want && dev->caps.type == IMX_DEV_CPU) {
        imx_log(IMX_LOG_DEBUG, "%s leaves long loops early; kernels with short ones are used", dev->caps.name);
        dev->caps.type = IMX_DEV_ACCELERATOR;
    }
    return IMX_OK;
}

/* Believes in sub-groups where a kernel with them builds and adds up right: a driver may name an extension that its
 * compiler does not have, or not in this OpenCL C. */
static imx_status measure_subgroups(struct imx_cl *cl)
{
    enum { GROUP = 64 };
    struct imx_dev *dev = &cl->base;
    struct imx_buf *buf = NULL;
    float got[GROUP] = { 0 };
    const char *options = imx_subgroup_options(&dev->caps);
    bool right = options && dev->caps.max_group >= GROUP;
    if (right) {
        IMX_TRY(dev->vt->alloc(dev, sizeof got, &buf));
        const struct imx_mem mem = { buf, 0, sizeof got };
        const struct imx_launch one = { { GROUP, 1, 1 }, { GROUP, 1, 1 }, options };
        imx_status s = imx_run_subgroup_probe(dev, one, &(struct imx_k_subgroup_probe){ .dst = mem });
        if (s == IMX_OK)
            s = dev->vt->download(dev, got, mem, sizeof got);
        dev->vt->free(dev, buf);
        if (s == IMX_E_LOST || s == IMX_E_NOMEM)
            return s;
        for (int i = 0; i < GROUP; i++)
            right = right && s == IMX_OK && got[i] == (float)(GROUP * (GROUP - 1) / 2);
        if (s != IMX_OK)
            imx_error_clear();
    }
    if (dev->caps.subgroups && !right)
        imx_log(IMX_LOG_DEBUG, "%s claims sub-groups, but kernels with them do not work", dev->caps.name);
    if (!right) {
        dev->caps.subgroups = false;
        dev->caps.sub_sizes = dev->caps.sub_std = 0;
    }
    return IMX_OK;
}

imx_status imx_cl_open_at(int p, int d, struct imx_dev **out)
{
    struct imx_cl *cl = calloc(1, sizeof *cl);
    imx_status status = IMX_OK;
    cl_int code = CL_SUCCESS;
    cl_uint bits = 0;
    if (!cl)
        return imx_fail(IMX_E_NOMEM, "no memory for a device");
    cl->base.vt = &vt;
    IMX_GO(find(p, d, &cl->platform, &cl->device));
    imx_cl_caps(cl->platform, cl->device, p, d, &cl->base.caps);
    cl->base.caps.blas = imx_dev_has_blas(&cl->base);
    clGetPlatformInfo(cl->platform, CL_PLATFORM_VERSION, sizeof cl->platform_version, cl->platform_version, NULL);
    clGetDeviceInfo(cl->device, CL_DEVICE_ADDRESS_BITS, sizeof bits, &bits, NULL);
    cl->pointer_bits = bits;
    launch_budget(cl);
    const cl_context_properties properties[] = { CL_CONTEXT_PLATFORM, (cl_context_properties)cl->platform, 0 };
    cl->context = clCreateContext(properties, 1, &cl->device, NULL, NULL, &code);
    if (code == CL_SUCCESS)
        cl->queue = clCreateCommandQueue(cl->context, cl->device, 0, &code);
    if (code == CL_SUCCESS && !cl->base.caps.unified)
        cl->moves = clCreateCommandQueue(cl->context, cl->device, 0, &code);
    if (code == CL_SUCCESS)
        cl->nothing = clCreateBuffer(cl->context, CL_MEM_READ_WRITE, 4096, NULL, &code);
    if (code != CL_SUCCESS) {
        status = imx_fail(IMX_E_NODEVICE, "%s (%s) does not open: %s", cl->base.caps.name, cl->base.caps.id,
                          imx_cl_name(code));
        goto fail;
    }
    measure_group(cl);
    IMX_GO(measure_rounds(cl));
    IMX_GO(measure_subgroups(cl));
    cl->base.count = (struct imx_dev_count){ .programs = cl->base.count.programs }; /* what the caller does counts */
    imx_log(IMX_LOG_DEBUG, "opened %s: %s, %s", cl->base.caps.id, cl->base.caps.name, cl->base.caps.driver);
    *out = &cl->base;
    return IMX_OK;
fail:
    cl_release(&cl->base);
    return status;
}
