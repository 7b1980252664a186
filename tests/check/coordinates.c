/* Coordinate prediction: what it is worth when the predictor knows nothing, gradients, the places that are asked, and
 * that moving an image's locals changes it but not the local objective (dim_method 5.2 and 11.12). */
#include "devices.h"
#include "shared.h"
#include "whole.h"

enum { CODE = 3, BATCH = 4, MOST = 3 /* codes of an image */ };

/* A graph without an encoder: locals and codes are inputs. */
struct lab {
    struct imx_store *store;
    struct imx_net net;
    struct imx_net_spec spec;
    struct imx_map local, y;
    imx_tid score; /* of the local objective */
    int forward;
};

static imx_status lab_open(struct imx_dev *dev, int32_t h, int32_t w, int32_t c, int32_t codes, int predictor,
                           struct lab *l)
{
    *l = (struct lab){ .spec = { .critic = { .units = 8, .estimator = IMX_EST_INFONCE } } };
    struct imx_net *n = &l->net;
    const struct imx_mix mix = { .coordinates = IMX_COORDINATES_ABSOLUTE | IMX_COORDINATES_RELATIVE,
                                 .coordinates_weight = 1,
                                 .coordinates_net = predictor };
    IMX_TRY(imx_store_create(dev, true, &l->store));
    IMX_TRY(imx_graph_create(dev, l->store, &n->g));
    n->spec = &l->spec;
    n->objective = &imx_objectives[0];
    n->b = (struct imx_build){ .g = n->g, .training = true };
    l->local = (struct imx_map){ imx_graph_keep(n->g, IMX_F32, (int64_t)BATCH * h * w * c, "local"), BATCH, h, w, c };
    l->y = (struct imx_map){ imx_graph_keep(n->g, IMX_F32, BATCH * codes * CODE, "y"), BATCH, codes, 1, CODE };
    n->ctr = imx_graph_keep(n->g, IMX_U32, 4, "ctr");
    l->score = imx_critic_build(&n->b, &l->spec.critic, l->local, l->y).loss;
    imx_build_coordinates(n, l->local, l->y, &mix);
    IMX_TRY(n->g->status);
    l->forward = n->g->n_nodes;
    return IMX_OK;
}

static void lab_close(struct lab *l)
{
    imx_net_finish(&l->net);
    imx_store_destroy(l->store);
}

static void random_values(float *x, int64_t count, uint64_t seed)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t r[4];
        imx_random4(seed, 2, IMX_STREAM_TEST, (uint32_t)i, r);
        x[i] = 2 * imx_unit(r[0]) - 1;
    }
}

/* Plans, draws weights and fills the inputs; local [BATCH, h*w, c] stays with the caller. */
static imx_status lab_start(struct lab *l, float *local)
{
    float y[BATCH * MOST * CODE];
    const int64_t count = (int64_t)imx_map_rows(l->local) * l->local.c;
    IMX_TRY(imx_graph_plan(l->net.g, 0));
    IMX_TRY(imx_store_init(l->store, 5));
    random_values(local, count, 1);
    random_values(y, BATCH * MOST * CODE, 2);
    IMX_TRY(imx_graph_upload(l->net.g, l->local.t, local));
    IMX_TRY(imx_graph_upload(l->net.g, l->y.t, y));
    return imx_net_draw(&l->net, 9, 1234);
}

static imx_tid term_of(const struct lab *l, const char *name)
{
    for (int i = 0; i < l->net.n_terms; i++)
        if (!strcmp(l->net.term[i].name, name))
            return l->net.term[i].value;
    abort();
}

static float value_of(struct lab *l, const char *name)
{
    float v;
    return imx_graph_download(l->net.g, term_of(l, name), &v) == IMX_OK ? v : NAN;
}

/* Parameters whose name holds `part` become zero. */
static imx_status forget(struct lab *l, const char *part)
{
    imx_status status = IMX_OK;
    for (int i = 0; i < l->store->n_params && status == IMX_OK; i++) {
        const struct imx_param *p = &l->store->param[i];
        float *zero = calloc((size_t)p->count, sizeof *zero);
        if (zero && strstr(p->name, part))
            status = imx_store_set(l->store, i, IMX_ARENA_PARAM, zero);
        free(zero);
    }
    return status;
}

