/* Noise as targets (Bojanowski & Joulin 2017; dim_method 6.6): as many points as images are drawn uniformly on the
 * sphere and stay; each image holds one, and learns to have its direction, loss = -mean of <y_i / |y_i|, t_pi(i)> which
 * is half the mean squared distance, less 1. Before the loss, in every step, the images of the batch exchange the
 * points that they hold so that this sum is best (base/assign.h): the graph pauses behind the codes, the host solves
 * the assignment, the graph goes on with it. So the codes spread over the sphere as the points do, and like images come
 * to like points. Choices where the sources differ: the exchange takes place on the fly in every step, as in the
 * original (the authors of Deep InfoMax did it in a pass of its own behind each epoch); no dropout; points for the
 * images that are trained on alone. pi is a state parameter, so that a checkpoint has it; the points themselves follow
 * from the seed. The reading "moved" is the share of the batch's images that went on with another point. */
#include "objectives/nat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assign.h"
#include "base/philox.h"
#include "objectives/adversary.h"
#include "objectives/objective.h"
#include "ops/eltwise.h"
#include "ops/reduce.h"
#include "ops/unitrow.h"

enum { MOST_IMAGES = 1 << 24 /* counted in floats */ };

void imx_nat_point(uint64_t seed, int32_t k, int32_t units, float *to)
{
    const double turn = 6.283185307179586477;
    double square = 0;
    for (int32_t c = 0; c < units; c += 2) {
        uint32_t r[4];
        imx_random4(seed, (uint64_t)k, IMX_STREAM_TARGET, (uint32_t)c, r);
        const double length = sqrt(-2 * log(1 - (double)imx_unit(r[0]))), angle = turn * (double)imx_unit(r[1]);
        to[c] = (float)(length * cos(angle));
        if (c + 1 < units)
            to[c + 1] = (float)(length * sin(angle));
    }
    for (int32_t c = 0; c < units; c++)
        square += (double)to[c] * (double)to[c];
    const double by = square > 0 ? 1 / sqrt(square) : 0;
    for (int32_t c = 0; c < units; c++)
        to[c] = (float)(by * (double)to[c]);
}

/* ---- the host's part of a step ---- */

static imx_status read_assignment(struct imx_nat *n)
{
    if (n->read)
        return IMX_OK;
    float *value = malloc((size_t)n->images * sizeof *value);
    if (!value)
        return imx_fail(IMX_E_NOMEM, "no memory for the targets of %d images", n->images);
    imx_status status = imx_store_get(n->g->store, n->param, IMX_ARENA_STATE, value);
    for (int32_t i = 0; i < n->images && status == IMX_OK; i++) {
        if (!(value[i] >= 0 && value[i] < (float)n->images))
            status = imx_fail(IMX_E_FORMAT, "nat.assignment: image %d cannot hold target %g", i, (double)value[i]);
        else
            n->of[i] = (int32_t)value[i];
    }
    free(value);
    n->read = status == IMX_OK;
    return status;
}

/* Who holds what. */
imx_status imx_nat_keep(struct imx_net *net)
{
    struct imx_nat *n = net->own;
    if (!n->read)
        return IMX_OK;
    float *value = malloc((size_t)n->images * sizeof *value);
    if (!value)
        return imx_fail(IMX_E_NOMEM, "no memory for the targets of %d images", n->images);
    for (int32_t i = 0; i < n->images; i++)
        value[i] = (float)n->of[i];
    const imx_status status = imx_store_set(n->g->store, n->param, IMX_ARENA_STATE, value);
    free(value);
    return status;
}

/* The targets that the images of a step hold, from which the exchange begins. */
imx_status imx_nat_draw(struct imx_net *net, uint64_t seed, uint64_t step)
{
    struct imx_nat *n = net->own;
    n->seed = seed;
    IMX_TRY(read_assignment(n));
    for (int32_t i = 0; i < n->batch; i++) {
        const uint64_t place = step * (uint64_t)n->batch + (uint64_t)i;
        n->image[i] = net->index ? net->index[i] : (int32_t)(place % (uint64_t)n->images);
        if (n->image[i] < 0 || n->image[i] >= n->images)
            return imx_fail(IMX_E_INTERNAL, "image %d of %d has no target", n->image[i], n->images);
        imx_nat_point(seed, n->of[n->image[i]], n->units, n->held + (int64_t)i * n->units);
    }
    return imx_graph_upload(n->g, n->target, n->held);
}

/* Cost 1 - <y, t>. False when a code is no number; the step will be refused for that. */
static bool costs(const struct imx_nat *n)
{
    bool finite = true;
    for (int32_t i = 0; i < n->batch; i++)
        for (int32_t k = 0; k < n->batch; k++) {
            float dot = 0;
            for (int32_t c = 0; c < n->units; c++)
                dot += n->y[(int64_t)i * n->units + c] * n->held[(int64_t)k * n->units + c];
            n->cost[(int64_t)i * n->batch + k] = 1 - dot;
            finite = finite && isfinite(dot);
        }
    return finite;
}

