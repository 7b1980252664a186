/* Columns side by side: gradient rule, and a NaN that stays in its column where columns are centred. */
#include "ops/concat.h"

#include "devices.h"
#include "finite.h"

static void centred(struct imx_dev *dev, const char *where)
{
    enum { ROWS = 40, A = 35, B = 3, COLS = A + B };
    const struct imx_concat d = { ROWS, A, B, 1 };
    float a[ROWS * A], b[ROWS * B], dst[ROWS * COLS] = { 0 };
    for (int i = 0; i < ROWS * A; i++)
        a[i] = 100 + (i / A % 2 ? 1 : -1);
    for (int i = 0; i < ROWS * B; i++)
        b[i] = 7;
    a[5 * A + 2] = NAN;
    bool ok = run_op(dev, &imx_op_concat, &d, (void *[]){ a, b, dst }) == IMX_OK;
    for (int i = 0; i < ROWS * COLS; i++) {
        const float want = i % COLS < A ? (i / COLS % 2 ? 1 : -1) : 0;
        ok = ok && (i % COLS == 2 ? isnan(dst[i]) : fabsf(dst[i] - want) <= 1e-5f);
    }
    tap_ok(ok, "%s: each column without its mean, a NaN in its own column", where);
}

int main(void)
{
    static const char *const text[] = { "r3a2b4_centre0", "r5a3b2_centre1", "r4a3b0_centre1" };
    for (int i = 0; i < 3; i++) {
        finite_check(&imx_op_concat, text[i]);
        finite_check(&imx_op_concat_split, text[i]);
    }
    finite_check_output(&imx_op_concat_split, text[0], IMX_CONCAT_SPLIT_DB); /* nothing flows into a */
    on_devices(centred);
    return tap_done();
}
