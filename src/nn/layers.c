/* The layers of dim_method 1.2: linear map, then dropout, batch norm, activation, pooling. See layers.h. */
#include "nn/layers.h"

#include <stdio.h>

#include "base/philox.h"
#include "ops/act.h"
#include "ops/batchnorm.h"
#include "ops/conv2d.h"
#include "ops/dropout.h"
#include "ops/eltwise.h"
#include "ops/gemm.h"
#include "ops/layernorm.h"
#include "ops/optim.h"
#include "ops/pool2d.h"
#include "ops/reduce.h"
#include "ops/unfold.h"

static const float BN_EPS = 1e-5f, BN_MOMENTUM = 0.1f; /* PyTorch's defaults */

static imx_tid parameter(struct imx_build *b, struct imx_param p, const char *prefix, const char *name)
{
    snprintf(p.name, sizeof p.name, "%s.%s", prefix, name);
    return imx_graph_param(b->g, &p);
}

imx_tid imx_nn_vector(struct imx_build *b, const char *prefix, const char *name, int32_t n, enum imx_init init,
                      int32_t fan_in, bool state)
{
    const struct imx_param p = { .count = n, .dims = { n }, .init = init, .fan_in = fan_in, .state = state };
    return parameter(b, p, prefix, name);
}

imx_tid imx_nn_weight(struct imx_build *b, const char *prefix, const char *name, int32_t out, int32_t in,
                      enum imx_init init)
{
    const struct imx_param p = { .count = (int64_t)out * in, .dims = { out, in }, .init = init, .fan_in = in };
    return parameter(b, p, prefix, name);
}

static enum imx_init weight_init(const struct imx_build *b)
{
    return b->normal ? IMX_INIT_NORMAL : IMX_INIT_UNIFORM;
}

static struct imx_map result(struct imx_build *b, int32_t n, int32_t h, int32_t w, int32_t c, const char *name)
{
    return (struct imx_map){ imx_graph_temp(b->g, IMX_F32, (int64_t)n * h * w * c, name), n, h, w, c };
}

imx_tid imx_nn_conv_weight(struct imx_build *b, const char *prefix, int32_t o, int32_t c, int32_t k)
{
    const struct imx_param wei = { .count = (int64_t)o * c * k * k,
                                   .dims = { o, c, k, k },
                                   .layout = IMX_LAYOUT_CONV,
                                   .init = weight_init(b),
                                   .fan_in = c * k * k };
    return parameter(b, wei, prefix, "weight");
}

struct imx_map imx_nn_conv_product(struct imx_build *b, struct imx_map src, imx_tid wei, imx_tid bia, int32_t o,
                                   int32_t k, int32_t stride, int32_t pad)
{
    const struct imx_conv2d d = { src.n, src.h, src.w, src.c, o, k, stride, pad, bia != 0 };
    const struct imx_map dst = result(b, src.n, imx_conv2d_p(&d), imx_conv2d_q(&d), o, "dst");
    imx_graph_node(b->g, &imx_op_conv2d_fwd, &d, (imx_tid[]){ src.t, wei, bia, dst.t });
    return dst;
}

struct imx_map imx_nn_conv(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, int32_t k,
                           int32_t stride, int32_t pad, bool bias)
{
    imx_graph_label(b->g, "%s", prefix);
    const imx_tid w = imx_nn_conv_weight(b, prefix, o, src.c, k);
    const imx_tid bia = bias ? imx_nn_vector(b, prefix, "bias", o, IMX_INIT_UNIFORM, src.c * k * k, false) : 0;
    return imx_nn_conv_product(b, src, w, bia, o, k, stride, pad);
}

/* conv2d_bwd_data is the transposed map; in its problem the output is the image and the input what the convolution
 * makes of it, so that the weight is [o, c, k, k] of that convolution with o and c changing places. */
