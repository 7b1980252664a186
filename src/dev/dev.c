/* Which device a name means. The rule for "auto" is in choose_auto(). */
#include "dev/dev.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/host.h"
#include "dev/probe.h"

static _Thread_local char why_text[512];

static imx_status list_devices(bool remembered, struct imx_dev_info **out, size_t *n)
{
    IMX_TRY(imx_cl_probe(remembered, out, n));
    struct imx_dev_info *host = &(*out)[(*n)++];
    *host = (struct imx_dev_info){ .usable = true };
    imx_host_caps(&host->caps);
    return IMX_OK;
}

imx_status imx_dev_list(struct imx_dev_info **out, size_t *n)
{
    return list_devices(false, out, n);
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static const char *type_name(enum imx_dev_type type)
{
    static const char *const names[] = { "host", "CPU", "GPU", "accelerator" };
    return names[type];
}

static int rank(enum imx_dev_type type)
{
    return type == IMX_DEV_GPU ? 3 : type == IMX_DEV_ACCELERATOR ? 2 : type == IMX_DEV_CPU ? 1 : 0;
}

/* Sentence for "there is no OpenCL device": what was found and what to install. */
static imx_status nothing_there(const struct imx_dev_info *list, size_t n, const char *spec)
{
    char seen[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof seen; i++)
        if (!list[i].usable)
            used += (size_t)snprintf(seen + used, sizeof seen - used, " %s: %s.",
                                     list[i].caps.name[0] ? list[i].caps.name : list[i].caps.platform, list[i].why);
    return imx_fail(IMX_E_NODEVICE,
                    "no %s device can be used.%s Install a driver: pocl-opencl-icd (any CPU), "
                    "intel-opencl-icd (Intel graphics), mesa-opencl-icd with RUSTICL_ENABLE=radeonsi (AMD), or the GPU "
                    "vendor's own driver; `infomax devices` says what was found, --device host needs none",
                    spec, seen);
}

/* The best of the usable devices for which type is -1 or theirs: GPUs before accelerators before CPUs, since a
 * GPU also leaves the CPU to the image decoder; among several of the best type the fastest by measurement.
 * Returns its index, n when there is none. The host (last entry) is never chosen here. */
static size_t choose_auto(const struct imx_dev_info *list, size_t n, int type)
{
    size_t best = n, same = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (!list[i].usable || (type >= 0 && list[i].caps.type != (enum imx_dev_type)type))
            continue;
        if (best == n || rank(list[i].caps.type) > rank(list[best].caps.type)) {
            best = i;
            same = 1;
        } else if (rank(list[i].caps.type) == rank(list[best].caps.type)) {
            same++;
        }
    }
    if (best == n)
        return n;
    snprintf(why_text, sizeof why_text, same == 1 ? "the only usable OpenCL %s" : "the first of several usable %ss",
             type_name(list[best].caps.type));
    double *speed = same > 1 ? calloc(n, sizeof *speed) : NULL;
    struct imx_dev_info *rivals = same > 1 ? calloc(n, sizeof *rivals) : NULL;
    size_t *index = same > 1 ? calloc(n, sizeof *index) : NULL, m = 0, fastest = 0;
    if (speed && rivals && index) {
        for (size_t i = 0; i + 1 < n; i++)
            if (list[i].usable && list[i].caps.type == list[best].caps.type) {
                index[m] = i;
                rivals[m++] = list[i];
            }
        imx_cl_race(rivals, m, speed);
        for (size_t i = 1; i < m; i++)
            if (speed[i] > speed[fastest])
                fastest = i;
        if (speed[fastest] > 0.0) {
            best = index[fastest];
            snprintf(why_text, sizeof why_text, "the fastest of %zu usable %ss by measurement (%.0f GFLOP/s)", m,
                     type_name(list[best].caps.type), speed[fastest]);
        }
    }
    free(speed);
    free(rivals);
    free(index);
    return best;
}

