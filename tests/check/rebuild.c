/* Objectives that rebuild images, bigan among them: gradients of whole training graphs against differences; on every
 * device, losses and gradients of the double oracle, and that the loss falls; the divergence where it is known; weights
 * that they do not have are refused. */
#include "devices.h"
#include "whole.h"

/* Maps of odd sides on the way up: 3x2, 6x4, 13x9. */
static const struct imx_decoder decoder = { "tiny", 13, 7, { 6, 5 } };
static const char *const name[] = { "ae", "vae", "beta-vae", "aae", "bigan" };
enum { OBJECTIVES = 5, AAE = 3, BIGAN };

static struct imx_net_spec spec_of(const char *objective, int32_t batch)
{
    return (struct imx_net_spec){
        .encoder = &whole_tiny,
        .decoder = &decoder,
        .batch = batch,
        .h = 13,
        .w = 9,
        .c = 3,
        .objective = imx_objective_find(objective),
        .mix = { .alpha = -1, .beta = -1, .gamma = -1, .penalty = -1, .prior = -1, .vae_beta = -1 }
    };
}

/* The loss as its terms give it. */
static double terms_of(const struct whole *n, int objective)
{
    switch (objective) {
    case AAE: return whole_term(n, "reconstruction") + whole_term(n, "prior");
    case BIGAN: return whole_term(n, "encoder") + whole_term(n, "generator");
    default: return whole_term(n, "reconstruction") + (objective ? (objective == 1 ? 1 : 4) * whole_term(n, "kl") : 0);
    }
}

static void steps(struct imx_dev *dev, const char *where)
{
    for (int i = 0; i < OBJECTIVES; i++) {
        const struct imx_net_spec s = spec_of(name[i], 8);
        struct whole n;
        char what[80];
        snprintf(what, sizeof what, "%s %s", where, name[i]);
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a tiny network is built", what))
            continue;
        const double first = whole_step(&n, what), sum = terms_of(&n, i);
        tap_ok(fabs(sum - first) <= 1e-5 * first, "%s %s: the terms add up to the loss, %.7g", where, name[i], sum);
        bool ok = true;
        for (int k = 0; k < 20 && ok; k++)
            ok = whole_upload(&n) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK;
        const double last = whole_value(&n, n.net.loss);
        /* adversaries that get better, too, may leave the players where they were */
        tap_ok(ok && (i == BIGAN ? last < 2 * first : last < 0.95 * first), "%s %s: twenty steps later it is %.7g",
               where, name[i], last);
        whole_close(&n);
    }
}

static bool set(struct whole *n, const char *param, float to)
{
    const int i = imx_store_find(n->store, param);
    float v[256];
    for (int k = 0; k < 256; k++)
        v[k] = to;
    return i >= 0 && n->store->param[i].count <= 256 && imx_store_set(n->store, i, IMX_ARENA_PARAM, v) == IMX_OK;
}

/* mu = sigma = 0.5 in each of 9 units: 0.443147 nats each (dim_method 6.3). */
static void divergence(struct imx_dev *dev, const char *where)
{
    const struct imx_net_spec s = spec_of("vae", 8);
    struct whole n;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a vae", where))
        return;
    const bool ok = set(&n, "encoder.out.weight", 0) && set(&n, "encoder.out.bias", 0.5f) &&
                    set(&n, "vae.logsigma.weight", 0) && set(&n, "vae.logsigma.bias", -0.69314718f) &&
                    imx_graph_run(n.net.g) == IMX_OK;
    const double kl = whole_term(&n, "kl");
    tap_ok(ok && fabs(kl - 9 * 0.44314718) < 1e-5, "%s: kl of mu = sigma = 0.5 in 9 units is %.6f", where, kl);
    whole_close(&n);
}