struct imx_map imx_nn_conv_transposed(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, int32_t k,
                                      int32_t stride, int32_t pad, int32_t more, bool bias)
{
    const int32_t h = (src.h - 1) * stride - 2 * pad + k + more, w = (src.w - 1) * stride - 2 * pad + k + more;
    const struct imx_conv2d back = { src.n, h, w, o, src.c, k, stride, pad, 0 };
    const struct imx_param wei = { .count = (int64_t)src.c * o * k * k,
                                   .dims = { src.c, o, k, k },
                                   .layout = IMX_LAYOUT_CONV,
                                   .init = IMX_INIT_UNIFORM,
                                   .fan_in = o * k * k };
    imx_graph_label(b->g, "%s", prefix);
    if (b->g->status == IMX_OK && (h < 1 || w < 1 || more < 0 || more >= stride))
        b->g->status =
            imx_fail(IMX_E_ARG, "%s: no transposed convolution makes %dx%d of %dx%d", prefix, h, w, src.h, src.w);
    const imx_tid weight = parameter(b, wei, prefix, "weight");
    const imx_tid bia = bias ? imx_nn_vector(b, prefix, "bias", o, IMX_INIT_UNIFORM, wei.fan_in, false) : 0;
    const struct imx_map plain = result(b, src.n, h, w, o, "dst");
    imx_graph_node(b->g, &imx_op_conv2d_bwd_data, &back, (imx_tid[]){ src.t, weight, plain.t });
    if (!bias)
        return plain;
    const struct imx_map dst = result(b, src.n, h, w, o, "dst");
    const struct imx_bias_add add = { imx_map_rows(dst), o };
    imx_graph_node(b->g, &imx_op_bias_add, &add, (imx_tid[]){ plain.t, bia, dst.t });
    return dst;
}

struct imx_map imx_nn_act(struct imx_build *b, struct imx_map src, int32_t kind, float slope)
{
    const struct imx_act_problem d = { imx_map_rows(src) * src.c, kind, kind == IMX_ACT_LEAKY ? slope : 0.0f };
    const struct imx_map dst = result(b, src.n, src.h, src.w, src.c, "activated");
    imx_graph_node(b->g, &imx_op_act_fwd, &d, (imx_tid[]){ src.t, dst.t });
    return dst;
}

imx_tid imx_nn_linear_weight(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, enum imx_init init)
{
    const int32_t in = src.h * src.w * src.c;
    struct imx_param wei = { .count = (int64_t)o * in, .dims = { o, in }, .init = init, .fan_in = in };
    if (src.h > 1 || src.w > 1) {
        wei.layout = IMX_LAYOUT_FLATTEN;
        wei.dims[1] = src.c;
        wei.dims[2] = src.h;
        wei.dims[3] = src.w;
    }
    return parameter(b, wei, prefix, "weight");
}

struct imx_map imx_nn_product(struct imx_build *b, struct imx_map src, imx_tid wei, imx_tid bia, imx_tid add, int32_t o)
{
    const struct imx_map dst = result(b, src.n, 1, 1, o, "dst");
    const struct imx_gemm d = {
        .m = src.n, .n = o, .k = src.h * src.w * src.c, .tb = 1, .bias = bia != 0, .add = add != 0
    };
    imx_graph_node(b->g, &imx_op_gemm, &d, (imx_tid[]){ src.t, wei, bia, add, dst.t });
    return dst;
}

struct imx_map imx_nn_linear_add(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, bool bias,
                                 enum imx_init init, imx_tid add)
{
    const int32_t in = src.h * src.w * src.c;
    imx_graph_label(b->g, "%s", prefix);
    const imx_tid w = imx_nn_linear_weight(b, src, prefix, o, init);
    const imx_tid bia = bias ? imx_nn_vector(b, prefix, "bias", o, IMX_INIT_UNIFORM, in, false) : 0;
    return imx_nn_product(b, src, w, bia, add, o);
}

struct imx_map imx_nn_linear(struct imx_build *b, struct imx_map src, const char *prefix, int32_t o, bool bias)
{
    return imx_nn_linear_add(b, src, prefix, o, bias, weight_init(b), 0);
}

