/* The adversaries' losses by value: drawn discriminators, whose logits and gradients by what they judge are computed
 * here, by plain loops and pair by pair, from the weights, codes and images of a step in the double oracle:
 *   prior (dim-*, aae): mean sp(-d(real)) + mean sp(d(fake)) + penalty/2 (mean |grad d(real)|^2 + mean |grad
 * d(fake)|^2) bigan:              the same with the penalty on real pairs alone, the gradient being by image and code
 * together for every penalty that matters: none, 1, 3, and the objective's own; what the other players make of the same
 * logits, too (dim_method 3.1, 6.4, 6.5). Then the same steps on every device. MINE's critic has bigan's form, and its
 * penalty, weight * mean |grad T(image)|^2 (7.3), is told in the same way. */
#include "devices.h"
#include "eval/mine.c" /* the result that it hands out does not show the penalty */
#include "ops/random.h"
#include "whole.h"

enum { BATCH = 4, H = 13, W = 9, C = 3, PIXELS = H * W * C, UNITS = 9 };
enum { WIDEST = 64 * (H / 2) * (W / 2) }; /* values of one image in a layer: the first of bigan's */
enum { PART = 256, JOINT = 128 };         /* widths in what judges pairs */

/* out = W in + b, with ReLU or without: a convolution, wei [o, k, k, c], or a matrix, of which h = w = k = 1. */
struct layer {
    int32_t h, w, c, o, k, stride, pad;
    bool relu;
    const double *wei, *bia;
    double out[WIDEST];
};

/* Forward when din is NULL; else din += W^T D dout, D the mask of what the ReLU has let through. */
static void pass(struct layer *l, const double *in, const double *dout, double *din)
{
    const int32_t p = (l->h + 2 * l->pad - l->k) / l->stride + 1, q = (l->w + 2 * l->pad - l->k) / l->stride + 1;
    for (int32_t at = 0; at < p * q * l->o; at++) {
        const int32_t o = at % l->o, y = at / l->o / q * l->stride - l->pad, x = at / l->o % q * l->stride - l->pad;
        const double slope = din && (!l->relu || l->out[at] > 0) ? dout[at] : 0;
        double sum = l->bia[o];
        for (int32_t r = 0; r < l->k; r++)
            for (int32_t s = 0; s < l->k; s++)
                for (int32_t c = 0; c < l->c; c++) {
                    if (y + r < 0 || y + r >= l->h || x + s < 0 || x + s >= l->w)
                        continue;
                    const int32_t from = ((y + r) * l->w + x + s) * l->c + c;
                    const double wei = l->wei[((o * l->k + r) * l->k + s) * l->c + c];
                    if (din)
                        din[from] += wei * slope;
                    else
                        sum += wei * in[from];
                }
        if (!din)
            l->out[at] = l->relu && sum < 0 ? 0 : sum;
    }
}

/* Layers one behind the other; the result is the last one's. */
static const double *forward(struct layer *l, int n, const double *in)
{
    for (int i = 0; i < n; i++) {
        pass(&l[i], in, NULL, NULL);
        in = l[i].out;
    }
    return in;
}

/* The gradient by what came in, into din [h*w*c of the first layer]. */
static void backward(struct layer *l, int n, const double *dout, double *din)
{
    double d[2][WIDEST];
    for (int i = n - 1; i >= 0; i--) {
        double *to = i ? d[i % 2] : din;
        memset(to, 0, sizeof *to * (size_t)(l[i].h * l[i].w * l[i].c));
        pass(&l[i], NULL, dout, to);
        dout = to;
    }
}

