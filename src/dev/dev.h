/* A device: where tensors live and where kernels run. Two implementations stand behind this header: `host`
 * (plain memory, needs no OpenCL at all) and `cl` (one OpenCL device, one in-order queue). One host thread uses
 * a device at a time. Only src/dev includes <CL/cl.h>. */
#ifndef IMX_DEV_DEV_H
#define IMX_DEV_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct imx_tuned;
struct imx_testers;

enum imx_dev_type { IMX_DEV_HOST, IMX_DEV_CPU, IMX_DEV_GPU, IMX_DEV_ACCELERATOR };

/* What a device can do; queried, never guessed from a version string. */
struct imx_caps {
    enum imx_dev_type type;
    char id[16]; /* "host" or "P:D" */
    char platform[128];
    char name[128];
    char vendor[128];
    char driver[128];
    char opencl[64]; /* CL_DEVICE_VERSION, "" on the host */
    uint32_t compute_units;
    uint64_t memory_bytes;
    uint64_t max_alloc_bytes;
    uint64_t local_bytes;
    bool local_is_global; /* local memory is emulated */
    uint32_t max_group;   /* as the device claims; on an opened device at most what a small kernel is allowed */
    uint32_t max_items[3];
    uint32_t align_bytes; /* sub-buffer origin alignment */
    uint32_t vec_float;   /* native float vector width */
    bool unified;
    bool fp16;
    bool subgroups; /* claimed in any form; on an opened device: kernels with them work, in the form below */
    /* Sizes of sub-group that a kernel may ask for, each a power of two, added up (cl_intel_subgroups with
     * cl_intel_required_subgroup_size, OpenCL C 1.2); 0: none. */
    uint32_t sub_sizes;
    /* The OpenCL C, 2 or 3, that has sub-groups of a size which the driver chooses; 0: none. */
    uint32_t sub_std;
    bool blas; /* imx_dev_blas_gemm works here */
    /* The user allows variants that store in half precision (ops/half.h); set by whoever opened the device. */
    bool half;
    /* Choices measured here (ops/tuned.h), set by whoever opened the device, which owns it then; NULL: none. */
    struct imx_tuned *tuned;
};

struct imx_buf; /* one allocation of a device; opaque above src/dev */

/* A piece of an allocation: what ops take. off is in bytes; as a kernel argument it must be a multiple of
 * caps.align_bytes (4096 always is), transfers, copies and fills take any offset (fills: multiples of 4). bytes == 0
 * means "absent" (an optional argument that is not there). */
struct imx_mem {
    struct imx_buf *buf;
    uint64_t off, bytes;
};

struct imx_kernel; /* generated from cl/NAME.cl, see kernel.h */

/* One launch: global and local size (local all 0: the driver chooses) and compile-time options such as
 * "-DTILE=16" (NULL: none; the pointed-to text must be the same for the same meaning, it is part of the key). */
struct imx_launch {
    size_t global[3];
    size_t local[3];
    const char *options;
};

struct imx_dev;

/* The device's entry points. Called by the one thread that owns the device; "blocks" = returns when the data
 * has moved. */
struct imx_dev_vt {
    /* A new allocation of bytes (> 0), contents undefined. The caller owns it. E_NOMEM when it does not fit. */
    imx_status (*alloc)(struct imx_dev *dev, uint64_t bytes, struct imx_buf **out);
    /* Gives an allocation back; NULL is fine. Waits for nothing: the caller synced. */
    void (*free)(struct imx_dev *dev, struct imx_buf *buf);
    /* Host -> device, n bytes to dst.off. Returns when src may be reused. */
    imx_status (*upload)(struct imx_dev *dev, struct imx_mem dst, const void *src, uint64_t n);
    /* Device -> host. Blocks. */
    imx_status (*download)(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n);
    /* The same, queued: dst is written by the time of the next download or sync, and must stay until then. */
    imx_status (*fetch)(struct imx_dev *dev, void *dst, struct imx_mem src, uint64_t n);
    /* Lets the host write mem.bytes at *at, contents undefined, until unmap; nothing that is queued may use them. */
    imx_status (*map)(struct imx_dev *dev, struct imx_mem mem, void **at);
    /* What is queued from now on sees what was written. Where the device has the host's memory nothing moves; elsewhere
     * it moves beside what was queued before. Waits for neither. */
    imx_status (*unmap)(struct imx_dev *dev, struct imx_mem mem, void *at);
    /* Device -> device, queued. Ranges must not overlap. */
    imx_status (*copy)(struct imx_dev *dev, struct imx_mem dst, struct imx_mem src, uint64_t n);
    /* Repeats the 32-bit pattern over dst.bytes (a multiple of 4), queued. */
    imx_status (*fill)(struct imx_dev *dev, struct imx_mem dst, uint32_t pattern);
    /* Queues one kernel; args is the generated struct imx_k_NAME. E_UNSUPPORTED on the host. */
    imx_status (*launch)(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *launch,
                         const void *args);
    /* Blocks until everything queued is done; the place where a lost device shows (E_LOST). */
    imx_status (*sync)(struct imx_dev *dev);
    /* Largest work-group this kernel can be launched with here (builds it if need be); 0 when it does not build. */
    uint32_t (*group_limit)(struct imx_dev *dev, const struct imx_kernel *kernel, const char *options);
    /* Writes the program cache, releases queue and context, frees the device. Called by imx_dev_close. */
    void (*release)(struct imx_dev *dev);
};

