/* The table of critics, and what surrounds each: checks, draws of locals and globals. See critic_net.h. */
#include "nn/critic_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/philox.h"
#include "ops/critic.h"
#include "ops/gather.h"
#include "ops/random.h"

/* The layers of the heads of dim_method 2.1. */
#define IN                                                                                                             \
    {                                                                                                                  \
        .name = "in", .norm = IMX_NORM_BATCH, .relu = true                                                             \
    }
#define HIDDEN(norm_behind, ...)                                                                                       \
    {                                                                                                                  \
        .name = "hidden", .bias = true, .shortcut = true, .norm = (norm_behind), __VA_ARGS__                           \
    }
#define APPENDIX_IN                                                                                                    \
    {                                                                                                                  \
        .name = "in", .bias = true, .relu = true                                                                       \
    }
#define COPY_CAN (IMX_CRITIC_ALL_PAIRS | IMX_CRITIC_WHOLE | IMX_CRITIC_GLOBALS | IMX_CRITIC_EMBEDS)
#define DOT_CAN  (COPY_CAN | IMX_CRITIC_PLACE)

const struct imx_critic_form imx_critics[] = {
    [IMX_CRITIC_ENCODE_DOT] = { "encode-dot", "as in the authors' program", 2048, IMX_EST_INFONCE, DOT_CAN, false,
                                imx_critic_dot, .local = { IN, HIDDEN(IMX_NORM_LAYER) },
                                .global = { IN, HIDDEN(IMX_NORM_LAYER) } },
    [IMX_CRITIC_BILINEAR] = { "bilinear", "no layer norm on the local side, a sixth of the work", 2048, IMX_EST_INFONCE,
                              DOT_CAN, true, imx_critic_dot, .local = { IN, HIDDEN(IMX_NORM_NONE) },
                              .global = { IN, HIDDEN(IMX_NORM_LAYER) } },
    [IMX_CRITIC_CONCAT] = { "concat", "a small network over pairs, one negative each", 512, IMX_EST_JSD,
                            IMX_CRITIC_WHOLE | IMX_CRITIC_PLACE, false, imx_critic_concat,
                            .pair = { { "fc1", .bias = true, .relu = true },
                                      { "fc2", .bias = true, .relu = true },
                                      { "fc3", 1, .bias = true } } },
    [IMX_CRITIC_ENCODE_COPY] = { "encode-copy", "for the global term, with the encoder's upper layers anew", 2048,
                                 IMX_EST_JSD, COPY_CAN, false, imx_critic_dot, .copies = true,
                                 .global = { { "out", .bias = true } } },
    [IMX_CRITIC_ENCODE_DOT_2019] = { "encode-dot-2019", "no layer norm on the global side", 2048, IMX_EST_INFONCE,
                                     DOT_CAN, false, imx_critic_dot, .local = { IN, HIDDEN(IMX_NORM_LAYER) },
                                     .global = { IN, HIDDEN(IMX_NORM_NONE, .shortcut_bias = true) } },
    [IMX_CRITIC_ENCODE_DOT_APPENDIX] = { "encode-dot-appendix", "no batch norm, a ReLU on the shortcut", 2048,
                                         IMX_EST_INFONCE, DOT_CAN, false, imx_critic_dot,
                                         .local = { APPENDIX_IN, HIDDEN(IMX_NORM_LAYER, .shortcut_relu = true) },
                                         .global = { APPENDIX_IN, HIDDEN(IMX_NORM_NONE, .shortcut_relu = true) } },
    { 0 },
};

const char *imx_critics_that(unsigned can, char *text, size_t size)
{
    *text = 0;
    for (const struct imx_critic_form *f = imx_critics; f->name; f++)
        if ((f->can & can) == can)
            snprintf(text + strlen(text), size - strlen(text), "%s%s", *text ? ", " : "", f->name);
    return text;
}

