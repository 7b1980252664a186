/* Programs and kernels of a device: one program per (cl/NAME.cl, options), built on first use from the disk cache
 * or from source, and one kernel object per (kernel, options). A launch finds its kernel with one hash probe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dev/cl.h"

/* Where launches are cut with a global offset, get_group_id would start from 0 in every piece. */
static const char cut_prelude[] =
    "#define get_group_id(d) ((get_global_id(d) - get_local_id(d)) / get_local_size(d))\n";

/* -w: PoCL's compiler tells the terminal how many warnings it has; what clang warns of is an error in the suite lint.
 */
void imx_cl_options(const struct imx_cl *cl, const char *options, char *text, size_t size)
{
    const char *more = options ? options : "";
    snprintf(text, size, "%s-w -cl-kernel-arg-info%s%s%s", strstr(more, "-cl-std=") ? "" : "-cl-std=CL1.2 ",
             cl->launch_ms > 0.0 ? " -DIMX_CUT" : "", *more ? " " : "", more);
}

static char *build_log(const struct imx_cl *cl, cl_program program)
{
    size_t size = 0;
    if (clGetProgramBuildInfo(program, cl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS || !size)
        return NULL;
    char *text = calloc(1, size + 1);
    if (text)
        (void)clGetProgramBuildInfo(program, cl->device, CL_PROGRAM_BUILD_LOG, size, text, NULL);
    return text;
}

/* The program from a cached binary; NULL when there is none or the driver refuses it. */
static cl_program from_cache(struct imx_cl *cl, const struct imx_cl_key *key, const char *options)
{
    unsigned char *binary = NULL;
    size_t size = 0;
    cl_int code = CL_SUCCESS, binary_code = CL_SUCCESS;
    if (!imx_cl_cache_read(key, &binary, &size))
        return NULL;
    cl_program program = clCreateProgramWithBinary(cl->context, 1, &cl->device, &size, (const unsigned char **)&binary,
                                                   &binary_code, &code);
    if (program && code == CL_SUCCESS && binary_code == CL_SUCCESS)
        code = clBuildProgram(program, 1, &cl->device, options, NULL, NULL);
    free(binary);
    if (program && (code != CL_SUCCESS || binary_code != CL_SUCCESS)) {
        imx_log(IMX_LOG_DEBUG, "%s refused a cached program (%s); it is built again", cl->base.caps.name,
                imx_cl_name(code != CL_SUCCESS ? code : binary_code));
        clReleaseProgram(program);
        program = NULL;
    }
    return program;
}

static void to_cache(const struct imx_cl_key *key, cl_program program)
{
    size_t size = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || !size)
        return;
    unsigned char *binary = malloc(size);
    if (binary && clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        imx_cl_cache_write(key, binary, size);
    free(binary);
}

static cl_program from_source(struct imx_cl *cl, const struct imx_kernel_source *source, const char *options,
                              char **log)
{
    const char *texts[2] = { cl->launch_ms > 0.0 ? cut_prelude : "", source->text };
    const size_t lengths[2] = { strlen(texts[0]), source->length };
    cl_int code = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(cl->context, 2, texts, lengths, &code);
    if (!program || code != CL_SUCCESS) {
        *log = strdup(imx_cl_name(code));
        return NULL;
    }
    code = clBuildProgram(program, 1, &cl->device, options, NULL, NULL);
    if (code == CL_SUCCESS)
        return program;
    *log = build_log(cl, program);
    if (!*log || !**log) {
        free(*log);
        *log = strdup(imx_cl_name(code));
    }
    clReleaseProgram(program);
    return NULL;
}

static imx_status program_of(struct imx_cl *cl, const struct imx_kernel_source *source, const char *options,
                             struct imx_cl_program **out)
{
    for (size_t i = 0; i < cl->n_programs; i++)
        if (cl->programs[i].source == source && !strcmp(cl->programs[i].options, options)) {
            *out = &cl->programs[i];
            return IMX_OK;
        }
    struct imx_cl_program *grown = realloc(cl->programs, (cl->n_programs + 1) * sizeof *grown);
    if (!grown)
        return imx_fail(IMX_E_NOMEM, "no memory for a program");
    cl->programs = grown;
    struct imx_cl_program *p = &grown[cl->n_programs];
    *p = (struct imx_cl_program){ .source = source, .options = strdup(options) };
    if (!p->options)
        return imx_fail(IMX_E_NOMEM, "no memory for a program");
    struct imx_cl_key key;
    char full[512];
    imx_cl_options(cl, options, full, sizeof full);
    imx_cl_cache_key(cl, source, full, &key);
    p->program = from_cache(cl, &key, full);
    if (!p->program) {
        p->program = from_source(cl, source, full, &p->log);
        p->unkept = p->program && imx_cl_keeps_slowly(cl);
        if (p->program && !p->unkept)
            to_cache(&key, p->program);
    }
    if (p->program)
        cl->base.count.programs++;
    cl->n_programs++;
    *out = p;
    return IMX_OK;
}

void imx_cl_keep(struct imx_cl *cl, const struct imx_kernel_source *source, const char *options)
{
    struct imx_cl_program *p = NULL;
    struct imx_cl_key key;
    char full[512];
    if (program_of(cl, source, options, &p) != IMX_OK || !p->unkept)
        return;
    imx_cl_options(cl, options, full, sizeof full);
    imx_cl_cache_key(cl, source, full, &key);
    to_cache(&key, p->program);
    p->unkept = false;
}

static size_t slot_of(const struct imx_cl *cl, const struct imx_kernel *kernel, const char *options)
{
    uint64_t h = (uint64_t)(uintptr_t)kernel * 0x9E3779B97F4A7C15u;
    for (const char *c = options; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001B3u;
    size_t i = (size_t)(h >> 20) & (cl->cap_kernels - 1);
    while (cl->kernels[i].kernel && (cl->kernels[i].kernel != kernel || strcmp(cl->kernels[i].options, options)))
        i = (i + 1) & (cl->cap_kernels - 1);
    return i;
}

static imx_status grow(struct imx_cl *cl)
{
    struct imx_cl_kernel *old = cl->kernels;
    const size_t old_cap = cl->cap_kernels, cap = old_cap ? 2 * old_cap : 64;
    struct imx_cl_kernel *fresh = calloc(cap, sizeof *fresh);
    if (!fresh)
        return imx_fail(IMX_E_NOMEM, "no memory for the table of kernels");
    cl->kernels = fresh;
    cl->cap_kernels = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].kernel)
            cl->kernels[slot_of(cl, old[i].kernel, old[i].options)] = old[i];
    free(old);
    return IMX_OK;
}

