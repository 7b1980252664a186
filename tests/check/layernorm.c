/* Layer norm: gradient rule, a large mean, one column, equal values, NaN. */
#include "ops/layernorm.h"

#include "devices.h"
#include "finite.h"

enum { ROWS = 3, COLS = 66 };

static void large_mean(struct imx_dev *dev, const char *where)
{
    const struct imx_layernorm d = { ROWS, COLS, 1e-5f };
    float src[ROWS * COLS], gamma[COLS], beta[COLS], dst[ROWS * COLS] = { 0 }, mean[ROWS], invstd[ROWS];
    for (int i = 0; i < ROWS * COLS; i++)
        src[i] = 10000 + (i % 2 ? 1 : -1); /* variance 1 around a mean of 10000 */
    for (int c = 0; c < COLS; c++)
        gamma[c] = 2, beta[c] = 0.5f;
    bool ok = run_op(dev, &imx_op_layernorm_fwd, &d, (void *[]){ src, gamma, beta, dst, mean, invstd }) == IMX_OK;
    for (int i = 0; i < ROWS * COLS; i++)
        ok = ok && fabsf(dst[i] - (i % 2 ? 2.5f : -1.5f)) <= 1e-4f;
    tap_ok(ok && fabsf(invstd[0] - 1) <= 1e-4f && fabsf(mean[2] - 10000) <= 2e-3f,
           "%s: variance 1 beside a mean of 10000: invstd %g", where, (double)invstd[0]);
    src[COLS + 5] = NAN;
    ok = run_op(dev, &imx_op_layernorm_fwd, &d, (void *[]){ src, gamma, beta, dst, mean, invstd }) == IMX_OK;
    for (int i = 0; i < ROWS * COLS; i++)
        ok = ok && !isnan(dst[i]) == (i / COLS != 1);
    tap_ok(ok, "%s: a NaN spoils its own row and no other", where);
}

static void flat(struct imx_dev *dev, const char *where)
{
    const struct imx_layernorm d = { 2, 1, 0.25f };
    float src[2] = { 3, -7 }, gamma = 5, beta = 11, dst[2] = { 0 }, mean[2], invstd[2];
    const bool ok =
        run_op(dev, &imx_op_layernorm_fwd, &d, (void *[]){ src, &gamma, &beta, dst, mean, invstd }) == IMX_OK;
    tap_ok(ok && dst[0] == 11 && dst[1] == 11 && mean[1] == -7 && invstd[0] == 2,
           "%s: one column: the result is beta, invstd 1/sqrt(eps)", where);
}

static void all(struct imx_dev *dev, const char *where)
{
    large_mean(dev, where);
    flat(dev, where);
}

int main(void)
{
    static const char *const text[] = { "r3c7_eps1e-05", "r1c5_eps0.001", "r4c1_eps0.1" };
    for (int i = 0; i < 3; i++)
        finite_check_output(&imx_op_layernorm_fwd, text[i], IMX_LN_FWD_DST);
    on_devices(all);
    return tap_done();
}
