/* infomax for other programs: features of images from a trained encoder, on any OpenCL device or on the host.
 *
 * Do this:
 *     struct imx_features *f;
 *     struct imx_features_options o = { .weights = "runs/photos/encoder.safetensors", .encoder = "basic64",
 *                                       .height = 64, .width = 64, .channels = 3 };
 *     if (imx_features_open(&o, &f) != 0)
 *         fprintf(stderr, "%s\n", imx_last_error());
 *     float *y = malloc(n * imx_features_width(f, IMX_FEATURES_Y) * sizeof *y);
 *     imx_features_run(f, pixels, n, IMX_FEATURES_Y, y);
 *     imx_features_close(f);
 *
 * Every function that can fail returns 0 or a negative number, with a sentence in imx_last_error(). The library never
 * prints and never exits. One thread uses a handle at a time. */
#ifndef INFOMAX_INFOMAX_H
#define INFOMAX_INFOMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMX_API __attribute__((visibility("default")))

/* "0.1.0"; a static string. */
IMX_API const char *imx_version(void);

/* The sentence of the last failure in this thread, "" when there was none. Borrowed until the next failure. */
IMX_API const char *imx_last_error(void);

/* The layers that a trained encoder offers (Hjelm et al. 2019, section 4.1). */
enum imx_features_layer {
    IMX_FEATURES_CONV, /* the last convolution's output, flattened c,h,w; of fold-... encoders the map of the crops */
    IMX_FEATURES_FC,   /* the last hidden layer; the fold-multi-... encoders have none: width 0, and running it fails */
    IMX_FEATURES_Y     /* the output: 64 values; of the fold-multi-... encoders all globals, flattened c,h,w */
};

/* Zero means default. */
struct imx_features_options {
    const char *weights; /* encoder.safetensors of a run */
    const char *encoder; /* its architecture, as `infomax train --encoder` names it: "basic32", "alex64" ... */
    const char *device;  /* NULL: the fastest; else "host", "cpu", "gpu", "P:D" or part of a name */
    int32_t height, width, channels; /* of the images, as in training */
    int32_t batch;                   /* images at a time; default 64 */
};

struct imx_features;

/* Opens device and encoder. The caller owns *out: imx_features_close. */
IMX_API int imx_features_open(const struct imx_features_options *options, struct imx_features **out);

/* Values per image of a layer. */
IMX_API int32_t imx_features_width(const struct imx_features *f, enum imx_features_layer layer);

/* pixels: uint8 [n, height, width, channels]; out: [n, imx_features_width(f, layer)]. Any n. */
IMX_API int imx_features_run(struct imx_features *f, const uint8_t *pixels, int64_t n, enum imx_features_layer layer,
                             float *out);

/* NULL is fine. */
IMX_API void imx_features_close(struct imx_features *f);

#ifdef __cplusplus
}
#endif

#endif