/* At zero logits the loss is the logarithm of the number of answers. */
static void knows_nothing(struct imx_dev *dev, int32_t h, int32_t w, int32_t codes, double absolute, double relative)
{
    struct lab l;
    float *local = malloc(sizeof *local * (size_t)(BATCH * h * w * 2));
    imx_status status = lab_open(dev, h, w, 2, codes, IMX_COORDINATES_MLP, &l);
    if (status == IMX_OK)
        status = lab_start(&l, local);
    if (status == IMX_OK)
        status = forget(&l, ".row.");
    if (status == IMX_OK)
        status = forget(&l, ".column.");
    struct imx_oracle *o = NULL;
    if (status == IMX_OK)
        status = imx_oracle_create(l.net.g, &o);
    if (status == IMX_OK)
        status = whole_load(o, l.net.g);
    if (status == IMX_OK)
        imx_oracle_run(o, l.forward);
    const double a = o ? imx_oracle_real(o, term_of(&l, "coordinates-absolute"))[0] : (double)NAN;
    const double r = o ? imx_oracle_real(o, term_of(&l, "coordinates-relative"))[0] : (double)NAN;
    tap_ok(status == IMX_OK && fabs(a - absolute) <= 6e-7, "%dx%d: zero logits give %.6f absolute, the paper %.6f", h,
           w, a, absolute);
    tap_ok(status == IMX_OK && fabs(r - relative) <= 6e-7, "%dx%d: zero logits give %.6f relative, the paper %.6f", h,
           w, r, relative);
    free(local);
    imx_oracle_destroy(o);
    lab_close(&l);
}

/* ---- the residual predictor by plain loops ---- */

enum { RH = 2, RW = 3, RC = 2, RIN = RC + CODE, UNITS = RH + RW, ROWS = BATCH * RH * RW };

/* dst[ROWS, UNITS] += x[ROWS, c] W^T of "coordinates.absolute.NAME.weight", which holds c columns. */
static void times(const struct lab *l, const char *name, const double *x, int32_t c, double *dst)
{
    char full[64];
    float wei[UNITS * UNITS], bia[UNITS] = { 0 };
    snprintf(full, sizeof full, "coordinates.absolute.%s.weight", name);
    const int at = imx_store_find(l->store, full);
    snprintf(full, sizeof full, "coordinates.absolute.%s.bias", name);
    const int behind = imx_store_find(l->store, full);
    if (at < 0 || l->store->param[at].count != UNITS * c || c > UNITS ||
        imx_store_get(l->store, at, IMX_ARENA_PARAM, wei) != IMX_OK ||
        (behind >= 0 && imx_store_get(l->store, behind, IMX_ARENA_PARAM, bia) != IMX_OK))
        abort();
    for (int r = 0; r < ROWS; r++)
        for (int u = 0; u < UNITS; u++) {
            dst[r * UNITS + u] += (double)bia[u];
            for (int k = 0; k < c; k++)
                dst[r * UNITS + u] += (double)wei[u * c + k] * x[r * c + k];
        }
}

/* -log of what a softmax gives to one of n. */
static double surprise(const double *logit, int n, int which)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp(logit[i]);
    return log(sum) - logit[which];
}

