/* The mirror images of the encoders. The row of side 32 is the published one; the others continue its pattern
 * (uncertain there). A new one is one more row here. See decoder.h. */
#include "nn/decoder.h"

#include <stdio.h>
#include <string.h>

#include "ops/act.h"

const struct imx_decoder imx_decoders[] = {
    { "tiny16", 16, 32, { 16, 16 } },
    { "basic28", 28, 128, { 64, 64 } },
    { "basic32", 32, 256, { 128, 64, 64 } },
    { "basic64", 64, 512, { 256, 128, 64, 64 } },
    { 0 },
};

const struct imx_decoder *imx_decoder_find(const char *name, const struct imx_encoder *e, int32_t side)
{
    const bool automatic = !strcmp(name, "auto");
    char names[256] = "auto";
    for (const struct imx_decoder *d = imx_decoders; d->name; d++) {
        if (!strcmp(d->name, automatic ? e->name : name))
            return d;
        snprintf(names + strlen(names), sizeof names - strlen(names), ", %s", d->name);
    }
    if (automatic)
        return &imx_decoders[side < 32 ? 1 : side < 64 ? 2 : 3];
    imx_fail(IMX_E_ARG, "no decoder \"%s\"; there are %s", name, names);
    return NULL;
}

/* Sides of the map before and behind each step up, from the image backwards. */
static int plan(struct imx_build *b, const struct imx_decoder *d, int32_t h, int32_t w, int32_t side[][2])
{
    int ups = 0;
    while (ups < IMX_DECODER_UPS && d->up[ups])
        ups++;
    side[ups][0] = h;
    side[ups][1] = w;
    for (int i = ups; i > 0; i--) {
        side[i - 1][0] = side[i][0] / 2;
        side[i - 1][1] = side[i][1] / 2;
        if (side[i][0] % 2 != side[i][1] % 2 || !side[i - 1][0] || !side[i - 1][1]) {
            b->g->status = imx_fail(IMX_E_ARG, "decoder %s makes no images of %dx%d pixels", d->name, w, h);
            return 0;
        }
    }
    return ups;
}

struct imx_map imx_decoder_build(struct imx_build *b, const struct imx_decoder *d, struct imx_map code, int32_t h,
                                 int32_t w, int32_t c)
{
    int32_t side[IMX_DECODER_UPS + 1][2];
    char name[48];
    if (b->g->status == IMX_OK && (code.h != 1 || code.w != 1))
        b->g->status =
            imx_fail(IMX_E_ARG, "a decoder wants one code for each image, the encoder makes %d", code.h * code.w);
    if (b->g->status != IMX_OK)
        return code;
    const int ups = plan(b, d, h, w, side);
    if (b->g->status != IMX_OK)
        return code;
    struct imx_map at = imx_nn_unflatten(b, code, "decoder.fc1", side[0][0], side[0][1], d->start);
    at = imx_nn_batchnorm(b, at, "decoder.bn1", true);
    for (int i = 0; i < ups; i++) {
        snprintf(name, sizeof name, "decoder.up%d", i + 1);
        at = imx_nn_conv_transposed(b, at, name, d->up[i], 4, 2, 1, side[i + 1][0] % 2, false);
        snprintf(name, sizeof name, "decoder.bn%d", i + 2);
        at = imx_nn_batchnorm(b, at, name, true);
    }
    at = imx_nn_conv(b, at, "decoder.out", c, 3, 1, 1, false);
    return imx_nn_act(b, at, IMX_ACT_TANH, 0);
}
