/* Objectives: gradients of whole training graphs, with an adversary's gradient penalty (second order), against
 * differences; each player follows its own loss; on every device losses and gradients of the double oracle; constants
 * at the start; what an occlusion leaves. */
#include "devices.h"
#include "ops/critic.h"
#include "whole.h"

static struct imx_net_spec spec_of(const char *objective, int form, double gamma, bool occlude)
{
    struct imx_net_spec s = { &whole_tiny, { .form = &imx_critics[form], .units = 11, .estimator = IMX_EST_JSD },
                              3,           16,
                              16,          3 };
    s.objective = imx_objective_find(objective);
    s.mix = (struct imx_mix){ -1, -1, gamma, 1, IMX_PRIOR_UNIFORM, occlude };
    return s;
}

/* The paper's two: heads and infonce for the places, a network over pairs for the whole map, of another width. */
static struct imx_net_spec two_critics(void)
{
    struct imx_net_spec s = spec_of("dim-local-global", IMX_CRITIC_BILINEAR, 0, false);
    s.critic.estimator = IMX_EST_INFONCE;
    s.global = (struct imx_critic_spec){ &imx_critics[IMX_CRITIC_CONCAT], 7, IMX_EST_DV };
    return s;
}

enum { BOTH = IMX_COORDINATES_ABSOLUTE | IMX_COORDINATES_RELATIVE };

/* Nets of all terms; rivals: how the names of the adversary's parameters begin; least: parameters with a gradient. */
static const struct {
    const char *name, *objective;
    int form;
    double gamma, penalty;
    int prior;
    bool occlude;
    int coordinates;
    bool crops;
    const char *rivals;
    int least;
} nets[] = {
    { "local and uniform prior", "dim-local", IMX_CRITIC_BILINEAR, 0.5, 1, IMX_PRIOR_UNIFORM, false, 0, false, "prior.",
      31 },
    { "global, encode-dot, and normal prior", "dim-global", IMX_CRITIC_ENCODE_DOT, 1, 3, IMX_PRIOR_GAUSSIAN, false, 0,
      false, "prior.", 31 },
    { "global, bilinear, occluded", "dim-global", IMX_CRITIC_BILINEAR, 0, 0, IMX_PRIOR_UNIFORM, true, 0, false, NULL,
      25 },
    { "local and global, occluded", "dim-local-global", IMX_CRITIC_BILINEAR, 0, 0, IMX_PRIOR_UNIFORM, true, 0, false,
      NULL, 35 },
    { "local and global, occluded, coordinates, uniform prior", "dim-local-global", IMX_CRITIC_BILINEAR, 0.3, 2,
      IMX_PRIOR_UNIFORM, true, BOTH, false, "prior.", 61 },
    { "several globals, occluded, coordinates, normal prior", "dim-local", IMX_CRITIC_ENCODE_DOT, 0.5, 3,
      IMX_PRIOR_GAUSSIAN, true, IMX_COORDINATES_RELATIVE, true, "prior.", 66 },
};
enum { NETS = sizeof nets / sizeof *nets };

static struct imx_net_spec spec_at(int i)
{
    struct imx_net_spec s = spec_of(nets[i].objective, nets[i].form, nets[i].gamma, nets[i].occlude);
    s.mix.penalty = nets[i].penalty;
    s.mix.prior = nets[i].prior;
    s.mix.coordinates = nets[i].coordinates;
    s.mix.coordinates_weight = 0.7;
    if (nets[i].coordinates) /* few places: each of their predictor's 512 ReLUs is a kink that rounding may cross */
        s.w = 12;
    if (nets[i].crops)
        s.encoder = &whole_crops;
    return s;
}

