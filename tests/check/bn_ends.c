/* Products between batch norms: their references against a chain of those of batch norm and of the plain product, and
 * every variant on shapes at the edges of tiles and blocks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/batchnorm.h"
#include "ops/bnpart.h"
#include "ops/conv2d_bn.h"
#include "ops/gemm_bn.h"
#include "variants.h"

enum { ROOM = 4096 };

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / (double)(UINT64_C(1) << 52) - 1.0;
}

/* Memory of an op's arguments, inputs drawn; absent ones too, which nobody reads. */
static void draw(double data[IMX_MAX_ARGS][ROOM], void **arg)
{
    uint64_t state = 7;
    for (int i = 0; i < IMX_MAX_ARGS; i++) {
        for (int k = 0; k < ROOM; k++)
            data[i][k] = noise(&state);
        arg[i] = data[i];
    }
}

static double apart(const double *a, const double *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs(a[i] - b[i]);
        most = d <= most ? most : isnan(d) ? HUGE_VAL : d;
    }
    return most;
}

/* rows x cols of src, normalised by the ends at arg. */
static void apply(const struct imx_bn_ends *e, void **ends, int32_t rows, int32_t cols, double *src, double *dst)
{
    const struct imx_bnpart d = { rows, cols, rows, rows, e->relu ? IMX_ACT_RELU : IMX_ACT_NONE, 1, 0 };
    void *arg[] = {
        src, ends[IMX_BN_IN_GAMMA], ends[IMX_BN_IN_BETA], ends[IMX_BN_IN_MEAN], ends[IMX_BN_IN_INVSTD], dst
    };
    imx_op_bn_apply.ref_f64(&d, arg, NULL);
}

/* How far the statistics at `got` are from batch norm's of dst, given the running ones before. */
static double statistics(const struct imx_bn_ends *e, void **got, double *dst, int32_t rows, int32_t cols,
                         const double *run_mean, const double *run_var)
{
    static double other[8][ROOM];
    const struct imx_batchnorm d = { rows, cols, IMX_ACT_NONE, e->eps, e->momentum };
    void *arg[] = { dst, other[0], other[1], other[2], other[3], other[4], other[5], other[6] };
    double worst = 0;
    memcpy(other[2], run_mean, sizeof other[2]);
    memcpy(other[3], run_var, sizeof other[3]);
    imx_op_batchnorm_fwd.ref_f64(&d, arg, NULL);
    worst = fmax(worst, apart(got[IMX_BN_OUT_RUN_MEAN], other[2], cols));
    worst = fmax(worst, apart(got[IMX_BN_OUT_RUN_VAR], other[3], cols));
    worst = fmax(worst, apart(got[IMX_BN_OUT_MEAN], other[5], cols));
    return fmax(worst, apart(got[IMX_BN_OUT_INVSTD], other[6], cols));
}

static void gemm_reference(const char *text)
{
    static double data[IMX_MAX_ARGS][ROOM], normed[ROOM], plain[ROOM], run[2][ROOM];
    struct imx_gemm_bn p;
    void *arg[IMX_MAX_ARGS];
    draw(data, arg);
    if (!tap_ok(imx_problem_parse(&imx_op_gemm_bn, text, &p) == IMX_OK, "gemm_bn %s parses", text))
        return;
    void **ends = arg + IMX_GEMM_BN_ENDS, *chain[] = { data[0], data[1], data[2], data[3], plain };
    const int32_t which = p.ends.norm - 1, cols = imx_gemm_bn_cols(&p.g, p.ends.norm);
    const int32_t count = which == 0 ? p.g.m * p.g.k : p.g.n * p.g.k;
    if (p.ends.norm) {
        apply(&p.ends, ends, count / cols, cols, data[which], normed);
        chain[which] = normed;
    }
    memcpy(run[0], ends[IMX_BN_OUT_RUN_MEAN], sizeof run[0]);
    memcpy(run[1], ends[IMX_BN_OUT_RUN_VAR], sizeof run[1]);
    imx_op_gemm_bn.ref_f64(&p, arg, NULL);
    imx_op_gemm.ref_f64(&p.g, chain, NULL);
    const double worst = apart(data[IMX_GEMM_DST], plain, (int64_t)p.g.m * p.g.n);
    const double stat = p.ends.stat ? statistics(&p.ends, ends, plain, p.g.m, p.g.n, run[0], run[1]) : 0;
    tap_ok(worst < 1e-12 && stat < 1e-11, "gemm_bn %s: as batch norm, product, batch norm (%.1g, %.1g)", text, worst,
           stat);
}

