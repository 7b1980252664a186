/* The table of critics: its rows keep what they promise, errors name who can do what is asked, and rows that only a
 * test has show that another critic is a row: their scores against plain loops, their gradients against differences. */
#include "ops/critic.h"
#include "whole.h"

enum { N = 3, SIDE = 2, P = SIDE * SIDE, C = 5, Y = 4, UNITS = 6, GLOBALS = 2 };

static const unsigned DOT =
    IMX_CRITIC_ALL_PAIRS | IMX_CRITIC_WHOLE | IMX_CRITIC_PLACE | IMX_CRITIC_GLOBALS | IMX_CRITIC_EMBEDS;

/* Locals as they are, a matrix, and all that a layer can have without a norm: what meets the globals differs. */
static const struct imx_critic_form linear[] = {
    { "matrix", "", UNITS, IMX_EST_JSD, DOT, true, imx_critic_dot, .local = { { "out" } }, .global = { { "out" } } },
    { "bias", "", UNITS, IMX_EST_JSD, DOT, true, imx_critic_dot, .local = { { "out", .bias = true } },
      .global = { { "out", .bias = true } } },
    { "shortcut", "", UNITS, IMX_EST_JSD, DOT, true, imx_critic_dot,
      .local = { { "out", .bias = true, .shortcut = true } }, .global = { { "out", .shortcut = true } } },
};
/* Several layers of other widths, norms of one kind twice, layer norm with a ReLU behind it and without a shortcut; its
 * local one is computed in both ways. */
static const struct imx_critic_form deep = {
    "deep",
    "",
    UNITS,
    IMX_EST_INFONCE,
    DOT,
    false,
    imx_critic_dot,
    .local = { { "one", 13, .norm = IMX_NORM_BATCH, .relu = true },
               { "two", 9, .norm = IMX_NORM_BATCH, .relu = true },
               { "three", 0, .bias = true, .shortcut = true, .norm = IMX_NORM_LAYER } },
    .global = { { "one", 12, .bias = true, .norm = IMX_NORM_LAYER, .relu = true },
                { "two", 0, .shortcut = true, .norm = IMX_NORM_LAYER } },
};
/* Over pairs: one hidden layer without biases; four layers. */
static const struct imx_critic_form flat = { "flat",
                                             "",
                                             UNITS,
                                             IMX_EST_JSD,
                                             IMX_CRITIC_WHOLE | IMX_CRITIC_PLACE,
                                             false,
                                             imx_critic_concat,
                                             .pair = { { "in", .relu = true }, { "out", 1 } } };
static const struct imx_critic_form tall = { "tall",
                                             "",
                                             UNITS,
                                             IMX_EST_JSD,
                                             IMX_CRITIC_PLACE,
                                             false,
                                             imx_critic_concat,
                                             .pair = { { "a", 7, .bias = true, .relu = true },
                                                       { "b", .bias = true, .relu = true },
                                                       { "c", 5, .bias = true, .relu = true },
                                                       { "d", 1, .bias = true } } };

/* A graph of a critic alone; local and global are its inputs. */
struct alone {
    struct imx_store *store;
    struct imx_graph *g;
    struct imx_map local, global;
    struct imx_critic_out out;
};

static imx_status open_alone(struct imx_dev *host, const struct imx_critic_spec *spec, int32_t globals, struct alone *a)
{
    *a = (struct alone){ 0 };
    IMX_TRY(imx_store_create(host, true, &a->store));
    IMX_TRY(imx_graph_create(host, a->store, &a->g));
    struct imx_build b = { .g = a->g, .training = true, .ctr = imx_graph_keep(a->g, IMX_U32, 4, "ctr") };
    a->local = (struct imx_map){ imx_graph_keep(a->g, IMX_F32, N * P * C, "local"), N, SIDE, SIDE, C };
    if (spec->form->copies) /* the map comes as one vector of the critic's units */
        a->local = (struct imx_map){ imx_graph_keep(a->g, IMX_F32, N * spec->units, "local"), N, 1, 1, spec->units };
    a->global = (struct imx_map){ imx_graph_keep(a->g, IMX_F32, N * globals * Y, "global"), N, globals, 1, Y };
    a->out = imx_critic_build(&b, spec, a->local, a->global);
    return a->g->status;
}

