/* The critic over pairs (concat), drawn locals and drawn globals, in whole networks: parameter counts, gradients in
 * double precision against differences, every device's step against the oracle, shuffles and draws that change from
 * step to step. */
#include "devices.h"
#include "ops/critic.h"
#include "ops/random.h"
#include "whole.h"

static struct imx_net_spec spec_of(int form, int32_t est, int32_t locals, bool whole)
{
    return (struct imx_net_spec){
        .encoder = &whole_tiny,
        .critic = { .form = &imx_critics[form], .units = 11, .estimator = est, .tau = 0.05f, .locals = locals },
        .batch = 5,
        .h = 16,
        .w = 16,
        .c = 3,
        .objective = &imx_objectives[0],
        .mix = { whole, 1, 0, 0, IMX_PRIOR_UNIFORM, false },
    };
}

/* dim_method 2.2 and 2.3. */
static void check_counts(struct imx_dev *host)
{
    static const struct {
        int32_t side, c;
        bool whole;
        int64_t count;
    } want[] = {
        { 8, 128, false, 361985 }, { 8, 256, false, 427521 }, { 15, 384, false, 493057 }, { 4, 256, true, 2393601 }
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct imx_store *s = NULL;
        struct imx_graph *g = NULL;
        if (imx_store_create(host, false, &s) != IMX_OK || imx_graph_create(host, s, &g) != IMX_OK)
            abort();
        struct imx_build b = { .g = g, .training = true, .ctr = imx_graph_keep(g, IMX_U32, 4, "ctr") };
        const int32_t side = want[i].side, c = want[i].c;
        const struct imx_critic_spec spec = {
            .form = &imx_critics[IMX_CRITIC_CONCAT], .units = 512, .estimator = IMX_EST_JSD, .whole = want[i].whole
        };
        const struct imx_map local = { imx_graph_temp(g, IMX_F32, 2 * side * side * c, "local"), 2, side, side, c };
        const struct imx_map global = { imx_graph_temp(g, IMX_F32, 2 * 64, "global"), 2, 1, 1, 64 };
        imx_critic_build(&b, &spec, local, global);
        const int64_t got = imx_store_count(s, want[i].whole ? "whole.critic." : "critic.");
        tap_ok(g->status == IMX_OK && got == want[i].count, "%d channels%s: the critic has %lld parameters", c,
               want[i].whole ? ", whole maps" : "", (long long)got);
        tap_ok(imx_store_find(s, want[i].whole ? "whole.critic.fc1.map.weight" : "critic.fc1.weight") >= 0 &&
                   imx_store_find(s, want[i].whole ? "whole.critic.fc3.bias" : "critic.fc3.bias") >= 0,
               "%d channels: the parameters have their names", c);
        imx_graph_destroy(g);
        imx_store_destroy(s);
    }
}

static void check_refusals(struct imx_dev *host)
{
    struct whole n;
    struct imx_net_spec spec = spec_of(IMX_CRITIC_CONCAT, IMX_EST_INFONCE, 0, false);
    tap_ok(whole_open(host, &spec, &n) == IMX_E_ARG, "concat refuses infonce: %s", imx_error_text());
    spec = spec_of(IMX_CRITIC_CONCAT, IMX_EST_JSD, 0, false);
    spec.critic.negatives = 2;
    tap_ok(whole_open(host, &spec, &n) == IMX_E_ARG, "concat refuses a number of negatives: %s", imx_error_text());
    spec = spec_of(IMX_CRITIC_BILINEAR, IMX_EST_JSD, 0, false);
    spec.critic.globals = 1;
    tap_ok(whole_open(host, &spec, &n) == IMX_E_ARG && strstr(imx_error_text(), "--globals 1"),
           "of one global none is drawn: %s", imx_error_text());
    spec.encoder = &whole_crops;
    spec.critic.form = &imx_critics[IMX_CRITIC_CONCAT];
    spec.critic.globals = 2;
    tap_ok(whole_open(host, &spec, &n) == IMX_E_ARG && strstr(imx_error_text(), "here are 2"),
           "concat refuses two globals: %s", imx_error_text());
}

static const struct {
    const char *name;
    int form;
    int32_t est, locals;
    bool whole;
    int32_t globals; /* drawn of the four of whole_crops; 0: whole_tiny, which has one */
} nets[] = {
    { "concat jsd", IMX_CRITIC_CONCAT, IMX_EST_JSD, 0, false, 0 },
    { "concat dv-ema, 3 locals, global too", IMX_CRITIC_CONCAT, IMX_EST_DV_EMA, 3, true, 0 },
    { "bilinear infonce, 4 locals", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 4, false, 0 },
    { "bilinear infonce, 3 globals, global too", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, true, 3 },
    { "encode-dot dv, 5 locals, 2 globals", IMX_CRITIC_ENCODE_DOT, IMX_EST_DV, 5, false, 2 },
    { "concat jsd, 1 global, global too", IMX_CRITIC_CONCAT, IMX_EST_JSD, 0, true, 1 },
    { "bilinear jsd, 9 globals", IMX_CRITIC_BILINEAR, IMX_EST_JSD, 0, false, 9 },
    { "encode-dot jsd, 20 locals", IMX_CRITIC_ENCODE_DOT, IMX_EST_JSD, 20, false, 0 },
};
enum { NETS = sizeof nets / sizeof *nets };

