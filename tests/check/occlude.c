/* Occlusion: its gradient, and boxes at the borders. */
#include "ops/occlude.h"

#include "devices.h"
#include "finite.h"

static void borders(struct imx_dev *dev, const char *where)
{
    enum { SIDE = 6, N = 4 };
    const struct imx_occlude d = { N, SIDE, SIDE, 1, -7.0f };
    float src[N * SIDE * SIDE], dst[N * SIDE * SIDE];
    /* inside; beyond the upper left; beyond the lower right; without area */
    int32_t box[] = { 1, 2, 3, 2, -2, -3, 4, 5, 4, 4, 9, 9, 2, 2, 0, 3 };
    const int want[N] = { 3 * 2, 2 * 2, 2 * 2, 0 };
    int wrong = 0;
    for (int i = 0; i < N * SIDE * SIDE; i++)
        src[i] = (float)i;
    const bool ran = run_op(dev, &imx_op_occlude, &d, (void *[]){ src, box, dst }) == IMX_OK;
    for (int n = 0; n < N; n++) {
        int covered = 0;
        for (int i = n * SIDE * SIDE; i < (n + 1) * SIDE * SIDE; i++) {
            covered += dst[i] == -7.0f;
            wrong += dst[i] != -7.0f && dst[i] != src[i];
        }
        wrong += covered != want[n];
    }
    tap_ok(ran && !wrong, "%s: boxes at the borders cover what lies in the image", where);
    tap_ok(dst[1 * SIDE + 2] == -7.0f && dst[SIDE + 1] == src[SIDE + 1] && dst[SIDE * SIDE] == -7.0f,
           "%s: y comes before x", where);
}

int main(void)
{
    finite_check(&imx_op_occlude, "n2h3w4c2_fill0");
    finite_check(&imx_op_occlude, "n3h5w2c1_fill2");
    on_devices(borders);
    return tap_done();
}