static void residual(struct imx_dev *host)
{
    struct lab l;
    struct imx_oracle *o = NULL;
    float local[ROWS * RC], y[BATCH * CODE];
    double x[ROWS * RIN], hidden[ROWS * UNITS] = { 0 }, logit[ROWS * UNITS] = { 0 }, want = 0;
    imx_status status = lab_open(host, RH, RW, RC, 1, IMX_COORDINATES_RESIDUAL, &l);
    if (status == IMX_OK)
        status = lab_start(&l, local);
    if (status == IMX_OK)
        status = imx_graph_download(l.net.g, l.y.t, y);
    if (status == IMX_OK)
        status = imx_oracle_create(l.net.g, &o);
    if (status == IMX_OK)
        status = whole_load(o, l.net.g);
    if (tap_ok(status == IMX_OK, "a residual predictor")) {
        imx_oracle_run(o, l.forward);
        for (int r = 0; r < ROWS; r++)
            for (int k = 0; k < RIN; k++)
                x[r * RIN + k] = k < RC ? (double)local[r * RC + k] : (double)y[r / (RH * RW) * CODE + k - RC];
        times(&l, "in", x, RIN, hidden);
        for (int u = 0; u < UNITS; u++)
            whole_standardise(hidden + u, ROWS, UNITS);
        for (int i = 0; i < ROWS * UNITS; i++)
            hidden[i] = fmax(hidden[i], 0);
        times(&l, "hidden", hidden, UNITS, logit);
        times(&l, "shortcut", x, RIN, logit);
        for (int r = 0; r < ROWS; r++) {
            double *at = logit + r * UNITS;
            whole_standardise(at, UNITS, 1);
            want += (surprise(at, RH, r % (RH * RW) / RW) + surprise(at + RH, RW, r % RW)) / ROWS;
        }
        const double got = imx_oracle_real(o, term_of(&l, "coordinates-absolute"))[0];
        tap_ok(fabs(got - want) < 1e-7 * want, "the residual predictor loses %.9g, by loops %.9g", got, want);
    }
    imx_oracle_destroy(o);
    lab_close(&l);
}

/* What each place of a 2x3 map is asked. */
static void questions(struct imx_dev *dev, int codes)
{
    struct lab l;
    float local[BATCH * 6 * 2];
    const int groups = BATCH * codes;
    int32_t row[BATCH * MOST * 6], column[BATCH * MOST * 6], source[BATCH * MOST], again[BATCH * MOST];
    int wrong = 0, nothing = 0, varied = 0;
    imx_status status = lab_open(dev, 2, 3, 2, codes, IMX_COORDINATES_MLP, &l);
    if (status == IMX_OK)
        status = lab_start(&l, local);
    const struct imx_coordinates *c = &l.net.coordinates;
    struct imx_graph *g = l.net.g;
    if (!tap_ok(status == IMX_OK, "a 2x3 map"))
        return;
    tap_ok(imx_graph_download(g, c->absolute[0], row) == IMX_OK &&
               imx_graph_download(g, c->absolute[1], column) == IMX_OK,
           "absolute questions");
    for (int i = 0; i < groups * 6; i++)
        wrong += row[i] != i % 6 / 3 || column[i] != i % 3;
    tap_ok(!wrong, "absolute: row and column of each place, rows first");
    for (uint64_t step = 0; step < 20; step++) {
        wrong += imx_net_draw(&l.net, 9, step) != IMX_OK || imx_graph_download(g, c->source, source) != IMX_OK ||
                 imx_graph_download(g, c->relative[0], row) != IMX_OK ||
                 imx_graph_download(g, c->relative[1], column) != IMX_OK;
        for (int i = 0; i < groups * 6; i++) {
            const int from = source[i / 6], at = i % 6;
            wrong += from < 0 || from > 5;
            nothing += at == from && row[i] == -1 && column[i] == -1;
            wrong += at != from && (row[i] != at / 3 - from / 3 + 1 || column[i] != at % 3 - from % 3 + 2);
        }
        for (int i = 0; i < groups && step; i++)
            varied += source[i] != again[i];
        memcpy(again, source, sizeof again);
    }
    tap_ok(!wrong && nothing == 20 * groups, "relative: offsets from the source, which is asked nothing");
    tap_ok(varied > 30, "the source is drawn anew in each step");
    tap_ok(imx_net_draw(&l.net, 9, 7) == IMX_OK && imx_graph_download(g, c->source, again) == IMX_OK &&
               imx_net_draw(&l.net, 9, 8) == IMX_OK && imx_net_draw(&l.net, 9, 7) == IMX_OK &&
               imx_graph_download(g, c->source, source) == IMX_OK && !memcmp(source, again, sizeof again),
           "and is a function of seed and step");
    lab_close(&l);
}

