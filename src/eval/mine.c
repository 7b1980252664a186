/* See mine.h. Two graphs share one store: training, and scoring of held-out pairs. */
#include "eval/mine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "eval/adjust.h"
#include "ops/act.h"
#include "ops/reduce.h"

enum { SMALLEST = 8, PAIRINGS = 4 };

/* Scores of a batch of pairs. */
struct pairs {
    struct imx_fit_image image;
    imx_tid code, score;
};

struct mine {
    const struct imx_mine *how;
    const uint8_t *pix;
    float *codes; /* [n,d], a copy */
    int64_t n, n_learn;
    int32_t h, w, c, d;
    struct imx_store *store;
    struct imx_graph *judge;
    struct pairs joint, marginal, other; /* the last: of the judge */
    struct imx_fit fit;
    uint32_t *order; /* all images by lot; the first n_learn teach */
    uint32_t *index; /* of a batch */
    uint8_t *bytes;
    float *code, *score[2];
};

static struct imx_map relu(struct imx_build *b, struct imx_map x)
{
    return imx_nn_act(b, x, IMX_ACT_RELU, 0);
}

static imx_tid scores(struct imx_build *b, struct imx_map image, imx_tid code, int32_t d)
{
    static const char *const name[3] = { "mine.conv1", "mine.conv2", "mine.conv3" };
    struct imx_map at = image, y = { code, image.n, 1, 1, d };
    for (int i = 0; i < 3; i++)
        at = relu(b, imx_nn_conv(b, at, name[i], 64 << i, 4, 2, 1, true));
    at = relu(b, imx_nn_linear(b, at, "mine.image", 256, true));
    y = relu(b, imx_nn_linear(b, y, "mine.code1", 64, true));
    y = relu(b, imx_nn_linear(b, y, "mine.code2", 256, true));
    /* One linear map of both, as two that are added: concatenating has no second derivative. */
    y = imx_nn_linear(b, y, "mine.fc1.code", 128, true);
    at = relu(b, imx_nn_linear_add(b, at, "mine.fc1.image", 128, false, IMX_INIT_UNIFORM, y.t));
    return imx_nn_linear(b, at, "mine.fc2", 1, true).t;
}

static struct pairs make_pairs(struct imx_build *b, const struct mine *m, imx_tid code)
{
    struct pairs p = { .image = imx_fit_image(b->g, m->how->batch, m->h, m->w, m->c), .code = code };
    if (!code)
        p.code = imx_graph_keep(b->g, IMX_F32, (int64_t)m->how->batch * m->d, "code");
    p.score = scores(b, p.image.map, p.code, m->d);
    imx_graph_output(b->g, p.score);
    return p;
}

/* loss + weight * mean over the pairs of |grad_image T|^2 */
static imx_tid penalise(struct imx_graph *g, const struct mine *m, imx_tid loss)
{
    const imx_tid image = m->joint.image.map.t;
    const int64_t each = (int64_t)m->h * m->w * m->c, count = each * m->how->batch;
    imx_tid d = 0;
    if (imx_graph_gradient(g, m->joint.score, 0, 1, &image, &d) != IMX_OK || !d)
        return loss;
    const imx_tid mean = imx_fit_mean(g, imx_fit_mul(g, d, d, count), count);
    return imx_fit_axpby(g, loss, 1, mean, m->how->penalty * (double)each, 1);
}

