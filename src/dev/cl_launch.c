/* A launch: binds the generated argument struct, checks the shape against the built kernel, and queues it.
 * On devices that have a launch budget (GPUs: they draw the desktop and have a watchdog) a long launch is cut
 * along its slowest dimension into pieces with a global offset. What a row of groups costs is learned on first
 * use, per kernel, shape and scalar arguments, by waiting for growing pieces; after that nothing waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dev/cl.h"

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

static struct imx_sub *sub_slot(struct imx_sub *subs, size_t cap, uint64_t off, uint64_t bytes)
{
    size_t i = (size_t)mix(off, bytes) & (cap - 1);
    while (subs[i].mem && (subs[i].off != off || subs[i].bytes != bytes))
        i = (i + 1) & (cap - 1);
    return &subs[i];
}

static imx_status sub_grow(struct imx_buf *buf)
{
    const size_t cap = buf->cap_subs ? 2 * buf->cap_subs : 16;
    struct imx_sub *fresh = calloc(cap, sizeof *fresh);
    if (!fresh)
        return imx_fail(IMX_E_NOMEM, "no memory for the table of sub-buffers");
    for (size_t i = 0; i < buf->cap_subs; i++)
        if (buf->subs[i].mem)
            *sub_slot(fresh, cap, buf->subs[i].off, buf->subs[i].bytes) = buf->subs[i];
    free(buf->subs);
    buf->subs = fresh;
    buf->cap_subs = cap;
    return IMX_OK;
}

imx_status imx_cl_piece(struct imx_cl *cl, struct imx_mem mem, cl_mem *out)
{
    struct imx_buf *buf = mem.buf;
    const unsigned long long off = mem.off, bytes = mem.bytes;
    if (!mem.bytes || !buf) {
        *out = cl->nothing;
        return mem.bytes ? imx_fail(IMX_E_ARG, "%llu bytes without an allocation", bytes) : IMX_OK;
    }
    buf->blank = false; /* a kernel may write there */
    if (!mem.off && mem.bytes == buf->bytes) {
        *out = buf->mem;
        return IMX_OK;
    }
    if (mem.off > buf->bytes || mem.bytes > buf->bytes - mem.off)
        return imx_fail(IMX_E_ARG, "bytes %llu to %llu lie outside an allocation of %llu", off, off + bytes,
                        (unsigned long long)buf->bytes);
    if (mem.off % cl->base.caps.align_bytes)
        return imx_fail(IMX_E_ARG, "offset %llu is no multiple of %u, which %s needs for kernel arguments", off,
                        cl->base.caps.align_bytes, cl->base.caps.name);
    if (2 * (buf->n_subs + 1) > buf->cap_subs)
        IMX_TRY(sub_grow(buf));
    struct imx_sub *sub = sub_slot(buf->subs, buf->cap_subs, mem.off, mem.bytes);
    if (!sub->mem) {
        const cl_buffer_region region = { mem.off, mem.bytes };
        cl_int code = CL_SUCCESS;
        cl_mem made = clCreateSubBuffer(buf->mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        if (!made || code != CL_SUCCESS)
            return imx_cl_fail(cl, code, false, "creating a sub-buffer");
        *sub = (struct imx_sub){ mem.off, mem.bytes, made };
        buf->n_subs++;
        cl->base.count.allocs++;
    }
    *out = sub->mem;
    return IMX_OK;
}

/* Sets every argument; *key (may be NULL) mixes in the scalars. */
static imx_status bind(struct imx_cl *cl, const struct imx_cl_kernel *k, const void *args, uint64_t *key)
{
    const struct imx_kernel *kernel = k->kernel;
    for (size_t i = 0; i < kernel->n_args; i++) {
        const struct imx_kernel_arg *arg = &kernel->args[i];
        const char *field = (const char *)args + arg->offset;
        cl_int code;
        if (arg->kind == IMX_KIND_IN || arg->kind == IMX_KIND_OUT) {
            struct imx_mem mem;
            cl_mem handle = NULL;
            memcpy(&mem, field, sizeof mem);
            const imx_status status = imx_cl_piece(cl, mem, &handle);
            if (status != IMX_OK)
                return imx_note(status, "%s, argument %s", kernel->name, arg->name);
            code = clSetKernelArg(k->handle, (cl_uint)i, sizeof handle, &handle);
        } else {
            const size_t size = arg->kind == IMX_KIND_ULONG ? 8 : 4;
            uint64_t scalar = 0;
            memcpy(&scalar, field, size);
            *key = mix(*key, scalar);
            code = clSetKernelArg(k->handle, (cl_uint)i, size, field);
        }
        if (code != CL_SUCCESS)
            return imx_fail(IMX_E_INTERNAL, "%s, argument %s: OpenCL error %d (%s)", kernel->name, arg->name, code,
                            imx_cl_name(code));
    }
    return IMX_OK;
}

