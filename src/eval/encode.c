/* See encode.h. */
#include "eval/encode.h"

#include <stdlib.h>
#include <string.h>

#include "nn/context.h"
#include "ops/image.h"

const char *const imx_feature_names[IMX_FEATURE_COUNT] = { "conv", "fc", "y" };

static imx_status build(struct imx_encode *e, const struct imx_encoder *encoder, bool context)
{
    struct imx_graph *g = e->g;
    const struct imx_image p = { e->batch, e->h, e->w, e->c, e->h, e->w };
    imx_graph_label(g, "data");
    e->bytes = imx_graph_keep(g, IMX_U8, (int64_t)p.n * p.h * p.w * p.c, "bytes");
    e->aug = imx_graph_keep(g, IMX_I32, (int64_t)p.n * 3, "aug");
    const imx_tid mean = imx_graph_keep(g, IMX_F32, p.c, "mean"), invstd = imx_graph_keep(g, IMX_F32, p.c, "invstd");
    const struct imx_map image = { imx_graph_temp(g, IMX_F32, (int64_t)p.n * p.h * p.w * p.c, "image"), p.n, p.h, p.w,
                                   p.c };
    imx_graph_node(g, &imx_op_image, &p, (imx_tid[]){ e->bytes, e->aug, mean, invstd, image.t });
    struct imx_build b = { .g = g, .training = false };
    struct imx_context x = { 0 };
    const struct imx_encoded out =
        context ? imx_context_encoder(&b, encoder, image, &x) : imx_encoder_build(&b, encoder, image);
    e->map[IMX_FEATURE_CONV] = out.conv;
    e->map[IMX_FEATURE_FC] = out.fc;
    e->map[IMX_FEATURE_Y] = out.y;
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        if (e->map[f].t)
            imx_graph_output(g, e->map[f].t);
    IMX_TRY(imx_graph_plan(g, 0));
    IMX_TRY(imx_encoder_range(g, mean, invstd, e->c));
    if (context)
        IMX_TRY(imx_context_start(g, &x));
    int32_t *aug = calloc((size_t)e->batch * 3, sizeof *aug);
    if (!aug)
        return imx_fail(IMX_E_NOMEM, "no memory for an encoder");
    const imx_status status = imx_graph_upload(g, e->aug, aug);
    free(aug);
    return status;
}

imx_status imx_encode_create(struct imx_dev *dev, const struct imx_encoder *encoder, bool context, int32_t batch,
                             int32_t h, int32_t w, int32_t c, uint64_t seed, struct imx_encode **out)
{
    imx_status status = IMX_OK;
    if (c < 1 || c > 16)
        return imx_fail(IMX_E_ARG, "images of %d channels are not supported", c);
    struct imx_encode *e = calloc(1, sizeof *e);
    if (!e)
        return imx_fail(IMX_E_NOMEM, "no memory for an encoder");
    *e = (struct imx_encode){ .batch = batch, .h = h, .w = w, .c = c, .encoder = encoder->name };
    IMX_GO(imx_store_create(dev, false, &e->store));
    IMX_GO(imx_graph_create(dev, e->store, &e->g));
    IMX_GO(build(e, encoder, context));
    IMX_GO(imx_store_init(e->store, seed));
    *out = e;
    return IMX_OK;
fail:
    imx_encode_destroy(e);
    return status;
}

void imx_encode_destroy(struct imx_encode *e)
{
    if (!e)
        return;
    imx_graph_destroy(e->g);
    imx_store_destroy(e->store);
    free(e);
}

int32_t imx_encode_width(const struct imx_encode *e, enum imx_feature f)
{
    return e->map[f].h * e->map[f].w * e->map[f].c;
}

imx_status imx_encode_has(const struct imx_encode *e, enum imx_feature f)
{
    if (imx_encode_width(e, f))
        return IMX_OK;
    return imx_fail(IMX_E_ARG, "encoder %s has no layer \"%s\"", e->encoder, imx_feature_names[f]);
}

/* [h,w,c] -> [c,h,w] for each image. */
static void reorder(struct imx_map m, const float *src, int64_t images, float *dst)
{
    const int64_t area = (int64_t)m.h * m.w;
    for (int64_t i = 0; i < images; i++)
        for (int64_t at = 0; at < area; at++)
            for (int64_t ch = 0; ch < m.c; ch++)
                dst[(i * m.c + ch) * area + at] = src[(i * area + at) * m.c + ch];
}

imx_status imx_encode_run(struct imx_encode *e, const uint8_t *bytes, int64_t n, float *const out[IMX_FEATURE_COUNT],
                          bool (*progress)(void *user, int64_t done), void *user)
{
    imx_status status = IMX_OK;
    const size_t image = (size_t)e->h * (size_t)e->w * (size_t)e->c;
    int64_t widest = 1;
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        if (out[f])
            IMX_TRY(imx_encode_has(e, (enum imx_feature)f));
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        widest = imx_encode_width(e, (enum imx_feature)f) > widest ? imx_encode_width(e, (enum imx_feature)f) : widest;
    uint8_t *last = calloc((size_t)e->batch, image); /* an incomplete batch is filled up with black images */
    float *raw = malloc((size_t)e->batch * (size_t)widest * sizeof *raw);
    if (!last || !raw)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to encode"));
    for (int64_t at = 0; at < n; at += e->batch) {
        const int64_t now = n - at < e->batch ? n - at : e->batch;
        const uint8_t *src = bytes + (size_t)at * image;
        if (now < e->batch)
            src = memcpy(last, src, (size_t)now * image);
        IMX_GO(imx_graph_upload(e->g, e->bytes, src));
        IMX_GO(imx_graph_run(e->g));
        for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
            if (!out[f])
                continue;
            IMX_GO(imx_graph_download(e->g, e->map[f].t, raw));
            reorder(e->map[f], raw, now, out[f] + at * imx_encode_width(e, (enum imx_feature)f));
        }
        if (progress && !progress(user, at + now))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while encoding"));
    }
fail:
    free(last);
    free(raw);
    return status;
}