struct imx_map imx_nn_unflatten(struct imx_build *b, struct imx_map src, const char *prefix, int32_t h, int32_t w,
                                int32_t c)
{
    const struct imx_param wei = { .count = (int64_t)h * w * c * src.c,
                                   .dims = { c, h, w, src.c },
                                   .layout = IMX_LAYOUT_UNFLATTEN,
                                   .init = weight_init(b),
                                   .fan_in = src.c };
    imx_graph_label(b->g, "%s", prefix);
    const imx_tid weight = parameter(b, wei, prefix, "weight");
    const struct imx_map dst = result(b, src.n, h, w, c, "dst");
    const struct imx_gemm d = { .m = src.n, .n = h * w * c, .k = src.c, .tb = 1 };
    imx_graph_node(b->g, &imx_op_gemm, &d, (imx_tid[]){ src.t, weight, 0, 0, dst.t });
    return dst;
}

struct imx_map imx_nn_batchnorm(struct imx_build *b, struct imx_map src, const char *prefix, bool relu)
{
    struct imx_graph *g = b->g;
    const struct imx_batchnorm d = { imx_map_rows(src), src.c, relu ? IMX_ACT_RELU : IMX_ACT_NONE, BN_EPS,
                                     BN_MOMENTUM };
    imx_graph_label(g, "%s", prefix);
    const imx_tid gamma = imx_nn_vector(b, prefix, "weight", src.c, IMX_INIT_GAMMA, 0, false);
    const imx_tid beta = imx_nn_vector(b, prefix, "bias", src.c, IMX_INIT_ZERO, 0, false);
    char own[48];
    snprintf(own, sizeof own, "%s%s", b->statistics ? b->statistics : "", prefix);
    const imx_tid run_mean = imx_nn_vector(b, own, "running_mean", src.c, IMX_INIT_ZERO, 0, true);
    const imx_tid run_var = imx_nn_vector(b, own, "running_var", src.c, IMX_INIT_ONE, 0, true);
    const struct imx_map dst = result(b, src.n, src.h, src.w, src.c, "dst");
    if (b->training) {
        const imx_tid mean = imx_graph_temp(g, IMX_F32, src.c, "mean");
        const imx_tid invstd = imx_graph_temp(g, IMX_F32, src.c, "invstd");
        imx_graph_node(g, &imx_op_batchnorm_fwd, &d,
                       (imx_tid[]){ src.t, gamma, beta, run_mean, run_var, dst.t, mean, invstd });
    } else {
        imx_graph_node(g, &imx_op_batchnorm_infer, &d, (imx_tid[]){ src.t, gamma, beta, run_mean, run_var, dst.t });
    }
    return dst;
}

struct imx_map imx_nn_layernorm(struct imx_build *b, struct imx_map src, const char *prefix)
{
    struct imx_graph *g = b->g;
    const int32_t rows = imx_map_rows(src);
    const struct imx_layernorm d = { rows, src.c, IMX_LAYERNORM_EPS };
    imx_graph_label(g, "%s", prefix);
    const imx_tid gamma = imx_nn_vector(b, prefix, "weight", src.c, IMX_INIT_ONE, 0, false);
    const imx_tid beta = imx_nn_vector(b, prefix, "bias", src.c, IMX_INIT_ZERO, 0, false);
    const struct imx_map dst = result(b, src.n, src.h, src.w, src.c, "dst");
    const imx_tid mean = imx_graph_temp(g, IMX_F32, rows, "mean");
    const imx_tid invstd = imx_graph_temp(g, IMX_F32, rows, "invstd");
    imx_graph_node(g, &imx_op_layernorm_fwd, &d, (imx_tid[]){ src.t, gamma, beta, dst.t, mean, invstd });
    return dst;
}

