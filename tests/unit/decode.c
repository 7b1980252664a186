/* Image files made here with libpng, libjpeg and by hand, then damaged: what comes back is the right pixels
 * or a reason, never half an image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "data/picture.h"
#include "data/scale.h"
#include "io/png_write.h"
#include "tap.h"

enum { W = 24, H = 16 };

static uint8_t pixel(int x, int y, int k)
{
    return (uint8_t)(k == 0 ? 10 * x : k == 1 ? 15 * y : 5 * (x + y));
}

struct file {
    uint8_t *data;
    size_t bytes, room;
};

static void put(struct file *f, const void *data, size_t n)
{
    while (f->bytes + n > f->room) {
        f->room = f->room ? 2 * f->room : 4096;
        f->data = realloc(f->data, f->room);
        if (!f->data)
            exit(1);
    }
    memcpy(f->data + f->bytes, data, n);
    f->bytes += n;
}

static void png_put(png_structp png, png_bytep data, size_t n)
{
    put(png_get_io_ptr(png), data, n);
}

/* A PNG of the given colour type; 16-bit samples are 257 times the 8-bit ones; alpha is 128 in the left half.
 */
static struct file make_png(int type, int bits, int interlace)
{
    struct file f = { 0 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    const int c = type == PNG_COLOR_TYPE_RGBA ? 4 : type == PNG_COLOR_TYPE_RGB ? 3 : type == PNG_COLOR_TYPE_GA ? 2 : 1;
    uint8_t all[H][W * 8], *row[H];
    png_color palette[256];
    png_set_write_fn(png, &f, png_put, NULL);
    png_set_IHDR(png, info, W, H, bits, type, interlace, 0, 0);
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){ (uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i / 2) };
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 256);
    for (int y = 0; y < H; y++) {
        row[y] = all[y];
        for (int x = 0; x < W; x++)
            for (int k = 0; k < c; k++) {
                const bool alpha = (c == 2 && k == 1) || k == 3;
                const uint8_t v = alpha ? (x < W / 2 ? 128 : 255) : pixel(x, y, k);
                const int at = x * c + k;
                if (bits == 16)
                    all[y][2 * at] = all[y][2 * at + 1] = v;
                else
                    all[y][at] = v;
            }
    }
    png_write_info(png, info);
    png_write_image(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return f;
}

/* A JPEG of a smooth picture; orientation 0: no EXIF. c 1, 3 or 4 (CMYK with Adobe's mark, stored inverted).
 */
static struct file make_jpeg(int c, bool progressive, int orientation, int w, int h)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr err;
    struct file f = { 0 };
    unsigned char *out = NULL;
    unsigned long bytes = 0;
    j.err = jpeg_std_error(&err);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &out, &bytes);
    j.image_width = (JDIMENSION)w;
    j.image_height = (JDIMENSION)h;
    j.input_components = c;
    j.in_color_space = c == 1 ? JCS_GRAYSCALE : c == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 98, TRUE);
    if (c == 3)
        j.comp_info[0].h_samp_factor = j.comp_info[0].v_samp_factor = 1;
    if (progressive)
        jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    if (orientation) {
        uint8_t exif[] = "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
        exif[25] = (uint8_t)orientation;
        jpeg_write_marker(&j, JPEG_APP0 + 1, exif, 32);
    }
    uint8_t *row = malloc((size_t)w * 4);
    for (int y = 0; y < h && row; y++) {
        for (int x = 0; x < w; x++)
            for (int k = 0; k < c; k++)
                row[x * c + k] = k == 3 ? 255 : pixel(x * W / w, y * H / h, k);
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    put(&f, out, bytes);
    jpeg_destroy_compress(&j);
    free(row);
    free(out);
    return f;
}

/* The largest difference from the picture that pixel() describes, 256 when the shape is wrong. */
static int worst(const struct imx_picture *p, int c, bool alpha)
{
    int most = 0;
    if (p->w != W || p->h != H || p->c != c)
        return 256;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < c; k++) {
                const int v = pixel(x, y, k), want = alpha && x < W / 2 ? (v * 128 + 127) / 255 : v;
                const int d = abs(p->pix[(y * W + x) * c + k] - want);
                most = d > most ? d : most;
            }
    return most;
}