static double square(const double *x, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* An oracle's tensor and a parameter, by name, of that many values. */
static const double *named(struct imx_oracle *o, const char *name, int64_t count)
{
    for (imx_tid t = 1; t < o->graph->n_tensors; t++)
        if (!strcmp(o->graph->tensor[t].name, name) && o->graph->tensor[t].count == count)
            return imx_oracle_real(o, t);
    printf("# no tensor %s of %lld\n", name, (long long)count);
    abort();
}

static const double *parameter(struct imx_oracle *o, const char *layer, const char *kind, int64_t count)
{
    const struct imx_graph *g = o->graph;
    char name[64];
    snprintf(name, sizeof name, "%s.%s", layer, kind);
    for (imx_tid t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_PARAM && !strcmp(g->store->param[g->tensor[t].index].name, name) &&
            g->tensor[t].count == count)
            return imx_oracle_real(o, t);
    printf("# no parameter %s of %lld\n", name, (long long)count);
    abort();
}

static void matrix(struct layer *l, struct imx_oracle *o, const char *name, int32_t in, int32_t out, bool relu)
{
    *l = (struct layer){
        1, 1, in, out, 1, 1, 0, relu, parameter(o, name, "weight", (int64_t)in * out), parameter(o, name, "bias", out)
    };
}

/* What an adversary has drawn: codes of the prior, or those that images are made of. */
static const double *drawn(struct imx_oracle *o, int64_t count)
{
    const int at = whole_nodes_until(o->graph, &imx_op_random);
    const imx_tid t = at < 0 ? 0 : o->graph->node[at].arg[IMX_RANDOM_DST];
    if (!t || o->graph->tensor[t].count != count)
        abort();
    return imx_oracle_real(o, t);
}

/* Means over the pairs of one side; real: they should get a positive logit. */
struct side {
    double rival, other, steep; /* softplus of what the discriminator and the other player lack, squared gradient */
};

static void add(struct side *s, double logit, bool real, double steep, int32_t rows)
{
    s->rival += softplus(real ? -logit : logit) / rows;
    s->other += softplus(real ? logit : -logit) / rows;
    s->steep += steep / rows;
}

static const struct row {
    const char *objective;
    const struct imx_encoder *encoder;
    const char *y; /* its codes: tensor, values of each, codes of an image */
    int32_t units, codes, hidden;
    int prior;
    double own; /* penalty of the objective */
} rows[] = {
    { "dim-local", &whole_tiny, "encoder.out.dst", 9, 1, 1000, IMX_PRIOR_UNIFORM, 1 },
    { "dim-local", &whole_tiny, "encoder.out.dst", 9, 1, 1000, IMX_PRIOR_GAUSSIAN, 1 },
    { "dim-local", &whole_crops, "encoder.bn3.dst", 7, 4, 1000, IMX_PRIOR_UNIFORM, 1 },
    { "aae", &whole_tiny, "encoder.out.dst", 9, 1, 200, IMX_PRIOR_GAUSSIAN, 0.5 },
    { "aae", &whole_tiny, "encoder.out.dst", 9, 1, 200, IMX_PRIOR_UNIFORM, 0.5 },
    { "bigan", &whole_tiny, "encoder.out.dst", UNITS, 1, 0, IMX_PRIOR_OWN, 1 },
};
static const double penalty[] = { 0, 1, 3, -1 };
enum { ROWS = sizeof rows / sizeof *rows, PENALTIES = sizeof penalty / sizeof *penalty };

static struct imx_net_spec spec_of(const struct row *r, double weight)
{
    static const struct imx_decoder decoder = { "tiny", 13, 7, { 6, 5 } };
    const bool rebuilds = strcmp(r->objective, "dim-local") != 0;
    return (struct imx_net_spec){
        .encoder = r->encoder,
        .critic = { .units = 11 },
        .decoder = &decoder,
        .batch = BATCH,
        .h = rebuilds ? H : 16,
        .w = rebuilds ? W : 16,
        .c = C,
        .objective = imx_objective_find(r->objective),
        .mix = { .alpha = -1,
                 .beta = -1,
                 .gamma = rebuilds ? -1 : 0.5,
                 .penalty = weight,
                 .prior = r->prior,
                 .vae_beta = -1 },
    };
}

/* logit = w3 . relu(W2 relu(W1 v + b1) + b2) + b3, gradient W1^T D1 W2^T D2 w3, of codes that are drawn and made. */
static void judge_codes(struct imx_oracle *o, const struct row *r, struct side *real, struct side *fake)
{
    static struct layer l[3];
    const int32_t n = BATCH * r->codes;
    const double *of_prior = drawn(o, n * r->units), *y = named(o, r->y, n * r->units);
    matrix(&l[0], o, "prior.fc1", r->units, r->hidden, true);
    matrix(&l[1], o, "prior.fc2", r->hidden, 200, true);
    matrix(&l[2], o, "prior.fc3", 200, 1, false);
    for (int32_t i = 0; i < 2 * n; i++) {
        double v[16], d[16];
        for (int32_t k = 0; k < r->units; k++) {
            const double code = y[i % n * r->units + k];
            v[k] = i < n ? of_prior[i * r->units + k] : r->prior == IMX_PRIOR_UNIFORM ? 1 / (1 + exp(-code)) : code;
        }
        const double logit = *forward(l, 3, v);
        backward(l, 3, &(double){ 1 }, d);
        add(i < n ? real : fake, logit, i < n, square(d, r->units), n);
    }
}

/* Of pairs of an image and a code: convolutions k4 s2 p1 of 64, 128 and 256, both to 256, together to 128 and 1. */
struct judge {
    struct layer image[4], code[2], joint[2];
};

/* All but the layer where both meet, which has its 512 columns from elsewhere. */
static void of_pairs(struct judge *j, struct imx_oracle *o, const char *prefix)
{
    char name[32];
    int32_t h = H, w = W, c = C;
    for (int i = 0; i < 3; i++, h /= 2, w /= 2) {
        snprintf(name, sizeof name, "%s.conv%d", prefix, i + 1);
        j->image[i] = (struct layer){ h, w, c, 64 << i, 4, 2, 1, true };
        j->image[i].wei = parameter(o, name, "weight", j->image[i].o * 16 * c);
        j->image[i].bia = parameter(o, name, "bias", j->image[i].o);
        c = j->image[i].o;
    }
    snprintf(name, sizeof name, "%s.image", prefix);
    matrix(&j->image[3], o, name, h * w * c, PART, true);
    snprintf(name, sizeof name, "%s.code1", prefix);
    matrix(&j->code[0], o, name, UNITS, 64, true);
    snprintf(name, sizeof name, "%s.code2", prefix);
    matrix(&j->code[1], o, name, 64, PART, true);
    snprintf(name, sizeof name, "%s.fc2", prefix);
    matrix(&j->joint[1], o, name, JOINT, 1, false);
}

/* The logit, and the squares of its gradients by image and code. */
static double of_pair(struct judge *j, const double *x, const double *y, double *by_image, double *by_code)
{
    double both[2 * PART], d[2 * PART], dx[PIXELS], dy[UNITS];
    memcpy(both, forward(j->image, 4, x), PART * sizeof *both);
    memcpy(both + PART, forward(j->code, 2, y), PART * sizeof *both);
    const double logit = *forward(j->joint, 2, both);
    backward(j->joint, 2, &(double){ 1 }, d);
    backward(j->image, 4, d, dx);
    backward(j->code, 2, d + PART, dy);
    *by_image = square(dx, PIXELS);
    *by_code = square(dy, UNITS);
    return logit;
}

static void judge_pairs(struct imx_oracle *o, const struct imx_net *net, const struct row *r, struct side *real,
                        struct side *fake)
{
    static struct judge j;
    const double *x = imx_oracle_real(o, net->image), *made = named(o, "decoder.out.activated", BATCH * PIXELS);
    const double *y = named(o, r->y, BATCH * UNITS), *z = drawn(o, BATCH * UNITS);
    of_pairs(&j, o, "bigan");
    matrix(&j.joint[0], o, "bigan.fc1", 2 * PART, JOINT, true);
    for (int i = 0; i < BATCH; i++) {
        double by_image, by_code, logit = of_pair(&j, x + i * PIXELS, y + i * UNITS, &by_image, &by_code);
        add(real, logit, true, by_image + by_code, BATCH);
        logit = of_pair(&j, made + i * PIXELS, z + i * UNITS, &by_image, &by_code);
        add(fake, logit, false, by_image + by_code, BATCH);
    }
}

static imx_tid term(const struct imx_net *net, const char *name)
{
    for (int i = 0; i < net->n_terms; i++)
        if (!strcmp(net->term[i].name, name))
            return net->term[i].value;
    abort();
}

/* The discriminator's losses, which the devices are compared with. */
static double known[ROWS][PENALTIES];

static void value(struct imx_oracle *o, const struct imx_net *net, const char *what, const char *name, double want)
{
    const double got = imx_oracle_real(o, term(net, name))[0];
    tap_ok(fabs(got - want) <= 1e-10, "%s: %s %.12g, by hand %.12g", what, name, got, want);
}

static void by_hand(struct imx_dev *host, int i, int k)
{
    const struct row *r = &rows[i];
    const struct imx_net_spec s = spec_of(r, penalty[k]);
    const bool bigan = !r->hidden;
    struct whole n;
    struct imx_oracle *o = NULL;
    struct side real = { 0 }, fake = { 0 };
    char what[64];
    snprintf(what, sizeof what, "%s, net %d, penalty %g", r->objective, i, penalty[k]);
    if (!tap_ok(whole_open(host, &s, &n) == IMX_OK, "%s: a tiny network is built", what))
        return;
    if (imx_oracle_create(n.net.g, &o) != IMX_OK || whole_load(o, n.net.g) != IMX_OK)
        abort();
    imx_oracle_run(o, whole_forward(&n));
    if (bigan)
        judge_pairs(o, &n.net, r, &real, &fake);
    else
        judge_codes(o, r, &real, &fake);
    const double weight = penalty[k] < 0 ? r->own : penalty[k];
    known[i][k] = real.rival + fake.rival + weight / 2 * (real.steep + (bigan ? 0 : fake.steep));
    value(o, &n.net, what, "discriminator", known[i][k]);
    if (bigan)
        value(o, &n.net, what, "encoder", real.other);
    value(o, &n.net, what, bigan ? "generator" : "prior", fake.other);
    tap_ok(real.steep > 1e-4 && fabs(real.steep - fake.steep) > 1e-7, "%s: squared gradients %.3g and %.3g", what,
           real.steep, fake.steep);
    imx_oracle_destroy(o);
    whole_close(&n);
}

static void on_device(struct imx_dev *dev, const char *where)
{
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < PENALTIES; k++) {
            const struct imx_net_spec s = spec_of(&rows[i], penalty[k]);
            struct whole n;
            float got = NAN;
            if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: %s is built", where, rows[i].objective))
                continue;
            const bool ran = imx_graph_run(n.net.g) == IMX_OK &&
                             imx_graph_download(n.net.g, term(&n.net, "discriminator"), &got) == IMX_OK;
            tap_ok(ran && fabs((double)got - known[i][k]) <= 2e-6, "%s: %s, net %d, penalty %g: %.8f, by hand %.8f",
                   where, rows[i].objective, i, penalty[k], (double)got, known[i][k]);
            whole_close(&n);
        }
}