static imx_status build(struct mine *m, struct imx_dev *dev)
{
    const int32_t n = m->how->batch;
    IMX_TRY(imx_store_create(dev, true, &m->store));
    IMX_TRY(imx_graph_create(dev, m->store, &m->fit.g));
    struct imx_graph *g = m->fit.g;
    struct imx_build b = { .g = g, .training = true };
    m->joint = make_pairs(&b, m, 0);
    m->marginal = make_pairs(&b, m, m->joint.code);
    const struct imx_rowreduce lse = { 1, n, IMX_REDUCE_LSE };
    const imx_tid negative = imx_graph_temp(g, IMX_F32, 1, "lse");
    imx_graph_node(g, &imx_op_rowreduce, &lse, (imx_tid[]){ m->marginal.score, negative });
    imx_tid loss = imx_fit_axpby(g, negative, 1, imx_fit_mean(g, m->joint.score, n), -1, 1);
    if (m->how->penalty > 0)
        loss = penalise(g, m, loss);
    IMX_TRY(g->status);
    IMX_TRY(imx_graph_backward(g, loss, 0));
    imx_nn_adam(g, &m->fit.hyp, &m->fit.norm);
    IMX_TRY(imx_graph_plan(g, 0));
    IMX_TRY(imx_fit_image_ready(g, &m->joint.image));
    IMX_TRY(imx_fit_image_ready(g, &m->marginal.image));
    IMX_TRY(imx_graph_create(dev, m->store, &m->judge));
    b = (struct imx_build){ .g = m->judge };
    m->other = make_pairs(&b, m, 0);
    IMX_TRY(imx_graph_plan(m->judge, 0));
    IMX_TRY(imx_fit_image_ready(m->judge, &m->other.image));
    return imx_store_init(m->store, m->how->seed);
}

static imx_status upload_codes(struct mine *m, struct imx_graph *g, imx_tid to, const uint32_t *index)
{
    for (int32_t i = 0; i < m->how->batch; i++)
        memcpy(m->code + (int64_t)i * m->d, m->codes + (int64_t)index[i] * m->d, (size_t)m->d * sizeof *m->code);
    return imx_graph_upload(g, to, m->code);
}

static imx_status upload_images(struct mine *m, struct imx_graph *g, imx_tid to, const uint32_t *index)
{
    imx_fit_gather(m->pix, (size_t)m->h * (size_t)m->w * (size_t)m->c, index, 0, m->how->batch, m->how->batch,
                   m->bytes);
    return imx_graph_upload(g, to, m->bytes);
}

/* The images of a step's batch, by lot among those that teach; one may come again. A stream is a draw of its own. */
static void choose(struct mine *m, int64_t step, uint32_t stream)
{
    uint32_t draw = 0;
    for (int32_t i = 0; i < m->how->batch; i++)
        m->index[i] = m->order[imx_random_below(m->how->seed, (uint64_t)step, stream, &draw, (uint32_t)m->n_learn)];
}

static imx_status learn(struct mine *m, struct imx_mine_result *r)
{
    const struct imx_mine *how = m->how;
    const int64_t last = how->steps - (how->steps + 9) / 10;
    double now = NAN, sum = 0;
    for (int64_t step = 0; step < how->steps; step++) {
        choose(m, step, IMX_STREAM_ORDER);
        IMX_TRY(upload_codes(m, m->fit.g, m->joint.code, m->index));
        IMX_TRY(upload_images(m, m->fit.g, m->joint.image.bytes, m->index));
        choose(m, step, IMX_STREAM_GATHER);
        IMX_TRY(upload_images(m, m->fit.g, m->marginal.image.bytes, m->index));
        IMX_TRY(imx_fit_step(&m->fit, step));
        if (step >= last || step % 20 == 0) {
            IMX_TRY(imx_fit_check(&m->fit, "the critic of images and codes"));
            IMX_TRY(imx_graph_download(m->fit.g, m->joint.score, m->score[0]));
            IMX_TRY(imx_graph_download(m->fit.g, m->marginal.score, m->score[1]));
            now = imx_dv_value(m->score[0], how->batch, m->score[1], how->batch);
            sum += step >= last ? now : 0;
        }
        if (how->progress && !how->progress(how->user, step + 1, now))
            return imx_fail(IMX_E_STOPPED, "stopped while estimating mutual information");
    }
    r->nats = sum / (double)(how->steps - last);
    return isfinite(r->nats) ? IMX_OK : imx_fail(IMX_E_NONFINITE, "the estimate of mutual information is not finite");
}

