/* Drawing rows: gradient rules, a row drawn twice, an index that does not exist. */
#include "ops/gather.h"

#include "devices.h"
#include "finite.h"

static void rows(struct imx_dev *dev, const char *where)
{
    const struct imx_gather d = { 2, 3, 2, 2 };
    float src[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, dst[8] = { 0 }, dsrc[12] = { 0 };
    int32_t idx[] = { 2, 0, 1, 1 };
    const float drawn[] = { 5, 6, 1, 2, 9, 10, 9, 10 };
    const float back[] = { 1, 2, 0, 0, 5, 6, 0, 0, 18, 20, 0, 0 };
    bool ran = run_op(dev, &imx_op_gather_fwd, &d, (void *[]){ src, idx, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, drawn, sizeof drawn), "%s: rows are drawn per image", where);
    ran = run_op(dev, &imx_op_gather_bwd, &d, (void *[]){ dst, idx, dsrc }) == IMX_OK;
    tap_ok(ran && !memcmp(dsrc, back, sizeof back), "%s: a row drawn twice gets both gradients", where);
}

static void outside(struct imx_dev *dev, const char *where)
{
    const struct imx_gather d = { 1, 2, 2, 3 };
    float src[] = { 1, 2, 3, 4 }, dst[6] = { 9, 9, 9, 9, 9, 9 };
    int32_t idx[] = { -1, 2, 1 };
    const float want[] = { 0, 0, 0, 0, 3, 4 };
    const bool ran = run_op(dev, &imx_op_gather_fwd, &d, (void *[]){ src, idx, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, want, sizeof want), "%s: an index outside the rows gives zeros", where);
}

int main(void)
{
    finite_check(&imx_op_gather_fwd, "n2p5c3_k4");
    finite_check(&imx_op_gather_bwd, "n2p5c3_k4");
    on_devices(rows);
    on_devices(outside);
    return tap_done();
}