static imx_status make(struct imx_cl *cl, const struct imx_kernel *kernel, const char *options, struct imx_cl_kernel *k)
{
    struct imx_cl_program *program = NULL;
    cl_int code = CL_SUCCESS;
    size_t limit = 0;
    cl_ulong local = 0;
    IMX_TRY(program_of(cl, kernel->source, options, &program));
    if (!program->program)
        return imx_fail(IMX_E_BUILD, "cl/%s.cl does not compile on %s with \"%s\": %.600s", kernel->source->name,
                        cl->base.caps.name, options, program->log ? program->log : "the driver gives no reason");
    cl_kernel handle = clCreateKernel(program->program, kernel->name, &code);
    if (!handle || code != CL_SUCCESS)
        return imx_cl_fail(cl, code, false, kernel->name);
    if (clGetKernelWorkGroupInfo(handle, cl->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL) !=
            CL_SUCCESS ||
        !limit || limit > cl->base.caps.max_group)
        limit = cl->base.caps.max_group;
    if (clGetKernelWorkGroupInfo(handle, cl->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL) !=
        CL_SUCCESS)
        local = 0;
    *k = (struct imx_cl_kernel){ kernel, strdup(options), handle, (uint32_t)limit, local };
    if (k->options)
        return IMX_OK;
    clReleaseKernel(handle);
    k->kernel = NULL;
    return imx_fail(IMX_E_NOMEM, "no memory for a kernel");
}

imx_status imx_cl_kernel(struct imx_cl *cl, const struct imx_kernel *kernel, const char *options,
                         struct imx_cl_kernel **out)
{
    const char *text = options ? options : "";
    if (2 * (cl->n_kernels + 1) > cl->cap_kernels)
        IMX_TRY(grow(cl));
    struct imx_cl_kernel *k = &cl->kernels[slot_of(cl, kernel, text)];
    if (!k->kernel) {
        IMX_TRY(make(cl, kernel, text, k));
        cl->n_kernels++;
    }
    *out = k;
    return IMX_OK;
}

void imx_cl_programs_finish(struct imx_cl *cl)
{
    for (size_t i = 0; i < cl->cap_kernels; i++)
        if (cl->kernels[i].kernel) {
            if (!cl->base.lost)
                clReleaseKernel(cl->kernels[i].handle);
            free(cl->kernels[i].options);
        }
    for (size_t i = 0; i < cl->n_programs; i++) {
        if (cl->programs[i].program && !cl->base.lost)
            clReleaseProgram(cl->programs[i].program);
        free(cl->programs[i].options);
        free(cl->programs[i].log);
    }
    free(cl->kernels);
    free(cl->programs);
}
