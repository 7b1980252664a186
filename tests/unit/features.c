/* The public API: what it returns is what the encoder underneath computes, and its failures are told. */
#include "infomax/infomax.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/encode.h"
#include "graph/weights.h"
#include "tap.h"

enum { N = 3, SIDE = 12, BATCH = 2 };

static void same_features(struct imx_encode *e, const struct imx_features_options *o, const uint8_t *pixels)
{
    static const enum imx_features_layer layer[] = { IMX_FEATURES_CONV, IMX_FEATURES_FC, IMX_FEATURES_Y };
    struct imx_features *f = NULL;
    if (!tap_ok(imx_features_open(o, &f) == 0, "an encoder opens from its file %s", imx_last_error()))
        return;
    for (int k = 0; k < 3; k++) {
        const int32_t width = imx_encode_width(e, (enum imx_feature)k);
        float *want = calloc((size_t)width * N, sizeof *want), *got = calloc((size_t)width * N, sizeof *got);
        float *to[IMX_FEATURE_COUNT] = { NULL };
        to[k] = want;
        tap_ok(imx_features_width(f, layer[k]) == width, "layer %s has %d values", imx_feature_names[k], width);
        tap_ok(imx_encode_run(e, pixels, N, to, NULL, NULL) == IMX_OK &&
                   imx_features_run(f, pixels, N, layer[k], got) == 0 &&
                   !memcmp(want, got, (size_t)width * N * sizeof *want),
               "layer %s: the same bits", imx_feature_names[k]);
        free(want);
        free(got);
    }
    imx_features_close(f);
}

int main(void)
{
    char path[] = "/tmp/imx-features-XXXXXX";
    uint8_t pixels[N * SIDE * SIDE];
    struct imx_dev *dev = NULL;
    struct imx_encode *e = NULL;
    struct imx_features *f = NULL;
    struct imx_features_options o = { .weights = path,
                                      .encoder = "basic28",
                                      .device = "host",
                                      .height = SIDE,
                                      .width = SIDE,
                                      .channels = 1,
                                      .batch = BATCH };
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37);
    const int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    if (tap_ok(imx_dev_open("host", &dev, NULL) == IMX_OK &&
                   imx_encode_create(dev, imx_encoder_find("basic28"), false, BATCH, SIDE, SIDE, 1, 5, &e) == IMX_OK &&
                   imx_weights_save(path, e->store, "encoder.", false, NULL, 0) == IMX_OK,
               "weights are written %s", imx_error_text()))
        same_features(e, &o, pixels);
    o.height = o.width = 28;
    tap_ok(imx_features_open(&o, &f) != 0 && strstr(imx_last_error(), "shape"), "another image size is refused: %s",
           imx_last_error());
    o.encoder = "resnet";
    tap_ok(imx_features_open(&o, &f) != 0 && strstr(imx_last_error(), "basic32"), "an unknown encoder: %s",
           imx_last_error());
    o.encoder = "basic28";
    o.weights = "/nonexistent";
    tap_ok(imx_features_open(&o, &f) != 0, "a missing file: %s", imx_last_error());
    imx_encode_destroy(e);
    imx_dev_close(dev);
    unlink(path);
    return tap_done();
}
