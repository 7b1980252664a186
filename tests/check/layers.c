/* Layers as graphs: the transposed convolution against its definition in PyTorch's element order, on every device;
 * gradients of layers, and gradients of gradients (a gradient penalty), against central differences in double; a second
 * derivative that no rule offers is refused. */
#include "nn/layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "graph/oracle.h"
#include "ops/act.h"
#include "ops/eltwise.h"
#include "ops/reduce.h"

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / (double)(UINT64_C(1) << 52) - 1.0;
}

static void graph_open(struct imx_dev *dev, struct imx_build *b, struct imx_store **store)
{
    *b = (struct imx_build){ .training = true };
    if (imx_store_create(dev, true, store) != IMX_OK || imx_graph_create(dev, *store, &b->g) != IMX_OK)
        abort();
}

static struct imx_map input(struct imx_build *b, int32_t n, int32_t h, int32_t w, int32_t c)
{
    return (struct imx_map){ imx_graph_keep(b->g, IMX_F32, (int64_t)n * h * w * c, "x"), n, h, w, c };
}

/* ---- transposed convolution against its definition ---- */

struct deconv {
    int32_t n, h, w, c, o, k, stride, pad, more;
};

/* wei [c, o, k, k] and bia [o] as PyTorch stores them; src and dst n,h,w,c. */
static void define(const struct deconv *d, int32_t p, int32_t q, const float *src, const float *wei, const float *bia,
                   double *dst)
{
    for (int64_t i = 0; i < (int64_t)d->n * p * q * d->o; i++)
        dst[i] = (double)bia[i % d->o];
    for (int32_t n = 0; n < d->n; n++)
        for (int32_t i = 0; i < d->h * d->w * d->c * d->o * d->k * d->k; i++) {
            const int32_t s = i % d->k, r = i / d->k % d->k, o = i / (d->k * d->k) % d->o;
            const int32_t c = i / (d->k * d->k * d->o) % d->c, at = i / (d->k * d->k * d->o * d->c);
            const int32_t y = at / d->w * d->stride - d->pad + r, x = at % d->w * d->stride - d->pad + s;
            if (y >= 0 && y < p && x >= 0 && x < q)
                dst[((n * p + y) * q + x) * d->o + o] += (double)src[(n * d->h * d->w + at) * d->c + c] *
                                                         (double)wei[((c * d->o + o) * d->k + r) * d->k + s];
        }
}

