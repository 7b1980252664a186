/* The self-test is tested with variants that are wrong on purpose, each in one way: it must accept the good one and
 * catch every other. On the host they are C, on an OpenCL device the kernels of wrong.cl. usage: check-harness DEVICE
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "ops/launch.h"
#include "ops/reduce.h"
#include "ops/selftest.h"
#include "wrong_kernels.h"

enum kind {
    GOOD,
    OFF_BY_ONE,
    MISSING_LAST,
    WRITES_PAST_END,
    WRITES_BEFORE,
    READS_PAST_END,
    STALE,
    ADDS_NAN,
    UNSTEADY,
    WRITES_INPUT,
    WORKSPACE_PAST_END,
    CLEARS_FIRST,
    MISSING_BARRIER,
    REPORTS_ERROR
};

/* What must stand in the finding. */
static const struct {
    const char *name, *finding;
} kinds[] = {
    [GOOD] = { "good", "" },
    [OFF_BY_ONE] = { "off_by_one", "want" },
    [MISSING_LAST] = { "missing_last", "never written" },
    [WRITES_PAST_END] = { "writes_past_end", "outside dst" },
    [WRITES_BEFORE] = { "writes_before", "outside dst" },
    [READS_PAST_END] = { "reads_past_end", "dst[0] = " },
    [STALE] = { "stale", "never written" },
    [ADDS_NAN] = { "adds_nan", "dst[3] = " },
    [UNSTEADY] = { "unsteady", "different bits in dst" },
    [WRITES_INPUT] = { "writes_input", "into its input src" },
    [WORKSPACE_PAST_END] = { "workspace_past_end", "outside workspace" },
    [CLEARS_FIRST] = { "clears_first", "the second over its input" },
    [MISSING_BARRIER] = { "missing_barrier", "dst" },
    [REPORTS_ERROR] = { "reports_error", "on purpose" },
};

static enum kind kind; /* the mistake of the case that runs */
static int calls;

static bool supports(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return true;
}

static uint64_t workspace(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return sizeof(float) * (uint64_t)((const struct imx_colsum *)problem)->cols;
}

static void host_colsum(const struct imx_colsum *d, float *src, float *dst, float *scratch, float salt)
{
    if (kind == STALE)
        return;
    for (int c = 0; c < d->cols - (kind == MISSING_LAST); c++) {
        float s = 0;
        if (kind == CLEARS_FIRST)
            dst[c] = 0;
        for (int r = kind == OFF_BY_ONE; r < d->rows + (kind == READS_PAST_END); r++)
            s += src[r * d->cols + c];
        dst[c] = kind == ADDS_NAN && c == 3 ? s + NAN : kind == UNSTEADY ? s * salt : s;
        scratch[c == 0 && kind == WORKSPACE_PAST_END ? d->cols : c] = s;
    }
    if (kind == WRITES_PAST_END)
        dst[d->cols] = 1;
    if (kind == WRITES_BEFORE)
        dst[-1] = 1;
    if (kind == WRITES_INPUT)
        src[0] = 1;
}

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_colsum *d = problem;
    const struct imx_mem src = a->m[IMX_REDUCE_SRC], dst = a->m[IMX_REDUCE_DST];
    const float salt = calls++ % 2 ? 1.0000002f : 1.0f;
    if (kind == REPORTS_ERROR)
        return imx_fail(IMX_E_BUILD, "a variant that fails on purpose");
    if (imx_dev_is_host(dev)) {
        host_colsum(d, imx_host_ptr(dev, src), imx_host_ptr(dev, dst), imx_host_ptr(dev, a->ws), salt);
        return IMX_OK;
    }
    if (kind == MISSING_BARRIER)
        return imx_run_wrong_barrier(
            dev, (struct imx_launch){ { (size_t)d->cols * 64, 1, 1 }, { 64, 1, 1 }, NULL },
            &(struct imx_k_wrong_barrier){ .src = src, .dst = dst, .rows = d->rows, .cols = d->cols });
    return imx_run_wrong_colsum(dev, imx_launch_1d(dev, (size_t)d->cols, NULL),
                                &(struct imx_k_wrong_colsum){ .src = src,
                                                              .dst = dst,
                                                              .scratch = a->ws,
                                                              .rows = d->rows,
                                                              .cols = d->cols,
                                                              .kind = (int32_t)kind,
                                                              .salt = salt });
}

