/* See score_json.h. */
#include "score_json.h"

#include <math.h>
#include <stdio.h>

void imx_scores_json(struct imx_json *j, const struct imx_scores *each, int n, double seconds)
{
    struct imx_scores mean, std;
    imx_scores_mean(each, n, &mean, &std);
    imx_json_double(j, "accuracy", mean.accuracy);
    imx_json_double(j, "std", std.accuracy);
    imx_json_int(j, "repeats", n);
    imx_json_double(j, "seconds", seconds);
    imx_json_array(j, "each");
    for (int i = 0; i < n; i++)
        imx_json_double(j, NULL, each[i].accuracy);
    imx_json_end(j);
    if (!isnan(mean.balanced)) {
        imx_json_double(j, "balanced_accuracy", mean.balanced);
        imx_json_double(j, "balanced_std", std.balanced);
    }
    if (!isnan(mean.auc)) {
        imx_json_double(j, "auc", mean.auc);
        imx_json_double(j, "auc_std", std.auc);
    }
}

void imx_scores_cell(double mean, double std, int n, char text[32])
{
    if (isnan(mean))
        snprintf(text, 32, "-");
    else if (n > 1)
        snprintf(text, 32, "%.2f +- %.2f", 100 * mean, 100 * std);
    else
        snprintf(text, 32, "%.2f", 100 * mean);
}
