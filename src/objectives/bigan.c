/* Bidirectional adversarial learning (Donahue et al. 2017, Dumoulin et al. 2017; dim_method 6.5), the encoder E being
 * deterministic: a discriminator with logit d tells pairs of an image and its code from pairs of a drawn code and the
 * image that a generator G makes of it, z ~ N(0, 1); encoder and generator make it fail.
 *   discriminator: mean sp(-d(x, E(x))) + mean sp(d(G(z), z)) + penalty/2 mean |grad d(x, E(x))|^2
 *   encoder:       mean sp(d(x, E(x)))            generator:  mean sp(-d(G(z), z))
 * d: image -> convolutions 64, 128, 256 (k4 s2 p1) -> 256; code -> 64 -> 256; both -> 128 -> 1; ReLU, no batch norm.
 * The generator is the decoder of those that rebuild images (nn/decoder.h), so that G(E(x)) is the run's sheet. The
 * encoder's and generator's loss is the non-saturating one, the safer of the two that dim_method names. The gradient of
 * the penalty is by image and code together, of second order. Updates are simultaneous, as prior.c explains. */
#include "base/philox.h"
#include "objectives/adversary.h"
#include "objectives/objective.h"
#include "ops/act.h"
#include "ops/concat.h"
#include "ops/random.h"

enum { CONV1, CONV2, CONV3, IMAGE, CODE1, CODE2, JOINT_IMAGE, JOINT_CODE, LAST, WEIGHTS };
enum { KERNEL = 4, STRIDE = 2, PAD = 1, SMALLEST = 8, CONVS = 3, FIRST = 64, PART = 256, CODE = 64, JOINT = 128 };

struct judge {
    imx_tid wei[WEIGHTS], bia[WEIGHTS]; /* bia[JOINT_CODE] is none: the joint layer has one bias */
};

static imx_tid bias(struct imx_build *b, const char *name, int32_t n, int32_t fan_in)
{
    return imx_nn_vector(b, name, "bias", n, IMX_INIT_UNIFORM, fan_in, false);
}

static struct judge make(struct imx_build *b, struct imx_map image, int32_t units)
{
    static const char *const conv[CONVS] = { "bigan.conv1", "bigan.conv2", "bigan.conv3" };
    const struct imx_concat split = { JOINT, PART, PART, 0 };
    struct judge d;
    struct imx_map at = image;
    for (int i = 0; i < CONVS; i++) {
        d.wei[CONV1 + i] = imx_nn_conv_weight(b, conv[i], FIRST << i, at.c, KERNEL);
        d.bia[CONV1 + i] = bias(b, conv[i], FIRST << i, at.c * KERNEL * KERNEL);
        at = (struct imx_map){ 0, at.n, (at.h + 2 * PAD - KERNEL) / STRIDE + 1, (at.w + 2 * PAD - KERNEL) / STRIDE + 1,
                               FIRST << i };
    }
    d.wei[IMAGE] = imx_nn_linear_weight(b, at, "bigan.image", PART, IMX_INIT_UNIFORM);
    d.bia[IMAGE] = bias(b, "bigan.image", PART, at.h * at.w * at.c);
    d.wei[CODE1] = imx_nn_weight(b, "bigan.code1", "weight", CODE, units, IMX_INIT_UNIFORM);
    d.bia[CODE1] = bias(b, "bigan.code1", CODE, units);
    d.wei[CODE2] = imx_nn_weight(b, "bigan.code2", "weight", PART, CODE, IMX_INIT_UNIFORM);
    d.bia[CODE2] = bias(b, "bigan.code2", PART, CODE);
    /* One weight [128, 512] of concat(image, code), used in halves: a concatenation has no second derivative. */
    const imx_tid joint = imx_nn_weight(b, "bigan.fc1", "weight", JOINT, 2 * PART, IMX_INIT_UNIFORM);
    d.wei[JOINT_IMAGE] = imx_graph_temp(b->g, IMX_F32, JOINT * PART, "of_image");
    d.wei[JOINT_CODE] = imx_graph_temp(b->g, IMX_F32, JOINT * PART, "of_code");
    imx_graph_node(b->g, &imx_op_concat_split, &split, (imx_tid[]){ joint, d.wei[JOINT_IMAGE], d.wei[JOINT_CODE] });
    d.bia[JOINT_IMAGE] = bias(b, "bigan.fc1", JOINT, 2 * PART);
    d.bia[JOINT_CODE] = 0;
    d.wei[LAST] = imx_nn_weight(b, "bigan.fc2", "weight", 1, JOINT, IMX_INIT_UNIFORM);
    d.bia[LAST] = bias(b, "bigan.fc2", 1, JOINT);
    return d;
}

static struct imx_map layer(struct imx_build *b, const struct judge *d, struct imx_map x, int which, int32_t o)
{
    return imx_nn_act(b, imx_nn_product(b, x, d->wei[which], d->bia[which], 0, o), IMX_ACT_RELU, 0);
}

