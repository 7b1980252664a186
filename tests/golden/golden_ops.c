/* Single ops against PyTorch: every problem of tests/golden/ops.safetensors, forward and backward, on the
 * host and on each type of OpenCL device. An element passes when |got - PyTorch| <= 1e-5 * (the tensor's RMS
 * + |PyTorch|). Tensors of rank 4 are a,b,h,w outside (images N,C,H,W, weights O,I,k,k) and a,h,w,b in the
 * engine. usage: golden-ops FILE */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/devices.h"
#include "io/safetensors.h"
#include "ops/batchnorm.h"
#include "ops/conv2d.h"
#include "ops/gemm.h"
#include "ops/gru.h"
#include "ops/layernorm.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"

enum { ROOM = 4096, PROBLEMS = 13 };

static const struct imx_safetensors *file;
static char op_name[64]; /* the problem at work */
static bool ran;         /* every op of it came back without an error */

/* The tensor's shape, with its values in the file's order in x[ROOM]; NULL when the file has none such. */
static const struct imx_st_tensor *fetch(const char *what, float *x)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", op_name, what);
    const struct imx_st_tensor *t = imx_safetensors_find(file, name);
    if (!t || imx_st_count(t) > ROOM || imx_safetensors_copy(file, name, IMX_ST_F32, imx_st_count(t), x) != IMX_OK)
        return NULL;
    return t;
}

/* Where element i of the engine's order lies in the file's. */
static int64_t outside(const struct imx_st_tensor *t, int64_t i)
{
    if (t->rank != 4)
        return i;
    const int64_t b = t->shape[1], h = t->shape[2], w = t->shape[3];
    return ((i / (h * w * b) * b + i % b) * h + i / (w * b) % h) * w + i / b % w;
}

/* The tensor in the engine's order; zeros with ran = false when the file lacks it. x has room for ROOM
 * floats. */
static void load(const char *what, float *x)
{
    static float value[ROOM];
    const struct imx_st_tensor *t = fetch(what, value);
    memset(x, 0, ROOM * sizeof *x);
    ran = ran && t;
    for (int64_t i = 0; t && i < imx_st_count(t); i++)
        x[i] = value[outside(t, i)];
}

static void expect(const char *where, const char *what, const float *got)
{
    static float want[ROOM];
    const struct imx_st_tensor *t = fetch(what, want);
    double sum = 0, worst = 0;
    int64_t wrong = 0;
    const int64_t n = t ? imx_st_count(t) : 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)want[i] * (double)want[i];
    const double rms = n ? sqrt(sum / (double)n) : 0;
    for (int64_t i = 0; i < n; i++) {
        const double w = (double)want[outside(t, i)], error = fabs((double)got[i] - w);
        wrong += !(error <= 1e-5 * (rms + fabs(w)));
        worst = fmax(worst, error / (rms + fabs(w)));
    }
    tap_ok(ran && n > 0 && !wrong, "%s: %s/%s: %lld values, %lld wrong, worst %.1e", where, op_name, what, (long long)n,
           (long long)wrong, worst);
}

static void run(struct imx_dev *dev, const struct imx_op *op, const void *problem, void *const *data)
{
    ran = run_op(dev, op, problem, data) == IMX_OK && ran;
}

static void test_conv2d(struct imx_dev *dev, const char *where, struct imx_conv2d p)
{
    static float src[ROOM], wei[ROOM], bia[ROOM], ddst[ROOM], out[ROOM];
    const struct imx_colsum rows = { p.n * imx_conv2d_p(&p) * imx_conv2d_q(&p), p.o };
    load("src", src), load("wei", wei), load("bia", bia), load("ddst", ddst);
    p.bias = 1;
    run(dev, &imx_op_conv2d_fwd, &p, (void *[]){ src, wei, bia, out });
    expect(where, "dst", out);
    p.bias = 0;
    run(dev, &imx_op_conv2d_bwd_data, &p, (void *[]){ ddst, wei, out });
    expect(where, "dsrc", out);
    run(dev, &imx_op_conv2d_bwd_wei, &p, (void *[]){ src, ddst, out });
    expect(where, "dwei", out);
    run(dev, &imx_op_colsum, &rows, (void *[]){ ddst, out });
    expect(where, "dbia", out);
}

/* The transposed convolution is the data gradient of the convolution that maps its result back: that one's o
 * is our c. */