static void good_png(void)
{
    static const struct {
        const char *name;
        int type, bits, c;
        bool alpha;
    } kind[] = {
        { "grey", PNG_COLOR_TYPE_GRAY, 8, 1, false },        { "grey 16", PNG_COLOR_TYPE_GRAY, 16, 1, false },
        { "grey alpha", PNG_COLOR_TYPE_GA, 8, 1, true },     { "grey alpha 16", PNG_COLOR_TYPE_GA, 16, 1, true },
        { "colour", PNG_COLOR_TYPE_RGB, 8, 3, false },       { "colour 16", PNG_COLOR_TYPE_RGB, 16, 3, false },
        { "colour alpha", PNG_COLOR_TYPE_RGBA, 8, 3, true }, { "colour alpha 16", PNG_COLOR_TYPE_RGBA, 16, 3, true }
    };
    struct imx_picture p;
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++)
        for (int interlace = 0; interlace < 2; interlace++) {
            struct file f = make_png(kind[i].type, kind[i].bits, interlace);
            const bool ok = imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_OK;
            tap_ok(ok && worst(&p, kind[i].c, kind[i].alpha) == 0 && p.bits == kind[i].bits, "PNG %s%s is exact",
                   kind[i].name, interlace ? ", interlaced" : "");
            imx_picture_finish(&p);
            free(f.data);
        }
    struct file f = make_png(PNG_COLOR_TYPE_PALETTE, 8, 0);
    bool ok = imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_OK && p.c == 3;
    for (int i = 0; ok && i < W * H; i++) {
        const int v = pixel(i % W, i / W, 0);
        ok = p.pix[3 * i] == v && p.pix[3 * i + 1] == 255 - v && p.pix[3 * i + 2] == v / 2;
    }
    tap_ok(ok, "PNG with a palette is exact");
    imx_picture_finish(&p);
    free(f.data);
    const struct imx_picture_options twelve = { .depth = 12 };
    f = make_png(PNG_COLOR_TYPE_GRAY, 16, 0);
    ok = imx_picture_decode(f.data, f.bytes, false, &twelve, &p) == IMX_OK && p.pix[W - 1] == 255 &&
         p.pix[1] == (uint8_t)((10 * 257 * 255 + 2047) / 4095);
    tap_ok(ok, "16-bit samples scaled as 12 bits");
    imx_picture_finish(&p);
    free(f.data);
}

static void good_jpeg(void)
{
    struct imx_picture p;
    for (int c = 1; c <= 4; c += c == 1 ? 2 : 1)
        for (int progressive = 0; progressive < 2; progressive++) {
            struct file f = make_jpeg(c, progressive, 0, W, H);
            const bool ok = imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_OK;
            const int d = ok ? worst(&p, c == 1 ? 1 : 3, false) : 256;
            tap_ok(d <= 8, "JPEG of %d components%s differs by at most 8 (%d)", c, progressive ? ", progressive" : "",
                   d);
            imx_picture_finish(&p);
            free(f.data);
        }
    int bad = 0;
    for (int o = 1; o <= 8; o++) {
        struct file f = make_jpeg(1, false, o, W, H);
        if (imx_picture_decode(f.data, f.bytes, false, NULL, &p) != IMX_OK) {
            bad++;
            free(f.data);
            continue;
        }
        bad += p.w != (o < 5 ? W : H) || p.h != (o < 5 ? H : W) || p.full_w != p.w;
        /* Where the stored picture's top left corner (dark) and its right edge (light) go. */
        static const int dark[9][2] = { { 0 },    { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 },
                                        { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 } };
        const int x = dark[o][0] ? p.w - 1 : 0, y = dark[o][1] ? p.h - 1 : 0;
        const int lx = o < 5 ? p.w - 1 - x : x, ly = o < 5 ? y : p.h - 1 - y;
        bad += p.pix[y * p.w + x] > 20 || p.pix[ly * p.w + lx] < 200;
        imx_picture_finish(&p);
        free(f.data);
    }
    tap_ok(bad == 0, "all 8 EXIF orientations are turned upright (%d wrong)", bad);
    struct file f = make_jpeg(3, false, 0, 8 * W, 8 * H);
    const struct imx_picture_options small = { .least = H };
    const bool ok = imx_picture_decode(f.data, f.bytes, false, &small, &p) == IMX_OK && p.full_w == 8 * W;
    tap_ok(ok && worst(&p, 3, false) <= 12, "a large JPEG is decoded at 1/8 and tells its full size");
    imx_picture_finish(&p);
    free(f.data);
}

