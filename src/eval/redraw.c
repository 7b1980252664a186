/* See redraw.h. Two graphs share one store: training with batch statistics, drawing with the running ones. */
#include "eval/redraw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "eval/adjust.h"
#include "eval/ssim.h"
#include "ops/act.h"

enum { LEAST = 4, VALUES = 8192, ROUND = 16, LARGEST = 256 };

struct decoder {
    const struct imx_redraw *how;
    int32_t h, w, c, d, doublings;
    size_t image; /* values of an image */
    struct imx_store *store;
    struct imx_graph *draw;
    struct imx_fit_image target;
    imx_tid code[2], loss, drawn; /* code: of training, of drawing */
    struct imx_fit fit;
    uint8_t *bytes;
    float *codes, *out;
};

static struct imx_map decode(struct imx_build *b, const struct decoder *m, imx_tid code)
{
    char name[32];
    const int32_t n = m->how->batch, h = m->h >> m->doublings, w = m->w >> m->doublings;
    struct imx_map at = { code, n, 1, 1, m->d };
    const int32_t first = VALUES / (h * w) / ROUND * ROUND, full = m->doublings < 3 ? m->doublings : 3;
    at = imx_nn_linear(b, at, "decoder.in", h * w * first, false);
    at = imx_nn_batchnorm(b, at, "decoder.bn0", true);
    at = (struct imx_map){ at.t, n, h, w, first };
    for (int i = 1; i <= m->doublings; i++) {
        snprintf(name, sizeof name, "decoder.up%d", i);
        at = imx_nn_conv_transposed(b, at, name, i <= full ? 64 << (full - i) : 32, 4, 2, 1, 0, true);
        snprintf(name, sizeof name, "decoder.bn%d", i);
        at = imx_nn_batchnorm(b, at, name, true);
    }
    return imx_nn_act(b, imx_nn_conv(b, at, "decoder.out", m->c, 3, 1, 1, true), IMX_ACT_TANH, 0);
}

static imx_status build(struct decoder *m, struct imx_dev *dev)
{
    const int64_t n = m->how->batch, count = n * (int64_t)m->image;
    IMX_TRY(imx_store_create(dev, true, &m->store));
    IMX_TRY(imx_graph_create(dev, m->store, &m->fit.g));
    struct imx_graph *g = m->fit.g;
    struct imx_build b = { .g = g, .training = true };
    m->target = imx_fit_image(g, (int32_t)n, m->h, m->w, m->c);
    m->code[0] = imx_graph_keep(g, IMX_F32, n * m->d, "code");
    const imx_tid error = imx_fit_axpby(g, decode(&b, m, m->code[0]).t, 1, m->target.map.t, -1, count);
    m->loss = imx_fit_mean(g, imx_fit_mul(g, error, error, count), count);
    imx_graph_output(g, m->loss);
    IMX_TRY(imx_graph_backward(g, m->loss, 0));
    imx_nn_adam(g, &m->fit.hyp, &m->fit.norm);
    IMX_TRY(imx_graph_plan(g, 0));
    IMX_TRY(imx_fit_image_ready(g, &m->target));
    IMX_TRY(imx_graph_create(dev, m->store, &m->draw));
    b = (struct imx_build){ .g = m->draw };
    m->code[1] = imx_graph_keep(m->draw, IMX_F32, n * m->d, "code");
    m->drawn = decode(&b, m, m->code[1]).t;
    imx_graph_output(m->draw, m->drawn);
    IMX_TRY(imx_graph_plan(m->draw, 0));
    return imx_store_init(m->store, m->how->seed);
}

static imx_status learn(struct decoder *m, const struct imx_redraw_set *train)
{
    const int32_t n = m->how->batch;
    const int64_t per_epoch = train->n / n;
    imx_status status = IMX_OK;
    float loss = NAN;
    uint32_t *order = malloc((size_t)train->n * sizeof *order);
    if (!order)
        return imx_fail(IMX_E_NOMEM, "no memory for a decoder");
    for (int64_t step = 0; step < m->how->steps; step++) {
        const uint32_t *index = order + step % per_epoch * n;
        if (step % per_epoch == 0)
            imx_permute(m->how->seed, (uint64_t)(step / per_epoch), IMX_STREAM_ORDER, order, (uint32_t)train->n);
        imx_fit_gather(train->pix, m->image, index, 0, n, n, m->bytes);
        for (int32_t i = 0; i < n; i++)
            memcpy(m->codes + (int64_t)i * m->d, train->codes + (int64_t)index[i] * m->d, (size_t)m->d * sizeof(float));
        IMX_GO(imx_graph_upload(m->fit.g, m->target.bytes, m->bytes));
        IMX_GO(imx_graph_upload(m->fit.g, m->code[0], m->codes));
        IMX_GO(imx_fit_step(&m->fit, step));
        if (step % 20 == 0 || step + 1 == m->how->steps) {
            IMX_GO(imx_fit_check(&m->fit, "the decoder"));
            IMX_GO(imx_graph_download(m->fit.g, m->loss, &loss));
        }
        if (m->how->progress && !m->how->progress(m->how->user, step + 1, (double)loss))
            IMX_GO(imx_fail(IMX_E_STOPPED, "stopped while training a decoder"));
    }
fail:
    free(order);
    return status;
}

