/* Child processes that test kernels beside their parent (ops/selftest_side.h): whatever becomes of a child, every
 * variant gets the verdict that the parent alone would give. Tests of kernels are mostly replaced by functions here
 * that sleep, die, hang or err in a child; who did what stands in shared memory. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tap.h"
#include "base/clock.h"
#include "ops/selftest_side.h"
#include "ops/tuned.h"

enum { N = 6 };

struct seen {
    atomic_int by_child[N], by_parent[N];
    atomic_int pid, half, choices;
};

static const char *const ops[N] = { "colsum", "rowreduce", "axpby", "mul", "adam", "sgd" };
static struct seen *seen;
static struct imx_trial trial[N]; /* of the parent */
static pid_t parent;
static char folder[] = "/tmp/imx-testers-XXXXXX";

static int index_of(const struct imx_trial *t)
{
    for (int i = 0; i < N; i++)
        if (!strcmp(ops[i], t->op->name))
            return i;
    abort();
}

/* Notes who tests what; true in a child. A pause, so that children get to work while there is some. */
static bool note(struct imx_dev *dev, const struct imx_trial *t)
{
    const bool child = getpid() != parent;
    atomic_fetch_add(&(child ? seen->by_child : seen->by_parent)[index_of(t)], 1);
    if (child) {
        atomic_store(&seen->pid, (int)getpid());
        atomic_store(&seen->half, dev->caps.half);
        atomic_store(&seen->choices, dev->caps.tuned ? dev->caps.tuned->n : 0);
    } else {
        for (int k = 0; k < 1000 && !atomic_load(&seen->pid); k++)
            usleep(10000); /* until one is there */
    }
    usleep(20000);
    return child;
}

static imx_status test_right(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    note(dev, t);
    *right = true;
    return IMX_OK;
}

/* Slow enough for a child to open its device meanwhile. */
static imx_status test_slow(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    usleep(200000);
    note(dev, t);
    *right = true;
    return IMX_OK;
}

/* The third is wrong. */
static imx_status test_third_wrong(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    note(dev, t);
    *right = index_of(t) != 2;
    return IMX_OK;
}

/* A child finds everything wrong, its parent nothing. */
static imx_status test_child_wrong(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    *right = !note(dev, t);
    return IMX_OK;
}

static imx_status test_child_dies(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    if (note(dev, t))
        raise(SIGKILL);
    *right = true;
    return IMX_OK;
}

static imx_status test_child_hangs(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    while (note(dev, t))
        sleep(1000);
    *right = true;
    return IMX_OK;
}

static imx_status test_child_errs(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    *right = true;
    return note(dev, t) ? imx_fail(IMX_E_NOMEM, "a child without memory") : IMX_OK;
}

static imx_status test_parent_errs(struct imx_dev *dev, const struct imx_trial *t, bool *right)
{
    *right = true;
    return note(dev, t) ? IMX_OK : imx_fail(IMX_E_NOMEM, "a parent without memory");
}

static int sum(const atomic_int *at)
{
    int s = 0;
    for (int i = 0; i < N; i++)
        s += atomic_load(&at[i]);
    return s;
}

/* Runs all trials; true when it went well and exactly those of `wrong` (a bit each) are wrong. */
static bool run(struct imx_dev *dev, struct imx_testers *t, unsigned wrong)
{
    memset(seen, 0, sizeof *seen);
    imx_testers_join(dev, t);
    bool good = imx_testers_run(dev, trial, N) == IMX_OK;
    for (int i = 0; i < N; i++) {
        good &= trial[i].wrong == (wrong >> i & 1);
        trial[i].wrong = false;
    }
    return good;
}

