/* Convolution beyond the self-test's list: strides larger than the kernel, padding beyond it, rows and
 * columns that no window reaches, channels at the edges of a vector, in all three directions; and the
 * gradient rules, which make the three directions out of each other. */
#include "ops/conv2d.h"
#include "finite.h"
#include "variants.h"

static const char *const edges[] = {
    "n1h7w7c2_o3k2s3p0_bias1",   "n2h5w5c31_o33k1s3p1_bias1", "n1h4w4c3_o5k2s1p2_bias0",
    "n2h6w3c32_o32k3s2p1_bias1", "n1h2w9c16_o8k3s5p4_bias0",  "n3h5w5c64_o31k4s2p1_bias0",
    "n1h33w1c5_o65k1s2p0_bias0", "n9h4w4c4_o64k4s1p0_bias1",  NULL,
};

int main(int argc, char **argv)
{
    const struct imx_op *const ops[] = { &imx_op_conv2d_fwd, &imx_op_conv2d_bwd_data, &imx_op_conv2d_bwd_wei };
    struct imx_dev *dev = NULL;
    for (int i = 0; i < 3; i++) {
        finite_check(ops[i], "n2h5w4c2_o3k3s2p1_bias0");
        finite_check(ops[i], "n1h6w5c1_o2k2s3p0_bias1");
    }
    if (imx_dev_open(argc > 1 ? argv[1] : "cpu", &dev, NULL) != IMX_OK) {
        tap_skip("conv2d variants", imx_error_text());
        return tap_done();
    }
    for (int i = 0; i < 3; i++)
        variants_check(dev, ops[i], edges);
    imx_dev_close(dev);
    return tap_done();
}
