/* Plans under a limit. A graph that was rewritten to compute tensors slice by slice gives, in the double oracle, the
 * gradients of the whole one to the last digits, and on every device the loss and gradients within rounding; the device
 * never holds more than the limit; the plan lies near its lower bound; too small a limit is refused with the least one,
 * and that one works. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "devices.h"
#include "graph/oracle.h"
#include "graph/stream.h"
#include "objectives/net.h"
#include "ops/eltwise.h"
#include "ops/optim.h"
#include "ops/reduce.h"
#include "shared.h"

static const struct imx_encoder small = {
    "small",
    16,
    3,
    { { IMX_LAYER_CONV, 16, 4, 2, 1, 3, 2, false },
      { IMX_LAYER_CONV, 12, 3, 1, 1, 0, 0, true },
      { IMX_LAYER_CONV, 20, 3, 2, 1, 0, 0, false },
      { IMX_LAYER_FC, 24, 0, 0, 0, 0, 0, false },
      { IMX_LAYER_OUT, 9, 0, 0, 0, 0, 0, false } },
};
/* Crops and a residual block; several globals per image. */
static const struct imx_encoder crops = {
    "crops",
    16,
    3,
    { { IMX_LAYER_UNFOLD, .k = 8, .stride = 4 },
      { IMX_LAYER_CONV, .out = 12, .k = 3, .stride = 1, .pad = 1, .pool_k = 3, .pool_stride = 2 },
      { IMX_LAYER_BLOCK, .mid = 6, .out = 20, .k = 3, .stride = 3, .pad = 1 },
      { IMX_LAYER_FOLD, .local = true },
      { IMX_LAYER_CONV, .out = 16, .k = 2, .stride = 1, .global = true } },
};
enum { BATCH = 128, SIDE = 16 };

struct net {
    struct imx_store *store;
    struct imx_net dim;
};

static void net_close(struct net *n)
{
    imx_net_finish(&n->dim);
    imx_store_destroy(n->store);
    *n = (struct net){ 0 };
}