static void deconv_test(struct imx_dev *dev, const char *where, struct deconv d)
{
    static float src[4096], wei[4096], bia[64], got[8192];
    static double want[8192];
    struct imx_build b;
    struct imx_store *store = NULL;
    uint64_t state = 5;
    double worst = 0;
    graph_open(dev, &b, &store);
    const struct imx_map x = input(&b, d.n, d.h, d.w, d.c);
    const struct imx_map y = imx_nn_conv_transposed(&b, x, "up", d.o, d.k, d.stride, d.pad, d.more, true);
    const int32_t p = (d.h - 1) * d.stride - 2 * d.pad + d.k + d.more;
    const int32_t q = (d.w - 1) * d.stride - 2 * d.pad + d.k + d.more;
    const int64_t count = (int64_t)d.n * p * q * d.o;
    for (int i = 0; i < 4096; i++) { /* of few bits, so that every sum is exact */
        src[i] = (float)(int)(8 * noise(&state));
        wei[i] = (float)(int)(8 * noise(&state));
        bia[i % 64] = (float)(int)(8 * noise(&state));
    }
    imx_graph_output(b.g, y.t);
    bool ok = y.h == p && y.w == q && y.c == d.o && imx_graph_plan(b.g, 0) == IMX_OK;
    int64_t shape[4] = { 0 };
    if (ok)
        ok = imx_param_shape(&store->param[imx_store_find(store, "up.weight")], shape) == 4 && shape[0] == d.c &&
             shape[1] == d.o && shape[2] == d.k && shape[3] == d.k;
    ok = ok && imx_store_set(store, imx_store_find(store, "up.weight"), IMX_ARENA_PARAM, wei) == IMX_OK &&
         imx_store_set(store, imx_store_find(store, "up.bias"), IMX_ARENA_PARAM, bia) == IMX_OK &&
         imx_graph_upload(b.g, x.t, src) == IMX_OK && imx_graph_run(b.g) == IMX_OK &&
         imx_graph_download(b.g, y.t, got) == IMX_OK && dev->vt->sync(dev) == IMX_OK;
    define(&d, p, q, src, wei, bia, want);
    for (int64_t i = 0; ok && i < count; i++)
        worst = fmax(worst, fabs((double)got[i] - want[i]));
    tap_ok(ok && worst == 0, "%s: transposed convolution %dx%d to %dx%d, kernel %d, stride %d, padding %d: off by %g",
           where, d.h, d.w, p, q, d.k, d.stride, d.pad, worst);
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

static void deconvs(struct imx_dev *dev, const char *where)
{
    deconv_test(dev, where, (struct deconv){ 2, 4, 4, 6, 5, 4, 2, 1, 0 });
    deconv_test(dev, where, (struct deconv){ 1, 1, 1, 17, 9, 4, 1, 0, 0 });
    deconv_test(dev, where, (struct deconv){ 2, 3, 5, 4, 3, 3, 2, 1, 1 });
    deconv_test(dev, where, (struct deconv){ 1, 5, 4, 3, 7, 3, 1, 1, 0 });
    deconv_test(dev, where, (struct deconv){ 2, 2, 3, 5, 2, 2, 3, 0, 2 });
    deconv_test(dev, where, (struct deconv){ 1, 6, 3, 2, 4, 5, 2, 2, 1 });
}

/* A linear map into a map: weight [c*h*w, in] in PyTorch's order, result n,h,w,c. */
static void unflatten(struct imx_dev *dev, const char *where)
{
    enum { N = 3, IN = 5, H = 2, W_ = 3, C = 4, ROWS = C * H * W_ };
    struct imx_build b;
    struct imx_store *store = NULL;
    float src[N * IN], wei[ROWS * IN], back[ROWS * IN], got[N * ROWS];
    uint64_t state = 9;
    int64_t shape[4] = { 0 };
    int wrong = 0;
    graph_open(dev, &b, &store);
    const struct imx_map x = input(&b, N, 1, 1, IN), y = imx_nn_unflatten(&b, x, "un", H, W_, C);
    for (int i = 0; i < N * IN; i++)
        src[i] = (float)(int)(8 * noise(&state));
    for (int i = 0; i < ROWS * IN; i++)
        wei[i] = (float)(int)(8 * noise(&state));
    imx_graph_output(b.g, y.t);
    const int p = imx_store_find(store, "un.weight");
    const bool ok = imx_graph_plan(b.g, 0) == IMX_OK && imx_param_shape(&store->param[p], shape) == 2 &&
                    shape[0] == ROWS && shape[1] == IN && imx_store_set(store, p, IMX_ARENA_PARAM, wei) == IMX_OK &&
                    imx_store_get(store, p, IMX_ARENA_PARAM, back) == IMX_OK &&
                    imx_graph_upload(b.g, x.t, src) == IMX_OK && imx_graph_run(b.g) == IMX_OK &&
                    imx_graph_download(b.g, y.t, got) == IMX_OK && dev->vt->sync(dev) == IMX_OK;
    for (int n = 0; ok && n < N; n++)
        for (int row = 0; row < ROWS; row++) { /* row = (c, h, w) */
            const int c = row / (H * W_), at = row % (H * W_);
            float want = 0;
            for (int k = 0; k < IN; k++)
                want += src[n * IN + k] * wei[row * IN + k];
            wrong += got[(n * H * W_ + at) * C + c] != want;
        }
    tap_ok(ok && !wrong && !memcmp(wei, back, sizeof wei), "%s: a linear map into a map, in PyTorch's order: %d wrong",
           where, wrong);
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

static void impossible(struct imx_dev *dev)
{
    struct imx_build b;
    struct imx_store *store = NULL;
    graph_open(dev, &b, &store);
    imx_nn_conv_transposed(&b, input(&b, 1, 1, 1, 2), "up", 3, 2, 1, 1, 0, true);
    tap_ok(b.g->status == IMX_E_ARG, "a transposed convolution with an empty result is refused");
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
    graph_open(dev, &b, &store);
    imx_nn_conv_transposed(&b, input(&b, 1, 2, 2, 2), "up", 3, 4, 2, 1, 2, true);
    tap_ok(b.g->status == IMX_E_ARG, "output padding of a whole stride is refused");
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

/* ---- gradients against differences ---- */

static imx_tid node1(struct imx_graph *g, const struct imx_op *op, const void *problem, imx_tid a, int64_t count)
{
    const imx_tid out = imx_graph_temp(g, IMX_F32, count, "v");
    imx_graph_node(g, op, problem, (imx_tid[]){ a, out });
    return out;
}

/* (1/2) sum x^2 of a tensor, as one element. */
static imx_tid half_square(struct imx_graph *g, imx_tid x, int64_t count)
{
    const struct imx_mul n = { (int32_t)count };
    const struct imx_rowreduce sum = { 1, (int32_t)count, IMX_REDUCE_SUM };
    const struct imx_axpby half = { 1, 0.5f, 0.0f };
    const imx_tid square = imx_graph_temp(g, IMX_F32, count, "square"), out = imx_graph_temp(g, IMX_F32, 1, "half");
    imx_graph_node(g, &imx_op_mul, &n, (imx_tid[]){ x, x, square });
    imx_graph_node(g, &imx_op_axpby, &half, (imx_tid[]){ node1(g, &imx_op_rowreduce, &sum, square, 1), 0, out });
    return out;
}

static imx_tid plus(struct imx_graph *g, imx_tid a, imx_tid b)
{
    const imx_tid out = imx_graph_temp(g, IMX_F32, 1, "loss");
    const struct imx_axpby add = { 1, 1.0f, 1.0f };
    imx_graph_node(g, &imx_op_axpby, &add, (imx_tid[]){ a, b, out });
    return out;
}

/* A network with one logit per image and the activation behind each layer: dense, or convolution, transposed
 * convolution, dense. */
static struct imx_map logits(struct imx_build *b, struct imx_map x, bool conv, int32_t kind)
{
    struct imx_map h = x;
    if (conv) {
        h = imx_nn_act(b, imx_nn_conv(b, h, "conv", 4, 3, 2, 1, true), kind, 0.2f);
        h = imx_nn_act(b, imx_nn_conv_transposed(b, h, "up", 3, 3, 2, 1, 1, true), kind, 0.2f);
    } else {
        h = imx_nn_act(b, imx_nn_linear(b, h, "fc1", 7, true), kind, 0.2f);
    }
    h = imx_nn_act(b, imx_nn_linear(b, h, "fc2", 6, true), kind, 0.2f);
    return imx_nn_linear(b, h, "out", 1, true);
}

static void fill(struct imx_oracle *o, uint64_t seed)
{
    const struct imx_graph *g = o->graph;
    uint64_t state = seed;
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if ((g->tensor[t].place == IMX_PLACE_KEEP && t != g->one) || g->tensor[t].place == IMX_PLACE_PARAM)
            for (int64_t i = 0; i < g->tensor[t].count; i++)
                imx_oracle_real(o, t)[i] = noise(&state);
}

/* Worst |gradient - central difference of y| over all elements of tensor t, relative to the gradient's size. */
static double differences(struct imx_oracle *o, int forward, imx_tid y, imx_tid t, imx_tid grad)
{
    const int64_t count = o->graph->tensor[t].count, rows = o->graph->tensor[y].count;
    double *x = imx_oracle_real(o, t), *want = malloc((size_t)count * sizeof *want), worst = 0, size = 1e-6;
    if (!want)
        abort();
    memcpy(want, imx_oracle_real(o, grad), (size_t)count * sizeof *want);
    for (int64_t i = 0; i < count; i++)
        size = fmax(size, fabs(want[i]));
    for (int64_t i = 0; i < count; i++) {
        const double keep = x[i], h = 1e-6;
        double sum = 0;
        for (int side = 1; side >= -1; side -= 2) {
            x[i] = keep + side * h;
            imx_oracle_run(o, forward);
            for (int64_t r = 0; r < rows; r++)
                sum += side * imx_oracle_real(o, y)[r];
        }
        x[i] = keep;
        const double error = fabs(sum / (2 * h) - want[i]) / size;
        worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
    }
    free(want);
    return worst;
}

static imx_tid gradient_of(const struct imx_graph *g, int index)
{
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD && g->tensor[t].index == index)
            return t;
    return 0;
}

/* loss = sum of softplus(logits) + (1/2) sum |d logits / d x|^2: every parameter's gradient, and the inner gradient. */
static void penalty(struct imx_dev *host, bool conv, int32_t kind)
{
    static const char *const name[] = { "none", "relu", "leaky", "tanh", "sigmoid", "softplus" };
    struct imx_build b;
    struct imx_store *store = NULL;
    struct imx_oracle *o = NULL;
    imx_tid dx = 0;
    int params = 0;
    double worst = 0, size = 0;
    graph_open(host, &b, &store);
    const struct imx_map x = conv ? input(&b, 2, 4, 5, 2) : input(&b, 3, 1, 1, 5);
    const struct imx_map y = logits(&b, x, conv, kind);
    const struct imx_rowreduce sum = { 1, y.n, IMX_REDUCE_SUM };
    const imx_tid plain = node1(b.g, &imx_op_rowreduce, &sum, imx_nn_act(&b, y, IMX_ACT_SOFTPLUS, 0).t, 1);
    const int first = b.g->n_nodes;
    imx_status status = imx_graph_gradient(b.g, y.t, 0, 1, &x.t, &dx);
    const int inner = b.g->n_nodes;
    const imx_tid loss = dx ? plus(b.g, plain, half_square(b.g, dx, (int64_t)imx_map_rows(x) * x.c)) : 0;
    const int forward = b.g->n_nodes;
    if (status == IMX_OK)
        status = imx_graph_backward(b.g, loss, 0);
    if (!tap_ok(status == IMX_OK && dx && imx_oracle_create(b.g, &o) == IMX_OK, "%s, %s: a penalty is built",
                conv ? "convolutions" : "dense", name[kind])) {
        printf("# %s\n", imx_error_text());
        return;
    }
    fill(o, 11);
    imx_oracle_run(o, inner);
    const double within = differences(o, first, y.t, x.t, dx);
    tap_ok(within < 1e-7, "%s, %s: gradient of the input against differences, worst %.2g",
           conv ? "convolutions" : "dense", name[kind], within);
    imx_oracle_run(o, b.g->n_nodes);
    size = imx_oracle_real(o, loss)[0] - imx_oracle_real(o, plain)[0];
    for (imx_tid t = 1; t < b.g->n_tensors; t++) {
        if (b.g->tensor[t].place != IMX_PLACE_PARAM)
            continue;
        imx_oracle_run(o, b.g->n_nodes);
        const double error = differences(o, forward, loss, t, gradient_of(b.g, b.g->tensor[t].index));
        if (!(error < 1e-6))
            printf("# %s: %.2g\n", store->param[b.g->tensor[t].index].name, error);
        worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
        params++;
    }
    tap_ok(params == (conv ? 8 : 6) && size > 1e-4 && worst < 1e-6,
           "%s, %s: gradients of loss and penalty (%.3g) against differences, worst %.2g over %d tensors",
           conv ? "convolutions" : "dense", name[kind], size, worst, params);
    imx_oracle_destroy(o);
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

/* A gradient stops at the tensor that it is asked for, and one that nothing depends on is none. */
static void stops(struct imx_dev *host)
{
    struct imx_build b;
    struct imx_store *store = NULL;
    graph_open(host, &b, &store);
    const struct imx_map x = input(&b, 2, 1, 1, 3), apart = input(&b, 2, 1, 1, 3);
    const struct imx_map h = imx_nn_act(&b, imx_nn_linear(&b, x, "in", 4, true), IMX_ACT_SIGMOID, 0);
    const struct imx_map y = imx_nn_linear(&b, h, "out", 1, true);
    const int before = b.g->n_nodes;
    imx_tid out[2] = { -1, -1 };
    const imx_status status = imx_graph_gradient(b.g, y.t, 0, 2, (imx_tid[]){ h.t, apart.t }, out);
    tap_ok(status == IMX_OK && out[0] > 0 && out[1] == 0 && b.g->n_nodes == before + 2,
           "a gradient ends where it is asked for: %d nodes", b.g->n_nodes - before);
    tap_ok(imx_graph_gradient(b.g, y.t, 0, 1, &apart.t, out) != IMX_OK, "a gradient of nothing is refused");
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

/* Layer norm's gradient has no gradient rule: leaving its part out would be a wrong result without a word. */
static void refused(struct imx_dev *host)
{
    struct imx_build b;
    struct imx_store *store = NULL;
    imx_tid dx = 0;
    graph_open(host, &b, &store);
    const struct imx_map x = input(&b, 2, 1, 1, 3);
    const struct imx_map y =
        imx_nn_linear(&b, imx_nn_layernorm(&b, imx_nn_linear(&b, x, "in", 4, true), "ln"), "out", 1, true);
    imx_status status = imx_graph_gradient(b.g, y.t, 0, 1, &x.t, &dx);
    tap_ok(status == IMX_OK && dx, "the gradient of a layer norm");
    status = imx_graph_backward(b.g, half_square(b.g, dx, 6), 0);
    tap_ok(status != IMX_OK && strstr(imx_error_text(), "layernorm_bwd has no gradient rule"),
           "a second derivative of layer norm is refused");
    imx_graph_destroy(b.g);
    imx_store_destroy(store);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    impossible(host);
    for (int32_t kind = IMX_ACT_RELU; kind <= IMX_ACT_SOFTPLUS; kind++) {
        penalty(host, false, kind);
        penalty(host, true, kind);
    }
    stops(host);
    refused(host);
    imx_dev_close(host);
    on_devices(deconvs);
    on_devices(unflatten);
    return tap_done();
}
