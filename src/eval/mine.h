/* A neural estimate of the mutual information between images and their codes (dim_method 7.3): a critic of its own
 * maximises the Donsker-Varadhan bound E_joint[T] - ln E_marginal[exp T] on frozen codes.
 *   image:  convolutions 64, 128, 256 (4x4, stride 2, ReLU) -> 256 ReLU
 *   code:   64 ReLU -> 256 ReLU;   both, 512 values -> 128 ReLU -> 1
 * The marginal pairs the same codes with a second batch of images. A penalty, weight * E|grad_image T|^2 over the joint
 * pairs, keeps the critic smooth (0.5 in the authors' older program).
 *
 * How to read it: `nats` is what the batches of the training showed at its end, the published kind of number. It can
 * exceed ln n and is no bound for the true information: it compares encoders measured with the same settings. `heldout`
 * is the bound on images that the critic has not seen; it is one, and can be far below. */
#ifndef IMX_EVAL_MINE_H
#define IMX_EVAL_MINE_H

#include "dev/dev.h"

struct imx_mine {
    bool standardise; /* codes first: the same information, and found as soon whatever the encoder's scale */
    int32_t batch;
    int64_t steps;
    double lr, penalty;
    uint64_t seed;
    bool (*progress)(void *user, int64_t step, double nats); /* nats: of the last batch read; false: E_STOPPED */
    void *user;
};

struct imx_mine_result {
    double nats;    /* mean over the batches of the last tenth of the steps */
    double heldout; /* of a tenth of the images that taught nothing */
    int64_t images; /* that taught */
};

/* pix [n,h,w,c] in bytes, codes [n,d]. E_DATA: too few or too small images. */
IMX_MUST_CHECK imx_status imx_mine(struct imx_dev *dev, const struct imx_mine *how, const uint8_t *pix, int64_t n,
                                   int32_t h, int32_t w, int32_t c, const float *codes, int32_t d,
                                   struct imx_mine_result *result);

#endif