/* With GLOBALS globals an image, drawn weights and some locals [N*P, C] and globals [N*GLOBALS, Y], which it gives
 * back, ready to run in the oracle. */
static imx_status start_alone(struct imx_dev *host, const struct imx_critic_spec *spec, float *local, float *global,
                              struct alone *a, struct imx_oracle **o)
{
    for (int i = 0; i < N * P * C; i++)
        local[i] = sinf(1.7f * (float)i);
    for (int i = 0; i < N * GLOBALS * Y; i++)
        global[i] = cosf(0.9f * (float)i);
    IMX_TRY(open_alone(host, spec, GLOBALS, a));
    IMX_TRY(imx_graph_plan(a->g, 0));
    IMX_TRY(imx_store_init(a->store, 4));
    IMX_TRY(imx_graph_upload(a->g, a->local.t, local));
    IMX_TRY(imx_graph_upload(a->g, a->global.t, global));
    IMX_TRY(imx_oracle_create(a->g, o));
    return whole_load(*o, a->g);
}

static void close_alone(struct alone *a)
{
    imx_graph_destroy(a->g);
    imx_store_destroy(a->store);
}

static imx_status refusal(struct imx_dev *host, const struct imx_critic_spec *spec, int32_t globals)
{
    struct alone a;
    const imx_status s = open_alone(host, spec, globals, &a);
    close_alone(&a);
    return s;
}

/* What a row says it can do it does, and the rest is refused with the names of those that can. */
static void check_row(struct imx_dev *host, const struct imx_critic_form *f)
{
    struct imx_critic_spec spec = { .form = f, .units = f->units, .estimator = f->estimator };
    struct alone a;
    spec.whole = !(f->can & IMX_CRITIC_PLACE);
    tap_ok(imx_critic_find(f->name) == f && *f->what && f->units > 0 && imx_critic_check(&spec) == IMX_OK,
           "%s: is found, and takes its own estimator", f->name);
    for (int whole = 0; whole < 2; whole++) {
        spec.whole = whole;
        const imx_status s = open_alone(host, &spec, 1, &a);
        tap_ok(s == (f->can & (whole ? IMX_CRITIC_WHOLE : IMX_CRITIC_PLACE) ? IMX_OK : IMX_E_ARG), "%s: %s maps",
               f->name, whole ? "whole" : "places of");
        tap_ok(s != IMX_OK || (a.out.global.t != 0) == ((f->can & IMX_CRITIC_EMBEDS) != 0),
               "%s: embeds its globals, or does not", f->name);
        close_alone(&a);
    }
    spec.whole = !(f->can & IMX_CRITIC_PLACE);
    tap_ok(refusal(host, &spec, GLOBALS) == (f->can & IMX_CRITIC_GLOBALS ? IMX_OK : IMX_E_ARG), "%s: %d globals",
           f->name, GLOBALS);
    spec.negatives = 1;
    tap_ok(refusal(host, &spec, 1) == (f->can & IMX_CRITIC_ALL_PAIRS ? IMX_OK : IMX_E_ARG), "%s: one of the negatives",
           f->name);
    spec.negatives = 0;
    for (int32_t est = 0; imx_estimator_name(est); est++) {
        const bool can = f->can & IMX_CRITIC_ALL_PAIRS || est != IMX_EST_INFONCE;
        spec.estimator = est;
        tap_ok(refusal(host, &spec, 1) == (can ? IMX_OK : IMX_E_ARG), "%s: %s", f->name, imx_estimator_name(est));
    }
}

