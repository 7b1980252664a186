/* The tuner against candidates that are faster, slower, wrong, crash, hang or fail: what wins is the fastest right one,
 * and each bad one costs a line. The op doubles numbers, on the first OpenCL device; its variants sleep to be slow. */
#include "ops/tune.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap.h"

struct twice {
    int32_t n, kind; /* kind 1: small enough for the oracle, 2: verified against the device's own choice */
};
static const struct imx_field fields[] = { { "n", 0, false }, { "_kind", 4, false }, { NULL, 0, false } };

static void args(const void *problem, struct imx_arg *arg)
{
    const struct twice *d = problem;
    arg[0] = (struct imx_arg){ "src", IMX_IN, IMX_F32, d->n, IMX_FILL_REAL, 0 };
    arg[1] = (struct imx_arg){ "dst", IMX_OUT, IMX_F32, d->n, IMX_FILL_REAL, 0 };
}

static void ref_f64(const void *problem, void *const *arg, double *const *mag)
{
    const struct twice *d = problem;
    for (int32_t i = 0; i < d->n; i++) {
        ((double *)arg[1])[i] = 2 * ((const double *)arg[0])[i];
        if (mag && mag[1])
            mag[1][i] = 2 * ((const double *)arg[0])[i] * (((const double *)arg[0])[i] < 0 ? -1 : 1);
    }
}

static double flop(const void *problem)
{
    const struct twice *d = problem;
    return d->kind == 1 ? d->n : 1e12;
}

/* Takes ms and writes factor * src. */
static imx_status work(struct imx_dev *dev, const struct twice *d, const struct imx_args *a, int ms, float factor)
{
    const struct timespec pause = { 0, ms * 1000000L };
    float *x = malloc((size_t)d->n * sizeof *x);
    imx_status status = x ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory");
    if (status == IMX_OK)
        status = dev->vt->download(dev, x, a->m[0], (uint64_t)d->n * sizeof *x);
    for (int32_t i = 0; status == IMX_OK && i < d->n; i++)
        x[i] *= factor;
    nanosleep(&pause, NULL);
    if (status == IMX_OK)
        status = dev->vt->upload(dev, a->m[1], x, (uint64_t)d->n * sizeof *x);
    free(x);
    return status;
}

static bool always(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps);
}

static const struct imx_op twice;
static const struct imx_variant numbered;

static imx_status run_slow(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return work(dev, problem, a, 60, 2);
}
static imx_status run_fast(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return work(dev, problem, a, 30, 2);
}
static imx_status run_wrong(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    return work(dev, problem, a, 0, 3);
}
static imx_status run_crash(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    (void)dev, (void)problem, (void)a;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return IMX_OK;
}
static imx_status run_hang(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    (void)dev, (void)a;
    while (problem)
        pause();
    return IMX_OK;
}
static imx_status run_fail(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    (void)dev, (void)problem, (void)a;
    return imx_fail(IMX_E_BUILD, "this one does not build");
}
/* Fast with step 4, which is not what it chooses by itself; wrong with step 8, which is the fastest. */
static imx_status run_numbered(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    int32_t v[IMX_MAX_TUNABLES] = { 1, 1 };
    (void)imx_tuned_values(&dev->caps, &twice, &numbered, problem, v);
    return work(dev, problem, a, v[0] == 8 ? 1 : v[0] == 4 ? 12 : 45, v[0] == 8 ? 5 : 2);
}
static void own(const struct imx_caps *caps, const void *problem, int32_t *value)
{
    (void)caps, (void)problem;
    value[0] = value[1] = 1;
}
static bool ok(const struct imx_caps *caps, const void *problem, const int32_t *value)
{
    (void)caps, (void)problem;
    return value[0] >= 1 && value[0] <= 8 && value[1] >= 1 && value[1] <= 2;
}
static const int32_t tries[] = { 1, 2, 4, 8, 16, 0 }, more[] = { 1, 2, 0 };
static const struct imx_tunables tunables = { 2, { { "step", tries }, { "more", more } }, own, ok };

static const struct imx_variant slow = { "slow", always, NULL, run_slow, NULL, NULL };
static const struct imx_variant fast = { "fast", always, NULL, run_fast, NULL, NULL };
static const struct imx_variant wrong = { "wrong", always, NULL, run_wrong, NULL, NULL };
static const struct imx_variant crash = { "crash", always, NULL, run_crash, NULL, NULL };
static const struct imx_variant hang = { "hang", always, NULL, run_hang, NULL, NULL };
static const struct imx_variant broken = { "broken", always, NULL, run_fail, NULL, NULL };
static const struct imx_variant numbered = { "numbered", always, NULL, run_numbered, NULL, &tunables };
static const struct imx_variant *const variants[] = { &slow, &wrong, &crash, &hang, &fast, &broken, &numbered, NULL };
static const char *const cases[] = { "n100_kind1", NULL };
static const struct imx_op twice = { .name = "twice",
                                     .problem_size = sizeof(struct twice),
                                     .fields = fields,
                                     .n_args = 2,
                                     .args = args,
                                     .ref_f64 = ref_f64,
                                     .variants = variants,
                                     .flop = flop,
                                     .exact = true,
                                     .cases = cases };

