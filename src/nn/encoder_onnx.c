/* See encoder_onnx.h: the walk over the encoder's table that nn/encoder.c makes, with ONNX's nodes in place of ours.
 * ONNX has PyTorch's order of elements, as the weights' file has, so nothing is permuted. */
#include "nn/encoder_onnx.h"

#include <stdio.h>
#include <string.h>

#include "io/onnx.h"

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define INTS(key, ...)                                                                                                 \
    {                                                                                                                  \
        .name = (key), .kind = IMX_ONNX_INTS, .i = { __VA_ARGS__ },                                                    \
        .n = (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))                                               \
    }

struct walk {
    const struct imx_encoder *e;
    const struct imx_encoder_onnx *o;
    const struct imx_safetensors *weights;
    struct imx_onnx m;
    char at[64];          /* the value so far */
    int32_t c, h, w;      /* its shape behind the number of images; flat: h = w = 1 */
    bool flat, folded;    /* [N, c]; there were crops, and they are one map again */
    int32_t down, across; /* crops of an unfolded image */
    int convs, blocks, fcs, norms, values;
    imx_status status;
};

/* A name for the next value. */
static void next(struct walk *k, const char *what, char name[64])
{
    snprintf(name, 64, "%s_%d", what, ++k->values);
}

static void step(struct walk *k, const char *op, const char *const *in, const struct imx_onnx_attr *attrs)
{
    char name[64];
    next(k, op, name);
    imx_onnx_node(&k->m, op, in, NAMES(name), attrs);
    snprintf(k->at, sizeof k->at, "%s", name);
}

/* Adds a parameter of the run under its own name; the first one that does not fit sticks. */
static const char *weight(struct walk *k, const char *prefix, const char *part, char name[96], int rank,
                          const int64_t *shape)
{
    snprintf(name, 96, "%s.%s", prefix, part);
    const struct imx_st_tensor *t = imx_safetensors_find(k->weights, name);
    if (k->status != IMX_OK)
        return name;
    if (!t)
        k->status = imx_fail(IMX_E_FORMAT, "the run's encoder has no tensor %s", name);
    else if (t->type != IMX_ST_F32 || t->rank != rank || memcmp(t->shape, shape, sizeof *shape * (size_t)rank))
        k->status = imx_fail(IMX_E_FORMAT, "tensor %s of the run has another shape than encoder %s at %dx%dx%d", name,
                             k->e->name, k->o->w, k->o->h, k->o->c);
    else
        imx_onnx_weight(&k->m, name, IMX_ONNX_F32, rank, shape, t->data);
    return name;
}

static void whole_numbers(struct walk *k, const char *name, int64_t n, const int64_t *v)
{
    imx_onnx_weight(&k->m, name, IMX_ONNX_I64, 1, &n, v);
}

static bool too_small(struct walk *k, int32_t side, int32_t pad)
{
    if (k->status == IMX_OK && (k->h + 2 * pad < side || k->w + 2 * pad < side))
        k->status = imx_fail(IMX_E_ARG, "the images are too small for encoder %s", k->e->name);
    return k->status != IMX_OK;
}

static void conv(struct walk *k, const char *prefix, int32_t o, int32_t side, int32_t stride, int32_t pad, bool bias)
{
    char name[96], bia[96];
    const struct imx_onnx_attr attrs[] = { INTS("kernel_shape", side, side),
                                           INTS("strides", stride, stride),
                                           INTS("pads", pad, pad, pad, pad),
                                           { .name = NULL } };
    if (too_small(k, side, pad))
        return;
    weight(k, prefix, "weight", name, 4, (const int64_t[]){ o, k->c, side, side });
    if (bias)
        weight(k, prefix, "bias", bia, 1, (const int64_t[]){ o });
    step(k, "Conv", NAMES(k->at, name, bias ? bia : NULL), attrs);
    k->c = o;
    k->h = (k->h + 2 * pad - side) / stride + 1;
    k->w = (k->w + 2 * pad - side) / stride + 1;
}

static void norm(struct walk *k, const char *prefix, bool relu)
{
    char gamma[96], beta[96], mean[96], var[96];
    const int64_t n[] = { k->c };
    const struct imx_onnx_attr attrs[] = { { .name = "epsilon", .kind = IMX_ONNX_FLOAT, .f = 1e-5f },
                                           { .name = NULL } };
    weight(k, prefix, "weight", gamma, 1, n);
    weight(k, prefix, "bias", beta, 1, n);
    weight(k, prefix, "running_mean", mean, 1, n);
    weight(k, prefix, "running_var", var, 1, n);
    step(k, "BatchNormalization", NAMES(k->at, gamma, beta, mean, var), attrs);
    if (relu)
        step(k, "Relu", NAMES(k->at), NULL);
}

static void pool(struct walk *k, int32_t side, int32_t stride)
{
    const struct imx_onnx_attr attrs[] = { INTS("kernel_shape", side, side),
                                           INTS("strides", stride, stride),
                                           { .name = NULL } };
    if (too_small(k, side, 0))
        return;
    step(k, "MaxPool", NAMES(k->at), attrs);
    k->h = (k->h - side) / stride + 1;
    k->w = (k->w - side) / stride + 1;
}

