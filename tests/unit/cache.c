/* The disk cache of programs never changes a result: damaged, foreign and unwritable entries are rebuilt silently, and
 * several processes may fill it at once. What it knows of passed self-tests holds for one device and driver. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "dev/dev.h"
#include "imx_kernels.h"
#include "ops/op.h"
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
        .src = src, .dst = dst, .h = 1, .w = 64, .c = 1, .k = 1, .stride = 1, .pad = 0, .whole = 0
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

/* True when the device asks for a test of its own of one variant, which then passes. */
static bool tests_anew(const char *driver)
{
    struct imx_dev *dev = NULL;
    const struct imx_op *op = imx_op_find("colsum");
    if (imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) != IMX_OK)
        return false;
    if (driver)
        snprintf(dev->caps.driver, sizeof dev->caps.driver, "%s", driver);
    dev->check = true;
    const uint64_t before = dev->count.launches;
    struct imx_trial trial = { .op = op, .variant = imx_op_pick(dev, op, NULL, NULL) };
    bool known = true;
    bool right = imx_selftest_trusted(dev, op, trial.variant, &known) == IMX_OK && dev->count.launches == before;
    if (right && !known)
        right = imx_selftest_trust(dev, &trial, 1) == IMX_OK && !trial.wrong && dev->count.launches > before;
    imx_selftest_remember(dev);
    imx_dev_close(dev);
    return right && !known;
}

/* That a variant passed its self-test is remembered for this device and driver only. */
static void memo(void)
{
    tap_ok(tests_anew(NULL), "a variant is tested when it is first asked for");
    tap_ok(!tests_anew(NULL), "and not again by the next device of this kind");
    tap_ok(tests_anew("another"), "but with another driver");
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".tested"))
            n += !unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    tap_ok(n == 2, "each has its file");
}

static bool recalled; /* the drivers were not asked again */

static void listen(void *user, enum imx_log_level level, const char *line)
{
    (void)user, (void)level;
    recalled = recalled || strstr(line, "none was asked again");
}

/* Whether a new process asks the drivers: 'r' it went by the memo, 'a' it asked, '?' it does not work at all. */
static char starts(void)
{
    int state = 1;
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "cache", "recall", (char *)NULL);
        _exit(1);
    }
    if (waitpid(child, &state, 0) != child || !WIFEXITED(state) || WEXITSTATUS(state) == 1)
        return '?';
    return WEXITSTATUS(state) == 0 ? 'r' : 'a';
}

/* What the drivers answered holds until something changes, and no longer. */
static void drivers(void)
{
    char seen[512], aside[512], *good = NULL;
    size_t n = 0;
    snprintf(seen, sizeof seen, "%s/drivers.seen", folder);
    snprintf(aside, sizeof aside, "%s/drivers.loading", folder);
    unlink(seen);
    const char first = starts();
    if (first == 'a' && !imx_file_size(seen, NULL)) {
        tap_skip("the drivers' answer", "one of the drivers here fails, so nothing is remembered");
        return;
    }
    tap_ok(first == 'a' && starts() == 'r', "the drivers are asked once");
    setenv("POCL_IMX_TEST", "1", 1);
    tap_ok(starts() == 'a' && starts() == 'r', "again when the environment has changed, once");
    unsetenv("POCL_IMX_TEST");
    tap_ok(starts() == 'a' && starts() == 'r', "and when it has changed back");
    bool healed = imx_file_read(seen, 1 << 20, &good, &n) == IMX_OK && n > 100;
    for (size_t i = 8; healed && i < n; i += n / 3) {
        good[i] ^= 4;
        healed = imx_file_write(seen, good, n) == IMX_OK && starts() == 'a' && starts() == 'r';
        good[i] ^= 4;
    }
    tap_ok(healed, "a memo with a flipped bit is no memo");
    tap_ok(healed && imx_file_write(seen, good, n / 2) == IMX_OK && starts() == 'a', "nor is half a memo");
    tap_ok(!rename(seen, aside) && starts() == 'a' && starts() == 'r',
           "a program that died while it loaded a driver leaves none");
    free(good);
    unlink(seen);
    unlink(aside);
}

int main(int argc, char **argv)
{
    char path[512] = "", *good = NULL, *bad = NULL;
    struct imx_dev *dev = NULL;
    size_t n = 0;
    if (argc > 1 && !strcmp(argv[1], "child"))
        return !works();
    if (argc > 1 && !strcmp(argv[1], "recall")) {
        imx_log_to(listen, NULL);
        return !works() ? 1 : recalled ? 0 : 2;
    }
    /* every built program is kept at once, also where training leaves that to a child process */
    if (!mkdtemp(folder) || setenv("INFOMAX_CACHE", folder, 1) || setenv("INFOMAX_BINARIES", "all", 1))
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
    drivers();
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
