/* What a GPU runs by default: every op's problems with the variant that is picked for a device of type GPU with 64
 * compute units (emulated on the device that IMX_TEST_DEVICE names). No kernel among them may be one of those that are
 * meant for devices of type CPU alone, which tools/dev/offline.py lets use scratch memory.
 * usage: gpu_choice PATTERN     an extended regular expression: the names of those kernels */
#include <regex.h>
#include <stdlib.h>

#include "base/status.h"
#include "dev/kernel.h"
#include "ops/selftest.h"
#include "tap.h"

static struct imx_dev_vt own;
static imx_status (*launch)(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *launch,
                            const void *args);
static regex_t for_cpus;
static int n_launches;
static const char *wrong;

static imx_status watch(struct imx_dev *dev, const struct imx_kernel *kernel, const struct imx_launch *at,
                        const void *args)
{
    n_launches++;
    if (!regexec(&for_cpus, kernel->name, 0, NULL, 0))
        wrong = kernel->name;
    return launch(dev, kernel, at, args);
}

enum { PROBLEMS = 6 };

static void check(struct imx_dev *dev, const struct imx_op *op)
{
    char problem[512];
    wrong = NULL;
    n_launches = 0;
    for (const char *const *text = op->cases; *text && text < op->cases + PROBLEMS; text++) {
        struct imx_selftest_result result;
        if (imx_problem_parse(op, *text, problem) != IMX_OK)
            continue;
        const struct imx_variant *v = imx_op_pick(dev, op, problem, NULL);
        if (!v || imx_selftest_case(dev, op, v, problem, 1, op->exact, &result) != IMX_OK || result.failed) {
            tap_ok(false, "%s %s: %s", op->name, *text, v ? result.text : "no variant");
            return;
        }
    }
    tap_ok(!wrong && n_launches, "%s: %d launches%s%s", op->name, n_launches, wrong ? ", one of " : "",
           wrong ? wrong : "");
}

int main(int argc, char **argv)
{
    struct imx_dev *dev = NULL;
    if (argc != 2 || regcomp(&for_cpus, argv[1], REG_EXTENDED | REG_NOSUB))
        return 2;
    setenv("IMX_TYPE", "gpu", 1);
    setenv("IMX_UNITS", "64", 1);
    if (imx_dev_open(getenv("IMX_TEST_DEVICE"), &dev, NULL) != IMX_OK || imx_dev_is_host(dev)) {
        tap_skip("kernels of a GPU", "there is no OpenCL device");
        imx_dev_close(dev);
        regfree(&for_cpus);
        return tap_done();
    }
    tap_ok(dev->caps.type == IMX_DEV_GPU && dev->caps.compute_units == 64, "a GPU with 64 compute units");
    own = *dev->vt;
    launch = own.launch;
    own.launch = watch;
    dev->vt = &own;
    for (const struct imx_op *const *op = imx_ops; *op; op++)
        check(dev, *op);
    imx_dev_close(dev);
    regfree(&for_cpus);
    return tap_done();
}
