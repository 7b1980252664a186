/* Timing: every listed problem is valid for its op and unlike the others, a row's numbers fit together. */
#include "ops/bench.h"

#include <string.h>

#include "nn/encoder.h"
#include "ops/batchnorm.h"
#include "ops/conv2d.h"
#include "ops/eltwise.h"
#include "ops/pool2d.h"
#include "tap.h"

static void cases(void)
{
    char seen[128][256];
    int n = 0;
    for (const struct imx_bench_case *c = imx_bench_cases; c->group && n < 128; c++, n++) {
        const struct imx_op *op = imx_op_find(c->op);
        if (!op) {
            tap_skip(c->op, "the build has no such op");
            snprintf(seen[n], sizeof seen[n], "%s", c->op);
            continue;
        }
        char text[192];
        _Alignas(16) unsigned char back[256] = { 0 };
        imx_problem_print(op, c->problem, text, sizeof text);
        const char *wrong = op->check ? op->check(c->problem) : NULL;
        tap_ok(!wrong && imx_problem_parse(op, text, back) == IMX_OK && !memcmp(back, c->problem, op->problem_size),
               "%s %s is valid and parses back%s%s", c->op, text, wrong ? ": " : "", wrong ? wrong : "");
        snprintf(seen[n], sizeof seen[n], "%s %s", c->op, text);
        for (int i = 0; i < n; i++)
            if (!strcmp(seen[i], seen[n]))
                tap_ok(false, "%s is listed twice", seen[n]);
    }
}

/* Is this problem listed in all directions that the op has? */
static bool listed(const char *const ops[], const void *problem)
{
    for (int i = 0; ops[i]; i++) {
        const struct imx_op *op = imx_op_find(ops[i]);
        bool found = false;
        for (const struct imx_bench_case *c = imx_bench_cases; c->group; c++)
            found |= !strcmp(c->op, ops[i]) && !memcmp(c->problem, problem, op->problem_size);
        if (!found)
            return false;
    }
    return true;
}

/* The layers of an encoder for whole images, at batch 64, are those that are timed. */
static void layers(const char *name, int norms)
{
    static const char *const convs[] = { "conv2d_fwd", "conv2d_bwd_data", "conv2d_bwd_wei", NULL };
    static const char *const pools[] = { "pool2d_fwd", "pool2d_bwd", NULL };
    static const char *const bns[] = { "batchnorm_fwd", "batchnorm_bwd", NULL };
    const struct imx_encoder *e = imx_encoder_find(name);
    int32_t side = e->size, channels = e->channels;
    int wrong = 0, n = 0;
    for (const struct imx_layer *l = e->layer; l->kind == IMX_LAYER_CONV; l++, n++) {
        const struct imx_conv2d conv = {
            .n = 64, .h = side, .w = side, .c = channels, .o = l->out, .k = l->k, .stride = l->stride, .pad = l->pad
        };
        side = (side + 2 * l->pad - l->k) / l->stride + 1;
        channels = l->out;
        const struct imx_batchnorm bn = { 64 * side * side, channels, IMX_ACT_RELU, 1e-5f, 0.1f };
        const struct imx_pool2d pool = { 64, side, side, channels, l->pool_k, l->pool_stride, 0, IMX_POOL_MAX };
        wrong += !listed(convs, &conv) + (n < norms && !listed(bns, &bn)) + (l->pool_k && !listed(pools, &pool));
        if (l->pool_k)
            side = (side - l->pool_k) / l->pool_stride + 1;
    }
    tap_ok(n >= 3 && !wrong, "%s: its %d convolutions and what stands behind them: %d missing", name, n, wrong);
}

static void row(void)
{
    struct imx_dev *dev = NULL;
    struct imx_bench_row r;
    const struct imx_axpby d = { 100000, 2, 3 };
    const struct imx_bench_limit limit = { 1e6, 1e6 };
    const bool ran =
        imx_dev_open("host", &dev, NULL) == IMX_OK && imx_bench_run(dev, &imx_op_axpby, &d, NULL, &limit, &r) == IMX_OK;
    if (!tap_ok(ran, "axpby is timed on the host %s", ran ? "" : imx_error_text()))
        return;
    tap_ok(r.ms > 0 && r.ms_min <= r.ms && r.ms <= r.ms_max && r.runs >= 5, "%g <= %g <= %g ms in %d samples", r.ms_min,
           r.ms, r.ms_max, r.runs);
    const double gbps = 1.2e6 / r.ms * 1e-6, gflops = 3e5 / r.ms * 1e-6;
    tap_ok(r.gbps > 0.999 * gbps && r.gbps < 1.001 * gbps, "12 bytes a value: %g GB/s", r.gbps);
    tap_ok(r.gflops > 0.999 * gflops && r.gflops < 1.001 * gflops, "3 operations a value: %g GFLOP/s", r.gflops);
    tap_ok(r.of_limit > 0.98e-6 * gbps && r.of_limit < 1.02e-6 * gbps, "limited by memory: %g", r.of_limit);
    tap_ok(!strcmp(r.variant, "ref") && !strcmp(r.problem, "n100000_alpha2_beta3"), "%s by %s", r.problem, r.variant);
    tap_ok(dev->count.bytes_now == 0, "all memory is given back");
    imx_dev_close(dev);
}

int main(void)
{
    cases();
    layers("basic32", 3);
    layers("basic64", 0);
    layers("alex64", 3);
    tap_ok(imx_bench_least(6e9, 2e9, 3, 4) == 2 && imx_bench_least(6e9, 9e9, 4, 2) == 4.5, "the slower one bounds");
    tap_ok(imx_bench_least(6e9, 9e9, 4, 0) == 1.5 && imx_bench_least(6e9, 9e9, 0, 0) == 0,
           "what is not known does not");
    row();
    return tap_done();
}