static imx_status check_shape(const struct imx_cl *cl, const struct imx_cl_kernel *k, const struct imx_launch *launch)
{
    const struct imx_caps *caps = &cl->base.caps;
    const size_t *g = launch->global, *l = launch->local;
    if (k->local_bytes > caps->local_bytes)
        return imx_fail(IMX_E_UNSUPPORTED, "kernel %s needs %llu bytes of local memory, %s has %llu", k->kernel->name,
                        (unsigned long long)k->local_bytes, caps->name, (unsigned long long)caps->local_bytes);
    if (!l[0] && !l[1] && !l[2])
        return IMX_OK;
    for (int i = 0; i < 3; i++) {
        if (!l[i] || g[i] % l[i])
            return imx_fail(IMX_E_ARG,
                            "kernel %s: global size %zu in dimension %d is no multiple of the work-group's %zu",
                            k->kernel->name, g[i], i, l[i]);
        if (caps->max_items[i] && l[i] > caps->max_items[i])
            return imx_fail(IMX_E_UNSUPPORTED,
                            "kernel %s: a work-group of %zu in dimension %d is more than %s allows (%u)",
                            k->kernel->name, l[i], i, caps->name, caps->max_items[i]);
    }
    if (l[0] * l[1] * l[2] > k->group_limit)
        return imx_fail(IMX_E_UNSUPPORTED,
                        "kernel %s: a work-group of %zux%zux%zu is more than this kernel allows on %s (%u)",
                        k->kernel->name, l[0], l[1], l[2], caps->name, k->group_limit);
    return IMX_OK;
}

/* Where the driver allows this kernel less than its device says (rusticl: 32 of 1024), a kernel that does not know
 * its work-group gets a smaller one: still a divisor of the global size. */
static void shrink(const struct imx_cl_kernel *k, size_t local[3])
{
    for (int i = 2; i >= 0 && k->kernel->loose; i--)
        while (local[0] * local[1] * local[2] > k->group_limit && local[i] > 1 && local[i] % 2 == 0)
            local[i] /= 2;
}

static imx_status enqueue(struct imx_cl *cl, const struct imx_cl_kernel *k, const size_t offset[3],
                          const size_t global[3], const size_t local[3])
{
    const bool free_choice = !local[0] && !local[1] && !local[2];
    cl_uint dims = 3; /* a piece of one row still has its offset in that dimension */
    while (dims > 1 && global[dims - 1] == 1 && local[dims - 1] <= 1 && !offset[dims - 1])
        dims--;
    const cl_int code =
        clEnqueueNDRangeKernel(cl->queue, k->handle, dims, offset, global, free_choice ? NULL : local, 0, NULL, NULL);
    if (code == CL_SUCCESS)
        return IMX_OK;
    char what[160];
    snprintf(what, sizeof what, "kernel %s, global %zux%zux%zu, work-group %zux%zux%zu", k->kernel->name, global[0],
             global[1], global[2], local[0], local[1], local[2]);
    return imx_cl_fail(cl, code, false, what);
}

static struct imx_cost *cost_slot(struct imx_cost *costs, size_t cap, uint64_t key)
{
    size_t i = (size_t)(key >> 7) & (cap - 1);
    while (costs[i].key && costs[i].key != key)
        i = (i + 1) & (cap - 1);
    return &costs[i];
}

static imx_status cost_of(struct imx_cl *cl, uint64_t key, struct imx_cost **out)
{
    if (2 * (cl->n_costs + 1) > cl->cap_costs) {
        const size_t cap = cl->cap_costs ? 2 * cl->cap_costs : 64;
        struct imx_cost *fresh = calloc(cap, sizeof *fresh);
        if (!fresh)
            return imx_fail(IMX_E_NOMEM, "no memory for the table of launch costs");
        for (size_t i = 0; i < cl->cap_costs; i++)
            if (cl->costs[i].key)
                *cost_slot(fresh, cap, cl->costs[i].key) = cl->costs[i];
        free(cl->costs);
        cl->costs = fresh;
        cl->cap_costs = cap;
    }
    *out = cost_slot(cl->costs, cl->cap_costs, key);
    if (!(*out)->key) {
        (*out)->key = key;
        cl->n_costs++;
    }
    return IMX_OK;
}

