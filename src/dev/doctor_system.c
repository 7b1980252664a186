/* See doctor.h: packages by this system's names, the user's rights on device nodes, the cache folders. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "dev/doctor.h"

enum { TABLE_BYTES = 1 << 20, LEAST_MB = 64 };

/* ---- packages ---- */

/* The word behind ID= in os-release, or those behind ID_LIKE=. */
static void os_word(const char *text, const char *key, char *word, size_t size)
{
    *word = 0;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (!strncmp(line, key, strlen(key))) {
            const char *at = line + strlen(key);
            at += *at == '"';
            snprintf(word, size, "%.*s", (int)strcspn(at, "\"\n"), at);
            return;
        }
}

void imx_doctor_system(struct imx_doctor *d)
{
    char path[1024], id[64], like[128], *text = NULL;
    size_t bytes = 0;
    d->system = IMX_APT_DEBIAN;
    if (!imx_doctor_path(d, "/etc/os-release", path, sizeof path) ||
        imx_file_read(path, 65536, &text, &bytes) != IMX_OK) {
        imx_error_clear();
        return;
    }
    os_word(text, "ID=", id, sizeof id);
    os_word(text, "ID_LIKE=", like, sizeof like);
    free(text);
    if (strstr(id, "ubuntu") || strstr(like, "ubuntu"))
        d->system = IMX_APT_UBUNTU;
    else if (strstr(id, "debian") || strstr(like, "debian"))
        d->system = IMX_APT_DEBIAN;
    else if (strstr(id, "fedora") || strstr(like, "fedora") || strstr(like, "rhel"))
        d->system = IMX_DNF;
    else if (strstr(id, "arch") || strstr(like, "arch"))
        d->system = IMX_PACMAN;
    else
        d->system = IMX_OTHER;
}

void imx_doctor_install(const struct imx_doctor *d, const char *debian, char *line, size_t size)
{
    static const struct {
        const char *debian, *ubuntu, *dnf, *pacman;
    } of[] = {
        { "pocl-opencl-icd", NULL, "pocl", "pocl" },
        { "intel-opencl-icd", NULL, "intel-compute-runtime", "intel-compute-runtime" },
        { "mesa-opencl-icd", NULL, "mesa-libOpenCL", "opencl-rusticl-mesa" },
        { "nvidia-opencl-icd", "sudo ubuntu-drivers install", "xorg-x11-drv-nvidia-cuda", "opencl-nvidia" },
        { "nvidia-driver nvidia-opencl-icd", "sudo ubuntu-drivers install", "akmod-nvidia xorg-x11-drv-nvidia-cuda",
          "nvidia opencl-nvidia" },
        { "rocm-opencl-icd", NULL, "rocm-opencl", "rocm-opencl-runtime" },
        { "ocl-icd-opencl-dev", NULL, "ocl-icd-devel opencl-headers", "ocl-icd opencl-headers" },
    };
    size_t i = 0;
    while (i + 1 < sizeof of / sizeof *of && strcmp(of[i].debian, debian))
        i++;
    const bool known = !strcmp(of[i].debian, debian);
    if (d->system == IMX_APT_UBUNTU && known && of[i].ubuntu)
        snprintf(line, size, "%s", of[i].ubuntu);
    else if (d->system == IMX_DNF && known)
        snprintf(line, size, "sudo dnf install %s", of[i].dnf);
    else if (d->system == IMX_PACMAN && known)
        snprintf(line, size, "sudo pacman -S %s", of[i].pacman);
    else if (d->system == IMX_OTHER)
        snprintf(line, size, "# install what Debian calls %s", debian);
    else
        snprintf(line, size, "sudo apt-get install %s", debian);
}

/* ---- rights ---- */

struct rights {
    char user[64];
    long uid, gid; /* -1: unknown */
};

/* Calls see() with the fields of each line of root's passwd or group until it says true. */
static bool walk_table(const struct imx_doctor *d, const char *path, bool (*see)(char **field, void *user), void *user)
{
    char full[1024], *text = NULL;
    size_t bytes = 0;
    bool found = false;
    if (!imx_doctor_path(d, path, full, sizeof full) || imx_file_read(full, TABLE_BYTES, &text, &bytes) != IMX_OK) {
        imx_error_clear();
        return false;
    }
    char *rest = text;
    for (char *line; !found && (line = strsep(&rest, "\n"));) {
        char *field[8] = { NULL };
        int n = 0;
        while (n < 7 && (field[n] = strsep(&line, ":")))
            n++;
        found = n >= 4 && see(field, user);
    }
    free(text);
    return found;
}

static bool is_user(char **field, void *user)
{
    struct rights *r = user;
    if (strcmp(field[0], r->user))
        return false;
    r->uid = atol(field[2]);
    r->gid = atol(field[3]);
    return true;
}

struct owner {
    long gid;
    const char *user;
    char name[64];
    bool member; /* in the file, which a session takes over when it begins */
};

static bool is_group(char **field, void *user)
{
    struct owner *g = user;
    if (atol(field[2]) != g->gid)
        return false;
    snprintf(g->name, sizeof g->name, "%s", field[0]);
    for (char *rest = field[3], *name; (name = strsep(&rest, ","));)
        g->member = g->member || !strcmp(name, g->user);
    return true;
}

static struct rights who(const struct imx_doctor *d)
{
    struct rights r = { "", -1, -1 };
    if (d->o->user) {
        snprintf(r.user, sizeof r.user, "%s", d->o->user);
        walk_table(d, "/etc/passwd", is_user, &r);
        return r;
    }
    const struct passwd *p = getpwuid(getuid());
    const char *name = p ? p->pw_name : getenv("USER");
    snprintf(r.user, sizeof r.user, "%s", name ? name : "$USER");
    r.uid = (long)getuid();
    r.gid = (long)getgid();
    return r;
}

