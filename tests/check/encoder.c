/* Encoders: parameter counts and shapes of the published tables, worked out by hand; what a local vector can see; what
 * happens to images that do not fit; how weights are drawn. */
#include "nn/encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "nn/critic_net.h"
#include "shared.h"

/* An encoder in evaluation mode whose input is uploaded. */
struct net {
    struct imx_store *store;
    struct imx_graph *g;
    struct imx_map image;
    struct imx_encoded out;
};

static void net_close(struct net *n)
{
    imx_graph_destroy(n->g);
    imx_store_destroy(n->store);
    *n = (struct net){ 0 };
}

/* Up to the nodes; the graph's status says whether the images fit. */
static void net_build(struct imx_dev *dev, const struct imx_encoder *e, int32_t n, int32_t h, int32_t w,
                      struct net *out)
{
    *out = (struct net){ 0 };
    if (imx_store_create(dev, false, &out->store) != IMX_OK || imx_graph_create(dev, out->store, &out->g) != IMX_OK)
        abort();
    struct imx_build b = { .g = out->g };
    out->image = (struct imx_map){ imx_graph_keep(out->g, IMX_F32, (int64_t)n * h * w * e->channels, "image"), n, h, w,
                                   e->channels };
    out->out = imx_encoder_build(&b, e, out->image);
}

/* ---- counts ---- */

/* A convolution k x k from i to o channels and the two vectors of its batch norm. */
#define CONV_BN(i, o, k) ((i) * (o) * (k) * (k) + 2 * (o))
/* A bottleneck from i channels over m to o; the one with a shortcut. */
#define BOTTLENECK(i, m, o)          (CONV_BN(i, m, 1) + CONV_BN(m, m, 3) + CONV_BN(m, o, 1))
#define BOTTLENECK_SHORTCUT(i, m, o) (BOTTLENECK(i, m, o) + CONV_BN(i, o, 1))
/* By the tables of dim_method 1.8. The trunk of the AlexNets is 2,784 + 166,272 + 664,320 + 1,327,872 + 663,936 =
 * 2,825,184, with biases of 96 + 192 + 384 + 384 + 192 = 1,248 more; the residual one is 1,856 + 75,008 + 70,400 +
 * 379,392 + 280,064 + 1,512,448 + 1,117,184 = 3,436,352. */
#define ALEX_TRUNK                                                                                                     \
    (CONV_BN(3, 96, 3) + CONV_BN(96, 192, 3) + CONV_BN(192, 384, 3) + CONV_BN(384, 384, 3) + CONV_BN(384, 192, 3))
#define RES_TRUNK                                                                                                      \
    (CONV_BN(3, 64, 3) + BOTTLENECK_SHORTCUT(64, 64, 256) + BOTTLENECK(256, 64, 256) +                                 \
     BOTTLENECK_SHORTCUT(256, 128, 512) + BOTTLENECK(512, 128, 512) + BOTTLENECK_SHORTCUT(512, 256, 1024) +            \
     BOTTLENECK(1024, 256, 1024))

static const struct {
    const char *name;
    int64_t count;
    int32_t locals, channels; /* P and the width of a local vector */
    int32_t globals, units;   /* Q and the width of a global one */
    int32_t conv, fc;         /* values of the probed layers */
} table[] = {
    /* the counts of dim_method 1.3 to 1.6 */
    { "basic28", 6696960, 49, 128, 1, 64, 6272, 1024 },
    { "basic32", 4921280, 64, 128, 1, 64, 4096, 1024 },
    { "basic64", 11213760, 64, 256, 1, 64, 8192, 1024 },
    { "alex64", 58416160, 225, 384, 1, 64, 9408, 4096 },
    /* trunk and its biases; 663,552 + 768; 3,456 * 4,096 + 4,096 + 8,192; 4,096 * 64 + 64 */
    { "fold-alex64", 2825184 + 1248 + 664320 + 14168064 + 262208, 49, 192, 1, 64, 9408, 4096 },
    /* trunk; 331,776 + 384; 36,864 + 384 */
    { "fold-multi-alex64", 2825184 + 332160 + 37248, 49, 192, 25, 192, 9408, 0 },
    /* trunk; 16,384 * 1,024 + 2,048; 1,024 * 64 + 64 */
    { "resnet19", 3436352 + 16779264 + 65600, 64, 512, 1, 64, 16384, 1024 },
    /* trunk; 50,176 * 1,024 + 2,048; 1,024 * 64 + 64 */
    { "fold-resnet19", 3436352 + 51382272 + 65600, 49, 1024, 1, 64, 50176, 1024 },
    /* trunk; 1,024 * 192 * 9 + 384; 36,864 + 384 */
    { "fold-multi-resnet19", 3436352 + 1769856 + 37248, 49, 1024, 25, 192, 50176, 0 },
    /* 3,072 + 128; 131,072 + 256; 131,072 + 512; 12,544 * 1,024 + 2,048; 1,024 * 64 + 64 */
    { "fold-basic32", 3200 + 131328 + 131584 + 12847104 + 65600, 49, 256, 1, 64, 12544, 1024 },
};