/* Counters that tests and reports read. */
struct imx_dev_count {
    uint64_t allocs, launches, bytes_now, bytes_peak, bytes_up, bytes_down, programs;
};

struct imx_dev {
    const struct imx_dev_vt *vt;
    struct imx_caps caps;
    struct imx_dev_count count;
    bool lost;               /* after E_LOST no OpenCL call is made any more */
    char quarantine[16][64]; /* "op/variant" that failed on this driver */
    int n_quarantine;
    bool check;          /* a graph tests each variant that it chooses before it trusts it (ops/selftest.h) */
    char (*trusted)[64]; /* "op/variant" that passed; freed with the device */
    int n_trusted;
    /* Child processes that test beside this one (ops/selftest_side.h), and what ends them before the device closes. */
    struct imx_testers *testers;
    void (*dismiss)(struct imx_dev *dev);
};

/* Opens the device that `spec` names: NULL or "auto" (fastest usable OpenCL device, else the host), "host",
 * "cpu", "gpu", "P:D", or part of a device or platform name. E_NODEVICE, with the reason and what to install, when
 * it cannot be met. *why (may be NULL) receives one sentence on the choice, valid until the device is closed or
 * the next open. */
IMX_MUST_CHECK imx_status imx_dev_open(const char *spec, struct imx_dev **out, const char **why);
/* The two halves of imx_dev_open(): which device it is (child processes ask the drivers; start threads only after it),
 * then opening it, which loads the driver. */
struct imx_dev_info;
IMX_MUST_CHECK imx_status imx_dev_choose(const char *spec, struct imx_dev_info *chosen, const char **why);
IMX_MUST_CHECK imx_status imx_dev_open_chosen(const struct imx_dev_info *chosen, struct imx_dev **out);
/* A child process that keeps built programs for later starts where a driver does that slowly (dev/cl_keep.c); *out NULL
 * where none is needed. Started between imx_dev_choose() and opening, told once when the programs that a job needs have
 * been built, ended with the job (NULL is fine). */
struct imx_keeper;
IMX_MUST_CHECK imx_status imx_keeper_start(const struct imx_dev_info *chosen, struct imx_keeper **out);
void imx_keeper_tell(struct imx_keeper *k, struct imx_dev *dev);
void imx_keeper_end(struct imx_keeper *k);
/* Syncs, releases and frees; NULL is fine. */
void imx_dev_close(struct imx_dev *dev);

/* Allows the device variants that store in half precision (caps.half); the host has none. */
void imx_dev_allow_half(struct imx_dev *dev, bool allowed);

/* The options that give a kernel sub-groups (cl/group_sum.h): of the size that suits most, or else of the driver's own;
 * NULL where the device has none. */
const char *imx_subgroup_options(const struct imx_caps *caps);

static inline bool imx_dev_is_host(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_HOST;
}

/* Address of a piece of host-device memory; NULL on other devices and for an absent piece. */
void *imx_host_ptr(struct imx_dev *dev, struct imx_mem mem);

/* Best multiply-add rate (GFLOP/s, an addition and a multiplication count 2) and best copy rate (GB/s, reads plus
 * writes) that simple kernels reach here; blocks for some tenths of a second. E_UNSUPPORTED on the host. */
IMX_MUST_CHECK imx_status imx_dev_peak(struct imx_dev *dev, double *gflops, double *copy_gbps);

/* The multiply-add rate again, in some milliseconds, to be read between timings: what a machine that others share can
 * do changes from one moment to the next, and a time is worth something beside the rate of its own moment. On the host
 * it opens and reads 0. */
struct imx_meter {
    struct imx_dev *dev;
    struct imx_buf *buf;
    bool fused; /* the multiply-adds are fma(), else mad(): what is faster there */
    int rounds;
};
IMX_MUST_CHECK imx_status imx_meter_open(struct imx_dev *dev, struct imx_meter *out);
IMX_MUST_CHECK imx_status imx_meter_read(struct imx_meter *m, double *gflops);
/* Zeroed is fine. */
void imx_meter_close(struct imx_meter *m);

/* One line of `infomax devices`: a usable device or what keeps one from being used. */
struct imx_dev_info {
    struct imx_caps caps;
    bool usable;
    char why[256]; /* why it is skipped; "" when usable */
};

/* Lists every platform and device, each platform probed in a child process so that a driver that crashes or
 * hangs costs one line. The host device is the last entry. *out is owned by the caller (free()). */
IMX_MUST_CHECK imx_status imx_dev_list(struct imx_dev_info **out, size_t *n);

/* C[m,n] = op(A) op(B) by CLBlast on the device's queue: an OpenCL library behind the device layer because it
 * takes cl_mem. E_UNSUPPORTED when the build or the device has none. ta: A stored [k,m]; tb: B stored [n,k]. */
imx_status imx_dev_blas_gemm(struct imx_dev *dev, bool ta, bool tb, int64_t m, int64_t n, int64_t k, struct imx_mem a,
                             struct imx_mem b, struct imx_mem c);
bool imx_dev_has_blas(const struct imx_dev *dev);

/* Folder of cached programs and of what is known about devices; false when there is none (INFOMAX_CACHE=off). */
bool imx_cache_folder(char *path, size_t size);

#endif
