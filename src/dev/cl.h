/* The inside of an OpenCL device, shared by the cl_*.c files of this room and by nobody else.
 * Invariant: after dev->lost is set no function here calls OpenCL again, not even to release. */
#ifndef IMX_DEV_CL_H
#define IMX_DEV_CL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "dev/dev.h"
#include "dev/kernel.h"

/* One view of a part of an allocation; made on first use, released with the allocation. */
struct imx_sub {
    uint64_t off, bytes;
    cl_mem mem; /* NULL: free slot */
};

struct imx_buf {
    cl_mem mem;
    uint64_t bytes;
    struct imx_sub *subs; /* open addressing, capacity a power of two */
    size_t n_subs, cap_subs;
    bool blank; /* fresh pages that nothing has been written to: all zero */
};

/* What one kernel with one set of scalars cost, for the launch budget (GPU-type devices only). */
struct imx_cost {
    uint64_t key;      /* 0: free slot */
    double ns_per_row; /* of groups along the dimension that is cut */
};

struct imx_cl_program {
    const struct imx_kernel_source *source;
    char *options;
    cl_program program; /* NULL: it did not build; `log` says why */
    char *log;
    bool unkept; /* has no entry in the disk cache yet */
};

struct imx_cl_kernel {
    const struct imx_kernel *kernel; /* NULL: free slot */
    char *options;
    cl_kernel handle;
    uint32_t group_limit;
    uint64_t local_bytes;
};

struct imx_cl {
    struct imx_dev base; /* first: a struct imx_dev * is a struct imx_cl * */
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue moves; /* what is mapped moves here, beside the kernels; NULL: it does not move */
    cl_mem nothing;         /* stands in for an absent argument */
    char platform_version[128];
    uint32_t pointer_bits;
    bool used_blas;
    double launch_ms; /* longest wanted piece of a launch; 0: launches are not cut */
    struct imx_cl_program *programs;
    size_t n_programs;
    struct imx_cl_kernel *kernels; /* open addressing */
    size_t n_kernels, cap_kernels;
    struct imx_cost *costs; /* open addressing */
    size_t n_costs, cap_costs;
};

static inline struct imx_cl *imx_cl_of(struct imx_dev *dev)
{
    return (struct imx_cl *)dev;
}

/* "CL_OUT_OF_RESOURCES" for -5; a static string, "an unknown OpenCL error" for what the table lacks. */
const char *imx_cl_name(cl_int code);
/* Records what failed and turns an OpenCL code into a status. `waiting`: the call waited for queued work, so that
 * a code that stands for a dead device marks it lost. */
imx_status imx_cl_fail(struct imx_cl *cl, cl_int code, bool waiting, const char *what);

/* Fills caps (and, each may be NULL, the extras) from a device; emulated limits are applied. */
void imx_cl_caps(cl_platform_id platform, cl_device_id device, int p, int d, struct imx_caps *caps);

/* Opens device d of platform p of the loader's list. */
imx_status imx_cl_open_at(int p, int d, struct imx_dev **out);

/* The kernel, built on first use. options may be NULL. Borrowed, valid until the next call. */
imx_status imx_cl_kernel(struct imx_cl *cl, const struct imx_kernel *kernel, const char *options,
                         struct imx_cl_kernel **out);
/* The full build options for a kernel's own ones. */
void imx_cl_options(const struct imx_cl *cl, const char *options, char *text, size_t size);
void imx_cl_programs_finish(struct imx_cl *cl);

/* The cl_mem that stands for a piece of an allocation: itself, a cached sub-buffer, or the stand-in for nothing.
 * Borrowed. E_ARG when the piece does not begin on caps.align_bytes or does not lie inside. */
imx_status imx_cl_piece(struct imx_cl *cl, struct imx_mem mem, cl_mem *out);

/* Frees what CLBlast keeps for the context; nothing when it was not used. */
void imx_cl_blas_finish(struct imx_cl *cl);

imx_status imx_cl_launch(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *launch,
                         const void *args);

/* The disk cache of built programs (cl_cache.c). */
struct imx_cl_key {
    unsigned char hash[32];
};
void imx_cl_cache_key(const struct imx_cl *cl, const struct imx_kernel_source *source, const char *options,
                      struct imx_cl_key *key);
/* Reads an entry; *binary is the caller's (free()). False when there is none that is whole and right. */
bool imx_cl_cache_read(const struct imx_cl_key *key, unsigned char **binary, size_t *size);
/* Whether handing out binaries takes long on this driver, so that a child process does it (cl_keep.c). */
bool imx_cl_keeps_slowly(const struct imx_cl *cl);
/* Builds a program and writes its entry. */
void imx_cl_keep(struct imx_cl *cl, const struct imx_kernel_source *source, const char *options);
/* What all drivers answered at an earlier start (cl_memo.c); *list is the caller's. False: they are to be asked. */
bool imx_cl_memo_read(struct imx_dev_info **list, size_t *n);
void imx_cl_memo_write(const struct imx_dev_info *list, size_t n);
/* Puts the memo aside while a driver is loaded, and back when it did not crash. */
void imx_cl_memo_aside(bool away);

/* Writes an entry by rename; a folder that cannot be written costs a debug line, nothing else. */
void imx_cl_cache_write(const struct imx_cl_key *key, const unsigned char *binary, size_t size);

#endif
