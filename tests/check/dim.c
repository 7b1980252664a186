/* How the terms of Deep InfoMax are wired (src/objectives/dim.c; dim_method 1.7, 3, 5.1): who reads the local map, the
 * last map and the code; with an occlusion the maps are the whole image's and the code, everywhere, the occluded one's;
 * an occlusion of nothing changes nothing; the loss is the terms by their weights. */
#include "devices.h"
#include "ops/concat.h"
#include "ops/critic.h"
#include "ops/gather.h"
#include "ops/gemm.h"
#include "whole.h"

enum { BATCH = 5, SIDE = 16, CHANNELS = 3, PIXELS = SIDE * SIDE * CHANNELS };
enum role { LOCAL, CONV, CODE, ROLES };
static const char *const role_name[ROLES] = { "local map", "last map", "code" };

/* whole_tiny's maps of 16x16 images, 3x3 of 6 and 2x2 of 10, and its code. */
static const int32_t values[ROLES] = { 3 * 3 * 6, 2 * 2 * 10, 9 };

static const struct {
    const char *node;
    int skip, arg; /* nodes of that name before it, its argument */
    enum role role;
} readers[] = {
    { "local.in.gemm", 0, IMX_GEMM_A, LOCAL },
    { "global.in.gemm", 0, IMX_GEMM_A, CODE },
    { "whole.local.in.gemm", 0, IMX_GEMM_A, CONV },
    { "whole.global.in.gemm", 0, IMX_GEMM_A, CODE },
    { "coordinates.absolute.gemm", 0, IMX_GEMM_A, LOCAL },
    { "coordinates.absolute.gemm", 1, IMX_GEMM_A, CODE },
    { "coordinates.relative.gemm", 0, IMX_GEMM_A, LOCAL },
    { "coordinates.gather_fwd", 0, IMX_GATHER_FWD_SRC, LOCAL },
    { "coordinates.concat", 0, IMX_CONCAT_B, CODE },
    { "prior.act_fwd", 0, 0, CODE },
};
enum { READERS = sizeof readers / sizeof *readers };

static struct imx_net_spec spec_of(bool occlude)
{
    return (struct imx_net_spec){
        .encoder = &whole_tiny,
        .critic = { .form = &imx_critics[IMX_CRITIC_BILINEAR], .units = 11, .estimator = IMX_EST_JSD },
        .batch = BATCH,
        .h = SIDE,
        .w = SIDE,
        .c = CHANNELS,
        .objective = imx_objective_find("dim-local-global"),
        .mix = { .alpha = 0.6,
                 .beta = 0.2,
                 .gamma = 0.3,
                 .penalty = 1,
                 .occlude = occlude,
                 .coordinates = IMX_COORDINATES_ABSOLUTE | IMX_COORDINATES_RELATIVE,
                 .coordinates_weight = 0.7 },
    };
}

/* What a reader reads; 0: there is no such node. */
static imx_tid read_by(const struct imx_graph *g, int reader)
{
    int skip = readers[reader].skip;
    for (int i = 0; i < g->n_nodes; i++)
        if (!strcmp(g->node[i].name, readers[reader].node) && skip-- == 0)
            return g->node[i].arg[readers[reader].arg];
    return 0;
}

/* A network in the double oracle. */
struct seen {
    struct whole n;
    struct imx_oracle *o;
    imx_tid of[ROLES];
};

static void run(struct seen *s)
{
    if (whole_load(s->o, s->n.net.g) != IMX_OK)
        abort();
    imx_oracle_run(s->o, whole_forward(&s->n));
}

static void open_seen(struct imx_dev *host, bool occlude, struct seen *s)
{
    const struct imx_net_spec spec = spec_of(occlude);
    *s = (struct seen){ 0 };
    if (whole_open(host, &spec, &s->n) != IMX_OK || imx_oracle_create(s->n.net.g, &s->o) != IMX_OK)
        abort();
    for (int i = 0; i < READERS; i++) {
        imx_tid *of = &s->of[readers[i].role];
        const imx_tid t = read_by(s->n.net.g, i);
        *of = *of ? *of : t;
        tap_ok(t && t == *of && s->n.net.g->tensor[t].count == BATCH * values[readers[i].role],
               "%s: %s (%d) reads the %s", occlude ? "occluded" : "whole", readers[i].node, readers[i].skip,
               role_name[readers[i].role]);
    }
}

static void close_seen(struct seen *s)
{
    imx_oracle_destroy(s->o);
    whole_close(&s->n);
}

/* Images of the batch whose values, as two networks or moments have them, are the same bits. */
static int same(const double *a, const double *b, enum role role)
{
    int n = 0;
    for (int i = 0; i < BATCH; i++)
        n += !memcmp(a + i * values[role], b + i * values[role], sizeof *a * (size_t)values[role]);
    return n;
}

