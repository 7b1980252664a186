/* BMP, TGA and PSD through stb_image, inside a fence: stb_image takes what is missing at the end of a file
 * for zeros and trusts the sizes in the header, so here the file is first walked to see that it holds every
 * pixel, and its allocations come out of a budget per image. Only these three formats are compiled in. */
#include <stdlib.h>
#include <string.h>

#include "data/picture_parts.h"

#if defined(__has_include)
    #if __has_include(<stb/stb_image.h>)
        #define HAVE_STB 1
    #endif
#endif

#ifdef HAVE_STB

static _Thread_local size_t budget; /* bytes that this image may still allocate */

static void *fenced_malloc(size_t n)
{
    if (n > budget)
        return NULL;
    budget -= n;
    return malloc(n);
}

/* Looked at only at the end of the file, hence outside push and pop: most of stb_image is unused here. */
    #pragma GCC diagnostic ignored "-Wunused-function"
    #pragma GCC diagnostic push
    #pragma GCC diagnostic ignored "-Wunused-parameter"
    #pragma GCC diagnostic ignored "-Wunused-but-set-variable"
    #pragma GCC diagnostic ignored "-Wsign-compare"
    #pragma GCC diagnostic ignored "-Wshadow"
    #pragma GCC diagnostic ignored "-Wmissing-prototypes"
    #pragma GCC diagnostic ignored "-Wdouble-promotion"
    #pragma GCC diagnostic ignored "-Wundef"
    #pragma GCC diagnostic ignored "-Wcast-qual"
    #define STB_IMAGE_IMPLEMENTATION
    #define STB_IMAGE_STATIC
    #define STBI_NO_STDIO
    #define STBI_NO_HDR
    #define STBI_NO_LINEAR
    #define STBI_ONLY_BMP
    #define STBI_ONLY_TGA
    #define STBI_ONLY_PSD
    #define STBI_MAX_DIMENSIONS IMX_PICTURE_SIDE
    #define STBI_MALLOC(n)      fenced_malloc(n)
    #define STBI_REALLOC(p, n)  ((void)(p), (void)(n), NULL) /* none of the three formats grows a block */
    #define STBI_FREE(p)        free(p)
    #define STBI_ASSERT(x)      ((void)0)
    #include <stb/stb_image.h>
    #pragma GCC diagnostic pop

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p + 2) << 16 | le16(p);
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static imx_status ends_early(const char *format)
{
    return imx_fail(IMX_E_DATA, "damaged %s: the file ends before its last pixel", format);
}

static imx_status check_bmp(const uint8_t *d, size_t n, uint64_t *area)
{
    const uint32_t head = n >= 26 ? le32(d + 14) : 0;
    if (head != 12 && (head < 40 || head > 124 || n < 54))
        return imx_fail(IMX_E_DATA, "damaged BMP: its header is not whole");
    const int64_t h = head == 12 ? (int64_t)le16(d + 20) : (int64_t)(int32_t)le32(d + 22);
    const uint64_t w = head == 12 ? le16(d + 18) : le32(d + 18), rows = (uint64_t)(h < 0 ? -h : h);
    const uint32_t bits = head == 12 ? le16(d + 24) : le16(d + 28), packing = head == 12 ? 0 : le32(d + 30);
    if (packing != 0 && packing != 3)
        return imx_fail(IMX_E_DATA, "a compressed BMP is not read here: convert it to PNG");
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
        return imx_fail(IMX_E_DATA, "a BMP of %u bits per pixel is not read here", bits);
    IMX_TRY(imx_picture_plausible(w, rows, n));
    const uint64_t stride = (w * bits + 31) / 32 * 4, from = le32(d + 10);
    *area = w * rows;
    return from > n || stride * rows > n - from ? ends_early("BMP") : IMX_OK;
}

/* Walks run-length packets of `unit` bytes; false when they end before `pixels`. */
static bool walk_tga(const uint8_t *d, size_t n, uint64_t pixels, uint32_t unit)
{
    size_t at = 0;
    while (pixels) {
        if (at >= n)
            return false;
        const uint32_t run = (d[at] & 127u) + 1u;
        at += 1 + (size_t)(d[at] & 128 ? unit : unit * run);
        pixels -= run < pixels ? run : pixels;
    }
    return at <= n;
}