static void check_texts(struct imx_dev *host)
{
    const struct imx_critic_form *pairs = &imx_critics[IMX_CRITIC_CONCAT];
    struct imx_critic_spec spec = { .form = pairs, .units = 4, .estimator = IMX_EST_INFONCE };
    tap_ok(!imx_critic_find("concatt") && strstr(imx_error_text(), "encode-dot, bilinear, concat"), "%s",
           imx_error_text());
    tap_ok(imx_critic_check(&spec) == IMX_E_ARG && strstr(imx_error_text(), "such as jsd") &&
               strstr(imx_error_text(), "(encode-dot, bilinear, encode-dot-2019, encode-dot-appendix)"),
           "%s", imx_error_text());
    spec.estimator = IMX_EST_JSD;
    spec.negatives = 2;
    tap_ok(imx_critic_check(&spec) == IMX_E_ARG && strstr(imx_error_text(), "--negatives"), "%s", imx_error_text());
    spec.negatives = 0;
    tap_ok(refusal(host, &spec, GLOBALS) == IMX_E_ARG && strstr(imx_error_text(), ": encode-dot, bilinear"), "%s",
           imx_error_text());
    spec = (struct imx_critic_spec){ .form = &tall, .units = 4, .estimator = IMX_EST_JSD, .whole = true };
    tap_ok(imx_critic_check(&spec) == IMX_E_ARG && strstr(imx_error_text(), "these do: encode-dot, bilinear, concat"),
           "%s", imx_error_text());
    spec =
        (struct imx_critic_spec){ .form = &imx_critics[IMX_CRITIC_ENCODE_COPY], .units = 4, .estimator = IMX_EST_JSD };
    tap_ok(imx_critic_check(&spec) == IMX_E_ARG && strstr(imx_error_text(), "--global-critic") &&
               strstr(imx_error_text(), "there are encode-dot, bilinear, concat, encode-dot-2019"),
           "%s", imx_error_text());
}

/* Networks that the layers cannot make. */
static void check_broken(struct imx_dev *host)
{
    struct imx_critic_form f = linear[0];
    const struct imx_critic_spec spec = { .form = &f, .units = UNITS, .estimator = IMX_EST_JSD };
    f.local[0].width = UNITS + 1;
    tap_ok(refusal(host, &spec, 1) == IMX_E_INTERNAL, "%s", imx_error_text());
    f = linear[0];
    f.local[0].name = NULL;
    tap_ok(refusal(host, &spec, 1) == IMX_E_INTERNAL, "locals that are no vectors of the units: %s", imx_error_text());
    f = linear[0];
    f.global[0].name = NULL;
    tap_ok(refusal(host, &spec, 1) == IMX_E_INTERNAL, "a head without layers: %s", imx_error_text());
    f = flat;
    f.pair[1].width = 2;
    tap_ok(refusal(host, &spec, 1) == IMX_E_INTERNAL, "two scores a pair: %s", imx_error_text());
    f = flat;
    f.pair[0].norm = IMX_NORM_BATCH;
    tap_ok(refusal(host, &spec, 1) == IMX_E_INTERNAL, "a norm over pairs: %s", imx_error_text());
}

static double value(const struct alone *a, const char *name, int64_t i)
{
    float all[64];
    const int at = imx_store_find(a->store, name);
    if (at < 0 || a->store->param[at].count > 64 || i >= a->store->param[at].count ||
        imx_store_get(a->store, at, IMX_ARENA_PARAM, all) != IMX_OK)
        return 0;
    return (double)all[i];
}

/* Row `row` of the matrix times in[c], with what the layer adds: parameters that are not there count as 0. */
static double embedded(const struct alone *a, const char *side, const float *in, int32_t c, int32_t row)
{
    char name[3][48];
    snprintf(name[0], sizeof name[0], "%s.out.weight", side);
    snprintf(name[1], sizeof name[1], "%s.out.bias", side);
    snprintf(name[2], sizeof name[2], "%s.shortcut.weight", side);
    double sum = value(a, name[1], row);
    for (int32_t k = 0; k < c; k++)
        sum += (value(a, name[0], row * c + k) + value(a, name[2], row * c + k)) * (double)in[k];
    return sum;
}

