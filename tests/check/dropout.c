/* Dropout: its gradient, the rate, and that the mask is the one the header promises. */
#include "ops/dropout.h"

#include "base/philox.h"
#include "devices.h"
#include "finite.h"

enum { N = 10007 };

static void mask(struct imx_dev *dev, const char *where)
{
    static float src[N], dst[N];
    const struct imx_dropout d = { N, 68, 0.3f };
    uint32_t ctr[] = { 7, 1, 12, 2 };
    int wrong = 0, kept = 0;
    for (int i = 0; i < N; i++)
        src[i] = 1;
    const bool ran = run_op(dev, &imx_op_dropout, &d, (void *[]){ src, ctr, dst }) == IMX_OK;
    for (int i = 0; i < N; i++) {
        uint32_t r[4];
        imx_random4(7 | UINT64_C(1) << 32, 12 | UINT64_C(2) << 32, 68, (uint32_t)i / 4, r);
        const bool keep = imx_unit(r[i % 4]) >= 0.3f;
        wrong += !(fabsf(dst[i] - (keep ? 1 / 0.7f : 0)) <= 1e-6f);
        kept += dst[i] != 0;
    }
    tap_ok(ran && !wrong, "%s: the mask is a function of seed, step, stream and element (%d of %d differ)", where,
           wrong, N);
    /* five standard deviations */
    tap_ok(fabs(kept - 0.7 * N) < 5 * sqrt(0.21 * N), "%s: %d of %d kept with p = 0.3", where, kept, N);
}

int main(void)
{
    finite_check(&imx_op_dropout, "n21_stream4_p0.5");
    finite_check(&imx_op_dropout, "n6_stream4_p0");
    on_devices(mask);
    return tap_done();
}