static void test_deconv2d(struct imx_dev *dev, const char *where, struct imx_conv2d p)
{
    static float src[ROOM], wei[ROOM], bia[ROOM], ddst[ROOM], out[ROOM];
    const int32_t from = p.c, side = (p.h - 1) * p.stride - 2 * p.pad + p.k;
    struct imx_conv2d back = { p.n, side, side, p.o, from, p.k, p.stride, p.pad, 0 };
    const struct imx_colsum rows = { p.n * side * side, p.o };
    load("src", src), load("wei", wei), load("bia", bia), load("ddst", ddst);
    run(dev, &imx_op_conv2d_bwd_data, &back, (void *[]){ src, wei, out });
    for (int32_t i = 0; i < rows.rows * rows.cols; i++)
        out[i] += bia[i % rows.cols];
    expect(where, "dst", out);
    run(dev, &imx_op_conv2d_fwd, &back, (void *[]){ ddst, wei, NULL, out });
    expect(where, "dsrc", out);
    run(dev, &imx_op_conv2d_bwd_wei, &back, (void *[]){ ddst, src, out });
    expect(where, "dwei", out);
    run(dev, &imx_op_colsum, &rows, (void *[]){ ddst, out });
    expect(where, "dbia", out);
}

static void test_batchnorm(struct imx_dev *dev, const char *where, const struct imx_batchnorm *p)
{
    static float src[ROOM], gamma[ROOM], beta[ROOM], ddst[ROOM], out[ROOM], mean[ROOM], invstd[ROOM], dgamma[ROOM],
        dbeta[ROOM], run_mean[ROOM], run_var[ROOM];
    load("src", src), load("gamma", gamma), load("beta", beta), load("ddst", ddst);
    for (int i = 0; i < p->cols; i++) {
        run_mean[i] = 0;
        run_var[i] = 1;
    }
    run(dev, &imx_op_batchnorm_fwd, p, (void *[]){ src, gamma, beta, run_mean, run_var, out, mean, invstd });
    expect(where, "dst", out);
    expect(where, "run_mean", run_mean);
    expect(where, "run_var", run_var);
    run(dev, &imx_op_batchnorm_bwd, p, (void *[]){ src, ddst, gamma, beta, mean, invstd, out, dgamma, dbeta });
    expect(where, "dsrc", out);
    expect(where, "dgamma", dgamma);
    expect(where, "dbeta", dbeta);
}

static void test_layernorm(struct imx_dev *dev, const char *where, const struct imx_layernorm *p)
{
    static float src[ROOM], gamma[ROOM], beta[ROOM], ddst[ROOM], out[ROOM], mean[ROOM], invstd[ROOM], dgamma[ROOM],
        dbeta[ROOM];
    load("src", src), load("gamma", gamma), load("beta", beta), load("ddst", ddst);
    run(dev, &imx_op_layernorm_fwd, p, (void *[]){ src, gamma, beta, out, mean, invstd });
    expect(where, "dst", out);
    run(dev, &imx_op_layernorm_bwd, p, (void *[]){ src, ddst, gamma, mean, invstd, out, dgamma, dbeta });
    expect(where, "dsrc", out);
    expect(where, "dgamma", dgamma);
    expect(where, "dbeta", dbeta);
}

static void test_pool(struct imx_dev *dev, const char *where, const struct imx_pool2d *p)
{
    static float src[ROOM], ddst[ROOM], out[ROOM];
    static int32_t at[ROOM];
    load("src", src), load("ddst", ddst);
    run(dev, &imx_op_pool2d_fwd, p, (void *[]){ src, out, at });
    expect(where, "dst", out);
    run(dev, &imx_op_pool2d_bwd, p, (void *[]){ ddst, at, out });
    expect(where, "dsrc", out);
}

