/* The k nearest neighbours by cosine vote for the class of a test image, each with weight exp(similarity /
 * temperature). Similarities come from the engine's matrix product in tiles, so that no n x n matrix exists. Equal
 * similarities are ordered by index and votes are summed in that order: the result is the same from run to run on one
 * device. */
#ifndef IMX_EVAL_KNN_H
#define IMX_EVAL_KNN_H

#include "eval/classify.h"

struct imx_knn {
    int32_t k, classes;
    double temperature;
    bool (*progress)(void *user, int64_t done, int64_t total); /* NULL: none; false stops with E_STOPPED */
    void *user;
};

/* Accuracy on `test` in [0,1]; images without a label neither vote nor count. k is cut to the number of labelled
 * training images. E_DATA: nothing to vote or to count; E_NOMEM; E_STOPPED. */
IMX_MUST_CHECK imx_status imx_knn(struct imx_dev *dev, const struct imx_knn *how, const struct imx_samples *train,
                                  const struct imx_samples *test, double *accuracy);

#endif
