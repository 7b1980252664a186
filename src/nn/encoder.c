/* The encoders of the paper's tables. A new one is one more row here. See encoder.h. */
#include "nn/encoder.h"

#include <stdio.h>
#include <string.h>

#include "ops/pool2d.h"

/* clang-format off */
#define LAYER(what, ...) { .kind = IMX_LAYER_##what, __VA_ARGS__ }
/* clang-format on */
#define CONV(o, side, s, p, ...)      LAYER(CONV, .out = (o), .k = (side), .stride = (s), .pad = (p), __VA_ARGS__)
#define CONV_POOL(o, side, s, p, ...) CONV(o, side, s, p, .pool_k = 3, .pool_stride = 2, __VA_ARGS__)
#define BLOCK(m, o, s, ...)           LAYER(BLOCK, .mid = (m), .out = (o), .k = 3, .stride = (s), .pad = 1, __VA_ARGS__)
#define UNFOLD(side)                  LAYER(UNFOLD, .k = (side), .stride = (side) / 2)
#define FOLD                          LAYER(FOLD, .local = true)
#define FC(o, ...)                    LAYER(FC, .out = (o), __VA_ARGS__)
#define OUT(o)                        LAYER(OUT, .out = (o))

#define LOCAL  .local = true
#define GLOBAL .global = true
#define BIAS   .bias = true
#define DROP   .dropout = 0.1f

/* The trunk of the AlexNets on 16x16 crops, which end as 1x1 (dim_method 1.8). */
#define CROPPED_ALEX(...)                                                                                              \
    UNFOLD(16), CONV_POOL(96, 3, 1, 1, __VA_ARGS__), CONV_POOL(192, 3, 1, 1, __VA_ARGS__),                             \
        CONV(384, 3, 1, 1, __VA_ARGS__), CONV(384, 3, 1, 1, __VA_ARGS__), CONV_POOL(192, 3, 1, 1, __VA_ARGS__), FOLD
/* The residual trunk: 32x32 images end as 4x4, 8x8 crops as 1x1; for whole images the local map is 8x8 of 512. */
#define RESNET19(...)                                                                                                  \
    CONV(64, 3, 2, 1), BLOCK(64, 256, 1), BLOCK(64, 256, 1), BLOCK(128, 512, 2), BLOCK(128, 512, 1, __VA_ARGS__),      \
        BLOCK(256, 1024, 2), BLOCK(256, 1024, 1)

const struct imx_encoder imx_encoders[] = {
    /* none of the paper's: for tests and first tries, a thousandth of the work of the others */
    { "tiny16", 16, 3, { CONV(16, 4, 2, 1), CONV(32, 4, 2, 1, LOCAL), FC(64), OUT(16) } },
    { "basic28", 28, 1, { CONV(64, 5, 2, 2), CONV(128, 5, 2, 2, LOCAL), FC(1024), OUT(64) } },
    { "basic32", 32, 3, { CONV(64, 4, 2, 1), CONV(128, 4, 2, 1, LOCAL), CONV(256, 4, 2, 1), FC(1024), OUT(64) } },
    { "basic64",
      64,
      3,
      { CONV(64, 4, 2, 1), CONV(128, 4, 2, 1), CONV(256, 4, 2, 1, LOCAL), CONV(512, 4, 2, 1), FC(1024), OUT(64) } },
    { "alex64",
      64,
      3,
      { CONV_POOL(96, 3, 1, 1), CONV_POOL(192, 3, 1, 1), CONV(384, 3, 1, 1, LOCAL), CONV(384, 3, 1, 1),
        CONV_POOL(192, 3, 1, 1), FC(4096), FC(4096), OUT(64) } },
    { "fold-alex64",
      64,
      3,
      { CROPPED_ALEX(BIAS), CONV(384, 3, 2, 0, DROP), FC(4096, BIAS, DROP), OUT(64) },
      .normal = true },
    { "fold-multi-alex64", 64, 3, { CROPPED_ALEX(), CONV(192, 3, 1, 0), CONV(192, 1, 1, 0, GLOBAL) } },
    { "resnet19", 32, 3, { RESNET19(LOCAL), FC(1024), OUT(64) } },
    { "fold-resnet19", 32, 3, { UNFOLD(8), RESNET19(), FOLD, FC(1024), OUT(64) } },
    /* none of the paper's: the head of fold-multi-alex64 on the residual trunk */
    { "fold-multi-resnet19", 32, 3, { UNFOLD(8), RESNET19(), FOLD, CONV(192, 3, 1, 0), CONV(192, 1, 1, 0, GLOBAL) } },
    /* none of the paper's: basic32's layers on crops, an eighth of fold-resnet19's work */
    { "fold-basic32",
      32,
      3,
      { UNFOLD(8), CONV(64, 4, 2, 1), CONV(128, 4, 2, 1), CONV(256, 2, 1, 0), FOLD, FC(1024), OUT(64) } },
    { 0 },
};