const struct imx_critic_form *imx_critic_find(const char *name)
{
    char names[256];
    for (const struct imx_critic_form *f = imx_critics; f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    imx_fail(IMX_E_ARG, "no critic \"%s\"; there are %s", name, imx_critics_that(0, names, sizeof names));
    return NULL;
}

const struct imx_critic_form *imx_critic_form(const struct imx_critic_spec *spec)
{
    return spec->form ? spec->form : &imx_critics[0];
}

float imx_critic_scale(const struct imx_critic_spec *spec)
{
    if (spec->scale != 0.0f)
        return spec->scale;
    return imx_critic_form(spec)->by_width ? (float)(1.0 / sqrt((double)spec->units)) : 1.0f;
}

float imx_estimator_par(const struct imx_critic_spec *spec)
{
    if (spec->estimator == IMX_EST_SMILE)
        return spec->tau > 0.0f ? spec->tau : IMX_SMILE_TAU;
    if (spec->estimator == IMX_EST_DV_EMA)
        return spec->decay > 0.0f ? spec->decay : IMX_EMA_DECAY;
    return 0.0f;
}

double imx_critic_ceiling(const struct imx_critic_spec *spec, int32_t images, int32_t locals)
{
    const int32_t others = spec->negatives ? spec->negatives : images - 1;
    return imx_estimator_ceiling(spec->estimator, (double)others * (double)locals);
}

/* What a critic must do to be in this one's place. */
static unsigned place_of(const struct imx_critic_spec *spec)
{
    return spec->whole ? IMX_CRITIC_WHOLE : IMX_CRITIC_PLACE;
}

imx_status imx_critic_check(const struct imx_critic_spec *spec)
{
    const struct imx_critic_form *f = imx_critic_form(spec);
    const unsigned place = place_of(spec);
    char names[256];
    if (!(f->can & IMX_CRITIC_ALL_PAIRS) && spec->estimator == IMX_EST_INFONCE)
        return imx_fail(IMX_E_ARG,
                        "the critic %s has one negative per positive, so infonce could read ln 2 at most; choose "
                        "another estimator, such as %s, which auto takes, or another critic (%s)",
                        f->name, imx_estimator_name(f->estimator),
                        imx_critics_that(IMX_CRITIC_ALL_PAIRS | place, names, sizeof names));
    if (!(f->can & IMX_CRITIC_ALL_PAIRS) && spec->negatives)
        return imx_fail(IMX_E_ARG,
                        "the critic %s has one negative per positive: --negatives has no meaning there, but for %s",
                        f->name, imx_critics_that(IMX_CRITIC_ALL_PAIRS | place, names, sizeof names));
    if (!(f->can & IMX_CRITIC_WHOLE) && spec->whole)
        return imx_fail(IMX_E_ARG,
                        "the critic %s takes no whole maps, so there is no global term with it; these do: %s", f->name,
                        imx_critics_that(IMX_CRITIC_WHOLE, names, sizeof names));
    if (!(f->can & IMX_CRITIC_PLACE) && !spec->whole)
        return imx_fail(IMX_E_ARG,
                        "the critic %s is for the global term (--objective dim-global, or --global-critic); for the "
                        "local term there are %s",
                        f->name, imx_critics_that(IMX_CRITIC_PLACE, names, sizeof names));
    return IMX_OK;
}

/* k positions of each image's map [n, h, w, c], evenly and with replacement, as a map [n, k, 1, c]. */
static struct imx_map some(struct imx_build *b, struct imx_map x, int32_t k, int32_t stream, const char *label)
{
    const struct imx_random_index draw = { x.n * k, x.h * x.w, stream };
    const struct imx_gather d = { x.n, x.h * x.w, x.c, k };
    imx_graph_label(b->g, "%s", label);
    const imx_tid idx = imx_graph_temp(b->g, IMX_I32, (int64_t)x.n * k, "idx");
    const struct imx_map dst = { imx_graph_temp(b->g, IMX_F32, (int64_t)x.n * k * x.c, "some"), x.n, k, 1, x.c };
    imx_graph_node(b->g, &imx_op_random_index, &draw, (imx_tid[]){ b->ctr, idx });
    imx_graph_node(b->g, &imx_op_gather_fwd, &d, (imx_tid[]){ x.t, idx, dst.t });
    return dst;
}

static imx_status check_globals(const struct imx_critic_spec *spec, int32_t q)
{
    const struct imx_critic_form *f = imx_critic_form(spec);
    char names[256];
    if (q > 1 && !(f->can & IMX_CRITIC_GLOBALS))
        return imx_fail(
            IMX_E_ARG,
            "the critic %s takes one global per image, here are %d: --globals 1 would draw one, and these take "
            "several: %s",
            f->name, q, imx_critics_that(IMX_CRITIC_GLOBALS | place_of(spec), names, sizeof names));
    return IMX_OK;
}

struct imx_critic_out imx_critic_build(struct imx_build *b, const struct imx_critic_spec *spec, struct imx_map local,
                                       struct imx_map global)
{
    struct imx_graph *g = b->g;
    if (spec->globals && global.h * global.w == 1) {
        if (g->status == IMX_OK)
            g->status = imx_fail(IMX_E_ARG,
                                 "--globals %d: the encoder makes one global of an image, there is nothing to "
                                 "draw from",
                                 spec->globals);
        return (struct imx_critic_out){ 0 };
    }
    if (spec->locals && !spec->whole)
        local = some(b, local, spec->locals, IMX_STREAM_GATHER, "locals");
    if (spec->globals)
        global = some(b, global, spec->globals, IMX_STREAM_GLOBALS + (spec->whole ? 64 : 0), "globals");
    const int32_t n = local.n, q = global.h * global.w;
    const struct imx_map rows = { local.t, imx_map_rows(local), 1, 1, local.c },
                         y = { global.t, n * q, 1, 1, global.c };
    if (g->status == IMX_OK)
        g->status = imx_critic_check(spec);
    if (g->status == IMX_OK)
        g->status = check_globals(spec, q);
    if (g->status != IMX_OK)
        return (struct imx_critic_out){ 0 };
    return imx_critic_form(spec)->build(b, spec, spec->whole ? local : rows, y, n);
}