static void test_sharing(struct imx_dev *dev, struct imx_testers *t)
{
    bool once = run(dev, t, 0);
    for (int i = 0; i < N; i++)
        once &= atomic_load(&seen->by_child[i]) + atomic_load(&seen->by_parent[i]) == 1;
    tap_ok(once && sum(seen->by_child) > 0, "each is tested once, some by children (%d of %d)", sum(seen->by_child), N);
    tap_ok(run(dev, t, 0) && sum(seen->by_child) > 0, "and again by the same children");
    struct imx_choice c = { .op = trial[0].op, .variant = trial[0].variant };
    tap_ok(imx_problem_parse(c.op, c.op->cases[0], c.problem) == IMX_OK &&
               imx_tuned_create(&dev->caps, &dev->caps.tuned) == IMX_OK &&
               imx_tuned_put(&dev->caps.tuned, &c) == IMX_OK,
           "a table of one choice");
    kill(atomic_load(&seen->pid), SIGKILL);
    tap_ok(run(dev, t, 0), "one that was killed meanwhile is done without");
    imx_testers_dismiss(dev);
}

/* The children open their devices after the parent has set its own up, and must choose as it does. */
static void test_alike(struct imx_dev *dev, struct imx_testers *t, struct imx_testers *strange)
{
    char driver[sizeof dev->caps.driver];
    imx_dev_allow_half(dev, true);
    tap_ok(run(dev, t, 0) && sum(seen->by_child) > 0 && atomic_load(&seen->half) && atomic_load(&seen->choices) == 1,
           "children have the parent's leave for half precision and its table of choices");
    imx_testers_dismiss(dev);
    imx_dev_allow_half(dev, false);
    free(dev->caps.tuned);
    dev->caps.tuned = NULL;
    memcpy(driver, dev->caps.driver, sizeof driver);
    strcpy(dev->caps.driver, "another");
    memset(seen, 0, sizeof *seen);
    atomic_store(&seen->pid, 1); /* nobody is waited for */
    imx_testers_join(dev, strange);
    tap_ok(imx_testers_run(dev, trial, N) == IMX_OK && sum(seen->by_parent) == N && !sum(seen->by_child),
           "children that find another device leave it to the parent");
    memcpy(dev->caps.driver, driver, sizeof driver);
    imx_testers_dismiss(dev);
}

/* Has the parent do all of it, after the children began with some? */
static bool fell_back(void)
{
    return sum(seen->by_parent) == N && sum(seen->by_child) > 0;
}

static void test_losses(struct imx_dev *dev, struct imx_testers *wrong, struct imx_testers *dies,
                        struct imx_testers *hangs, struct imx_testers *errs, struct imx_testers *parent_errs)
{
    tap_ok(run(dev, wrong, 0) && fell_back(), "what only a child finds wrong is right");
    imx_testers_dismiss(dev);
    tap_ok(run(dev, dies, 0) && fell_back(), "what a child had in hand when it died is not lost");
    imx_testers_dismiss(dev);
    const double start = imx_now();
    tap_ok(run(dev, hangs, 0) && fell_back() && imx_now() - start < 30, "nor when it hung");
    imx_testers_dismiss(dev);
    tap_ok(run(dev, errs, 0) && fell_back(), "nor when it had no memory");
    imx_testers_dismiss(dev);
    memset(seen, 0, sizeof *seen);
    imx_testers_join(dev, parent_errs);
    tap_ok(imx_testers_run(dev, trial, N) == IMX_E_NOMEM, "the parent's own error is one");
    imx_error_clear();
    imx_testers_dismiss(dev);
}

static void test_trust(struct imx_dev *dev, struct imx_testers *t)
{
    memset(seen, 0, sizeof *seen);
    imx_testers_join(dev, t);
    dev->check = true;
    bool good = imx_selftest_trust(dev, trial, N) == IMX_OK;
    for (int i = 0; i < N; i++) {
        bool trusted = false;
        good &= imx_selftest_trusted(dev, trial[i].op, trial[i].variant, &trusted) == IMX_OK && trusted == (i != 2);
    }
    char name[64];
    snprintf(name, sizeof name, "%s/%s", trial[2].op->name, trial[2].variant->name);
    tap_ok(good, "all but the wrong one are trusted");
    tap_ok(dev->n_quarantine == 1 && !strcmp(dev->quarantine[0], name) && atomic_load(&seen->by_parent[2]) == 1,
           "which the parent has seen fail, and put into quarantine");
    imx_testers_dismiss(dev);
    dev->n_quarantine = 0;
    trial[2].wrong = false;
}

