/* Finding OpenCL devices without trusting a driver. One child process asks all drivers at once; when it crashes,
 * hangs or reports an error, each driver (.icd file) is asked again in a child of its own, so that the bad one costs
 * one entry. Platform numbers count the platforms of the drivers that answered. When some driver is bad, a later
 * imx_cl_open() tells the loader to load the wanted driver alone (OCL_ICD_VENDORS), so the bad one is never loaded
 * into this process. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "dev/cl.h"
#include "dev/probe.h"

enum { TIMEOUT_S = 10, MAX_ICDS = 32, PATH_SIZE = 512 };

/* What a child sends: an entry, or that it got to the end (done). platform counts within that child. */
struct record {
    bool done;
    int platform, device;
    struct imx_dev_info info;
};

struct list {
    struct imx_dev_info *info;
    struct where {
        int p, d, icd; /* platform and device as that driver's own loader counts; icd -1: all drivers loaded */
    } * where;
    size_t n;
    int platforms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list found;
static bool asked;
static char icds[MAX_ICDS][PATH_SIZE];
static int n_icds;
static int loaded = -2; /* the driver this process has loaded; -1: all of them; -2: none yet */

static bool push(struct list *list, const struct record *r, int p, int icd)
{
    struct imx_dev_info *info = realloc(list->info, (list->n + 1) * sizeof *info);
    if (info)
        list->info = info;
    struct where *where = realloc(list->where, (list->n + 1) * sizeof *where);
    if (where)
        list->where = where;
    if (!info || !where)
        return false;
    list->info[list->n] = r->info;
    list->where[list->n] = (struct where){ r->platform, r->device, icd };
    if (r->device >= 0)
        snprintf(list->info[list->n].caps.id, sizeof info->caps.id, "%d:%d", p, r->device);
    else if (p >= 0)
        snprintf(list->info[list->n].caps.id, sizeof info->caps.id, "%d", p);
    list->n++;
    return true;
}

/* ---- in the child ---- */

static void send_record(int fd, const struct record *r)
{
    if (!imx_pipe_write(fd, r, sizeof *r))
        _exit(1);
}

static const char *unusable(const struct imx_caps *caps, cl_device_id device)
{
    cl_bool available = CL_TRUE, compiler = CL_TRUE;
    int major = 0, minor = 0;
    clGetDeviceInfo(device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    clGetDeviceInfo(device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    if (!strcmp(caps->platform, "Clover"))
        return "Clover is superseded by rusticl and gives wrong results; install a current mesa-opencl-icd and set "
               "RUSTICL_ENABLE";
    if (!available)
        return "the driver says that the device is not available";
    if (!compiler)
        return "the driver has no compiler";
    if (sscanf(caps->opencl, "OpenCL %d.%d", &major, &minor) == 2 && major * 10 + minor < 12)
        return "the device has OpenCL 1.1 or older; 1.2 is needed";
    return NULL;
}

static void tell_platform(int fd, int p, cl_platform_id platform)
{
    struct record r = { .platform = p, .device = -1 };
    cl_device_id devices[32];
    cl_uint n = 0;
    char name[sizeof r.info.caps.platform] = "";
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL) != CL_SUCCESS)
        snprintf(name, sizeof name, "unknown platform");
    const cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 32, devices, &n);
    if (code != CL_SUCCESS || !n) {
        snprintf(r.info.caps.platform, sizeof r.info.caps.platform, "%s", name);
        if (code != CL_SUCCESS && code != CL_DEVICE_NOT_FOUND)
            snprintf(r.info.why, sizeof r.info.why, "the driver answers with %s (%d)", imx_cl_name(code), code);
        else
            snprintf(r.info.why, sizeof r.info.why, "the platform has no devices%s",
                     strcmp(name, "rusticl")
                         ? ""
                         : "; RUSTICL_ENABLE=radeonsi (AMD), iris (Intel) or llvmpipe (CPU) switches one on");
        send_record(fd, &r);
        return;
    }
    for (cl_uint d = 0; d < n && d < 32; d++) {
        r = (struct record){ .platform = p, .device = (int)d };
        imx_cl_caps(platform, devices[d], p, (int)d, &r.info.caps);
        const char *why = unusable(&r.info.caps, devices[d]);
        r.info.usable = !why;
        snprintf(r.info.why, sizeof r.info.why, "%s", why ? why : "");
        send_record(fd, &r);
    }
}

