/* The encoders of the paper's tables. A new one is one more row here. See encoder.h. */
#include "nn/encoder.h"

#include <stdio.h>
#include <string.h>

#include "ops/pool2d.h"

#define CONV(o, k, s, p)                                                                                               \
    {                                                                                                                  \
        IMX_LAYER_CONV, o, k, s, p, 0, 0, false                                                                        \
    }
#define CONV_LOCAL(o, k, s, p)                                                                                         \
    {                                                                                                                  \
        IMX_LAYER_CONV, o, k, s, p, 0, 0, true                                                                         \
    }
#define CONV_POOL(o, k, s, p)                                                                                          \
    {                                                                                                                  \
        IMX_LAYER_CONV, o, k, s, p, 3, 2, false                                                                        \
    }
#define FC(o)                                                                                                          \
    {                                                                                                                  \
        IMX_LAYER_FC, o, 0, 0, 0, 0, 0, false                                                                          \
    }
#define OUT(o)                                                                                                         \
    {                                                                                                                  \
        IMX_LAYER_OUT, o, 0, 0, 0, 0, 0, false                                                                         \
    }

const struct imx_encoder imx_encoders[] = {
    /* none of the paper's: for tests and first tries, a thousandth of the work of the others */
    { "tiny16", 16, 3, { CONV(16, 4, 2, 1), CONV_LOCAL(32, 4, 2, 1), FC(64), OUT(16) } },
    { "basic28", 28, 1, { CONV(64, 5, 2, 2), CONV_LOCAL(128, 5, 2, 2), FC(1024), OUT(64) } },
    { "basic32", 32, 3, { CONV(64, 4, 2, 1), CONV_LOCAL(128, 4, 2, 1), CONV(256, 4, 2, 1), FC(1024), OUT(64) } },
    { "basic64",
      64,
      3,
      { CONV(64, 4, 2, 1), CONV(128, 4, 2, 1), CONV_LOCAL(256, 4, 2, 1), CONV(512, 4, 2, 1), FC(1024), OUT(64) } },
    { "alex64",
      64,
      3,
      { CONV_POOL(96, 3, 1, 1), CONV_POOL(192, 3, 1, 1), CONV_LOCAL(384, 3, 1, 1), CONV(384, 3, 1, 1),
        CONV_POOL(192, 3, 1, 1), FC(4096), FC(4096), OUT(64) } },
    { 0 },
};

const struct imx_encoder *imx_encoder_find(const char *name)
{
    char names[256] = "";
    for (const struct imx_encoder *e = imx_encoders; e->name; e++) {
        if (!strcmp(e->name, name))
            return e;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? ", " : "", e->name);
    }
    imx_fail(IMX_E_ARG, "no encoder \"%s\"; there are %s", name, names);
    return NULL;
}

imx_status imx_encoder_range(struct imx_graph *g, imx_tid mean, imx_tid invstd, int32_t c)
{
    float half[16], two[16];
    for (int i = 0; i < c && i < 16; i++) {
        half[i] = 0.5f;
        two[i] = 2.0f;
    }
    IMX_TRY(imx_graph_upload(g, mean, half));
    return imx_graph_upload(g, invstd, two);
}

int32_t imx_encoder_field(const struct imx_encoder *e)
{
    int32_t field = 1, jump = 1;
    for (const struct imx_layer *l = e->layer; l->kind == IMX_LAYER_CONV; l++) {
        field += (l->k - 1) * jump;
        jump *= l->stride;
        if (l->pool_k) {
            field += (l->pool_k - 1) * jump;
            jump *= l->pool_stride;
        }
        if (l->local)
            break;
    }
    return field;
}

static bool fits(struct imx_build *b, const struct imx_layer *l, struct imx_map at, const char *encoder)
{
    if (b->g->status != IMX_OK)
        return false;
    if (at.h + 2 * l->pad >= l->k && at.w + 2 * l->pad >= l->k)
        return true;
    b->g->status = imx_fail(IMX_E_ARG, "the images are too small for encoder %s: a %dx%d map meets a %dx%d kernel",
                            encoder, at.h, at.w, l->k, l->k);
    return false;
}

struct imx_encoded imx_encoder_build(struct imx_build *b, const struct imx_encoder *e, struct imx_map image)
{
    struct imx_encoded out = { .local = image, .conv = image, .fc = image, .y = image };
    struct imx_map at = image;
    int convs = 0, fcs = 0, norms = 0;
    char name[48];
    for (const struct imx_layer *l = e->layer; l->kind != IMX_LAYER_END; l++) {
        if (l->kind == IMX_LAYER_OUT) {
            out.y = imx_nn_linear(b, at, "encoder.out", l->out, true);
            break;
        }
        if (l->kind == IMX_LAYER_CONV) {
            if (!fits(b, l, at, e->name))
                return out;
            snprintf(name, sizeof name, "encoder.conv%d", ++convs);
            at = imx_nn_conv(b, at, name, l->out, l->k, l->stride, l->pad, false);
        } else {
            snprintf(name, sizeof name, "encoder.fc%d", ++fcs);
            at = imx_nn_linear(b, at, name, l->out, false);
        }
        snprintf(name, sizeof name, "encoder.bn%d", ++norms);
        at = imx_nn_batchnorm(b, at, name, true);
        if (l->pool_k)
            at = imx_nn_pool(b, at, IMX_POOL_MAX, l->pool_k, l->pool_stride, 0);
        if (l->local)
            out.local = at;
        *(l->kind == IMX_LAYER_CONV ? &out.conv : &out.fc) = at;
    }
    return out;
}