static void conv_layer(struct walk *k, const struct imx_layer *l)
{
    char name[64];
    snprintf(name, sizeof name, "encoder.conv%d", ++k->convs);
    conv(k, name, l->out, l->k, l->stride, l->pad, l->bias);
    snprintf(name, sizeof name, "encoder.bn%d", ++k->norms);
    norm(k, name, true);
    if (l->pool_k)
        pool(k, l->pool_k, l->pool_stride);
}

static void conv_norm(struct walk *k, const char *conv_name, const char *norm_name, int32_t o, int32_t side,
                      int32_t stride, int32_t pad, bool relu)
{
    char name[64];
    snprintf(name, sizeof name, "encoder.block%d.%s", k->blocks, conv_name);
    conv(k, name, o, side, stride, pad, false);
    snprintf(name, sizeof name, "encoder.block%d.%s", k->blocks, norm_name);
    norm(k, name, relu);
}

static void block(struct walk *k, const struct imx_layer *l)
{
    char in[64], way[64];
    const int32_t c = k->c, h = k->h, w = k->w;
    snprintf(in, sizeof in, "%s", k->at);
    k->blocks++;
    conv_norm(k, "conv1", "bn1", l->mid, 1, 1, 0, true);
    conv_norm(k, "conv2", "bn2", l->mid, l->k, l->stride, l->pad, true);
    conv_norm(k, "conv3", "bn3", l->out, 1, 1, 0, false);
    snprintf(way, sizeof way, "%s", k->at);
    if (c != k->c || h != k->h || w != k->w) { /* the short way takes the shape of the long one */
        snprintf(k->at, sizeof k->at, "%s", in);
        k->c = c, k->h = h, k->w = w;
        conv_norm(k, "shortcut", "shortcut_bn", l->out, 1, l->stride, 0, false);
        snprintf(in, sizeof in, "%s", k->at);
    }
    step(k, "Add", NAMES(way, in), NULL);
    step(k, "Relu", NAMES(k->at), NULL);
}

/* Crops, row by row, become images of their own: cut, put side by side on a new axis, which joins the images'. */
static void unfold(struct walk *k, const struct imx_layer *l)
{
    enum { MOST = 1024 };
    char crop[MOST][64];
    const char *names[MOST + 1];
    char from[64], to[64], cut[64];
    int n = 0;
    k->down = (k->h - l->k) / l->stride + 1;
    k->across = (k->w - l->k) / l->stride + 1;
    if (too_small(k, l->k, 0))
        return;
    if (k->down * k->across > MOST) {
        k->status = imx_fail(IMX_E_ARG, "%d crops are more than an ONNX model is written for", k->down * k->across);
        return;
    }
    whole_numbers(k, "rows_columns", 2, (const int64_t[]){ 2, 3 });
    whole_numbers(k, "first", 1, (const int64_t[]){ 1 });
    for (int32_t y = 0; y < k->down; y++)
        for (int32_t x = 0; x < k->across; x++) {
            const int64_t a[2] = { (int64_t)y * l->stride, (int64_t)x * l->stride },
                          b[2] = { a[0] + l->k, a[1] + l->k };
            snprintf(from, sizeof from, "from_%d_%d", y, x);
            snprintf(to, sizeof to, "to_%d_%d", y, x);
            snprintf(cut, sizeof cut, "cut_%d_%d", y, x);
            snprintf(crop[n], sizeof crop[n], "crop_%d_%d", y, x);
            whole_numbers(k, from, 2, a);
            whole_numbers(k, to, 2, b);
            imx_onnx_node(&k->m, "Slice", NAMES(k->at, from, to, "rows_columns"), NAMES(cut), NULL);
            imx_onnx_node(&k->m, "Unsqueeze", NAMES(cut, "first"), NAMES(crop[n]), NULL);
            names[n] = crop[n];
            n++;
        }
    names[n] = NULL;
    const struct imx_onnx_attr axis[] = { { .name = "axis", .kind = IMX_ONNX_INT, .i = { 1 } }, { .name = NULL } };
    step(k, "Concat", names, axis);
    whole_numbers(k, "crops_shape", 4, (const int64_t[]){ -1, k->c, l->k, l->k });
    step(k, "Reshape", NAMES(k->at, "crops_shape"), NULL);
    k->h = k->w = l->k;
}

static void output(struct walk *k, const char *name)
{
    const int64_t shape[] = { 0, k->c, k->h, k->w };
    imx_onnx_node(&k->m, "Identity", NAMES(k->at), NAMES(name), NULL);
    imx_onnx_value(&k->m, true, name, IMX_ONNX_F32, k->flat ? 2 : 4, shape);
}