static void tell_all(int fd)
{
    struct record r = { .done = true };
    cl_platform_id platforms[32];
    cl_uint n = 0;
    const cl_int code = clGetPlatformIDs(32, platforms, &n);
    if (code != CL_SUCCESS && code != -1001)
        _exit(1);
    for (cl_uint p = 0; code == CL_SUCCESS && p < n && p < 32; p++)
        tell_platform(fd, (int)p, platforms[p]);
    r.platform = code == CL_SUCCESS ? (int)n : 0;
    send_record(fd, &r);
}

/* ---- in the parent ---- */

/* How a probing child ended, as a sentence about its driver. */
static void tell_end(struct imx_child *child, bool finished, double deadline, char *why, size_t size)
{
    char how[100];
    const bool late = imx_now() >= deadline;
    imx_child_end(child, finished ? IMX_CHILD_DONE : late ? IMX_CHILD_LATE : IMX_CHILD_GONE, how, sizeof how);
    if (finished)
        return;
    if (late)
        snprintf(why, size, "the driver hung: no answer in %d s", TIMEOUT_S);
    else
        snprintf(why, size, "the driver %s", how);
}

static void body_tell(int in, int fd, void *arg)
{
    const int icd = *(const int *)arg;
    (void)in;
    if (icd >= 0)
        setenv("OCL_ICD_VENDORS", icds[icd], 1);
    tell_all(fd);
}

/* Asks one driver (or all: -1). True when it answered to the end; then its entries are in the list. */
static bool ask(struct list *list, int icd, char *why, size_t size)
{
    struct list part = { 0 };
    struct record r;
    struct imx_child child;
    const double deadline = imx_now() + TIMEOUT_S;
    bool finished = false;
    if (imx_child_start(&child, body_tell, &icd) != IMX_OK) {
        snprintf(why, size, "the driver could not be probed: %s", imx_error_text());
        imx_error_clear();
        return false;
    }
    while (!finished && imx_pipe_read(child.from, &r, sizeof r, deadline)) {
        finished = r.done;
        if (r.done)
            part.platforms = r.platform;
        else if (!push(&part, &r, list->platforms + r.platform, icd))
            break;
    }
    tell_end(&child, finished, deadline, why, size);
    for (size_t i = 0; finished && i < part.n; i++) {
        const struct record again = { .platform = part.where[i].p, .device = part.where[i].d, .info = part.info[i] };
        (void)push(list, &again, list->platforms + again.platform, icd);
    }
    if (finished)
        list->platforms += part.platforms;
    free(part.info);
    free(part.where);
    return finished;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The .icd files that the loader would read. */
static void find_icds(void)
{
    const char *set = getenv("OCL_ICD_VENDORS");
    if (!set || !*set)
        set = getenv("OPENCL_VENDOR_PATH");
    const char *dir = set && *set ? set : "/etc/OpenCL/vendors";
    struct stat st;
    n_icds = 0;
    if (stat(dir, &st) || !S_ISDIR(st.st_mode))
        return;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) && n_icds < MAX_ICDS;) {
        const size_t len = strlen(e->d_name);
        if (len > 4 && !strcmp(e->d_name + len - 4, ".icd") &&
            snprintf(icds[n_icds], PATH_SIZE, "%s/%s", dir, e->d_name) < PATH_SIZE)
            n_icds++;
    }
    if (d)
        closedir(d);
    qsort(icds, (size_t)n_icds, sizeof *icds, by_name);
}

