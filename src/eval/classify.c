/* See classify.h. Two graphs share one store: training with batch statistics and dropout, testing without. */
#include "eval/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "nn/classifier.h"
#include "ops/optim.h"

static const double B1 = 0.5, B2 = 0.999, EPS = 1e-8;

struct net {
    struct imx_graph *g;
    imx_tid x, label, ctr, hyp, norm, logits;
};

/* Features enter standardised for the linear classifier, as they are for the MLP. */
struct feed {
    const struct imx_samples *s;
    const float *mean, *scale; /* [d] or NULL */
    float *x;                  /* [batch, d] */
    int32_t *label;
};

static imx_status build(struct net *net, struct imx_dev *dev, struct imx_store *store, const struct imx_classify *how,
                        int32_t d, bool training)
{
    IMX_TRY(imx_graph_create(dev, store, &net->g));
    struct imx_graph *g = net->g;
    const int32_t n = how->batch;
    net->x = imx_graph_keep(g, IMX_F32, (int64_t)n * d, "x");
    net->label = training ? imx_graph_keep(g, IMX_I32, n, "label") : 0;
    net->ctr = training && how->mlp ? imx_graph_keep(g, IMX_U32, 4, "ctr") : 0;
    struct imx_build b = { .g = g, .training = training, .ctr = net->ctr };
    net->logits = imx_nn_head(&b, (struct imx_map){ net->x, n, 1, 1, d }, "probe", how->mlp, how->classes).t;
    imx_graph_output(g, net->logits);
    if (training) {
        imx_graph_label(g, "xent");
        IMX_TRY(imx_graph_backward(g, imx_nn_cross_entropy(g, net->logits, net->label, n, how->classes).loss, 0));
        imx_nn_adam(g, &net->hyp, &net->norm);
    }
    return imx_graph_plan(g, 0);
}

/* Copies `now` samples (by index, or in order when index is NULL) and pads with label -1. */
static imx_status upload_batch(struct net *net, struct feed *f, const uint32_t *index, int64_t at, int64_t now,
                               int32_t batch)
{
    const int32_t d = f->s->d;
    for (int64_t i = 0; i < batch; i++) {
        const int64_t from = i >= now ? 0 : index ? index[at + i] : at + i;
        float *to = f->x + i * d;
        f->label[i] = i < now ? f->s->label[from] : -1;
        memcpy(to, f->s->x + from * d, (size_t)d * sizeof *to);
        for (int32_t k = 0; f->mean && k < d; k++)
            to[k] = (to[k] - f->mean[k]) * f->scale[k];
    }
    IMX_TRY(imx_graph_upload(net->g, net->x, f->x));
    return net->label ? imx_graph_upload(net->g, net->label, f->label) : IMX_OK;
}

double imx_classify_rate(double lr, int32_t epoch)
{
    return lr * (epoch >= 100 ? 0.01 : epoch >= 50 ? 0.1 : 1.0);
}

/* How often an epoch goes through n samples. */
static int64_t passes(const struct imx_classify *how, int64_t n)
{
    const int64_t once = how->epochs * (n / how->batch);
    return how->steps > once ? (how->steps + once - 1) / once : 1;
}

int64_t imx_classify_steps(const struct imx_classify *how, int64_t n)
{
    return how->epochs * (n / how->batch) * passes(how, n);
}

static imx_status train_pass(struct net *net, struct feed *f, const struct imx_classify *how, double lr, int64_t pass,
                             uint64_t *step, uint32_t *order)
{
    imx_permute(how->seed, (uint64_t)pass, IMX_STREAM_SPLIT, order, (uint32_t)f->s->n);
    for (int64_t at = 0; at + how->batch <= f->s->n; at += how->batch, ++*step) {
        float hyp[IMX_HYP_COUNT];
        imx_adam_hyp(lr, B1, B2, EPS, 0.0, (int64_t)*step + 1, hyp);
        const uint32_t ctr[4] = { (uint32_t)how->seed, (uint32_t)(how->seed >> 32), (uint32_t)*step, 0 };
        IMX_TRY(upload_batch(net, f, order, at, how->batch, how->batch));
        IMX_TRY(imx_graph_upload(net->g, net->hyp, hyp));
        if (net->ctr)
            IMX_TRY(imx_graph_upload(net->g, net->ctr, ctr));
        IMX_TRY(imx_graph_run(net->g));
    }
    return IMX_OK;
}

static imx_status train_epoch(struct net *net, struct feed *f, const struct imx_classify *how, int32_t epoch,
                              uint64_t *step, uint32_t *order)
{
    const int64_t n = passes(how, f->s->n);
    for (int64_t i = 0; i < n; i++)
        IMX_TRY(train_pass(net, f, how, imx_classify_rate(how->lr, epoch), epoch * n + i, step, order));
    float norm[2];
    IMX_TRY(imx_graph_download(net->g, net->norm, norm));
    if (!(norm[1] == 0.0f))
        return imx_fail(IMX_E_NONFINITE, "the classifier's gradient is not finite in epoch %d", epoch + 1);
    return IMX_OK;
}

