/* Pooling: gradient rule, ties, NaN, and windows that hang over the edge. */
#include "ops/pool2d.h"

#include "devices.h"
#include "finite.h"

/* All inputs equal: the first of each window in window order takes the gradient. */
static void ties(struct imx_dev *dev, const char *where)
{
    const struct imx_pool2d d = { 1, 4, 4, 1, 2, 2, 0, IMX_POOL_MAX };
    static const int32_t want[4] = { 0, 2, 8, 10 };
    float src[16], dst[4] = { 0 }, ddst[4] = { 1, 2, 3, 4 }, dsrc[16] = { 0 };
    int32_t at[4] = { -1, -1, -1, -1 };
    for (int i = 0; i < 16; i++)
        src[i] = -2;
    bool ok = run_op(dev, &imx_op_pool2d_fwd, &d, (void *[]){ src, dst, at }) == IMX_OK &&
              run_op(dev, &imx_op_pool2d_bwd, &d, (void *[]){ ddst, at, dsrc }) == IMX_OK;
    for (int i = 0; i < 4; i++)
        ok = ok && dst[i] == -2 && at[i] == want[i] && dsrc[want[i]] == ddst[i];
    float sum = 0;
    for (int i = 0; i < 16; i++)
        sum += dsrc[i];
    tap_ok(ok && sum == 10, "%s: equal values: the first one of the window takes the gradient", where);
}

/* A NaN reaches exactly the windows that hold it. */
static void nan_stays(struct imx_dev *dev, const char *where)
{
    for (int kind = IMX_POOL_MAX; kind <= IMX_POOL_AVG; kind++)
        for (int place = 0; place < 16; place++) {
            const struct imx_pool2d d = { 1, 4, 4, 1, 2, 2, 0, kind };
            float src[16], dst[4] = { 0 };
            int32_t at[4] = { 0 };
            for (int i = 0; i < 16; i++)
                src[i] = i == place ? NAN : (float)i;
            bool ok = run_op(dev, &imx_op_pool2d_fwd, &d, (void *[]){ src, dst, at }) == IMX_OK;
            for (int i = 0; i < 4; i++)
                ok = ok && !isnan(dst[i]) == (i != place / 8 * 2 + place % 4 / 2);
            if (!ok || place == 15)
                tap_ok(ok, "%s: kind %d: a NaN reaches its own window and no other (place %d)", where, kind, place);
            if (!ok)
                break;
        }
}

/* Padding never wins a maximum, and counts as zeros in an average. */
static void edges(struct imx_dev *dev, const char *where)
{
    float src[4] = { -8, -4, -12, -16 }, dst[4] = { 0 };
    int32_t at[4] = { 0 };
    const struct imx_pool2d max = { 1, 2, 2, 1, 2, 2, 1, IMX_POOL_MAX }, avg = { 1, 2, 2, 1, 2, 2, 1, IMX_POOL_AVG };
    bool ok = run_op(dev, &imx_op_pool2d_fwd, &max, (void *[]){ src, dst, at }) == IMX_OK;
    for (int i = 0; i < 4; i++)
        ok = ok && dst[i] == src[i] && at[i] == i;
    tap_ok(ok, "%s: padding never is the maximum", where);
    ok = run_op(dev, &imx_op_pool2d_fwd, &avg, (void *[]){ src, dst, NULL }) == IMX_OK;
    for (int i = 0; i < 4; i++)
        ok = ok && dst[i] == src[i] / 4;
    tap_ok(ok, "%s: padding counts as zeros in an average", where);
}

static void all(struct imx_dev *dev, const char *where)
{
    ties(dev, where);
    nan_stays(dev, where);
    edges(dev, where);
}

int main(void)
{
    static const char *const text[] = { "n2h4w4c2_k2s2p0_kind0", "n1h5w4c2_k3s2p1_kind0", "n1h4w4c1_k3s1p1_kind0",
                                        "n2h4w4c2_k2s2p0_kind1", "n1h5w4c2_k3s2p1_kind1", "n1h4w4c1_k3s1p1_kind1" };
    for (int i = 0; i < 6; i++)
        finite_check(&imx_op_pool2d_fwd, text[i]);
    on_devices(all);
    return tap_done();
}
