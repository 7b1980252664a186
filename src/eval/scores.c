/* See scores.h. The area is the share of (positive, negative) pairs in which the positive has the higher score, ties
 * counting half: from the sum of the positives' mean ranks. The score of class k is its log odds, l_k - log sum of e^l
 * over the others, because probabilities near 1 round to ties. */
#include "eval/scores.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct scored {
    double score;
    bool positive;
};

static int by_score(const void *a, const void *b)
{
    const double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return x < y ? -1 : x > y;
}

static double log_odds(const float *l, int32_t classes, int32_t k)
{
    double most = -HUGE_VAL, sum = 0;
    for (int32_t i = 0; i < classes; i++)
        most = i != k && (double)l[i] > most ? (double)l[i] : most;
    for (int32_t i = 0; i < classes; i++)
        sum += i != k ? exp((double)l[i] - most) : 0;
    return (double)l[k] - most - log(sum);
}

/* NaN without positives or without negatives. */
static double area(struct scored *s, int64_t n)
{
    double ranks = 0, positives = 0;
    qsort(s, (size_t)n, sizeof *s, by_score);
    for (int64_t from = 0, to = 0; from < n; from = to) {
        while (to < n && s[to].score == s[from].score)
            to++;
        for (int64_t i = from; i < to; i++)
            if (s[i].positive) {
                ranks += 0.5 * (double)(from + to + 1);
                positives++;
            }
    }
    const double negatives = (double)n - positives;
    return positives > 0 && negatives > 0 ? (ranks - 0.5 * positives * (positives + 1)) / (positives * negatives)
                                          : (double)NAN;
}

static imx_status count(const float *logits, const int32_t *label, int64_t n, int32_t classes, int64_t *have,
                        int64_t *found)
{
    for (int64_t i = 0; i < n; i++) {
        const float *l = logits + i * classes;
        int32_t best = 0;
        if (label[i] < 0 || label[i] >= classes)
            continue;
        for (int32_t k = 0; k < classes; k++) {
            if (!isfinite(l[k]))
                return imx_fail(IMX_E_NONFINITE, "the classifier's output is not finite");
            best = l[k] > l[best] ? k : best;
        }
        have[label[i]]++;
        found[label[i]] += best == label[i];
    }
    return IMX_OK;
}

static double mean_area(const float *logits, const int32_t *label, int64_t n, int32_t classes, const int64_t *have,
                        struct scored *s)
{
    double sum = 0, areas = 0;
    for (int32_t k = classes == 2; k < classes; k++) {
        int64_t m = 0;
        for (int64_t i = 0; i < n && (have[k] || classes == 2); i++)
            if (label[i] >= 0 && label[i] < classes)
                s[m++] = (struct scored){ log_odds(logits + i * classes, classes, k), label[i] == k };
        if (m) {
            sum += area(s, m);
            areas++;
        }
    }
    return areas > 0 ? sum / areas : (double)NAN;
}

imx_status imx_score(const float *logits, const int32_t *label, int64_t n, int32_t classes, struct imx_scores *out)
{
    imx_status status = IMX_OK;
    int64_t *have = calloc((size_t)classes + 1, sizeof *have), *found = calloc((size_t)classes + 1, sizeof *found);
    struct scored *s = malloc(((size_t)n + 1) * sizeof *s);
    double all = 0, right = 0, recall = 0, occur = 0;
    if (!have || !found || !s)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to judge a classifier"));
    IMX_GO(count(logits, label, n, classes, have, found));
    for (int32_t k = 0; k < classes; k++) {
        all += (double)have[k];
        right += (double)found[k];
        recall += have[k] ? (double)found[k] / (double)have[k] : 0;
        occur += have[k] > 0;
    }
    if (all == 0)
        IMX_GO(imx_fail(IMX_E_DATA, "no test image has a label"));
    *out = (struct imx_scores){ right / all, recall / occur, mean_area(logits, label, n, classes, have, s) };
fail:
    free(have);
    free(found);
    free(s);
    return status;
}

/* Of one of the numbers. */
static void mean_of(const struct imx_scores *each, int n, double (*get)(const struct imx_scores *), double *mean,
                    double *std)
{
    double sum = 0, square = 0;
    for (int i = 0; i < n; i++)
        sum += get(&each[i]);
    *mean = sum / n;
    for (int i = 0; i < n; i++)
        square += (get(&each[i]) - *mean) * (get(&each[i]) - *mean);
    *std = n > 1 ? sqrt(square / (n - 1)) : isnan(*mean) ? *mean : 0;
}

static double accuracy(const struct imx_scores *s)
{
    return s->accuracy;
}

static double balanced(const struct imx_scores *s)
{
    return s->balanced;
}

static double auc(const struct imx_scores *s)
{
    return s->auc;
}

bool imx_scores_unequal(double accuracy, double balanced)
{
    return fabs(balanced - accuracy) > 1e-6;
}

void imx_scores_mean(const struct imx_scores *each, int n, struct imx_scores *mean, struct imx_scores *std)
{
    mean_of(each, n, accuracy, &mean->accuracy, &std->accuracy);
    mean_of(each, n, balanced, &mean->balanced, &std->balanced);
    mean_of(each, n, auc, &mean->auc, &std->auc);
}
