/* A gated recurrent unit's step: gradient rule, and gates that are shut and open. */
#include "ops/gru.h"

#include "devices.h"
#include "finite.h"

/* z far to one side keeps the state or replaces it; r far to one side reads gh_n or not. */
static void gates(struct imx_dev *dev, const char *where)
{
    const struct imx_gru d = { 4, 1 };
    float gi[] = { 0, 200, 3, 0, -200, 3, 200, -200, 0, -200, -200, 0 }, gh[12] = { 0 };
    float h[] = { 0.25f, 0.25f, 0.25f, 0.25f }, dst[4] = { 0 };
    gh[8] = gh[11] = 0.5f;
    const bool ran = run_op(dev, &imx_op_gru_cell, &d, (void *[]){ gi, gh, h, dst }) == IMX_OK;
    tap_ok(ran && dst[0] == 0.25f, "%s: z = 1 keeps the state", where);
    tap_ok(ran && fabsf(dst[1] - tanhf(3)) < 1e-6f, "%s: z = 0 replaces it", where);
    tap_ok(ran && fabsf(dst[2] - tanhf(0.5f)) < 1e-6f, "%s: r = 1 reads what the state says", where);
    tap_ok(ran && dst[3] == 0.0f, "%s: r = 0 does not", where);
}

static void not_finite(struct imx_dev *dev, const char *where)
{
    const struct imx_gru d = { 1, 1 };
    float gi[] = { 0, 0, NAN }, gh[3] = { 0 }, h[1] = { 0 }, ddst[1] = { 1 }, dst[1] = { 0 }, dgi[3], dgh[3], dh[1];
    bool ran = run_op(dev, &imx_op_gru_cell, &d, (void *[]){ gi, gh, h, dst }) == IMX_OK;
    tap_ok(ran && isnan(dst[0]), "%s: a NaN is not hidden", where);
    ran = run_op(dev, &imx_op_gru_cell_bwd, &d, (void *[]){ gi, gh, h, ddst, dgi, dgh, dh }) == IMX_OK;
    tap_ok(ran && isnan(dgi[2]), "%s: nor by the gradient", where);
}

int main(void)
{
    finite_check(&imx_op_gru_cell, "r3c5");
    finite_check(&imx_op_gru_cell, "r1c1");
    on_devices(gates);
    on_devices(not_finite);
    return tap_done();
}
