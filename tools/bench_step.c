/* See bench_step.h. */
#include "bench_step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Nodes by falling time; the order of the graph says little about where to look. */
static void sort(struct imx_node_time **at, const struct imx_step_time *t)
{
    for (int i = 0; i < t->n; i++) {
        int k = i;
        for (; k > 0 && at[k - 1]->ms < t->node[i].ms; k--)
            at[k] = at[k - 1];
        at[k] = &t->node[i];
    }
}

static void print_node(const struct imx_node_time *n, double sum)
{
    char range[48], part[16] = "-";
    snprintf(range, sizeof range, "%.3f .. %.3f", n->ms_min, n->ms_max);
    if (n->of_limit > 0)
        snprintf(part, sizeof part, "%.0f%%", 100 * n->of_limit);
    printf("%-40s %-47s %-16s %9.3f %20s %5.1f%% %9.1f %8.1f %6s\n", n->node, n->problem, n->variant, n->ms, range,
           100 * n->ms / sum, n->flop * 1e-6 / n->ms, n->bytes * 1e-6 / n->ms, part);
}

void imx_bench_step_text(const struct imx_config *c, const struct imx_step_time *t)
{
    enum { SHOWN = 24, MOST = 512 };
    struct imx_node_time *at[MOST];
    double sum = 0;
    printf("\nstep %s %s %s", c->objective, c->critic, c->estimator);
    if (t->global_critic && (strcmp(t->global_critic, c->critic) || strcmp(t->global_estimator, c->estimator)))
        printf(", globally %s %s", t->global_critic, t->global_estimator);
    printf(", %s, batch %lld of %dx%dx%d: %.1f ms (%.1f .. %.1f, %d runs), %.0f images/s, %.2f GFLOP, %.0f GFLOP/s",
           t->encoder, (long long)c->batch, t->h, t->w, t->c, t->ms, t->ms_min, t->ms_max, t->runs,
           (double)c->batch / t->ms * 1e3, t->flop * 1e-9, t->flop * 1e-6 / t->ms);
    if (t->peak_gflops > 0)
        printf(", %.0f%% of %.0f beside it", 100 * t->of_limit, t->peak_gflops);
    printf("\nmemory %.1f MB, lower bound %.1f MB\n", (double)t->peak_bytes / 1048576.0,
           (double)t->lower_bound_bytes / 1048576.0);
    if (t->launches)
        printf("%llu kernel launches a step, %llu programs built\n", (unsigned long long)t->launches,
               (unsigned long long)t->programs);
    if (t->slices)
        printf("to fit --memory: %d results are computed again, %d tensors in %d slices of the batch\n", t->again,
               t->sliced, t->slices);
    if (t->n > MOST)
        return;
    sort(at, t);
    for (int i = 0; i < t->n; i++)
        sum += t->node[i].ms;
    printf("%-40s %-47s %-16s %9s %20s %6s %9s %8s %6s\n", "node", "problem", "variant", "ms", "min .. max", "share",
           "GFLOP/s", "GB/s", "limit");
    for (int i = 0; i < t->n && i < SHOWN; i++)
        print_node(at[i], sum);
    if (t->n > SHOWN)
        printf("... and %d smaller ones (--json shows all)\n", t->n - SHOWN);
}

void imx_bench_step_json(struct imx_json *j, const struct imx_config *c, const struct imx_step_time *t)
{
    imx_json_string(j, "objective", c->objective);
    imx_json_string(j, "critic", c->critic);
    imx_json_string(j, "estimator", c->estimator);
    if (t->global_critic) {
        imx_json_string(j, "global_critic", t->global_critic);
        imx_json_string(j, "global_estimator", t->global_estimator);
    }
    imx_json_string(j, "encoder", t->encoder);
    imx_json_int(j, "batch", c->batch);
    imx_json_int(j, "height", t->h);
    imx_json_int(j, "width", t->w);
    imx_json_int(j, "channels", t->c);
    imx_json_int(j, "critic_units", t->units);
    imx_json_string(j, "work", t->work);
    imx_json_double(j, "step_ms", t->ms);
    imx_json_double(j, "step_ms_min", t->ms_min);
    imx_json_double(j, "step_ms_max", t->ms_max);
    imx_json_double(j, "images_per_s", (double)c->batch / t->ms * 1e3);
    imx_json_double(j, "flop_per_step", t->flop);
    imx_json_double(j, "step_peak_gflops", t->peak_gflops > 0 ? t->peak_gflops : (double)NAN);
    imx_json_double(j, "of_limit", t->of_limit);
    imx_json_uint(j, "peak_bytes", t->peak_bytes);
    imx_json_uint(j, "lower_bound_bytes", t->lower_bound_bytes);
    imx_json_uint(j, "store_bytes", t->store_bytes);
    imx_json_int(j, "slices", t->slices);
    imx_json_int(j, "computed_again", t->again);
    imx_json_uint(j, "launches", t->launches);
    imx_json_uint(j, "programs", t->programs);
    imx_json_array(j, "nodes");
    for (int i = 0; i < t->n; i++) {
        imx_json_object(j, NULL);
        imx_json_string(j, "node", t->node[i].node);
        imx_json_string(j, "problem", t->node[i].problem);
        imx_json_string(j, "variant", t->node[i].variant);
        imx_json_double(j, "ms", t->node[i].ms);
        imx_json_double(j, "ms_min", t->node[i].ms_min);
        imx_json_double(j, "ms_max", t->node[i].ms_max);
        imx_json_double(j, "gflops", t->node[i].flop * 1e-6 / t->node[i].ms);
        imx_json_double(j, "gbps", t->node[i].bytes * 1e-6 / t->node[i].ms);
        imx_json_double(j, "of_limit", t->node[i].of_limit);
        imx_json_string(j, "limit", t->node[i].of_limit > 0 ? t->node[i].moves ? "copy" : "peak" : "");
        imx_json_end(j);
    }
    imx_json_end(j);
}
