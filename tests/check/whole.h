/* Whole training graphs, for tests: built small, their gradients in double precision against central differences, a
 * device's step against double precision. */
#ifndef IMX_TESTS_WHOLE_H
#define IMX_TESTS_WHOLE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "graph/oracle.h"
#include "objectives/objective.h"
#include "ops/optim.h"
#include "ops/reduce.h"
#include "tap.h"

/* Small enough for differences in every tensor; pooling and two hidden layers as in the larger encoders. */
static const struct imx_encoder whole_tiny = {
    "tiny",
    16,
    3,
    { { IMX_LAYER_CONV, 8, 4, 2, 1, 3, 2, false },
      { IMX_LAYER_CONV, 6, 3, 1, 1, 0, 0, true },
      { IMX_LAYER_CONV, 10, 3, 2, 1, 0, 0, false },
      { IMX_LAYER_FC, 14, 0, 0, 0, 0, 0, false },
      { IMX_LAYER_FC, 12, 0, 0, 0, 0, 0, false },
      { IMX_LAYER_OUT, 9, 0, 0, 0, 0, 0, false } },
};

/* Crops with pooling and residual blocks, with and without shortcut; several globals per image. */
static const struct imx_encoder whole_crops = {
    "crops",
    16,
    3,
    { { IMX_LAYER_UNFOLD, .k = 8, .stride = 4 },
      { IMX_LAYER_CONV, .out = 6, .k = 3, .stride = 1, .pad = 1, .pool_k = 3, .pool_stride = 2 },
      { IMX_LAYER_BLOCK, .mid = 4, .out = 10, .k = 3, .stride = 2, .pad = 1 },
      { IMX_LAYER_BLOCK, .mid = 4, .out = 10, .k = 3, .stride = 2, .pad = 1 },
      { IMX_LAYER_BLOCK, .mid = 3, .out = 10, .k = 3, .stride = 1, .pad = 1 },
      { IMX_LAYER_FOLD, .local = true },
      { IMX_LAYER_CONV, .out = 8, .k = 2, .stride = 1 },
      { IMX_LAYER_CONV, .out = 7, .k = 1, .stride = 1, .global = true } },
};

/* Biases in front of batch norm, whose gradients are zero; dropout of channels and of values, at a rate that drops none
 * in all images, or batch norm would make it a ReLU's kink. */
static const struct imx_encoder whole_dropping = {
    "dropping",
    16,
    3,
    { { IMX_LAYER_UNFOLD, .k = 8, .stride = 4 },
      { IMX_LAYER_CONV, .out = 6, .k = 3, .stride = 2, .pad = 1 },
      { IMX_LAYER_CONV, .out = 7, .k = 4, .stride = 1, .bias = true },
      { IMX_LAYER_FOLD, .local = true },
      { IMX_LAYER_CONV, .out = 12, .k = 2, .stride = 1, .dropout = 0.1f },
      { IMX_LAYER_FC, .out = 14, .bias = true, .dropout = 0.1f },
      { IMX_LAYER_OUT, .out = 9 } },
};

/* A network on a device with weights drawn and images uploaded. */
struct whole {
    struct imx_store *store;
    struct imx_net net;
    struct imx_net_spec spec;
};