/* One drawing and the image it is of. */
struct comparison {
    const struct decoder *m;
    const uint8_t *pix; /* of the first of the batch */
    double *value;      /* [batch, 3]: error, SSIM, MS-SSIM; NaN where it went wrong */
};

static void compare(void *user, int64_t i)
{
    const struct comparison *c = user;
    const struct decoder *m = c->m;
    const float *drawn = m->out + (size_t)i * m->image;
    double *v = c->value + 3 * i;
    float *real = malloc(m->image * sizeof *real);
    v[0] = v[1] = v[2] = NAN;
    if (!real)
        return;
    double sum = 0;
    for (size_t k = 0; k < m->image; k++) {
        real[k] = 2 * (float)c->pix[(size_t)i * m->image + k] / 255.0f - 1;
        sum += (double)(drawn[k] - real[k]) * (double)(drawn[k] - real[k]);
    }
    if (imx_ssim(drawn, real, m->h, m->w, m->c, &v[1]) == IMX_OK)
        v[0] = sum / (double)m->image;
    if (imx_ms_ssim_scales(m->h, m->w) && imx_ms_ssim(drawn, real, m->h, m->w, m->c, &v[2]) != IMX_OK)
        v[0] = NAN;
    free(real);
}

static imx_status judge(struct decoder *m, const struct imx_redraw_set *test, struct imx_redraw_result *r)
{
    imx_status status = IMX_OK;
    double *value = malloc((size_t)m->how->batch * 3 * sizeof *value), sum[3] = { 0 };
    r->kept = (int32_t)(test->n < m->how->sheet ? test->n : m->how->sheet);
    r->drawn = malloc((size_t)r->kept * m->image + 1);
    if (!value || !r->drawn)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory to compare drawings"));
    for (int64_t at = 0; at < test->n; at += m->how->batch) {
        const int64_t now = test->n - at < m->how->batch ? test->n - at : m->how->batch;
        memcpy(m->codes, test->codes + at * m->d, (size_t)(now * m->d) * sizeof *m->codes);
        IMX_GO(imx_graph_upload(m->draw, m->code[1], m->codes));
        IMX_GO(imx_graph_run(m->draw));
        IMX_GO(imx_graph_download(m->draw, m->drawn, m->out));
        imx_parallel(0, now, compare, &(struct comparison){ m, test->pix + (size_t)at * m->image, value });
        for (int64_t i = 0; i < now; i++) {
            if (isnan(value[3 * i]))
                IMX_GO(imx_fail(IMX_E_NONFINITE, "a drawing could not be compared with its image"));
            for (int k = 0; k < 3; k++)
                sum[k] += value[3 * i + k];
        }
        for (int64_t i = at; i < at + now && i < r->kept; i++)
            for (size_t k = 0; k < m->image; k++)
                r->drawn[(size_t)i * m->image + k] =
                    (uint8_t)lrintf(127.5f * (m->out[(size_t)(i - at) * m->image + k] + 1));
    }
    r->error = sum[0] / (double)test->n;
    r->ssim = sum[1] / (double)test->n;
    r->ms_ssim = sum[2] / (double)test->n;
    r->scales = imx_ms_ssim_scales(m->h, m->w);
fail:
    free(value);
    return status;
}

imx_status imx_redraw(struct imx_dev *dev, const struct imx_redraw *how, const struct imx_redraw_set *train,
                      const struct imx_redraw_set *test, int32_t h, int32_t w, int32_t c, int32_t d,
                      struct imx_redraw_result *result)
{
    imx_status status = IMX_OK;
    struct decoder m = { .how = how, .h = h, .w = w, .c = c, .d = d, .image = (size_t)h * (size_t)w * (size_t)c };
    const size_t batch = (size_t)how->batch;
    *result = (struct imx_redraw_result){ 0 };
    m.fit = (struct imx_fit){ .lr = how->lr, .steps = how->steps };
    while ((h >> m.doublings) % 2 == 0 && (w >> m.doublings) % 2 == 0 && (h >> m.doublings) / 2 >= LEAST &&
           (w >> m.doublings) / 2 >= LEAST)
        m.doublings++;
    if (!m.doublings || (h >> m.doublings) * (w >> m.doublings) > LARGEST)
        return imx_fail(IMX_E_DATA,
                        "a decoder draws images whose sides are a small number doubled a few times, not %dx%d", w, h);
    if (how->batch < 2 || train->n < how->batch || !test->n || train->n > UINT32_MAX)
        return imx_fail(IMX_E_DATA, "%lld images are too few for a decoder in batches of %d", (long long)train->n,
                        how->batch);
    m.bytes = malloc(batch * m.image);
    m.codes = calloc(batch * (size_t)d, sizeof *m.codes);
    m.out = malloc(batch * m.image * sizeof *m.out);
    if (!m.bytes || !m.codes || !m.out)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a decoder"));
    IMX_GO(build(&m, dev));
    IMX_GO(learn(&m, train));
    IMX_GO(judge(&m, test, result));
fail:
    if (status != IMX_OK) {
        free(result->drawn);
        result->drawn = NULL;
    }
    imx_graph_destroy(m.fit.g);
    imx_graph_destroy(m.draw);
    imx_store_destroy(m.store);
    free(m.bytes);
    free(m.codes);
    free(m.out);
    return status;
}
