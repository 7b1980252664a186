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

void imx_bench_step_text(const struct imx_config *c, const struct imx_step_time *t)
{
    enum { SHOWN = 24, MOST = 512 };
    struct imx_node_time *at[MOST];
    double sum = 0;
    printf("\nstep %s %s %s, batch %lld: %.1f ms (%.1f .. %.1f, %d runs), %.0f images/s, %.2f GFLOP, %.0f GFLOP/s",
           c->objective, c->critic, c->estimator, (long long)c->batch, t->ms, t->ms_min, t->ms_max, t->runs,
           (double)c->batch / t->ms * 1e3, t->flop * 1e-9, t->flop * 1e-6 / t->ms);
    if (t->peak_gflops > 0)
        printf(", %.0f%% of %.0f beside it", 100 * t->of_limit, t->peak_gflops);
    printf("\nmemory %.1f MB, lower bound %.1f MB\n", (double)t->peak_bytes / 1048576.0,
           (double)t->lower_bound_bytes / 1048576.0);
    if (t->slices)
        printf("to fit --memory: %d results are computed again, %d tensors in %d slices of the batch\n", t->again,
               t->sliced, t->slices);
    if (t->n > MOST)
        return;
    sort(at, t);
    for (int i = 0; i < t->n; i++)
        sum += t->node[i].ms;
    printf("%-36s %-40s %-16s %9s %6s %9s\n", "node", "problem", "variant", "ms", "share", "GFLOP/s");
    for (int i = 0; i < t->n && i < SHOWN; i++)
        printf("%-36s %-40s %-16s %9.3f %5.1f%% %9.1f\n", at[i]->node, at[i]->problem, at[i]->variant, at[i]->ms,
               100 * at[i]->ms / sum, at[i]->flop * 1e-6 / at[i]->ms);
    if (t->n > SHOWN)
        printf("... and %d smaller ones (--json shows all)\n", t->n - SHOWN);
}

void imx_bench_step_json(struct imx_json *j, const struct imx_config *c, const struct imx_step_time *t)
{
    imx_json_string(j, "objective", c->objective);
    imx_json_string(j, "critic", c->critic);
    imx_json_string(j, "estimator", c->estimator);
    imx_json_string(j, "encoder", c->encoder);
    imx_json_int(j, "batch", c->batch);
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
    imx_json_array(j, "nodes");
    for (int i = 0; i < t->n; i++) {
        imx_json_object(j, NULL);
        imx_json_string(j, "node", t->node[i].node);
        imx_json_string(j, "problem", t->node[i].problem);
        imx_json_string(j, "variant", t->node[i].variant);
        imx_json_double(j, "ms", t->node[i].ms);
        imx_json_end(j);
    }
    imx_json_end(j);
}
