/* Classifiers on frozen features, trained on the engine itself (dim_method 7.1): those of nn/classifier.h, the linear
 * one on features standardised by the training set, by cross-entropy, Adam 1e-4 (0.5, 0.999), batch 64, step size x0.1
 * at epochs 50 and 100. The scores are the means over the tests after each of the last tenth of the epochs (at least
 * one): the paper's mean over the last 100 of 1,000. */
#ifndef IMX_EVAL_CLASSIFY_H
#define IMX_EVAL_CLASSIFY_H

#include "eval/scores.h"
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
    int64_t steps; /* at least, in all: an epoch goes through few samples several times; 0: once */
    double lr;
    uint64_t seed;
    bool (*progress)(void *user, int32_t epoch, double accuracy); /* NULL: none; false stops with E_STOPPED */
    void *user;
};

/* Trains on `train` and judges on `test`. */
IMX_MUST_CHECK imx_status imx_classify(struct imx_dev *dev, const struct imx_classify *how,
                                       const struct imx_samples *train, const struct imx_samples *test,
                                       struct imx_scores *scores);

/* How many steps that are, with n samples. */
int64_t imx_classify_steps(const struct imx_classify *how, int64_t n);

/* The step size in `epoch` (0, 1, ...) of a classifier that begins with lr. */
double imx_classify_rate(double lr, int32_t epoch);

/* mean[d] and scale[d] = 1 / (deviation + 1e-6) of each value over all samples, labelled or not. E_NOMEM. */
IMX_MUST_CHECK imx_status imx_standardise(const struct imx_samples *s, float *mean, float *scale);

#endif
