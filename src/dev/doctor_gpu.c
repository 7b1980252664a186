/* See doctor.h: the GPUs on the PCI bus, the kernel's drivers for them, their device nodes and their OpenCL drivers. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "dev/doctor.h"

enum { AMD = 0x1002, INTEL = 0x8086, NVIDIA = 0x10de, MOST = 16 };

struct gpu {
    char at[32], driver[32]; /* 0000:03:00.0; the kernel's driver, "" when there is none */
    unsigned vendor, device;
};

static const char *vendor_name(unsigned vendor)
{
    return vendor == AMD ? "AMD" : vendor == INTEL ? "Intel" : vendor == NVIDIA ? "NVIDIA" : "unknown";
}

/* A number such as 0x1002 from a file of sysfs. */
static bool number(const char *dir, const char *name, unsigned *value)
{
    char path[1200], *text = NULL;
    size_t bytes = 0;
    const bool read = imx_join(path, sizeof path, dir, name) && imx_file_read(path, 4096, &text, &bytes) == IMX_OK;
    if (read)
        *value = (unsigned)strtoul(text, NULL, 16);
    else
        imx_error_clear();
    free(text);
    return read;
}

/* GPUs of the three vendors; a virtual machine's plain display adapter is none. */
static int find_gpus(const struct imx_doctor *d, struct gpu *gpu)
{
    char pci[512], dir[1024], link[1200], target[1024];
    int n = 0;
    if (!imx_doctor_path(d, "/sys/bus/pci/devices", pci, sizeof pci))
        return 0;
    DIR *all = opendir(pci);
    for (struct dirent *e; all && (e = readdir(all)) && n < MOST;) {
        struct gpu g = { .driver = "" };
        unsigned class = 0;
        if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof g.at || !imx_join(dir, sizeof dir, pci, e->d_name) ||
            !number(dir, "class", &class) || class >> 16 != 3 || !number(dir, "vendor", &g.vendor) ||
            !number(dir, "device", &g.device) || (g.vendor != AMD && g.vendor != INTEL && g.vendor != NVIDIA))
            continue;
        snprintf(g.at, sizeof g.at, "%.31s", e->d_name);
        if (imx_join(link, sizeof link, dir, "driver")) {
            const ssize_t bytes = readlink(link, target, sizeof target - 1);
            target[bytes > 0 ? bytes : 0] = 0;
            const char *slash = strrchr(target, '/');
            snprintf(g.driver, sizeof g.driver, "%.31s", slash ? slash + 1 : target);
        }
        gpu[n++] = g;
    }
    if (all)
        closedir(all);
    return n;
}

/* Whether a usable OpenCL device of this vendor answered. */
static bool answered(const struct imx_doctor *d, unsigned vendor)
{
    static const char *const words[3][4] = { { "AMD", "Advanced Micro", "Radeon", NULL },
                                             { "Intel", NULL },
                                             { "NVIDIA", NULL } };
    const char *const *word = words[vendor == AMD ? 0 : vendor == INTEL ? 1 : 2];
    for (size_t i = 0; i < d->o->n_list; i++)
        if (d->o->list[i].usable && d->o->list[i].caps.type == IMX_DEV_GPU)
            for (int k = 0; word[k]; k++)
                if (strcasestr(d->o->list[i].caps.vendor, word[k]) || strcasestr(d->o->list[i].caps.name, word[k]))
                    return true;
    return false;
}

/* rusticl computes on a GPU only where RUSTICL_ENABLE names its driver. */
static bool rusticl_has(const char *driver)
{
    const char *set = getenv("RUSTICL_ENABLE");
    return set && strstr(set, driver);
}

static void ask_rusticl(struct imx_doctor *d, const char *title, const char *driver)
{
    char what[400], mend[400];
    snprintf(what, sizeof what, "%s: rusticl is installed, but not switched on for it", title);
    snprintf(mend, sizeof mend, "export RUSTICL_ENABLE=%s", driver);
    imx_finding_add(d->f, IMX_LEVEL_WARNING, "rusticl-off", what,
                    "rusticl shows no GPU that RUSTICL_ENABLE does not name (put the line into ~/.profile to keep it)",
                    mend);
}