/* The entry that spec names, as an index; n when none does. */
static imx_status find(const struct imx_dev_info *list, size_t n, const char *spec, size_t *at)
{
    const bool automatic = !strcmp(spec, "auto");
    if (automatic || !strcasecmp(spec, "cpu") || !strcasecmp(spec, "gpu")) {
        *at = choose_auto(list, n, automatic ? -1 : !strcasecmp(spec, "cpu") ? IMX_DEV_CPU : IMX_DEV_GPU);
        if (*at == n && automatic) {
            *at = n - 1;
            snprintf(why_text, sizeof why_text,
                     "there is no usable OpenCL device, so the plain host code runs, which "
                     "is slow; pocl-opencl-icd makes the CPU an OpenCL device");
        }
        return *at == n ? nothing_there(list, n, spec) : IMX_OK;
    }
    size_t first_bad = n;
    const bool number = isdigit((unsigned char)spec[0]) && strchr(spec, ':');
    for (size_t i = 0; i < n; i++) {
        const struct imx_caps *c = &list[i].caps;
        if (number ? strcmp(c->id, spec) != 0 : !contains(c->name, spec) && !contains(c->platform, spec))
            continue;
        if (list[i].usable) {
            *at = i;
            snprintf(why_text, sizeof why_text, "asked for with \"%.100s\"", spec);
            return IMX_OK;
        }
        if (first_bad == n)
            first_bad = i;
    }
    if (first_bad < n)
        return imx_fail(IMX_E_NODEVICE, "device \"%s\" (%s, %s) cannot be used: %s", spec,
                        list[first_bad].caps.platform, list[first_bad].caps.name, list[first_bad].why);
    if (n == 1)
        return nothing_there(list, n, "OpenCL");
    return imx_fail(IMX_E_NODEVICE, "no device is called \"%s\"; `infomax devices` lists them", spec);
}

imx_status imx_dev_choose(const char *spec, struct imx_dev_info *chosen, const char **why)
{
    const char *wanted = spec && *spec ? spec : "auto";
    struct imx_dev_info *list = NULL;
    size_t n = 0, at = 0;
    if (why)
        *why = why_text;
    if (!strcmp(wanted, "host")) {
        snprintf(why_text, sizeof why_text, "asked for");
        *chosen = (struct imx_dev_info){ .usable = true };
        imx_host_caps(&chosen->caps);
        return IMX_OK;
    }
    IMX_TRY(list_devices(true, &list, &n));
    const imx_status status = find(list, n, wanted, &at);
    if (status == IMX_OK)
        *chosen = list[at];
    free(list);
    return status;
}

imx_status imx_dev_open_chosen(const struct imx_dev_info *chosen, struct imx_dev **out)
{
    int p = -1, d = -1;
    if (chosen->caps.type == IMX_DEV_HOST)
        return imx_host_open(out);
    if (sscanf(chosen->caps.id, "%d:%d", &p, &d) != 2)
        return imx_fail(IMX_E_INTERNAL, "device id \"%s\"", chosen->caps.id);
    return imx_cl_open(p, d, out);
}

imx_status imx_dev_open(const char *spec, struct imx_dev **out, const char **why)
{
    struct imx_dev_info chosen;
    IMX_TRY(imx_dev_choose(spec, &chosen, why));
    return imx_dev_open_chosen(&chosen, out);
}

void imx_dev_allow_half(struct imx_dev *dev, bool allowed)
{
    dev->caps.half = allowed && !imx_dev_is_host(dev);
}

const char *imx_subgroup_options(const struct imx_caps *caps)
{
    if (caps->sub_sizes & 32)
        return "-DSUB=32";
    if (caps->sub_sizes & 16)
        return "-DSUB=16";
    if (caps->sub_sizes & 8)
        return "-DSUB=8";
    return caps->sub_std == 3 ? "-DSUB=0 -cl-std=CL3.0" : caps->sub_std == 2 ? "-DSUB=0 -cl-std=CL2.0" : NULL;
}

bool imx_cache_folder(char *path, size_t size)
{
    const char *own = getenv("INFOMAX_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (own && *own)
        n = strcmp(own, "off") ? snprintf(path, size, "%s", own) : -1;
    else if (xdg && *xdg)
        n = snprintf(path, size, "%s/infomax", xdg);
    else if (home && *home)
        n = snprintf(path, size, "%s/.cache/infomax", home);
    else
        n = -1;
    return n > 0 && (size_t)n < size;
}

void imx_dev_close(struct imx_dev *dev)
{
    if (!dev)
        return;
    if (dev->dismiss)
        dev->dismiss(dev);
    struct imx_tuned *tuned = dev->caps.tuned;
    void *trusted = dev->trusted;
    dev->vt->release(dev);
    free(tuned);
    free(trusted);
}
