/* See ndm.h. Two graphs share one store: training on a batch and its permuted copy, scoring any codes. */
#include "eval/ndm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "eval/adjust.h"
#include "ops/act.h"

enum { HIDDEN1 = 1000, HIDDEN2 = 200, SHUFFLES = 2, LOOKS = 12, FEWEST = 40 };
enum part { LEARN, CHOOSE, JUDGE, PARTS };

struct ndm {
    const struct imx_ndm *how;
    int32_t d, batch;
    const float *code[PARTS]; /* [n[part], d] */
    int64_t n[PARTS];
    struct imx_store *store;
    struct imx_graph *judge;
    imx_tid real, fake, x, score;
    struct imx_fit fit;
    float *mixed;         /* codes with permuted columns, [most n, d] */
    float *joint, *fakes; /* scores: [most n], [SHUFFLES * most n] */
    uint32_t *order;
    uint64_t draws; /* permutations made so far */
};

static imx_tid scores(struct imx_build *b, imx_tid x, int32_t rows, int32_t d)
{
    struct imx_map at = { x, rows, 1, 1, d };
    at = imx_nn_act(b, imx_nn_linear(b, at, "ndm.fc1", HIDDEN1, true), IMX_ACT_RELU, 0);
    at = imx_nn_act(b, imx_nn_linear(b, at, "ndm.fc2", HIDDEN2, true), IMX_ACT_RELU, 0);
    return imx_nn_linear(b, at, "ndm.fc3", 1, true).t;
}

static imx_status build(struct ndm *m, struct imx_dev *dev)
{
    const int32_t n = m->batch;
    IMX_TRY(imx_store_create(dev, true, &m->store));
    IMX_TRY(imx_graph_create(dev, m->store, &m->fit.g));
    struct imx_graph *g = m->fit.g;
    struct imx_build b = { .g = g, .training = true };
    m->real = imx_graph_keep(g, IMX_F32, (int64_t)n * m->d, "real");
    m->fake = imx_graph_keep(g, IMX_F32, (int64_t)n * m->d, "fake");
    const imx_tid on_real = scores(&b, m->real, n, m->d), on_fake = scores(&b, m->fake, n, m->d);
    const struct imx_map fakes = { on_fake, n, 1, 1, 1 };
    const imx_tid grown = imx_fit_mean(g, imx_nn_act(&b, fakes, IMX_ACT_EXP, 0).t, n);
    const imx_tid loss = imx_fit_axpby(g, grown, exp(-1), imx_fit_mean(g, on_real, n), -1, 1);
    IMX_TRY(imx_graph_backward(g, loss, 0));
    imx_nn_adam(g, &m->fit.hyp, &m->fit.norm);
    IMX_TRY(imx_graph_plan(g, 0));
    IMX_TRY(imx_graph_create(dev, m->store, &m->judge));
    b = (struct imx_build){ .g = m->judge };
    m->x = imx_graph_keep(m->judge, IMX_F32, (int64_t)n * m->d, "x");
    m->score = scores(&b, m->x, n, m->d);
    imx_graph_output(m->judge, m->score);
    IMX_TRY(imx_graph_plan(m->judge, 0));
    return imx_store_init(m->store, m->how->seed);
}

/* mixed[n,d]: each column of the codes in an order of its own. */
static void permute_columns(struct ndm *m, const float *codes, int64_t n)
{
    for (int32_t c = 0; c < m->d; c++) {
        imx_permute(m->how->seed, ++m->draws, IMX_STREAM_ORDER, m->order, (uint32_t)n);
        for (int64_t i = 0; i < n; i++)
            m->mixed[i * m->d + c] = codes[(int64_t)m->order[i] * m->d + c];
    }
}

static imx_status score(struct ndm *m, const float *x, int64_t n, float *to)
{
    for (int64_t at = 0; at < n; at += m->batch) {
        const int64_t now = n - at < m->batch ? n - at : m->batch,
                      begin = at + now > m->batch ? at + now - m->batch : 0;
        /* a last piece that is too short begins earlier; codes are at least a batch */
        IMX_TRY(imx_graph_upload(m->judge, m->x, x + begin * m->d));
        IMX_TRY(imx_graph_run(m->judge));
        IMX_TRY(imx_graph_download(m->judge, m->score, to + begin));
    }
    return IMX_OK;
}

static imx_status value(struct ndm *m, enum part part, double *nats)
{
    const int64_t n = m->n[part] < m->n[JUDGE] ? m->n[part] : m->n[JUDGE]; /* as many of each part */
    IMX_TRY(score(m, m->code[part], n, m->joint));
    for (int s = 0; s < SHUFFLES; s++) {
        permute_columns(m, m->code[part], n);
        IMX_TRY(score(m, m->mixed, n, m->fakes + s * n));
    }
    *nats = imx_dv_value(m->joint, n, m->fakes, SHUFFLES * n);
    return isfinite(*nats) ? IMX_OK : imx_fail(IMX_E_NONFINITE, "the scores of the dependency critic are not finite");
}