/* torch.nn.GRUCell: the two products, then the gates; n rows of `in` values meet a state of p->cols. */
static void test_gru(struct imx_dev *dev, const char *where, const struct imx_gru *p, int32_t in)
{
    static float src[ROOM], h[ROOM], wih[ROOM], whh[ROOM], bih[ROOM], bhh[ROOM], gi[ROOM], gh[ROOM], ddst[ROOM],
        dgi[ROOM], dgh[ROOM], own[ROOM], out[ROOM];
    const int32_t wide = 3 * p->cols;
    const struct imx_gemm from_src = { .m = p->rows, .n = wide, .k = in, .tb = 1, .bias = 1 };
    const struct imx_gemm from_h = { .m = p->rows, .n = wide, .k = p->cols, .tb = 1, .bias = 1 };
    load("src", src), load("h", h), load("wih", wih), load("whh", whh), load("bih", bih), load("bhh", bhh);
    load("ddst", ddst);
    run(dev, &imx_op_gemm, &from_src, (void *[]){ src, wih, bih, NULL, gi });
    run(dev, &imx_op_gemm, &from_h, (void *[]){ h, whh, bhh, NULL, gh });
    run(dev, &imx_op_gru_cell, p, (void *[]){ gi, gh, h, out });
    expect(where, "dst", out);
    run(dev, &imx_op_gru_cell_bwd, p, (void *[]){ gi, gh, h, ddst, dgi, dgh, own });
    run(dev, &imx_op_gemm, &(struct imx_gemm){ .m = p->rows, .n = in, .k = wide },
        (void *[]){ dgi, wih, NULL, NULL, out });
    expect(where, "dsrc", out);
    run(dev, &imx_op_gemm, &(struct imx_gemm){ .m = p->rows, .n = p->cols, .k = wide, .add = 1 },
        (void *[]){ dgh, whh, NULL, own, out });
    expect(where, "dh", out);
    run(dev, &imx_op_gemm, &(struct imx_gemm){ .m = wide, .n = in, .k = p->rows, .ta = 1 },
        (void *[]){ dgi, src, NULL, NULL, out });
    expect(where, "dwih", out);
    run(dev, &imx_op_gemm, &(struct imx_gemm){ .m = wide, .n = p->cols, .k = p->rows, .ta = 1 },
        (void *[]){ dgh, h, NULL, NULL, out });
    expect(where, "dwhh", out);
    run(dev, &imx_op_colsum, &(struct imx_colsum){ p->rows, wide }, (void *[]){ dgi, out });
    expect(where, "dbih", out);
    run(dev, &imx_op_colsum, &(struct imx_colsum){ p->rows, wide }, (void *[]){ dgh, out });
    expect(where, "dbhh", out);
}

/* The problem is in the name; false when nobody knows it. */
static bool test_problem(struct imx_dev *dev, const char *where)
{
    int n, c, h, o, k, s, p;
    ran = true;
    if (sscanf(op_name, "conv2d_n%dc%dh%do%dk%ds%dp%d", &n, &c, &h, &o, &k, &s, &p) == 7)
        test_conv2d(dev, where, (struct imx_conv2d){ n, h, h, c, o, k, s, p, 0 });
    else if (sscanf(op_name, "deconv2d_n%dc%dh%do%dk%ds%dp%d", &n, &c, &h, &o, &k, &s, &p) == 7)
        test_deconv2d(dev, where, (struct imx_conv2d){ n, h, h, c, o, k, s, p, 0 });
    else if (sscanf(op_name, "batchnorm_r%dc%d", &n, &c) == 2)
        test_batchnorm(dev, where, &(struct imx_batchnorm){ n, c, IMX_ACT_NONE, 1e-5f, 0.1f });
    else if (sscanf(op_name, "layernorm_r%dc%d", &n, &c) == 2)
        test_layernorm(dev, where, &(struct imx_layernorm){ n, c, 1e-5f });
    else if (sscanf(op_name, "maxpool_n%dc%dh%dk%ds%dp%d", &n, &c, &h, &k, &s, &p) == 6)
        test_pool(dev, where, &(struct imx_pool2d){ n, h, h, c, k, s, p, IMX_POOL_MAX });
    else if (sscanf(op_name, "avgpool_n%dc%dh%dk%ds%dp%d", &n, &c, &h, &k, &s, &p) == 6)
        test_pool(dev, where, &(struct imx_pool2d){ n, h, h, c, k, s, p, IMX_POOL_AVG });
    else if (sscanf(op_name, "gru_n%di%dc%d", &n, &k, &c) == 3)
        test_gru(dev, where, &(struct imx_gru){ n, c }, k);
    else
        return false;
    return true;
}

static void test_device(struct imx_dev *dev, const char *where)
{
    int problems = 0;
    for (size_t i = 0; i < imx_safetensors_count(file); i++) {
        const char *name = imx_safetensors_at(file, i)->name, *slash = strchr(name, '/');
        if (!slash || strcmp(slash, "/src") || (size_t)(slash - name) >= sizeof op_name)
            continue;
        snprintf(op_name, sizeof op_name, "%.*s", (int)(slash - name), name);
        if (test_problem(dev, where))
            problems++;
        else
            tap_ok(false, "%s: no test knows the problem %s", where, op_name);
    }
    tap_ok(problems == PROBLEMS, "%s: %d of %d problems", where, problems, PROBLEMS);
}

int main(int argc, char **argv)
{
    struct imx_safetensors *f = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: golden-ops FILE\n");
        return 2;
    }
    if (!tap_ok(imx_safetensors_open(argv[1], 0, &f) == IMX_OK, "the file is whole"))
        return tap_done();
    file = f;
    on_devices(test_device);
    imx_safetensors_close(f);
    return tap_done();
}