static void gradients(struct imx_dev *host)
{
    for (int i = 0; i < NETS; i++) {
        const struct imx_net_spec s = spec_at(i);
        whole_check(host, &s, nets[i].name, nets[i].rivals, nets[i].least);
    }
    struct imx_net_spec s = spec_of("dim-local-global", IMX_CRITIC_BILINEAR, 0, false);
    s.mix.activation = 0.75;
    whole_check(host, &s, "local and global, activation penalty", NULL, 35);
    s = two_critics();
    s.mix.activation = 0.75;
    whole_check(host, &s, "local bilinear infonce, global concat dv, activation penalty", NULL, 30);
    s.encoder = &whole_crops;
    s.critic = (struct imx_critic_spec){ &imx_critics[IMX_CRITIC_ENCODE_DOT], 9, IMX_EST_DV };
    s.global = (struct imx_critic_spec){ &imx_critics[IMX_CRITIC_BILINEAR], 12, IMX_EST_INFONCE };
    whole_check(host, &s, "local encode-dot dv, global bilinear infonce, several globals", NULL, 60);
}

static void steps(struct imx_dev *dev, const char *where)
{
    for (int i = 0; i < NETS; i++) {
        struct imx_net_spec s = spec_at(i);
        struct whole n;
        char what[128];
        s.batch = 5;
        snprintf(what, sizeof what, "%s, %s", where, nets[i].name);
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a tiny network is built", what))
            continue;
        whole_step(&n, what);
        whole_close(&n);
    }
}

/* With a discriminator that says 0 everywhere 2 ln 2 and ln 2 (dim_method 3.1), with one as it is drawn nearly so. */
static void constants(struct imx_dev *dev, const char *where)
{
    const struct imx_net_spec s = spec_of("dim-local", IMX_CRITIC_BILINEAR, 1, false);
    struct whole n;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a network with a prior", where))
        return;
    static const char *const name[] = { "prior.fc3.weight", "prior.fc3.bias" };
    static const float zero[256];
    bool ok = imx_graph_run(n.net.g) == IMX_OK;
    const double drawn[] = { whole_term(&n, "discriminator"), whole_term(&n, "prior") };
    tap_ok(ok && fabs(drawn[0] - 2 * log(2)) < 0.05 && fabs(drawn[1] - log(2)) < 0.1,
           "%s: losses of a drawn discriminator: %.4f and %.4f", where, drawn[0], drawn[1]);
    for (int i = 0; i < 2; i++)
        ok &= imx_store_set(n.store, imx_store_find(n.store, name[i]), IMX_ARENA_PARAM, zero) == IMX_OK;
    ok = ok && imx_graph_run(n.net.g) == IMX_OK;
    const double rival = whole_term(&n, "discriminator"), prior = whole_term(&n, "prior");
    tap_ok(ok && fabs(rival - 2 * log(2)) < 1e-6 && fabs(prior - log(2)) < 1e-6,
           "%s: losses of an undecided discriminator: %.7f and %.7f", where, rival, prior);
    tap_ok(imx_store_count(n.store, "prior.") == 9 * 1000 + 1000 + 1000 * 200 + 200 + 200 + 1,
           "%s: the discriminator's parameters", where);
    whole_close(&n);
}

/* What is drawn says nothing yet: scores are near 0, and the first losses near what they are there (dim_method 11.3).
 * The network over pairs as it is published, at places and for whole maps, and for infonce bilinear, whose scores are
 * divided by the root of its units and still vary by some tenths. off: how far; a drawn last bias, which all scores
 * have in common, stays in kl alone. */
