/* The neural dependency measure (dim_method 7.4): how far the values of a code are from being independent of each
 * other. A critic d -> 1000 -> 200 -> 1 (ReLU) learns to tell codes from codes whose columns are permuted
 * independently, by the f-divergence form of KL: it maximises E[T] - E[exp(T - 1)]. Reported is its Donsker-Varadhan
 * value in nats: 0 for independent columns, without bound for columns that determine each other.
 *
 * A critic can know by heart the codes that it has seen, so the value is that of codes it has not: of each hundred
 * codes 70 teach, 15 choose the moment to stop, and 15 give the value. The published values are of another kind: all
 * codes teach and give the value, at the end. */
#ifndef IMX_EVAL_NDM_H
#define IMX_EVAL_NDM_H

#include "dev/dev.h"

struct imx_ndm {
    bool sigmoid;     /* of the codes first, as the prior sees them */
    bool standardise; /* behind the sigmoid, if there is one; the same dependence, whatever the encoder's scale */
    bool all;         /* no codes are held out, as published */
    int32_t batch;    /* at most; the published one is 10,000. Fewer where fewer teach or, held out, give the value */
    int64_t steps;
    double lr; /* 1e-4 as published */
    uint64_t seed;
    bool (*progress)(void *user, int64_t step, double value); /* value: NaN before the first; false: E_STOPPED */
    void *user;
};

struct imx_ndm_result {
    double nats;    /* on the codes that neither taught nor chose; of `all`: on them all */
    double learned; /* on as many of those that taught, at the same moment */
    int64_t step;   /* that moment: where it stopped learning anything general; of `all`: the end */
    int32_t batch;  /* that was used */
};

/* codes [n,d], n at least 40. E_DATA: too few; E_NONFINITE. */
IMX_MUST_CHECK imx_status imx_ndm(struct imx_dev *dev, const struct imx_ndm *how, const float *codes, int64_t n,
                                  int32_t d, struct imx_ndm_result *result);

#endif