static int32_t values(struct imx_map m)
{
    return m.t ? m.h * m.w * m.c : 0;
}

static void check_counts(struct imx_dev *host)
{
    tap_ok(ALEX_TRUNK == 2825184 && RES_TRUNK == 3436352, "the trunks by their tables and as added up by hand");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct imx_encoder *e = imx_encoder_find(table[i].name);
        struct net n;
        if (!tap_ok(e != NULL, "%s exists", table[i].name))
            continue;
        net_build(host, e, 2, e->size, e->size, &n);
        const int64_t got = imx_store_count(n.store, "encoder.");
        const struct imx_encoded *o = &n.out;
        tap_ok(n.g->status == IMX_OK && got == table[i].count, "%s has %lld parameters, the tables say %lld",
               table[i].name, (long long)got, (long long)table[i].count);
        tap_ok(o->local.n == 2 && o->local.h * o->local.w == table[i].locals && o->local.c == table[i].channels &&
                   o->y.n == 2 && imx_encoded_globals(o) == table[i].globals && o->y.c == table[i].units &&
                   values(o->conv) == table[i].conv && values(o->fc) == table[i].fc,
               "%s: %d locals of %d, %d globals of %d, conv %d, fc %d", table[i].name, o->local.h * o->local.w,
               o->local.c, imx_encoded_globals(o), o->y.c, values(o->conv), values(o->fc));
        net_close(&n);
    }
}

