/* Bytes to floats: a crop and a flip worked out by hand, the full range of bytes, a crop over the edge. */
#include "ops/image.h"

#include <math.h>

#include "devices.h"

static void crop(struct imx_dev *dev, const char *where)
{
    /* two images of 3 x 4 pixels and one channel: pixel (y, x) of image n is 100 n + 10 y + x */
    const struct imx_image d = { 2, 3, 4, 1, 2, 2 };
    uint8_t src[24];
    int32_t aug[] = { 1, 2, 0, 0, 1, 1 };
    float mean[] = { 0 }, invstd[] = { 255 }, dst[8] = { 0 };
    const float want[] = { 12, 13, 22, 23, 102, 101, 112, 111 };
    bool same = true;
    for (int i = 0; i < 24; i++)
        src[i] = (uint8_t)(i / 12 * 100 + i / 4 % 3 * 10 + i % 4);
    const bool ran = run_op(dev, &imx_op_image, &d, (void *[]){ src, aug, mean, invstd, dst }) == IMX_OK;
    for (int i = 0; i < 8; i++)
        same = same && fabsf(dst[i] - want[i]) <= 1e-4f;
    tap_ok(ran && same, "%s: the first image is cropped, the second cropped and flipped", where);
}

static void range(struct imx_dev *dev, const char *where)
{
    const struct imx_image d = { 1, 16, 16, 1, 16, 16 };
    uint8_t src[256];
    int32_t aug[] = { 0, 0, 0 };
    float mean[] = { 0.5f }, invstd[] = { 2 }, dst[256];
    double worst = 0;
    for (int i = 0; i < 256; i++)
        src[i] = (uint8_t)i;
    const bool ran = run_op(dev, &imx_op_image, &d, (void *[]){ src, aug, mean, invstd, dst }) == IMX_OK;
    for (int i = 0; i < 256; i++) {
        const double error = fabs((double)dst[i] - (i / 255.0 - 0.5) * 2);
        worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
    }
    tap_ok(ran && worst <= 5e-7, "%s: bytes 0..255 become -1..1, worst error %.2g", where, worst);
}

static void edge(struct imx_dev *dev, const char *where)
{
    const struct imx_image d = { 1, 2, 2, 1, 2, 4 };
    uint8_t src[] = { 1, 2, 3, 4 };
    int32_t aug[] = { -1, -1, 0 };
    float mean[] = { 0 }, invstd[] = { 255 }, dst[8] = { 0 };
    const float want[] = { 1, 1, 2, 2, 1, 1, 2, 2 };
    bool same = true;
    const bool ran = run_op(dev, &imx_op_image, &d, (void *[]){ src, aug, mean, invstd, dst }) == IMX_OK;
    for (int i = 0; i < 8; i++)
        same = same && fabsf(dst[i] - want[i]) <= 1e-5f;
    tap_ok(ran && same, "%s: a crop over the edge repeats the edge", where);
}

int main(void)
{
    on_devices(crop);
    on_devices(range);
    on_devices(edge);
    return tap_done();
}
