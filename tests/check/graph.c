/* Whole networks. The double oracle's gradients against central differences of its loss, for both critics and all
 * estimators; the parameter counts of the paper's networks; the memory plan (no two live pieces share bytes, the peak
 * near the lower bound, nothing allocated in a step); every device's step against the oracle. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "devices.h"
#include "graph/oracle.h"
#include "objectives/net.h"
#include "ops/critic.h"
#include "ops/optim.h"
#include "ops/quadnorm.h"
#include "ops/reduce.h"
#include "shared.h"

/* Small enough for differences in every tensor; pooling and two hidden layers as in the larger encoders. */
static const struct imx_encoder tiny = {
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

/* The critic's forms: those of enum imx_critic_form, and encode-dot with its local norm from the quadratic form. */
enum { QUADRATIC = IMX_CRITIC_BILINEAR + 1, FORMS };
static const char *const form_name[] = { "encode-dot", "bilinear", "encode-dot, quadratic" };

static struct imx_critic_spec critic_of(int form, int32_t units, int32_t est)
{
    return (struct imx_critic_spec){
        .form = form == QUADRATIC ? IMX_CRITIC_ENCODE_DOT : (enum imx_critic_form)form,
        .units = units,
        .estimator = est,
        .local_norm = form == QUADRATIC ? IMX_LOCAL_NORM_QUADRATIC : IMX_LOCAL_NORM_AUTO,
    };
}
static const struct {
    const char *name;
    int32_t value;
} estimator[] = { { "infonce", IMX_EST_INFONCE }, { "jsd", IMX_EST_JSD }, { "dv", IMX_EST_DV } };

/* A network on a device with weights drawn and images uploaded. */
struct net {
    struct imx_store *store;
    struct imx_net dim;
    struct imx_net_spec spec;
};

static imx_status upload_inputs(const struct net *n)
{
    const struct imx_net_spec *s = &n->spec;
    struct imx_graph *g = n->dim.g;
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
    IMX_GO(imx_graph_upload(g, n->dim.bytes, pix));
    IMX_GO(imx_graph_upload(g, n->dim.aug, aug));
    IMX_GO(imx_graph_upload(g, n->dim.hyp, hyp));
fail:
    free(pix);
    free(aug);
    return status;
}

static void net_close(struct net *n)
{
    imx_net_finish(&n->dim);
    imx_store_destroy(n->store);
    *n = (struct net){ 0 };
}

static imx_status net_open(struct imx_dev *dev, const struct imx_net_spec *spec, struct net *out)
{
    imx_status status = IMX_OK;
    struct net n = { .spec = *spec };
    IMX_GO(imx_store_create(dev, true, &n.store));
    IMX_GO(imx_net_create(dev, n.store, spec, 0, &n.dim));
    IMX_GO(imx_store_init(n.store, 3));
    IMX_GO(upload_inputs(&n));
    *out = n;
    return IMX_OK;
fail:
    printf("# %s\n", imx_error_text());
    net_close(&n);
    return status;
}

/* Copies what a step starts from, parameters and inputs, into the oracle. */
static imx_status load_oracle(struct imx_oracle *o, const struct imx_graph *g)
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

static int nodes_until(const struct imx_graph *g, const struct imx_op *op)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].op == op)
            return i;
    return -1;
}

static imx_tid gradient_of(const struct imx_graph *g, int index)
{
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD && g->tensor[t].index == index)
            return t;
    return 0;
}

/* One parameter's direction: along the gradient's signs with random lengths, so that the sum of the products does not
 * cancel; random signs where the gradient is zero, so that a missing gradient shows. */
static void direction(const double *grad, int64_t count, uint64_t seed, double *to)
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

static void shift(double *x, const double *by, int64_t count, double h)
{
    for (int64_t i = 0; i < count; i++)
        x[i] += h * by[i];
}

static double loss_at(struct imx_oracle *o, const struct net *n, int forward)
{
    imx_oracle_run(o, forward);
    return imx_oracle_real(o, n->dim.loss)[0];
}

/* Central differences of the loss along one parameter against <gradient, direction>; the error relative to the larger
 * of the slope and `floor`. */