static imx_status check_tga(const uint8_t *d, size_t n, uint64_t *area)
{
    if (n < 18)
        return imx_fail(IMX_E_DATA, "damaged TGA: its header is not whole");
    const uint32_t type = d[2] & 7u, bits = d[16], map = d[1] ? le16(d + 5) * ((d[7] + 7u) / 8u) : 0;
    if ((d[2] & ~11u) || type < 1 || type > 3 || d[1] > 1 || (type == 1) != (d[1] == 1))
        return imx_fail(IMX_E_DATA, "it is not a TGA image");
    if (bits != 8 && bits != 15 && bits != 16 && bits != 24 && bits != 32)
        return imx_fail(IMX_E_DATA, "a TGA of %u bits per pixel is not read here", bits);
    *area = (uint64_t)le16(d + 12) * le16(d + 14);
    IMX_TRY(imx_picture_plausible(le16(d + 12), le16(d + 14), n));
    const size_t from = 18u + d[0] + map;
    const uint32_t unit = (bits + 7) / 8;
    if (from > n || (d[2] & 8 ? !walk_tga(d + from, n - from, *area, unit) : *area * unit > n - from))
        return ends_early("TGA");
    return IMX_OK;
}

/* Walks PackBits data of one plane; NULL when it ends before `pixels`. */
static const uint8_t *walk_psd(const uint8_t *at, const uint8_t *end, uint64_t pixels)
{
    while (pixels) {
        if (at >= end)
            return NULL;
        const uint32_t code = *at++;
        const uint64_t run = code < 128 ? code + 1 : code == 128 ? 0 : 257 - code;
        const size_t data = code < 128 ? code + 1 : code == 128 ? 0 : 1;
        if (run > pixels || data > (size_t)(end - at))
            return NULL;
        at += data;
        pixels -= run;
    }
    return at;
}

static imx_status check_psd(const uint8_t *d, size_t n, uint64_t *area)
{
    size_t at = 26;
    if (n < 40)
        return imx_fail(IMX_E_DATA, "damaged PSD: its header is not whole");
    const uint32_t planes = be16(d + 12), bits = be16(d + 22);
    if (planes < 3 || planes > 16 || (bits != 8 && bits != 16) || be16(d + 24) != 3)
        return imx_fail(IMX_E_DATA, "a PSD that is not RGB of 8 or 16 bits is not read here");
    IMX_TRY(imx_picture_plausible(be32(d + 18), be32(d + 14), n));
    *area = (uint64_t)be32(d + 18) * be32(d + 14);
    for (int part = 0; part < 3; part++) {
        if (n - at < 4 || be32(d + at) > n - at - 4)
            return ends_early("PSD");
        at += 4 + be32(d + at);
    }
    if (n - at < 2)
        return ends_early("PSD");
    const uint32_t packing = be16(d + at);
    at += 2;
    const uint32_t used = planes < 4 ? planes : 4;
    if (packing == 0)
        return *area * used * (bits / 8) > n - at ? ends_early("PSD") : IMX_OK;
    if (packing != 1 || bits != 8)
        return imx_fail(IMX_E_DATA, "a PSD packed in this way is not read here");
    if ((uint64_t)be32(d + 14) * planes * 2 > n - at)
        return ends_early("PSD");
    const uint8_t *p = d + at + (size_t)be32(d + 14) * planes * 2;
    for (uint32_t i = 0; p && i < used; i++)
        p = walk_psd(p, d + n, *area);
    return p ? IMX_OK : ends_early("PSD");
}

imx_status imx_picture_stb(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                           struct imx_picture *p, int *orientation)
{
    int w = 0, h = 0, sc = 0;
    uint64_t area = 0;
    const bool bmp = bytes >= 2 && data[0] == 'B' && data[1] == 'M', psd = bytes >= 4 && !memcmp(data, "8BPS", 4);
    (void)opt;
    (void)orientation;
    IMX_TRY((bmp ? check_bmp : psd ? check_psd : check_tga)(data, bytes, &area));
    budget = (size_t)area * 16 + ((size_t)1 << 20);
    stbi_uc *raw = stbi_load_from_memory(data, (int)bytes, &w, &h, &sc, 0);
    if (!raw || (uint64_t)w * (uint64_t)h != area || sc < 1 || sc > 4) {
        free(raw);
        return imx_fail(IMX_E_DATA, "damaged %s: %s",
                        bmp   ? "BMP"
                        : psd ? "PSD"
                              : "TGA",
                        stbi_failure_reason() ? stbi_failure_reason() : "its size is unclear");
    }
    p->w = w;
    p->h = h;
    p->c = sc >= 3 ? 3 : 1;
    p->bits = 8;
    p->pix = raw;
    if (sc == 2 || sc == 4) /* over black, in place */
        for (size_t i = 0; i < (size_t)area; i++)
            for (int k = 0; k < p->c; k++)
                raw[i * (size_t)p->c + (size_t)k] =
                    (uint8_t)((raw[i * (size_t)sc + (size_t)k] * raw[i * (size_t)sc + (size_t)sc - 1] + 127) / 255);
    return IMX_OK;
}

#else

imx_status imx_picture_stb(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                           struct imx_picture *p, int *orientation)
{
    (void)data;
    (void)bytes;
    (void)opt;
    (void)p;
    (void)orientation;
    return imx_fail(IMX_E_DATA, "this build has no stb_image and cannot read BMP, TGA or PSD: convert it to PNG");
}

#endif