/* Image 1's places in reverse order. */
static void shifted(struct imx_dev *dev, const char *where, int codes)
{
    enum { SIDE = 5, C = 6, PLACES = SIDE * SIDE };
    static float local[BATCH * PLACES * C];
    struct lab l;
    float score[2] = { NAN, NAN }, a[2] = { NAN, NAN }, r[2] = { NAN, NAN };
    imx_status status = lab_open(dev, SIDE, SIDE, C, codes, IMX_COORDINATES_MLP, &l);
    if (status == IMX_OK)
        status = lab_start(&l, local);
    for (int k = 0; k < 2 && status == IMX_OK; k++) {
        status = imx_graph_run(l.net.g);
        if (status == IMX_OK)
            status = imx_graph_download(l.net.g, l.score, &score[k]);
        a[k] = value_of(&l, "coordinates-absolute");
        r[k] = value_of(&l, "coordinates-relative");
        for (int p = 0; p < PLACES / 2; p++)
            for (int c = 0; c < C; c++) {
                float *x = &local[(PLACES + p) * C + c], *y = &local[(2 * PLACES - 1 - p) * C + c], keep = *x;
                *x = *y;
                *y = keep;
            }
        if (status == IMX_OK)
            status = imx_graph_upload(l.net.g, l.local.t, local);
    }
    tap_ok(status == IMX_OK && fabsf(score[0] - score[1]) <= 1e-6f * fabsf(score[0]),
           "%s: moving an image's locals leaves the local objective at %.6f (%.6f)", where, (double)score[0],
           (double)score[1]);
    tap_ok(status == IMX_OK && fabsf(a[0] - a[1]) > 1e-4f && fabsf(r[0] - r[1]) > 1e-4f,
           "%s: and changes the coordinate losses, %.6f %.6f to %.6f %.6f", where, (double)a[0], (double)r[0],
           (double)a[1], (double)r[1]);
    lab_close(&l);
}

static void moved(struct imx_dev *dev, const char *where)
{
    shifted(dev, where, 1);
    shifted(dev, where, 3);
}

static void gradients(struct imx_dev *host)
{
    struct imx_net_spec spec = {
        .encoder = &whole_tiny,
        .critic = { .units = 9, .estimator = IMX_EST_INFONCE },
        .batch = 3,
        .h = 16,
        .w = 16,
        .c = 3,
        .objective = &imx_objectives[0],
        .mix = { .alpha = -1,
                 .beta = -1,
                 .gamma = -1,
                 .penalty = -1,
                 .coordinates = IMX_COORDINATES_ABSOLUTE | IMX_COORDINATES_RELATIVE,
                 .coordinates_weight = 0.5 },
    };
    whole_check(host, &spec, "dim-local with coordinates", NULL, 40);
    spec.mix.coordinates_net = IMX_COORDINATES_RESIDUAL;
    whole_check(host, &spec, "dim-local with coordinates by a residual layer", NULL, 40);
    spec.mix.coordinates_net = IMX_COORDINATES_MLP;
    spec.encoder = &whole_crops;
    /* Few rows: each of the 512 ReLUs of each is a kink that a difference may meet. */
    spec.mix.coordinates = IMX_COORDINATES_ABSOLUTE;
    spec.batch = 4;
    whole_check(host, &spec, "several globals, absolute coordinates", NULL, 50);
    spec.mix.coordinates = IMX_COORDINATES_RELATIVE;
    spec.mix.gamma = 0.5;
    spec.batch = 2;
    whole_check(host, &spec, "several globals, relative coordinates and prior", "prior.", 60);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    knows_nothing(host, 8, 8, 1, 4.158883, 5.416100);
    knows_nothing(host, 15, 15, 1, 5.416100, 6.734592);
    knows_nothing(host, 2, 5, 1, log(2) + log(5), log(3) + log(9));
    knows_nothing(host, 2, 5, 3, log(2) + log(5), log(3) + log(9));
    residual(host);
    questions(host, 1);
    questions(host, 3);
    gradients(host);
    imx_dev_close(host);
    on_devices(moved);
    return tap_done();
}