static void begins(struct imx_dev *dev, const char *where)
{
    enum { IMAGES = 8 };
    static const struct {
        int32_t estimator;
        double loss, off;
    } first[] = {
        { IMX_EST_GAN, 1.386294361, 0.03 }, { IMX_EST_JSD, 0, 0.03 },  { IMX_EST_DV, 0, 0.03 },
        { IMX_EST_DV_EMA, 0, 0.03 },        { IMX_EST_RKL, 0, 0.03 },  { IMX_EST_H2, 0, 0.03 },
        { IMX_EST_KL, 0.367879441, 0.1 },   { IMX_EST_CHI2, 0, 0.03 }, { IMX_EST_SMILE, 0, 0.03 },
        { IMX_EST_INFONCE, 0, 0.25 },
    };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const bool nce = first[i].estimator == IMX_EST_INFONCE;
        const struct imx_critic_form *form = &imx_critics[nce ? IMX_CRITIC_BILINEAR : IMX_CRITIC_CONCAT];
        struct imx_net_spec s = spec_of("dim-local-global", IMX_CRITIC_CONCAT, 0, false);
        struct whole n;
        s.critic = (struct imx_critic_spec){ form, form->units, first[i].estimator };
        s.batch = IMAGES;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a drawn critic", where))
            continue;
        const bool ran = imx_graph_run(n.net.g) == IMX_OK;
        const double local = whole_term(&n, "local"), global = whole_term(&n, "global");
        const double want = nce ? log(1 + (IMAGES - 1.0) * n.net.locals) : first[i].loss,
                     whole = nce ? log(IMAGES) : first[i].loss;
        tap_ok(ran && fabs(local - want) < first[i].off && fabs(global - whole) < first[i].off,
               "%s: %s, %s: first losses %.4f and %.4f, at scores of 0 %.4f and %.4f", where, form->name,
               imx_estimator_name(first[i].estimator), local, global, want, whole);
        whole_close(&n);
    }
}

/* The discriminators as the specification counts them for codes of 64 (dim_method 11.1 and, for aae's, 6.4). */
static void counts(struct imx_dev *host)
{
    static const struct {
        const char *objective;
        int64_t count;
    } want[] = { { "dim-local", 265401 }, { "aae", 53401 } };
    for (int i = 0; i < 2; i++) {
        struct imx_net_spec s = spec_of(want[i].objective, IMX_CRITIC_BILINEAR, 1, false);
        struct imx_store *store = NULL;
        struct imx_net net = { 0 };
        s.encoder = imx_encoder_find("basic32");
        s.h = s.w = 32;
        s.mix.alpha = s.mix.beta = -1;
        if (i) {
            s.decoder = imx_decoder_find("basic32", s.encoder, 32);
            s.mix.penalty = -1;
            s.mix.prior = -1;
        }
        const bool ok =
            imx_store_create(host, true, &store) == IMX_OK && imx_net_create(host, store, &s, 0, &net) == IMX_OK;
        tap_ok(ok && imx_store_count(store, "prior.") == want[i].count, "%s: a discriminator of %lld parameters",
               want[i].objective, ok ? (long long)imx_store_count(store, "prior.") : -1LL);
        imx_net_finish(&net);
        imx_store_destroy(store);
    }
}

/* Local and global together: each critic's nats are read, infonce's ln(classes) - loss, and the local one leads. */
static void both_read(struct imx_dev *dev, const char *where)
{
    struct imx_net_spec s = spec_of("dim-local-global", IMX_CRITIC_BILINEAR, 0, false);
    struct whole n;
    float info[3] = { NAN, NAN, NAN };
    s.critic.estimator = IMX_EST_INFONCE;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a network with two critics", where))
        return;
    const bool ok = imx_graph_run(n.net.g) == IMX_OK && imx_graph_download(n.net.g, n.net.info, info) == IMX_OK;
    const double local = whole_term(&n, "local-nats"), global = whole_term(&n, "global-nats");
    const double want_global = log(s.batch) - whole_term(&n, "global"),
                 want_local = log(1 + (s.batch - 1.0) * n.net.locals) - whole_term(&n, "local");
    tap_ok(ok && fabs(global - want_global) < 1e-5 && fabs(local - want_local) < 1e-5 && fabs(global - local) > 1e-4 &&
               (double)info[2] == local,
           "%s: the global critic reads %.5f nats, the local one %.5f", where, global, local);
    whole_close(&n);
    s.critic.estimator = IMX_EST_JSD;
    tap_ok(whole_open(dev, &s, &n) == IMX_OK && isnan(whole_term(&n, "local-nats")), "%s: jsd reads no nats", where);
    whole_close(&n);
}

