/* The Gram matrix beyond the self-test's list: sizes at the edges of every tile, in each variant; symmetric to the bit;
 * against the matrix product. */
#include <math.h>

#include "devices.h"
#include "ops/gemm.h"
#include "ops/gram.h"
#include "variants.h"

static const char *const edges[] = {
    "r256k32_w0", "r257k31_w1", "r9k129_w1", "r64k241_w0", "r31k257_w1", "r20k272_w1", "r12k512_w1", NULL,
};

static void symmetric(struct imx_dev *dev, const char *where)
{
    enum { ROWS = 70, K = 45 };
    const struct imx_gram d = { ROWS, K, 0 };
    const struct imx_gemm g = { .m = K, .n = K, .k = ROWS, .ta = 1 };
    float src[ROWS * K], dst[K * K] = { 0 }, want[K * K] = { 0 };
    for (int i = 0; i < ROWS * K; i++)
        src[i] = (float)(i * 37 % 101) / 50 - 1;
    bool ok = run_op(dev, &imx_op_gram, &d, (void *[]){ src, NULL, dst }) == IMX_OK &&
              run_op(dev, &imx_op_gemm, &g, (void *[]){ src, src, NULL, NULL, want }) == IMX_OK;
    for (int i = 0; i < K * K; i++)
        ok = ok && dst[i] == dst[i % K * K + i / K] && fabsf(dst[i] - want[i]) <= 1e-4f;
    tap_ok(ok, "%s: symmetric to the bit, and src^T src", where);
}

int main(int argc, char **argv)
{
    struct imx_dev *dev = NULL;
    on_devices(symmetric);
    if (imx_dev_open(argc > 1 ? argv[1] : "cpu", &dev, NULL) != IMX_OK) {
        tap_skip("gram variants", imx_error_text());
        return tap_done();
    }
    variants_check(dev, &imx_op_gram, edges);
    imx_dev_close(dev);
    return tap_done();
}
