/* See doctor.h: the loader's files, the drivers behind them and what they answered. */
#include "dev/doctor.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"

enum { TIMEOUT_S = 10, ICD_BYTES = 4096 };

void imx_findings_finish(struct imx_findings *f)
{
    free(f->item);
    *f = (struct imx_findings){ 0 };
}

const char *imx_level_name(enum imx_level level)
{
    static const char *const name[] = { "note", "warning", "fault" };
    return name[level];
}

void imx_finding_add(struct imx_findings *f, enum imx_level level, const char *id, const char *what, const char *why,
                     const char *mend)
{
    struct imx_finding *grown = realloc(f->item, (f->n + 1) * sizeof *grown);
    if (!grown) {
        f->status = imx_fail(IMX_E_NOMEM, "no memory for what was found");
        return;
    }
    f->item = grown;
    struct imx_finding *i = &grown[f->n++];
    *i = (struct imx_finding){ .level = level };
    snprintf(i->id, sizeof i->id, "%s", id);
    snprintf(i->what, sizeof i->what, "%s", what);
    snprintf(i->why, sizeof i->why, "%s", why);
    snprintf(i->mend, sizeof i->mend, "%s", mend ? mend : "");
}

bool imx_doctor_path(const struct imx_doctor *d, const char *path, char *text, size_t size)
{
    const int n = snprintf(text, size, "%s%s", d->o->root ? d->o->root : "", path);
    return n > 0 && (size_t)n < size;
}

bool imx_doctor_has(const struct imx_doctor *d, const char *icd)
{
    for (int i = 0; i < d->n_icd; i++)
        if (!strncmp(d->icd[i], icd, strlen(icd)))
            return true;
    return false;
}

/* ---- the drivers' files ---- */

/* Debian's package behind an .icd file; NULL: unknown. */
static const char *package_of(const char *icd)
{
    static const struct {
        const char *begin, *package;
    } of[] = { { "pocl", "pocl-opencl-icd" },    { "intel", "intel-opencl-icd" },   { "mesa", "mesa-opencl-icd" },
               { "rusticl", "mesa-opencl-icd" }, { "nvidia", "nvidia-opencl-icd" }, { "amdocl", "rocm-opencl-icd" } };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (!strncmp(icd, of[i].begin, strlen(of[i].begin)))
            return of[i].package;
    return NULL;
}

/* Where a library without a path would be; false when no usual folder has it. */
static bool find_library(const struct imx_doctor *d, const char *name, char *path, size_t size)
{
    static const char *const dirs[] = { "/usr/lib/x86_64-linux-gnu",
                                        "/usr/lib/aarch64-linux-gnu",
                                        "/usr/lib/riscv64-linux-gnu",
                                        "/usr/lib64",
                                        "/usr/lib",
                                        "/usr/local/lib",
                                        "/lib/x86_64-linux-gnu",
                                        "/lib64",
                                        "/lib",
                                        "/opt/rocm/lib",
                                        "/opt/intel/oneapi/compiler/latest/lib" };
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        char plain[1024];
        if (imx_join(plain, sizeof plain, dirs[i], name) && imx_doctor_path(d, plain, path, size) &&
            imx_file_size(path, NULL))
            return true;
    }
    return false;
}

static void body_load(int in, int out, void *library)
{
    char text[256] = "";
    (void)in;
    if (!dlopen(library, RTLD_NOW | RTLD_LOCAL)) {
        const char *why = dlerror();
        snprintf(text, sizeof text, "%s", why ? why : "no reason is given");
    }
    if (!imx_pipe_write(out, text, sizeof text))
        _exit(1);
}