/* The positives' scores, v . l / sqrt(units), against loops that know nothing of folded heads. */
static void check_linear(struct imx_dev *host, const struct imx_critic_form *f)
{
    const struct imx_critic_spec spec = { .form = f, .units = UNITS, .estimator = IMX_EST_JSD };
    struct alone a;
    float local[N * P * C], global[N * GLOBALS * Y];
    double worst = 0, most = 0;
    struct imx_oracle *o = NULL;
    const bool ok = start_alone(host, &spec, local, global, &a, &o) == IMX_OK;
    if (tap_ok(ok, "%s: a critic alone", f->name)) {
        imx_oracle_run(o, a.g->n_nodes);
        for (int i = 0; i < N * GLOBALS * P; i++) {
            const float *l = local + (i / (GLOBALS * P) * P + i % P) * C, *y = global + i / P * Y;
            double want = 0;
            for (int k = 0; k < UNITS; k++)
                want += embedded(&a, "local", l, C, k) * embedded(&a, "global", y, Y, k) / sqrt(UNITS);
            worst = fmax(worst, fabs(imx_oracle_real(o, a.out.pos)[i] - want));
            most = fmax(most, fabs(want));
        }
        /* the scale is a float */
        tap_ok(most > 0.05 && worst < 1e-7 * most, "%s: scores up to %.3f, within %.2g", f->name, most, worst);
    }
    imx_oracle_destroy(o);
    close_alone(&a);
}

/* dst[rows, UNITS] += in[rows, c] WHAT^T + bias, WHAT a weight of the head; one that is not there counts as 0. */
static void times(const struct alone *a, const char *what, const double *in, int32_t rows, int32_t c, double *dst)
{
    char wei[48], bia[48];
    snprintf(wei, sizeof wei, "%s.weight", what);
    snprintf(bia, sizeof bia, "%s.bias", what);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t u = 0; u < UNITS; u++) {
            dst[r * UNITS + u] += value(a, bia, u);
            for (int32_t k = 0; k < c; k++)
                dst[r * UNITS + u] += value(a, wei, u * c + k) * in[r * c + k];
        }
}

/* How the heads of 2.1 differ. */
struct published {
    const char *name;
    bool batch_norm, relu; /* behind the first layer; on the shortcut */
    bool layer_norm[2];    /* behind the local, the global head */
    const char *more;      /* a bias that the others do not have */
};
static const struct published published[] = {
    { "encode-dot", true, false, { true, true }, NULL },
    { "encode-dot-2019", true, false, { true, false }, "global.shortcut.bias" },
    { "encode-dot-appendix", false, true, { true, false }, "local.in.bias" },
};

/* r(x) of a head in dst[rows, UNITS]. */
static void head(const struct alone *a, const struct published *p, int side, const double *in, int32_t rows, int32_t c,
                 double *dst)
{
    const char *const names[2] = { "local", "global" };
    double hidden[N * GLOBALS * P * UNITS] = { 0 }, cut[N * GLOBALS * P * UNITS] = { 0 };
    char name[3][32];
    const char *const layer[] = { "in", "hidden", "shortcut" };
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "%s.%s", names[side], layer[i]);
    times(a, name[0], in, rows, c, hidden);
    for (int32_t u = 0; u < UNITS && p->batch_norm; u++)
        whole_standardise(hidden + u, rows, UNITS);
    for (int32_t i = 0; i < rows * UNITS; i++)
        hidden[i] = fmax(hidden[i], 0);
    times(a, name[1], hidden, rows, UNITS, dst);
    times(a, name[2], in, rows, c, cut);
    for (int32_t i = 0; i < rows * UNITS; i++)
        dst[i] += p->relu ? fmax(cut[i], 0) : cut[i];
    for (int32_t r = 0; r < rows && p->layer_norm[side]; r++)
        whole_standardise(dst + r * UNITS, UNITS, 1);
}

