/* Rows of length 1: gradient rule; a known direction; zeros, huge and absent numbers. */
#include "ops/unitrow.h"

#include "devices.h"
#include "finite.h"

static void known(struct imx_dev *dev, const char *where)
{
    const struct imx_unitrow d = { 4, 2 };
    float src[8] = { 3, -4, 0, 0, NAN, 1, 1e-3f, 0 }, dst[8], inv[4];
    bool ok = run_op(dev, &imx_op_unitrow_fwd, &d, (void *[]){ src, dst, inv }) == IMX_OK;
    tap_ok(ok && fabsf(dst[0] - 0.6f) <= 1e-6f && fabsf(dst[1] + 0.8f) <= 1e-6f && fabsf(inv[0] - 0.2f) <= 1e-6f,
           "%s: (3, -4) becomes (%g, %g)", where, (double)dst[0], (double)dst[1]);
    tap_ok(ok && dst[2] == 0 && dst[3] == 0 && isnan(dst[4]) && isnan(dst[5]) && fabsf(dst[6] - 1) <= 1e-5f,
           "%s: zeros stay, a NaN spoils its row and no other", where);
    float ddst[8] = { 3, -4, 1, 2, 0, 0, 5, 7 }, dsrc[8];
    ok = run_op(dev, &imx_op_unitrow_bwd, &d, (void *[]){ dst, inv, ddst, dsrc }) == IMX_OK;
    tap_ok(ok && fabsf(dsrc[0]) <= 1e-6f && fabsf(dsrc[1]) <= 1e-6f && fabsf(dsrc[6]) <= 1e-2f &&
               fabsf(dsrc[7] - 7000) <= 1e-1f,
           "%s: along a row nothing changes, across it everything: %g %g", where, (double)dsrc[6], (double)dsrc[7]);
}

int main(void)
{
    finite_check_output(&imx_op_unitrow_fwd, "r3c7", IMX_UNITROW_FWD_DST);
    finite_check_output(&imx_op_unitrow_fwd, "r2c1", IMX_UNITROW_FWD_DST);
    on_devices(known);
    return tap_done();
}
