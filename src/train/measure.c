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
    IMX_TRY(imx_meter_read(meter, &before));
    for (int i = 0; i < runs; i++) {
        const double start = imx_now();
        IMX_TRY(imx_step_run(s, c, (uint64_t)i + 2, bytes, aug, &r));
        ms[i] = (imx_now() - start) * 1e3;
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

static imx_status profile(struct imx_graph *g, struct imx_step_time *out)
{
    enum { TIMES = 3 };
    imx_status status = IMX_OK;
    double *seconds = calloc((size_t)g->n_nodes, sizeof *seconds);
    out->node = calloc((size_t)g->n_nodes, sizeof *out->node);
    if (!seconds || !out->node)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for a profile"));
    for (int i = 0; i < TIMES; i++)
        IMX_GO(imx_graph_profile(g, seconds));
    for (int i = 0; i < g->n_nodes; i++) {
        const struct imx_node *n = &g->node[i];
        struct imx_node_time *t = &out->node[i];
        snprintf(t->node, sizeof t->node, "%s", n->name);
        imx_problem_print(n->op, n->problem, t->problem, sizeof t->problem);
        snprintf(t->variant, sizeof t->variant, "%s", n->variant->name);
        t->ms = seconds[i] * 1e3 / TIMES;
        t->flop = n->op->flop ? n->op->flop(n->problem) : 0;
    }
    out->n = g->n_nodes;
fail:
    free(seconds);
    return status;
}

imx_status imx_step_measure(struct imx_dev *dev, const struct imx_config *c, int32_t h, int32_t w, int32_t ch, int runs,
                            struct imx_step_time *out)
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
    IMX_GO(imx_step_create(dev, c, &spec, &s));
    out->flop = imx_graph_flop(s->graph.g);
    IMX_GO(imx_meter_open(dev, &meter));
    IMX_GO(time_steps(s, c, bytes, aug, runs, &meter, out));
    IMX_GO(profile(s->graph.g, out));
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