/* The positives' scores of the published forms against plain loops; gains and offsets of the norms start as 1 and 0. */
static void check_published(struct imx_dev *host, const struct published *p)
{
    const struct imx_critic_spec spec = { .form = imx_critic_find(p->name), .units = UNITS, .estimator = IMX_EST_JSD };
    float local[N * P * C], global[N * GLOBALS * Y];
    double l[N * P * C], y[N * GLOBALS * Y], e[N * P * UNITS] = { 0 }, v[N * GLOBALS * UNITS] = { 0 };
    double worst = 0, most = 0;
    struct imx_oracle *o = NULL;
    struct alone a;
    const bool ok = start_alone(host, &spec, local, global, &a, &o) == IMX_OK;
    if (tap_ok(ok, "%s: a critic alone", p->name)) {
        imx_oracle_run(o, a.g->n_nodes);
        for (int i = 0; i < N * P * C; i++)
            l[i] = (double)local[i];
        for (int i = 0; i < N * GLOBALS * Y; i++)
            y[i] = (double)global[i];
        head(&a, p, 0, l, N * P, C, e);
        head(&a, p, 1, y, N * GLOBALS, Y, v);
        for (int i = 0; i < N * GLOBALS * P; i++) {
            double want = 0;
            for (int k = 0; k < UNITS; k++)
                want += e[(i / (GLOBALS * P) * P + i % P) * UNITS + k] * v[i / P * UNITS + k];
            worst = fmax(worst, fabs(imx_oracle_real(o, a.out.pos)[i] - want));
            most = fmax(most, fabs(want));
        }
        tap_ok(most > 0.05 && worst < 1e-7 * most, "%s: scores up to %.3f, within %.2g", p->name, most, worst);
        tap_ok(!p->more || imx_store_find(a.store, p->more) >= 0, "%s: has %s", p->name, p->more ? p->more : "no more");
    }
    imx_oracle_destroy(o);
    close_alone(&a);
}

static void check_gradients(struct imx_dev *host, const struct imx_critic_form *f, const struct imx_encoder *e,
                            int32_t est, bool both)
{
    const struct imx_net_spec spec = {
        .encoder = e,
        .critic = { .form = f, .units = 11, .estimator = est, .local_norm = IMX_LOCAL_NORM_QUADRATIC },
        .batch = 4,
        .h = 16,
        .w = 16,
        .c = 3,
        .objective = &imx_objectives[0],
        .mix = { both ? 0.5 : 0, f->can & IMX_CRITIC_PLACE ? 1 : 0, 0, 0, IMX_PRIOR_UNIFORM, false },
    };
    char what[64];
    snprintf(what, sizeof what, "%s, %s", f->name, e->name);
    whole_check(host, &spec, what, NULL, 15);
}

static void check_names(struct imx_dev *host)
{
    static const char *const want[] = { "local.one.weight",   "local.bn.running_var",  "local.two.weight",
                                        "local.bn2.bias",     "local.shortcut.weight", "local.three.bias",
                                        "local.norm.weight",  "global.one.bias",       "global.norm.bias",
                                        "global.norm2.weight" };
    const struct imx_critic_spec spec = { .form = &deep, .units = UNITS, .estimator = IMX_EST_INFONCE };
    struct alone a;
    if (tap_ok(open_alone(host, &spec, 1, &a) == IMX_OK, "deep: is built"))
        for (size_t i = 0; i < sizeof want / sizeof *want; i++)
            tap_ok(imx_store_find(a.store, want[i]) >= 0, "deep: has %s", want[i]);
    close_alone(&a);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    for (const struct imx_critic_form *f = imx_critics; f->name; f++)
        check_row(host, f);
    check_texts(host);
    check_broken(host);
    check_names(host);
    for (size_t i = 0; i < sizeof linear / sizeof *linear; i++)
        check_linear(host, &linear[i]);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        check_published(host, &published[i]);
    check_gradients(host, &linear[0], &whole_tiny, IMX_EST_JSD, true);
    check_gradients(host, &linear[2], &whole_crops, IMX_EST_INFONCE, false);
    check_gradients(host, &deep, &whole_tiny, IMX_EST_INFONCE, true);
    check_gradients(host, &deep, &whole_crops, IMX_EST_DV, false);
    check_gradients(host, &flat, &whole_tiny, IMX_EST_JSD, true);
    check_gradients(host, &tall, &whole_tiny, IMX_EST_DV, false);
    check_gradients(host, &imx_critics[IMX_CRITIC_ENCODE_DOT_2019], &whole_tiny, IMX_EST_INFONCE, true);
    check_gradients(host, &imx_critics[IMX_CRITIC_ENCODE_DOT_APPENDIX], &whole_crops, IMX_EST_DV, false);
    check_gradients(host, &imx_critics[IMX_CRITIC_ENCODE_COPY], &whole_tiny, IMX_EST_JSD, true);
    check_gradients(host, &imx_critics[IMX_CRITIC_ENCODE_COPY], &whole_crops, IMX_EST_INFONCE, true);
    imx_dev_close(host);
    return tap_done();
}
