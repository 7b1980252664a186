/* Element-wise sums and products: gradient rules; the absent second operand. */
#include "ops/eltwise.h"

#include "devices.h"
#include "finite.h"

static void absent(struct imx_dev *dev, const char *where)
{
    const struct imx_axpby d = { 3, -2, 0 };
    float a[] = { 1, 2, -3 }, dst[3] = { 0 };
    const bool ran = run_op(dev, &imx_op_axpby, &d, (void *[]){ a, NULL, dst }) == IMX_OK;
    tap_ok(ran && dst[0] == -2 && dst[1] == -4 && dst[2] == 6, "%s: axpby without a second operand", where);
}

static void bias(struct imx_dev *dev, const char *where)
{
    const struct imx_bias_add d = { 2, 3 };
    float src[] = { 1, 2, 3, 4, 5, 6 }, bia[] = { 10, 20, 30 }, dst[6] = { 0 };
    const float want[] = { 11, 22, 33, 14, 25, 36 };
    const bool ran = run_op(dev, &imx_op_bias_add, &d, (void *[]){ src, bia, dst }) == IMX_OK;
    tap_ok(ran && !memcmp(dst, want, sizeof want), "%s: bias_add adds one number per column", where);
}

/* Two paths meet: negative sums become 0, NaN stays NaN. */
static void residual(struct imx_dev *dev, const char *where)
{
    const struct imx_add_relu d = { 5 };
    float a[] = { 1, -3, 2, NAN, -1 }, b[] = { 2, 1, -2, 1, 1 }, dst[5] = { -1, -1, -1, -1, -1 };
    const bool ran = run_op(dev, &imx_op_add_relu, &d, (void *[]){ a, b, dst }) == IMX_OK;
    tap_ok(ran && dst[0] == 3 && dst[1] == 0 && dst[2] == 0 && isnan(dst[3]) && dst[4] == 0,
           "%s: add_relu cuts sums off at 0 and keeps NaN", where);
}

int main(void)
{
    finite_check(&imx_op_axpby, "n11_alpha0.5_beta-3");
    finite_check(&imx_op_axpby, "n11_alpha1_beta1");
    finite_check(&imx_op_axpby, "n11_alpha-2_beta0");
    finite_check(&imx_op_mul, "n13");
    finite_check(&imx_op_add_relu, "n29");
    finite_check(&imx_op_bias_add, "rows5_cols3");
    on_devices(absent);
    on_devices(bias);
    on_devices(residual);
    return tap_done();
}
