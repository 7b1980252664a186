/* The self-test as a test: one line per variant of each op. usage: check-selftest_ops [DEVICE [full]]
 * IMX_TEST_DEVICE (default: "auto") and IMX_TEST_OPS ("conv2d,gemm") choose where the command line does not. A device
 * that is not there is a skip with its reason. */
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "ops/selftest.h"

static void line(void *user, const struct imx_selftest_row *row)
{
    (void)user;
    if (!row->cases) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", row->op, row->variant);
        tap_skip(name, "this device supports none of its problems");
        return;
    }
    tap_ok(!row->failed, "%s/%s: %d cases, %d exact, worst %.3g of its bound", row->op, row->variant, row->cases,
           row->exact_cases, row->worst);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : getenv("IMX_TEST_DEVICE");
    const bool full = argc > 2 && !strcmp(argv[2], "full");
    struct imx_selftest_options options = { .cases = full ? 0 : 5, .op = getenv("IMX_TEST_OPS"), .progress = line };
    struct imx_selftest_summary summary;
    struct imx_dev *dev;
    const char *why;
    if (imx_dev_open(name, &dev, &why) != IMX_OK) {
        tap_skip("self-test", imx_error_text());
        return tap_done();
    }
    if (name && !strcmp(name, "auto") && imx_dev_is_host(dev)) {
        tap_skip("self-test", "there is no OpenCL device; the host has its own test");
        imx_dev_close(dev);
        return tap_done();
    }
    printf("# %s, driver %s\n", dev->caps.name, dev->caps.driver);
    const imx_status status = imx_selftest_run(dev, &options, &summary);
    if (status != IMX_OK)
        tap_ok(false, "%s", imx_error_text());
    for (int i = 0; i < summary.n_failures; i++)
        printf("# %s\n", summary.failures[i].text);
    imx_selftest_finish(&summary);
    imx_dev_close(dev);
    return tap_done();
}
