/* Normal distributions: gradient rules; values known in closed form; far out and NaN. */
#include "ops/gauss.h"

#include "devices.h"
#include "finite.h"

static bool near(float got, double want)
{
    return fabs((double)got - want) <= 1e-6 * (1 + fabs(want));
}

static void drawn(struct imx_dev *dev, const char *where)
{
    const struct imx_gauss d = { 5 };
    float mu[] = { 1, -2, 0.5f, 3, 0 }, ls[] = { 0, 0.6931472f, -200, 1, NAN }, eps[] = { -1, 3, 2, 0, 1 },
          dst[5] = { 0 };
    const bool ran = run_op(dev, &imx_op_gauss_draw, &d, (void *[]){ mu, ls, eps, dst }) == IMX_OK;
    tap_ok(ran && near(dst[0], 0) && near(dst[1], 4) && dst[2] == 0.5f && dst[3] == 3 && isnan(dst[4]),
           "%s: gauss_draw is mu + sigma eps: %g %g %g %g %g", where, (double)dst[0], (double)dst[1], (double)dst[2],
           (double)dst[3], (double)dst[4]);
}

/* mu = sigma = 1/2 gives 0.443147 nats per unit (dim_method 6.3); N(0, 1) itself gives 0 with gradient 0. */
static void divergence(struct imx_dev *dev, const char *where)
{
    const struct imx_gauss d = { 5 };
    float mu[] = { 0.5f, 0, 3, 0, NAN }, ls[] = { -0.6931472f, 0, 0, 100, 0 }, ddst[] = { 1, 1, 2, 1, 1 };
    float dst[5] = { 0 }, dmu[5] = { 0 }, dls[5] = { 0 };
    bool ran = run_op(dev, &imx_op_gauss_kl, &d, (void *[]){ mu, ls, dst }) == IMX_OK;
    tap_ok(ran && near(dst[0], 0.443147) && dst[1] == 0 && near(dst[2], 4.5) && dst[3] == INFINITY && isnan(dst[4]),
           "%s: gauss_kl of mu = sigma = 0.5 is 0.443147: %.7g; overflow and NaN stay", where, (double)dst[0]);
    ran = run_op(dev, &imx_op_gauss_kl_bwd, &d, (void *[]){ mu, ls, ddst, dmu, dls }) == IMX_OK;
    tap_ok(ran && near(dmu[0], 0.5) && near(dls[0], -0.75) && dmu[1] == 0 && dls[1] == 0 && dmu[2] == 6 &&
               dls[3] == INFINITY && isnan(dmu[4]),
           "%s: gauss_kl_bwd is mu and sigma^2 - 1: %.7g %.7g", where, (double)dmu[0], (double)dls[0]);
}

int main(void)
{
    finite_check(&imx_op_gauss_draw, "n13");
    finite_check(&imx_op_gauss_kl, "n13");
    on_devices(drawn);
    on_devices(divergence);
    return tap_done();
}
