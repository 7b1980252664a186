/* What the drivers answered when they were all asked, in a child process, and none of them failed: kept in the cache
 * folder so that the next start need not ask again. The answer counts for the same boot of the system, the same driver
 * files and loader cache, the same device nodes and access to them, the same environment as far as drivers read it, and
 * the same program. While a driver is loaded on the word of the memo, the memo is put aside: a driver that crashes
 * this program after all is asked in a child the next time.
 *   "imxseen" 0 | key 32 bytes | n u64 | n struct imx_dev_info | SHA-256 of all before 32 bytes */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "dev/cl.h"
#include "dev/probe.h"

extern char **environ;

enum { HEAD = 8 + 32 + 8, TAIL = 32, MOST = 64 };
static const char magic[8] = "imxseen";

static void add_text(struct imx_sha256 *h, const char *text)
{
    imx_sha256_add(h, text, strlen(text) + 1);
}

/* Size, age and place of a file, and what this user may do with it; a file that is not there counts, too. */
static void add_file(struct imx_sha256 *h, const char *path)
{
    struct stat st;
    char text[256] = "absent";
    if (!stat(path, &st))
        snprintf(text, sizeof text, "%llu %llu %lld.%09ld %o %llu %d %d", (unsigned long long)st.st_ino,
                 S_ISREG(st.st_mode) ? (unsigned long long)st.st_size : 0,
                 S_ISREG(st.st_mode) ? (long long)st.st_mtim.tv_sec : 0, S_ISREG(st.st_mode) ? st.st_mtim.tv_nsec : 0,
                 (unsigned)st.st_mode, (unsigned long long)st.st_rdev, access(path, R_OK), access(path, W_OK));
    add_text(h, path);
    add_text(h, text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool ends_in(const char *name, const char *end)
{
    return strlen(name) >= strlen(end) && !strcmp(name + strlen(name) - strlen(end), end);
}

/* The entries of a folder that begin and end so; of small files that name a library, the text and that library. */
static void add_folder(struct imx_sha256 *h, const char *dir, const char *begin, const char *end, bool text)
{
    struct dirent **entry = NULL;
    const int n = scandir(dir, &entry, NULL, by_name);
    add_text(h, dir);
    for (int i = 0; i < n; i++) {
        char path[4096], *data = NULL;
        size_t bytes = 0;
        const char *name = entry[i]->d_name;
        if (*name != '.' && !strncmp(name, begin, strlen(begin)) && ends_in(name, end) &&
            imx_join(path, sizeof path, dir, name)) {
            add_file(h, path);
            if (text && imx_file_read(path, 4096, &data, &bytes) == IMX_OK) {
                data[strcspn(data, "\r\n")] = 0;
                add_file(h, data);
            }
            free(data);
        }
        free(entry[i]);
    }
    free(entry);
    imx_error_clear();
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_environment(struct imx_sha256 *h)
{
    static const char *const of[] = { "OCL_",  "OPENCL_", "RUSTICL_", "POCL_", "MESA_", "GALLIUM_", "LP_",
                                      "LIBGL", "CUDA_",   "NVIDIA_",  "GPU_",  "ROC",   "HSA_",     "HIP_",
                                      "AMD_",  "ZE_",     "NEO",      "IGC_",  "CL_",   "LD_",      "IMX_" };
    char *found[256];
    size_t n = 0;
    for (char **e = environ; *e && n < 256; e++)
        for (size_t i = 0; i < sizeof of / sizeof *of; i++)
            if (!strncmp(*e, of[i], strlen(of[i]))) {
                found[n++] = *e;
                break;
            }
    qsort(found, n, sizeof *found, by_text);
    for (size_t i = 0; i < n; i++)
        add_text(h, found[i]);
}

static void key_of(unsigned char key[32])
{
    const char *set = getenv("OCL_ICD_VENDORS");
    struct imx_sha256 h;
    char boot[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f && !fgets(boot, sizeof boot, f))
        boot[0] = 0;
    if (f)
        fclose(f);
    if (!set || !*set)
        set = getenv("OPENCL_VENDOR_PATH");
    imx_sha256_init(&h);
    add_text(&h, boot);
    add_file(&h, "/proc/self/exe");
    add_file(&h, "/etc/ld.so.cache");
    add_folder(&h, set && *set ? set : "/etc/OpenCL/vendors", "", ".icd", true);
    if (set && *set)
        add_file(&h, set);
    add_folder(&h, "/dev/dri", "", "", false);
    add_folder(&h, "/dev", "kfd", "", false);
    add_folder(&h, "/dev", "nvidia", "", false);
    add_environment(&h);
    imx_sha256_end(&h, key);
}

static bool paths(char *path, char *aside, size_t size)
{
    char dir[4000];
    return imx_cache_folder(dir, sizeof dir) && imx_join(path, size, dir, "drivers.seen") &&
           imx_join(aside, size, dir, "drivers.loading");
}

static void digest_of(const void *data, size_t bytes, unsigned char digest[32])
{
    struct imx_sha256 h;
    imx_sha256_init(&h);
    imx_sha256_add(&h, data, bytes);
    imx_sha256_end(&h, digest);
}

bool imx_cl_memo_read(struct imx_dev_info **list, size_t *n)
{
    char path[4096], aside[4096], *data = NULL;
    unsigned char key[32], digest[32];
    size_t bytes = 0;
    uint64_t count = 0;
    bool right = false;
    if (!paths(path, aside, sizeof path) || !imx_file_size(path, NULL))
        return false;
    if (imx_file_read(path, HEAD + TAIL + MOST * sizeof **list, &data, &bytes) != IMX_OK) {
        imx_error_clear();
        return false;
    }
    if (bytes >= HEAD + TAIL) {
        memcpy(&count, data + 40, 8);
        key_of(key);
        digest_of(data, bytes - TAIL, digest);
        right = count <= MOST && bytes == HEAD + count * sizeof **list + TAIL && !memcmp(data, magic, 8) &&
                !memcmp(data + 8, key, 32) && !memcmp(data + bytes - TAIL, digest, 32);
    }
    *list = right ? calloc((size_t)count + 1, sizeof **list) : NULL;
    if (*list) {
        memcpy(*list, data + HEAD, (size_t)count * sizeof **list);
        *n = (size_t)count;
    }
    free(data);
    return *list != NULL;
}

void imx_cl_memo_write(const struct imx_dev_info *list, size_t n)
{
    char path[4096], aside[4096], dir[4000];
    const uint64_t count = n;
    const size_t bytes = HEAD + n * sizeof *list;
    unsigned char *data = n <= MOST ? calloc(1, bytes + TAIL) : NULL;
    struct imx_atomic *f = NULL;
    if (!data || !paths(path, aside, sizeof path) || !imx_cache_folder(dir, sizeof dir) || imx_mkdirs(dir) != IMX_OK) {
        imx_error_clear();
        free(data);
        return;
    }
    memcpy(data, magic, 8);
    key_of(data + 8);
    memcpy(data + 40, &count, 8);
    if (n)
        memcpy(data + HEAD, list, n * sizeof *list);
    digest_of(data, bytes, data + bytes);
    imx_status s = imx_atomic_create(path, &f);
    if (s == IMX_OK)
        s = imx_atomic_write(f, data, bytes + TAIL);
    if (s == IMX_OK)
        s = imx_atomic_commit_quick(f);
    else
        imx_atomic_abandon(f);
    if (s != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "what the drivers answered is not remembered: %s", imx_error_text());
        imx_error_clear();
    }
    free(data);
}

void imx_cl_memo_aside(bool away)
{
    char path[4096], aside[4096];
    if (paths(path, aside, sizeof path))
        (void)rename(away ? path : aside, away ? aside : path); /* fails where there is none: nothing to keep */
}