/* Each term has its own critic: parameters of both kinds and widths, each estimator's reading, infonce's ln(classes) -
 * loss and dv's -loss; only a critic that embeds its globals is penalised for them. */
static void two_read(struct imx_dev *dev, const char *where)
{
    struct imx_net_spec s = two_critics();
    struct whole n;
    float info[3] = { NAN, NAN, NAN };
    s.mix.activation = 0.5;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a network with two kinds of critics", where))
        return;
    bool ok = imx_graph_run(n.net.g) == IMX_OK && imx_graph_download(n.net.g, n.net.info, info) == IMX_OK;
    const double local = whole_term(&n, "local-nats"), global = whole_term(&n, "global-nats");
    tap_ok(ok && fabs(local - log(1 + (s.batch - 1.0) * n.net.locals) + whole_term(&n, "local")) < 1e-5 &&
               (double)info[2] == local && fabs(global + whole_term(&n, "global")) < 1e-6,
           "%s: infonce reads %.5f nats, dv %.5f", where, local, global);
    tap_ok(n.net.lead.form == s.critic.form && n.net.lead.estimator == IMX_EST_INFONCE && n.net.locals > 1,
           "%s: the local critic leads", where);
    tap_ok(isfinite(whole_term(&n, "local-activation")) && isnan(whole_term(&n, "global-activation")),
           "%s: the penalty is on the globals that are embedded", where);
    tap_ok(imx_store_find(n.store, "whole.critic.fc3.bias") >= 0 && imx_store_find(n.store, "local.in.weight") >= 0 &&
               imx_store_find(n.store, "whole.local.in.weight") < 0 && imx_store_find(n.store, "critic.fc1.weight") < 0,
           "%s: each term has the parameters of its critic", where);
    whole_close(&n);
    s.mix.activation = 0;
    s.global.estimator = IMX_EST_JSD;
    ok = whole_open(dev, &s, &n) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK;
    tap_ok(ok && isfinite(whole_term(&n, "local-nats")) && isnan(whole_term(&n, "global-nats")),
           "%s: jsd reads no nats beside infonce", where);
    whole_close(&n);
    s.mix.beta = 0;
    ok = whole_open(dev, &s, &n) == IMX_OK;
    tap_ok(ok && n.net.lead.estimator == IMX_EST_JSD && n.net.locals == 1, "%s: alone, the global critic leads", where);
    whole_close(&n);
    s.global.form = &imx_critics[IMX_CRITIC_BILINEAR];
    s.critic = (struct imx_critic_spec){ &imx_critics[IMX_CRITIC_CONCAT], 7, IMX_EST_INFONCE };
    tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: what a term that is not there could not do does not matter", where);
    whole_close(&n);
}

/* A layer norm that has learned nothing leaves a mean square of 1 in each unit, of any form of the critic. */
static void activation(struct imx_dev *dev, const char *where)
{
    for (int form = 0; form < 2; form++) {
        struct imx_net_spec s =
            spec_of("dim-local-global", form ? IMX_CRITIC_BILINEAR : IMX_CRITIC_ENCODE_DOT, 0, false);
        struct whole n;
        s.critic.units = 40;
        s.mix.activation = 0.5;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a network with an activation penalty", where))
            continue;
        float loss = NAN;
        const bool ok = imx_graph_run(n.net.g) == IMX_OK && imx_graph_download(n.net.g, n.net.loss, &loss) == IMX_OK;
        const double a = whole_term(&n, "local-activation"), b = whole_term(&n, "global-activation");
        const double rest = 0.1 * whole_term(&n, "local") + 0.5 * whole_term(&n, "global");
        tap_ok(ok && fabs(a - 40) < 0.1 && fabs(b - 40) < 0.1 && fabs((double)loss - rest - 0.5 * (a + b)) < 1e-4,
               "%s: the squared lengths of 40 units are %.4f and %.4f, half of them in the loss %.4f", where, a, b,
               (double)loss);
        whole_close(&n);
    }
}

