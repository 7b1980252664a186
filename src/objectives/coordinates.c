/* Coordinate prediction (Hjelm et al. 2019, section 4.3; dim_method 5.2): from the code y of an image and its local
 * vector c_ij a predictor says where the vector stands,
 *   absolute: p(i, j | y, c_ij)                      h classes for the row, w for the column
 *   relative: p(i - i', j - j' | y, c_ij, c_i'j')    2h - 1 and 2w - 1 classes; (i',j') is one random place per image
 * so that locals and code must keep what tells places apart. Row and column are independent categoricals: the loss is
 * the sum of two cross-entropies, averaged over the places; in the relative form over the others (for the source itself
 * the answer is known). The predictor is one of two:
 *   MLP:      two hidden layers of 512, batch norm and ReLU, then a linear map for each axis (the paper's appendix)
 *   residual: LN(W2 relu(BN(W1 x)) + b2 + S x) as a critic's head, all as wide as both axes have classes; the first
 *             logits are the row's, the rest the column's (the authors' program, which has the absolute form only)
 * x is concat(c_ij, y) or concat(c_ij, c_i'j', y). The concatenation is never made for every place: the part of a
 * weight that meets the local is a product over places, the rest one over codes, which spread adds to each place.
 * Of encoders with several globals each global is a code that is asked about every place of its image, the relative
 * form from a source of its own (dim_method 5.2: one random source position per global). Choices where the paper says
 * nothing: the source is drawn anew in each step, evenly over the places. */
#include <stdio.h>

#include "base/philox.h"
#include "objectives/objective.h"
#include "ops/concat.h"
#include "ops/eltwise.h"
#include "ops/gather.h"
#include "ops/gemm.h"
#include "ops/spread.h"
#include "ops/xent.h"

enum { HIDDEN = 512 };

/* The part of x W^T of a weight [units, cols of x]. */
static imx_tid product(struct imx_build *b, imx_tid x, imx_tid wei, int32_t rows, int32_t cols, int32_t units)
{
    const struct imx_gemm d = { .m = rows, .n = units, .k = cols, .tb = 1 };
    const imx_tid dst = imx_graph_temp(b->g, IMX_F32, (int64_t)rows * units, "part");
    imx_graph_node(b->g, &imx_op_gemm, &d, (imx_tid[]){ x, wei, 0, 0, dst });
    return dst;
}

/* Each image's rows [n, places, cols] `times` over: [n, times, places, cols]. */
static imx_tid repeat(struct imx_graph *g, imx_tid src, imx_tid index, int32_t n, int32_t places, int32_t cols,
                      int32_t times)
{
    if (times == 1)
        return src;
    const struct imx_gather d = { n, places, cols, times * places };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, (int64_t)n * times * places * cols, "repeated");
    imx_graph_node(g, &imx_op_gather_fwd, &d, (imx_tid[]){ src, index, dst });
    return dst;
}

/* W concat(local, code) for each code and each place of its image: local [n, h, w, c], code [n*q, cols] -> [n*q*h*w,
 * units]. No bias. */
static struct imx_map first_layer(struct imx_net *net, struct imx_map local, struct imx_map image, const char *prefix,
                                  int32_t units, enum imx_init init)
{
    struct imx_build *b = &net->b;
    struct imx_graph *g = b->g;
    const int32_t places = local.h * local.w, rows = image.n * places;
    const struct imx_concat split = { units, local.c, image.c, 0 };
    const struct imx_spread add = { image.n, places, units, 1 };
    const struct imx_map out = { imx_graph_temp(g, IMX_F32, (int64_t)rows * units, "dst"), rows, 1, 1, units };
    const imx_tid wei = imx_nn_weight(b, prefix, "weight", units, local.c + image.c, init);
    const imx_tid of_local = imx_graph_temp(g, IMX_F32, (int64_t)units * local.c, "of_local");
    const imx_tid of_image = imx_graph_temp(g, IMX_F32, (int64_t)units * image.c, "of_image");
    imx_graph_node(g, &imx_op_concat_split, &split, (imx_tid[]){ wei, of_local, of_image });
    const imx_tid at_places = repeat(g, product(b, local.t, of_local, imx_map_rows(local), local.c, units),
                                     net->coordinates.repeat, local.n, places, units, image.n / local.n);
    const imx_tid at_images = product(b, image.t, of_image, image.n, image.c, units);
    imx_graph_node(g, &imx_op_spread, &add, (imx_tid[]){ at_places, at_images, out.t });
    return out;
}

/* alpha * a + beta * b, one element each; b may be 0. */
static imx_tid combine(struct imx_graph *g, imx_tid a, double alpha, imx_tid b, double beta)
{
    const struct imx_axpby d = { 1, (float)alpha, (float)beta };
    const imx_tid dst = imx_graph_temp(g, IMX_F32, 1, "sum");
    imx_graph_node(g, &imx_op_axpby, &d, (imx_tid[]){ a, b, dst });
    return dst;
}