/* The kernels' own short test. */
static void test_kernels(struct imx_dev *dev, struct imx_testers *t)
{
    dev->testers = NULL;
    bool good = imx_testers_run(dev, trial, N) == IMX_OK;
    for (int i = 0; i < N; i++)
        good &= !trial[i].wrong;
    imx_testers_join(dev, t);
    good = good && imx_testers_run(dev, trial, N) == IMX_OK;
    for (int i = 0; i < N; i++)
        good &= !trial[i].wrong;
    tap_ok(good, "the kernels are right, tested alone and together");
}

static void remove_folder(void)
{
    char path[512];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static struct imx_testers *start(const struct imx_dev_info *chosen,
                                 imx_status (*test)(struct imx_dev *, const struct imx_trial *, bool *))
{
    const struct imx_testers_options o = { .children = 2,
                                           .limit_s = test == test_child_hangs ? 0.5 : 60,
                                           .test = test };
    return imx_testers_start(chosen, &o);
}

static void choose_trials(const struct imx_dev *dev)
{
    for (int i = 0; i < N; i++) {
        _Alignas(16) unsigned char problem[512];
        trial[i].op = imx_op_find(ops[i]);
        if (trial[i].op && imx_problem_parse(trial[i].op, trial[i].op->cases[0], problem) == IMX_OK)
            trial[i].variant = imx_op_pick(dev, trial[i].op, problem, NULL);
        if (!trial[i].variant)
            abort();
    }
}

int main(void)
{
    struct imx_dev_info chosen, host = { .usable = true };
    struct imx_dev *dev = NULL;
    parent = getpid();
    signal(SIGPIPE, SIG_IGN);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED || !mkdtemp(folder) || setenv("INFOMAX_CACHE", folder, 1))
        return 1;
    if (imx_dev_choose(getenv("IMX_TEST_DEVICE"), &chosen, NULL) != IMX_OK || chosen.caps.type == IMX_DEV_HOST) {
        tap_ok(!imx_testers_start(&host, NULL), "nothing is to be tested on the host");
        remove_folder();
        return tap_done();
    }
    struct imx_testers *sharing = start(&chosen, test_right), *alike = start(&chosen, test_right),
                       *strange = start(&chosen, test_slow), *wrong = start(&chosen, test_child_wrong),
                       *dies = start(&chosen, test_child_dies), *hangs = start(&chosen, test_child_hangs),
                       *errs = start(&chosen, test_child_errs), *parent_errs = start(&chosen, test_parent_errs),
                       *trust = start(&chosen, test_third_wrong), *kernels = start(&chosen, NULL),
                       *unused = start(&chosen, test_right);
    setenv("INFOMAX_CACHE", "off", 1);
    tap_ok(!start(&chosen, test_right), "without a cache there are no children");
    setenv("INFOMAX_CACHE", folder, 1);
    host.caps.type = IMX_DEV_HOST;
    tap_ok(!start(&host, test_right), "nor on the host");
    if (!sharing || !unused || imx_dev_open_chosen(&chosen, &dev) != IMX_OK) {
        tap_ok(false, "children are started and a device is open");
        return tap_done();
    }
    choose_trials(dev);
    test_sharing(dev, sharing);
    test_alike(dev, alike, strange);
    test_losses(dev, wrong, dies, hangs, errs, parent_errs);
    test_trust(dev, trust);
    test_kernels(dev, kernels);
    imx_dev_close(dev);
    imx_testers_end(unused);
    remove_folder();
    errno = 0;
    tap_ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "closing the device ends the rest; no child is left");
    return tap_done();
}