static imx_status learn(struct ndm *m, struct imx_ndm_result *r)
{
    const int64_t per_epoch = m->n[LEARN] / m->batch, every = m->how->steps > LOOKS ? m->how->steps / LOOKS : 1;
    float *batch = malloc((size_t)m->batch * (size_t)m->d * sizeof *batch);
    uint32_t *order = malloc((size_t)m->n[LEARN] * sizeof *order);
    imx_status status = IMX_OK;
    double best = -HUGE_VAL, now = NAN;
    if (!batch || !order)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to measure dependence"));
    for (int64_t step = 0; step < m->how->steps; step++) {
        const int64_t in_epoch = step % per_epoch;
        if (!in_epoch)
            imx_permute(m->how->seed, (uint64_t)(step / per_epoch), IMX_STREAM_SPLIT, order, (uint32_t)m->n[LEARN]);
        for (int32_t i = 0; i < m->batch; i++)
            memcpy(batch + (int64_t)i * m->d, m->code[LEARN] + (int64_t)order[in_epoch * m->batch + i] * m->d,
                   (size_t)m->d * sizeof *batch);
        permute_columns(m, batch, m->batch);
        IMX_GO(imx_graph_upload(m->fit.g, m->real, batch));
        IMX_GO(imx_graph_upload(m->fit.g, m->fake, m->mixed));
        IMX_GO(imx_fit_step(&m->fit, step));
        if ((step + 1) % every == 0 || step + 1 == m->how->steps) {
            IMX_GO(imx_fit_check(&m->fit, "the dependency critic"));
            IMX_GO(value(m, CHOOSE, &now));
            if (m->how->all) {
                r->nats = r->learned = now;
                r->step = step + 1;
            } else if (now > best) {
                best = now;
                r->step = step + 1;
                IMX_GO(value(m, JUDGE, &r->nats));
                IMX_GO(value(m, LEARN, &r->learned));
            }
        }
        if (m->how->progress && !m->how->progress(m->how->user, step + 1, now))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while measuring dependence"));
    }
fail:
    free(batch);
    free(order);
    return status;
}

/* A copy in an order drawn by lot, so that parts are alike whatever the order of the images was; of `all`, each part
 * is the whole. */
static imx_status split(struct ndm *m, const float *codes, int64_t n, float *copy)
{
    const int64_t held = n * 15 / 100, taught = m->how->all ? n : n - 2 * held;
    imx_permute(m->how->seed, UINT64_MAX, IMX_STREAM_SPLIT, m->order, (uint32_t)n);
    for (int64_t i = 0; i < n; i++)
        for (int32_t c = 0; c < m->d; c++) {
            const float y = codes[(int64_t)m->order[i] * m->d + c];
            if (!isfinite(y))
                return imx_fail(IMX_E_NONFINITE, "the code of image %u is not finite", m->order[i]);
            copy[i * m->d + c] = m->how->sigmoid ? (float)(1 / (1 + exp(-(double)y))) : y;
        }
    if (m->how->standardise)
        IMX_TRY(imx_fit_standardise(copy, n, m->d));
    m->n[LEARN] = taught;
    m->n[CHOOSE] = m->n[JUDGE] = m->how->all ? n : held;
    m->code[LEARN] = copy;
    m->code[CHOOSE] = m->how->all ? copy : copy + taught * m->d;
    m->code[JUDGE] = m->how->all ? copy : copy + (taught + held) * m->d;
    m->batch = (int32_t)(m->n[JUDGE] < m->how->batch ? m->n[JUDGE] : m->how->batch);
    return IMX_OK;
}

imx_status imx_ndm(struct imx_dev *dev, const struct imx_ndm *how, const float *codes, int64_t n, int32_t d,
                   struct imx_ndm_result *result)
{
    imx_status status = IMX_OK;
    struct ndm m = { .how = how, .d = d, .fit = { .lr = how->lr, .steps = how->steps } };
    if (n < FEWEST || n > UINT32_MAX)
        return imx_fail(IMX_E_DATA, "%lld codes: a dependency measure needs at least %d", (long long)n, FEWEST);
    if (how->batch < 2 || how->steps < 1)
        return imx_fail(IMX_E_ARG, "a dependency measure needs a batch of at least 2 and a step");
    float *copy = malloc((size_t)n * (size_t)d * sizeof *copy);
    m.mixed = malloc((size_t)n * (size_t)d * sizeof *m.mixed);
    m.joint = malloc((size_t)n * sizeof *m.joint);
    m.fakes = malloc((size_t)n * SHUFFLES * sizeof *m.fakes);
    m.order = malloc((size_t)n * sizeof *m.order);
    *result = (struct imx_ndm_result){ 0 };
    if (!copy || !m.mixed || !m.joint || !m.fakes || !m.order)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to measure dependence"));
    IMX_GO(split(&m, codes, n, copy));
    result->batch = m.batch;
    IMX_GO(build(&m, dev));
    status = learn(&m, result);
fail:
    imx_graph_destroy(m.fit.g);
    imx_graph_destroy(m.judge);
    imx_store_destroy(m.store);
    free(copy);
    free(m.mixed);
    free(m.joint);
    free(m.fakes);
    free(m.order);
    return status;
}