static imx_status exchange(void *user)
{
    struct imx_nat *n = user;
    float moved = 0;
    IMX_TRY(imx_graph_download(n->g, n->code, n->y));
    if (!costs(n))
        return IMX_OK;
    IMX_TRY(imx_assign(n->cost, n->batch, n->to));
    for (int32_t i = 0; i < n->batch; i++) {
        const size_t row = (size_t)n->units * sizeof *n->held;
        memcpy(n->new + (int64_t)i * n->units, n->held + (int64_t)n->to[i] * n->units, row);
        moved += n->to[i] != i ? 1.0f / (float)n->batch : 0;
        n->to[i] = n->of[n->image[n->to[i]]];
    }
    for (int32_t i = 0; i < n->batch; i++)
        n->of[n->image[i]] = n->to[i];
    IMX_TRY(imx_graph_upload(n->g, n->target, n->new));
    return imx_graph_upload(n->g, n->moved, &moved);
}

/* ---- building ---- */

void imx_nat_finish(struct imx_net *net)
{
    struct imx_nat *n = net->own;
    free(n->of);
    free(n->image);
    free(n->to);
    free(n->y);
    free(n->held);
    free(n->new);
    free(n->cost);
}

/* What came of it is in net->own, and freed with that; NULL: no memory. */
static struct imx_nat *create(struct imx_net *net, int32_t batch, int32_t units, int32_t images)
{
    const size_t codes = (size_t)batch * (size_t)units, pairs = (size_t)batch * (size_t)batch;
    struct imx_nat *n = net->own = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    *n = (struct imx_nat){ .g = net->g, .batch = batch, .units = units, .images = images };
    n->of = malloc((size_t)images * sizeof *n->of);
    n->image = calloc((size_t)batch, sizeof *n->image);
    n->to = malloc((size_t)batch * sizeof *n->to);
    n->y = malloc(codes * sizeof *n->y);
    n->held = malloc(codes * sizeof *n->held);
    n->new = malloc(codes * sizeof *n->new);
    n->cost = malloc(pairs * sizeof *n->cost);
    return n->of && n->image && n->to && n->y && n->held && n->new && n->cost ? n : NULL;
}

static imx_status refuse(const struct imx_net *n, const struct imx_encoded *e)
{
    const int32_t images = n->spec->images ? n->spec->images : n->spec->batch;
    if (imx_encoded_globals(e) > 1)
        return imx_fail(IMX_E_ARG, "nat wants one code for each image; encoder %s makes %d", n->spec->encoder->name,
                        imx_encoded_globals(e));
    if (n->spec->batch > IMX_ASSIGN_MOST)
        return imx_fail(IMX_E_ARG, "nat assigns targets within a batch, of at most %d images", IMX_ASSIGN_MOST);
    return images > MOST_IMAGES ? imx_fail(IMX_E_ARG, "nat holds targets for at most %d images", MOST_IMAGES) : IMX_OK;
}

void imx_build_nat(struct imx_net *n, const struct imx_mix *mix)
{
    struct imx_graph *g = n->g;
    if (imx_refuse_terms(n, mix, false))
        return;
    const struct imx_encoded e = imx_encoder_build(&n->b, n->spec->encoder, n->pixels);
    if (g->status == IMX_OK)
        g->status = refuse(n, &e);
    if (g->status != IMX_OK)
        return;
    const struct imx_unitrow d = { e.y.n, e.y.c };
    const int32_t count = d.rows * d.cols, images = n->spec->images ? n->spec->images : d.rows;
    struct imx_nat *nat = create(n, d.rows, d.cols, images);
    if (!nat) {
        g->status = imx_fail(IMX_E_NOMEM, "no memory for the targets of %d images", images);
        return;
    }
    imx_graph_label(g, "nat");
    const struct imx_param held = {
        .name = "nat.assignment", .count = images, .dims = { images }, .init = IMX_INIT_COUNT, .state = true
    };
    imx_graph_param(g, &held);
    nat->param = imx_store_find(n->store, held.name);
    nat->target = imx_graph_keep(g, IMX_F32, count, "target");
    nat->moved = imx_graph_keep(g, IMX_F32, 1, "moved");
    nat->code = imx_graph_temp(g, IMX_F32, count, "code");
    const imx_tid inv = imx_graph_temp(g, IMX_F32, d.rows, "inv"),
                  product = imx_graph_temp(g, IMX_F32, count, "product");
    const imx_tid sum = imx_graph_temp(g, IMX_F32, 1, "sum");
    imx_graph_output(g, nat->code);
    imx_graph_node(g, &imx_op_unitrow_fwd, &d, (imx_tid[]){ e.y.t, nat->code, inv });
    imx_graph_node(g, &imx_op_mul, &(struct imx_mul){ count }, (imx_tid[]){ nat->code, nat->target, product });
    imx_graph_node(g, &imx_op_rowreduce, &(struct imx_rowreduce){ 1, count, IMX_REDUCE_SUM },
                   (imx_tid[]){ product, sum });
    imx_net_term(n, "alignment", imx_adversary_sum(g, sum, -1.0 / d.rows, 0, 0, 1), 1, false);
    imx_net_reading(n, "moved", nat->moved);
    imx_graph_meet(g, nat->target, exchange, nat);
}
