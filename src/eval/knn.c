/* See knn.h. Training tiles in the outer loop, test tiles in the inner one; each test image keeps its best k so far. */
#include "eval/knn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/gemm.h"

enum { TEST_TILE = 512, TRAIN_TILE = 2048 };

struct neighbour {
    float similarity;
    int32_t index;
};

struct search {
    const struct imx_knn *how;
    const struct imx_samples *train, *test;
    struct neighbour *best; /* [test->n, k], nearest first */
    int32_t *found;         /* [test->n]: how many of them there are */
    float *score;           /* [TEST_TILE, TRAIN_TILE] */
    int64_t row, col;       /* where the tile lies */
    int32_t rows, cols, k;
};

/* Rows [at, at+now) at unit length (a zero vector stays one), the rest of the tile zero. */
static imx_status fill_tile(const struct imx_samples *s, int64_t at, int32_t now, int32_t tile, float *to)
{
    for (int32_t i = 0; i < now; i++) {
        const float *from = s->x + (at + i) * s->d;
        double square = 0;
        for (int32_t c = 0; c < s->d; c++)
            square += (double)from[c] * (double)from[c];
        if (!(square < HUGE_VAL))
            return imx_fail(IMX_E_NONFINITE, "the features of image %lld are not finite", (long long)(at + i));
        const float scale = square > 0 ? (float)(1.0 / sqrt(square)) : 0.0f;
        for (int32_t c = 0; c < s->d; c++)
            to[(int64_t)i * s->d + c] = from[c] * scale;
    }
    memset(to + (int64_t)now * s->d, 0, (size_t)(tile - now) * (size_t)s->d * sizeof *to);
    return IMX_OK;
}

/* Indices arrive in rising order, so a candidate must be strictly nearer than those it passes. */
static void insert(struct neighbour *best, int32_t *found, int32_t k, float similarity, int32_t index)
{
    int32_t at = *found;
    if (at == k && !(similarity > best[k - 1].similarity))
        return;
    if (at < k)
        ++*found;
    else
        at--;
    for (; at > 0 && similarity > best[at - 1].similarity; at--)
        best[at] = best[at - 1];
    best[at] = (struct neighbour){ similarity, index };
}

/* One test image against the current tile of training images. */
static void merge_row(void *user, int64_t i)
{
    const struct search *s = user;
    const float *score = s->score + i * TRAIN_TILE;
    for (int32_t c = 0; c < s->cols; c++)
        if (s->train->label[s->col + c] >= 0)
            insert(s->best + (s->row + i) * s->k, s->found + s->row + i, s->k, score[c], (int32_t)(s->col + c));
}

static imx_status count_hits(const struct search *s, double *accuracy)
{
    double *vote = malloc((size_t)s->how->classes * sizeof *vote);
    int64_t hits = 0, counted = 0;
    if (!vote)
        return imx_fail(IMX_E_NOMEM, "no memory to count votes");
    for (int64_t i = 0; i < s->test->n; i++) {
        if (s->test->label[i] < 0)
            continue;
        int32_t most = 0;
        memset(vote, 0, (size_t)s->how->classes * sizeof *vote);
        for (int32_t c = 0; c < s->found[i]; c++) {
            const struct neighbour *n = &s->best[i * s->k + c];
            vote[s->train->label[n->index]] += exp((double)n->similarity / s->how->temperature);
        }
        for (int32_t c = 1; c < s->how->classes; c++)
            most = vote[c] > vote[most] ? c : most;
        hits += most == s->test->label[i];
        counted++;
    }
    free(vote);
    if (!counted)
        return imx_fail(IMX_E_DATA, "no test image has a label");
    *accuracy = (double)hits / (double)counted;
    return IMX_OK;
}