const struct imx_encoder *imx_encoder_find(const char *name)
{
    char names[256] = "";
    for (const struct imx_encoder *e = imx_encoders; e->name; e++) {
        if (!strcmp(e->name, name))
            return e;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? ", " : "", e->name);
    }
    imx_fail(IMX_E_ARG, "no encoder \"%s\"; there are %s", name, names);
    return NULL;
}

imx_status imx_encoder_range(struct imx_graph *g, imx_tid mean, imx_tid invstd, int32_t c)
{
    float half[16], two[16];
    for (int i = 0; i < c && i < 16; i++) {
        half[i] = 0.5f;
        two[i] = 2.0f;
    }
    IMX_TRY(imx_graph_upload(g, mean, half));
    return imx_graph_upload(g, invstd, two);
}

int32_t imx_encoder_field(const struct imx_encoder *e)
{
    int32_t field = 1, jump = 1;
    for (const struct imx_layer *l = e->layer;
         l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK || l->kind == IMX_LAYER_UNFOLD; l++) {
        if (l->kind == IMX_LAYER_UNFOLD)
            return l->k;
        field += (l->k - 1) * jump; /* of a block, too: its other convolutions are 1x1 */
        jump *= l->stride;
        if (l->pool_k) {
            field += (l->pool_k - 1) * jump;
            jump *= l->pool_stride;
        }
        if (l->local)
            break;
    }
    return field;
}

int32_t imx_encoder_jump(const struct imx_encoder *e)
{
    int32_t jump = 1;
    for (const struct imx_layer *l = e->layer;
         l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK || l->kind == IMX_LAYER_UNFOLD; l++) {
        if (l->kind == IMX_LAYER_UNFOLD)
            return l->stride;
        jump *= l->stride * (l->pool_k ? l->pool_stride : 1);
        if (l->local)
            break;
    }
    return jump;
}

const char *const imx_feature_names[IMX_FEATURE_COUNT] = { "conv", "fc", "y" };

/* The encoder under construction. */
struct state {
    struct imx_build *b;
    const struct imx_encoder *e;
    const char *prefix;            /* of the parameters' names */
    struct imx_map at;             /* output of the layer before */
    struct imx_map whole;          /* unfolded: n, and h, w = crops a side; n = 0: not unfolded */
    bool folded;                   /* there were crops: the layer that is probed as "conv" is behind us */
    int convs, blocks, fcs, norms; /* so far, for names */
    struct imx_encoded out;
};

/* The first mistake sticks. */
static void refuse(struct state *s, imx_status error)
{
    if (s->b->g->status == IMX_OK)
        s->b->g->status = error;
}

static bool too_small(struct state *s, int32_t k, int32_t pad, const char *what)
{
    if (s->at.h + 2 * pad >= k && s->at.w + 2 * pad >= k)
        return false;
    refuse(s, imx_fail(IMX_E_ARG, "the images are too small for encoder %s: a %dx%d map meets a %dx%d %s", s->e->name,
                       s->at.h, s->at.w, k, k, what));
    return true;
}

static void conv(struct state *s, const struct imx_layer *l)
{
    char name[64];
    if (too_small(s, l->k, l->pad, "kernel"))
        return;
    snprintf(name, sizeof name, "%s.conv%d", s->prefix, ++s->convs);
    s->at = imx_nn_conv(s->b, s->at, name, l->out, l->k, l->stride, l->pad, l->bias);
    s->at = imx_nn_dropout(s->b, s->at, l->dropout);
    snprintf(name, sizeof name, "%s.bn%d", s->prefix, ++s->norms);
    s->at = imx_nn_batchnorm(s->b, s->at, name, true);
    if (l->pool_k && !too_small(s, l->pool_k, 0, "pooling window"))
        s->at = imx_nn_pool(s->b, s->at, IMX_POOL_MAX, l->pool_k, l->pool_stride, 0);
}

