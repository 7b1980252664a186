/* The public API of include/infomax/infomax.h: a thin layer over encode.h. */
#include "infomax/infomax.h"

#include <stdlib.h>

#include "eval/encode.h"
#include "graph/weights.h"

struct imx_features {
    struct imx_dev *dev;
    struct imx_encode *encode;
};

const char *imx_version(void)
{
    return IMX_VERSION;
}

const char *imx_last_error(void)
{
    return imx_error_text();
}

/* Whether objective cpc wrote the file. */
static imx_status has_context(const char *weights, bool *context)
{
    struct imx_safetensors *f;
    IMX_TRY(imx_safetensors_open(weights, 0, &f));
    *context = imx_safetensors_find(f, "encoder.context.weight_hh") != NULL;
    imx_safetensors_close(f);
    return IMX_OK;
}

int imx_features_open(const struct imx_features_options *o, struct imx_features **out)
{
    imx_status status = IMX_OK;
    bool context = false;
    const struct imx_encoder *encoder = o->encoder ? imx_encoder_find(o->encoder) : NULL;
    if (!encoder)
        return o->encoder ? IMX_E_ARG : imx_fail(IMX_E_ARG, "options.encoder names no architecture");
    if (!o->weights || o->height < 1 || o->width < 1 || o->batch < 0)
        return imx_fail(IMX_E_ARG, "options need weights and the size of the images");
    struct imx_features *f = calloc(1, sizeof *f);
    if (!f)
        return imx_fail(IMX_E_NOMEM, "no memory for an encoder");
    IMX_GO(imx_dev_open(o->device, &f->dev, NULL));
    IMX_GO(has_context(o->weights, &context));
    IMX_GO(imx_encode_create(f->dev, encoder, context, o->batch ? o->batch : 64, o->height, o->width, o->channels, 0,
                             &f->encode));
    IMX_GO(imx_weights_read(o->weights, f->encode->store));
    *out = f;
    return IMX_OK;
fail:
    imx_features_close(f);
    return status;
}

int32_t imx_features_width(const struct imx_features *f, enum imx_features_layer layer)
{
    return imx_encode_width(f->encode, (enum imx_feature)layer);
}

int imx_features_run(struct imx_features *f, const uint8_t *pixels, int64_t n, enum imx_features_layer layer,
                     float *out)
{
    float *to[IMX_FEATURE_COUNT] = { NULL };
    to[layer] = out;
    return imx_encode_run(f->encode, pixels, n, to, NULL, NULL);
}

void imx_features_close(struct imx_features *f)
{
    if (!f)
        return;
    imx_encode_destroy(f->encode);
    imx_dev_close(f->dev);
    free(f);
}
