/* What tools/dev/kernelgen.py writes about each kernel of cl/: the source, and one entry per argument. Host code
 * uses the generated struct imx_k_NAME and imx_run_NAME() and never counts argument positions. */
#ifndef IMX_DEV_KERNEL_H
#define IMX_DEV_KERNEL_H

#include "dev/dev.h"

enum imx_kind { IMX_KIND_IN, IMX_KIND_OUT, IMX_KIND_INT, IMX_KIND_UINT, IMX_KIND_ULONG, IMX_KIND_FLOAT };

struct imx_kernel_arg {
    const char *name;   /* as in the .cl file */
    const char *type;   /* as clGetKernelArgInfo reports it, e.g. "float*" or "uint" */
    enum imx_kind kind; /* IN/OUT: an imx_mem; else a scalar of that type */
    size_t offset;      /* in struct imx_k_NAME */
};

struct imx_kernel_source {
    const char *name; /* file stem: one program per stem and options */
    const char *text; /* includes resolved */
    size_t length;
};

struct imx_kernel {
    const char *name;
    const struct imx_kernel_source *source;
    const struct imx_kernel_arg *args;
    size_t n_args;
    bool cuttable; /* false: the file asks for the size of the grid, so a launch may not be cut into pieces */
    bool loose;    /* nothing in the file knows its work-group: a launch may use a smaller one than asked for */
};

extern const struct imx_kernel *const imx_kernels[]; /* every kernel, NULL-terminated */

#endif
