/* See ssim.h. The window is separable: rows, then columns, of the five products that the formula needs. */
#include "eval/ssim.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { WINDOW = 11, HALF = WINDOW / 2, MOMENTS = 5 };
static const double SIGMA = 1.5, C1 = 0.01 * 0.01, C2 = 0.03 * 0.03;
static const double WEIGHT[IMX_SSIM_SCALES] = { 0.0448, 0.2856, 0.3001, 0.2363, 0.1333 };

static void window(double g[WINDOW])
{
    double sum = 0;
    for (int i = 0; i < WINDOW; i++)
        sum += g[i] = exp(-(i - HALF) * (i - HALF) / (2 * SIGMA * SIGMA));
    for (int i = 0; i < WINDOW; i++)
        g[i] /= sum;
}

static void moments(double x, double y, double m[MOMENTS])
{
    m[0] = x;
    m[1] = y;
    m[2] = x * x;
    m[3] = y * y;
    m[4] = x * y;
}

/* Means over pixels of SSIM and of its contrast and structure factor, of one channel; inside: of windows that lie
 * inside the image alone. row [h,w,MOMENTS] is scratch. */
static void similarity(const float *a, const float *b, int32_t h, int32_t w, int32_t c, bool inside, double *row,
                       double *ssim, double *structure)
{
    double g[WINDOW];
    const int32_t edge = inside ? HALF : 0;
    window(g);
    *ssim = *structure = 0;
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            double *to = row + ((int64_t)y * w + x) * MOMENTS, m[MOMENTS];
            for (int k = 0; k < MOMENTS; k++)
                to[k] = 0;
            for (int i = 0; i < WINDOW; i++) {
                const int32_t at = x + i - HALF;
                if (at < 0 || at >= w)
                    continue;
                moments((double)a[((int64_t)y * w + at) * c], (double)b[((int64_t)y * w + at) * c], m);
                for (int k = 0; k < MOMENTS; k++)
                    to[k] += g[i] * m[k];
            }
        }
    for (int32_t y = edge; y < h - edge; y++)
        for (int32_t x = edge; x < w - edge; x++) {
            double m[MOMENTS] = { 0 };
            for (int i = 0; i < WINDOW; i++) {
                const int32_t at = y + i - HALF;
                for (int k = 0; k < MOMENTS && at >= 0 && at < h; k++)
                    m[k] += g[i] * row[((int64_t)at * w + x) * MOMENTS + k];
            }
            const double var_a = m[2] - m[0] * m[0], var_b = m[3] - m[1] * m[1], cov = m[4] - m[0] * m[1];
            const double cs = (2 * cov + C2) / (var_a + var_b + C2);
            *structure += cs;
            *ssim += cs * (2 * m[0] * m[1] + C1) / (m[0] * m[0] + m[1] * m[1] + C1);
        }
    const double count = (double)(h - 2 * edge) * (w - 2 * edge);
    *ssim /= count;
    *structure /= count;
}

imx_status imx_ssim(const float *a, const float *b, int32_t h, int32_t w, int32_t c, double *value)
{
    double *row = malloc((size_t)h * (size_t)w * MOMENTS * sizeof *row), sum = 0;
    if (!row)
        return imx_fail(IMX_E_NOMEM, "no memory to compare images");
    for (int32_t k = 0; k < c; k++) {
        double one, structure;
        similarity(a + k, b + k, h, w, c, false, row, &one, &structure);
        sum += one;
    }
    free(row);
    *value = sum / c;
    return IMX_OK;
}

int32_t imx_ms_ssim_scales(int32_t h, int32_t w)
{
    int32_t n = 0;
    for (; n < IMX_SSIM_SCALES && h >= WINDOW && w >= WINDOW; h /= 2, w /= 2)
        n++;
    return n;
}

/* One channel at half the size, in place; an odd last row or column is left out. */
static void halve(float *x, int32_t h, int32_t w)
{
    for (int32_t y = 0; y < h / 2; y++)
        for (int32_t i = 0; i < w / 2; i++) {
            const float *from = x + (int64_t)2 * y * w + 2 * i;
            x[(int64_t)y * (w / 2) + i] = 0.25f * (from[0] + from[1] + from[w] + from[w + 1]);
        }
}

static double all_scales(float *a, float *b, int32_t h, int32_t w, double *row)
{
    const int32_t scales = imx_ms_ssim_scales(h, w);
    double product = 1, total = 0;
    for (int32_t s = 0; s < scales; s++)
        total += WEIGHT[s];
    for (int32_t s = 0; s < scales; s++, h /= 2, w /= 2) {
        double ssim, structure;
        similarity(a, b, h, w, 1, true, row, &ssim, &structure);
        const double factor = s + 1 < scales ? structure : ssim;
        product *= pow(factor > 0 ? factor : 0, WEIGHT[s] / total);
        halve(a, h, w);
        halve(b, h, w);
    }
    return product;
}

imx_status imx_ms_ssim(const float *a, const float *b, int32_t h, int32_t w, int32_t c, double *value)
{
    const size_t area = (size_t)h * (size_t)w;
    imx_status status = IMX_OK;
    double sum = 0;
    if (!imx_ms_ssim_scales(h, w))
        return imx_fail(IMX_E_ARG, "images of %dx%d are smaller than the window of %d pixels", w, h, WINDOW);
    double *row = malloc(area * MOMENTS * sizeof *row);
    float *x = malloc(area * sizeof *x), *y = malloc(area * sizeof *y);
    if (!row || !x || !y)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to compare images"));
    for (int32_t k = 0; k < c; k++) {
        for (size_t i = 0; i < area; i++) {
            x[i] = 0.5f * (a[i * (size_t)c + (size_t)k] + 1); /* intensities in [0,1] */
            y[i] = 0.5f * (b[i * (size_t)c + (size_t)k] + 1);
        }
        sum += all_scales(x, y, h, w, row);
    }
    *value = sum / c;
fail:
    free(row);
    free(x);
    free(y);
    return status;
}