/* Scores of whole batches of held-out codes with the images `shift` places on: 0 gives the joint pairs. */
static imx_status score_held(struct mine *m, int64_t shift, float *to)
{
    const uint32_t *held = m->order + m->n_learn;
    const int64_t n = (m->n - m->n_learn) / m->how->batch * m->how->batch;
    for (int64_t at = 0; at < n; at += m->how->batch) {
        IMX_TRY(upload_codes(m, m->judge, m->other.code, held + at));
        for (int32_t i = 0; i < m->how->batch; i++)
            m->index[i] = held[(at + i + shift) % n];
        IMX_TRY(upload_images(m, m->judge, m->other.image.bytes, m->index));
        IMX_TRY(imx_graph_run(m->judge));
        IMX_TRY(imx_graph_download(m->judge, m->other.score, to + at));
    }
    return IMX_OK;
}

static imx_status judge(struct mine *m, struct imx_mine_result *r)
{
    const int64_t n = (m->n - m->n_learn) / m->how->batch * m->how->batch;
    imx_status status = IMX_OK;
    float *joint = malloc((size_t)n * sizeof *joint), *marginal = malloc((size_t)n * PAIRINGS * sizeof *marginal);
    if (!joint || !marginal)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to judge an estimate"));
    IMX_GO(score_held(m, 0, joint));
    for (int64_t k = 0; k < PAIRINGS; k++)
        IMX_GO(score_held(m, 1 + k * (n / PAIRINGS > 1 ? n / PAIRINGS - 1 : 1), marginal + k * n));
    r->heldout = imx_dv_value(joint, n, marginal, n * PAIRINGS);
fail:
    free(joint);
    free(marginal);
    return status;
}

imx_status imx_mine(struct imx_dev *dev, const struct imx_mine *how, const uint8_t *pix, int64_t n, int32_t h,
                    int32_t w, int32_t c, const float *codes, int32_t d, struct imx_mine_result *result)
{
    imx_status status = IMX_OK;
    struct imx_mine use = *how;
    struct mine m = { .how = &use, .pix = pix, .n = n, .h = h, .w = w, .c = c, .d = d };
    const size_t batch = (size_t)how->batch;
    m.fit = (struct imx_fit){ .lr = how->lr, .steps = how->steps };
    int64_t held = n / 10;
    if (how->batch < 2 || how->steps < 1)
        return imx_fail(IMX_E_ARG, "an estimate of mutual information needs a batch of at least 2 and a step");
    held = held < how->batch ? how->batch : held;
    if (n < 2 * held || n > UINT32_MAX)
        return imx_fail(IMX_E_DATA, "%lld images are too few to estimate mutual information in batches of %d",
                        (long long)n, how->batch);
    if (h < SMALLEST || w < SMALLEST)
        return imx_fail(IMX_E_DATA,
                        "images of %dx%d are too small to estimate mutual information: %d pixels are needed", w, h,
                        SMALLEST);
    m.n_learn = n - held;
    *result = (struct imx_mine_result){ .images = m.n_learn };
    m.codes = malloc((size_t)n * (size_t)d * sizeof *m.codes);
    m.order = malloc((size_t)n * sizeof *m.order);
    m.index = malloc(batch * sizeof *m.index);
    m.bytes = malloc(batch * (size_t)h * (size_t)w * (size_t)c);
    m.code = malloc(batch * (size_t)d * sizeof *m.code);
    m.score[0] = malloc(batch * sizeof(float));
    m.score[1] = malloc(batch * sizeof(float));
    if (!m.codes || !m.order || !m.index || !m.bytes || !m.code || !m.score[0] || !m.score[1])
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to estimate mutual information"));
    memcpy(m.codes, codes, (size_t)n * (size_t)d * sizeof *m.codes);
    if (how->standardise)
        IMX_GO(imx_fit_standardise(m.codes, n, d));
    imx_permute(how->seed, UINT64_MAX, IMX_STREAM_SPLIT, m.order, (uint32_t)n);
    IMX_GO(build(&m, dev));
    IMX_GO(learn(&m, result));
    status = judge(&m, result);
fail:
    imx_graph_destroy(m.fit.g);
    imx_graph_destroy(m.judge);
    imx_store_destroy(m.store);
    free(m.codes);
    free(m.order);
    free(m.index);
    free(m.bytes);
    free(m.code);
    free(m.score[0]);
    free(m.score[1]);
    return status;
}
