/* Batch norm: gradient rule, running statistics, one row, a large mean, NaN. */
#include "ops/batchnorm.h"

#include "devices.h"
#include "finite.h"

enum { ROWS = 300, COLS = 3 };

/* Columns: +-1 around 10000, +-1 around 0, constant. */
static void statistics(struct imx_dev *dev, const char *where)
{
    const struct imx_batchnorm d = { ROWS, COLS, IMX_ACT_NONE, 1e-5f, 0.5f };
    static float src[ROWS * COLS], dst[ROWS * COLS];
    float gamma[COLS] = { 2, 2, 2 }, beta[COLS] = { 1, 1, 1 }, run_mean[COLS] = { 0, 4, 8 },
          run_var[COLS] = { 1, 1, 1 };
    float mean[COLS], invstd[COLS];
    for (int i = 0; i < ROWS; i++) {
        src[i * COLS] = 10000 + (i % 2 ? 1 : -1);
        src[i * COLS + 1] = i % 2 ? 1 : -1;
        src[i * COLS + 2] = 6;
    }
    void *data[] = { src, gamma, beta, run_mean, run_var, dst, mean, invstd };
    bool ok = run_op(dev, &imx_op_batchnorm_fwd, &d, data) == IMX_OK;
    for (int i = 0; i < ROWS * COLS; i++)
        ok = ok && fabsf(dst[i] - (i % COLS == 2 ? 1 : i / COLS % 2 ? 3 : -1)) <= 4e-3f;
    tap_ok(ok && fabsf(invstd[0] - 1) <= 1e-3f && fabsf(invstd[1] - 1) <= 1e-4f && fabsf(invstd[2] - 316.2278f) <= 0.1f,
           "%s: variance 1 beside a mean of 10000, and a constant column: invstd %g %g %g", where, (double)invstd[0],
           (double)invstd[1], (double)invstd[2]);
    const float unbiased = 0.5f + 0.5f * (float)ROWS / (float)(ROWS - 1);
    tap_ok(fabsf(run_mean[0] - 5000) <= 1e-2f && fabsf(run_mean[1] - 2) <= 1e-5f && run_mean[2] == 7 &&
               fabsf(run_var[1] - unbiased) <= 1e-5f && fabsf(run_var[2] - 0.5f) <= 1e-6f,
           "%s: running mean and unbiased variance move by the momentum", where);
    src[7 * COLS + 1] = NAN;
    ok = run_op(dev, &imx_op_batchnorm_fwd, &d, data) == IMX_OK;
    for (int i = 0; i < ROWS * COLS; i++)
        ok = ok && !isnan(dst[i]) == (i % COLS != 1);
    tap_ok(ok && isnan(run_mean[1]) && !isnan(run_mean[0]), "%s: a NaN spoils its own column and no other", where);
}

/* One row has no variance: the result is beta, and the running variance stays as it was. */
static void one_row(struct imx_dev *dev, const char *where)
{
    const struct imx_batchnorm d = { 1, COLS, IMX_ACT_RELU, 0.25f, 1 };
    float src[COLS] = { 5, -5, 0 }, gamma[COLS] = { 3, 3, 3 }, beta[COLS] = { 1, -1, 0 }, dst[COLS] = { 9, 9, 9 };
    float run_mean[COLS] = { 0 }, run_var[COLS] = { 7, 7, 7 }, mean[COLS], invstd[COLS];
    const bool ok = run_op(dev, &imx_op_batchnorm_fwd, &d,
                           (void *[]){ src, gamma, beta, run_mean, run_var, dst, mean, invstd }) == IMX_OK;
    tap_ok(ok && dst[0] == 1 && dst[1] == 0 && dst[2] == 0 && run_mean[0] == 5 && run_var[1] == 7 && invstd[2] == 2,
           "%s: one row: beta behind the ReLU, the running variance is left alone", where);
}

static void all(struct imx_dev *dev, const char *where)
{
    statistics(dev, where);
    one_row(dev, where);
}

int main(void)
{
    static const char *const text[] = { "r7c3_act0eps1e-05mom0.1", "r7c3_act1eps0.001mom0.1", "r1c4_act0eps0.1mom0.1" };
    for (int i = 0; i < 3; i++)
        finite_check_output(&imx_op_batchnorm_fwd, text[i], IMX_BN_FWD_DST);
    on_devices(all);
    return tap_done();
}