/* Cross-entropy of one axis, and its accuracy among the `asked` places with a label as a reading. */
static imx_tid axis(struct imx_net *n, struct imx_map logits, const char *kind, const char *name, imx_tid label,
                    double asked)
{
    struct imx_graph *g = n->g;
    char text[48];
    const struct imx_xent d = { logits.n, logits.c };
    const imx_tid loss = imx_graph_temp(g, IMX_F32, 1, "loss"), hits = imx_graph_temp(g, IMX_F32, 1, "hits");
    const imx_tid lse = imx_graph_temp(g, IMX_F32, logits.n, "lse"), count = imx_graph_temp(g, IMX_F32, 1, "count");
    imx_graph_node(g, &imx_op_xent_fwd, &d, (imx_tid[]){ logits.t, label, loss, hits, lse, count });
    snprintf(text, sizeof text, "%s-%s-accuracy", kind, name);
    imx_net_reading(n, text, combine(g, hits, 1 / asked, 0, 0));
    return loss;
}

/* The logits of rows and columns, by an MLP. */
static void by_mlp(struct imx_net *n, struct imx_map local, struct imx_map image, const char *kind,
                   const int32_t classes[2], struct imx_map logits[2])
{
    struct imx_build *b = &n->b;
    char name[48];
    snprintf(name, sizeof name, "coordinates.%s.fc1", kind);
    struct imx_map x = first_layer(n, local, image, name, HIDDEN, IMX_INIT_UNIFORM);
    snprintf(name, sizeof name, "coordinates.%s.bn1", kind);
    x = imx_nn_batchnorm(b, x, name, true);
    snprintf(name, sizeof name, "coordinates.%s.fc2", kind);
    x = imx_nn_linear(b, x, name, HIDDEN, false);
    snprintf(name, sizeof name, "coordinates.%s.bn2", kind);
    x = imx_nn_batchnorm(b, x, name, true);
    snprintf(name, sizeof name, "coordinates.%s.row", kind);
    logits[0] = imx_nn_linear(b, x, name, classes[0], true);
    snprintf(name, sizeof name, "coordinates.%s.column", kind);
    logits[1] = imx_nn_linear(b, x, name, classes[1], true);
}

/* By a residual layer, of which each axis has its part. */
static void by_residual(struct imx_net *n, struct imx_map local, struct imx_map image, const char *kind,
                        const int32_t classes[2], struct imx_map logits[2])
{
    struct imx_build *b = &n->b;
    const int32_t units = classes[0] + classes[1];
    char name[48];
    snprintf(name, sizeof name, "coordinates.%s.in", kind);
    struct imx_map x = first_layer(n, local, image, name, units, IMX_INIT_UNIFORM);
    snprintf(name, sizeof name, "coordinates.%s.shortcut", kind);
    const struct imx_map cut = first_layer(n, local, image, name, units, IMX_INIT_SHORTCUT);
    snprintf(name, sizeof name, "coordinates.%s.bn", kind);
    x = imx_nn_batchnorm(b, x, name, true);
    snprintf(name, sizeof name, "coordinates.%s.hidden", kind);
    const imx_tid wei = imx_nn_linear_weight(b, x, name, units, IMX_INIT_UNIFORM);
    const imx_tid bia = imx_nn_vector(b, name, "bias", units, IMX_INIT_UNIFORM, units, false);
    x = imx_nn_product(b, x, wei, bia, cut.t, units);
    snprintf(name, sizeof name, "coordinates.%s.norm", kind);
    x = imx_nn_layernorm(b, x, name);
    for (int i = 0; i < 2; i++)
        logits[i] = (struct imx_map){ imx_graph_temp(b->g, IMX_F32, (int64_t)x.n * classes[i], "logits"), x.n, 1, 1,
                                      classes[i] };
    imx_graph_node(b->g, &imx_op_concat_split, &(struct imx_concat){ x.n, classes[0], classes[1], 0 },
                   (imx_tid[]){ x.t, logits[0].t, logits[1].t });
}

static void predictor(struct imx_net *n, struct imx_map local, struct imx_map image, const char *kind,
                      const int32_t classes[2], const imx_tid label[2], double asked)
{
    struct imx_map logits[2] = { 0 };
    char name[48];
    imx_graph_label(n->g, "coordinates.%s", kind);
    (n->coordinates.residual ? by_residual : by_mlp)(n, local, image, kind, classes, logits);
    if (n->g->status != IMX_OK)
        return;
    const imx_tid row = axis(n, logits[0], kind, "row", label[0], asked);
    const imx_tid column = axis(n, logits[1], kind, "column", label[1], asked);
    snprintf(name, sizeof name, "coordinates-%s", kind);
    imx_net_term(n, name, combine(n->g, row, 1, column, 1), n->coordinates.weight, false);
}

