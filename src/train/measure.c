/* See measure.h. */
#include "train/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/philox.h"
#include "dev/dev.h"
#include "ops/bench.h"

static void random_bytes(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        uint32_t word[4];
        imx_random4(1, 0, IMX_STREAM_TEST, (uint32_t)(i / 4), word);
        for (size_t k = i; k < i + 4 && k < n; k++)
            bytes[k] = (uint8_t)(word[k - i] >> 24);
    }
}

/* Steps, with the device's peak read before and after each. */
static imx_status time_steps(struct imx_step *s, const struct imx_config *c, const uint8_t *bytes, const int32_t *aug,
                             int runs, struct imx_meter *meter, struct imx_step_time *out)
{
    double ms[64], peak[64], part[64], before = 0, after = 0;
    struct imx_step_result r;
    runs = runs > 64 ? 64 : runs < 1 ? 1 : runs;
    for (int i = 0; i < 2; i++)
        IMX_TRY(imx_step_run(s, c, (uint64_t)i, bytes, aug, &r));
    out->programs = s->dev->count.programs - out->programs;
    IMX_TRY(imx_meter_read(meter, &before));
    for (int i = 0; i < runs; i++) {
        const uint64_t launched = s->dev->count.launches;
        const double start = imx_now();
        IMX_TRY(imx_step_run(s, c, (uint64_t)i + 2, bytes, aug, &r));
        ms[i] = (imx_now() - start) * 1e3;
        out->launches = s->dev->count.launches - launched;
        IMX_TRY(imx_meter_read(meter, &after));
        peak[i] = (before + after) / 2;
        part[i] = out->flop / (peak[i] * 1e6) / ms[i];
        before = after;
    }
    out->ms = imx_bench_median(ms, runs);
    out->ms_min = ms[0];
    out->ms_max = ms[runs - 1];
    out->peak_gflops = imx_bench_median(peak, runs);
    out->of_limit = before > 0 ? imx_bench_median(part, runs) : (double)NAN;
    out->runs = runs;
    return IMX_OK;
}

/* The node's row from its times in ms, which are put in order. */
static void fill_node(const struct imx_node *n, double *ms, int times, double peak_gflops, double copy_gbps,
                      struct imx_node_time *t)
{
    snprintf(t->node, sizeof t->node, "%s", n->name);
    imx_problem_print(n->op, n->problem, t->problem, sizeof t->problem);
    snprintf(t->variant, sizeof t->variant, "%s", n->variant->name);
    t->ms = imx_bench_median(ms, times);
    t->ms_min = ms[0];
    t->ms_max = ms[times - 1];
    t->flop = n->op->flop ? n->op->flop(n->problem) : 0;
    t->bytes = imx_bench_bytes(n->op, n->problem);
    const double least = 1e3 * imx_bench_least(t->flop, t->bytes, peak_gflops, copy_gbps);
    t->moves = 1e3 * imx_bench_least(0, t->bytes, 0, copy_gbps) >= least;
    t->of_limit = peak_gflops > 0 && copy_gbps > 0 ? least / t->ms : (double)NAN;
}

static imx_status profile(struct imx_graph *g, struct imx_meter *meter, double copy_gbps, struct imx_step_time *out)
{
    enum { MOST = 5 };
    const int times = imx_dev_is_host(g->dev) ? 3 : MOST;
    const size_t n = (size_t)g->n_nodes;
    double peak[MOST + 1], ms[MOST];
    imx_status status = IMX_OK;
    double *seconds = calloc(n * MOST, sizeof *seconds);
    out->node = calloc(n, sizeof *out->node);
    if (!seconds || !out->node)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a profile"));
    IMX_GO(imx_meter_read(meter, &peak[0]));
    for (int i = 0; i < times; i++) {
        IMX_GO(imx_graph_profile(g, seconds + (size_t)i * n));
        IMX_GO(imx_meter_read(meter, &peak[i + 1]));
    }
    const double middle = imx_bench_median(peak, times + 1);
    for (size_t k = 0; k < n; k++) {
        for (int i = 0; i < times; i++)
            ms[i] = 1e3 * seconds[(size_t)i * n + k];
        fill_node(&g->node[k], ms, times, middle, copy_gbps, &out->node[k]);
    }
    out->n = g->n_nodes;
fail:
    free(seconds);
    return status;
}

