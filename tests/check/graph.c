/* Whole networks. The double oracle's gradients against central differences of its loss, for both critics and all
 * estimators; with the layers of the strided-crop encoders, too; the memory plan (no two live pieces share bytes, the
 * peak near the lower bound, nothing allocated in a step); every device's step against the oracle. */
#include "devices.h"
#include "ops/critic.h"
#include "ops/quadnorm.h"
#include "shared.h"
#include "whole.h"

/* The critic's forms: those of two heads, and encode-dot with its local norm from the quadratic form. */
enum { QUADRATIC = IMX_CRITIC_BILINEAR + 1, FORMS };
static const char *const form_name[] = { "encode-dot", "bilinear", "encode-dot, quadratic" };

static struct imx_critic_spec critic_of(int form, int32_t units, int32_t est)
{
    return (struct imx_critic_spec){
        .form = &imx_critics[form == QUADRATIC ? IMX_CRITIC_ENCODE_DOT : form],
        .units = units,
        .estimator = est,
        .local_norm = form == QUADRATIC ? IMX_LOCAL_NORM_QUADRATIC : IMX_LOCAL_NORM_AUTO,
        .tau = 0.05f,
        /* The later estimators also have their scores clipped and pulled, and some negatives left out. */
        .clip = est > IMX_EST_DV ? 2 : 0,
        .l2 = est > IMX_EST_DV ? 0.25f : 0,
        .negatives = est > IMX_EST_KL ? 1 : 0,
    };
}
static const struct {
    const char *name;
    int32_t value;
} estimator[] = {
    { "infonce", IMX_EST_INFONCE }, { "jsd", IMX_EST_JSD },       { "dv", IMX_EST_DV }, { "gan", IMX_EST_GAN },
    { "kl", IMX_EST_KL },           { "rkl", IMX_EST_RKL },       { "h2", IMX_EST_H2 }, { "chi2", IMX_EST_CHI2 },
    { "smile", IMX_EST_SMILE },     { "dv-ema", IMX_EST_DV_EMA },
};
enum { ESTIMATORS = sizeof estimator / sizeof *estimator };

static double check_gradients(struct imx_dev *host, const struct imx_encoder *encoder, int form, int est)
{
    const struct imx_net_spec spec = { encoder, critic_of(form, 11, estimator[est].value), 3, 16, 16, 3 };
    char what[64];
    snprintf(what, sizeof what, "%s, %s %s", encoder->name, form_name[form], estimator[est].name);
    return whole_check(host, &spec, what, NULL, 25);
}

struct life {
    struct imx_mem mem;
    int first, last;
    imx_tid tensor; /* 0: a node's scratch */
};

static int lives_of(const struct imx_graph *g, struct life *l)
{
    int n = 0;
    for (int t = 1; t < g->n_tensors; t++)
        if (g->tensor[t].place == IMX_PLACE_TEMP && g->tensor[t].first >= 0)
            l[n++] = (struct life){ g->tensor[t].mem, g->tensor[t].first, g->tensor[t].last, t };
    for (int i = 0; i < g->n_nodes; i++)
        if (g->node[i].workspace)
            l[n++] = (struct life){ g->node[i].args.ws, i, i, 0 };
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

/* One is the input that the other takes over at the one node where both are alive. */
static bool handed_over(const struct imx_graph *g, const struct life *from, const struct life *to)
{
    const struct imx_node *n = &g->node[from->last];
    return from->tensor && to->tensor && from->last == to->first && n->arg[n->variant->over.in] == from->tensor &&
           n->arg[n->variant->over.out] == to->tensor && from->mem.bytes == to->mem.bytes &&
           from->mem.off == to->mem.off;
}

static bool meet(const struct life *a, const struct life *b)
{
    return a->mem.buf == b->mem.buf && a->first <= b->last && b->first <= a->last &&
           a->mem.off < b->mem.off + b->mem.bytes && b->mem.off < a->mem.off + a->mem.bytes;
}

static void check_plan(struct imx_dev *dev, const char *where, int form)
{
    const struct imx_net_spec spec = {
        imx_encoder_find("basic32"), critic_of(form, 2048, IMX_EST_INFONCE), 64, 32, 32, 3, 0, 0
    };
    struct whole n;
    if (!tap_ok(whole_open(dev, &spec, &n) == IMX_OK, "%s %s: basic32 with 64 images is built", where, form_name[form]))
        return;
    const struct imx_graph *g = n.net.g;
    struct life *l = malloc(sizeof *l * (size_t)(g->n_tensors + g->n_nodes));
    const int count = l ? lives_of(g, l) : 0;
    int clashes = 0, handed = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++) {
            const bool fine = handed_over(g, &l[i], &l[k]) || handed_over(g, &l[k], &l[i]);
            clashes += meet(&l[i], &l[k]) && !fine;
            handed += meet(&l[i], &l[k]) && fine;
        }
    tap_ok(count > 20 && !clashes && !wrong_lives(g), "%s %s: %d pieces of memory, %d live ones overlap", where,
           form_name[form], count, clashes);
    tap_ok(imx_dev_is_host(dev) ? !handed : handed >= 4, "%s %s: %d results stand in an input's memory", where,
           form_name[form], handed);
    if (form == IMX_CRITIC_ENCODE_DOT)
        tap_ok((whole_nodes_until(g, &imx_op_quadnorm_fwd) >= 0) == (dev->caps.type == IMX_DEV_CPU),
               "%s: the local norm of 64 images is quadratic on CPU devices only", where);
    tap_ok(g->lower_bound > 0 && (double)g->temp_bytes <= 1.10 * (double)g->lower_bound,
           "%s %s: peak %.1f MB, lower bound %.1f MB", where, form_name[form], (double)g->temp_bytes / 1048576.0,
           (double)g->lower_bound / 1048576.0);
    free(l);
    whole_close(&n);
}

