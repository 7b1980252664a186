/* See classify.h. Two graphs share one store: training with batch statistics and dropout, testing without. */
#include "eval/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "nn/layers.h"
#include "ops/optim.h"
#include "ops/xent.h"

enum { HIDDEN = 200 };
static const double B1 = 0.5, B2 = 0.999, EPS = 1e-8;
static const float DROP = 0.1f;

struct net {
    struct imx_graph *g;
    imx_tid x, label, ctr, hyp, norm, hits, count;
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
    net->label = imx_graph_keep(g, IMX_I32, n, "label");
    net->ctr = training && how->mlp ? imx_graph_keep(g, IMX_U32, 4, "ctr") : 0;
    struct imx_build b = { .g = g, .training = training, .ctr = net->ctr };
    struct imx_map at = { net->x, n, 1, 1, d };
    if (how->mlp) {
        at = imx_nn_linear(&b, at, "probe.hidden", HIDDEN, true);
        at = imx_nn_dropout(&b, at, DROP);
        at = imx_nn_batchnorm(&b, at, "probe.bn", true);
    }
    at = imx_nn_linear(&b, at, "probe.out", how->classes, true);
    imx_graph_label(g, "xent");
    const imx_tid loss = imx_graph_temp(g, IMX_F32, 1, "loss"), lse = imx_graph_temp(g, IMX_F32, n, "lse");
    net->hits = imx_graph_keep(g, IMX_F32, 1, "hits");
    net->count = imx_graph_keep(g, IMX_F32, 1, "count");
    imx_graph_node(g, &imx_op_xent_fwd, &(struct imx_xent){ n, how->classes },
                   (imx_tid[]){ at.t, net->label, loss, net->hits, lse, net->count });
    if (training) {
        IMX_TRY(imx_graph_backward(g, loss, 0));
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
    return imx_graph_upload(net->g, net->label, f->label);
}

static imx_status train_epoch(struct net *net, struct feed *f, const struct imx_classify *how, int32_t epoch,
                              uint64_t *step, uint32_t *order)
{
    const double lr = how->lr * (epoch >= 100 ? 0.01 : epoch >= 50 ? 0.1 : 1.0);
    imx_permute(how->seed, (uint64_t)epoch, IMX_STREAM_SPLIT, order, (uint32_t)f->s->n);
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
    float norm[2];
    IMX_TRY(imx_graph_download(net->g, net->norm, norm));
    if (!(norm[1] == 0.0f))
        return imx_fail(IMX_E_NONFINITE, "the classifier's gradient is not finite in epoch %d", epoch + 1);
    return IMX_OK;
}

static imx_status test_accuracy(struct net *net, struct feed *f, int32_t batch, double *accuracy)
{
    double hits = 0, count = 0;
    for (int64_t at = 0; at < f->s->n; at += batch) {
        float h, c;
        const int64_t now = f->s->n - at < batch ? f->s->n - at : batch;
        IMX_TRY(upload_batch(net, f, NULL, at, now, batch));
        IMX_TRY(imx_graph_run(net->g));
        IMX_TRY(imx_graph_download(net->g, net->hits, &h));
        IMX_TRY(imx_graph_download(net->g, net->count, &c));
        hits += (double)h;
        count += (double)c;
    }
    if (count == 0)
        return imx_fail(IMX_E_DATA, "no test image has a label");
    *accuracy = hits / count;
    return IMX_OK;
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

imx_status imx_classify(struct imx_dev *dev, const struct imx_classify *how, const struct imx_samples *train,
                        const struct imx_samples *test, double *accuracy)
{
    imx_status status = IMX_OK;
    struct imx_store *store = NULL;
    struct net learn = { 0 }, judge = { 0 };
    IMX_TRY(check(how, train, test));
    const size_t d = (size_t)train->d, batch = (size_t)how->batch;
    float *mean = malloc(d * 4), *scale = malloc(d * 4), *x = malloc(batch * d * 4);
    int32_t *label = malloc(batch * 4);
    uint32_t *order = malloc((size_t)train->n * 4);
    uint64_t step = 0;
    double sum = 0;
    const int32_t counted = how->epochs / 10 > 1 ? how->epochs / 10 : 1;
    if (!mean || !scale || !x || !label || !order)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a classifier"));
    if (!how->mlp)
        IMX_GO(imx_standardise(train, mean, scale));
    struct feed from = { train, how->mlp ? NULL : mean, scale, x, label }, to = from;
    to.s = test;
    IMX_GO(imx_store_create(dev, true, &store));
    IMX_GO(build(&learn, dev, store, how, train->d, true));
    IMX_GO(build(&judge, dev, store, how, train->d, false));
    IMX_GO(imx_store_init(store, how->seed));
    for (int32_t epoch = 0; epoch < how->epochs; epoch++) {
        double now = 0;
        IMX_GO(train_epoch(&learn, &from, how, epoch, &step, order));
        if (epoch >= how->epochs - counted || how->progress)
            IMX_GO(test_accuracy(&judge, &to, how->batch, &now));
        if (epoch >= how->epochs - counted)
            sum += now;
        if (how->progress && !how->progress(how->user, epoch, now))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while training a classifier"));
    }
    *accuracy = sum / counted;
fail:
    imx_graph_destroy(learn.g);
    imx_graph_destroy(judge.g);
    imx_store_destroy(store);
    free(mean);
    free(scale);
    free(x);
    free(label);
    free(order);
    return status;
}
