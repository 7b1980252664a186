/* The map of the features: the two main directions of the centred rows, found by power iteration on x^T x without
 * forming it, with a fixed start, so that the same features give the same picture. See report.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eval/report.h"
#include "io/npy.h"

enum { MOST_POINTS = 4000, ITERATIONS = 60, SIDE = 520, MARGIN = 14, COLORS = 10 };

static const char *const color[COLORS] = { "#2b6cb0", "#dd6b20", "#2f855a", "#c53030", "#6b46c1",
                                           "#8b5e3c", "#d53f8c", "#718096", "#b7a10b", "#0bb5c4" };

static double dot(const double *a, const double *b, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

/* One direction: v <- x^T x v, orthogonal to `other` (may be NULL), normalised; leaves x v in score. */
static void main_direction(const double *x, size_t n, size_t d, const double *other, double *v, double *next,
                           double *score)
{
    for (size_t k = 0; k < d; k++)
        v[k] = 1.0 / (double)(k + 1) * (k % 2 ? -1 : 1);
    for (int it = 0; it <= ITERATIONS; it++) {
        if (other) {
            const double part = dot(v, other, d);
            for (size_t k = 0; k < d; k++)
                v[k] -= part * other[k];
        }
        const double length = sqrt(dot(v, v, d));
        for (size_t k = 0; k < d; k++)
            v[k] = length > 0 ? v[k] / length : 0;
        for (size_t i = 0; i < n; i++)
            score[i] = dot(x + i * d, v, d);
        if (it == ITERATIONS)
            return;
        memset(next, 0, d * sizeof *next);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < d; k++)
                next[k] += score[i] * x[i * d + k];
        memcpy(v, next, d * sizeof *next);
    }
}

imx_status imx_pca2(const float *x, size_t n, size_t d, float *xy, double share[2])
{
    double *c = malloc((n * d + 3 * d + n) * sizeof *c);
    if (!c)
        return imx_fail(IMX_E_NOMEM, "no memory for a map of %zu points", n);
    double *v[2] = { c + n * d, c + n * d + d }, *next = v[1] + d, *score = next + d;
    for (size_t k = 0; k < d; k++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i * d + k];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++)
            c[i * d + k] = (double)x[i * d + k] - mean;
    }
    const double total = dot(c, c, n * d);
    for (int axis = 0; axis < 2; axis++) {
        main_direction(c, n, d, axis ? v[0] : NULL, v[axis], next, score);
        share[axis] = total > 0 ? dot(score, score, n) / total : 0;
        for (size_t i = 0; i < n; i++)
            xy[2 * i + (size_t)axis] = (float)score[i];
    }
    free(c);
    return IMX_OK;
}

/* The file as a whole; *npy describes it. E_IO when it is not there. */
static imx_status read_npy(const char *path, char **data, struct imx_npy *npy)
{
    size_t bytes = 0;
    IMX_TRY(imx_file_read(path, UINT64_C(1) << 32, data, &bytes));
    return imx_npy_parse(*data, bytes, bytes, npy);
}

/* Labels of n images, NULL when there are none that fit: RUN/features-y.npy.labels.npy. */
static imx_status read_labels(const char *run, size_t n, int64_t **out)
{
    char path[4096], *data = NULL;
    struct imx_npy npy;
    int64_t *label = NULL;
    imx_status status = IMX_OK;
    bool ok = true;
    *out = NULL;
    if (!imx_join(path, sizeof path, run, "features-y.npy.labels.npy") || !imx_file_size(path, NULL))
        return IMX_OK;
    IMX_GO(read_npy(path, &data, &npy));
    if (npy.count != n)
        goto fail;
    label = malloc((n + 1) * sizeof *label);
    if (!label)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for %zu labels", n));
    for (size_t i = 0; i < n; i++)
        label[i] = imx_npy_integer(&npy, data + npy.offset, i, &ok);
    if (!ok) {
        free(label);
        label = NULL;
    }
    *out = label;
fail:
    free(data);
    return status == IMX_E_NOMEM || status == IMX_E_IO ? status : IMX_OK; /* a damaged file is left out */
}

static void put_points(struct imx_text *t, const float *xy, size_t n, const int64_t *label, size_t every)
{
    float low[2] = { xy[0], xy[1] }, high[2] = { xy[0], xy[1] };
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < 2; a++) {
            low[a] = fminf(low[a], xy[2 * i + a]);
            high[a] = fmaxf(high[a], xy[2 * i + a]);
        }
    for (size_t i = 0; i < n; i++) {
        double at[2];
        for (size_t a = 0; a < 2; a++) {
            const double span = (double)high[a] - (double)low[a];
            at[a] = MARGIN + (span > 0 ? ((double)xy[2 * i + a] - (double)low[a]) / span : 0.5) * (SIDE - 2 * MARGIN);
        }
        const int64_t k = label ? label[i * every] : 0;
        if (isfinite(at[0]) && isfinite(at[1]))
            imx_text_printf(t, "<circle cx=%.1f cy=%.1f r=2.6 fill=\"%s\"/>\n", at[0], SIDE - at[1],
                            color[k < 0 ? COLORS - 3 : k % COLORS]);
    }
}

static imx_status put_map(struct imx_text *t, const float *x, size_t n, size_t d, const int64_t *label, size_t every)
{
    double share[2];
    float *xy = malloc(2 * n * sizeof *xy);
    if (!xy)
        return imx_fail(IMX_E_NOMEM, "no memory for a map of %zu points", n);
    const imx_status s = imx_pca2(x, n, d, xy, share);
    if (s == IMX_OK) {
        imx_text_printf(
            t,
            "<h2>Map of the features</h2>\n<figure style=\"max-width:640px\"><figcaption>%zu images on the two "
            "main directions of y (%.0f %% and %.0f %% of the variance)%s</figcaption>\n"
            "<svg viewBox=\"0 0 %d %d\" role=img fill-opacity=.75>\n",
            n, 100 * share[0], 100 * share[1], label ? ", coloured by class" : "", SIDE, SIDE);
        put_points(t, xy, n, label, every);
        imx_text_put(t, "</svg></figure>\n");
    }
    free(xy);
    return s;
}

imx_status imx_plot_map(struct imx_text *t, const char *run)
{
    char path[4096], *data = NULL;
    struct imx_npy npy;
    float *x = NULL;
    int64_t *label = NULL;
    imx_status status = IMX_OK;
    if (!imx_join(path, sizeof path, run, "features-y.npy") || !imx_file_size(path, NULL))
        return IMX_OK;
    IMX_GO(read_npy(path, &data, &npy));
    if (npy.kind != 'f' || npy.width != 4 || npy.swapped || npy.fortran || npy.rank != 2 || npy.count == 0) {
        status = imx_fail(IMX_E_DATA, "%s is not a table of 32-bit floats", path);
        goto fail;
    }
    const size_t rows = (size_t)npy.shape[0], d = (size_t)npy.shape[1], every = (rows + MOST_POINTS - 1) / MOST_POINTS;
    const size_t n = (rows + every - 1) / every;
    x = malloc(n * d * sizeof *x);
    if (!x) {
        status = imx_fail(IMX_E_NOMEM, "no memory for a map of %zu points", n);
        goto fail;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(x + i * d, data + npy.offset + i * every * d * sizeof *x, d * sizeof *x);
    IMX_GO(read_labels(run, rows, &label));
    status = put_map(t, x, n, d, label, every);
fail:
    free(label);
    free(x);
    free(data);
    return status;
}
