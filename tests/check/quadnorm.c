/* Rows over the root of a quadratic form: the gradient rule; the form against the map itself where they cancel; a row
 * of zeros; NaN. */
#include "ops/quadnorm.h"

#include "devices.h"
#include "finite.h"

enum { ROWS = 4, K = 33, OUT = 20 };

/* The map's value is much smaller than its terms: columns of wei come in pairs that nearly cancel. */
static void cancelling(struct imx_dev *dev, const char *where)
{
    const struct imx_quadnorm d = { ROWS, K, OUT, 1e-5f };
    float src[ROWS * K], wei[OUT * K], bia[OUT] = { 0 }, dst[ROWS * K] = { 0 }, invstd[ROWS] = { 0 }, z[ROWS * K];
    for (int i = 0; i < ROWS * K; i++)
        src[i] = i / K == 3 ? 0 : 1;
    for (int i = 0; i < OUT * K; i++)
        wei[i] = i % K == K - 1 ? 0.125f : i % K % 2 ? 8 : -8;
    bool ok = run_op(dev, &imx_op_quadnorm_fwd, &d, (void *[]){ src, wei, bia, dst, invstd, z }) == IMX_OK;
    tap_ok(ok && fabsf(invstd[0] - 1 / sqrtf(0.015635f)) <= 0.01f, "%s: e = 1/8 out of terms of 8: invstd %g", where,
           (double)invstd[0]);
    tap_ok(ok && fabsf(invstd[3] - 1 / sqrtf(1e-5f)) <= 1e-3f && dst[3 * K] == 0,
           "%s: where e is zero, invstd is 1/sqrt(eps): %g", where, (double)invstd[3]);
    src[K + 5] = NAN;
    ok = run_op(dev, &imx_op_quadnorm_fwd, &d, (void *[]){ src, wei, bia, dst, invstd, z }) == IMX_OK;
    for (int i = 0; i < ROWS * K; i++)
        ok = ok && !isnan(dst[i]) == (i / K != 1);
    tap_ok(ok && isnan(invstd[1]), "%s: a NaN spoils its own row and no other", where);
}

int main(void)
{
    static const char *const text[] = { "r3k4o5_eps1e-05", "r1k5o2_eps0.001", "r4k1o3_eps0.1" };
    const unsigned both = 1u << IMX_QUADNORM_FWD_DST | 1u << IMX_QUADNORM_FWD_INVSTD;
    for (int i = 0; i < 3; i++)
        finite_check_outputs(&imx_op_quadnorm_fwd, text[i], both);
    on_devices(cancelling);
    return tap_done();
}
