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

/* A channel of an image is kept or dropped as a whole, others on their own. */
static void channels(struct imx_dev *dev, const char *where)
{
    enum { IMAGES = 50, AREA = 9, CHANNELS = 67 };
    static float src[IMAGES][AREA][CHANNELS], dst[IMAGES][AREA][CHANNELS];
    const struct imx_dropout2d d = { IMAGES, AREA, CHANNELS, 68, 0.3f };
    uint32_t ctr[] = { 7, 1, 12, 2 };
    int wrong = 0, kept = 0;
    for (int i = 0; i < IMAGES * AREA * CHANNELS; i++)
        (&src[0][0][0])[i] = 1;
    const bool ran = run_op(dev, &imx_op_dropout2d, &d, (void *[]){ src, ctr, dst }) == IMX_OK;
    for (int n = 0; n < IMAGES; n++)
        for (int c = 0; c < CHANNELS; c++) {
            uint32_t r[4];
            imx_random4(7 | UINT64_C(1) << 32, 12 | UINT64_C(2) << 32, 68, (uint32_t)(n * 17 + c / 4), r);
            const bool keep = imx_unit(r[c % 4]) >= 0.3f;
            for (int k = 0; k < AREA; k++)
                wrong += !(fabsf(dst[n][k][c] - (keep ? 1 / 0.7f : 0)) <= 1e-6f);
            kept += keep;
        }
    tap_ok(ran && !wrong, "%s: the mask is a function of seed, step, stream, image and channel (%d differ)", where,
           wrong);
    tap_ok(fabs(kept - 0.7 * IMAGES * CHANNELS) < 5 * sqrt(0.21 * IMAGES * CHANNELS),
           "%s: %d of %d channels kept with p = 0.3", where, kept, IMAGES * CHANNELS);
}

int main(void)
{
    finite_check(&imx_op_dropout, "n21_stream4_p0.5");
    finite_check(&imx_op_dropout, "n6_stream4_p0");
    finite_check(&imx_op_dropout2d, "n2area3c5_stream4_p0.5");
    on_devices(mask);
    on_devices(channels);
    return tap_done();
}