/* Discriminators that say 0 everywhere: 2 ln 2, and ln 2 for each of those they judge (dim_method 3.1, 6.5). */
static void undecided(struct imx_dev *dev, const char *where)
{
    static const char *const last[2][2] = { { "prior.fc3.weight", "prior.fc3.bias" },
                                            { "bigan.fc2.weight", "bigan.fc2.bias" } };
    static const int64_t parameters[2] = { 9 * 200 + 200 + 200 * 200 + 200 + 200 + 1,
                                           64 * 3 * 16 + 64 + 128 * 64 * 16 + 128 + 256 * 128 * 16 + 256 + 256 * 256 +
                                               256 + 64 * 9 + 64 + 256 * 64 + 256 + 128 * 512 + 128 + 128 + 1 };
    for (int i = 0; i < 2; i++) {
        const struct imx_net_spec s = spec_of(name[AAE + i], 8);
        struct whole n;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: %s", where, name[AAE + i]))
            return;
        const bool ok = set(&n, last[i][0], 0) && set(&n, last[i][1], 0) && imx_graph_run(n.net.g) == IMX_OK;
        const double rival = whole_term(&n, "discriminator"), first = whole_term(&n, i ? "encoder" : "prior");
        tap_ok(ok && fabs(rival - 2 * log(2)) < 1e-6 && fabs(first - log(2)) < 1e-6 &&
                   (!i || fabs(whole_term(&n, "generator") - log(2)) < 1e-6),
               "%s: %s's discriminator that is undecided: %.7f and %.7f", where, name[AAE + i], rival, first);
        const int64_t count = imx_store_count(n.store, i ? "bigan." : "prior.");
        tap_ok(count == parameters[i], "%s: it has %lld parameters", where, (long long)count);
        whole_close(&n);
    }
}

static void refused(struct imx_dev *host, struct imx_net_spec s, const char *word, const char *what)
{
    struct imx_store *store = NULL;
    struct imx_net net;
    tap_ok(imx_store_create(host, true, &store) == IMX_OK && imx_net_create(host, store, &s, 0, &net) == IMX_E_ARG &&
               strstr(imx_error_text(), word),
           "%s: %s", what, imx_error_text());
    imx_error_clear();
    imx_store_destroy(store);
}

static void refusals(struct imx_dev *host)
{
    static const struct imx_encoder small = {
        "small", 7, 3, { { IMX_LAYER_CONV, .out = 4, .k = 3, .stride = 1, .local = true }, { IMX_LAYER_OUT, .out = 3 } }
    };
    struct imx_net_spec s = spec_of("vae", 3);
    s.mix.beta = 4;
    refused(host, s, "--vae-beta", "the weight of a term that a vae has not");
    s = spec_of("ae", 3);
    s.mix.occlude = true;
    refused(host, s, "--occlude", "an occluded autoencoder");
    s = spec_of("ae", 3);
    s.w = 15;
    refused(host, s, "15x13", "sides that halve differently");
    s = spec_of("ae", 2);
    s.encoder = imx_encoder_find("fold-multi-alex64");
    s.decoder = NULL;
    s.h = s.w = 64;
    refused(host, s, "one code", "several codes per image");
    s.objective = imx_objective_find("vae");
    refused(host, s, "hidden layer", "a vae without a hidden layer");
    s = spec_of("bigan", 2);
    s.mix.gamma = 1;
    refused(host, s, "--gamma", "a prior term beside bigan's");
    s = spec_of("aae", 2);
    s.mix.coordinates = IMX_COORDINATES_RELATIVE;
    refused(host, s, "--coordinates", "coordinates of an autoencoder");
    s = spec_of("bigan", 2);
    s.h = s.w = 7;
    s.encoder = &small;
    refused(host, s, "8 pixels", "images that bigan's discriminator is too large for");
    tap_ok(!imx_decoder_find("basic31", &whole_tiny, 32) && strstr(imx_error_text(), "basic32"),
           "an unknown decoder: %s", imx_error_text());
    imx_error_clear();
    tap_ok(imx_decoder_find("auto", imx_encoder_find("tiny16"), 64)->size == 16 &&
               imx_decoder_find("auto", &whole_tiny, 28)->size == 28 &&
               imx_decoder_find("auto", imx_encoder_find("alex64"), 64)->size == 64,
           "a decoder is chosen by the encoder's name, or else by the images' side");
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    for (int i = 0; i < OBJECTIVES; i++) {
        static const int tensors[] = { 27, 29, 29, 33, 43 };
        struct imx_net_spec s = spec_of(name[i], 3);
        if (i >= AAE)
            s.mix.penalty = 4;
        whole_check(host, &s, name[i], i == AAE ? "prior." : i == BIGAN ? "bigan." : NULL, tensors[i]);
    }
    refusals(host);
    imx_dev_close(host);
    on_devices(steps);
    on_devices(divergence);
    on_devices(undecided);
    return tap_done();
}