/* Cuts the file at every length, and flips each byte; returns how often a decoder claimed success when cut.
 */
static void damage(const char *name, const struct file *f, bool tga)
{
    struct imx_picture p;
    int cut = 0, odd = 0;
    uint8_t *copy = malloc(f->bytes);
    if (!copy)
        exit(1);
    for (size_t n = 0; n < f->bytes; n++) {
        uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, f->data, n);
        cut += imx_picture_decode(exact, n, tga, NULL, &p) == IMX_OK;
        odd += p.pix == NULL && p.w != 0;
        imx_picture_finish(&p);
        free(exact);
    }
    for (size_t n = 0; n < f->bytes; n++)
        for (int bit = 0; bit < 8; bit += 3) {
            memcpy(copy, f->data, f->bytes);
            copy[n] ^= (uint8_t)(1 << bit);
            if (imx_picture_decode(copy, f->bytes, tga, NULL, &p) == IMX_OK)
                odd += p.w < 1 || p.h < 1 || !p.pix || (p.c != 1 && p.c != 3);
            imx_picture_finish(&p);
        }
    free(copy);
    tap_ok(cut == 0, "%s: cut at any of %zu bytes it is refused (%d were not)", name, f->bytes, cut);
    tap_ok(odd == 0, "%s: with any byte changed the answer is whole", name);
}

static struct file make_pgm(void)
{
    struct file f = { 0 };
    put(&f, "P5\n# a comment\n 24 16 \n65535\n", 29);
    for (int i = 0; i < W * H; i++) {
        const uint8_t v[2] = { pixel(i % W, i / W, 0), pixel(i % W, i / W, 0) };
        put(&f, v, 2);
    }
    return f;
}

static struct file make_tga(void)
{
    struct file f = { 0 };
    const uint8_t head[18] = { 0, 0, 2, [12] = W, [14] = H, [16] = 24, [17] = 0x20 };
    put(&f, head, sizeof head);
    for (int i = 0; i < W * H; i++)
        for (int k = 2; k >= 0; k--) {
            const uint8_t v = pixel(i % W, i / W, k);
            put(&f, &v, 1);
        }
    return f;
}

static struct file make_bmp(void)
{
    struct file f = { 0 };
    uint8_t head[54] = { 'B', 'M', [10] = 54, [14] = 40, [18] = W, [22] = H, [26] = 1, [28] = 24 };
    put(&f, head, sizeof head);
    for (int y = H - 1; y >= 0; y--)
        for (int x = 0; x < W; x++)
            for (int k = 2; k >= 0; k--) {
                const uint8_t v = pixel(x, y, k);
                put(&f, &v, 1);
            }
    return f;
}

static void others(void)
{
    struct imx_picture p;
    struct file f = make_pgm();
    bool ok = imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_OK;
    tap_ok(ok && worst(&p, 1, false) == 0 && p.bits == 16, "PGM of 16 bits is exact");
    imx_picture_finish(&p);
    damage("PGM", &f, false);
    free(f.data);
    const char plain[] = "P2 2 2 #x\n 15\n0 5\n10 15\n", bits[] = "P1\n3 1\n1 0 1\n";
    ok = imx_picture_decode((const uint8_t *)plain, sizeof plain - 1, false, NULL, &p) == IMX_OK;
    tap_ok(ok && p.pix[0] == 0 && p.pix[1] == 85 && p.pix[2] == 170 && p.pix[3] == 255, "plain PGM");
    imx_picture_finish(&p);
    ok = imx_picture_decode((const uint8_t *)bits, sizeof bits - 1, false, NULL, &p) == IMX_OK;
    tap_ok(ok && p.pix[0] == 0 && p.pix[1] == 255 && p.pix[2] == 0, "plain PBM");
    imx_picture_finish(&p);
    f = make_bmp();
    const bool stb = imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_OK;
    if (!stb && strstr(imx_error_text(), "no stb_image")) {
        tap_skip("BMP and TGA", "this build has no stb_image");
        free(f.data);
        return;
    }
    tap_ok(stb && worst(&p, 3, false) == 0, "BMP is exact");
    imx_picture_finish(&p);
    damage("BMP", &f, false);
    free(f.data);
    f = make_tga();
    ok = imx_picture_decode(f.data, f.bytes, true, NULL, &p) == IMX_OK;
    tap_ok(ok && worst(&p, 3, false) == 0, "TGA is exact");
    imx_picture_finish(&p);
    damage("TGA", &f, true);
    free(f.data);
}