/* The OpenCL driver of a GPU whose kernel driver is there. */
static void check_opencl(struct imx_doctor *d, const struct gpu *g, const char *title)
{
    char what[400], mend[400];
    const char *mesa = g->vendor == AMD ? "radeonsi" : "iris";
    const char *package = g->vendor == INTEL ? "intel-opencl-icd"
                          : g->vendor == AMD ? "mesa-opencl-icd"
                                             : "nvidia-opencl-icd";
    const bool own = imx_doctor_has(d, g->vendor == INTEL ? "intel" : g->vendor == AMD ? "amdocl" : "nvidia");
    const bool rusticl = g->vendor != NVIDIA && imx_doctor_has(d, "rusticl");
    if (own || answered(d, g->vendor))
        return; /* what may be wrong with it has been said */
    if (rusticl && (g->vendor == AMD || !own)) {
        if (!rusticl_has(mesa))
            ask_rusticl(d, title, mesa);
        return;
    }
    imx_doctor_install(d, package, mend, sizeof mend);
    snprintf(what, sizeof what, "%s has no OpenCL driver", title);
    imx_finding_add(d->f, IMX_LEVEL_WARNING, "gpu-without-driver", what,
                    g->vendor == AMD ? "the GPU lies idle; this driver, rusticl, is then switched on with "
                                       "RUSTICL_ENABLE=radeonsi (AMD's own, ROCm, knows newer cards)"
                                     : "the GPU lies idle",
                    mend);
}

static void check_gpu(struct imx_doctor *d, const struct gpu *g)
{
    static const char *const module[] = { "amdgpu", "i915", "nvidia" };
    const int v = g->vendor == AMD ? 0 : g->vendor == INTEL ? 1 : 2;
    char title[128], what[400], mend[400];
    snprintf(title, sizeof title, "the %s GPU %04x:%04x at %.31s", vendor_name(g->vendor), g->vendor, g->device, g->at);
    if (!strncmp(g->driver, "vfio", 4)) {
        snprintf(what, sizeof what, "%s is set aside for a virtual machine (%s)", title, g->driver);
        imx_finding_add(d->f, IMX_LEVEL_NOTE, "gpu-passed-on", what, "programs of this system cannot use it", NULL);
    } else if (g->vendor == NVIDIA && strcmp(g->driver, "nvidia") != 0) {
        imx_doctor_install(d, "nvidia-driver nvidia-opencl-icd", mend, sizeof mend);
        snprintf(what, sizeof what, "%s is run by %s", title, *g->driver ? g->driver : "no kernel driver");
        imx_finding_add(d->f, IMX_LEVEL_WARNING, "nvidia-module", what,
                        "only NVIDIA's own driver computes on it; restart after installing", mend);
    } else if (!*g->driver) {
        snprintf(what, sizeof what, "%s has no kernel driver", title);
        snprintf(mend, sizeof mend, "sudo modprobe %s", module[v]);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "no-module", what, "no program can use it", mend);
    } else {
        check_opencl(d, g, title);
    }
}

/* Whether a folder has an entry whose name begins so; every such node is checked for the user's rights. */
static bool check_nodes(struct imx_doctor *d, const char *dir, const char *begin, const char *what)
{
    char path[1024], node[1200];
    bool any = false;
    DIR *all = imx_doctor_path(d, dir, path, sizeof path) ? opendir(path) : NULL;
    for (struct dirent *e; all && (e = readdir(all));)
        if (!strncmp(e->d_name, begin, strlen(begin)) && imx_join(node, sizeof node, dir, e->d_name)) {
            any = true;
            imx_doctor_node(d, node, what);
        }
    if (all)
        closedir(all);
    return any;
}

void imx_doctor_gpus(struct imx_doctor *d)
{
    struct gpu gpu[MOST];
    const int n = find_gpus(d, gpu);
    bool render = false, amd = false, nvidia = false; /* GPUs that need these nodes */
    for (int i = 0; i < n; i++) {
        check_gpu(d, &gpu[i]);
        render = render || !strcmp(gpu[i].driver, "i915") || !strcmp(gpu[i].driver, "xe") ||
                 !strcmp(gpu[i].driver, "amdgpu");
        amd = amd || !strcmp(gpu[i].driver, "amdgpu");
        nvidia = nvidia || !strcmp(gpu[i].driver, "nvidia");
    }
    const bool node = check_nodes(d, "/dev/dri", "renderD", "how drivers reach a GPU");
    if (render && !node)
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "no-render-node", "there is a GPU, but no /dev/dri/renderD*",
                        "drivers reach a GPU through it; a container needs --device /dev/dri",
                        "ls -l /dev/dri; sudo dmesg | grep -i drm");
    if (amd && imx_doctor_has(d, "amdocl"))
        imx_doctor_node(d, "/dev/kfd", "how AMD's own driver computes");
    if (nvidia && !check_nodes(d, "/dev", "nvidia", "how NVIDIA's driver reaches its GPU"))
        imx_finding_add(
            d->f, IMX_LEVEL_FAULT, "no-nvidia-node", "NVIDIA's module is loaded, but there is no /dev/nvidia*",
            "its OpenCL driver needs them; a container needs the NVIDIA runtime", "sudo nvidia-modprobe -c 0 -u");
}