/* A convolution without bias and its batch norm, both named within the block. */
static struct imx_map conv_bn(struct state *s, struct imx_map x, const char *conv_name, const char *bn_name, int32_t o,
                              int32_t k, int32_t stride, int32_t pad, bool relu)
{
    char name[64];
    snprintf(name, sizeof name, "%s.block%d.%s", s->prefix, s->blocks, conv_name);
    x = imx_nn_conv(s->b, x, name, o, k, stride, pad, false);
    snprintf(name, sizeof name, "%s.block%d.%s", s->prefix, s->blocks, bn_name);
    return imx_nn_batchnorm(s->b, x, name, relu);
}

static void block(struct state *s, const struct imx_layer *l)
{
    const struct imx_map in = s->at;
    s->blocks++;
    if (too_small(s, l->k, l->pad, "kernel"))
        return;
    struct imx_map x = conv_bn(s, in, "conv1", "bn1", l->mid, 1, 1, 0, true);
    x = conv_bn(s, x, "conv2", "bn2", l->mid, l->k, l->stride, l->pad, true);
    x = conv_bn(s, x, "conv3", "bn3", l->out, 1, 1, 0, false);
    const bool same = in.c == x.c && in.h == x.h && in.w == x.w;
    const struct imx_map way = same ? in : conv_bn(s, in, "shortcut", "shortcut_bn", l->out, 1, l->stride, 0, false);
    imx_graph_label(s->b->g, "%s.block%d", s->prefix, s->blocks);
    s->at = imx_nn_add_relu(s->b, x, way);
}

static void unfold(struct state *s, const struct imx_layer *l)
{
    const struct imx_map in = s->at;
    if (in.h < l->k || in.w < l->k || (in.h - l->k) % l->stride || (in.w - l->k) % l->stride) {
        refuse(s, imx_fail(IMX_E_ARG,
                           "encoder %s cuts images into crops of %d pixels, %d apart: their sides must be multiples of "
                           "%d from %d on, not %dx%d",
                           s->e->name, l->k, l->stride, l->stride, l->k, in.w, in.h));
        return;
    }
    imx_graph_label(s->b->g, "%s.unfold", s->prefix);
    s->at = imx_nn_unfold(s->b, in, l->k, l->stride);
    s->whole = (struct imx_map){ 0, in.n, (in.h - l->k) / l->stride + 1, (in.w - l->k) / l->stride + 1, 0 };
}

/* The crops lie as the pixels of the map do, so nothing moves. */
static void fold(struct state *s)
{
    if (s->at.h != 1 || s->at.w != 1) {
        refuse(s,
               imx_fail(IMX_E_INTERNAL, "the crops of encoder %s end as %dx%d, not 1x1", s->e->name, s->at.h, s->at.w));
        return;
    }
    s->at = (struct imx_map){ s->at.t, s->whole.n, s->whole.h, s->whole.w, s->at.c };
    s->out.conv = s->at;
    s->folded = true;
}

static void hidden(struct state *s, const struct imx_layer *l)
{
    char name[64];
    snprintf(name, sizeof name, "%s.fc%d", s->prefix, ++s->fcs);
    s->at = imx_nn_linear(s->b, s->at, name, l->out, l->bias);
    s->at = imx_nn_dropout(s->b, s->at, l->dropout);
    snprintf(name, sizeof name, "%s.bn%d", s->prefix, ++s->norms);
    s->at = imx_nn_batchnorm(s->b, s->at, name, true);
    s->out.fc = s->at;
}

static void output(struct state *s, int32_t units)
{
    char name[64];
    snprintf(name, sizeof name, "%s.out", s->prefix);
    s->out.y = s->at = imx_nn_linear(s->b, s->at, name, units, true);
}

