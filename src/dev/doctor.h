/* What keeps this machine from computing with OpenCL, found without trusting any driver: drivers that are missing,
 * broken or not allowed, GPUs without one, caches that cannot be written. Each finding comes with the line that mends
 * it. Reads files only; drivers are loaded in child processes. Works in a build without OpenCL, too. */
#ifndef IMX_DEV_DOCTOR_H
#define IMX_DEV_DOCTOR_H

#include "dev/dev.h"

enum imx_level {
    IMX_LEVEL_NOTE,    /* worth knowing */
    IMX_LEVEL_WARNING, /* costs something, such as a GPU that lies idle */
    IMX_LEVEL_FAULT,   /* something that is installed does not work */
};

struct imx_finding {
    enum imx_level level;
    char id[32];    /* the same words for the same kind of finding: "no-driver", "not-in-group" */
    char what[400]; /* what was found */
    char why[400];  /* why it matters */
    char mend[400]; /* one line for a shell, or "" where there is none */
};

struct imx_findings {
    struct imx_finding *item;
    size_t n;
    imx_status status; /* E_NOMEM: the list is not complete */
};

struct imx_doctor_options {
    const char *root; /* put before every path that is read; NULL or "": the machine itself */
    const char *user; /* whose rights count, from root's /etc/passwd and /etc/group; NULL: this process's */
    const struct imx_dev_info *list; /* of imx_dev_list() */
    size_t n_list;
};

/* The caller owns the list: imx_findings_finish. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_doctor(const struct imx_doctor_options *options, struct imx_findings *out);
void imx_findings_finish(struct imx_findings *f);
/* Adds one; mend may be NULL. */
void imx_finding_add(struct imx_findings *f, enum imx_level level, const char *id, const char *what, const char *why,
                     const char *mend);
const char *imx_level_name(enum imx_level level);

/* What doctor_system.c (packages, users) and doctor_gpu.c share with doctor.c. */
struct imx_doctor {
    const struct imx_doctor_options *o;
    struct imx_findings *f;
    char vendors[512]; /* folder or file of .icd files, as the loader sees it */
    char icd[32][64];  /* names of the .icd files there */
    int n_icd;
    bool usable; /* some OpenCL device is */
    enum { IMX_APT_DEBIAN, IMX_APT_UBUNTU, IMX_DNF, IMX_PACMAN, IMX_OTHER } system;
};

/* root + path. */
bool imx_doctor_path(const struct imx_doctor *d, const char *path, char *text, size_t size);
bool imx_doctor_has(const struct imx_doctor *d, const char *icd); /* is there an .icd file whose name begins so? */
/* A package by Debian's name, as this system's line to install it ("sudo apt-get install pocl-opencl-icd"). */
void imx_doctor_install(const struct imx_doctor *d, const char *debian, char *line, size_t size);
void imx_doctor_system(struct imx_doctor *d);
/* Whether the user may read and write a device node; says how to get the right to. */
void imx_doctor_node(struct imx_doctor *d, const char *path, const char *what);
void imx_doctor_gpus(struct imx_doctor *d);
void imx_doctor_caches(struct imx_doctor *d);

#endif
