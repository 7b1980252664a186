/* JPEG through libjpeg. Its warnings that mean lost or invented pixels are errors here; a progressive file
 * with hundreds of scans, which costs minutes, is refused. All state lives in one struct, so that longjmp
 * loses nothing. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "data/picture_parts.h"

enum { MAX_SCANS = 200 };

struct jpeg_work {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr err;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char why[JMSG_LENGTH_MAX];
    bool no_memory;
    uint8_t *row; /* one row as libjpeg delivers it */
    uint8_t *pix;
};

static void give_up(j_common_ptr cinfo)
{
    struct jpeg_work *w = cinfo->client_data;
    cinfo->err->format_message(cinfo, w->why);
    w->no_memory = cinfo->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(w->jump, 1);
}

static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    /* Harmless: stray bytes between segments, an unknown JFIF version or Adobe colour code. */
    const int code = cinfo->err->msg_code;
    const struct jpeg_work *w = cinfo->client_data;
    if (code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_ICC ||
        (code == JWRN_EXTRANEOUS_DATA && !w->pix))
        return;
    give_up(cinfo);
}

static void on_progress(j_common_ptr cinfo)
{
    struct jpeg_work *w = cinfo->client_data;
    if (cinfo->is_decompressor && ((j_decompress_ptr)cinfo)->input_scan_number > MAX_SCANS) {
        snprintf(w->why, sizeof w->why, "more than %d scans", MAX_SCANS);
        longjmp(w->jump, 1);
    }
}

static void choose_scale(struct jpeg_work *w, int32_t least)
{
    const uint32_t side = w->cinfo.image_width < w->cinfo.image_height ? w->cinfo.image_width : w->cinfo.image_height;
    w->cinfo.scale_num = 1;
    w->cinfo.scale_denom = 1;
    while (least > 0 && w->cinfo.scale_denom < 8 && side / (w->cinfo.scale_denom * 2) >= (uint32_t)least)
        w->cinfo.scale_denom *= 2;
}

/* CMYK to RGB by multiplication; Adobe files hold the inverse. */
static void from_cmyk(const uint8_t *src, bool inverted, uint8_t *dst, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t k = inverted ? src[4 * i + 3] : 255u - src[4 * i + 3];
        for (uint32_t j = 0; j < 3; j++) {
            const uint32_t v = inverted ? src[4 * i + j] : 255u - src[4 * i + j];
            dst[3 * i + j] = (uint8_t)((v * k + 127) / 255);
        }
    }
}

static int orientation_of(const struct jpeg_work *w)
{
    for (jpeg_saved_marker_ptr m = w->cinfo.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && !memcmp(m->data, "Exif\0", 6))
            return imx_picture_exif(m->data + 6, m->data_length - 6);
    return 1;
}

static imx_status decode(struct jpeg_work *w, const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                         struct imx_picture *p, int *orientation)
{
    struct jpeg_decompress_struct *c = &w->cinfo;
    jpeg_mem_src(c, data, (unsigned long)bytes);
    jpeg_save_markers(c, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(c, TRUE);
    IMX_TRY(imx_picture_plausible(c->image_width, c->image_height, bytes));
    *orientation = orientation_of(w);
    choose_scale(w, opt->least);
    const bool cmyk = c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK;
    c->out_color_space = cmyk ? JCS_CMYK : c->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    c->dct_method = JDCT_ISLOW;
    jpeg_start_decompress(c);
    const size_t out = c->output_components == 1 ? 1 : 3, stride = out * c->output_width;
    w->pix = malloc(stride * c->output_height);
    w->row = malloc((size_t)c->output_components * c->output_width);
    if (!w->pix || !w->row)
        return imx_fail(IMX_E_NOMEM, "out of memory for an image of %ux%u", c->output_width, c->output_height);
    while (c->output_scanline < c->output_height) {
        uint8_t *dst = w->pix + stride * c->output_scanline, *to = cmyk ? w->row : dst;
        if (jpeg_read_scanlines(c, &to, 1) != 1)
            return imx_fail(IMX_E_DATA, "the image data end early");
        if (cmyk)
            from_cmyk(w->row, c->saw_Adobe_marker, dst, c->output_width);
    }
    p->w = (int32_t)c->output_width;
    p->h = (int32_t)c->output_height;
    p->full_w = (int32_t)c->image_width;
    p->full_h = (int32_t)c->image_height;
    p->c = (int32_t)out;
    p->bits = c->data_precision;
    jpeg_finish_decompress(c);
    p->pix = w->pix;
    w->pix = NULL;
    return IMX_OK;
}

imx_status imx_picture_jpeg(const uint8_t *data, size_t bytes, const struct imx_picture_options *opt,
                            struct imx_picture *p, int *orientation)
{
    imx_status status;
    struct jpeg_work *w = calloc(1, sizeof *w);
    if (!w)
        return imx_fail(IMX_E_NOMEM, "out of memory for a JPEG decoder");
    w->cinfo.err = jpeg_std_error(&w->err);
    w->err.error_exit = give_up;
    w->err.emit_message = on_message;
    w->progress.progress_monitor = on_progress;
    w->cinfo.client_data = w;
    if (setjmp(w->jump)) {
        status = w->no_memory ? imx_fail(IMX_E_NOMEM, "out of memory for a JPEG")
                              : imx_fail(IMX_E_DATA, "damaged JPEG: %s", w->why);
    } else {
        jpeg_create_decompress(&w->cinfo);
        w->cinfo.progress = &w->progress;
        status = decode(w, data, bytes, opt, p, orientation);
    }
    jpeg_destroy_decompress(&w->cinfo);
    free(w->row);
    free(w->pix);
    free(w);
    return status;
}
