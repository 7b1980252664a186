/* PBM, PGM and PPM, plain (P1 P2 P3) and raw (P4 P5 P6), up to 16 bits. Header numbers are separated by white
 * space and comments; one white byte follows the last; raw samples above 255 take two bytes, the high one
 * first. */
#include <stdlib.h>

#include "data/picture_parts.h"

struct scan {
    const uint8_t *at, *end;
};

static bool white_byte(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number, at most 10^6; -1 when there is none. `digits`: how many characters it may have. */
static int32_t number(struct scan *s, int digits)
{
    int32_t v = 0;
    int n = 0;
    while (s->at < s->end && (white_byte(*s->at) || *s->at == '#')) {
        if (*s->at == '#')
            while (s->at < s->end && *s->at != '\n' && *s->at != '\r')
                s->at++;
        else
            s->at++;
    }
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && n < digits && v <= 100000) {
        v = 10 * v + *s->at++ - '0';
        n++;
    }
    return n ? v : -1;
}

static imx_status read_plain(struct scan *s, int kind, size_t values, uint32_t max, uint32_t white,
                             struct imx_picture *p)
{
    for (size_t i = 0; i < values; i++) {
        const int32_t v = number(s, kind == 1 ? 1 : 7);
        if (v < 0)
            return imx_fail(IMX_E_DATA, "damaged PNM: the numbers end after %zu of %zu", i, values);
        if ((uint32_t)v > max)
            return imx_fail(IMX_E_DATA, "damaged PNM: value %d is above its own maximum %u", v, max);
        if ((uint32_t)v > p->most)
            p->most = (uint16_t)v;
        p->pix[i] = kind == 1 ? (v ? 0 : 255) : imx_picture_level((uint32_t)v, white);
    }
    return IMX_OK;
}

static imx_status read_raw(const struct scan *s, size_t values, uint32_t max, uint32_t white, struct imx_picture *p)
{
    const size_t left = (size_t)(s->end - s->at), wide = max > 255 ? 2 : 1;
    if (left / wide < values)
        return imx_fail(IMX_E_DATA, "damaged PNM: %zu bytes of pixels where %zu are needed", left, values * wide);
    for (size_t i = 0; i < values; i++) {
        const uint32_t v = wide == 2 ? (uint32_t)s->at[2 * i] << 8 | s->at[2 * i + 1] : s->at[i];
        if (v > max)
            return imx_fail(IMX_E_DATA, "damaged PNM: value %u is above its own maximum %u", v, max);
        if (v > p->most)
            p->most = (uint16_t)v;
        p->pix[i] = imx_picture_level(v, white);
    }
    return IMX_OK;
}

static imx_status read_bits(const struct scan *s, struct imx_picture *p)
{
    const size_t stride = ((size_t)p->w + 7) / 8, left = (size_t)(s->end - s->at);
    if (left / stride < (size_t)p->h)
        return imx_fail(IMX_E_DATA, "damaged PNM: %zu bytes of pixels where %zu are needed", left,
                        stride * (size_t)p->h);
    for (int32_t y = 0; y < p->h; y++)
        for (int32_t x = 0; x < p->w; x++)
            p->pix[(size_t)y * (size_t)p->w + (size_t)x] =
                s->at[(size_t)y * stride + (size_t)x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
    return IMX_OK;
}

imx_status imx_picture_pnm(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                           struct imx_picture *p, int *orientation)
{
    const int kind = data[1] - '0', type = (kind - 1) % 3; /* type 0 bits, 1 grey, 2 colour */
    struct scan s = { data + 2, data + bytes };
    const int32_t w = number(&s, 7), h = number(&s, 7), max = type == 0 ? 1 : number(&s, 7);
    (void)orientation;
    if (w < 0 || h < 0 || max < 1 || max > 65535)
        return imx_fail(IMX_E_DATA, "damaged PNM: its header is not whole");
    IMX_TRY(imx_picture_plausible((uint64_t)w, (uint64_t)h, bytes));
    if (kind >= 4 && (s.at == s.end || !white_byte(*s.at++)))
        return imx_fail(IMX_E_DATA, "damaged PNM: its header is not whole");
    p->w = w;
    p->h = h;
    p->c = type == 2 ? 3 : 1;
    for (p->bits = 1; max >> p->bits; p->bits++)
        ;
    const size_t values = (size_t)w * (size_t)h * (size_t)p->c;
    const uint32_t white = max > 255 ? imx_picture_white(opt, (uint32_t)max) : (uint32_t)max;
    p->pix = malloc(values);
    if (!p->pix)
        return imx_fail(IMX_E_NOMEM, "out of memory for an image of %dx%d", w, h);
    if (kind == 4)
        return read_bits(&s, p);
    return kind < 4 ? read_plain(&s, kind, values, (uint32_t)max, white, p)
                    : read_raw(&s, values, (uint32_t)max, white, p);
}