static bool try_kind(struct imx_dev *dev, const char *text, bool exact, struct imx_selftest_result *result)
{
    struct imx_variant variant = { kinds[kind].name, supports, workspace, run };
    struct imx_colsum problem;
    variant.over.out = IMX_REDUCE_DST, variant.over.in = IMX_REDUCE_SRC; /* of one row, both have the same size */
    calls = 0;
    if (imx_problem_parse(&imx_op_colsum, text, &problem) != IMX_OK ||
        imx_selftest_case(dev, &imx_op_colsum, &variant, &problem, 7, exact, result) != IMX_OK) {
        tap_ok(false, "%s: %s", kinds[kind].name, imx_error_text());
        return false;
    }
    return true;
}

static void test_kinds(struct imx_dev *dev)
{
    struct imx_selftest_result result;
    for (int exact = 0; exact < 2; exact++)
        for (int k = 0; k < (int)(sizeof kinds / sizeof kinds[0]); k++) {
            kind = (enum kind)k;
            /* Whether this race shows depends on how a device interleaves work-items; CPU devices run them in turn. */
            if (kind == MISSING_BARRIER && dev->caps.type != IMX_DEV_CPU)
                continue;
            if (!try_kind(dev, kind == CLEARS_FIRST ? "r1c19" : "r130c19", exact, &result))
                continue;
            const bool seen = result.failed && strstr(result.text, kinds[k].finding) &&
                              strstr(result.text, "--op colsum --variant ") && result.worst > 1;
            /* With exact numbers UNSTEADY is already a wrong result. */
            const bool good = kind == GOOD ? !result.failed : kind == UNSTEADY && exact ? result.failed : seen;
            tap_ok(good, "%s is %s (%s numbers)", kinds[k].name, kind == GOOD ? "accepted" : "caught",
                   exact ? "exact" : "real");
            if (!good)
                printf("# %s\n", result.text);
        }
}

static void test_over(struct imx_dev *dev)
{
    struct imx_selftest_result result;
    kind = GOOD;
    if (try_kind(dev, "r1c19", false, &result))
        tap_ok(!result.failed, "a result over its input is accepted");
}

static void test_quarantine(struct imx_dev *dev)
{
    struct imx_colsum problem = { 5, 7 };
    if (imx_dev_is_host(dev)) {
        tap_skip("quarantine", "the host has only its reference");
        return;
    }
    const struct imx_variant *first = imx_op_pick(dev, &imx_op_colsum, &problem, NULL);
    bool ok = first && imx_selftest_quarantine(dev, "colsum", first->name) == IMX_OK &&
              imx_selftest_quarantine(dev, "colsum", first->name) == IMX_OK && dev->n_quarantine == 1;
    tap_ok(ok, "a quarantined variant is listed once");
    const struct imx_variant *next = imx_op_pick(dev, &imx_op_colsum, &problem, NULL);
    tap_ok(first != next, "and another one is picked");
}

static void test_filters(struct imx_dev *dev)
{
    struct imx_selftest_summary s;
    struct imx_selftest_options o = { .op = "colsum", .problem = "r5c7" };
    tap_ok(imx_selftest_run(dev, &o, &s) == IMX_OK && s.cases >= 2 && s.exact_cases == s.cases / 2 && !s.failed,
           "one problem of one op runs, with real and with exact numbers");
    imx_selftest_finish(&s);
    o = (struct imx_selftest_options){ .op = "colsu" };
    tap_ok(imx_selftest_run(dev, &o, &s) == IMX_E_ARG, "an op that does not exist is an error");
    imx_selftest_finish(&s);
    o = (struct imx_selftest_options){ .op = "colsum", .problem = "r5" };
    tap_ok(imx_selftest_run(dev, &o, &s) == IMX_E_ARG, "a problem that does not parse is an error");
    imx_selftest_finish(&s);
}

int main(int argc, char **argv)
{
    struct imx_dev *dev;
    const char *name = argc > 1 ? argv[1] : "host";
    if (imx_dev_open(name, &dev, NULL) != IMX_OK) {
        tap_skip("harness", imx_error_text());
        return tap_done();
    }
    if (imx_dev_is_host(dev) && strcmp(name, "host")) {
        tap_skip("harness", "there is no OpenCL device; the host has its own test");
        imx_dev_close(dev);
        return tap_done();
    }
    test_kinds(dev);
    test_over(dev);
    test_filters(dev);
    test_quarantine(dev);
    imx_dev_close(dev);
    return tap_done();
}