/* logits: room for [n, classes] and the rest of a batch. */
static imx_status test(struct net *net, struct feed *f, const struct imx_classify *how, float *logits,
                       struct imx_scores *scores)
{
    for (int64_t at = 0; at < f->s->n; at += how->batch) {
        const int64_t now = f->s->n - at < how->batch ? f->s->n - at : how->batch;
        IMX_TRY(upload_batch(net, f, NULL, at, now, how->batch));
        IMX_TRY(imx_graph_run(net->g));
        IMX_TRY(imx_graph_download(net->g, net->logits, logits + at * how->classes));
    }
    return imx_score(logits, f->s->label, f->s->n, how->classes, scores);
}

/* Row by row, because the columns of large sets lie far apart. */
imx_status imx_standardise(const struct imx_samples *s, float *mean, float *scale)
{
    double *sum = calloc((size_t)s->d, sizeof *sum), *square = calloc((size_t)s->d, sizeof *square);
    if (!sum || !square) {
        free(sum);
        free(square);
        return imx_fail(IMX_E_NOMEM, "no memory to standardise features");
    }
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t k = 0; k < s->d; k++)
            sum[k] += (double)s->x[i * s->d + k];
    for (int32_t k = 0; k < s->d; k++)
        sum[k] /= (double)s->n;
    for (int64_t i = 0; i < s->n; i++)
        for (int32_t k = 0; k < s->d; k++)
            square[k] += ((double)s->x[i * s->d + k] - sum[k]) * ((double)s->x[i * s->d + k] - sum[k]);
    for (int32_t k = 0; k < s->d; k++) {
        mean[k] = (float)sum[k];
        scale[k] = (float)(1.0 / (sqrt(square[k] / (double)s->n) + 1e-6));
    }
    free(sum);
    free(square);
    return IMX_OK;
}

static imx_status check(const struct imx_classify *how, const struct imx_samples *train, const struct imx_samples *test)
{
    if (train->d != test->d)
        return imx_fail(IMX_E_DATA, "training features have %d values, test features %d", train->d, test->d);
    if (train->n < how->batch)
        return imx_fail(IMX_E_DATA, "%lld training images are fewer than a batch of %d", (long long)train->n,
                        how->batch);
    if (how->classes < 2)
        return imx_fail(IMX_E_DATA, "a probe needs images of at least two classes");
    return IMX_OK;
}

/* Adds up the scores of the epochs that count. */
static imx_status rounds(struct net *learn, struct net *judge, const struct imx_classify *how, struct feed *from,
                         struct feed *to, uint32_t *order, float *logits, struct imx_scores *sum)
{
    const int32_t counted = how->epochs / 10 > 1 ? how->epochs / 10 : 1;
    uint64_t step = 0;
    *sum = (struct imx_scores){ 0 };
    for (int32_t epoch = 0; epoch < how->epochs; epoch++) {
        const bool counts = epoch >= how->epochs - counted;
        struct imx_scores now = { 0 };
        IMX_TRY(train_epoch(learn, from, how, epoch, &step, order));
        if (counts || how->progress)
            IMX_TRY(test(judge, to, how, logits, &now));
        sum->accuracy += counts ? now.accuracy / counted : 0;
        sum->balanced += counts ? now.balanced / counted : 0;
        sum->auc += counts ? now.auc / counted : 0;
        if (how->progress && !how->progress(how->user, epoch, now.accuracy))
            return imx_fail(IMX_E_STOPPED, "stopped while training a classifier");
    }
    return IMX_OK;
}

imx_status imx_classify(struct imx_dev *dev, const struct imx_classify *how, const struct imx_samples *train,
                        const struct imx_samples *test, struct imx_scores *scores)
{
    imx_status status = IMX_OK;
    struct imx_store *store = NULL;
    struct net learn = { 0 }, judge = { 0 };
    IMX_TRY(check(how, train, test));
    const size_t d = (size_t)train->d, batch = (size_t)how->batch;
    float *mean = malloc(d * 4), *scale = malloc(d * 4), *x = malloc(batch * d * 4);
    float *logits = malloc(((size_t)test->n + batch) * (size_t)how->classes * sizeof *logits);
    int32_t *label = malloc(batch * 4);
    uint32_t *order = malloc((size_t)train->n * 4);
    if (!mean || !scale || !x || !logits || !label || !order)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a classifier"));
    if (!how->mlp)
        IMX_GO(imx_standardise(train, mean, scale));
    struct feed from = { train, how->mlp ? NULL : mean, scale, x, label }, to = from;
    to.s = test;
    IMX_GO(imx_store_create(dev, true, &store));
    IMX_GO(build(&learn, dev, store, how, train->d, true));
    IMX_GO(build(&judge, dev, store, how, train->d, false));
    IMX_GO(imx_store_init(store, how->seed));
    IMX_GO(rounds(&learn, &judge, how, &from, &to, order, logits, scores));
fail:
    imx_graph_destroy(learn.g);
    imx_graph_destroy(judge.g);
    imx_store_destroy(store);
    free(mean);
    free(scale);
    free(x);
    free(logits);
    free(label);
    free(order);
    return status;
}
