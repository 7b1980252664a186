/* Rows in groups: gradient rules, the group that each row belongs to. */
#include "ops/spread.h"

#include "devices.h"
#include "finite.h"

static void groups(struct imx_dev *dev, const char *where)
{
    const struct imx_spread add = { 2, 2, 3, 1 }, sum = { 2, 2, 3, 0 };
    float src[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, row[] = { 100, 200, 300, 400, 500, 600 }, dst[12] = { 0 };
    const float added[] = { 101, 202, 303, 104, 205, 306, 407, 508, 609, 410, 511, 612 };
    const float alone[] = { 100, 200, 300, 100, 200, 300, 400, 500, 600, 400, 500, 600 };
    const float summed[] = { 5, 7, 9, 17, 19, 21 };
    bool ran = run_op(dev, &imx_op_spread, &add, (void *[]){ src, row, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, added, sizeof added), "%s: each group gets its own row", where);
    ran = run_op(dev, &imx_op_spread, &sum, (void *[]){ NULL, row, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, alone, sizeof alone), "%s: without a source the row alone", where);
    ran = run_op(dev, &imx_op_spread_sum, &sum, (void *[]){ src, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, summed, sizeof summed), "%s: rows are summed within their group", where);
}

int main(void)
{
    finite_check(&imx_op_spread, "g3r4c5_add1");
    finite_check(&imx_op_spread, "g2r3c4_add0");
    finite_check(&imx_op_spread_sum, "g3r4c5_add0");
    on_devices(groups);
    return tap_done();
}