static inline imx_status whole_upload(struct whole *n)
{
    const struct imx_net_spec *s = &n->spec;
    struct imx_graph *g = n->net.g;
    const size_t bytes = (size_t)s->batch * (size_t)s->h * (size_t)s->w * (size_t)s->c;
    uint8_t *pix = malloc(bytes);
    int32_t *aug = calloc((size_t)s->batch * 3, sizeof *aug);
    float hyp[IMX_HYP_COUNT];
    imx_status status = IMX_OK;
    for (size_t i = 0; pix && i < bytes; i++) {
        uint32_t r[4];
        imx_random4(7, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        pix[i] = (uint8_t)r[0];
    }
    if (!pix || !aug)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for test images"));
    imx_adam_hyp(1e-4, 0.5, 0.999, 1e-8, 0.0, 1, hyp);
    IMX_GO(imx_graph_upload(g, n->net.bytes, pix));
    IMX_GO(imx_graph_upload(g, n->net.aug, aug));
    IMX_GO(imx_graph_upload(g, n->net.hyp, hyp));
    IMX_GO(imx_net_draw(&n->net, 3, 0));
    for (int32_t i = 0; n->net.label && i < s->batch; i++) /* classes in turn, every fourth image without one */
        aug[i] = i % 4 == 3 ? -1 : i % s->head.classes;
    if (n->net.label)
        IMX_GO(imx_graph_upload(g, n->net.label, aug));
fail:
    free(pix);
    free(aug);
    return status;
}

static inline void whole_close(struct whole *n)
{
    imx_net_finish(&n->net);
    imx_store_destroy(n->store);
    *n = (struct whole){ 0 };
}

static inline imx_status whole_open(struct imx_dev *dev, const struct imx_net_spec *spec, struct whole *out)
{
    imx_status status = IMX_OK;
    struct whole n = { .spec = *spec };
    IMX_GO(imx_store_create(dev, true, &n.store));
    IMX_GO(imx_net_create(dev, n.store, spec, 0, &n.net));
    IMX_GO(imx_store_init(n.store, 3));
    IMX_GO(whole_upload(&n));
    *out = n;
    return IMX_OK;
fail:
    printf("# %s\n", imx_error_text());
    whole_close(&n);
    return status;
}

/* Copies what a step starts from, parameters and inputs, into the oracle. */
static inline imx_status whole_load(struct imx_oracle *o, const struct imx_graph *g)
{
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        const struct imx_tensor *x = &g->tensor[t];
        if (x->place != IMX_PLACE_KEEP && x->place != IMX_PLACE_PARAM)
            continue;
        if (x->dtype != IMX_F32) {
            IMX_TRY(g->dev->vt->download(g->dev, o->data[t], x->mem, x->mem.bytes));
            continue;
        }
        float *values = malloc((size_t)x->count * sizeof *values);
        if (!values)
            return imx_fail(IMX_E_NOMEM, "no memory for %s", x->name);
        const imx_status status = g->dev->vt->download(g->dev, values, x->mem, (uint64_t)x->count * sizeof *values);
        for (int64_t i = 0; status == IMX_OK && i < x->count; i++)
            imx_oracle_real(o, t)[i] = (double)values[i];
        free(values);
        IMX_TRY(status);
    }
    return IMX_OK;
}

static inline int whole_nodes_until(const struct imx_graph *g, const struct imx_op *op)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op == op)
            return i;
    return -1;
}

static inline imx_tid whole_gradient_of(const struct imx_graph *g, int index)
{
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD && g->tensor[t].index == index)
            return t;
    return 0;
}

/* One parameter's direction: along the gradient's signs with random lengths, so that the sum of the products does not
 * cancel; random signs where the gradient is zero, so that a missing gradient shows. */
static inline void whole_direction(const double *grad, int64_t count, uint64_t seed, double *to)
{
    double square = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t r[4];
        imx_random4(seed, 1, IMX_STREAM_TEST, (uint32_t)i, r);
        const double length = 0.05 + (double)imx_unit(r[0]), sign = grad[i] > 0   ? 1
                                                                    : grad[i] < 0 ? -1
                                                                    : r[1] & 1    ? 1
                                                                                  : -1;
        to[i] = sign * length;
        square += length * length;
    }
    for (int64_t i = 0; i < count; i++)
        to[i] /= sqrt(square);
}

static inline void whole_shift(double *x, const double *by, int64_t count, double h)
{
    for (int64_t i = 0; i < count; i++)
        x[i] += h * by[i];
}

static inline double whole_loss(struct imx_oracle *o, imx_tid loss, int forward)
{
    imx_oracle_run(o, forward);
    return imx_oracle_real(o, loss)[0];
}

/* Central differences of a loss along one parameter against <gradient, direction>; the error relative to the larger
 * of the slope and `floor`. */
