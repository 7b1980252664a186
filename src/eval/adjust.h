/* What the networks of the measurements share: how images enter them, Adam's steps with a decaying rate, means of
 * scores, and the Donsker-Varadhan value (dim_method 4.3, 7.2 to 7.4). */
#ifndef IMX_EVAL_ADJUST_H
#define IMX_EVAL_ADJUST_H

#include "nn/encoder.h"

/* Stored images [n,h,w,c] as they enter a network: in [-1,1]. */
struct imx_fit_image {
    int32_t n, h, w, c;
    imx_tid bytes, aug, mean, invstd; /* inputs; the caller uploads bytes */
    struct imx_map map;
};
struct imx_fit_image imx_fit_image(struct imx_graph *g, int32_t n, int32_t h, int32_t w, int32_t c);
/* Uploads everything but the bytes, after planning. */
IMX_MUST_CHECK imx_status imx_fit_image_ready(struct imx_graph *g, const struct imx_fit_image *i);
/* bytes = images index[0..n) (NULL: first .. first + n), `count` of them wanted, the last one repeated behind them. */
void imx_fit_gather(const uint8_t *pix, size_t image, const uint32_t *index, int64_t first, int32_t count, int32_t n,
                    uint8_t *bytes);

/* One Adam step (0.5, 0.999) of a planned training graph; step counts from 0, the rate falls (ops/optim.h). */
struct imx_fit {
    struct imx_graph *g;
    imx_tid hyp, norm;
    double lr;
    int64_t steps;
};
IMX_MUST_CHECK imx_status imx_fit_step(const struct imx_fit *f, int64_t step);
/* E_NONFINITE when the last step's gradient was not finite; what: names the network. */
IMX_MUST_CHECK imx_status imx_fit_check(const struct imx_fit *f, const char *what);

/* Codes [n,d] in place: each value less its mean, in deviations (imx_standardise). E_NOMEM. */
IMX_MUST_CHECK imx_status imx_fit_standardise(float *codes, int64_t n, int32_t d);

/* Nodes: alpha*a + beta*b (b may be 0), the mean of n values, a*b. */
imx_tid imx_fit_axpby(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta, int64_t n);
imx_tid imx_fit_mean(struct imx_graph *g, imx_tid x, int64_t n);
imx_tid imx_fit_mul(struct imx_graph *g, imx_tid a, imx_tid b, int64_t n);

/* mean joint - (logsumexp marginal - ln n_marginal), in nats. */
double imx_dv_value(const float *joint, int64_t n_joint, const float *marginal, int64_t n_marginal);

#endif