/* Largest square of the image that the box leaves uncovered. */
static int32_t open_square(const int32_t *b, int32_t side)
{
    int32_t most = 0;
    const int32_t rest[4] = { b[0], side - b[0] - b[2], b[1], side - b[1] - b[3] };
    for (int i = 0; i < 4; i++)
        most = rest[i] > most ? rest[i] : most;
    return most;
}

static void boxes(void)
{
    enum { SIDE = 32, FIELD = 10, N = 20000 };
    int wrong = 0, narrow = 0, wide = 0, centre = 0;
    int32_t again[4], b[4];
    const struct imx_occlusion usual = { .field = FIELD }, small = { FIELD, 4, 9 };
    for (int32_t i = 0; i < N; i++) {
        imx_occlusion_draw(5, (uint64_t)(i / 64), i % 64, SIDE, SIDE, &usual, b);
        for (int k = 0; k < 2; k++)
            wrong += b[k] < 0 || b[2 + k] < FIELD || b[2 + k] > SIDE - FIELD || b[k] + b[2 + k] > SIDE;
        wrong += open_square(b, SIDE) < FIELD;
        narrow += b[2] == FIELD;
        wide += b[3] == SIDE - FIELD;
        centre += b[0] <= 16 && b[0] + b[2] > 16 && b[1] <= 16 && b[1] + b[3] > 16;
    }
    tap_ok(!wrong, "%d boxes lie in the image, cover a local's field and leave one", N);
    tap_ok(narrow && wide && centre > N / 4 && centre < N, "of all sizes and places (%d, %d, %d)", narrow, wide,
           centre);
    narrow = wide = wrong = 0;
    for (int32_t i = 0; i < N; i++) {
        imx_occlusion_draw(5, (uint64_t)(i / 64), i % 64, SIDE, SIDE, &small, b);
        for (int k = 0; k < 2; k++)
            wrong += b[k] < 0 || b[2 + k] < 4 || b[2 + k] > 9 || b[k] + b[2 + k] > SIDE;
        narrow += b[2] == 4;
        wide += b[3] == 9;
    }
    tap_ok(!wrong && abs(narrow - N / 6) < N / 60 && abs(wide - N / 6) < N / 60,
           "sides of 4 to 9 where they are asked for, evenly (%d, %d of %d)", narrow, wide, N);
    imx_occlusion_draw(5, 3, 7, SIDE, SIDE, &usual, b);
    imx_occlusion_draw(5, 3, 7, SIDE, SIDE, &usual, again);
    tap_ok(!memcmp(b, again, sizeof b), "a box follows from seed, step and image");
    imx_occlusion_draw(5, 3, 7, 3, 1, &usual, b);
    tap_ok(b[0] >= 0 && b[2] >= 1 && b[0] + b[2] <= 3 && b[1] + b[3] <= 1, "a tiny image gets a box within it");
    tap_ok(imx_encoder_field(imx_encoder_find("basic32")) == 10 && imx_encoder_field(imx_encoder_find("alex64")) == 21,
           "fields of the locals: 10 in basic32, 21 in alex64");
}

static void sides(void)
{
    static const struct {
        struct imx_occlusion o;
        int32_t h, w;
        bool possible;
    } want[] = {
        { { 10, 0, 0 }, 32, 32, true },    { { 10, 12, 12 }, 32, 32, true },
        { { 10, 22, 0 }, 32, 32, true },   { { 10, 23, 30 }, 32, 32, false } /* no field stays */,
        { { 10, 12, 11 }, 32, 32, false }, { { 10, 1, 33 }, 32, 32, false },
        { { 10, 23, 30 }, 32, 40, true },  { { 10, 0, 0 }, 3, 1, true },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct imx_occlusion *o = &want[i].o;
        tap_ok(imx_occlusion_check(o, want[i].h, want[i].w) == (want[i].possible ? IMX_OK : IMX_E_ARG),
               "sides of %d to %d in %dx%d%s%s", o->least, o->most, want[i].w, want[i].h, want[i].possible ? "" : ": ",
               want[i].possible ? "" : imx_error_text());
        imx_error_clear();
    }
}

