/* How good a classifier's logits are. Accuracy says little where one class is the rule, so there are two more. */
#ifndef IMX_EVAL_SCORES_H
#define IMX_EVAL_SCORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct imx_scores {
    double accuracy; /* in [0,1], over the images with a label; of equal logits the first counts */
    double balanced; /* mean over the classes that occur of the share of their images that is found */
    double auc; /* area under the ROC curve: of two classes for telling them apart, of more the mean of each against
                   the rest, over the classes that occur; NaN when only one occurs */
};

/* logits [n, classes], label [n] (below 0: does not count). E_DATA: no label; E_NONFINITE; E_NOMEM. */
IMX_MUST_CHECK imx_status imx_score(const float *logits, const int32_t *label, int64_t n, int32_t classes,
                                    struct imx_scores *out);

/* Have the classes so unequal numbers of images that balanced accuracy is another number than accuracy, which then says
 * little? False where one is not known (NaN). */
bool imx_scores_unequal(double accuracy, double balanced);

/* Mean and deviation (n - 1; 0 for one) of each. */
void imx_scores_mean(const struct imx_scores *each, int n, struct imx_scores *mean, struct imx_scores *std);

#endif
