/* Convolution beyond the self-test's list: strides larger than the kernel, padding beyond it, rows and
 * columns that no window reaches, channels at the edges of a vector, in all three directions; and the
 * gradient rules, which make the three directions out of each other. */
#include "ops/conv2d.h"
#include <math.h>

#include "finite.h"
#include "ops/conv2d_winograd.h"
#include "variants.h"

static const char *const edges[] = {
    "n1h7w7c2_o3k2s3p0_bias1",
    "n2h5w5c31_o33k1s3p1_bias1",
    "n1h4w4c3_o5k2s1p2_bias0",
    "n2h6w3c32_o32k3s2p1_bias1",
    "n1h2w9c16_o8k3s5p4_bias0",
    "n3h5w5c64_o31k4s2p1_bias0",
    "n1h4w5c3_o5k3s1p4_bias1",
    "n2h5w3c36_o3k3s1p2_bias0",
    "n1h33w1c5_o65k1s2p0_bias0",
    "n9h4w4c4_o64k4s1p0_bias1",
    NULL,
};

enum numbers { ALIKE, SPARSE };

/* The rounding bound of Winograd's variants: never below the sum of the op's own terms, and at most the stated multiple
 * of it, reached inside the image, where all numbers are alike. */
static void bound_test(int m, double gain, enum numbers numbers)
{
    static double src[9 * 9 * 2], wei[3 * 9 * 2], bia[3], dst[9 * 9 * 3], own[9 * 9 * 3], mag[9 * 9 * 3];
    const struct imx_conv2d d = { .n = 1, .h = 9, .w = 9, .c = 2, .o = 3, .k = 3, .stride = 1, .pad = 1 };
    const struct imx_variant *v = m == 2 ? &imx_variant_conv2d_fwd_winograd2 : &imx_variant_conv2d_fwd_winograd4;
    void *const arg[] = { src, wei, bia, dst };
    double *const own_mag[IMX_MAX_ARGS] = { [IMX_CONV2D_FWD_DST] = own };
    double *const mags[IMX_MAX_ARGS] = { [IMX_CONV2D_FWD_DST] = mag };
    double most = 0, least = 1e30;
    for (int i = 0; i < 9 * 9 * 2; i++)
        src[i] = numbers == ALIKE ? -2 : i % 5 ? 0 : i % 7 - 3.5;
    for (int i = 0; i < 3 * 9 * 2; i++)
        wei[i] = numbers == ALIKE ? 0.5 : i % 3 - 0.5;
    imx_op_conv2d_fwd.ref_f64(&d, arg, own_mag);
    tap_ok(v->mag(&d, arg, mags) == IMX_OK, "%s has a bound", v->name);
    for (int i = 0; i < 9 * 9 * 3; i++) {
        least = fmin(least, mag[i] - own[i]);
        const int y = i / 27, x = i / 3 % 9;
        if (y && y < 8 && x && x < 8) /* no tap in the padding */
            most = fmax(most, mag[i] / own[i]);
    }
    tap_ok(least >= 0, "%s: its terms sum to no less than the op's (%g)", v->name, least);
    if (numbers == ALIKE)
        tap_ok(fabs(most - gain) < 0.01 * gain && fabs(imx_winograd_gain(m) - gain) < 0.01 * gain,
               "%s: %.3f times the op's terms at most, %.3f stated", v->name, most, imx_winograd_gain(m));
}

int main(int argc, char **argv)
{
    const struct imx_op *const ops[] = { &imx_op_conv2d_fwd, &imx_op_conv2d_bwd_data, &imx_op_conv2d_bwd_wei };
    struct imx_dev *dev = NULL;
    for (int i = 0; i < 3; i++) {
        finite_check(ops[i], "n2h5w4c2_o3k3s2p1_bias0");
        finite_check(ops[i], "n1h6w5c1_o2k2s3p0_bias1");
    }
    bound_test(2, 64.0 / 9, ALIKE);
    bound_test(2, 64.0 / 9, SPARSE);
    bound_test(4, 62.65, ALIKE);
    bound_test(4, 62.65, SPARSE);
    if (imx_dev_open(argc > 1 ? argv[1] : "cpu", &dev, NULL) != IMX_OK) {
        tap_skip("conv2d variants", imx_error_text());
        return tap_done();
    }
    for (int i = 0; i < 3; i++)
        variants_check(dev, ops[i], edges);
    imx_dev_close(dev);
    return tap_done();
}