/* Whether a driver's library loads, tried in a child process; why: the linker's words, or how the child ended. */
static bool loads(char *library, char *why, size_t size)
{
    struct imx_child child;
    char text[256] = "", how[100];
    const double deadline = imx_now() + TIMEOUT_S;
    if (imx_child_start(&child, body_load, library) != IMX_OK) {
        imx_error_clear();
        return true; /* nothing is known against it */
    }
    const bool told = imx_pipe_read(child.from, text, sizeof text, deadline);
    imx_child_end(&child,
                  told                    ? IMX_CHILD_DONE
                  : imx_now() >= deadline ? IMX_CHILD_LATE
                                          : IMX_CHILD_GONE,
                  how, sizeof how);
    snprintf(why, size, "%s", told ? text : how);
    return told && !*text;
}

/* The line that brings a driver's files back. */
static void mend_icd(const struct imx_doctor *d, const char *icd, char *line, size_t size)
{
    const char *package = package_of(icd);
    if (!package) {
        snprintf(line, size, "sudo mv %.120s/%s %.120s/%s.off", d->vendors, icd, d->vendors, icd);
        return;
    }
    imx_doctor_install(d, package, line, size);
    char *verb = strstr(line, "apt-get install ");
    if (verb) {
        char rest[256];
        snprintf(rest, sizeof rest, "%s", verb + strlen("apt-get install "));
        snprintf(verb, size - (size_t)(verb - line), "apt-get install --reinstall %s", rest);
    }
}

static void check_icd(struct imx_doctor *d, const char *icd)
{
    char plain[1024], path[2048], library[1024], what[400], mend[400], why[256], *data = NULL;
    size_t bytes = 0;
    if (!imx_join(plain, sizeof plain, d->vendors, icd) || !imx_doctor_path(d, plain, path, sizeof path))
        return;
    mend_icd(d, icd, mend, sizeof mend);
    const imx_status s = imx_file_read(path, ICD_BYTES, &data, &bytes);
    if (data)
        data[strcspn(data, "\r\n")] = 0;
    if (s != IMX_OK || !*data) {
        snprintf(what, sizeof what, "%.300s %s", plain, s == IMX_OK ? "names no library" : "cannot be read");
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "icd-empty", what, "the loader finds a driver through this file", mend);
        imx_error_clear();
        free(data);
        return;
    }
    const bool found = data[0] == '/'
                           ? imx_doctor_path(d, data, library, sizeof library) && imx_file_size(library, NULL)
                           : find_library(d, data, library, sizeof library);
    if (!found && (data[0] == '/' || (d->o->root && *d->o->root))) {
        snprintf(what, sizeof what, "%.160s names %.160s, which is not there", plain, data);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "library-missing", what,
                        "the driver was removed or not installed whole; its devices are not seen", mend);
        free(data);
        return;
    }
    /* a bare name that no usual folder has may still be known to the linker */
    if (!loads(found ? library : data, why, sizeof why)) {
        snprintf(what, sizeof what, "the driver of %.120s does not load: %.240s", plain, why);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "library-broken", what,
                        "a library that it needs is missing or damaged; its devices are not seen", mend);
    }
    free(data);
}

