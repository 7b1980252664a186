/* The disk cache of programs never changes a result: damaged, foreign and unwritable entries are rebuilt silently, and
 * several processes may fill it at once. What it knows of passed self-tests holds for one device and driver. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "dev/dev.h"
#include "imx_kernels.h"
#include "ops/selftest.h"
#include "tap.h"

enum { HEAD = 84 }; /* bytes before the binary, see src/dev/cl_cache.c */
static char folder[64] = "/tmp/imx-cache-XXXXXX";

/* Opens the device afresh and runs one kernel; true when its result is right. */
static bool works(void)
{
    struct imx_dev *dev = NULL;
    struct imx_buf *a = NULL, *b = NULL;
    float in[64], out[64] = { 0 };
    for (int i = 0; i < 64; i++)
        in[i] = (float)(i + 1);
    if (imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) != IMX_OK || imx_dev_is_host(dev))
        return false;
    bool ok = dev->vt->alloc(dev, sizeof in, &a) == IMX_OK && dev->vt->alloc(dev, sizeof in, &b) == IMX_OK;
    const struct imx_mem src = { a, 0, sizeof in }, dst = { b, 0, sizeof in };
    const struct imx_launch launch = { { 64, 1, 1 }, { 16, 1, 1 }, NULL };
    const struct imx_k_pool2d_avg_fwd args = {
        .src = src, .dst = dst, .n = 64, .h = 1, .w = 1, .c = 1, .k = 1, .stride = 1, .pad = 0
    };
    ok = ok && dev->vt->upload(dev, src, in, sizeof in) == IMX_OK &&
         imx_run_pool2d_avg_fwd(dev, launch, &args) == IMX_OK &&
         dev->vt->download(dev, out, dst, sizeof out) == IMX_OK && !memcmp(in, out, sizeof in);
    dev->vt->free(dev, a);
    dev->vt->free(dev, b);
    imx_dev_close(dev);
    return ok;
}

/* Opening a device builds a program of its own; its entry is not the one that is damaged here. */
static char other[300];

/* Path of the only entry but `other`; false when there is not exactly one. */
static bool entry(char *path, size_t size)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".clbin") && strcmp(e->d_name, other)) {
            n++;
            snprintf(path, size, "%s/%s", folder, e->d_name);
        }
    if (d)
        closedir(d);
    return n == 1;
}

/* Puts a wrong entry; then the engine must give right results and the right entry must stand there again. */
static void spoilt(const char *what, const char *path, const char *good, size_t n_good, const char *bad, size_t n_bad)
{
    char *now = NULL;
    size_t n = 0;
    const bool put = imx_file_write(path, bad, n_bad) == IMX_OK;
    const bool right = put && works();
    const bool healed = imx_file_read(path, 1 << 28, &now, &n) == IMX_OK && n > HEAD && n_good > HEAD &&
                        !memcmp(now, good, 44) && (n != n_bad || memcmp(now, bad, n));
    tap_ok(right && healed, "%s: built again and written again", what);
    free(now);
}

/* Three processes fill an empty cache at once; each is this program with the argument "child". */
static void concurrent(const char *path)
{
    pid_t child[3];
    char now[512] = "";
    bool all = unlink(path) == 0;
    for (int i = 0; i < 3; i++)
        if ((child[i] = fork()) == 0) {
            execl("/proc/self/exe", "cache", "child", (char *)NULL);
            _exit(1);
        }
    for (int i = 0; i < 3; i++) {
        int state = 1;
        all = waitpid(child[i], &state, 0) == child[i] && WIFEXITED(state) && !WEXITSTATUS(state) && all;
    }
    tap_ok(all && entry(now, sizeof now) && !strcmp(now, path), "three processes at once leave one entry");
    tap_ok(works(), "and it is good");
}

/* That the self-test passed is remembered for this device and driver only. */
static void memo(void)
{
    struct imx_dev *dev = NULL;
    if (!tap_ok(imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) == IMX_OK, "the device opens once more"))
        return;
    tap_ok(!imx_selftest_known(dev), "at first no self-test is known");
    imx_selftest_remember(dev);
    tap_ok(imx_selftest_known(dev), "one that was remembered is known");
    dev->caps.driver[0] ^= 1;
    tap_ok(!imx_selftest_known(dev), "not with another driver");
    dev->caps.driver[0] ^= 1;
    dev->caps.max_group /= 2;
    tap_ok(!imx_selftest_known(dev), "nor with other limits");
    imx_dev_close(dev);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".tested"))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

int main(int argc, char **argv)
{
    char path[512] = "", *good = NULL, *bad = NULL;
    struct imx_dev *dev = NULL;
    size_t n = 0;
    if (argc > 1 && !strcmp(argv[1], "child"))
        return !works();
    if (!mkdtemp(folder) || setenv("INFOMAX_CACHE", folder, 1))
        return 1;
    const imx_status opened = imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL);
    const bool host = opened != IMX_OK || imx_dev_is_host(dev);
    if (opened == IMX_OK)
        imx_dev_close(dev);
    if (host) {
        rmdir(folder);
        tap_skip("cache", "no OpenCL device here");
        return tap_done();
    }
    if (entry(path, sizeof path))
        snprintf(other, sizeof other, "%s", strrchr(path, '/') + 1);
    tap_ok(works() && entry(path, sizeof path), "an empty cache gets one entry");
    tap_ok(works() && entry(path, sizeof path), "a filled one is used");
    if (!tap_ok(imx_file_read(path, 1 << 28, &good, &n) == IMX_OK && n > HEAD && (bad = malloc(n)), "it can be read"))
        return tap_done();
    memcpy(bad, good, n);
    bad[n / 2] ^= 0x10;
    spoilt("a flipped bit", path, good, n, bad, n);
    spoilt("a truncated entry", path, good, n, good, n / 2);
    spoilt("an entry cut inside its head", path, good, n, good, 20);
    spoilt("an empty entry", path, good, n, "", 0);
    memcpy(bad, good, n);
    bad[12] ^= 1;
    spoilt("an entry of another key", path, good, n, bad, n);
    concurrent(path);
    memo();
    setenv("INFOMAX_CACHE", "/proc/no/such/folder", 1);
    tap_ok(works(), "a folder that cannot be made");
    setenv("INFOMAX_CACHE", "off", 1);
    tap_ok(works(), "switched off");
    unlink(path);
    snprintf(path, sizeof path, "%s/%s", folder, other);
    unlink(path);
    rmdir(folder);
    free(good);
    free(bad);
    return tap_done();
}