struct imx_map imx_nn_pool(struct imx_build *b, struct imx_map src, int32_t kind, int32_t k, int32_t stride,
                           int32_t pad)
{
    const struct imx_pool2d d = { src.n, src.h, src.w, src.c, k, stride, pad, kind };
    const struct imx_map dst = result(b, src.n, imx_pool2d_out(src.h, &d), imx_pool2d_out(src.w, &d), src.c, "pooled");
    const imx_tid at =
        kind == IMX_POOL_MAX ? imx_graph_temp(b->g, IMX_I32, (int64_t)dst.n * dst.h * dst.w * dst.c, "at") : 0;
    imx_graph_node(b->g, &imx_op_pool2d_fwd, &d, (imx_tid[]){ src.t, dst.t, at });
    return dst;
}

struct imx_map imx_nn_dropout(struct imx_build *b, struct imx_map src, float p)
{
    if (!b->training || p <= 0.0f)
        return src;
    const int32_t area = src.h * src.w, stream = IMX_STREAM_DROPOUT + 64 * b->dropouts++;
    const struct imx_map dst = result(b, src.n, src.h, src.w, src.c, "dropped");
    if (area > 1)
        imx_graph_node(b->g, &imx_op_dropout2d, &(struct imx_dropout2d){ src.n, area, src.c, stream, p },
                       (imx_tid[]){ src.t, b->ctr, dst.t });
    else
        imx_graph_node(b->g, &imx_op_dropout, &(struct imx_dropout){ src.n * src.c, stream, p },
                       (imx_tid[]){ src.t, b->ctr, dst.t });
    return dst;
}

struct imx_map imx_nn_unfold(struct imx_build *b, struct imx_map src, int32_t k, int32_t stride)
{
    const struct imx_unfold d = { src.n, src.h, src.w, src.c, k, stride };
    const struct imx_map dst =
        result(b, src.n * imx_unfold_out(src.h, &d) * imx_unfold_out(src.w, &d), k, k, src.c, "crops");
    imx_graph_node(b->g, &imx_op_unfold_fwd, &d, (imx_tid[]){ src.t, dst.t });
    return dst;
}

struct imx_map imx_nn_add_relu(struct imx_build *b, struct imx_map a, struct imx_map c)
{
    const struct imx_map dst = result(b, a.n, a.h, a.w, a.c, "dst");
    imx_graph_node(b->g, &imx_op_add_relu, &(struct imx_add_relu){ imx_map_rows(a) * a.c },
                   (imx_tid[]){ a.t, c.t, dst.t });
    return dst;
}

static void update(struct imx_graph *g, bool sgd, imx_tid *hyp, imx_tid *norm)
{
    imx_graph_label(g, "update");
    const imx_tid param = imx_graph_arena(g, IMX_ARENA_PARAM, "param");
    const imx_tid grad = imx_graph_arena(g, IMX_ARENA_GRAD, "grad");
    const imx_tid m = imx_graph_arena(g, IMX_ARENA_M, "m");
    const imx_tid v = sgd ? 0 : imx_graph_arena(g, IMX_ARENA_V, "v");
    const struct imx_optim d = { (int32_t)(g->store->bytes[IMX_ARENA_PARAM] / 4) };
    *hyp = imx_graph_keep(g, IMX_F32, IMX_HYP_COUNT, "hyp");
    *norm = imx_graph_keep(g, IMX_F32, 2, "norm");
    imx_graph_node(g, &imx_op_gradnorm, &(struct imx_gradnorm){ d.n }, (imx_tid[]){ grad, *norm });
    if (sgd)
        imx_graph_node(g, &imx_op_sgd, &d, (imx_tid[]){ param, m, grad, *hyp, *norm });
    else
        imx_graph_node(g, &imx_op_adam, &d, (imx_tid[]){ param, m, v, grad, *hyp, *norm });
}

void imx_nn_adam(struct imx_graph *g, imx_tid *hyp, imx_tid *norm)
{
    update(g, false, hyp, norm);
}

void imx_nn_sgd(struct imx_graph *g, imx_tid *hyp, imx_tid *norm)
{
    update(g, true, hyp, norm);
}
