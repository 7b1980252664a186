/* See labelled.h. */
#include "data/labelled.h"

#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

/* Hands out `want` of `all` images: one to each class, then one by one to the class with the highest weight / (2 take +
 * 1). */
static void apportion(const int64_t *have, int32_t classes, int64_t all, int64_t want, bool proportional, int64_t *take)
{
    for (int32_t k = 0; k < classes; k++) {
        take[k] = want >= all ? have[k] : have[k] > 0;
        want -= take[k];
    }
    for (; want > 0; want--) {
        int32_t best = -1;
        double most = 0;
        for (int32_t k = 0; k < classes; k++) {
            const double quotient = (proportional ? (double)have[k] : 1.0) / (double)(2 * take[k] + 1);
            if (take[k] < have[k] && quotient > most) {
                most = quotient;
                best = k;
            }
        }
        if (best < 0)
            return;
        take[best]++;
    }
}

static int by_index(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

imx_status imx_draw_labelled(const int32_t *label, int32_t n, int32_t classes, const struct imx_labelled *how,
                             int32_t *index, int32_t *kept)
{
    imx_status status = IMX_OK;
    int64_t *have = calloc((size_t)classes + 1, sizeof *have), *take = calloc((size_t)classes + 1, sizeof *take);
    uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
    int64_t all = 0;
    int32_t at = 0;
    if (!have || !take || !order)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to draw labelled images"));
    for (int32_t i = 0; i < n; i++)
        if (label[i] >= 0 && label[i] < classes) {
            have[label[i]]++;
            all++;
        }
    if (!all)
        IMX_GO(imx_fail(IMX_E_DATA, "no image has a label"));
    if (how->share <= 0 && how->count > all)
        IMX_GO(imx_fail(IMX_E_ARG, "%lld labelled images are asked for, there are %lld", (long long)how->count,
                        (long long)all));
    apportion(have, classes, all, how->share > 0 ? llround(how->share * (double)all) : how->count, how->proportional,
              take);
    imx_permute(how->seed, 0, IMX_STREAM_LABELS, order, (uint32_t)n);
    for (int32_t i = 0; i < n; i++) { /* of each class the first by lot: fewer are a part of more */
        const int32_t k = label[order[i]];
        if (k < 0 || k >= classes || take[k] == 0)
            continue;
        take[k]--;
        index[at++] = (int32_t)order[i];
    }
    qsort(index, (size_t)at, sizeof *index, by_index);
    *kept = at;
fail:
    free(have);
    free(take);
    free(order);
    return status;
}