/* By the mode bits for another user, by asking the system (which knows access lists, too) for this process. */
static bool may_use(const struct imx_doctor *d, const char *path, const struct stat *st, const struct rights *r,
                    const struct owner *g)
{
    if (!d->o->user)
        return !access(path, R_OK | W_OK);
    if (r->uid == 0 || (st->st_mode & 06) == 06)
        return true;
    if (r->uid == (long)st->st_uid && (st->st_mode & 0600) == 0600)
        return true;
    return (g->member || r->gid == (long)st->st_gid) && (st->st_mode & 060) == 060;
}

void imx_doctor_node(struct imx_doctor *d, const char *path, const char *what)
{
    char full[1024], found[400], mend[400];
    struct stat st;
    if (!imx_doctor_path(d, path, full, sizeof full) || stat(full, &st))
        return;
    const struct rights r = who(d);
    struct owner g = { .gid = (long)st.st_gid, .user = r.user };
    walk_table(d, "/etc/group", is_group, &g);
    if (may_use(d, full, &st, &r, &g))
        return;
    if ((st.st_mode & 060) != 060 || !*g.name || st.st_gid == 0) {
        snprintf(found, sizeof found, "%s may not use %s (%s), nor may its group", r.user, path, what);
        snprintf(mend, sizeof mend, "sudo chgrp render %s && sudo chmod g+rw %s && sudo usermod -a -G render %s", path,
                 path, r.user);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "node-closed", found, "the driver cannot reach the GPU", mend);
        return;
    }
    snprintf(found, sizeof found, "%s may not use %s (%s): it belongs to the group %s%s", r.user, path, what, g.name,
             g.member ? ", which this session does not know of yet" : "");
    if (g.member) {
        snprintf(mend, sizeof mend, "newgrp %s", g.name);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "not-in-group-yet", found,
                        "groups count from the next login on (newgrp gives a shell that has it at once)", mend);
    } else {
        snprintf(mend, sizeof mend, "sudo usermod -a -G %s %s", g.name, r.user);
        imx_finding_add(d->f, IMX_LEVEL_FAULT, "not-in-group", found,
                        "the driver cannot reach the GPU; log out and in again after the change", mend);
    }
}

/* ---- caches ---- */

/* The folder itself, or the nearest one above it that exists. */
static void nearest(char *path)
{
    while (*path && !imx_file_size(path, NULL)) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
            snprintf(path, 2, "/");
            return;
        }
        *slash = 0;
    }
}

static void check_cache(struct imx_doctor *d, const char *folder, const char *of, const char *costs)
{
    char path[4200], what[400], mend[400], at[4200];
    struct statvfs fs;
    struct stat st;
    if (!imx_doctor_path(d, folder, path, sizeof path))
        return;
    snprintf(at, sizeof at, "%s", path);
    nearest(at);
    if (!stat(at, &st) && !S_ISDIR(st.st_mode)) {
        snprintf(what, sizeof what, "%s's cache %.200s cannot be made: %.100s is no folder", of, folder, at);
        snprintf(mend, sizeof mend, "mv %.180s %.180s.old", at, at);
        imx_finding_add(d->f, IMX_LEVEL_WARNING, "cache-closed", what, costs, mend);
        return;
    }
    if (access(at, W_OK | X_OK)) {
        snprintf(what, sizeof what, "%s's cache %.200s cannot be written", of, folder);
        snprintf(mend, sizeof mend, "sudo mkdir -p %.120s && sudo chown -R $(id -u):$(id -g) %.120s", folder, folder);
        imx_finding_add(d->f, IMX_LEVEL_WARNING, "cache-closed", what, costs, mend);
        return;
    }
    if (!statvfs(at, &fs)) {
        const double mb = (double)fs.f_bavail * (double)fs.f_frsize / 1048576.0;
        if (mb < LEAST_MB) {
            snprintf(what, sizeof what, "the disk of %s's cache %.200s has %.0f MB left", of, folder, mb);
            snprintf(mend, sizeof mend, "df -h %.200s", at);
            imx_finding_add(d->f, IMX_LEVEL_WARNING, "disk-full", what, costs, mend);
        }
    }
}

void imx_doctor_caches(struct imx_doctor *d)
{
    static const char costs[] = "every start builds and tests its kernels anew, which takes seconds to minutes";
    char folder[4096], pocl[4096] = "";
    const char *set = getenv("INFOMAX_CACHE"), *own = getenv("POCL_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (imx_cache_folder(folder, sizeof folder))
        check_cache(d, folder, "infomax", costs);
    else if (set && !strcmp(set, "off"))
        imx_finding_add(d->f, IMX_LEVEL_NOTE, "cache-off", "INFOMAX_CACHE=off switches the cache of programs off",
                        costs, "unset INFOMAX_CACHE");
    else
        imx_finding_add(d->f, IMX_LEVEL_WARNING, "cache-nowhere", "there is no folder for the cache: HOME is not set",
                        costs, "export INFOMAX_CACHE=/var/tmp/infomax-cache");
    if (!imx_doctor_has(d, "pocl"))
        return;
    if (own && *own)
        snprintf(pocl, sizeof pocl, "%s", own);
    else if (xdg && *xdg)
        snprintf(pocl, sizeof pocl, "%s/pocl/kcache", xdg);
    else if (home && *home)
        snprintf(pocl, sizeof pocl, "%s/.cache/pocl/kcache", home);
    if (*pocl)
        check_cache(d, pocl, "PoCL", costs);
}