static double one_parameter(struct imx_oracle *o, const struct net *n, imx_tid t, int forward, double floor)
{
    const struct imx_graph *g = n->dim.g;
    const int64_t count = g->tensor[t].count;
    const imx_tid gt = gradient_of(g, g->tensor[t].index);
    double *x = imx_oracle_real(o, t), *keep = malloc(sizeof *keep * (size_t)count);
    double *d = malloc(sizeof *d * (size_t)count), slope = 0, best = HUGE_VAL;
    if (!gt || !keep || !d)
        abort();
    direction(imx_oracle_real(o, gt), count, (uint64_t)t, d);
    memcpy(keep, x, sizeof *x * (size_t)count);
    for (int64_t i = 0; i < count; i++)
        slope += imx_oracle_real(o, gt)[i] * d[i];
    for (double h = 1e-5; h > 5e-7; h /= 4) { /* a smaller step when a ReLU's kink lies within this one */
        shift(x, d, count, h);
        const double up = loss_at(o, n, forward);
        memcpy(x, keep, sizeof *x * (size_t)count);
        shift(x, d, count, -h);
        const double down = loss_at(o, n, forward);
        memcpy(x, keep, sizeof *x * (size_t)count);
        const double error = fabs((up - down) / (2 * h) - slope) / (fabs(slope) > floor ? fabs(slope) : floor);
        best = error < best ? error : best;
    }
    free(keep);
    free(d);
    return best;
}

/* Returns the gradient's length. */
static double check_gradients(struct imx_dev *host, int form, int est)
{
    const struct imx_net_spec spec = { &tiny, critic_of(form, 11, estimator[est].value), 3, 16, 16, 3, 0, 0 };
    struct net n;
    struct imx_oracle *o = NULL;
    char what[64];
    snprintf(what, sizeof what, "%s %s", form_name[form], estimator[est].name);
    if (!tap_ok(net_open(host, &spec, &n) == IMX_OK, "%s: a tiny network is built", what))
        return NAN;
    const struct imx_graph *g = n.dim.g;
    const int forward = nodes_until(g, &imx_op_critic_fwd) + 1;
    double worst = 0, length = 0;
    int compared = 0;
    if (imx_oracle_create(g, &o) != IMX_OK || load_oracle(o, g) != IMX_OK)
        abort();
    imx_oracle_run(o, nodes_until(g, &imx_op_gradnorm));
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD)
            for (int64_t i = 0; i < g->tensor[t].count; i++)
                length += imx_oracle_real(o, t)[i] * imx_oracle_real(o, t)[i];
    length = sqrt(length);
    tap_ok(length > 1e-3 && isfinite(length), "%s: the gradient's length is %.3g", what, length);
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        if (g->tensor[t].place != IMX_PLACE_PARAM || n.store->param[g->tensor[t].index].state)
            continue;
        const double error = one_parameter(o, &n, t, forward, 1e-3 * length);
        if (!(error <= 1e-6))
            printf("# %s: %.2g\n", n.store->param[g->tensor[t].index].name, error);
        worst = error <= worst ? worst : isnan(error) ? HUGE_VAL : error;
        compared++;
    }
    tap_ok(compared >= 25 && worst <= 1e-6, "%s: gradients against differences, worst %.2g over %d tensors", what,
           worst, compared);
    imx_oracle_destroy(o);
    net_close(&n);
    return length;
}