static inline double whole_parameter(struct imx_oracle *o, imx_tid loss, imx_tid t, int forward, double floor)
{
    const struct imx_graph *g = o->graph;
    const int64_t count = g->tensor[t].count;
    const imx_tid gt = whole_gradient_of(g, g->tensor[t].index);
    double *x = imx_oracle_real(o, t), *keep = malloc(sizeof *keep * (size_t)count);
    double *d = malloc(sizeof *d * (size_t)count), slope = 0, best = HUGE_VAL;
    if (!gt || !keep || !d)
        abort();
    whole_direction(imx_oracle_real(o, gt), count, (uint64_t)t, d);
    memcpy(keep, x, sizeof *x * (size_t)count);
    for (int64_t i = 0; i < count; i++)
        slope += imx_oracle_real(o, gt)[i] * d[i];
    for (double h = 1e-5; h > 5e-7 && !(best < 1e-8);
         h /= 4) { /* a smaller step when a ReLU's kink lies within this one */
        whole_shift(x, d, count, h);
        const double up = whole_loss(o, loss, forward);
        memcpy(x, keep, sizeof *x * (size_t)count);
        whole_shift(x, d, count, -h);
        const double down = whole_loss(o, loss, forward);
        memcpy(x, keep, sizeof *x * (size_t)count);
        const double error = fabs((up - down) / (2 * h) - slope) / (fabs(slope) > floor ? fabs(slope) : floor);
        best = error < best ? error : best;
    }
    free(keep);
    free(d);
    return best;
}

/* Which loss a parameter follows: its own player's (objectives/net.h). */
static inline imx_tid whole_loss_of(const struct whole *n, const char *rivals, int param)
{
    if (!rivals || strncmp(n->store->param[param].name, rivals, strlen(rivals)))
        return n->net.loss;
    for (int i = 0; i < n->net.n_terms; i++)
        if (n->net.term[i].rival)
            return n->net.term[i].value;
    return 0;
}

/* Nodes up to the last one that writes a loss: no more, or the gradients would be those of shifted parameters. */
static inline int whole_forward(const struct whole *n)
{
    const struct imx_graph *g = n->net.g;
    int last = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].op->n_args; k++) {
            bool writes = g->node[i].arg[k] == n->net.loss;
            for (int t = 0; t < n->net.n_terms; t++)
                writes |= g->node[i].arg[k] == n->net.term[t].value;
            struct imx_arg a[IMX_MAX_ARGS] = { 0 };
            g->node[i].op->args(g->node[i].problem, a);
            last = writes && a[k].role == IMX_OUT ? i + 1 : last;
        }
    return last;
}

/* Length of all parameters' gradients. */
static inline double whole_length(struct imx_oracle *o)
{
    const struct imx_graph *g = o->graph;
    double square = 0;
    for (imx_tid t = 1; t < g->n_tensors; t++)
        for (int64_t i = 0; g->tensor[t].place == IMX_PLACE_GRAD && i < g->tensor[t].count; i++)
            square += imx_oracle_real(o, t)[i] * imx_oracle_real(o, t)[i];
    return sqrt(square);
}

/* Builds the graph of the spec on the host and checks the gradient of every parameter; those whose name begins with
 * `rivals` (NULL: none) against the rival's loss; at least `least` of them. Returns the gradient's length, NaN when
 * nothing could be built. */
static inline double whole_check(struct imx_dev *host, const struct imx_net_spec *spec, const char *what,
                                 const char *rivals, int least)
{
    struct whole n;
    struct imx_oracle *o = NULL;
    if (!tap_ok(whole_open(host, spec, &n) == IMX_OK, "%s: a tiny network is built", what))
        return NAN;
    const struct imx_graph *g = n.net.g;
    const int all = whole_nodes_until(g, &imx_op_gradnorm);
    const int forward = whole_forward(&n);
    double worst = 0;
    int compared = 0;
    if (imx_oracle_create(g, &o) != IMX_OK || whole_load(o, g) != IMX_OK)
        abort();
    imx_oracle_run(o, all);
    const double length = whole_length(o);
    tap_ok(length > 1e-3 && isfinite(length), "%s: the gradient's length is %.3g", what, length);
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        if (g->tensor[t].place != IMX_PLACE_PARAM || n.store->param[g->tensor[t].index].state)
            continue;
        const imx_tid loss = whole_loss_of(&n, rivals, g->tensor[t].index);
        const double error = whole_parameter(o, loss, t, forward, 1e-3 * length);
        if (!(error <= 1e-6))
            printf("# %s: %.2g\n", n.store->param[g->tensor[t].index].name, error);
        worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
        compared++;
    }
    tap_ok(compared >= least && worst <= 1e-6, "%s: gradients against differences, worst %.2g over %d tensors", what,
           worst, compared);
    imx_oracle_destroy(o);
    whole_close(&n);
    return length;
}

