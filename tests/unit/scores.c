/* Accuracy, balanced accuracy and the area under the ROC curve: where they are known, and against counting every pair.
 */
#include "eval/scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "tap.h"

static void known(void)
{
    /* found: 3 of 4, 0 of 1; without a label: the last */
    const float logits[] = { 2, 1, 5, 0, 0, 0, -1, 3, 4, 1, 0, 9 };
    const int32_t label[] = { 0, 0, 0, 0, 1, -1 };
    struct imx_scores s = { 0 };
    bool ok = imx_score(logits, label, 6, 2, &s) == IMX_OK;
    tap_ok(ok && s.accuracy == 0.6 && s.balanced == 0.375, "accuracy %.3f, balanced %.3f", s.accuracy, s.balanced);
    /* the positive's margin -3 lies above -5 alone of -1, -5, 0 and 4 */
    tap_ok(ok && s.auc == 0.25, "area %.3f", s.auc);
    const float certain[] = { 80, 0, 90, 0, 100, 0, 0, 70 };
    ok = imx_score(certain, (const int32_t[]){ 1, 0, 0, 1 }, 4, 2, &s) == IMX_OK;
    tap_ok(ok && s.auc == 1, "probabilities that round to 1 are told apart: area %.3f", s.auc);
    ok = imx_score(logits, (const int32_t[]){ 0, 0, 0, 0, -1, -1 }, 6, 2, &s) == IMX_OK;
    tap_ok(ok && s.accuracy == 0.75 && s.balanced == 0.75 && isnan(s.auc), "one class alone has no area");
}

/* Each class against the rest, every pair counted. */
static double pairs(const float *logits, const int32_t *label, int n, int classes)
{
    double sum = 0, areas = 0;
    for (int k = 0; k < classes; k++) {
        double won = 0, all = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                if (label[i] != k || label[j] == k || label[j] < 0)
                    continue;
                double p[2];
                for (int side = 0; side < 2; side++) {
                    const float *l = logits + (side ? j : i) * classes;
                    double total = 0;
                    for (int c = 0; c < classes; c++)
                        total += exp((double)l[c]);
                    p[side] = exp((double)l[k]) / total;
                }
                won += fabs(p[0] - p[1]) < 1e-12 ? 0.5 : p[0] > p[1];
                all++;
            }
        sum += all > 0 ? won / all : 0;
        areas += all > 0;
    }
    return sum / areas;
}

static void drawn(int classes, uint64_t seed)
{
    enum { N = 90 };
    float logits[N * 8];
    int32_t label[N];
    struct imx_scores s = { 0 };
    int hits = 0, counted = 0;
    for (int i = 0; i < N; i++) {
        uint32_t r[4];
        imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        label[i] =
            r[0] % 9 == 0 ? -1 : (int32_t)(r[1] % (uint32_t)(classes > 2 ? classes - 1 : 2)); /* one never occurs */
        for (int k = 0; k < classes; k++) { /* few values, so that there are ties */
            imx_random4(seed, 1 + (uint64_t)k, IMX_STREAM_TEST, (uint32_t)i, r);
            logits[i * classes + k] = (float)(r[0] % 4) + (k == label[i] ? 0.5f : 0.0f);
        }
        int best = 0;
        for (int k = 1; k < classes; k++)
            best = logits[i * classes + k] > logits[i * classes + best] ? k : best;
        counted += label[i] >= 0;
        hits += label[i] >= 0 && best == label[i];
    }
    const bool ok = imx_score(logits, label, N, classes, &s) == IMX_OK;
    const double want = pairs(logits, label, N, classes);
    tap_ok(ok && fabs(s.auc - want) < 1e-9 && s.auc > 0.5, "%d classes: area %.6f, by pairs %.6f", classes, s.auc,
           want);
    tap_ok(ok && fabs(s.accuracy - (double)hits / counted) < 1e-12, "%d classes: accuracy %.4f", classes, s.accuracy);
}

static void several(void)
{
    const struct imx_scores each[3] = { { 0.5, 0.25, NAN }, { 0.7, 0.25, 0.5 }, { 0.6, 0.25, 0.5 } };
    struct imx_scores mean, std;
    imx_scores_mean(each, 3, &mean, &std);
    tap_ok(fabs(mean.accuracy - 0.6) < 1e-12 && fabs(std.accuracy - 0.1) < 1e-12 && std.balanced == 0 &&
               isnan(mean.auc),
           "mean and deviation; what is not known once stays unknown");
    imx_scores_mean(each, 1, &mean, &std);
    tap_ok(std.accuracy == 0 && isnan(std.auc), "one alone deviates by 0");
}

static void mistakes(void)
{
    const float bad[] = { 0, NAN };
    struct imx_scores s;
    tap_ok(imx_score(bad, (const int32_t[]){ 0 }, 1, 2, &s) == IMX_E_NONFINITE, "NaN: %s", imx_error_text());
    tap_ok(imx_score(bad, (const int32_t[]){ -1 }, 1, 2, &s) == IMX_E_DATA, "no label: %s", imx_error_text());
    imx_error_clear();
}

int main(void)
{
    known();
    drawn(2, 3);
    drawn(3, 4);
    drawn(8, 5);
    several();
    mistakes();
    return tap_done();
}