/* The occluded pass leaves the encoder's running statistics alone, or it does not; what covers has its value. */
static void statistics(struct imx_dev *host)
{
    double of[3] = { 0 };
    float loss[3] = { NAN, NAN, NAN };
    for (int k = 0; k < 3; k++) { /* both; own; own, with white in place of grey */
        struct imx_net_spec s = spec_of("dim-local", IMX_CRITIC_BILINEAR, 0, true);
        s.mix.occlude_own = k > 0;
        s.mix.occlude_fill = k == 2;
        struct whole n;
        imx_status status = whole_open(host, &s, &n);
        if (status == IMX_OK)
            status = imx_graph_run(n.net.g);
        if (status == IMX_OK)
            status = imx_graph_download(n.net.g, n.net.loss, &loss[k]);
        const int at = imx_store_find(n.store, "encoder.bn1.running_mean");
        float mean[64] = { 0 };
        if (status == IMX_OK && at >= 0 && n.store->param[at].count <= 64)
            status = imx_store_get(n.store, at, IMX_ARENA_PARAM, mean);
        for (int i = 0; i < 64; i++)
            of[k] += fabs((double)mean[i]);
        tap_ok(status == IMX_OK && at >= 0 &&
                   (imx_store_find(n.store, "occluded.encoder.bn1.running_mean") >= 0) == (k > 0),
               "occluded, statistics of %s", k ? "their own" : "both");
        whole_close(&n);
    }
    tap_ok(of[1] > 0 && of[0] > 1.3 * of[1] && of[1] == of[2],
           "running means move %.4f by two passes, %.4f and %.4f by one", of[0], of[1], of[2]);
    tap_ok(loss[0] == loss[1] && loss[1] != loss[2], "the loss follows what covers, not the statistics: %.7g %.7g %.7g",
           (double)loss[0], (double)loss[1], (double)loss[2]);
}

static void refusals(struct imx_dev *host)
{
    struct imx_net_spec s = spec_of("dim-local", IMX_CRITIC_BILINEAR, 0, false);
    struct imx_store *store = NULL;
    struct imx_net net;
    s.mix.beta = 0;
    tap_ok(imx_store_create(host, true, &store) == IMX_OK && imx_net_create(host, store, &s, 0, &net) == IMX_E_ARG &&
               strstr(imx_error_text(), "weight"),
           "weights of 0 alone are refused: %s", imx_error_text());
    imx_error_clear();
    imx_store_destroy(store);
    static const char *const without[] = { "dim-local", "cpc", "ae", "nat" };
    for (int i = 0; i < 4; i++) {
        store = NULL;
        s = spec_of(without[i], IMX_CRITIC_CONCAT, -1, false);
        s.mix.activation = 1;
        tap_ok(imx_store_create(host, true, &store) == IMX_OK &&
                   imx_net_create(host, store, &s, 0, &net) == IMX_E_ARG && strstr(imx_error_text(), "--activation"),
               "an activation penalty without a head: %s", imx_error_text());
        imx_error_clear();
        imx_store_destroy(store);
    }
    tap_ok(!imx_objective_find("dim") && strstr(imx_error_text(), "dim-local"), "an unknown objective: %s",
           imx_error_text());
    imx_error_clear();
}

int main(void)
{
    struct imx_dev *host = NULL;
    const char *why = "";
    if (imx_dev_open("host", &host, &why) != IMX_OK)
        return 1;
    gradients(host);
    counts(host);
    boxes();
    sides();
    statistics(host);
    refusals(host);
    imx_dev_close(host);
    on_devices(steps);
    on_devices(constants);
    on_devices(begins);
    on_devices(both_read);
    on_devices(two_read);
    on_devices(activation);
    return tap_done();
}
