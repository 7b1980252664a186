/* Element-wise functions: gradient rules of both orders, values far out, NaN. */
#include "ops/act.h"

#include "devices.h"
#include "finite.h"

enum { N = 9 };
static const float far_out[N] = { -INFINITY, -200, -90, -0.0f, 0, 90, 200, INFINITY, NAN };

static void forward(struct imx_dev *dev, const char *where)
{
    static const float want[][N] = {
        [IMX_ACT_NONE] = { -INFINITY, -200, -90, 0, 0, 90, 200, INFINITY, NAN },
        [IMX_ACT_RELU] = { 0, 0, 0, 0, 0, 90, 200, INFINITY, NAN },
        [IMX_ACT_LEAKY] = { -INFINITY, -50, -22.5f, 0, 0, 90, 200, INFINITY, NAN },
        [IMX_ACT_TANH] = { -1, -1, -1, 0, 0, 1, 1, 1, NAN },
        [IMX_ACT_SIGMOID] = { 0, 0, 0, 0.5f, 0.5f, 1, 1, 1, NAN },
        [IMX_ACT_SOFTPLUS] = { 0, 0, 0, 0.6931472f, 0.6931472f, 90, 200, INFINITY, NAN },
        [IMX_ACT_EXP] = { 0, 0, 0, 1, 1, INFINITY, INFINITY, INFINITY, NAN },
    };
    for (int kind = IMX_ACT_NONE; kind <= IMX_ACT_EXP; kind++) {
        const struct imx_act_problem d = { N, kind, 0.25f };
        float src[N], dst[N] = { 0 };
        memcpy(src, far_out, sizeof src);
        bool ok = run_op(dev, &imx_op_act_fwd, &d, (void *[]){ src, dst }) == IMX_OK;
        for (int i = 0; i < N; i++) {
            const float w = want[kind][i];
            const bool same = isnan(w) ? isnan(dst[i]) : isinf(w) ? dst[i] == w : fabsf(dst[i] - w) <= 1e-6f;
            if (!same)
                printf("# f(%g) = %.9g, not %g\n", (double)src[i], (double)dst[i], (double)w);
            ok = ok && same;
        }
        tap_ok(ok, "%s: act_fwd kind %d far out, and NaN stays NaN", where, kind);
    }
}

static void backward(struct imx_dev *dev, const char *where)
{
    static const float want[][N] = {
        [IMX_ACT_NONE] = { 3, 3, 3, 3, 3, 3, 3, 3, 3 },
        [IMX_ACT_RELU] = { 0, 0, 0, 0, 0, 3, 3, 3, 3 },
        [IMX_ACT_LEAKY] = { 0.75f, 0.75f, 0.75f, 0.75f, 0.75f, 3, 3, 3, 0.75f },
        [IMX_ACT_TANH] = { 0, 0, 0, 3, 3, 0, 0, 0, NAN },
        [IMX_ACT_SIGMOID] = { 0, 0, 0, 0.75f, 0.75f, 0, 0, 0, NAN },
        [IMX_ACT_SOFTPLUS] = { 0, 0, 0, 1.5f, 1.5f, 3, 3, 3, NAN },
        [IMX_ACT_EXP] = { 0, 0, 0, 3, 3, INFINITY, INFINITY, INFINITY, NAN },
    };
    for (int kind = IMX_ACT_NONE; kind <= IMX_ACT_EXP; kind++) {
        const struct imx_act_problem d = { N, kind, 0.25f };
        float src[N], ddst[N], dsrc[N] = { 0 };
        memcpy(src, far_out, sizeof src);
        for (int i = 0; i < N; i++)
            ddst[i] = 3;
        bool ok = run_op(dev, &imx_op_act_bwd, &d, (void *[]){ src, ddst, dsrc }) == IMX_OK;
        for (int i = 0; i < N; i++) {
            const float w = want[kind][i];
            const bool same = isnan(w) ? isnan(dsrc[i]) : isinf(w) ? dsrc[i] == w : fabsf(dsrc[i] - w) <= 1e-5f;
            if (!same)
                printf("# 3 f'(%g) = %.9g, not %g\n", (double)src[i], (double)dsrc[i], (double)w);
            ok = ok && same;
        }
        tap_ok(ok, "%s: act_bwd kind %d far out", where, kind);
    }
}

int main(void)
{
    static const char *const text[] = { "n20_kind0_slope0", "n20_kind1_slope0", "n20_kind2_slope0.2",
                                        "n20_kind3_slope0", "n20_kind4_slope0", "n20_kind5_slope0",
                                        "n20_kind6_slope0" };
    for (int i = 0; i < 7; i++) {
        finite_check(&imx_op_act_fwd, text[i]);
        finite_check(&imx_op_act_bwd, text[i]);
    }
    on_devices(forward);
    on_devices(backward);
    return tap_done();
}
