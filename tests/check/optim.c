/* Optimizer steps against PyTorch 1.13 (three steps from the same numbers, written by torch.optim in float), and the
 * promise that a non-finite gradient changes nothing. */
#include "ops/optim.h"

#include <math.h>
#include <string.h>

#include "devices.h"

enum { N = 5 };
static const float start[N] = { 0.5f, -1.25f, 0, 2, -0.001f };

static void compare(const char *where, const char *what, bool ran, const float *got, const float *want)
{
    bool same = true;
    for (int i = 0; i < N; i++) {
        /* one ulp of the parameter, a few of the three steps of size 0.01 */
        const bool near = fabs((double)got[i] - (double)want[i]) <= 1.2e-7 * fabs((double)want[i]) + 4e-9;
        if (!near)
            printf("# %d: %.9g, PyTorch %.9g\n", i, (double)got[i], (double)want[i]);
        same = same && near;
    }
    tap_ok(ran && same, "%s: %s, three steps as PyTorch takes them", where, what);
}

/* The gradients of step t. */
static void gradient(int t, float *grad)
{
    const float base[N] = { 0.1f, -2, 0, 1e-5f, 3 };
    for (int i = 0; i < N; i++)
        grad[i] = base[i] * (t == 2 ? -0.5f : 1);
}

static void adam(struct imx_dev *dev, const char *where)
{
    static const float want[2][N] = {
        { 0.483401716f, -1.23340178f, 0, 1.9834193f, -0.0175982881f },
        { 0.475201398f, -1.23040032f, 0, 1.97000492f, -0.0194525421f },
    };
    const struct imx_optim d = { N };
    for (int decay = 0; decay < 2; decay++) {
        float param[N], m[N] = { 0 }, v[N] = { 0 }, grad[N], hyp[IMX_HYP_COUNT], norm[2] = { 1, 0 };
        bool ran = true;
        memcpy(param, start, sizeof param);
        for (int t = 1; t <= 3; t++) {
            gradient(t, grad);
            imx_adam_hyp(0.01, decay ? 0.9 : 0.5, 0.999, 1e-8, decay ? 0.1 : 0, t, hyp);
            ran = ran && run_op(dev, &imx_op_adam, &d, (void *[]){ param, m, v, grad, hyp, norm }) == IMX_OK;
        }
        compare(where, decay ? "adam with weight decay" : "adam", ran, param, want[decay]);
    }
}

static void sgd(struct imx_dev *dev, const char *where)
{
    static const float want[N] = { 0.494440705f, -1.18785942f, 0, 1.98878932f, -0.0836954191f };
    const struct imx_optim d = { N };
    float param[N], m[N] = { 0 }, grad[N], hyp[IMX_HYP_COUNT], norm[2] = { 1, 0 };
    bool ran = true;
    memcpy(param, start, sizeof param);
    imx_adam_hyp(0.01, 0.9, 0.999, 1e-8, 0.1, 1, hyp);
    for (int t = 1; t <= 3; t++) {
        gradient(t, grad);
        ran = ran && run_op(dev, &imx_op_sgd, &d, (void *[]){ param, m, grad, hyp, norm }) == IMX_OK;
    }
    compare(where, "sgd with momentum and weight decay", ran, param, want);
}

static void nonfinite(struct imx_dev *dev, const char *where)
{
    const struct imx_optim d = { N };
    float param[N], m[N] = { 1, 2, 3, 4, 5 }, v[N] = { 5, 4, 3, 2, 1 }, grad[N] = { NAN, 1, INFINITY, 2, 3 };
    float hyp[IMX_HYP_COUNT], norm[2] = { INFINITY, 1 };
    const float m0[N] = { 1, 2, 3, 4, 5 }, v0[N] = { 5, 4, 3, 2, 1 };
    memcpy(param, start, sizeof param);
    imx_adam_hyp(0.01, 0.9, 0.999, 1e-8, 0.1, 1, hyp);
    bool ran = run_op(dev, &imx_op_adam, &d, (void *[]){ param, m, v, grad, hyp, norm }) == IMX_OK;
    tap_ok(ran && !memcmp(param, start, sizeof start) && !memcmp(m, m0, sizeof m) && !memcmp(v, v0, sizeof v),
           "%s: adam changes nothing when a gradient is not finite", where);
    ran = run_op(dev, &imx_op_sgd, &d, (void *[]){ param, m, grad, hyp, norm }) == IMX_OK;
    tap_ok(ran && !memcmp(param, start, sizeof start) && !memcmp(m, m0, sizeof m),
           "%s: sgd changes nothing when a gradient is not finite", where);
}

int main(void)
{
    on_devices(adam);
    on_devices(sgd);
    on_devices(nonfinite);
    return tap_done();
}
