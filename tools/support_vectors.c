/* See support_vectors.h. */
#include "support_vectors.h"

#include "cli.h"
#include "progress.h"

static bool tell_solutions(void *user, int64_t done, int64_t total)
{
    (void)user, (void)total;
    imx_progress_at((uint64_t)done, " ");
    return !imx_signal_caught();
}

imx_status imx_support_vectors(const char *title, const struct imx_svm *how, const struct imx_samples *train,
                               const struct imx_samples *test, double *accuracy, struct imx_svm_result *result)
{
    struct imx_svm use = *how;
    const int64_t fit = imx_svm_images(train->n, train->d, how->memory);
    use.progress = tell_solutions;
    if (fit < train->n)
        imx_say("%s: each run learns from %lld of %lld images, drawn by lot, the most that --svm-memory holds", title,
                (long long)fit, (long long)train->n);
    imx_progress_begin(title, (uint64_t)(how->classes == 2 ? 1 : how->classes) * (uint64_t)how->repeats, "solutions");
    const imx_status status = imx_svm(&use, train, test, accuracy, result);
    imx_progress_end();
    if (status == IMX_OK && result->unconverged)
        imx_say("%s: %d solutions reached the limit of iterations before the tolerance", title, result->unconverged);
    return status;
}
