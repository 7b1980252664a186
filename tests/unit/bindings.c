/* The second lock on bindings: what the driver reports about every kernel's arguments is what kernelgen wrote. The
 * test calls OpenCL itself, so that it does not trust the room it tests. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdlib.h>
#include <string.h>

#include "imx_kernels.h"
#include "tap.h"

static bool same(cl_kernel k, const struct imx_kernel *kernel)
{
    cl_uint n = 0;
    bool ok = clGetKernelInfo(k, CL_KERNEL_NUM_ARGS, sizeof n, &n, NULL) == CL_SUCCESS && n == kernel->n_args;
    for (cl_uint i = 0; ok && i < n; i++) {
        const struct imx_kernel_arg *arg = &kernel->args[i];
        const bool buffer = arg->kind == IMX_KIND_IN || arg->kind == IMX_KIND_OUT;
        char name[256] = "", type[256] = "";
        cl_kernel_arg_address_qualifier space = 0;
        cl_kernel_arg_type_qualifier qualifier = 0;
        ok = clGetKernelArgInfo(k, i, CL_KERNEL_ARG_NAME, sizeof name, name, NULL) == CL_SUCCESS &&
             clGetKernelArgInfo(k, i, CL_KERNEL_ARG_TYPE_NAME, sizeof type, type, NULL) == CL_SUCCESS &&
             clGetKernelArgInfo(k, i, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof space, &space, NULL) == CL_SUCCESS &&
             clGetKernelArgInfo(k, i, CL_KERNEL_ARG_TYPE_QUALIFIER, sizeof qualifier, &qualifier, NULL) == CL_SUCCESS;
        /* PoCL's headers rename built-in functions by macro, so an argument called step is _cl_step there. */
        const char *plain = strncmp(name, "_cl_", 4) ? name : name + 4;
        ok = ok && !strcmp(plain, arg->name) && !strcmp(type, arg->type) &&
             space == (buffer ? CL_KERNEL_ARG_ADDRESS_GLOBAL : CL_KERNEL_ARG_ADDRESS_PRIVATE) &&
             (!buffer || !(qualifier & CL_KERNEL_ARG_TYPE_CONST) == (arg->kind == IMX_KIND_OUT));
        if (!ok)
            printf("# %s argument %u: driver \"%s %s\", table \"%s %s\"\n", kernel->name, i, type, name, arg->type,
                   arg->name);
    }
    return ok;
}

int main(void)
{
    cl_platform_id platforms[16];
    cl_device_id device = NULL;
    cl_uint n = 0;
    cl_int code = clGetPlatformIDs(16, platforms, &n);
    for (cl_uint i = 0; code == CL_SUCCESS && i < n && i < 16 && !device; i++)
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS)
            device = NULL;
    if (!device) {
        tap_skip("bindings", "no OpenCL device here");
        return tap_done();
    }
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    const struct imx_kernel_source *built = NULL;
    cl_program program = NULL;
    for (const struct imx_kernel *const *k = imx_kernels; *k; k++) {
        if ((*k)->source != built) {
            if (program)
                clReleaseProgram(program);
            built = (*k)->source;
            program = clCreateProgramWithSource(context, 1, (const char *[]){ built->text }, &built->length, &code);
            code = clBuildProgram(program, 1, &device, "-cl-std=CL1.2 -cl-kernel-arg-info", NULL, NULL);
            tap_ok(code == CL_SUCCESS, "cl/%s.cl builds", built->name);
        }
        cl_kernel handle = clCreateKernel(program, (*k)->name, &code);
        tap_ok(code == CL_SUCCESS && same(handle, *k), "%s", (*k)->name);
        if (handle && code == CL_SUCCESS)
            clReleaseKernel(handle);
    }
    if (program)
        clReleaseProgram(program);
    clReleaseContext(context);
    return tap_done();
}
