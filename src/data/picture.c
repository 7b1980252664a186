/* Recognition by the first bytes, the limits, and turning upright. */
#include "data/picture.h"

#include <stdlib.h>
#include <string.h>

#include "data/picture_parts.h"

imx_status imx_picture_plausible(uint64_t w, uint64_t h, uint64_t bytes)
{
    if (w < 1 || h < 1)
        return imx_fail(IMX_E_DATA, "it says that it is empty (%llux%llu)", (unsigned long long)w,
                        (unsigned long long)h);
    if (w > IMX_PICTURE_SIDE || h > IMX_PICTURE_SIDE || w * h > IMX_PICTURE_AREA)
        return imx_fail(IMX_E_DATA, "it says that it has %llux%llu pixels, more than is read here",
                        (unsigned long long)w, (unsigned long long)h);
    if (w * h > bytes * IMX_PICTURE_PER_BYTE)
        return imx_fail(IMX_E_DATA, "it says that it has %llux%llu pixels, which cannot be in %llu bytes",
                        (unsigned long long)w, (unsigned long long)h, (unsigned long long)bytes);
    return IMX_OK;
}

int imx_picture_exif(const uint8_t *t, size_t bytes)
{
    if (bytes < 14 || (memcmp(t, "II\x2a\0", 4) && memcmp(t, "MM\0\x2a", 4)))
        return 1;
    const int big = t[0] == 'M';
#define U16(at) (big ? (unsigned)t[at] << 8 | t[(at) + 1] : (unsigned)t[(at) + 1] << 8 | t[at])
    const size_t ifd = big ? (size_t)U16(4) << 16 | U16(6) : (size_t)U16(6) << 16 | U16(4);
    if (ifd > bytes - 2)
        return 1;
    const size_t entries = U16(ifd);
    for (size_t i = 0; i < entries; i++) {
        const size_t at = ifd + 2 + 12 * i;
        if (at + 12 > bytes)
            return 1;
        if (U16(at) == 0x0112) {
            const unsigned o = U16(at + 8);
            return U16(at + 2) == 3 && o >= 1 && o <= 8 ? (int)o : 1;
        }
    }
#undef U16
    return 1;
}

/* Turns p upright. Orientation as EXIF counts it: 2 mirror, 3 half turn, 4 flip, 5 transpose, 6 quarter turn
 * clockwise to be done, 7 transverse, 8 quarter turn anticlockwise to be done. */
static imx_status turn(struct imx_picture *p, int orientation)
{
    if (orientation <= 1)
        return IMX_OK;
    const int32_t w = orientation >= 5 ? p->h : p->w, h = orientation >= 5 ? p->w : p->h;
    uint8_t *dst = malloc((size_t)w * (size_t)h * (size_t)p->c);
    if (!dst)
        return imx_fail(IMX_E_NOMEM, "out of memory while turning an image of %dx%d", p->w, p->h);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            int32_t sx = orientation >= 5 ? y : x, sy = orientation >= 5 ? x : y;
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                sx = p->w - 1 - sx;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                sy = p->h - 1 - sy;
            memcpy(dst + ((size_t)y * (size_t)w + (size_t)x) * (size_t)p->c,
                   p->pix + ((size_t)sy * (size_t)p->w + (size_t)sx) * (size_t)p->c, (size_t)p->c);
        }
    free(p->pix);
    p->pix = dst;
    p->w = w;
    p->h = h;
    if (orientation >= 5) {
        const int32_t full = p->full_w;
        p->full_w = p->full_h;
        p->full_h = full;
    }
    return IMX_OK;
}

/* The decoder for these first bytes, NULL for none; *name says what an unreadable format is. */
static imx_picture_fn *recognise(const uint8_t *d, size_t n, const char **name)
{
    *name = NULL;
    if (n >= 3 && d[0] == 0xff && d[1] == 0xd8 && d[2] == 0xff)
        return imx_picture_jpeg;
    if (n >= 8 && !memcmp(d, "\x89PNG\r\n\x1a\n", 8))
        return imx_picture_png;
    if (n >= 3 && d[0] == 'P' && d[1] >= '1' && d[1] <= '6' &&
        (d[2] == ' ' || d[2] == '\n' || d[2] == '\r' || d[2] == '\t' || d[2] == '#'))
        return imx_picture_pnm;
    if (n >= 14 && d[0] == 'B' && d[1] == 'M' && !d[6] && !d[7] && !d[8] && !d[9])
        return imx_picture_stb;
    if (n >= 6 && !memcmp(d, "8BPS\0\1", 6))
        return imx_picture_stb;
    if (n >= 6 && !memcmp(d, "GIF8", 4))
        *name = "GIF";
    else if (n >= 12 && !memcmp(d, "RIFF", 4) && !memcmp(d + 8, "WEBP", 4))
        *name = "WebP";
    else if (n >= 4 && (!memcmp(d, "II\x2a\0", 4) || !memcmp(d, "MM\0\x2a", 4)))
        *name = "TIFF";
    else if (n >= 12 && !memcmp(d + 4, "ftyp", 4))
        *name = "HEIF or AVIF";
    else if (n >= 12 && !memcmp(d + 4, "jP  \r\n", 6))
        *name = "JPEG 2000";
    else if (n >= 132 && !memcmp(d + 128, "DICM", 4))
        *name = "DICOM";
    return NULL;
}

bool imx_picture_known(const uint8_t *head, size_t bytes)
{
    const char *name;
    return recognise(head, bytes, &name) != NULL;
}

imx_status imx_picture_decode(const uint8_t *data, size_t bytes, bool tga, const struct imx_picture_options *opt,
                              struct imx_picture *p)
{
    const struct imx_picture_options none = { 0 };
    const char *name;
    int orientation = 1;
    *p = (struct imx_picture){ 0 };
    if (!bytes)
        return imx_fail(IMX_E_DATA, "the file is empty");
    imx_picture_fn *decode = recognise(data, bytes, &name);
    if (name)
        return imx_fail(IMX_E_DATA, "%s is not read here: convert it to PNG or JPEG", name);
    if (!decode && !tga)
        return imx_fail(IMX_E_DATA, "it does not begin like any image format that is read here");
    imx_status status = (decode ? decode : imx_picture_stb)(data, bytes, opt ? opt : &none, p, &orientation);
    if (status == IMX_OK) {
        if (!p->full_w) {
            p->full_w = p->w;
            p->full_h = p->h;
        }
        status = turn(p, orientation);
    }
    if (status != IMX_OK)
        imx_picture_finish(p);
    return status;
}

void imx_picture_finish(struct imx_picture *p)
{
    free(p->pix);
    *p = (struct imx_picture){ 0 };
}
