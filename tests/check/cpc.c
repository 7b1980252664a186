/* Contrastive predictive coding: the walk against a plain recursion, what a context may know, what a blind predictor is
 * worth, who is asked for, gradients (dim_method 6.7). */
#include "objectives/cpc.h"
#include "devices.h"
#include "nn/context.h"
#include "shared.h"
#include "whole.h"

enum { N = 2, H = 3, W = 4, C = 3 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* weight [3C, width] x, third `g`, output o */
static double gate(const float *wei, int width, int g, int o, const double *x)
{
    double sum = 0;
    for (int i = 0; i < width; i++)
        sum += (double)wei[(g * C + o) * width + i] * x[i];
    return sum;
}

/* h of every cell by the definition: raster order, one cell at a time. */
static void recursion(const float *z, const float *wih, const float *whh, const float *bih, const float *bhh, double *h)
{
    for (int at = 0; at < N * H * W; at++) {
        const int r = at / W % H, c = at % W;
        double in[2 * C] = { 0 }, left[C] = { 0 };
        for (int i = 0; i < C; i++) {
            in[i] = (double)z[at * C + i];
            in[C + i] = r ? h[(at - W) * C + i] : 0;
            left[i] = c ? h[(at - 1) * C + i] : 0;
        }
        for (int o = 0; o < C; o++) {
            double i[3], s[3];
            for (int g = 0; g < 3; g++) {
                i[g] = gate(wih, 2 * C, g, o, in) + (double)bih[g * C + o];
                s[g] = gate(whh, C, g, o, left) + (double)bhh[g * C + o];
            }
            const double u = sigmoid(i[1] + s[1]);
            h[at * C + o] = (1 - u) * tanh(i[2] + sigmoid(i[0] + s[0]) * s[2]) + u * left[o];
        }
    }
}

static void fetch(struct imx_store *s, const char *name, float *to)
{
    for (int i = 0; i < s->n_params; i++)
        if (!strcmp(s->param[i].name, name) && imx_store_get(s, i, IMX_ARENA_PARAM, to) == IMX_OK)
            return;
    abort();
}

/* Weights of the walk are drawn and then spread, so that the gates do something. */
static imx_status walk_open(struct imx_dev *dev, struct imx_store **store, struct imx_graph **g, struct imx_context *x)
{
    IMX_TRY(imx_store_create(dev, false, store));
    IMX_TRY(imx_graph_create(dev, *store, g));
    struct imx_build b = { .g = *g };
    const struct imx_map local = { imx_graph_keep(*g, IMX_F32, N * H * W * C, "local"), N, H, W, C };
    *x = imx_context_build(&b, local);
    imx_graph_output(*g, x->state.t);
    imx_graph_output(*g, x->last.t);
    imx_graph_output(*g, x->mean.t);
    IMX_TRY(imx_graph_plan(*g, 0));
    IMX_TRY(imx_store_init(*store, 11));
    return imx_context_start(*g, x);
}

static void walk(struct imx_dev *dev, const char *where)
{
    struct imx_store *s = NULL;
    struct imx_graph *g = NULL;
    struct imx_context x;
    float z[N * H * W * C], wih[6 * C * C], whh[3 * C * C], bih[3 * C], bhh[3 * C];
    float got[N * H * W * C], last[N * C], mean[N * C], changed[N * H * W * C];
    double want[N * H * W * C], worst = 0;
    for (int i = 0; i < N * H * W * C; i++) {
        uint32_t r[4];
        imx_random4(7, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        z[i] = 4 * imx_unit(r[0]) - 2;
    }
    if (!tap_ok(walk_open(dev, &s, &g, &x) == IMX_OK, "%s: a walk", where))
        return;
    fetch(s, "encoder.context.weight_ih", wih);
    fetch(s, "encoder.context.weight_hh", whh);
    fetch(s, "encoder.context.bias_ih", bih);
    fetch(s, "encoder.context.bias_hh", bhh);
    recursion(z, wih, whh, bih, bhh, want);
    bool ran = imx_graph_upload(g, 1, z) == IMX_OK && imx_graph_run(g) == IMX_OK &&
               imx_graph_download(g, x.state.t, got) == IMX_OK && imx_graph_download(g, x.last.t, last) == IMX_OK &&
               imx_graph_download(g, x.mean.t, mean) == IMX_OK;
    for (int i = 0; i < N * H * W * C; i++)
        worst = fabs((double)got[i] - want[i]) <= worst ? worst : fabs((double)got[i] - want[i]);
    tap_ok(ran && worst <= 2e-6, "%s: every state is that of the recursion, worst %.2g", where, worst);
    worst = 0;
    for (int i = 0; i < N * C; i++) {
        double sum = 0;
        for (int p = 0; p < H * W; p++)
            sum += want[(i / C * H * W + p) * C + i % C];
        worst = fmax(worst, fabs((double)mean[i] - sum / (H * W)));
        worst = fmax(worst, fabs((double)last[i] - want[(i / C * H * W + H * W - 1) * C + i % C]));
    }
    tap_ok(ran && worst <= 2e-6, "%s: last and mean, worst %.2g", where, worst);
    z[(H * W + 1 * W + 2) * C] += 1; /* image 1, row 1, column 2 */
    ran = imx_graph_upload(g, 1, z) == IMX_OK && imx_graph_run(g) == IMX_OK &&
          imx_graph_download(g, x.state.t, changed) == IMX_OK;
    int wrong = 0;
    for (int at = 0; at < N * H * W; at++) {
        const bool sees = at / (H * W) == 1 && at / W % H >= 1 && at % W >= 2;
        wrong += sees == !memcmp(changed + at * C, got + at * C, C * sizeof *got);
    }
    tap_ok(ran && !wrong, "%s: a local reaches the contexts below and right of it, no other", where);
    imx_graph_destroy(g);
    imx_store_destroy(s);
}

static const struct imx_encoder crops = {
    .name = "tiny",
    .size = 12,
    .channels = 3,
    .layer = { { .kind = IMX_LAYER_CONV, .out = 5, .k = 4, .stride = 2, .pad = 1, .local = true },
               { .kind = IMX_LAYER_CONV, .out = 7, .k = 3, .stride = 1, .pad = 1 },
               { .kind = IMX_LAYER_OUT, .out = 4 } },
};

static struct imx_net_spec spec_of(void)
{
    return (struct imx_net_spec){
        .encoder = &crops,
        .critic = { .units = 8 },
        .batch = 3,
        .h = 12,
        .w = 8,
        .c = 3,
        .objective = imx_objective_find("cpc"),
        .mix = { .alpha = -1, .beta = -1, .gamma = -1, .penalty = -1, .cpc_steps = 4 },
    };
}

/* A predictor of zeros gives all candidates the same score. */
static void blind(struct imx_dev *dev)
{
    const struct imx_net_spec spec = spec_of();
    struct whole n;
    struct imx_oracle *o = NULL;
    if (!tap_ok(whole_open(dev, &spec, &n) == IMX_OK && imx_oracle_create(n.net.g, &o) == IMX_OK &&
                    whole_load(o, n.net.g) == IMX_OK,
                "a network for cpc"))
        return;
    const struct imx_graph *g = n.net.g;
    int zeroed = 0, trained = 0, wrong = 0;
    for (imx_tid t = 1; t < g->n_tensors; t++) {
        if (g->tensor[t].place != IMX_PLACE_PARAM)
            continue;
        const char *name = n.store->param[g->tensor[t].index].name;
        trained += !strncmp(name, "encoder.out", 11) || !strncmp(name, "encoder.conv2", 13);
        if (strncmp(name, "cpc.predict", 11))
            continue;
        memset(imx_oracle_real(o, t), 0, sizeof(double) * (size_t)g->tensor[t].count);
        zeroed++;
    }
    imx_oracle_run(o, whole_forward(&n));
    tap_ok(zeroed == 3, "fields of 4 pixels, 2 apart: offsets 2, 3 and 4 are asked for, %d", zeroed);
    tap_ok(!trained, "layers behind the local map are not built");
    const double got = imx_oracle_real(o, n.net.loss)[0];
    tap_ok(fabs(got - log(3 * 6 * 4)) <= 1e-6 && n.net.classes == 72, "a blind predictor's loss is ln 72: %.6f", got);
    for (int32_t k = 2; k <= 4; k++) {
        const struct imx_cpc *cpc = n.net.own;
        const int32_t *from = o->data[cpc->from[k]], *label = o->data[cpc->label[k]], cells = (6 - k) * 4;
        for (int i = 0; i < 3 * cells; i++) {
            const int image = i / cells, cell = i % cells, r = cell / 4, c = cell % 4;
            wrong += from[i] != r * 4 + c || label[i] != image * 24 + (r + k) * 4 + c;
        }
    }
    tap_ok(!wrong, "each cell is asked for the local k rows below, in its own image");
    imx_oracle_destroy(o);
    whole_close(&n);
}

static void refused(struct imx_dev *dev)
{
    static const struct {
        const char *what;
        struct imx_mix mix;
    } bad[] = {
        { "--gamma", { .alpha = -1, .beta = -1, .gamma = 1 } },
        { "--occlude", { .alpha = -1, .beta = -1, .gamma = -1, .occlude = true } },
        { "--cpc-steps 1", { .alpha = -1, .beta = -1, .gamma = -1, .cpc_steps = 1 } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imx_net_spec spec = spec_of();
        struct imx_store *s = NULL;
        struct imx_net net;
        spec.mix = bad[i].mix;
        if (imx_store_create(dev, true, &s) != IMX_OK)
            abort();
        tap_ok(imx_net_create(dev, s, &spec, 0, &net) == IMX_E_ARG && strstr(imx_error_text(), bad[i].what),
               "%s is refused: %s", bad[i].what, imx_error_text());
        imx_store_destroy(s);
    }
}

/* A hundred steps on one batch. */
static void learns(struct imx_dev *dev, const char *where)
{
    struct imx_net_spec spec = spec_of();
    struct whole n;
    float first = NAN, last = NAN;
    if (!tap_ok(whole_open(dev, &spec, &n) == IMX_OK, "%s: a network for cpc", where))
        return;
    imx_status status = IMX_OK;
    for (int i = 0; i < 100 && status == IMX_OK; i++) {
        float hyp[IMX_HYP_COUNT];
        imx_adam_hyp(1e-2, 0.5, 0.999, 1e-8, 0.0, i + 1, hyp);
        status = imx_graph_upload(n.net.g, n.net.hyp, hyp);
        if (status == IMX_OK)
            status = imx_graph_run(n.net.g);
        if (status == IMX_OK)
            status = imx_graph_download(n.net.g, n.net.loss, i ? &last : &first);
    }
    tap_ok(status == IMX_OK && last < 0.5f * first, "%s: a hundred steps on one batch take the loss from %.3f to %.3f",
           where, (double)first, (double)last);
    whole_close(&n);
}

int main(void)
{
    struct imx_dev *host = NULL;
    const struct imx_net_spec spec = spec_of();
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    blind(host);
    refused(host);
    whole_check(host, &spec, "cpc", NULL, 10);
    imx_dev_close(host);
    on_devices(walk);
    on_devices(learns);
    return tap_done();
}