/* [n, h, w, c] -> [n, 256] */
static struct imx_map of_image(struct imx_build *b, const struct judge *d, struct imx_map at)
{
    for (int i = 0; i < CONVS; i++)
        at = imx_nn_act(
            b, imx_nn_conv_product(b, at, d->wei[CONV1 + i], d->bia[CONV1 + i], FIRST << i, KERNEL, STRIDE, PAD),
            IMX_ACT_RELU, 0);
    return layer(b, d, at, IMAGE, PART);
}

/* [n, units] -> [n, 256] */
static struct imx_map of_code(struct imx_build *b, const struct judge *d, struct imx_map code)
{
    return layer(b, d, layer(b, d, code, CODE1, CODE), CODE2, PART);
}

/* The logits [n]. */
static imx_tid together(struct imx_build *b, const struct judge *d, struct imx_map image, struct imx_map code)
{
    const imx_tid part = imx_nn_product(b, code, d->wei[JOINT_CODE], 0, 0, JOINT).t;
    const struct imx_map both = imx_nn_product(b, image, d->wei[JOINT_IMAGE], d->bia[JOINT_IMAGE], part, JOINT);
    return imx_nn_product(b, imx_nn_act(b, both, IMX_ACT_RELU, 0), d->wei[LAST], d->bia[LAST], 0, 1).t;
}

static struct imx_map detached(struct imx_graph *g, struct imx_map x)
{
    x.t = imx_graph_detach(g, x.t);
    return x;
}

/* z and what the decoder makes of it. */
static struct imx_map generated(struct imx_net *n, struct imx_map z)
{
    const struct imx_map x = n->pixels;
    const struct imx_random_problem draw = { z.n * z.c, IMX_RANDOM_NORMAL, IMX_STREAM_CODE };
    imx_graph_label(n->g, "bigan");
    imx_graph_node(n->g, &imx_op_random, &draw, (imx_tid[]){ n->ctr, z.t });
    const struct imx_decoder *d = n->spec->decoder;
    if (!d)
        d = imx_decoder_find("auto", n->spec->encoder, x.h < x.w ? x.h : x.w);
    return imx_decoder_build(&n->b, d, z, x.h, x.w, x.c);
}

static imx_tid steepness(struct imx_graph *g, imx_tid logit, struct imx_map x, struct imx_map code)
{
    return imx_adversary_steep(g, logit, x.n, 2, (imx_tid[]){ x.t, code.t }, (int32_t[]){ x.h * x.w * x.c, code.c });
}

void imx_build_bigan(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_build *b = &n->b;
    struct imx_graph *g = n->g;
    const struct imx_map x = n->pixels;
    if (imx_refuse_terms(n, mix, false))
        return;
    const struct imx_map y = imx_encoder_build(b, n->spec->encoder, x).y;
    if (g->status == IMX_OK && (x.h < SMALLEST || x.w < SMALLEST))
        g->status = imx_fail(IMX_E_ARG, "images of %dx%d are too small for bigan's discriminator: %d pixels are needed",
                             x.w, x.h, SMALLEST);
    if (g->status != IMX_OK)
        return;
    struct imx_map z = y;
    z.t = imx_graph_temp(g, IMX_F32, (int64_t)imx_map_rows(y) * y.c, "z");
    const struct imx_map made = generated(n, z);
    if (g->status != IMX_OK)
        return;
    imx_graph_label(g, "bigan");
    const struct judge d = make(b, x, y.c);
    struct judge fixed;
    const struct imx_map code = detached(g, y), image = of_image(b, &d, x), drawn = of_code(b, &d, z);
    const imx_tid real = together(b, &d, image, of_code(b, &d, code));
    const imx_tid fake = together(b, &d, of_image(b, &d, detached(g, made)), drawn);
    imx_tid rival = imx_adversary_sum(g, imx_adversary_softplus(b, real, x.n, -1), 1,
                                      imx_adversary_softplus(b, fake, x.n, 1), 1, 1);
    if (mix->penalty > 0)
        rival = imx_adversary_sum(g, rival, 1, steepness(g, real, x, code), 0.5 * mix->penalty, 1);
    imx_adversary_fix(g, WEIGHTS, d.wei, fixed.wei);
    imx_adversary_fix(g, WEIGHTS, d.bia, fixed.bia);
    /* The half of a pair that a player does not make is a constant to it. */
    const imx_tid of_encoder = together(b, &fixed, detached(g, image), of_code(b, &fixed, y));
    const imx_tid of_generator = together(b, &fixed, of_image(b, &fixed, made), detached(g, drawn));
    imx_net_term(n, "encoder", imx_adversary_softplus(b, of_encoder, x.n, 1), 1, false);
    imx_net_term(n, "generator", imx_adversary_softplus(b, of_generator, x.n, -1), 1, false);
    imx_net_term(n, "discriminator", rival, 1, true);
}
