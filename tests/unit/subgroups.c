/* Which variants want sub-groups, and that a device gets none that it has not got: the form of sub-groups by what a
 * device reports (no driver is asked), then the device that IMX_TEST_DEVICE names, as it is and with IMX_SUBGROUPS. */
#include <stdlib.h>
#include <string.h>

#include "ops/selftest.h"
#include "tap.h"

static bool wants_subgroups(const struct imx_variant *v)
{
    return strstr(v->name, "_sub") != NULL;
}

/* How many variants with sub-groups support some case, and how many cases are picked for one. */
static int supported(const struct imx_caps *caps, int *picked)
{
    struct imx_dev dev = { .caps = *caps };
    int n = 0;
    *picked = 0;
    for (const struct imx_op *const *op = imx_ops; *op; op++)
        for (const char *const *text = (*op)->cases; text && *text; text++) {
            char problem[512];
            if (imx_problem_parse(*op, *text, problem) != IMX_OK)
                continue;
            for (const struct imx_variant *const *v = (*op)->variants; v && *v; v++)
                n += wants_subgroups(*v) && (*v)->supports(caps, problem);
            const struct imx_variant *best = imx_op_pick(&dev, *op, problem, NULL);
            *picked += best && wants_subgroups(best);
        }
    return n;
}

static void by_caps(void)
{
    const struct imx_caps gpu = {
        .type = IMX_DEV_GPU, .compute_units = 8, .local_bytes = 65536, .max_group = 256, .max_items = { 256, 256, 256 }
    };
    struct imx_caps any = gpu, sized = gpu, tiny = gpu, wide = gpu;
    int picked, none, khr, intel;
    none = supported(&gpu, &picked);
    tap_ok(!none && !picked && !imx_subgroup_options(&gpu), "without sub-groups no variant has them");
    any.subgroups = true, any.sub_std = 3;
    khr = supported(&any, &picked);
    tap_ok(khr > 0 && !picked && strstr(imx_subgroup_options(&any), "CL3.0"),
           "any size: %d cases, %d picked before tune found one faster", khr, picked);
    sized.subgroups = true, sized.sub_std = 3, sized.sub_sizes = 8 | 16 | 32;
    intel = supported(&sized, &picked);
    tap_ok(intel >= khr && !picked && !strstr(imx_subgroup_options(&sized), "-cl-std"),
           "sizes 8, 16 and 32: %d cases, %d picked before tune, in OpenCL C 1.2", intel, picked);
    for (uint32_t group = 256; group >= 16; group /= 2)
        for (uint64_t local = 65536; local >= 4096; local /= 4) {
            struct imx_caps small = sized;
            small.max_group = small.max_items[0] = small.max_items[1] = group, small.local_bytes = local;
            intel = supported(&small, &picked);
            tap_ok((intel > 0) == (group >= 64) && !picked,
                   "groups of %u, %u bytes of local memory: %d cases, %d picked before tune", group, (unsigned)local,
                   intel, picked);
        }
    wide.subgroups = true, wide.sub_sizes = 64;
    tap_ok(!supported(&wide, &picked), "sub-groups of 64 alone fit no kernel");
    tiny = sized, tiny.max_group = 4;
    tap_ok(!supported(&tiny, &picked), "nor do groups that are smaller than a sub-group");
}

/* The self-test of every variant with sub-groups, and the caps that the device has when it is open. */
static void on_device(const char *form)
{
    struct imx_dev *dev = NULL;
    struct imx_selftest_summary s = { 0 };
    int picked;
    if (form)
        setenv("IMX_SUBGROUPS", form, 1);
    if (imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) != IMX_OK || imx_dev_is_host(dev)) {
        tap_skip("sub-groups of a device", "there is no OpenCL device");
        imx_dev_close(dev);
        return;
    }
    const struct imx_caps *c = &dev->caps;
    const bool off = form && !strcmp(form, "off");
    tap_ok(c->subgroups == (c->sub_sizes || c->sub_std) && (!off || !c->subgroups) && (!form || !c->sub_sizes),
           "%s, %s: sizes %u, OpenCL C %u", c->name, form ? form : "as it is", c->sub_sizes, c->sub_std);
    if (!c->subgroups)
        tap_ok(!supported(c, &picked), "%s without them: no variant has them", c->name);
    for (const struct imx_op *const *op = imx_ops; *op && c->subgroups; op++)
        for (const struct imx_variant *const *v = (*op)->variants; v && *v; v++) {
            const struct imx_selftest_options o = { .cases = 4, .op = (*op)->name, .variant = (*v)->name };
            if (!wants_subgroups(*v))
                continue;
            const imx_status ran = imx_selftest_run(dev, &o, &s);
            tap_ok(ran == IMX_OK && !s.failed, "%s/%s: %d cases%s%s", (*op)->name, (*v)->name, s.cases,
                   s.n_failures ? ", " : "", s.n_failures ? s.failures[0].text : "");
            imx_selftest_finish(&s);
        }
    imx_dev_close(dev);
}

int main(void)
{
    unsetenv("IMX_SUBGROUPS");
    by_caps();
    on_device(NULL);
    on_device("khr");
    on_device("off");
    return tap_done();
}