/* The tables of the paper. */
static void check_counts(struct imx_dev *host)
{
    static const struct {
        const char *name;
        int64_t count;
    } want[] = { { "basic28", 6696960 }, { "basic32", 4921280 }, { "basic64", 11213760 }, { "alex64", 58416160 } };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct imx_encoder *e = imx_encoder_find(want[i].name);
        struct imx_store *s = NULL;
        struct imx_graph *g = NULL;
        if (!tap_ok(e && imx_store_create(host, false, &s) == IMX_OK && imx_graph_create(host, s, &g) == IMX_OK,
                    "%s exists", want[i].name))
            continue;
        struct imx_build b = { .g = g, .training = true };
        const struct imx_map image = { imx_graph_temp(g, IMX_F32, 2 * e->size * e->size * e->channels, "image"), 2,
                                       e->size, e->size, e->channels };
        imx_encoder_build(&b, e, image);
        const int64_t got = imx_store_count(s, "encoder.");
        tap_ok(g->status == IMX_OK && got == want[i].count, "%s has %lld parameters, the paper's has %lld",
               want[i].name, (long long)got, (long long)want[i].count);
        imx_graph_destroy(g);
        imx_store_destroy(s);
    }
    for (int form = 0; form < FORMS; form++) {
        struct imx_store *s = NULL;
        struct imx_graph *g = NULL;
        if (imx_store_create(host, false, &s) != IMX_OK || imx_graph_create(host, s, &g) != IMX_OK)
            abort();
        struct imx_build b = { .g = g, .training = true };
        const struct imx_critic_spec spec = critic_of(form, 2048, IMX_EST_INFONCE);
        const struct imx_map local = { imx_graph_temp(g, IMX_F32, 2 * 64 * 128, "local"), 2, 8, 8, 128 };
        const struct imx_map global = { imx_graph_temp(g, IMX_F32, 2 * 64, "global"), 2, 1, 1, 64 };
        imx_critic_build(&b, &spec, local, global);
        /* Of the two vectors of the local layer norm, bilinear has none. */
        const int64_t wanted = 4728832 - (form == IMX_CRITIC_BILINEAR ? 2 * 2048 : 0);
        tap_ok(imx_store_count(s, "local.") == wanted, "%s: the local head has %lld parameters", form_name[form],
               (long long)imx_store_count(s, "local."));
        tap_ok(imx_store_count(s, "global.") == 4466688, "%s: the global head has %lld parameters", form_name[form],
               (long long)imx_store_count(s, "global."));
        imx_graph_destroy(g);
        imx_store_destroy(s);
    }
}

struct life {
    struct imx_mem mem;
    int first, last;
};

static int lives_of(const struct imx_graph *g, struct life *l)
{
    int n = 0;
    for (int t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_TEMP && g->tensor[t].first >= 0)
            l[n++] = (struct life){ g->tensor[t].mem, g->tensor[t].first, g->tensor[t].last };
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].workspace)
            l[n++] = (struct life){ g->node[i].args.ws, i, i };
    return n;
}

/* First and last use, found again from the nodes: the planner's word is not taken for it. */
static int wrong_lives(const struct imx_graph *g)
{
    int wrong = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].op->n_args; k++) {
            const imx_tid t = g->node[i].arg[k];
            wrong += t && (g->tensor[t].first > i || g->tensor[t].last < i);
        }
    return wrong;
}

static void check_plan(struct imx_dev *dev, const char *where, int form)
{
    const struct imx_net_spec spec = {
        imx_encoder_find("basic32"), critic_of(form, 2048, IMX_EST_INFONCE), 64, 32, 32, 3, 0, 0
    };
    struct net n;
    if (!tap_ok(net_open(dev, &spec, &n) == IMX_OK, "%s %s: basic32 with 64 images is built", where, form_name[form]))
        return;
    const struct imx_graph *g = n.dim.g;
    struct life *l = malloc(sizeof *l * (size_t)(g->n_tensors + g->n_nodes));
    const int count = l ? lives_of(g, l) : 0;
    int clashes = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            clashes += l[i].mem.buf == l[k].mem.buf && l[i].first <= l[k].last && l[k].first <= l[i].last &&
                       l[i].mem.off < l[k].mem.off + l[k].mem.bytes && l[k].mem.off < l[i].mem.off + l[i].mem.bytes;
    tap_ok(count > 20 && !clashes && !wrong_lives(g), "%s %s: %d pieces of memory, %d live ones overlap", where,
           form_name[form], count, clashes);
    if (form == IMX_CRITIC_ENCODE_DOT)
        tap_ok((nodes_until(g, &imx_op_quadnorm_fwd) >= 0) == (dev->caps.type == IMX_DEV_CPU),
               "%s: the local norm of 64 images is quadratic on CPU devices only", where);
    tap_ok(g->lower_bound > 0 && (double)g->temp_bytes <= 1.10 * (double)g->lower_bound,
           "%s %s: peak %.1f MB, lower bound %.1f MB", where, form_name[form], (double)g->temp_bytes / 1048576.0,
           (double)g->lower_bound / 1048576.0);
    free(l);
    net_close(&n);
}