/* penalise adds to what it is given. */
static void mine(struct imx_dev *dev, const char *where)
{
    static struct judge j;
    static double both[JOINT * 2 * PART];
    const struct imx_mine how = { .batch = BATCH, .penalty = 1000 };
    struct mine m = { .how = &how, .h = H, .w = W, .c = C, .d = UNITS };
    struct imx_oracle *o = NULL;
    imx_status status = IMX_OK;
    uint8_t bytes[BATCH * PIXELS];
    float code[BATCH * UNITS], got = NAN;
    double worst = 0, steep = 0;
    for (int i = 0; i < BATCH * PIXELS; i++)
        bytes[i] = (uint8_t)(i * i * 31 % 251);
    for (int i = 0; i < BATCH * UNITS; i++)
        code[i] = sinf(1.7f * (float)i);
    IMX_GO(imx_store_create(dev, true, &m.store));
    IMX_GO(imx_graph_create(dev, m.store, &m.fit.g));
    struct imx_graph *g = m.fit.g;
    struct imx_build b = { .g = g, .training = true };
    m.joint = make_pairs(&b, &m, 0);
    const imx_tid before = imx_graph_keep(g, IMX_F32, 1, "before"), after = penalise(g, &m, before);
    imx_graph_output(g, after);
    IMX_GO(imx_graph_plan(g, 0));
    IMX_GO(imx_store_init(m.store, 3));
    IMX_GO(imx_fit_image_ready(g, &m.joint.image));
    IMX_GO(imx_graph_upload(g, m.joint.image.bytes, bytes));
    IMX_GO(imx_graph_upload(g, m.joint.code, code));
    IMX_GO(imx_graph_upload(g, before, &(float){ 0.25f }));
    IMX_GO(imx_oracle_create(g, &o));
    IMX_GO(whole_load(o, g));
    IMX_GO(imx_graph_run(g));
    IMX_GO(imx_graph_download(g, after, &got));
    imx_oracle_run(o, g->n_nodes);
    of_pairs(&j, o, "mine");
    const double *part[2] = { parameter(o, "mine.fc1.image", "weight", JOINT * PART),
                              parameter(o, "mine.fc1.code", "weight", JOINT * PART) };
    for (int i = 0; i < JOINT * 2 * PART; i++)
        both[i] = part[i / PART % 2][i / PART / 2 * PART + i % PART];
    j.joint[0] =
        (struct layer){ 1, 1, 2 * PART, JOINT, 1, 1, 0, true, both, parameter(o, "mine.fc1.code", "bias", JOINT) };
    for (int i = 0; i < BATCH; i++) {
        double by_image, by_code;
        const double score = of_pair(&j, imx_oracle_real(o, m.joint.image.map.t) + i * PIXELS,
                                     imx_oracle_real(o, m.joint.code) + i * UNITS, &by_image, &by_code);
        worst = fmax(worst, fabs(score - imx_oracle_real(o, m.joint.score)[i]));
        steep += by_image / BATCH;
    }
    const double want = 0.25 + how.penalty * steep;
    tap_ok(worst <= 1e-10 && steep > 1e-6 && fabs(imx_oracle_real(o, after)[0] - want) <= 1e-10 &&
               fabs((double)got - want) <= 2e-6,
           "%s: mine: scores by hand within %.2g, penalised %.8f, by hand %.12f", where, worst, (double)got, want);
fail:
    tap_ok(status == IMX_OK, "%s: mine's critic: %s", where, imx_error_text());
    imx_oracle_destroy(o);
    imx_graph_destroy(m.fit.g);
    imx_store_destroy(m.store);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < PENALTIES; k++)
            by_hand(host, i, k);
    imx_dev_close(host);
    on_devices(on_device);
    on_devices(mine);
    return tap_done();
}