static void add_layer(struct state *s, const struct imx_layer *l)
{
    switch (l->kind) {
    case IMX_LAYER_CONV: conv(s, l); break;
    case IMX_LAYER_BLOCK: block(s, l); break;
    case IMX_LAYER_UNFOLD: unfold(s, l); break;
    case IMX_LAYER_FOLD: fold(s); break;
    case IMX_LAYER_FC: hidden(s, l); break;
    case IMX_LAYER_OUT: output(s, l->out); break;
    case IMX_LAYER_END: break;
    }
    if ((l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK) && !s->folded)
        s->out.conv = s->at;
    if (l->local)
        s->out.local = s->at;
    if (l->global)
        s->out.y = s->at;
}

/* The layers from `first` on that come before `end`; NULL: all. */
static void add_layers(struct state *s, const struct imx_layer *first, const struct imx_layer *end)
{
    const bool normal = s->b->normal;
    s->b->normal = s->e->normal;
    for (const struct imx_layer *l = first; l != end && l->kind != IMX_LAYER_END && s->b->g->status == IMX_OK; l++)
        add_layer(s, l);
    s->b->normal = normal;
}

/* Up to and with `last`; NULL: the whole. */
static struct imx_encoded build(struct imx_build *b, const struct imx_encoder *e, struct imx_map image,
                                const struct imx_layer *last)
{
    struct state s = { .b = b, .e = e, .prefix = "encoder", .at = image };
    add_layers(&s, e->layer, last ? last + 1 : NULL);
    return s.out;
}

struct imx_encoded imx_encoder_build(struct imx_build *b, const struct imx_encoder *e, struct imx_map image)
{
    return build(b, e, image, NULL);
}

static const struct imx_layer *local_layer(const struct imx_encoder *e)
{
    const struct imx_layer *l = e->layer;
    while (l->kind != IMX_LAYER_END && !l->local)
        l++;
    return l;
}

struct imx_map imx_encoder_build_local(struct imx_build *b, const struct imx_encoder *e, struct imx_map image)
{
    return build(b, e, image, local_layer(e)).local;
}

struct imx_map imx_encoder_build_upper(struct imx_build *b, const struct imx_encoder *e, struct imx_map local,
                                       const char *prefix, int32_t units)
{
    struct state s = { .b = b, .e = e, .prefix = prefix, .at = local };
    const struct imx_layer *first = local_layer(e), *end;
    first += first->kind == IMX_LAYER_FOLD; /* the crops are one map already */
    for (end = first; end->kind != IMX_LAYER_END && end->kind != IMX_LAYER_OUT; end++)
        ;
    add_layers(&s, first, end);
    if (b->g->status == IMX_OK)
        output(&s, units);
    return s.out.y;
}

/* The layer whose output is the feature: the last that add_layer would take for it. NULL: none. */
static const struct imx_layer *layer_of(const struct imx_encoder *e, enum imx_feature f)
{
    const struct imx_layer *last = NULL;
    bool folded = false;
    for (const struct imx_layer *l = e->layer; l->kind != IMX_LAYER_END; l++) {
        const bool conv = !folded && (l->kind == IMX_LAYER_CONV || l->kind == IMX_LAYER_BLOCK);
        folded |= l->kind == IMX_LAYER_FOLD;
        if (f == IMX_FEATURE_CONV ? conv || l->kind == IMX_LAYER_FOLD
            : f == IMX_FEATURE_FC ? l->kind == IMX_LAYER_FC
                                  : l->kind == IMX_LAYER_OUT || l->global)
            last = l;
    }
    return last;
}

struct imx_map imx_encoded_feature(const struct imx_encoded *e, enum imx_feature f)
{
    return f == IMX_FEATURE_CONV ? e->conv : f == IMX_FEATURE_FC ? e->fc : e->y;
}

imx_status imx_encoder_lacks(const char *encoder, enum imx_feature f)
{
    return imx_fail(IMX_E_ARG, "encoder %s has no layer \"%s\"", encoder, imx_feature_names[f]);
}

struct imx_map imx_encoder_build_to(struct imx_build *b, const struct imx_encoder *e, struct imx_map image,
                                    enum imx_feature f)
{
    const struct imx_layer *last = layer_of(e, f);
    if (!last) {
        if (b->g->status == IMX_OK)
            b->g->status = imx_encoder_lacks(e->name, f);
        return (struct imx_map){ 0 };
    }
    const struct imx_encoded out = build(b, e, image, last);
    return imx_encoded_feature(&out, f);
}
