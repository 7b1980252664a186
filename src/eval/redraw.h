/* How much of an image its code still holds (dim_method 7.2): a decoder learns, by squared error, to draw images from
 * frozen codes; the drawings are compared with images that it has not seen.
 *   linear d -> about 8192 values as channels of s x s, BN, ReLU; then doublings to the image's side by transposed
 *   convolutions (4x4, stride 2, with bias) BN ReLU of ..., 256, 128, 64 channels; convolution 3x3 -> c; tanh
 * s is the least side of at least 4 that doublings lead on from, as near to the published 4 as the image's side allows:
 * 32 -> 4 with three doublings of 256, 128, 64 channels (the published one), 28 -> 7 with 128, 64; behind three
 * doublings more follow with 32 channels: 64 -> 4, 96 -> 6. */
#ifndef IMX_EVAL_REDRAW_H
#define IMX_EVAL_REDRAW_H

#include "dev/dev.h"

struct imx_redraw {
    int32_t batch;
    int64_t steps;
    double lr;
    uint64_t seed;
    int32_t sheet;                                           /* drawings to keep, at most the images for testing */
    bool (*progress)(void *user, int64_t step, double loss); /* loss NaN: not read; false: E_STOPPED */
    void *user;
};

struct imx_redraw_result {
    double error;         /* mean squared error per value, images in [-1,1] */
    double ssim, ms_ssim; /* means over the test images; ms_ssim NaN where not one scale fits */
    int32_t scales, kept;
    uint8_t *drawn; /* [kept,h,w,c], of the first test images; owned by the caller (free) */
};

/* Images [n,h,w,c] and their codes [n,d]. */
struct imx_redraw_set {
    const uint8_t *pix;
    const float *codes;
    int64_t n;
};

/* E_DATA: too few images, or a side that doublings cannot make. */
IMX_MUST_CHECK imx_status imx_redraw(struct imx_dev *dev, const struct imx_redraw *how,
                                     const struct imx_redraw_set *train, const struct imx_redraw_set *test, int32_t h,
                                     int32_t w, int32_t c, int32_t d, struct imx_redraw_result *result);

#endif