/* dim_method 2.1, for the locals of the CIFAR and of the larger encoders; a map of globals changes nothing. */
static void check_critics(struct imx_dev *host)
{
    static const struct {
        int form;
        int32_t c, global, q;
        int64_t local_count, global_count;
    } want[] = {
        { IMX_CRITIC_ENCODE_DOT, 128, 64, 1, 4728832, 4466688 },
        { IMX_CRITIC_ENCODE_DOT, 384, 64, 1, 5777408, 4466688 },
        /* of the two vectors of the local layer norm, bilinear has none */
        { IMX_CRITIC_BILINEAR, 128, 64, 1, 4728832 - 2 * 2048, 4466688 },
        { IMX_CRITIC_BILINEAR, 384, 384, 5, 5777408 - 2 * 2048, 5777408 },
        /* on the global side a bias more, a layer norm less */
        { IMX_CRITIC_ENCODE_DOT_2019, 128, 64, 1, 4728832, 4466688 + 2048 - 2 * 2048 },
        /* a bias in place of batch norm's two vectors, and on the global side no layer norm */
        { IMX_CRITIC_ENCODE_DOT_APPENDIX, 128, 64, 1, 4728832 - 2048, 4466688 - 2048 - 2 * 2048 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct imx_store *s = NULL;
        struct imx_graph *g = NULL;
        if (imx_store_create(host, false, &s) != IMX_OK || imx_graph_create(host, s, &g) != IMX_OK)
            abort();
        struct imx_build b = { .g = g, .training = true };
        const struct imx_critic_spec spec = { .form = &imx_critics[want[i].form],
                                              .units = 2048,
                                              .estimator = IMX_EST_INFONCE };
        const struct imx_map local = { imx_graph_temp(g, IMX_F32, 2 * 9 * want[i].c, "local"), 2, 3, 3, want[i].c };
        const int32_t q = want[i].q;
        const struct imx_map global = { imx_graph_temp(g, IMX_F32, 2 * q * q * want[i].global, "global"), 2, q, q,
                                        want[i].global };
        imx_critic_build(&b, &spec, local, global);
        tap_ok(g->status == IMX_OK && imx_store_count(s, "local.") == want[i].local_count &&
                   imx_store_count(s, "global.") == want[i].global_count,
               "%s, locals of %d: heads of %lld and %lld parameters", spec.form->name, want[i].c,
               (long long)imx_store_count(s, "local."), (long long)imx_store_count(s, "global."));
        imx_graph_destroy(g);
        imx_store_destroy(s);
    }
}

/* The copy of the upper layers that carries a map on to 2048 units (2.3). */
static void check_upper(struct imx_dev *host)
{
    static const struct {
        const char *encoder;
        int32_t side, c;
        int64_t count;
    } want[] = {
        /* 128 * 128 * 16 + 256; 128 * 256 * 16 + 512; 1,024 * 1,024 + 2,048; 1,024 * 2,048 + 2,048: each layer from the
         * local one on halves the map */
        { "basic32", 8, 128, 262400 + 524800 + 1050624 + 2099200 },
        /* 7x7x256: 12,544 * 1,024 + 2,048; the linear map */
        { "fold-basic32", 7, 256, 12847104 + 2099200 },
        /* 192 * 192 * 9 + 384; 192 * 192 + 384; 5 * 5 * 192 * 2,048 + 2,048 */
        { "fold-multi-alex64", 7, 192, 332160 + 37248 + 9832448 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct imx_store *s = NULL;
        struct imx_graph *g = NULL;
        if (imx_store_create(host, false, &s) != IMX_OK || imx_graph_create(host, s, &g) != IMX_OK)
            abort();
        struct imx_build b = { .g = g, .training = true };
        const int32_t side = want[i].side, c = want[i].c;
        const struct imx_map local = { imx_graph_temp(g, IMX_F32, 2 * side * side * c, "local"), 2, side, side, c };
        const struct imx_map out =
            imx_encoder_build_upper(&b, imx_encoder_find(want[i].encoder), local, "whole.local", 2048);
        const int64_t got = imx_store_count(s, "whole.local.");
        tap_ok(g->status == IMX_OK && out.n == 2 && out.h * out.w == 1 && out.c == 2048 && got == want[i].count &&
                   !imx_store_count(s, "encoder."),
               "%s: the copy of its upper layers has %lld parameters", want[i].encoder, (long long)got);
        imx_graph_destroy(g);
        imx_store_destroy(s);
    }
}

/* ---- what a local vector sees ---- */

enum { IMAGES = 4 };

static float noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

/* Whether row and column lie in [from, from + side) of both. */
static bool inside(int y, int x, int from_y, int from_x, int side)
{
    return y >= from_y && y < from_y + side && x >= from_x && x < from_x + side;
}

/* Local (y, x) of four images: one; the same with other pixels outside the square; with another first pixel of the
 * square; with another last one. */
static void check_sight(struct imx_dev *dev, const char *where, const struct imx_encoder *e, int y, int x, int from_y,
                        int from_x, int side)
{
    struct net n;
    const int32_t size = e->size, c = e->channels, area = size * size;
    net_build(dev, e, IMAGES, size, size, &n);
    imx_graph_output(n.g, n.out.local.t);
    const int64_t width = n.out.local.c, place = (int64_t)y * n.out.local.w + x;
    const int64_t locals = (int64_t)n.out.local.h * n.out.local.w;
    float *pix = malloc(sizeof *pix * (size_t)(IMAGES * area * c));
    float *map = malloc(sizeof *map * (size_t)(IMAGES * locals * width));
    uint32_t state = 5;
    if (!pix || !map)
        abort();
    for (int i = 0; i < area * c; i++)
        pix[i] = noise(&state);
    for (int k = 1; k < IMAGES; k++)
        memcpy(pix + k * area * c, pix, sizeof *pix * (size_t)(area * c));
    for (int i = 0; i < area; i++)
        for (int k = 0; k < c && !inside(i / size, i % size, from_y, from_x, side); k++)
            pix[(area + i) * c + k] = noise(&state);
    pix[(2 * area + from_y * size + from_x) * c] += 1.5f;
    pix[(3 * area + (from_y + side - 1) * size + from_x + side - 1) * c] += 1.5f;
    imx_status status = imx_graph_plan(n.g, 0);
    if (status == IMX_OK)
        status = imx_store_init(n.store, 2);
    if (status == IMX_OK)
        status = imx_graph_upload(n.g, n.image.t, pix);
    if (status == IMX_OK)
        status = imx_graph_run(n.g);
    if (status == IMX_OK)
        status = imx_graph_download(n.g, n.out.local.t, map);
    double off[IMAGES] = { 0 }, size_of = 0;
    for (int k = 0; k < IMAGES && status == IMX_OK; k++)
        for (int64_t i = 0; i < width; i++) {
            const double was = (double)map[place * width + i], is = (double)map[(k * locals + place) * width + i];
            off[k] += fabs(is - was);
            size_of += k ? 0 : fabs(was);
        }
    /* A device may add up in another order where rows fall otherwise into its tiles. */
    const double same = strcmp(where, "host") ? 1e-5 * size_of : 0;
    tap_ok(status == IMX_OK && size_of > 0 && off[1] <= same && off[2] > 1e-4 * size_of && off[3] > 1e-4 * size_of,
           "%s: %s: local (%d, %d) sees %dx%d pixels from (%d, %d) and no other: moves by %.2g, %.2g, %.2g of %.2g",
           where, e->name, y, x, side, side, from_y, from_x, off[1], off[2], off[3], size_of);
    free(pix);
    free(map);
    net_close(&n);
}

/* Pooling, a residual block with and without shortcut, crops that end as 1x1. */
static const struct imx_encoder small = {
    "small crops",
    16,
    3,
    { { .kind = IMX_LAYER_UNFOLD, .k = 8, .stride = 4 },
      { .kind = IMX_LAYER_CONV, .out = 12, .k = 3, .stride = 1, .pad = 1, .pool_k = 3, .pool_stride = 2 },
      { .kind = IMX_LAYER_BLOCK, .mid = 6, .out = 16, .k = 3, .stride = 2, .pad = 1 },
      { .kind = IMX_LAYER_BLOCK, .mid = 6, .out = 16, .k = 3, .stride = 2, .pad = 1 },
      { .kind = IMX_LAYER_BLOCK, .mid = 6, .out = 16, .k = 3, .stride = 1, .pad = 1 },
      { .kind = IMX_LAYER_FOLD, .local = true },
      { .kind = IMX_LAYER_CONV, .out = 10, .k = 3, .stride = 1, .pad = 0, .global = true } },
};

/* dim_method 1.3 to 1.8: what an occlusion must leave open. */
static void check_fields(void)
{
    static const struct {
        const char *name;
        int32_t field;
    } want[] = { { "basic28", 13 },     { "basic32", 10 },           { "basic64", 22 },  { "alex64", 21 },
                 { "fold-alex64", 16 }, { "fold-multi-alex64", 16 }, { "resnet19", 23 }, { "fold-resnet19", 8 } };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        tap_ok(imx_encoder_field(imx_encoder_find(want[i].name)) == want[i].field, "%s: locals see %d pixels a side",
               want[i].name, imx_encoder_field(imx_encoder_find(want[i].name)));
}

static void sights(struct imx_dev *dev, const char *where)
{
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            check_sight(dev, where, &small, y, x, 4 * y, 4 * x, 8);
    /* two convolutions k4 s2 p1: 10 pixels, 4 apart, the first of which would begin at -3 */
    check_sight(dev, where, imx_encoder_find("basic32"), 3, 4, 9, 13, 10);
    if (strcmp(where, "host")) { /* the reference takes seconds */
        check_sight(dev, where, imx_encoder_find("fold-multi-alex64"), 2, 5, 16, 40, 16);
        check_sight(dev, where, imx_encoder_find("fold-multi-resnet19"), 6, 1, 24, 4, 8);
        check_sight(dev, where, imx_encoder_find("fold-basic32"), 2, 6, 8, 24, 8);
    }
}

/* ---- images that do not fit ---- */

static void check_refusal(struct imx_dev *host, const char *name, int32_t h, int32_t w, const char *word)
{
    struct net n;
    net_build(host, imx_encoder_find(name), 2, h, w, &n);
    const bool fits = !word;
    tap_ok(fits ? n.g->status == IMX_OK : n.g->status == IMX_E_ARG && strstr(imx_error_text(), word),
           "%s and images of %dx%d: %s", name, w, h, fits ? "fit" : imx_error_text());
    net_close(&n);
}

static void check_sizes(struct imx_dev *host)
{
    struct net n;
    check_refusal(host, "fold-alex64", 70, 64, "multiples of 8 from 16 on, not 64x70");
    check_refusal(host, "fold-resnet19", 4, 32, "multiples of 4 from 8 on");
    check_refusal(host, "fold-multi-alex64", 16, 16, "a 1x1 map meets a 3x3 kernel");
    check_refusal(host, "alex64", 6, 6, "pooling window");
    check_refusal(host, "fold-multi-resnet19", 24, 40, NULL);
    check_refusal(host, "resnet19", 30, 30, NULL);
    net_build(host, imx_encoder_find("fold-multi-alex64"), 3, 96, 48, &n);
    tap_ok(n.g->status == IMX_OK && n.out.local.h == 11 && n.out.local.w == 5 && n.out.y.h == 9 && n.out.y.w == 3,
           "fold-multi-alex64 makes 11x5 locals and 9x3 globals of 96x48 pixels");
    net_close(&n);
    tap_ok(!imx_encoder_find("fold") && strstr(imx_error_text(), "fold-basic32"),
           "an unknown encoder: the error names those that exist, up to the last");
}

/* ---- how weights are drawn ---- */

struct moments {
    double mean, deviation, min, max;
};

static struct moments moments_of(struct net *n, const char *name)
{
    const int i = imx_store_find(n->store, name);
    struct moments m = { 0, 0, HUGE_VAL, -HUGE_VAL };
    if (i < 0)
        return m;
    const int64_t count = n->store->param[i].count;
    float *v = malloc(sizeof *v * (size_t)count);
    if (!v || imx_store_get(n->store, i, IMX_ARENA_PARAM, v) != IMX_OK)
        abort();
    for (int64_t k = 0; k < count; k++) {
        m.mean += (double)v[k] / (double)count;
        m.min = fmin(m.min, (double)v[k]);
        m.max = fmax(m.max, (double)v[k]);
    }
    for (int64_t k = 0; k < count; k++)
        m.deviation += ((double)v[k] - m.mean) * ((double)v[k] - m.mean) / (double)count;
    m.deviation = sqrt(m.deviation);
    free(v);
    return m;
}

/* dim_method 1.2. The bounds are six standard errors of what is drawn. */
static void check_draws(struct imx_dev *host)
{
    struct imx_encoder few = *imx_encoder_find("fold-alex64");
    struct net n;
    for (struct imx_layer *l = few.layer; l->kind != IMX_LAYER_END; l++)
        if (l->kind == IMX_LAYER_FC)
            l->out = 64;
    net_build(host, &few, 2, 64, 64, &n);
    if (imx_store_commit(n.store) != IMX_OK || imx_store_init(n.store, 4) != IMX_OK)
        abort();
    struct moments m = moments_of(&n, "encoder.conv4.weight");
    tap_ok(fabs(m.mean) < 6 * 0.02 / 1152 && fabs(m.deviation - 0.02) < 6 * 0.02 / 1629 && m.max > 0.08,
           "fold-alex64: weights from N(0, 0.02): mean %.2g, deviation %.5f, most %.3f", m.mean, m.deviation, m.max);
    m = moments_of(&n, "encoder.conv2.bias");
    tap_ok(m.max < 1 / sqrt(96 * 9) && m.deviation > 0.5 / sqrt(3 * 96 * 9), "and biases from +-1/sqrt(fan-in)");
    m = moments_of(&n, "encoder.bn1.weight");
    tap_ok(m.min == 1 && m.max == 1, "batch norm's factors are 1");
    n.store->uniform_gamma = true;
    if (imx_store_init(n.store, 4) != IMX_OK)
        abort();
    m = moments_of(&n, "encoder.bn3.weight");
    tap_ok(m.min >= 0 && m.max < 1 && fabs(m.mean - 0.5) < 6 * 0.289 / sqrt(384) && m.max - m.min > 0.9,
           "or drawn from [0, 1): %.3f to %.3f, mean %.3f", m.min, m.max, m.mean);
    m = moments_of(&n, "encoder.bn3.running_var");
    tap_ok(m.min == 1 && m.max == 1, "and its statistics begin with 1 as ever");
    net_close(&n);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    check_counts(host);
    check_critics(host);
    check_upper(host);
    check_sizes(host);
    check_draws(host);
    check_fields();
    imx_dev_close(host);
    on_devices(sights);
    return tap_done();
}
