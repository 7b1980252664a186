/* Classifiers on frozen features, trained on the engine itself (dim_method 7.1).
 *   mlp:    linear d->200 -> dropout 0.1 -> batch norm -> ReLU -> linear 200->K
 *   linear: linear d->K on features standardised by the training set
 * cross-entropy, Adam 1e-4 (0.5, 0.999), batch 64, step size x0.1 at epochs 50 and 100. The accuracy is the mean of the
 * test accuracies of the last tenth of the epochs (at least one): the paper's mean over the last 100 of 1,000. */
#ifndef IMX_EVAL_CLASSIFY_H
#define IMX_EVAL_CLASSIFY_H

#include "graph/graph.h"

struct imx_samples {
    const float *x;       /* [n, d] */
    const int32_t *label; /* [n]; < 0: left out of training and of the accuracy */
    int64_t n;
    int32_t d;
};

struct imx_classify {
    bool mlp;
    int32_t classes, batch, epochs;
    double lr;
    uint64_t seed;
    bool (*progress)(void *user, int32_t epoch, double accuracy); /* NULL: none; false stops with E_STOPPED */
    void *user;
};

/* Trains on `train` and returns the accuracy on `test` in [0,1]. */
IMX_MUST_CHECK imx_status imx_classify(struct imx_dev *dev, const struct imx_classify *how,
                                       const struct imx_samples *train, const struct imx_samples *test,
                                       double *accuracy);

/* mean[d] and scale[d] = 1 / (deviation + 1e-6) of each value over all samples, labelled or not. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_standardise(const struct imx_samples *s, float *mean, float *scale);

#endif