static void fold(struct walk *k)
{
    const struct imx_onnx_attr perm[] = { INTS("perm", 0, 3, 1, 2), { .name = NULL } };
    whole_numbers(k, "map_shape", 4, (const int64_t[]){ -1, k->down, k->across, k->c });
    step(k, "Reshape", NAMES(k->at, "map_shape"), NULL);
    step(k, "Transpose", NAMES(k->at), perm);
    k->h = k->down;
    k->w = k->across;
    k->folded = true;
    output(k, "conv");
}

static void linear(struct walk *k, const char *prefix, int32_t o, bool bias)
{
    char name[96], bia[96];
    const struct imx_onnx_attr attrs[] = { { .name = "transB", .kind = IMX_ONNX_INT, .i = { 1 } }, { .name = NULL } };
    const int64_t in = (int64_t)k->c * k->h * k->w;
    if (!k->flat)
        step(k, "Flatten", NAMES(k->at), NULL);
    weight(k, prefix, "weight", name, 2, (const int64_t[]){ o, in });
    if (bias)
        weight(k, prefix, "bias", bia, 1, (const int64_t[]){ o });
    step(k, "Gemm", NAMES(k->at, name, bias ? bia : NULL), attrs);
    k->c = o;
    k->h = k->w = 1;
    k->flat = true;
}

static void hidden(struct walk *k, const struct imx_layer *l)
{
    char name[64];
    snprintf(name, sizeof name, "encoder.fc%d", ++k->fcs);
    linear(k, name, l->out, l->bias);
    snprintf(name, sizeof name, "encoder.bn%d", ++k->norms);
    norm(k, name, true);
}

/* Whether the layer is the last one of its kind, whose result is the feature of that name. */
static bool last(const struct imx_layer *l, const struct walk *k)
{
    const bool map = l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK;
    for (const struct imx_layer *n = l + 1; n->kind != IMX_LAYER_END && !(k->o->to_local && l->local); n++) {
        if (map ? n->kind == IMX_LAYER_CONV || n->kind == IMX_LAYER_BLOCK || n->kind == IMX_LAYER_FOLD
                : n->kind == l->kind)
            return false;
        if (k->o->to_local && n->local)
            break;
    }
    return true;
}

static void add_layer(struct walk *k, const struct imx_layer *l)
{
    switch (l->kind) {
    case IMX_LAYER_CONV: conv_layer(k, l); break;
    case IMX_LAYER_BLOCK: block(k, l); break;
    case IMX_LAYER_UNFOLD: unfold(k, l); break;
    case IMX_LAYER_FOLD: fold(k); break;
    case IMX_LAYER_FC: hidden(k, l); break;
    case IMX_LAYER_OUT: linear(k, "encoder.out", l->out, true); break;
    case IMX_LAYER_END: break;
    }
    if ((l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK) && !k->folded && last(l, k))
        output(k, "conv");
    if (l->kind == IMX_LAYER_FC && last(l, k))
        output(k, "fc");
    if (l->kind == IMX_LAYER_OUT || l->global)
        output(k, "y");
}

/* (v / 255 - 0.5) * 2, as the image op does it. */
static void scale(struct walk *k)
{
    const struct imx_onnx_attr to[] = { { .name = "to", .kind = IMX_ONNX_INT, .i = { IMX_ONNX_F32 } },
                                        { .name = NULL } };
    imx_onnx_weight(&k->m, "of_255", IMX_ONNX_F32, 0, NULL, &(float){ 1.0f / 255.0f });
    imx_onnx_weight(&k->m, "half", IMX_ONNX_F32, 0, NULL, &(float){ 0.5f });
    imx_onnx_weight(&k->m, "two", IMX_ONNX_F32, 0, NULL, &(float){ 2.0f });
    step(k, "Cast", NAMES(k->at), to);
    step(k, "Mul", NAMES(k->at, "of_255"), NULL);
    step(k, "Sub", NAMES(k->at, "half"), NULL);
    step(k, "Mul", NAMES(k->at, "two"), NULL);
}

imx_status imx_encoder_onnx(const struct imx_encoder *e, const struct imx_safetensors *weights,
                            const struct imx_encoder_onnx *o, const char *path)
{
    struct walk k = { .e = e, .o = o, .weights = weights, .c = o->c, .h = o->h, .w = o->w, .at = "image" };
    imx_onnx_value(&k.m, false, "image", o->real ? IMX_ONNX_F32 : IMX_ONNX_U8, 4,
                   (const int64_t[]){ 0, o->c, o->h, o->w });
    if (!o->real)
        scale(&k);
    for (const struct imx_layer *l = e->layer; l->kind != IMX_LAYER_END && k.status == IMX_OK; l++) {
        add_layer(&k, l);
        if (l->local && o->to_local)
            break;
    }
    for (size_t i = 0; i < o->n_meta; i++)
        imx_onnx_meta(&k.m, o->meta[i].key, o->meta[i].value);
    if (k.status == IMX_OK)
        k.status = imx_onnx_write(&k.m, e->name, path);
    imx_onnx_finish(&k.m);
    return k.status;
}
