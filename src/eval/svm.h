/* A linear support vector machine on frozen features (dim_method 7.1): one against the rest, L2-regularised, through
 * liblinear. Features are standardised by the training set and a constant 1 is added for the bias. (The sources say
 * nothing of scaling. Ours are standardised because the layers' scales differ by orders of magnitude, between encoders,
 * too, and with them what C = 1 means.)
 *   hinge:   min |w|^2/2 + C sum max(0, 1 - y w.x)     dual coordinate descent in random order
 *   squared: min |w|^2/2 + C sum max(0, 1 - y w.x)^2   trust region Newton: no random numbers
 * The paper says simple hinge; the authors' older code calls a library with the squared one. Which made their table is
 * uncertain, so both are here, with their C = 1.
 *
 * liblinear can neither be stopped nor does it survive a lack of memory, so each run is a child process that may be
 * ended at any moment. It stores 16 bytes for each value; `memory` bounds that. */
#ifndef IMX_EVAL_SVM_H
#define IMX_EVAL_SVM_H

#include "eval/classify.h"

struct imx_svm {
    bool squared;
    int32_t classes, repeats; /* runs with other seeds: another order and, where images are drawn by lot, others */
    double c;
    double tolerance; /* where the solver stops, relative as liblinear defines it */
    uint64_t seed;
    uint64_t memory; /* bytes for the training features of all runs at a time: at least one run, images drawn by lot
                        when it is too large */
    bool (*progress)(void *user, int64_t done, int64_t total); /* NULL: none; false stops with E_STOPPED */
    void *user;
};

struct imx_svm_result {
    int64_t images;      /* that each run has learnt from */
    int32_t unconverged; /* solutions (one a class and run) that reached the limit of iterations first */
};

/* True when the build has the library. */
bool imx_svm_available(void);

/* Images of n training images of width d that fit `memory`, at least 1. */
int64_t imx_svm_images(int64_t n, int32_t d, uint64_t memory);

/* accuracy[repeats] on `test` in [0,1]; images without a label neither teach nor count. E_UNSUPPORTED: built without
 * liblinear; E_DATA: fewer than two classes, or nothing to count; E_NONFINITE; E_NOMEM; E_STOPPED. */
IMX_MUST_CHECK imx_status imx_svm(const struct imx_svm *how, const struct imx_samples *train,
                                  const struct imx_samples *test, double *accuracy, struct imx_svm_result *result);

#endif