static void check_step(struct imx_dev *dev, const char *where, const struct imx_encoder *encoder, int form, int est)
{
    const struct imx_net_spec spec = { encoder, critic_of(form, 16, estimator[est].value), 8, 16, 16, 3, 0, 0 };
    struct whole n;
    float loss = NAN;
    char what[160];
    snprintf(what, sizeof what, "%s, %s, %s %s", where, encoder->name, form_name[form], estimator[est].name);
    if (!tap_ok(whole_open(dev, &spec, &n) == IMX_OK, "%s: a tiny network is built", what))
        return;
    const double first = whole_step(&n, what);
    imx_status status = IMX_OK;
    const uint64_t allocs = dev->count.allocs;
    for (int i = 0; i < 3 && status == IMX_OK; i++) {
        status = whole_upload(&n);
        if (status == IMX_OK)
            status = imx_graph_run(n.net.g);
        if (status == IMX_OK)
            status = imx_graph_download(n.net.g, n.net.loss, &loss);
    }
    tap_ok(status == IMX_OK && isfinite(loss) && (double)loss < first && dev->count.allocs == allocs,
           "%s: three steps allocate %llu times, loss %.7g", what, (unsigned long long)(dev->count.allocs - allocs),
           (double)loss);
    whole_close(&n);
}

static void check_device(struct imx_dev *dev, const char *where)
{
    for (int form = 0; form < FORMS; form++) {
        if (form != QUADRATIC) /* which a CPU device chooses for encode-dot by itself */
            check_plan(dev, where, form);
        for (int est = 0; est < (form == IMX_CRITIC_BILINEAR ? ESTIMATORS : 3); est++)
            check_step(dev, where, &whole_tiny, form, est);
        check_step(dev, where, &whole_crops, form, form);
        check_step(dev, where, &whole_dropping, form, form);
    }
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    for (int est = 0; est < 3; est++) {
        double length[FORMS];
        for (int form = 0; form < FORMS; form++)
            length[form] = check_gradients(host, &whole_tiny, form, est);
        const double error = fabs(length[QUADRATIC] / length[IMX_CRITIC_ENCODE_DOT] - 1);
        tap_ok(error <= 1e-12, "%s: both ways to encode-dot have one gradient, lengths %.2g apart", estimator[est].name,
               error);
    }
    for (int est = 3; est < ESTIMATORS; est++)
        check_gradients(host, &whole_tiny, IMX_CRITIC_BILINEAR, est);
    for (int form = 0; form < FORMS; form++) {
        check_gradients(host, &whole_crops, form, form);
        check_gradients(host, &whole_dropping, form, form);
    }
    imx_dev_close(host);
    on_devices(check_device);
    return tap_done();
}