/* Everything of the configuration that changes what a step computes, with "auto" and the like resolved. */
static void describe(struct imx_dev *dev, const struct imx_config *c, const struct imx_net_spec *s,
                     struct imx_step_time *out)
{
    const struct imx_objective *o = s->objective;
    const struct imx_mix m = imx_objective_mix(o, &s->mix);
    const struct imx_critic_spec *k = &s->critic;
    out->encoder = s->encoder->name;
    out->h = s->h, out->w = s->w, out->c = s->c;
    out->units = k->units;
    snprintf(out->work, sizeof out->work,
             "%s %s %s %s, batch %d of %dx%dx%d, units %d, memory %llu, half %d, decoder %s, alpha %g beta %g gamma %g "
             "penalty %g prior %d occlude %d coordinates %d %g cpc %d vae %g activation %g, norm %d scale %g par %g "
             "clip %g l2 %g locals %d negatives %d, sgd %d",
             o->name, c->critic, c->estimator, s->encoder->name, s->batch, s->h, s->w, s->c, k->units,
             (unsigned long long)c->memory, dev->caps.half, s->decoder ? s->decoder->name : "none", m.alpha, m.beta,
             m.gamma, m.penalty, m.prior, m.occlude, m.coordinates, m.coordinates ? m.coordinates_weight : 0,
             m.cpc_steps ? m.cpc_steps : 5, m.vae_beta, m.activation, (int)k->local_norm, (double)imx_critic_scale(k),
             (double)imx_estimator_par(k), (double)k->clip, (double)k->l2, k->locals, k->negatives, s->sgd);
    size_t n = strlen(out->work);
    if (m.occlude)
        n += strlen(imx_occlusion_text(&m, out->work + n, sizeof out->work - n));
    if (m.coordinates_net)
        n += (size_t)snprintf(out->work + n, sizeof out->work - n, ", residual");
    if (k->globals)
        n += (size_t)snprintf(out->work + n, sizeof out->work - n, ", globals %d", k->globals);
    if (!(m.alpha > 0) || n >= sizeof out->work)
        return;
    const struct imx_critic_spec *whole = &s->global;
    out->global_critic = whole->form->name;
    out->global_estimator = imx_choose_global_estimator(c, whole->form);
    if (whole->form != k->form || whole->estimator != k->estimator)
        snprintf(out->work + n, sizeof out->work - n, ", global %s %s, units %d scale %g par %g negatives %d",
                 out->global_critic, out->global_estimator, whole->units, (double)imx_critic_scale(whole),
                 (double)imx_estimator_par(whole), whole->negatives);
}

imx_status imx_step_measure(struct imx_dev *dev, const struct imx_config *c, int32_t h, int32_t w, int32_t ch, int runs,
                            double copy_gbps, struct imx_step_time *out)
{
    imx_status status = IMX_OK;
    struct imx_step *s = NULL;
    struct imx_meter meter = { 0 };
    struct imx_net_spec spec;
    memset(out, 0, sizeof *out);
    IMX_TRY(imx_step_spec(c, h, w, ch, &spec));
    const size_t n = (size_t)c->batch * (size_t)h * (size_t)w * (size_t)ch;
    uint8_t *bytes = malloc(n);
    int32_t *aug = calloc((size_t)c->batch * 3, sizeof *aug);
    if (!bytes || !aug)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a batch"));
    random_bytes(bytes, n);
    describe(dev, c, &spec, out);
    IMX_GO(imx_meter_open(dev, &meter)); /* its program is not the step's */
    out->programs = dev->count.programs;
    IMX_GO(imx_step_create(dev, c, &spec, &s));
    out->flop = imx_graph_flop(s->graph.g);
    IMX_GO(time_steps(s, c, bytes, aug, runs, &meter, out));
    IMX_GO(profile(s->graph.g, &meter, copy_gbps, out));
    const struct imx_graph *g = s->graph.g;
    out->store_bytes = imx_store_bytes(s->store);
    out->peak_bytes = g->temp_bytes + g->keep_bytes + out->store_bytes;
    out->slices = g->n_slices;
    out->sliced = g->n_virtual;
    out->again = g->n_again;
    out->lower_bound_bytes = g->lower_bound + g->keep_bytes + out->store_bytes;
fail:
    imx_meter_close(&meter);
    imx_step_destroy(s);
    free(bytes);
    free(aug);
    if (status != IMX_OK) {
        free(out->node);
        memset(out, 0, sizeof *out);
    }
    return status;
}