/* concat(local at the code's source, code) of each code. */
static struct imx_map with_source(struct imx_net *n, struct imx_map local, struct imx_map y)
{
    struct imx_graph *g = n->g;
    const struct imx_gather pick = { local.n, local.h * local.w, local.c, y.n / local.n };
    const struct imx_concat both = { y.n, local.c, y.c, 0 };
    const imx_tid source = imx_graph_temp(g, IMX_F32, (int64_t)y.n * local.c, "source");
    const struct imx_map out = { imx_graph_temp(g, IMX_F32, (int64_t)y.n * (local.c + y.c), "with_source"), y.n, 1, 1,
                                 local.c + y.c };
    imx_graph_label(g, "coordinates");
    imx_graph_node(g, &imx_op_gather_fwd, &pick, (imx_tid[]){ local.t, n->coordinates.source, source });
    imx_graph_node(g, &imx_op_concat, &both, (imx_tid[]){ source, y.t, out.t });
    return out;
}

void imx_build_coordinates(struct imx_net *n, struct imx_map local, struct imx_map y, const struct imx_mix *mix)
{
    struct imx_graph *g = n->g;
    struct imx_coordinates *c = &n->coordinates;
    const int32_t places = local.h * local.w;
    if (g->status != IMX_OK)
        return;
    if (places < 2) {
        g->status = imx_fail(IMX_E_ARG, "a local map of one place has no coordinates to predict");
        return;
    }
    y = (struct imx_map){ y.t, imx_map_rows(y), 1, 1, y.c }; /* codes, those of an image behind each other */
    if ((int64_t)y.n * places > INT32_MAX / HIDDEN) {
        g->status = imx_fail(IMX_E_ARG,
                             "%d codes with %d places each are too many to predict coordinates of: use a smaller "
                             "batch",
                             y.n, places);
        return;
    }
    const int32_t rows = y.n * places;
    *c = (struct imx_coordinates){ .n = y.n,
                                   .h = local.h,
                                   .w = local.w,
                                   .weight = mix->coordinates_weight,
                                   .residual = mix->coordinates_net == IMX_COORDINATES_RESIDUAL };
    imx_graph_label(g, "coordinates");
    if (y.n > local.n)
        c->repeat = imx_graph_keep(g, IMX_I32, rows, "repeat");
    if (mix->coordinates & IMX_COORDINATES_ABSOLUTE) {
        c->absolute[0] = imx_graph_keep(g, IMX_I32, rows, "row");
        c->absolute[1] = imx_graph_keep(g, IMX_I32, rows, "column");
        predictor(n, local, y, "absolute", (int32_t[]){ local.h, local.w }, c->absolute, rows);
    }
    if (mix->coordinates & IMX_COORDINATES_RELATIVE) {
        c->source = imx_graph_keep(g, IMX_I32, y.n, "source");
        c->relative[0] = imx_graph_keep(g, IMX_I32, rows, "rows");
        c->relative[1] = imx_graph_keep(g, IMX_I32, rows, "columns");
        predictor(n, local, with_source(n, local, y), "relative", (int32_t[]){ 2 * local.h - 1, 2 * local.w - 1 },
                  c->relative, (double)rows - y.n);
    }
}

/* What is asked of place (i, j) with the source at (i', j'); the source itself is asked nothing. */
static void labels(const struct imx_coordinates *c, const int32_t *source, int32_t *row, int32_t *column)
{
    const int32_t places = c->h * c->w;
    for (int32_t at = 0; at < c->n * places; at++) {
        const int32_t i = at % places / c->w, j = at % c->w, from = source ? source[at / places] : 0;
        row[at] = source ? i - from / c->w + c->h - 1 : i;
        column[at] = source ? j - from % c->w + c->w - 1 : j;
        if (source && from == at % places)
            row[at] = column[at] = -1;
    }
}

imx_status imx_coordinates_draw(struct imx_net *n, uint64_t seed, uint64_t step)
{
    const struct imx_coordinates *c = &n->coordinates;
    const size_t rows = (size_t)c->n * (size_t)c->h * (size_t)c->w;
    if (!rows)
        return IMX_OK;
    int32_t *const row = n->drawn, *const column = row + rows, *const source = column + rows;
    uint32_t draw = 0;
    if (c->repeat) {
        for (size_t i = 0; i < rows; i++)
            row[i] = (int32_t)i % (c->h * c->w);
        IMX_TRY(imx_graph_upload(n->g, c->repeat, row));
    }
    if (c->absolute[0]) {
        labels(c, NULL, row, column);
        IMX_TRY(imx_graph_upload(n->g, c->absolute[0], row));
        IMX_TRY(imx_graph_upload(n->g, c->absolute[1], column));
    }
    if (c->source) {
        for (int32_t i = 0; i < c->n; i++)
            source[i] = (int32_t)imx_random_below(seed, step, IMX_STREAM_COORDINATES, &draw, (uint32_t)(c->h * c->w));
        labels(c, source, row, column);
        IMX_TRY(imx_graph_upload(n->g, c->source, source));
        IMX_TRY(imx_graph_upload(n->g, c->relative[0], row));
        IMX_TRY(imx_graph_upload(n->g, c->relative[1], column));
    }
    return IMX_OK;
}
