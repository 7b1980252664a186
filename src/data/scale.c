/* Separable resampling. For output i of a side reduced by r = s / size: centre (i + 1/2)
 * r, weights max(0, 1 - |x + 1/2 - centre| / max(r, 1)) over the source pixels x,
 * normalised to sum 1. */
#include "data/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct taps {
    int32_t first, count;
    const float *wei;
};

/* Taps of all outputs; one block, to be freed as *t. */
static imx_status make_taps(int32_t s, int32_t size, struct taps **t)
{
    const double ratio = (double)s / size, reach = ratio > 1 ? ratio : 1;
    const size_t most = (size_t)ceil(2 * reach) + 2;
    struct taps *taps = malloc((size_t)size * (sizeof *taps + most * sizeof(float)));
    if (!taps)
        return imx_fail(IMX_E_NOMEM, "out of memory while scaling an image to %d pixels", size);
    float *wei = (float *)(taps + size);
    for (int32_t i = 0; i < size; i++, wei += most) {
        const double centre = (i + 0.5) * ratio;
        double sum = 0;
        int32_t first = (int32_t)floor(centre - reach - 0.5), last = (int32_t)ceil(centre + reach - 0.5);
        first = first < 0 ? 0 : first;
        last = last > s - 1 ? s - 1 : last;
        while (first < last && !(fabs(first + 0.5 - centre) < reach))
            first++;
        while (last > first && !(fabs(last + 0.5 - centre) < reach))
            last--;
        for (int32_t x = first; x <= last; x++)
            sum += 1 - fabs(x + 0.5 - centre) / reach;
        for (int32_t x = first; x <= last; x++)
            wei[x - first] = (float)((1 - fabs(x + 0.5 - centre) / reach) / sum);
        taps[i] = (struct taps){ first, last - first + 1, wei };
    }
    *t = taps;
    return IMX_OK;
}

static void scale_rows(const uint8_t *src, int32_t stride, int32_t s, int32_t c, const struct taps *taps, int32_t size,
                       float *mid)
{
    for (int32_t y = 0; y < s; y++)
        for (int32_t i = 0; i < size; i++)
            for (int32_t k = 0; k < c; k++) {
                const uint8_t *p = src + (size_t)y * stride + (size_t)taps[i].first * c + k;
                float sum = 0;
                for (int32_t t = 0; t < taps[i].count; t++)
                    sum += taps[i].wei[t] * (float)p[(size_t)t * c];
                mid[((size_t)y * size + i) * c + k] = sum;
            }
}

static void scale_columns(const float *mid, int32_t c, const struct taps *taps, int32_t size, uint8_t *dst)
{
    const int32_t row = size * c;
    for (int32_t i = 0; i < size; i++)
        for (int32_t x = 0; x < row; x++) {
            float sum = 0;
            for (int32_t t = 0; t < taps[i].count; t++)
                sum += taps[i].wei[t] * mid[(size_t)(taps[i].first + t) * row + x];
            sum += 0.5f;
            dst[(size_t)i * row + x] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
}

imx_status imx_scale_square(const uint8_t *src, int32_t w, int32_t h, int32_t c, int32_t size, uint8_t *dst)
{
    const int32_t s = w < h ? w : h, stride = w * c;
    struct taps *taps = NULL;
    src += (size_t)((h - s) / 2) * stride + (size_t)((w - s) / 2) * c;
    if (s == size) {
        for (int32_t y = 0; y < s; y++)
            memcpy(dst + (size_t)y * s * c, src + (size_t)y * stride, (size_t)s * c);
        return IMX_OK;
    }
    IMX_TRY(make_taps(s, size, &taps));
    float *mid = malloc((size_t)s * size * c * sizeof *mid);
    if (!mid) {
        free(taps);
        return imx_fail(IMX_E_NOMEM, "out of memory while scaling an image of %dx%d", w, h);
    }
    scale_rows(src, stride, s, c, taps, size, mid);
    scale_columns(mid, c, taps, size, dst);
    free(mid);
    free(taps);
    return IMX_OK;
}

void imx_convert_channels(const uint8_t *src, int32_t sc, uint8_t *dst, int32_t dc, int64_t pixels)
{
    if (sc == dc) {
        if (src != dst)
            memcpy(dst, src, (size_t)pixels * (size_t)sc);
        return;
    }
    for (int64_t i = 0; i < pixels; i++)
        if (sc == 1)
            dst[3 * i] = dst[3 * i + 1] = dst[3 * i + 2] = src[i];
        else
            dst[i] = (uint8_t)((19595u * src[3 * i] + 38470u * src[3 * i + 1] + 7471u * src[3 * i + 2] + 32768u) >> 16);
}