static struct imx_net_spec spec_at(int i)
{
    struct imx_net_spec s = spec_of(nets[i].form, nets[i].est, nets[i].locals, nets[i].whole);
    s.critic.globals = nets[i].globals;
    if (nets[i].globals)
        s.encoder = &whole_crops;
    return s;
}

static void check_step(struct imx_dev *dev, const char *where)
{
    for (int i = 0; i < NETS; i++) {
        const struct imx_net_spec spec = spec_at(i);
        struct whole n;
        char what[160];
        snprintf(what, sizeof what, "%s %s", where, nets[i].name);
        if (!tap_ok(whole_open(dev, &spec, &n) == IMX_OK, "%s: a tiny network is built", what))
            continue;
        whole_step(&n, what);
        whole_close(&n);
    }
}

/* The same weights and images: another step's shuffle gives another loss, the same step's the same one. */
static void check_draws(struct imx_dev *dev, const char *where)
{
    for (int i = 0; i < NETS - 1; i++) {
        struct whole n = { 0 };
        float loss[3] = { NAN, NAN, NAN };
        imx_status status = IMX_OK;
        const struct imx_net_spec spec = spec_at(i);
        for (int k = 0; k < 3 && status == IMX_OK; k++) { /* opened anew: the update of a step must not show */
            status = whole_open(dev, &spec, &n);
            if (status == IMX_OK)
                status = imx_net_draw(&n.net, 3, k == 1);
            if (status == IMX_OK)
                status = imx_graph_run(n.net.g);
            if (status == IMX_OK)
                status = imx_graph_download(n.net.g, n.net.loss, &loss[k]);
            whole_close(&n);
        }
        tap_ok(status == IMX_OK && loss[0] == loss[2] && loss[0] != loss[1], "%s %s: losses %.7g, %.7g, %.7g", where,
               nets[i].name, (double)loss[0], (double)loss[1], (double)loss[2]);
    }
}

/* Locals and globals, each term's, are drawn from streams of their own, evenly, some again and again. */
static void check_indices(struct imx_dev *host)
{
    enum { LOCALS = 40, GLOBALS = 60, STREAMS = 3 };
    struct imx_net_spec spec = spec_of(IMX_CRITIC_BILINEAR, IMX_EST_JSD, LOCALS, true);
    struct whole n;
    struct imx_oracle *o = NULL;
    int32_t stream[STREAMS] = { 0 };
    int draws = 0;
    spec.encoder = &whole_crops;
    spec.critic.globals = GLOBALS;
    if (!tap_ok(whole_open(host, &spec, &n) == IMX_OK, "a network that draws everything"))
        return;
    const struct imx_graph *g = n.net.g;
    if (imx_oracle_create(g, &o) != IMX_OK || whole_load(o, g) != IMX_OK)
        abort();
    imx_oracle_run(o, whole_forward(&n));
    for (int i = 0; i < g->n_nodes; i++) {
        struct imx_random_index d;
        int times[16] = { 0 }, least = 1000000, most = 0, wrong = 0;
        if (g->node[i].op != &imx_op_random_index || draws == STREAMS)
            continue;
        memcpy(&d, g->node[i].problem, sizeof d);
        const int32_t *idx = o->data[g->node[i].arg[IMX_RANDOM_DST]];
        for (int32_t k = 0; k < d.n; k++) {
            times[idx[k] & 15]++;
            wrong += idx[k] < 0 || idx[k] >= d.limit;
        }
        for (int32_t k = 0; k < d.limit; k++) {
            least = times[k] < least ? times[k] : least;
            most = times[k] > most ? times[k] : most;
        }
        const double even = (double)d.n / d.limit;
        tap_ok(!wrong && d.limit <= 16 && d.n == 5 * (d.limit == 4 ? GLOBALS : LOCALS) && least > even / 2 &&
                   most < even * 1.5,
               "%s: %d of %d, each %d to %d times", g->node[i].name, d.n, d.limit, least, most);
        stream[draws++] = d.stream;
    }
    tap_ok(draws == STREAMS && stream[0] != stream[1] && stream[1] != stream[2] && stream[0] != stream[2],
           "three draws from streams of their own");
    imx_oracle_destroy(o);
    whole_close(&n);
}

static void check_device(struct imx_dev *dev, const char *where)
{
    check_step(dev, where);
    check_draws(dev, where);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    check_counts(host);
    check_refusals(host);
    check_indices(host);
    for (int i = 0; i < NETS; i++) {
        const struct imx_net_spec spec = spec_at(i);
        whole_check(host, &spec, nets[i].name, NULL, 20);
    }
    imx_dev_close(host);
    on_devices(check_device);
    return tap_done();
}