static void bombs(void)
{
    struct imx_picture p;
    const uint8_t tga[18] = { 0, 0, 2, [12] = 0xff, 0x3f, 0xff, 0x0f, 32 };
    tap_ok(imx_picture_decode(tga, sizeof tga, true, NULL, &p) == IMX_E_DATA, "18 bytes of TGA: %s", imx_error_text());
    struct file f = make_png(PNG_COLOR_TYPE_GRAY, 8, 0);
    f.data[16] = 0x7f;
    tap_ok(imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_E_DATA, "PNG with a huge header: %s",
           imx_error_text());
    free(f.data);
    f = make_png(PNG_COLOR_TYPE_GRAY, 8, 0);
    f.data[f.bytes - 20] ^= 1; /* in the checksum of IDAT */
    tap_ok(imx_picture_decode(f.data, f.bytes, false, NULL, &p) == IMX_E_DATA, "PNG with a wrong checksum: %s",
           imx_error_text());
    free(f.data);
    const char pgm[] = "P5 16000 4000 255\n";
    tap_ok(imx_picture_decode((const uint8_t *)pgm, sizeof pgm - 1, false, NULL, &p) == IMX_E_DATA,
           "PGM with a huge header: %s", imx_error_text());
    const char *other[] = { "GIF89a........", "RIFF....WEBPVP8 ", "II*\0........", "nothing at all" };
    for (int i = 0; i < 4; i++)
        tap_ok(imx_picture_decode((const uint8_t *)other[i], 12, false, NULL, &p) == IMX_E_DATA, "refused: %s",
               imx_error_text());
    tap_ok(imx_picture_decode((const uint8_t *)"", 0, false, NULL, &p) == IMX_E_DATA, "refused: %s", imx_error_text());
}

static void scaling(void)
{
    enum { BIG = 64 };
    static uint8_t src[BIG * BIG * 3], dst[BIG * BIG * 3];
    bool ok = true;
    for (int i = 0; i < BIG * BIG * 3; i++)
        src[i] = (uint8_t)(i * 7);
    ok = imx_scale_square(src, BIG, BIG, 3, BIG, dst) == IMX_OK && !memcmp(src, dst, sizeof src);
    tap_ok(ok, "nothing changes at the same size");
    memset(src, 137, sizeof src);
    for (int size = 4; size <= BIG && ok; size++) {
        ok = imx_scale_square(src, BIG, 40, 3, size, dst) == IMX_OK;
        for (int i = 0; ok && i < size * size * 3; i++)
            ok = dst[i] == 137;
    }
    tap_ok(ok, "an even picture stays even at all sizes");
    for (int i = 0; i < BIG * BIG; i++)
        src[i] = (i % BIG + i / BIG) % 2 ? 255 : 0;
    ok = imx_scale_square(src, BIG, BIG, 1, 16, dst) == IMX_OK;
    for (int i = 0; ok && i < 16 * 16; i++)
        ok = dst[i] > 118 && dst[i] < 137;
    tap_ok(ok, "a fine chequer becomes grey: no aliasing");
    for (int i = 0; i < 60 * 20; i++)
        src[i] = i % 60 < 20 ? 0 : i % 60 < 40 ? 100 : 200;
    ok = imx_scale_square(src, 60, 20, 1, 10, dst) == IMX_OK;
    for (int i = 0; ok && i < 100; i++)
        ok = dst[i] == 100;
    tap_ok(ok, "the middle of a wide picture is cut out");
}

int main(void)
{
    good_png();
    good_jpeg();
    others();
    bombs();
    scaling();
    struct file f = make_png(PNG_COLOR_TYPE_RGB, 8, 1);
    damage("PNG", &f, false);
    free(f.data);
    f = make_jpeg(3, false, 6, W, H);
    damage("JPEG", &f, false);
    free(f.data);
    f = make_jpeg(3, true, 0, W, H);
    damage("progressive JPEG", &f, false);
    free(f.data);
    return tap_done();
}