static imx_status collect(struct imx_dev *dev, void *user, struct imx_tune_list *list)
{
    const int *kind = user;
    const struct twice d = { 1000, *kind };
    (void)dev;
    IMX_TRY(imx_tune_add(list, &twice, &d));
    return imx_tune_add(list, &twice, &d); /* counted, not tuned twice */
}

static char said[8192];

static void on_log(void *user, enum imx_log_level level, const char *line)
{
    (void)user;
    if (level <= IMX_LOG_WARN && strlen(said) + strlen(line) + 2 < sizeof said) {
        strcat(said, line);
        strcat(said, "\n");
    }
}

static int times;

static void tell(void *user, const struct imx_tune_result *r)
{
    (void)user;
    times = r->problem->times;
}

static void search(const char *device, int kind)
{
    struct imx_tune_options o = {
        .device = device, .build_limit = 3, .run_limit = 20, .collect = collect, .tell = tell, .user = &kind
    };
    struct imx_tune_summary s;
    said[0] = 0;
    const imx_status status = imx_tune_run(&o, &s);
    if (!tap_ok(status == IMX_OK && s.searched == 1, "kind %d: the search ends %s", kind,
                status == IMX_OK ? "" : imx_error_text()))
        return;
    const struct imx_choice *c = s.table->n ? &s.table->choice[0] : NULL;
    tap_ok(c && c->variant == &numbered && c->value[0] == 4, "the fastest right one wins: %s %d",
           c ? c->variant->name : "", c ? c->value[0] : 0);
    tap_ok(c && c->ms < 0.6 * c->without && s.after_ms < 0.6 * s.before_ms && s.before_ms > 20,
           "%.1f ms instead of %.1f", c ? c->ms : 0, c ? c->without : 0);
    tap_ok(s.changed == 1 && s.left == 0 && s.problems == 1 && times == 2, "one problem, twice in a step");
    tap_ok(strstr(said, "twice/crash n1000") && strstr(said, "crashed (signal"), "the crash is a line");
    tap_ok(strstr(said, "twice/hang n1000") && strstr(said, "hung"), "so is the hang");
    tap_ok(strstr(said, "twice/broken n1000") && strstr(said, "does not build"), "and what does not build");
    tap_ok(strstr(said, "twice/wrong n1000") && strstr(said, "want"), "the wrong one is found out");
    tap_ok(strstr(said, "step=8"), "numbers that make a right variant wrong, too");
    tap_ok(s.failed >= 5, "%d of %d candidates are out", s.failed, s.tried);
    printf("# %s", said[0] ? "" : "nothing was said\n");
    for (const char *p = said; *p; p++) {
        putchar(*p);
        if (*p == '\n' && p[1])
            printf("# ");
    }
    free(s.table);
}

/* The end comes on time, and a stop at once, although a candidate hangs. */
static void ends(const char *device)
{
    static volatile int stop;
    int kind = 1;
    struct imx_tune_options o = {
        .device = device, .build_limit = 60, .max_time = 1.5, .collect = collect, .user = &kind
    };
    struct imx_tune_summary s;
    const double start = imx_now();
    imx_status status = imx_tune_run(&o, &s);
    const double took = imx_now() - start;
    tap_ok(status == IMX_OK && s.left == 1 && took < 4, "--max-time 1.5: ended after %.1f s, %d left", took, s.left);
    free(s.table);
    stop = SIGINT;
    o.stop = &stop;
    status = imx_tune_run(&o, &s);
    tap_ok(status == IMX_E_STOPPED && s.searched == 0, "a stop ends it: %s", imx_error_text());
    free(s.table);
}

int main(void)
{
    struct imx_dev_info *list = NULL;
    size_t n = 0, at = 0;
    imx_log_to(on_log, NULL);
    if (imx_dev_list(&list, &n) != IMX_OK)
        return 1;
    while (at < n && (!list[at].usable || list[at].caps.type == IMX_DEV_HOST))
        at++;
    if (at == n) {
        tap_skip("tune", "there is no OpenCL device");
        tap_ok(true, "nothing to tune");
    } else {
        search(list[at].caps.id, 1);
        search(list[at].caps.id, 2);
        ends(list[at].caps.id);
    }
    free(list);
    return tap_done();
}