static imx_status compare(struct imx_graph *g, const imx_tid t[3], struct search *s, float *tile)
{
    const int64_t total = s->train->n;
    for (s->col = 0; s->col < total; s->col += TRAIN_TILE) {
        s->cols = (int32_t)(total - s->col < TRAIN_TILE ? total - s->col : TRAIN_TILE);
        IMX_TRY(fill_tile(s->train, s->col, s->cols, TRAIN_TILE, tile));
        IMX_TRY(imx_graph_upload(g, t[1], tile));
        for (s->row = 0; s->row < s->test->n; s->row += TEST_TILE) {
            s->rows = (int32_t)(s->test->n - s->row < TEST_TILE ? s->test->n - s->row : TEST_TILE);
            IMX_TRY(fill_tile(s->test, s->row, s->rows, TEST_TILE, tile));
            IMX_TRY(imx_graph_upload(g, t[0], tile));
            IMX_TRY(imx_graph_run(g));
            IMX_TRY(imx_graph_download(g, t[2], s->score));
            imx_parallel(0, s->rows, merge_row, s);
            if (s->how->progress &&
                !s->how->progress(s->how->user, s->col * s->test->n + s->cols * (s->row + s->rows), total * s->test->n))
                return imx_fail(IMX_E_STOPPED, "stopped while looking for neighbours");
        }
    }
    return IMX_OK;
}

static imx_status check(const struct imx_knn *how, const struct imx_samples *train, const struct imx_samples *test,
                        int32_t *k)
{
    int64_t labelled = 0;
    for (int64_t i = 0; i < train->n; i++) {
        if (train->label[i] >= how->classes)
            return imx_fail(IMX_E_ARG, "label %d in a set of %d classes", train->label[i], how->classes);
        labelled += train->label[i] >= 0;
    }
    if (train->d != test->d)
        return imx_fail(IMX_E_DATA, "training features have %d values, test features %d", train->d, test->d);
    if (how->k < 1 || !(how->temperature > 0))
        return imx_fail(IMX_E_ARG, "k-NN needs k of at least 1 and a temperature above 0");
    if (!labelled || how->classes < 2)
        return imx_fail(IMX_E_DATA, "a probe needs images of at least two classes");
    if (train->n > INT32_MAX)
        return imx_fail(IMX_E_DATA, "%lld training images are too many", (long long)train->n);
    *k = (int32_t)(labelled < how->k ? labelled : how->k);
    return IMX_OK;
}

imx_status imx_knn(struct imx_dev *dev, const struct imx_knn *how, const struct imx_samples *train,
                   const struct imx_samples *test, double *accuracy)
{
    imx_status status = IMX_OK;
    struct imx_store *store = NULL;
    struct imx_graph *g = NULL;
    float *tile = NULL;
    struct search s = { .how = how, .train = train, .test = test };
    IMX_TRY(check(how, train, test, &s.k));
    const struct imx_gemm p = { .m = TEST_TILE, .n = TRAIN_TILE, .k = train->d, .tb = 1 };
    tile = malloc((size_t)TRAIN_TILE * (size_t)train->d * sizeof *tile);
    s.best = malloc((size_t)test->n * (size_t)s.k * sizeof *s.best);
    s.found = calloc((size_t)test->n, sizeof *s.found);
    s.score = malloc((size_t)TEST_TILE * TRAIN_TILE * sizeof *s.score);
    if (!tile || !s.best || !s.found || !s.score)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to look for neighbours"));
    IMX_GO(imx_store_create(dev, false, &store));
    IMX_GO(imx_graph_create(dev, store, &g));
    const imx_tid t[3] = { imx_graph_keep(g, IMX_F32, (int64_t)p.m * p.k, "test"),
                           imx_graph_keep(g, IMX_F32, (int64_t)p.n * p.k, "train"),
                           imx_graph_keep(g, IMX_F32, (int64_t)p.m * p.n, "similarity") };
    imx_graph_node(g, &imx_op_gemm, &p, (imx_tid[]){ t[0], t[1], 0, 0, t[2] });
    IMX_GO(imx_graph_plan(g, 0));
    IMX_GO(compare(g, t, &s, tile));
    status = count_hits(&s, accuracy);
fail:
    imx_graph_destroy(g);
    imx_store_destroy(store);
    free(tile);
    free(s.best);
    free(s.found);
    free(s.score);
    return status;
}