static bool ends_with_icd(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".icd");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void find_icds(struct imx_doctor *d)
{
    const char *set = getenv("OCL_ICD_VENDORS"), *variable = "OCL_ICD_VENDORS";
    char path[1024], what[400], mend[400];
    struct stat st;
    if (!set || !*set) {
        set = getenv("OPENCL_VENDOR_PATH");
        variable = "OPENCL_VENDOR_PATH";
    }
    snprintf(d->vendors, sizeof d->vendors, "%s", set && *set ? set : "/etc/OpenCL/vendors");
    size_t n = strlen(d->vendors);
    while (n > 1 && d->vendors[n - 1] == '/')
        d->vendors[--n] = 0;
    if (!imx_doctor_path(d, d->vendors, path, sizeof path))
        return;
    const bool there = !stat(path, &st);
    if (!there && set && *set) {
        snprintf(what, sizeof what, "%s is set to %.200s, which is not there", variable, set);
        snprintf(mend, sizeof mend, "unset %s", variable);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "vendors-nowhere", what,
                        "the loader looks for drivers there alone, and finds none", mend);
    }
    DIR *dir = there && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir)) && d->n_icd < 32;) {
        const size_t len = strlen(e->d_name);
        if (len > 4 && len < sizeof d->icd[0] && ends_with_icd(e->d_name))
            snprintf(d->icd[d->n_icd++], sizeof d->icd[0], "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(d->icd, (size_t)d->n_icd, sizeof *d->icd, by_name);
    if (there && S_ISREG(st.st_mode)) { /* one driver alone: the file itself */
        const char *slash = strrchr(d->vendors, '/');
        snprintf(d->icd[d->n_icd++], sizeof d->icd[0], "%.63s", slash ? slash + 1 : d->vendors);
        if (slash)
            d->vendors[slash - d->vendors] = 0;
    }
}

/* ---- what the drivers answered ---- */

static void check_answers(struct imx_doctor *d)
{
    for (size_t i = 0; i < d->o->n_list; i++) {
        const struct imx_dev_info *info = &d->o->list[i];
        const char *name = *info->caps.name ? info->caps.name : info->caps.platform;
        const bool broken = strstr(info->why, "crashed") || strstr(info->why, "hung") || strstr(info->why, "ended the");
        const bool gives_up = strstr(info->why, "answers with") || strstr(info->why, "compiler") != NULL;
        char what[400], mend[400] = "";
        if (info->usable || info->caps.type == IMX_DEV_HOST || (!broken && !gives_up))
            continue;
        if (broken && ends_with_icd(info->caps.platform))
            mend_icd(d, info->caps.platform, mend, sizeof mend);
        snprintf(what, sizeof what, "%s: %s", name, info->why);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, broken ? "driver-crashes" : "driver-refuses", what,
                        broken ? "it is left out, and every start takes longer because each driver is asked alone"
                               : "its devices cannot be used",
                        mend);
    }
}

static void check_usable(struct imx_doctor *d)
{
    char mend[400];
    for (size_t i = 0; i < d->o->n_list; i++)
        d->usable = d->usable || (d->o->list[i].usable && d->o->list[i].caps.type != IMX_DEV_HOST);
#ifndef IMX_HAVE_OPENCL
    imx_doctor_install(d, "ocl-icd-opencl-dev", mend, sizeof mend);
    const size_t n = strlen(mend);
    snprintf(mend + n, sizeof mend - n, " && meson setup --reconfigure -Dopencl=auto build && ninja -C build");
    imx_finding_add(d->f, IMX_LEVEL_FAULT, "no-opencl-build", "this infomax was built without OpenCL",
                    "it runs on the host's plain code alone, many times slower than any OpenCL device", mend);
#endif
    if (!d->n_icd) {
        imx_doctor_install(d, "pocl-opencl-icd", mend, sizeof mend);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "no-driver", "no OpenCL driver is installed (no .icd file)",
                        "without one there is no device; PoCL makes any CPU one", mend);
    } else if (!d->usable && !imx_doctor_has(d, "pocl")) {
        imx_doctor_install(d, "pocl-opencl-icd", mend, sizeof mend);
        imx_finding_add(d->f, IMX_LEVEL_WARNING, "no-pocl",
                        "none of the drivers has a usable device, and PoCL is missing",
                        "PoCL makes the CPU an OpenCL device, which works everywhere", mend);
    }
}

imx_status imx_doctor(const struct imx_doctor_options *options, struct imx_findings *out)
{
    struct imx_doctor d = { .o = options, .f = out };
    *out = (struct imx_findings){ 0 };
    imx_doctor_system(&d);
    find_icds(&d);
    check_usable(&d);
    for (int i = 0; i < d.n_icd; i++)
        check_icd(&d, d.icd[i]);
    check_answers(&d);
    imx_doctor_gpus(&d);
    imx_doctor_caches(&d);
    return out->status;
}