/* Root mean square of the difference over that of the truth. */
static double compare_gradient(const struct net *n, struct imx_oracle *o, imx_tid t, double total)
{
    const struct imx_graph *g = n->dim.g;
    const struct imx_tensor *x = &g->tensor[t];
    const double *want = imx_oracle_real(o, t);
    double wrong = 0, size = 0;
    float *got = malloc((size_t)x->count * sizeof *got);
    if (!got || g->dev->vt->download(g->dev, got, x->mem, (uint64_t)x->count * sizeof *got) != IMX_OK)
        abort();
    for (int64_t i = 0; i < x->count; i++) {
        wrong += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    free(got);
    /* A gradient that is zero by symmetry (a shift before a norm) is rounding noise: it is measured by the whole. */
    return sqrt(wrong) / fmax(sqrt(size), 1e-3 * total);
}

static void check_step(struct imx_dev *dev, const char *where, int form, int est)
{
    const struct imx_net_spec spec = { &tiny, critic_of(form, 16, estimator[est].value), 8, 16, 16, 3, 0, 0 };
    struct net n;
    struct imx_oracle *o = NULL;
    double total = 0, worst = 0;
    float loss = NAN;
    if (!tap_ok(net_open(dev, &spec, &n) == IMX_OK, "%s %s %s: a tiny network is built", where, form_name[form],
                estimator[est].name))
        return;
    const struct imx_graph *g = n.dim.g;
    if (imx_oracle_create(g, &o) != IMX_OK || load_oracle(o, g) != IMX_OK)
        abort();
    imx_oracle_run(o, nodes_until(g, &imx_op_gradnorm));
    imx_status status = imx_graph_run(n.dim.g);
    if (status == IMX_OK)
        status = imx_graph_download(n.dim.g, n.dim.loss, &loss);
    const double want = imx_oracle_real(o, n.dim.loss)[0], error = fabs((double)loss - want) / (0.1 + fabs(want));
    tap_ok(status == IMX_OK && error <= 1e-5, "%s %s %s: loss %.7g, oracle %.7g", where, form_name[form],
           estimator[est].name, (double)loss, want);
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD)
            for (int64_t i = 0; i < g->tensor[t].count; i++)
                total += imx_oracle_real(o, t)[i] * imx_oracle_real(o, t)[i];
    for (imx_tid t = 1; t < g->n_tensors && status == IMX_OK; t++)
        if (g->tensor[t].place == IMX_PLACE_GRAD) {
            const double e = compare_gradient(&n, o, t, sqrt(total));
            worst = e <= worst ? worst : isnan(e) ? HUGE_VAL : e;
        }
    tap_ok(status == IMX_OK && total > 0 && worst <= 1e-4,
           "%s %s %s: gradients against the oracle, worst %.2g of a tensor", where, form_name[form],
           estimator[est].name, worst);
    const uint64_t allocs = dev->count.allocs;
    for (int i = 0; i < 3 && status == IMX_OK; i++) {
        status = upload_inputs(&n);
        if (status == IMX_OK)
            status = imx_graph_run(n.dim.g);
        if (status == IMX_OK)
            status = imx_graph_download(n.dim.g, n.dim.loss, &loss);
    }
    tap_ok(status == IMX_OK && isfinite(loss) && (double)loss < want && dev->count.allocs == allocs,
           "%s %s %s: three steps allocate %llu times, loss %.7g", where, form_name[form], estimator[est].name,
           (unsigned long long)(dev->count.allocs - allocs), (double)loss);
    imx_oracle_destroy(o);
    net_close(&n);
}

static void check_device(struct imx_dev *dev, const char *where)
{
    for (int form = 0; form < FORMS; form++) {
        if (form != QUADRATIC) /* which a CPU device chooses for encode-dot by itself */
            check_plan(dev, where, form);
        for (int est = 0; est < 3; est++)
            check_step(dev, where, form, est);
    }
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    check_counts(host);
    for (int est = 0; est < 3; est++) {
        double length[FORMS];
        for (int form = 0; form < FORMS; form++)
            length[form] = check_gradients(host, form, est);
        const double error = fabs(length[QUADRATIC] / length[IMX_CRITIC_ENCODE_DOT] - 1);
        tap_ok(error <= 1e-12, "%s: both ways to encode-dot have one gradient, lengths %.2g apart", estimator[est].name,
               error);
    }
    imx_dev_close(host);
    on_devices(check_device);
    return tap_done();
}