static imx_status upload_inputs(struct net *n)
{
    static uint8_t pix[BATCH * SIDE * SIDE * 3];
    static int32_t aug[BATCH * 3];
    float hyp[IMX_HYP_COUNT];
    for (size_t i = 0; i < sizeof pix; i++) {
        uint32_t r[4];
        imx_random4(7, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        pix[i] = (uint8_t)r[0];
    }
    imx_adam_hyp(1e-4, 0.5, 0.999, 1e-8, 0.0, 1, hyp);
    IMX_TRY(imx_graph_upload(n->dim.g, n->dim.bytes, pix));
    IMX_TRY(imx_graph_upload(n->dim.g, n->dim.aug, aug));
    IMX_TRY(imx_net_draw(&n->dim, 3, 0));
    return imx_graph_upload(n->dim.g, n->dim.hyp, hyp);
}

static imx_status net_open(struct imx_dev *dev, const struct imx_net_spec *spec, uint64_t limit, struct net *n)
{
    imx_status status = IMX_OK;
    *n = (struct net){ 0 };
    IMX_GO(imx_store_create(dev, true, &n->store));
    IMX_GO(imx_net_create(dev, n->store, spec, limit, &n->dim));
    IMX_GO(imx_store_init(n->store, 3));
    IMX_GO(upload_inputs(n));
    return IMX_OK;
fail:
    net_close(n);
    return status;
}

static uint64_t store_bytes(const struct net *n)
{
    uint64_t sum = 0;
    for (int a = 0; a < IMX_ARENA_COUNT; a++)
        sum += n->store->bytes[a];
    return sum;
}

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

static struct imx_oracle *oracle_of(struct net *n)
{
    struct imx_oracle *o = NULL;
    if (imx_oracle_create(n->dim.g, &o) != IMX_OK || load_oracle(o, n->dim.g) != IMX_OK)
        abort();
    imx_oracle_run(o, nodes_until(n->dim.g, &imx_op_gradnorm));
    return o;
}

/* Root mean square of got - want over all gradients, over that of want; got: the device's, or b's when b is there. */
static double compare(struct net *n, struct imx_oracle *b, const struct net *whole, struct imx_oracle *a)
{
    double wrong = 0, size = 0;
    for (int p = 0; p < n->store->n_params; p++) {
        const imx_tid t = gradient_of(n->dim.g, p), u = gradient_of(whole->dim.g, p);
        if (n->store->param[p].state)
            continue;
        if (!t || !u)
            return HUGE_VAL;
        const struct imx_tensor *x = &n->dim.g->tensor[t];
        float *got = malloc((size_t)x->count * sizeof *got);
        if (!got || imx_graph_download(n->dim.g, t, got) != IMX_OK)
            abort();
        for (int64_t i = 0; i < x->count; i++) {
            const double want = imx_oracle_real(a, u)[i], e = (b ? imx_oracle_real(b, t)[i] : (double)got[i]) - want;
            wrong += e * e;
            size += want * want;
        }
        free(got);
    }
    return sqrt(wrong / size);
}

static void check_limit(struct imx_dev *dev, const char *what, const struct imx_net_spec *spec, uint64_t limit,
                        const struct net *whole, struct imx_oracle *a)
{
    struct net n;
    const uint64_t before = dev->count.bytes_now;
    dev->count.bytes_peak = before;
    if (!tap_ok(net_open(dev, spec, limit, &n) == IMX_OK, "%s: fits %.2f MB", what, (double)limit / 1048576.0)) {
        printf("# %s\n", imx_error_text());
        return;
    }
    const struct imx_graph *g = n.dim.g;
    struct imx_oracle *b = oracle_of(&n);
    float loss = NAN;
    imx_status status = imx_graph_run(n.dim.g);
    if (status == IMX_OK)
        status = imx_graph_download(n.dim.g, n.dim.loss, &loss);
    const double want = imx_oracle_real(a, whole->dim.loss)[0], same = imx_oracle_real(b, n.dim.loss)[0];
    const double in_double = compare(&n, b, whole, a), on_device = compare(&n, NULL, whole, a);
    tap_ok(fabs(same - want) <= 1e-12 * fabs(want) && in_double <= 1e-11,
           "%s: %d slices, %d tensors in slices only, %d nodes again: the same in double precision (%.2g)", what,
           g->n_slices, g->n_virtual, g->n_again, in_double);
    tap_ok(status == IMX_OK && fabs((double)loss - want) <= 1e-5 * (1 + fabs(want)) && on_device <= 1e-5,
           "%s: loss %.7g, oracle %.7g, gradients within %.2g", what, (double)loss, want, on_device);
    tap_ok(dev->count.bytes_peak - before <= limit && g->temp_bytes <= 1.10 * (double)g->lower_bound,
           "%s: the device held %.2f MB, temporaries %.2f MB, lower bound %.2f MB", what,
           (double)(dev->count.bytes_peak - before) / 1048576.0, (double)g->temp_bytes / 1048576.0,
           (double)g->lower_bound / 1048576.0);
    imx_oracle_destroy(b);
    net_close(&n);
}

static void check(struct imx_dev *dev, const char *device, const struct imx_encoder *encoder, int form, int est)
{
    static const char *const form_name[] = { "encode-dot", "bilinear" };
    struct imx_net_spec spec = { encoder, { &imx_critics[form], 64, est, 0 }, BATCH, SIDE, SIDE, 3, 0, 0 };
    if (est == IMX_EST_DV_EMA) { /* with everything that a score can have */
        spec.critic.clip = 2;
        spec.critic.l2 = 0.5f;
        spec.critic.negatives = 50;
    }
    if (encoder == &crops && est == IMX_EST_DV) { /* with draws of both sides */
        spec.critic.locals = 7;
        spec.critic.globals = 3;
    }
    char what[96], where[32];
    struct net whole, none;
    snprintf(where, sizeof where, "%s, %s,", device, encoder->name);
    double least = 0;
    if (!tap_ok(net_open(dev, &spec, 0, &whole) == IMX_OK, "%s %s: a network", where, form_name[form]))
        return;
    struct imx_oracle *a = oracle_of(&whole);
    const uint64_t others = store_bytes(&whole) + whole.dim.g->keep_bytes, temps = whole.dim.g->temp_bytes;
    const bool refused = net_open(dev, &spec, others + 65536, &none) == IMX_E_NOMEM;
    const char *at = strstr(imx_error_text(), "at least ");
    tap_ok(refused && at && sscanf(at, "at least %lf MB", &least) == 1 && least * 1048576.0 < (double)(others + temps),
           "%s %s: too little is refused: %s", where, form_name[form], imx_error_text());
    const bool more =
        encoder == &small && form == IMX_CRITIC_BILINEAR && est == IMX_EST_INFONCE && strcmp(device, "host");
    for (int k = more ? 0 : 2; k < 3; k++) {
        const uint64_t limit = k == 2 ? (uint64_t)(least * 1048576.0) : others + temps * (k == 0 ? 7 : 4) / 10;
        if (limit < (uint64_t)(least * 1048576.0))
            continue;
        snprintf(what, sizeof what, "%s %s estimator %d, %s", where, form_name[form], est,
                 k == 0   ? "0.7 of the temporaries"
                 : k == 1 ? "0.4 of them"
                          : "the least");
        check_limit(dev, what, &spec, limit, &whole, a);
    }
    imx_oracle_destroy(a);
    net_close(&whole);
}

static void all(struct imx_dev *dev, const char *where)
{
    check(dev, where, &small, IMX_CRITIC_BILINEAR, IMX_EST_INFONCE);
    if (strcmp(where, "host"))
        check(dev, where, &small, IMX_CRITIC_BILINEAR, IMX_EST_JSD);
    check(dev, where, &small, IMX_CRITIC_BILINEAR, IMX_EST_DV);
    if (strcmp(where, "host"))
        check(dev, where, &small, IMX_CRITIC_BILINEAR, IMX_EST_DV_EMA);
    check(dev, where, &small, IMX_CRITIC_ENCODE_DOT, IMX_EST_INFONCE);
    if (strcmp(where, "host")) { /* the search for a plan takes its seconds */
        check(dev, where, &crops, IMX_CRITIC_BILINEAR, IMX_EST_INFONCE);
        check(dev, where, &crops, IMX_CRITIC_BILINEAR, IMX_EST_DV);
    }
}

/* Blocks whose two paths meet again: 2^60 ways lead from one end to the other, and to walk each would never end. */
static void many_paths(void)
{
    enum { BLOCKS = 60, COUNT = 64, IMAGES = 8 };
    static const struct imx_axpby sum = { COUNT, 0.5f, 0.5f };
    struct imx_dev *dev = NULL;
    struct imx_store *store = NULL;
    struct imx_graph *g = NULL;
    bool virt[2 * BLOCKS + 2] = { false }, done = false;
    imx_status status = IMX_OK;
    IMX_GO(imx_dev_open("host", &dev, NULL));
    IMX_GO(imx_store_create(dev, false, &store));
    IMX_GO(imx_graph_create(dev, store, &g));
    g->batch = IMAGES;
    imx_tid at = imx_graph_keep(g, IMX_F32, COUNT, "src");
    for (int i = 0; i < BLOCKS; i++) {
        const imx_tid path = imx_graph_temp(g, IMX_F32, COUNT, "path"),
                      meet = imx_graph_temp(g, IMX_F32, COUNT, "meet");
        IMX_GO(imx_graph_node(g, &imx_op_axpby, &sum, (imx_tid[]){ at, at, path }));
        IMX_GO(imx_graph_node(g, &imx_op_axpby, &sum, (imx_tid[]){ at, path, meet }));
        virt[path] = true;
        virt[meet] = i + 1 < BLOCKS;
        at = meet;
    }
    IMX_GO(imx_graph_stream(g, virt, 2, false, &done));
    tap_ok(done && g->n_nodes == 2 * BLOCKS * IMAGES / 2, "blocks whose paths meet: %d nodes in slices", g->n_nodes);
fail:
    tap_ok(status == IMX_OK, "blocks whose paths meet: planned");
    imx_graph_destroy(g);
    imx_store_destroy(store);
    imx_dev_close(dev);
}

int main(void)
{
    many_paths();
    on_devices(all);
    return tap_done();
}
