/* PNG through libpng: palette, low depths and transparency are expanded, 16 bits are kept until the white
 * level is known, transparency is laid over black. A wrong checksum of any chunk that matters, and data that
 * end early, are errors. All state lives in one struct, so that longjmp loses nothing. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture_parts.h"

struct png_work {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t bytes, at;
    char why[128];
    bool no_memory;
    uint8_t *raw; /* all rows as libpng delivers them */
    png_bytep *row;
};

static void give_up(png_structp png, png_const_charp text)
{
    struct png_work *w = png_get_error_ptr(png);
    snprintf(w->why, sizeof w->why, "%s", text);
    png_longjmp(png, 1);
}

static png_voidp take(png_structp png, png_alloc_size_t bytes)
{
    struct png_work *w = png_get_mem_ptr(png);
    void *p = malloc(bytes);
    w->no_memory = w->no_memory || !p;
    return p;
}

static void give_back(png_structp png, png_voidp p)
{
    (void)png;
    free(p);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void feed(png_structp png, png_bytep dst, size_t n)
{
    struct png_work *w = png_get_io_ptr(png);
    if (n > w->bytes - w->at)
        png_error(png, "the file ends early");
    memcpy(dst, w->data + w->at, n);
    w->at += n;
}

/* [n, sc] samples of 8 or 16 bits (big endian) -> [n, dc] bytes, over black where there is an alpha channel.
 */
static void to_bytes(const uint8_t *src, bool wide, size_t n, int sc, uint32_t white, struct imx_picture *p)
{
    const int dc = p->c;
    for (size_t i = 0; i < n; i++) {
        uint32_t v[4];
        for (int k = 0; k < sc; k++) {
            const size_t at = i * (size_t)sc + (size_t)k;
            v[k] = wide ? (uint32_t)src[2 * at] << 8 | src[2 * at + 1] : src[at];
            if (wide && k < dc && v[k] > p->most)
                p->most = (uint16_t)v[k];
        }
        for (int k = 0; k < dc; k++) {
            uint32_t b = wide ? imx_picture_level(v[k], white) : v[k];
            if (sc > dc) {
                const uint32_t alpha = wide ? imx_picture_level(v[dc], 65535) : v[dc];
                b = (b * alpha + 127) / 255;
            }
            p->pix[i * (size_t)dc + (size_t)k] = (uint8_t)b;
        }
    }
}

static imx_status decode(struct png_work *w, const struct imx_picture_options *opt, struct imx_picture *p,
                         int *orientation)
{
    png_uint_32 exif_bytes = 0;
    png_bytep exif = NULL;
    png_set_user_limits(w->png, IMX_PICTURE_SIDE, IMX_PICTURE_SIDE);
    png_set_chunk_cache_max(w->png, 128);
    png_set_chunk_malloc_max(w->png, 8u << 20);
    png_set_read_fn(w->png, w, feed);
    png_read_info(w->png, w->info);
    const uint32_t width = png_get_image_width(w->png, w->info), height = png_get_image_height(w->png, w->info);
    IMX_TRY(imx_picture_plausible(width, height, w->bytes));
    const int bits = png_get_bit_depth(w->png, w->info);
    const bool palette = png_get_color_type(w->png, w->info) == PNG_COLOR_TYPE_PALETTE;
    png_set_expand(w->png);
    png_set_interlace_handling(w->png);
    png_read_update_info(w->png, w->info);
    const int sc = png_get_channels(w->png, w->info);
    const bool wide = png_get_bit_depth(w->png, w->info) == 16;
    const size_t stride = png_get_rowbytes(w->png, w->info);
    if (sc < 1 || sc > 4 || stride != (size_t)width * (size_t)sc * (wide ? 2 : 1))
        return imx_fail(IMX_E_DATA, "a PNG with %d channels is not read here", sc);
    p->w = (int32_t)width;
    p->h = (int32_t)height;
    p->c = sc >= 3 ? 3 : 1;
    p->bits = palette ? 8 : bits;
    w->raw = malloc(stride * height);
    w->row = malloc(height * sizeof *w->row);
    p->pix = malloc((size_t)width * height * (size_t)p->c);
    if (!w->raw || !w->row || !p->pix)
        return imx_fail(IMX_E_NOMEM, "out of memory for an image of %ux%u", width, height);
    for (uint32_t y = 0; y < height; y++)
        w->row[y] = w->raw + y * stride;
    png_read_image(w->png, w->row);
    png_read_end(w->png, w->info);
    if (png_get_eXIf_1(w->png, w->info, &exif_bytes, &exif))
        *orientation = imx_picture_exif(exif, exif_bytes);
    to_bytes(w->raw, wide, (size_t)width * height, sc, imx_picture_white(opt, 65535), p);
    return IMX_OK;
}

imx_status imx_picture_png(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                           struct imx_picture *p, int *orientation)
{
    imx_status status;
    struct png_work *w = calloc(1, sizeof *w);
    if (!w)
        return imx_fail(IMX_E_NOMEM, "out of memory for a PNG decoder");
    w->data = data;
    w->bytes = bytes;
    w->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, w, give_up, ignore, w, take, give_back);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    if (!w->info)
        status = imx_fail(IMX_E_NOMEM, "out of memory for a PNG decoder");
    else if (setjmp(png_jmpbuf(w->png)))
        status = w->no_memory ? imx_fail(IMX_E_NOMEM, "out of memory for a PNG")
                              : imx_fail(IMX_E_DATA, "damaged PNG: %s", w->why);
    else
        status = decode(w, opt, p, orientation);
    png_destroy_read_struct(&w->png, &w->info, NULL);
    free(w->raw);
    free(w->row);
    free(w);
    return status;
}