/* A device's tensor (NULL: memory is missing) is the caller's to free. */
static inline float *whole_values(const struct imx_graph *g, imx_tid t)
{
    const struct imx_tensor *x = &g->tensor[t];
    float *v = malloc((size_t)x->count * sizeof *v);
    if (v && g->dev->vt->download(g->dev, v, x->mem, (uint64_t)x->count * sizeof *v) == IMX_OK)
        return v;
    free(v);
    return NULL;
}

/* Root mean square of the difference over that of the truth. */
static inline double whole_gradient_error(struct imx_oracle *o, imx_tid t, double length)
{
    const double *want = imx_oracle_real(o, t);
    float *got = whole_values(o->graph, t);
    double wrong = 0, size = 0;
    for (int64_t i = 0; got && i < o->graph->tensor[t].count; i++) {
        wrong += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    /* A gradient that is zero by symmetry (a shift before a norm) is rounding noise: it is measured by the whole. */
    const double error = got ? sqrt(wrong) / fmax(sqrt(size), 1e-3 * length) : (double)NAN;
    free(got);
    return isnan(error) ? HUGE_VAL : error;
}

/* Of a one-element tensor. */
static inline double whole_value_error(struct imx_oracle *o, imx_tid t)
{
    const double want = imx_oracle_real(o, t)[0];
    float *got = whole_values(o->graph, t);
    const double error = got ? fabs((double)*got - want) / (0.1 + fabs(want)) : (double)NAN;
    free(got);
    return isnan(error) ? HUGE_VAL : error;
}

/* A step of the opened network against the oracle: the loss, every term that some player learns by, each parameter's
 * gradient. Returns the loss. */
static inline double whole_step(struct whole *n, const char *what)
{
    struct imx_graph *g = n->net.g;
    const char *far = "loss";
    struct imx_oracle *o = NULL;
    if (imx_oracle_create(g, &o) != IMX_OK || whole_load(o, g) != IMX_OK)
        abort();
    imx_oracle_run(o, whole_nodes_until(g, &imx_op_gradnorm));
    const bool ran = imx_graph_run(g) == IMX_OK;
    const double loss = imx_oracle_real(o, n->net.loss)[0], length = whole_length(o);
    double worst = whole_value_error(o, n->net.loss);
    for (int i = 0; i < n->net.n_terms; i++) {
        const double e = n->net.term[i].reading ? 0 : whole_value_error(o, n->net.term[i].value);
        far = e <= worst ? far : n->net.term[i].name;
        worst = e <= worst ? worst : e;
    }
    tap_ok(ran && worst <= 1e-5, "%s: loss %.7g, it and %d terms within %.2g (%s)", what, loss, n->net.n_terms, worst,
           far);
    worst = 0;
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD) {
            const double e = whole_gradient_error(o, t, length);
            far = e <= worst ? far : n->store->param[g->tensor[t].index].name;
            worst = e <= worst ? worst : e;
        }
    tap_ok(ran && length > 0 && worst <= 1e-4, "%s: gradients against the oracle, worst %.2g of %s", what, worst, far);
    imx_oracle_destroy(o);
    return loss;
}

/* A one-element tensor as the device has it. NaN: it could not be read. */
static inline double whole_value(const struct whole *n, imx_tid t)
{
    float v = NAN;
    return imx_graph_download(n->net.g, t, &v) == IMX_OK ? (double)v : (double)NAN;
}

/* A term of that name; NaN: there is none. */
static inline double whole_term(const struct whole *n, const char *name)
{
    for (int i = 0; i < n->net.n_terms; i++)
        if (!strcmp(n->net.term[i].name, name))
            return whole_value(n, n->net.term[i].value);
    return NAN;
}

/* n values of x, stride apart, less their mean and over their deviation, as the norms have it. */
static inline void whole_standardise(double *x, int n, int stride)
{
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++)
        mean += x[i * stride] / n;
    for (int i = 0; i < n; i++)
        square += pow(x[i * stride] - mean, 2) / n;
    for (int i = 0; i < n; i++)
        x[i * stride] = (x[i * stride] - mean) / sqrt(square + 1e-5);
}

#endif