/* The pixels under the boxes. */
static void repaint(struct imx_net *net)
{
    uint8_t pix[BATCH * PIXELS];
    int32_t box[BATCH * 4];
    if (imx_graph_download(net->g, net->bytes, pix) != IMX_OK || imx_graph_download(net->g, net->box, box) != IMX_OK)
        abort();
    for (int i = 0; i < BATCH * PIXELS; i++) {
        const int32_t *b = box + i / PIXELS * 4, y = i % PIXELS / (SIDE * CHANNELS), x = i / CHANNELS % SIDE;
        if (y >= b[0] && y < b[0] + b[2] && x >= b[1] && x < b[1] + b[3])
            pix[i] = (uint8_t)(pix[i] + 128);
    }
    if (imx_graph_upload(net->g, net->bytes, pix) != IMX_OK)
        abort();
}

static void roles(struct imx_dev *host)
{
    static const int32_t nothing[BATCH * 4];
    struct seen whole, occluded;
    const double *a[ROLES], *b[ROLES];
    double local[BATCH * 3 * 3 * 6], code[BATCH * 9];
    open_seen(host, false, &whole);
    open_seen(host, true, &occluded);
    for (int i = 0; i < ROLES; i++) {
        a[i] = imx_oracle_real(whole.o, whole.of[i]);
        b[i] = imx_oracle_real(occluded.o, occluded.of[i]);
    }
    if (imx_graph_upload(occluded.n.net.g, occluded.n.net.box, nothing) != IMX_OK)
        abort();
    run(&whole);
    run(&occluded);
    for (int i = 0; i < whole.n.net.n_terms; i++) {
        const double want = imx_oracle_real(whole.o, whole.n.net.term[i].value)[0],
                     got = imx_oracle_real(occluded.o, occluded.n.net.term[i].value)[0];
        tap_ok(got == want, "boxes without area leave %s at %.9g (%.9g)", whole.n.net.term[i].name, want, got);
    }
    tap_ok(imx_oracle_real(occluded.o, occluded.n.net.loss)[0] == imx_oracle_real(whole.o, whole.n.net.loss)[0],
           "and the loss");
    if (imx_net_draw(&occluded.n.net, 3, 0) != IMX_OK)
        abort();
    run(&occluded);
    tap_ok(same(a[LOCAL], b[LOCAL], LOCAL) == BATCH && same(a[CONV], b[CONV], CONV) == BATCH &&
               same(a[CODE], b[CODE], CODE) == 0,
           "boxes change the codes, not the maps");
    memcpy(local, b[LOCAL], sizeof local);
    memcpy(code, b[CODE], sizeof code);
    repaint(&occluded.n.net);
    run(&occluded);
    tap_ok(same(local, b[LOCAL], LOCAL) == 0 && same(code, b[CODE], CODE) == BATCH,
           "what lies under a box changes the maps, not the codes");
    const struct imx_store *store = whole.n.store;
    const int of_map = imx_store_find(store, "whole.local.in.weight"),
              of_code = imx_store_find(store, "whole.global.in.weight");
    tap_ok(of_map >= 0 && store->param[of_map].count == 11 * values[CONV] && of_code >= 0 &&
               store->param[of_code].count == 11 * values[CODE],
           "the global term's heads are as wide as the last map and the code");
    close_seen(&whole);
    close_seen(&occluded);
}

/* The weights of the spec, by hand: the discriminator's loss has no part in it. */
static void weights(struct imx_dev *dev, const char *where)
{
    for (int occlude = 0; occlude < 2; occlude++) {
        struct imx_net_spec s = spec_of(occlude);
        struct whole n;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a net of all terms", where))
            continue;
        bool ran = imx_graph_run(n.net.g) == IMX_OK;
        double want = 0.6 * whole_term(&n, "global") + 0.2 * whole_term(&n, "local") + 0.3 * whole_term(&n, "prior") +
                      0.7 * whole_term(&n, "coordinates-absolute") + 0.7 * whole_term(&n, "coordinates-relative");
        double got = whole_value(&n, n.net.loss);
        tap_ok(ran && fabs(got - want) <= 1e-6 * (1 + want), "%s: loss %.7f, the terms by their weights %.7f", where,
               got, want);
        whole_close(&n);
        s.objective = imx_objective_find("dim-local");
        s.mix.alpha = s.mix.beta = -1;
        s.mix.coordinates = 0;
        if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a local term and a prior", where))
            continue;
        ran = imx_graph_run(n.net.g) == IMX_OK;
        want = whole_term(&n, "local") + 0.3 * whole_term(&n, "prior");
        got = whole_value(&n, n.net.loss);
        tap_ok(ran && fabs(got - want) <= 1e-6 && isnan(whole_term(&n, "global")),
               "%s: loss %.7f, local and 0.3 of the prior %.7f", where, got, want);
        whole_close(&n);
    }
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    roles(host);
    imx_dev_close(host);
    on_devices(weights);
    return tap_done();
}