/* How many rows fit into the budget: 1 to all. */
static size_t rows_in(double budget_ns, double ns_per_row, size_t rows)
{
    const double fits = budget_ns / ns_per_row;
    return fits >= (double)rows ? rows : fits >= 1.0 ? (size_t)fits : 1;
}

/* Queues the launch in pieces of at most the budget. While the cost is unknown each piece is waited for and the
 * next is sized by it (at most four times as long); the slowest row seen counts. */
static imx_status in_pieces(struct imx_cl *cl, const struct imx_cl_kernel *k, const struct imx_launch *launch, int dim,
                            size_t step, uint64_t key)
{
    const size_t rows = (launch->global[dim] + step - 1) / step;
    const double budget = cl->launch_ms * 1e6;
    struct imx_cost *cost = NULL;
    IMX_TRY(cost_of(cl, key, &cost));
    const bool learning = !(cost->ns_per_row > 0.0);
    double worst = cost->ns_per_row;
    size_t piece = learning ? (rows + 15) / 16 : rows_in(budget, worst, rows);
    if (learning) {
        const cl_int code = clFinish(cl->queue);
        if (code != CL_SUCCESS)
            return imx_cl_fail(cl, code, true, k->kernel->name);
    }
    for (size_t row = 0; row < rows;) {
        size_t offset[3] = { 0, 0, 0 }, global[3] = { launch->global[0], launch->global[1], launch->global[2] };
        const size_t take = piece < rows - row ? piece : rows - row;
        offset[dim] = row * step;
        global[dim] = row + take < rows ? take * step : launch->global[dim] - offset[dim];
        const uint64_t start = learning ? imx_now_ns() : 0;
        IMX_TRY(enqueue(cl, k, offset, global, launch->local));
        row += take;
        cl->base.count.launches++;
        if (!learning)
            continue;
        const cl_int code = clFinish(cl->queue);
        if (code != CL_SUCCESS)
            return imx_cl_fail(cl, code, true, k->kernel->name);
        const double per_row = (double)(imx_now_ns() - start + 1) / (double)take;
        if (row == take || per_row > worst)
            worst = per_row;
        const size_t fits = rows_in(budget, worst, rows);
        piece = fits < 4 * piece ? fits : 4 * piece;
    }
    cost->ns_per_row = worst;
    return IMX_OK;
}

imx_status imx_cl_launch(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *wanted,
                         const void *args)
{
    struct imx_cl *cl = imx_cl_of(dev);
    static const size_t none[3] = { 0, 0, 0 };
    struct imx_launch shape = *wanted;
    const struct imx_launch *launch = &shape;
    const size_t *g = shape.global, *l = shape.local;
    struct imx_cl_kernel *k = NULL;
    uint64_t key = (uint64_t)(uintptr_t)kernel;
    if (dev->lost)
        return imx_fail(IMX_E_LOST, "kernel %s: the device was lost earlier in this run", kernel->name);
    if (!g[0] || !g[1] || !g[2])
        return IMX_OK;
    IMX_TRY(imx_cl_kernel(cl, kernel, launch->options, &k));
    if (l[0] <= dev->caps.max_group)
        shrink(k, shape.local);
    IMX_TRY(check_shape(cl, k, launch));
    IMX_TRY(bind(cl, k, args, &key));
    if (cl->launch_ms > 0.0 && kernel->cuttable) {
        for (int i = 0; i < 3; i++)
            key = mix(mix(key, g[i]), l[i]);
        for (int dim = 2; dim >= 0; dim--) {
            const size_t step = l[dim] ? l[dim] : dim == 0 ? 64 : 1;
            if (g[dim] > step)
                return in_pieces(cl, k, launch, dim, step, mix(key, (uint64_t)(uintptr_t)k->options) | 1);
        }
    }
    IMX_TRY(enqueue(cl, k, none, g, l));
    dev->count.launches++;
    return IMX_OK;
}