static void conv_reference(const char *text)
{
    static double data[IMX_MAX_ARGS][ROOM], normed[ROOM], plain[ROOM], run[2][ROOM];
    struct imx_conv2d_bn p;
    void *arg[IMX_MAX_ARGS];
    draw(data, arg);
    if (!tap_ok(imx_problem_parse(&imx_op_conv2d_bn_fwd, text, &p) == IMX_OK, "conv2d_bn_fwd %s parses", text))
        return;
    void **ends = arg + IMX_CONV2D_BN_FWD_ENDS, *chain[] = { data[0], data[1], data[2], plain };
    const int32_t rows = p.d.n * imx_conv2d_p(&p.d) * imx_conv2d_q(&p.d);
    if (p.ends.norm) {
        apply(&p.ends, ends, p.d.n * p.d.h * p.d.w, p.d.c, data[0], normed);
        chain[0] = normed;
    }
    memcpy(run[0], ends[IMX_BN_OUT_RUN_MEAN], sizeof run[0]);
    memcpy(run[1], ends[IMX_BN_OUT_RUN_VAR], sizeof run[1]);
    imx_op_conv2d_bn_fwd.ref_f64(&p, arg, NULL);
    imx_op_conv2d_fwd.ref_f64(&p.d, chain, NULL);
    double worst = apart(data[IMX_CONV2D_FWD_DST], plain, (int64_t)rows * p.d.o);
    const double stat = p.ends.stat ? statistics(&p.ends, ends, plain, rows, p.d.o, run[0], run[1]) : 0;
    tap_ok(worst < 1e-12 && stat < 1e-11, "conv2d_bn_fwd %s: as batch norm, convolution, batch norm (%.1g, %.1g)", text,
           worst, stat);
    p.ends.stat = 0;
    if (!p.ends.norm)
        return;
    draw(data, arg);
    apply(&p.ends, arg + IMX_CONV2D_BN_WEI_ENDS, p.d.n * p.d.h * p.d.w, p.d.c, data[0], normed);
    imx_op_conv2d_bn_wei.ref_f64(&p, arg, NULL);
    imx_op_conv2d_bwd_wei.ref_f64(&p.d, (void *[]){ normed, data[1], plain }, NULL);
    worst = apart(data[IMX_CONV2D_BWD_WEI_DWEI], plain, (int64_t)p.d.o * p.d.k * p.d.k * p.d.c);
    tap_ok(worst < 1e-12, "conv2d_bn_wei %s: as batch norm, weight gradient (%.1g)", text, worst);
}

#define ENDS(norm, relu, stat) "_norm" #norm "relu" #relu "stat" #stat "eps1e-05mom0.1"
static const char *const gemm_edges[] = {
    "m1n33k9_ta0tb1_bias0add0_act0" ENDS(1, 1, 1),
    "m60n32k256_ta0tb1_bias0add0_act0" ENDS(0, 0, 1),
    "m67n31k257_ta0tb1_bias0add0_act0" ENDS(1, 0, 1),
    "m121n257k513_ta0tb1_bias0add0_act0" ENDS(1, 1, 1),
    "m240n256k65_ta0tb0_bias0add0_act0" ENDS(0, 0, 1),
    "m241n20k300_ta0tb0_bias0add0_act0" ENDS(2, 1, 1),
    "m33n129k63_ta1tb0_bias0add0_act0" ENDS(1, 1, 0),
    "m63n65k129_ta0tb1_bias0add0_act0" ENDS(2, 1, 0),
    "m13n17k5_ta0tb1_bias1add1_act1" ENDS(1, 1, 1),
    "m900n40k40_ta0tb1_bias0add0_act0" ENDS(1, 1, 1),
    NULL,
};
static const char *const conv_edges[] = {
    "n1h8w8c3_o5k3s1p1_bias0" ENDS(0, 0, 1),    "n7h9w9c16_o32k3s2p0_bias0" ENDS(0, 0, 1),
    "n2h7w5c20_o40k1s1p0_bias0" ENDS(0, 0, 1),  "n3h33w31c2_o17k2s1p0_bias0" ENDS(0, 0, 1),
    "n2h10w12c6_o8k7s2p3_bias0" ENDS(1, 1, 1),  "n5h6w5c7_o9k3s1p1_bias1" ENDS(1, 0, 1),
    "n1h2w2c300_o70k2s1p1_bias0" ENDS(0, 0, 1), NULL,
};
static const char *const wei_edges[] = {
    "n2h10w12c6_o8k7s2p3_bias0" ENDS(1, 1, 0),
    "n5h6w5c7_o65k3s1p1_bias0" ENDS(1, 0, 0),
    NULL,
};

int main(int argc, char **argv)
{
    struct imx_dev *dev = NULL;
    gemm_reference("m1n33k9_ta0tb1_bias0add0_act0" ENDS(1, 1, 1));
    gemm_reference("m41n20k30_ta0tb0_bias0add0_act0" ENDS(2, 1, 1));
    gemm_reference("m33n29k23_ta1tb0_bias0add0_act0" ENDS(1, 1, 0));
    gemm_reference("m23n35k29_ta0tb1_bias0add0_act0" ENDS(2, 0, 1));
    gemm_reference("m13n17k5_ta0tb1_bias1add1_act1" ENDS(1, 1, 1));
    conv_reference("n1h8w8c3_o5k3s1p1_bias0" ENDS(0, 0, 1));
    conv_reference("n2h10w12c6_o8k7s2p3_bias0" ENDS(1, 1, 1));
    conv_reference("n5h6w5c7_o9k3s1p1_bias1" ENDS(1, 0, 1));
    if (imx_dev_open(argc > 1 ? argv[1] : "cpu", &dev, NULL) != IMX_OK) {
        tap_skip("variants", imx_error_text());
        return tap_done();
    }
    variants_check(dev, &imx_op_gemm_bn, gemm_edges);
    variants_check(dev, &imx_op_conv2d_bn_fwd, conv_edges);
    variants_check(dev, &imx_op_conv2d_bn_wei, wei_edges);
    imx_dev_close(dev);
    return tap_done();
}
