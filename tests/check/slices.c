/* Sums cut into slices on devices that look like large GPUs (emulated: IMX_TYPE, IMX_UNITS): a small result of long
 * sums becomes enough groups to fill the device, a large one is not cut, and the result is right with any number of
 * slices that a tuner may try, also where the last slice is short. */
#include <stdlib.h>
#include <string.h>

#include "dev/kernel.h"
#include "ops/selftest.h"
#include "ops/tuned.h"
#include "tap.h"

static struct imx_dev_vt own;
static imx_status (*launch)(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *launch,
                            const void *args);
static size_t groups, slices; /* of the first launch that had tiles */

static imx_status watch(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *at,
                        const void *args)
{
    if (strstr(kernel->name, "tile") && !groups) {
        groups = at->global[0] / at->local[0] * (at->global[1] / at->local[1]) * at->global[2];
        slices = at->global[2];
    }
    return launch(dev, kernel, at, args);
}

static struct imx_dev *open_gpu(const char *units)
{
    struct imx_dev *dev = NULL;
    setenv("IMX_TYPE", "gpu", 1);
    setenv("IMX_UNITS", units, 1);
    if (imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) == IMX_OK && !imx_dev_is_host(dev)) {
        own = *dev->vt;
        launch = own.launch;
        own.launch = watch;
        dev->vt = &own;
        return dev;
    }
    imx_dev_close(dev);
    return NULL;
}

/* Runs the problem with one variant, exact numbers. */
static bool right(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v, const void *problem)
{
    struct imx_selftest_result result;
    groups = slices = 0;
    if (imx_selftest_case(dev, op, v, problem, 7, true, &result) != IMX_OK) {
        printf("# %s\n", imx_error_text());
        return false;
    }
    if (result.failed)
        printf("# %s\n", result.text);
    return !result.failed;
}

/* least, most: groups that the device must get. */
static void fills(struct imx_dev *dev, const char *op_name, const char *text, size_t least, size_t most)
{
    char problem[256];
    const struct imx_op *op = imx_op_find(op_name);
    bool good = imx_problem_parse(op, text, problem) == IMX_OK;
    const struct imx_variant *v = good ? imx_op_pick(dev, op, problem, "cl_tile_local") : NULL;
    if (good && !v) {
        tap_skip(op_name, "this device has no groups of 256");
        return;
    }
    good = good && right(dev, op, v, problem);
    tap_ok(good && groups >= least && groups <= most, "%s %s: %zu groups, %zu slices", op_name, text, groups, slices);
}

/* A result that fills the device by itself is not cut. */
static void whole(struct imx_dev *dev, const char *op_name, const char *text)
{
    char problem[256];
    const struct imx_op *op = imx_op_find(op_name);
    const bool good = imx_problem_parse(op, text, problem) == IMX_OK;
    const struct imx_variant *v = good ? imx_op_pick(dev, op, problem, "cl_tile_local8") : NULL;
    if (good && !v)
        tap_skip(op_name, "this device has no tiled variant");
    else
        tap_ok(good && !v->workspace(&dev->caps, problem), "%s %s: in one piece", op_name, text);
}

/* Every number of slices that ok() accepts. */
static void any_slices(struct imx_dev *dev, const char *op_name, const char *variant, const char *text)
{
    static const int32_t tries[] = { 1, 2, 3, 7, 64, 256 };
    struct imx_choice choice = { .op = imx_op_find(op_name), .ms = 1, .without = 2 };
    bool good = imx_problem_parse(choice.op, text, choice.problem) == IMX_OK;
    choice.variant = good ? imx_op_pick(dev, choice.op, choice.problem, variant) : NULL;
    if (good && !choice.variant) {
        tap_skip(variant, "this device does not have it");
        return;
    }
    size_t most = 0;
    for (size_t i = 0; good && i < sizeof tries / sizeof *tries; i++) {
        struct imx_tuned *t = NULL;
        choice.value[0] = tries[i];
        good = imx_tuned_create(&dev->caps, &t) == IMX_OK && imx_tuned_put(&t, &choice) == IMX_OK;
        dev->caps.tuned = t;
        good =
            good && right(dev, choice.op, choice.variant, choice.problem) && slices >= 1 && slices <= (size_t)tries[i];
        most = slices > most ? slices : most;
        dev->caps.tuned = NULL;
        free(t);
    }
    tap_ok(good && most > 32, "%s/%s %s: any number of slices, up to %zu", op_name, variant, text, most);
}

int main(void)
{
    struct imx_dev *dev = open_gpu("64");
    if (!dev) {
        tap_skip("slices on a large GPU", "there is no OpenCL device");
        return tap_done();
    }
    /* 64 units: 256 groups of 256 work-items; slices of at least 128 terms, and no more than each has terms. */
    fills(dev, "conv2d_bwd_wei", "n64h16w16c3_o14k3s1p1_bias0", 100, 256);
    fills(dev, "gemm", "m20n24k16384_ta1tb0_bias0add0_act0", 100, 256);
    fills(dev, "gemm", "m8n512k2048_ta0tb1_bias1add0_act1", 128, 256);
    fills(dev, "gram", "r4096k40_w0", 30, 256);
    whole(dev, "gemm", "m2048n2048k4096_ta0tb0_bias0add0_act0");
    whole(dev, "conv2d_bwd_wei", "n64h16w16c512_o512k3s1p1_bias0");
    static const char *const variants[] = { "cl_tile_local", "cl_tile_local8" };
    for (int i = 0; i < 2; i++) {
        any_slices(dev, "gemm", variants[i], "m33n17k2000_ta1tb0_bias1add1_act1");
        any_slices(dev, "conv2d_bwd_wei", variants[i], "n5h19w21c2_o9k3s1p1_bias0");
    }
    imx_dev_close(dev);
    return tap_done();
}
