/* See rebuilt.h. */
#include "eval/rebuilt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/adjust.h"
#include "graph/weights.h"
#include "io/png_write.h"

enum { COLUMNS = 8, SHOWN = 2 * COLUMNS, SEEN_SIDE = 64, GAP = 3, BAND = 12, PAPER = 255 };

struct network {
    struct imx_store *store;
    struct imx_graph *g;
    imx_tid bytes;
    struct imx_map out;
};

static imx_status build(struct network *net, const struct imx_rebuilder *r, int32_t n)
{
    struct imx_graph *g = net->g;
    struct imx_build b = { .g = g, .training = false };
    imx_graph_label(g, "data");
    const struct imx_fit_image in = imx_fit_image(g, n, r->h, r->w, r->c);
    net->bytes = in.bytes;
    const struct imx_encoded code = imx_encoder_build(&b, r->encoder, in.map);
    net->out = imx_decoder_build(&b, r->decoder, code.y, r->h, r->w, r->c);
    imx_graph_output(g, net->out.t);
    IMX_TRY(imx_graph_plan(g, 0));
    return imx_fit_image_ready(g, &in);
}

/* [-1, 1] to 0 .. 255; NaN to 0. */
static uint8_t byte_of(float v)
{
    const float x = (v + 1.0f) * 127.5f + 0.5f;
    return x >= 255.0f ? 255 : x >= 0.0f ? (uint8_t)x : 0;
}

imx_status imx_rebuild(struct imx_dev *dev, const struct imx_rebuilder *r, const uint8_t *bytes, int32_t n,
                       uint8_t *dst)
{
    imx_status status = IMX_OK;
    struct network net = { 0 };
    const size_t count = (size_t)n * (size_t)r->h * (size_t)r->w * (size_t)r->c;
    float *values = malloc(count * sizeof *values);
    if (!values)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to rebuild images"));
    IMX_GO(imx_store_create(dev, false, &net.store));
    IMX_GO(imx_graph_create(dev, net.store, &net.g));
    IMX_GO(build(&net, r, n));
    IMX_GO(imx_weights_read(r->weights, net.store));
    IMX_GO(imx_graph_upload(net.g, net.bytes, bytes));
    IMX_GO(imx_graph_run(net.g));
    IMX_GO(imx_graph_download(net.g, net.out.t, values));
    for (size_t i = 0; i < count; i++)
        dst[i] = byte_of(values[i]);
fail:
    imx_graph_destroy(net.g);
    imx_store_destroy(net.store);
    free(values);
    return status;
}

/* ---- the sheet ---- */

struct sheet {
    int32_t w, h, c, zoom;
    uint8_t *pix; /* [h, w, c] */
};

/* Channels of a picture file are 1 or 3: of two, four and more the first alone. */
static void put(struct sheet *s, const struct imx_rebuilder *r, const uint8_t *image, int32_t x0, int32_t y0)
{
    for (int32_t y = 0; y < r->h * s->zoom; y++)
        for (int32_t x = 0; x < r->w * s->zoom; x++)
            memcpy(s->pix + ((size_t)(y0 + y) * (size_t)s->w + (size_t)(x0 + x)) * (size_t)s->c,
                   image + ((size_t)(y / s->zoom) * (size_t)r->w + (size_t)(x / s->zoom)) * (size_t)r->c, (size_t)s->c);
}

static imx_status draw(const struct imx_rebuilder *r, const uint8_t *original, const uint8_t *rebuilt, int32_t n,
                       const char *path)
{
    const int32_t columns = n < COLUMNS ? n : COLUMNS, bands = (n + COLUMNS - 1) / COLUMNS;
    const int32_t side = r->h > r->w ? r->h : r->w, zoom = side < SEEN_SIDE ? SEEN_SIDE / side : 1;
    const int32_t across = r->w * zoom + GAP, down = r->h * zoom + GAP;
    struct sheet s = { GAP + columns * across, bands * (2 * down + BAND) - BAND + GAP, r->c == 3 ? 3 : 1, zoom, NULL };
    const size_t bytes = (size_t)s.w * (size_t)s.h * (size_t)s.c, one = (size_t)r->h * (size_t)r->w * (size_t)r->c;
    s.pix = malloc(bytes);
    if (!s.pix)
        return imx_fail(IMX_E_NOMEM, "no memory for a sheet of %dx%d pixels", s.w, s.h);
    memset(s.pix, PAPER, bytes);
    for (int32_t i = 0; i < n; i++) {
        const int32_t x = GAP + i % COLUMNS * across, y = GAP + i / COLUMNS * (2 * down + BAND);
        put(&s, r, original + (size_t)i * one, x, y);
        put(&s, r, rebuilt + (size_t)i * one, x, y + down);
    }
    const imx_status status = imx_png_write(path, s.w, s.h, s.c, s.pix);
    free(s.pix);
    return status;
}

imx_status imx_rebuilt_sheet(struct imx_dev *dev, const struct imx_rebuilder *r, const uint8_t *pix, int32_t n,
                             const char *path)
{
    imx_status status = IMX_OK;
    const int32_t shown = n < SHOWN ? n : SHOWN;
    const size_t one = (size_t)r->h * (size_t)r->w * (size_t)r->c;
    uint8_t *original = malloc((size_t)shown * one), *rebuilt = malloc((size_t)shown * one);
    if (!original || !rebuilt)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a sheet of images"));
    for (int32_t i = 0; i < shown; i++)
        memcpy(original + (size_t)i * one, pix + (size_t)((int64_t)i * n / shown) * one, one);
    IMX_GO(imx_rebuild(dev, r, original, shown, rebuilt));
    IMX_GO(draw(r, original, rebuilt, shown, path));
fail:
    free(original);
    free(rebuilt);
    return status == IMX_OK ? IMX_OK : imx_note(status, "the sheet of reconstructions");
}
