/* The scores of classifiers as probe, finetune and predict print them. */
#ifndef IMX_TOOLS_SCORE_JSON_H
#define IMX_TOOLS_SCORE_JSON_H

#include "base/json.h"
#include "eval/scores.h"

/* "accuracy", "std", "repeats", "seconds", "each", and, when they are known, "balanced_accuracy", "balanced_std",
 * "auc", "auc_std". */
void imx_scores_json(struct imx_json *j, const struct imx_scores *each, int n, double seconds);
/* "81.25", "81.25 +- 0.75" of several; "-": not known. */
void imx_scores_cell(double mean, double std, int n, char text[32]);

#endif
