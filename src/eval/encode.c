/* See encode.h. */
#include "eval/encode.h"

#include <stdlib.h>
#include <string.h>

static imx_status build(struct imx_encode *e, const struct imx_encoder *encoder, bool context,
                        const struct imx_head *head)
{
    struct imx_graph *g = e->g;
    struct imx_build b = { .g = g, .training = false };
    struct imx_context x = { 0 };
    imx_graph_label(g, "data");
    e->in = imx_fit_image(g, e->in.n, e->in.h, e->in.w, e->in.c);
    if (head) {
        e->logits = imx_classifier_build(&b, encoder, head, e->in.map, &x);
        imx_graph_output(g, e->logits.t);
    } else {
        const struct imx_encoded out =
            context ? imx_context_encoder(&b, encoder, e->in.map, &x) : imx_encoder_build(&b, encoder, e->in.map);
        for (int f = 0; f < IMX_FEATURE_COUNT; f++)
            e->map[f] = imx_encoded_feature(&out, (enum imx_feature)f);
    }
    for (int f = 0; f < IMX_FEATURE_COUNT; f++)
        if (e->map[f].t)
            imx_graph_output(g, e->map[f].t);
    IMX_TRY(imx_graph_plan(g, 0));
    IMX_TRY(imx_fit_image_ready(g, &e->in));
    return imx_context_start(g, &x);
}

static imx_status create(struct imx_dev *dev, struct imx_store *store, const struct imx_encoder *encoder, bool context,
                         const struct imx_head *head, struct imx_fit_image in, struct imx_encode **out)
{
    imx_status status = IMX_OK;
    if (in.c < 1 || in.c > 16)
        return imx_fail(IMX_E_ARG, "images of %d channels are not supported", in.c);
    struct imx_encode *e = calloc(1, sizeof *e);
    if (!e)
        return imx_fail(IMX_E_NOMEM, "no memory for an encoder");
    *e = (struct imx_encode){ .store = store, .borrowed = store != NULL, .in = in, .encoder = encoder->name };
    if (!store)
        IMX_GO(imx_store_create(dev, false, &e->store));
    IMX_GO(imx_graph_create(dev, e->store, &e->g));
    IMX_GO(build(e, encoder, context, head));
    *out = e;
    return IMX_OK;
fail:
    imx_encode_destroy(e);
    return status;
}

imx_status imx_encode_create(struct imx_dev *dev, const struct imx_encoder *encoder, bool context, int32_t batch,
                             int32_t h, int32_t w, int32_t c, uint64_t seed, struct imx_encode **out)
{
    struct imx_encode *e = NULL;
    const struct imx_fit_image in = { .n = batch, .h = h, .w = w, .c = c };
    IMX_TRY(create(dev, NULL, encoder, context, NULL, in, &e));
    const imx_status status = imx_store_init(e->store, seed);
    if (status == IMX_OK)
        *out = e;
    else
        imx_encode_destroy(e);
    return status;
}

imx_status imx_encode_classifier(struct imx_store *store, const struct imx_encoder *encoder,
                                 const struct imx_head *head, int32_t batch, int32_t h, int32_t w, int32_t c,
                                 struct imx_encode **out)
{
    return create(store->dev, store, encoder, head->context, head,
                  (struct imx_fit_image){ .n = batch, .h = h, .w = w, .c = c }, out);
}

void imx_encode_destroy(struct imx_encode *e)
{
    if (!e)
        return;
    imx_graph_destroy(e->g);
    if (!e->borrowed)
        imx_store_destroy(e->store);
    free(e);
}

static int32_t width_of(struct imx_map m)
{
    return m.h * m.w * m.c;
}

int32_t imx_encode_width(const struct imx_encode *e, enum imx_feature f)
{
    return width_of(e->map[f]);
}

imx_status imx_encode_has(const struct imx_encode *e, enum imx_feature f)
{
    return imx_encode_width(e, f) ? IMX_OK : imx_encoder_lacks(e->encoder, f);
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

/* What is wanted of a run of the network: map [n, h, w, c] into out. */
struct want {
    struct imx_map map;
    float *out;
};

static imx_status run(struct imx_encode *e, const uint8_t *bytes, int64_t n, const struct want *want, int wants,
                      bool (*progress)(void *user, int64_t done), void *user)
{
    imx_status status = IMX_OK;
    const int32_t batch = e->in.n;
    const size_t image = (size_t)e->in.h * (size_t)e->in.w * (size_t)e->in.c;
    int64_t widest = 1;
    for (int i = 0; i < wants; i++)
        widest = width_of(want[i].map) > widest ? width_of(want[i].map) : widest;
    uint8_t *last = calloc((size_t)batch, image); /* an incomplete batch is filled up with black images */
    float *raw = malloc((size_t)batch * (size_t)widest * sizeof *raw);
    if (!last || !raw)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to encode"));
    for (int64_t at = 0; at < n; at += batch) {
        const int64_t now = n - at < batch ? n - at : batch;
        const uint8_t *src = bytes + (size_t)at * image;
        if (now < batch)
            src = memcpy(last, src, (size_t)now * image);
        IMX_GO(imx_graph_upload(e->g, e->in.bytes, src));
        IMX_GO(imx_graph_run(e->g));
        for (int i = 0; i < wants; i++) {
            IMX_GO(imx_graph_download(e->g, want[i].map.t, raw));
            reorder(want[i].map, raw, now, want[i].out + at * width_of(want[i].map));
        }
        if (progress && !progress(user, at + now))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while encoding"));
    }
fail:
    free(last);
    free(raw);
    return status;
}

imx_status imx_encode_run(struct imx_encode *e, const uint8_t *bytes, int64_t n, float *const out[IMX_FEATURE_COUNT],
                          bool (*progress)(void *user, int64_t done), void *user)
{
    struct want want[IMX_FEATURE_COUNT];
    int wants = 0;
    for (int f = 0; f < IMX_FEATURE_COUNT; f++) {
        if (!out[f])
            continue;
        IMX_TRY(imx_encode_has(e, (enum imx_feature)f));
        want[wants++] = (struct want){ e->map[f], out[f] };
    }
    return run(e, bytes, n, want, wants, progress, user);
}

imx_status imx_encode_logits(struct imx_encode *e, const uint8_t *bytes, int64_t n, float *logits,
                             bool (*progress)(void *user, int64_t done), void *user)
{
    const struct want want = { e->logits, logits };
    return run(e, bytes, n, &want, 1, progress, user);
}
