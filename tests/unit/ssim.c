/* Structural similarity against its formula by plain loops over two-dimensional windows in double, and where its value
 * is known by hand. */
#include "eval/ssim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"

enum { H = 37, W = 29, C = 3 };
static const double C1 = 1e-4, C2 = 9e-4;

static void noise(float *x, int32_t n, uint64_t seed)
{
    for (int32_t i = 0; i < n; i++) {
        uint32_t r[4];
        imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        x[i] = 2 * imx_unit(r[0]) - 1;
    }
}

/* The five weighted sums under the window around (y, x). */
static void sums(const float *a, const float *b, int32_t h, int32_t w, int32_t c, int32_t y, int32_t x, double m[5])
{
    double all = 0;
    memset(m, 0, 5 * sizeof *m);
    for (int32_t j = -5; j <= 5; j++)
        for (int32_t i = -5; i <= 5; i++)
            all += exp(-(i * i + j * j) / 4.5);
    for (int32_t j = -5; j <= 5; j++)
        for (int32_t i = -5; i <= 5; i++) {
            if (y + j < 0 || y + j >= h || x + i < 0 || x + i >= w)
                continue;
            const double p = (double)a[((y + j) * w + x + i) * c], q = (double)b[((y + j) * w + x + i) * c];
            const double g = exp(-(i * i + j * j) / 4.5) / all;
            const double term[5] = { p, q, p * p, q * q, p * q };
            for (int k = 0; k < 5; k++)
                m[k] += g * term[k];
        }
}

/* Mean of the luminance factor to the power `light` times contrast and structure, over windows `edge` from the border.
 */
static double plain(const float *a, const float *b, int32_t h, int32_t w, int32_t c, int32_t edge, int light)
{
    double total = 0, m[5];
    for (int32_t y = edge; y < h - edge; y++)
        for (int32_t x = edge; x < w - edge; x++) {
            sums(a, b, h, w, c, y, x, m);
            const double va = m[2] - m[0] * m[0], vb = m[3] - m[1] * m[1], cov = m[4] - m[0] * m[1];
            total += (2 * cov + C2) / (va + vb + C2) *
                     (light ? (2 * m[0] * m[1] + C1) / (m[0] * m[0] + m[1] * m[1] + C1) : 1);
        }
    return total / ((h - 2 * edge) * (w - 2 * edge));
}

/* On intensities in [0,1]. */
static double plain_two_scales(const float *a, const float *b)
{
    static float half[2][(H / 2) * (W / 2)], whole[2][H * W * C];
    const float *from[2] = { whole[0], whole[1] };
    for (int32_t i = 0; i < H * W * C; i++) {
        whole[0][i] = a[i] / 2 + 0.5f;
        whole[1][i] = b[i] / 2 + 0.5f;
    }
    double value = 0;
    for (int32_t k = 0; k < C; k++) {
        for (int s = 0; s < 2; s++)
            for (int32_t y = 0; y < H / 2; y++)
                for (int32_t x = 0; x < W / 2; x++) {
                    const float *p = from[s] + (2 * y * W + 2 * x) * C + k;
                    half[s][y * (W / 2) + x] = (p[0] + p[C] + p[W * C] + p[W * C + C]) / 4;
                }
        const double first = plain(from[0] + k, from[1] + k, H, W, C, 5, 0),
                     second = plain(half[0], half[1], H / 2, W / 2, 1, 5, 1);
        value += pow(first, 0.0448 / 0.3304) * pow(second, 0.2856 / 0.3304) / C;
    }
    return value;
}

int main(void)
{
    static float a[H * W * C], b[H * W * C], dark[H * W * C], light[H * W * C], other[H * W * C], turned[H * W * C];
    double one = 0, want = 0, value = 0;
    noise(a, H * W * C, 1);
    noise(b, H * W * C, 2);
    for (int32_t i = 0; i < H * W * C; i++) {
        b[i] = 0.7f * a[i] + 0.3f * b[i];
        dark[i] = -0.5f;
        light[i] = 0.25f;
        other[i] = 0.5f - 0.3f * a[i];
        turned[i] = 0.5f + 0.3f * a[i];
    }
    bool ran = imx_ssim(a, a, H, W, C, &one) == IMX_OK;
    tap_ok(ran && fabs(one - 1) < 1e-12, "an image is like itself: %.15f", one);
    ran = imx_ssim(a, b, H, W, C, &value) == IMX_OK;
    for (int32_t k = 0; k < C; k++)
        want += plain(a + k, b + k, H, W, C, 0, 1) / C;
    tap_ok(ran && fabs(value - want) < 1e-9 && want > 0.5 && want < 0.99, "by plain loops: %.9f and %.9f", value, want);
    ran = imx_ssim(b, a, H, W, C, &one) == IMX_OK;
    tap_ok(ran && one == value, "the same the other way round");
    ran = imx_ssim(turned, other, H, W, C, &value) == IMX_OK;
    tap_ok(ran && value < -0.5 && value > -1, "an image and its negative: %.4f", value);
    /* Constants: no contrast, so only the means count; windows inside the image alone see nothing else. */
    ran = imx_ms_ssim(dark, light, 16, 16, 1, &value) == IMX_OK;
    want = (2 * 0.25 * 0.625 + C1) / (0.25 * 0.25 + 0.625 * 0.625 + C1);
    tap_ok(ran && fabs(value - want) < 1e-9, "constants -0.5 and 0.25 are intensities 0.25 and 0.625: %.9f and %.9f",
           value, want);
    for (int32_t i = 0; i < H * W * C; i++)
        dark[i] = -1;
    ran = imx_ms_ssim(dark, light, 16, 16, 1, &value) == IMX_OK;
    want = C1 / (0.625 * 0.625 + C1);
    tap_ok(ran && fabs(value - want) < 1e-9, "black and 0.625: %.3g and %.3g", value, want);
    ran = imx_ms_ssim(turned, other, 32, 11, 1, &value) == IMX_OK; /* one scale, whose structure is negative */
    tap_ok(ran && value == 0, "an image and its negative count as 0, not as a number that is none: %g", value);
    ran = imx_ms_ssim(a, b, H, W, C, &value) == IMX_OK;
    want = plain_two_scales(a, b);
    tap_ok(ran && fabs(value - want) < 1e-6, "two scales by plain loops: %.9f and %.9f", value, want);
    ran = imx_ms_ssim(a, a, H, W, C, &one) == IMX_OK;
    tap_ok(ran && fabs(one - 1) < 1e-9, "an image is like itself on every scale");
    tap_ok(imx_ms_ssim_scales(32, 32) == 2 && imx_ms_ssim_scales(176, 200) == 5 &&
               imx_ms_ssim_scales(1000, 1000) == 5 && imx_ms_ssim_scales(175, 200) == 4 &&
               imx_ms_ssim_scales(10, 99) == 0,
           "how many scales fit");
    tap_ok(imx_ms_ssim(a, a, 10, 16, 1, &one) == IMX_E_ARG, "images smaller than the window are refused");
    a[5] = NAN;
    ran = imx_ssim(a, b, H, W, C, &one) == IMX_OK;
    tap_ok(ran && isnan(one), "a NaN stays one");
    return tap_done();
}
