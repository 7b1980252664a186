/* The matrix product beyond the self-test's list: shapes at the edges of every tile and block of the kernels,
 * in each layout, the gradient rule, and the order in which variants are preferred. */
#include <string.h>

#include "finite.h"
#include "ops/gemm.h"
#include "variants.h"

static const char *const edges[] = {
    "m8n32k256_ta0tb0_bias1add1_act1",
    "m9n33k257_ta0tb0_bias1add1_act1",
    "m9n33k257_ta0tb1_bias1add1_act1",
    "m9n33k257_ta1tb0_bias1add1_act1",
    "m241n257k15_ta0tb1_bias0add0_act0",
    "m257n241k15_ta1tb0_bias0add0_act0",
    "m31n700k1025_ta0tb1_bias1add1_act0",
    "m700n31k1025_ta1tb0_bias1add1_act0",
    "m250n40k2049_ta1tb0_bias0add0_act1",
    "m3n3k4096_ta0tb0_bias1add0_act0",
    NULL,
};

/* Each type of device gets the family that was written for it. */
static void check_rank(struct imx_dev *dev)
{
    const struct imx_gemm g = { .m = 64, .n = 64, .k = 64 };
    const struct imx_variant *v = imx_op_pick(dev, &imx_op_gemm, &g, NULL);
    const char *const want = dev->caps.type == IMX_DEV_CPU ? "cl_pack_cpu" : "cl_tile_local";
    tap_ok(v && !strncmp(v->name, want, strlen(want)), "%s is picked on %s", want, dev->caps.name);
    v = imx_op_pick(dev, &imx_op_gemm, &g, "cl_tile_local8");
    tap_ok(v && !strcmp(v->name, "cl_tile_local8"), "a variant can be forced by name");
    tap_ok(!imx_op_pick(dev, &imx_op_gemm, &g, "no_such_variant"), "an unknown name is not replaced by another");
}

int main(int argc, char **argv)
{
    struct imx_dev *dev = NULL;
    finite_check(&imx_op_gemm, "m3n4k5_ta0tb0_bias1add1_act0");
    finite_check(&imx_op_gemm, "m4n3k2_ta0tb1_bias1add1_act1");
    finite_check(&imx_op_gemm, "m2n5k3_ta1tb0_bias1add0_act1");
    if (imx_dev_open(argc > 1 ? argv[1] : "cpu", &dev, NULL) != IMX_OK) {
        tap_skip("gemm variants", imx_error_text());
        return tap_done();
    }
    variants_check(dev, &imx_op_gemm, edges);
    check_rank(dev);
    imx_dev_close(dev);
    return tap_done();
}