/* The list of an earlier start. All drivers were loaded together then, and are now. */
static bool recall(void)
{
    struct imx_dev_info *list = NULL;
    size_t n = 0;
    if (!imx_cl_memo_read(&list, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct record r = { .platform = -1, .device = -1, .info = list[i] };
        (void)sscanf(list[i].caps.id, "%d:%d", &r.platform, &r.device);
        (void)push(&found, &r, r.platform, -1);
    }
    free(list);
    imx_log(IMX_LOG_DEBUG, "the drivers are those of an earlier start; none was asked again");
    return found.n == n;
}

static void probe(void)
{
    struct record bad = { .platform = -1, .device = -1 };
    if (ask(&found, -1, bad.info.why, sizeof bad.info.why)) {
        imx_cl_memo_write(found.info, found.n);
        return;
    }
    imx_log(IMX_LOG_DEBUG, "probing all OpenCL drivers at once: %s; each is asked alone", bad.info.why);
    find_icds();
    if (!n_icds) {
        snprintf(bad.info.caps.platform, sizeof bad.info.caps.platform, "OpenCL");
        (void)push(&found, &bad, -1, -1);
    }
    for (int i = 0; i < n_icds; i++)
        if (!ask(&found, i, bad.info.why, sizeof bad.info.why)) {
            const char *name = strrchr(icds[i], '/');
            snprintf(bad.info.caps.platform, sizeof bad.info.caps.platform, "%.100s", name ? name + 1 : icds[i]);
            (void)push(&found, &bad, -1, i);
        }
}

imx_status imx_cl_probe(bool remembered, struct imx_dev_info **out, size_t *n)
{
    pthread_mutex_lock(&lock);
    if (!asked && !(remembered && recall()))
        probe();
    asked = true;
    *n = found.n;
    *out = calloc(found.n + 2, sizeof **out); /* room for the host's entry */
    if (*out && found.n)
        memcpy(*out, found.info, found.n * sizeof **out);
    pthread_mutex_unlock(&lock);
    return *out ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for the list of devices");
}

/* Tells the loader which driver to load. Must come before the first OpenCL call of the process. */
static bool choose(int icd)
{
    if (loaded == -2) {
        loaded = icd;
        if (icd >= 0)
            setenv("OCL_ICD_VENDORS", icds[icd], 1);
    }
    return loaded == icd;
}

imx_status imx_cl_open(int p, int d, struct imx_dev **out)
{
    char id[16];
    struct where where = { -1, -1, -1 };
    bool known = false, right = false;
    snprintf(id, sizeof id, "%d:%d", p, d);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < found.n; i++)
        if (!strcmp(found.info[i].caps.id, id)) {
            where = found.where[i];
            known = true;
        }
    if (known)
        right = choose(where.icd);
    pthread_mutex_unlock(&lock);
    if (!known)
        return imx_fail(IMX_E_NODEVICE, "there is no device %s", id);
    if (!right)
        return imx_fail(IMX_E_NODEVICE,
                        "device %s belongs to another driver than the one this process has loaded, and "
                        "they cannot be loaded together because one of the installed drivers is broken",
                        id);
    const bool first = where.icd < 0;
    if (first)
        imx_cl_memo_aside(true);
    const imx_status status = imx_cl_open_at(where.p, where.d, out);
    if (first && status == IMX_OK)
        imx_cl_memo_aside(false);
    IMX_TRY(status);
    snprintf((*out)->caps.id, sizeof(*out)->caps.id, "%s", id);
    return IMX_OK;
}

static void body_race(int in, int fd, void *arg)
{
    (void)in;
    const struct imx_dev_info *info = arg;
    struct imx_dev *dev = NULL;
    double speed[2] = { 0.0, 0.0 };
    int p = -1, d = -1;
    if (sscanf(info->caps.id, "%d:%d", &p, &d) != 2 || imx_cl_open(p, d, &dev) != IMX_OK ||
        imx_dev_peak(dev, &speed[0], &speed[1]) != IMX_OK)
        _exit(1);
    if (!imx_pipe_write(fd, speed, sizeof speed))
        _exit(1);
}

void imx_cl_race(const struct imx_dev_info *at, size_t n, double *gflops)
{
    for (size_t i = 0; i < n; i++) {
        struct imx_dev_info info = at[i];
        double speed[2] = { 0.0, 0.0 };
        char why[128] = "";
        struct imx_child child;
        const double deadline = imx_now() + TIMEOUT_S;
        gflops[i] = 0.0;
        if (loaded != -2) /* a child of a process with a running driver cannot use it */
            continue;
        if (imx_child_start(&child, body_race, &info) != IMX_OK)
            continue;
        const bool finished = imx_pipe_read(child.from, speed, sizeof speed, deadline);
        tell_end(&child, finished, deadline, why, sizeof why);
        gflops[i] = finished ? speed[0] : 0.0;
        imx_log(IMX_LOG_DEBUG, "%s %s: %.1f GFLOP/s, %.1f GB/s %s", info.caps.id, info.caps.name, speed[0], speed[1],
                why);
    }
}
