/* The critic on OpenCL devices, in tiles of rows of locals: scores by the engine's gemm, then streaming
 * statistics; backward recomputes each tile, turns it into slopes in place and feeds it straight into the
 * gradient products. See critic.h.
 *
 * Scratch is O(tile rows * n*q) and does not grow with n*n*p. A tile is a multiple of 1024 rows (or
 * everything), so that the parts of L0, L1, DL0 and DL1 which belong to it begin at multiples of 4096 bytes
 * whatever the width. */
#include "imx_kernels.h"
#include "ops/critic.h"
#include "ops/gemm.h"
#include "ops/launch.h"

#include <math.h>

enum { TILE_ROWS = 1024, LANES = 16, FINISH_LANES = 64 /* LANES of critic.cl */, MEGA = 1 << 20 };

/* How a device type shares a tile among work-items. */
struct shape {
    int vec, slots;
    const char *options;
};
static const struct shape shape_cpu = { 16, 16, "-DVEC=16" };
static const struct shape shape_gpu = { 1, 64, "-DVEC=1" };

/* Where everything lies in the workspace, in bytes; each part begins on a page. */
struct layout {
    int rows, tile, tiles, cols, pitch; /* rows of locals, rows per tile, columns = globals */
    uint64_t score[2], top, sum, loss, square, part, lanes, level, gate, turn[2], gemm, end;
};

static int tile_rows(const struct imx_critic *d, int64_t rows)
{
    const int64_t cols = (int64_t)d->n * d->q;
    const int64_t most = cols * TILE_ROWS > MEGA ? cols * TILE_ROWS : MEGA;
    const int64_t tile = most / cols / TILE_ROWS * TILE_ROWS;
    if (most >= rows * cols)
        return (int)rows;
    return (int)(tile < TILE_ROWS ? (rows < TILE_ROWS ? rows : TILE_ROWS) : tile);
}

/* Scores of `rows` locals by pair 0 or 1: [rows, d] x [cols, d]^T, plus the bias or the other pair's product.
 */
static struct imx_gemm score_gemm(const struct imx_critic *d, int rows, int pair)
{
    return (struct imx_gemm){
        .m = rows, .n = d->n * d->q, .k = pair ? d->d1 : d->d0, .tb = 1, .bias = !pair && d->bias, .add = pair
    };
}

/* DL of a tile: slopes [rows, cols] x G [cols, d]. */
static struct imx_gemm local_gemm(const struct imx_critic *d, int rows, int pair)
{
    return (struct imx_gemm){ .m = rows, .n = pair ? d->d1 : d->d0, .k = d->n * d->q };
}

/* DG: slopes^T [cols, rows] x L [rows, d], added to the tiles before. */
static struct imx_gemm global_gemm(const struct imx_critic *d, int rows, int pair, bool add)
{
    return (struct imx_gemm){ .m = d->n * d->q, .n = pair ? d->d1 : d->d0, .k = rows, .ta = 1, .add = add };
}

static void visit_gemms(const struct imx_critic *d, bool backward, imx_visit_fn *visit, void *user)
{
    const int rows = d->n * d->p, tile = tile_rows(d, rows);
    for (int row0 = 0; row0 < rows; row0 += tile)
        for (int pair = 0; pair < (d->d1 ? 2 : 1); pair++) {
            const int here = rows - row0 < tile ? rows - row0 : tile;
            const struct imx_gemm g[] = { score_gemm(d, here, pair), local_gemm(d, here, pair),
                                          global_gemm(d, here, pair, row0 > 0) };
            for (int k = 0; k < (backward ? 3 : 1); k++)
                visit(user, &imx_op_gemm, &g[k]);
        }
}

void imx_critic_fwd_inner(const void *problem, imx_visit_fn *visit, void *user)
{
    visit_gemms(problem, false, visit, user);
}

void imx_critic_bwd_inner(const void *problem, imx_visit_fn *visit, void *user)
{
    visit_gemms(problem, true, visit, user);
}

static uint64_t all_gemm_scratch(const struct imx_caps *caps, const struct imx_critic *d, int rows, bool backward)
{
    uint64_t most = 0;
    for (int pair = 0; pair < (d->d1 ? 2 : 1); pair++) {
        const struct imx_gemm g[] = { score_gemm(d, rows, pair), local_gemm(d, rows, pair),
                                      global_gemm(d, rows, pair, false), global_gemm(d, rows, pair, true) };
        for (int k = 0; k < (backward ? 4 : 1); k++) {
            const uint64_t bytes = imx_op_scratch(caps, &imx_op_gemm, &g[k]);
            most = bytes > most ? bytes : most;
        }
    }
    return most;
}

static uint64_t take(uint64_t *end, uint64_t floats)
{
    const uint64_t at = *end;
    *end += imx_page(floats * sizeof(float));
    return at;
}

/* The sum that the loss takes stands beside what is read. */
static bool apart(const struct imx_critic *d)
{
    return d->est == IMX_EST_SMILE;
}

/* The sum of s^2 is wanted. */
static bool squares(const struct imx_critic *d)
{
    return d->l2 != 0.0f;
}

/* Everything but the gemm's own scratch, which begins at `gemm`. */
static struct layout layout_of(const struct imx_critic *d, int rows, const struct shape *shape, bool backward)
{
    struct layout l = { .rows = rows, .tile = tile_rows(d, rows), .cols = d->n * d->q };
    const uint64_t cols = (uint64_t)l.cols, spare = LANES;
    l.tiles = (l.rows + l.tile - 1) / l.tile;
    l.pitch = (l.cols + LANES - 1) / LANES * LANES;
    for (int k = 0; k < (d->d1 ? 2 : 1); k++)
        l.score[k] = take(&l.end, (uint64_t)l.tile * cols + spare);
    l.top = take(&l.end, backward ? 0 : (uint64_t)shape->slots * (uint64_t)l.pitch);
    l.sum = take(&l.end, (uint64_t)shape->slots * (uint64_t)l.pitch);
    l.loss = take(&l.end, backward || !apart(d) ? 0 : (uint64_t)shape->slots * (uint64_t)l.pitch);
    l.square = take(&l.end, backward || !squares(d) ? 0 : (uint64_t)shape->slots * (uint64_t)l.pitch);
    l.part = take(&l.end, backward ? 0 : 4 * (uint64_t)l.pitch);
    l.lanes = take(&l.end, backward ? 0 : 6 * FINISH_LANES);
    l.level = take(&l.end, backward ? 0 : 1);
    l.gate = take(&l.end, backward ? cols : 0);
    l.turn[0] = take(&l.end, backward && l.tiles > 1 ? cols * (uint64_t)d->d0 : 0);
    l.turn[1] = take(&l.end, backward && l.tiles > 1 ? cols * (uint64_t)d->d1 : 0);
    l.gemm = l.end;
    return l;
}

static uint64_t workspace(const struct imx_caps *caps, const struct imx_critic *d, int rows, const struct shape *shape,
                          bool backward)
{
    const struct layout l = layout_of(d, rows, shape, backward);
    const int rest = l.rows - (l.tiles - 1) * l.tile;
    const uint64_t full = all_gemm_scratch(caps, d, l.tile, backward), last = all_gemm_scratch(caps, d, rest, backward);
    return l.end + (full > last ? full : last);
}

/* A run under way: the problem, its memory, the tile at hand. */
struct run {
    struct imx_dev *dev;
    const struct imx_critic *d;
    const struct imx_args *a;
    const struct shape *shape;
    struct layout l;
    int row0, rows; /* this tile's */
    int base;       /* the first row of this slice in the whole */
    int want;       /* of critic_part_bwd */
    int dl0;        /* the argument DL0, where the outputs begin */
};

static struct imx_mem scratch(const struct run *r, uint64_t off, uint64_t floats)
{
    return imx_part(r->a->ws, off, floats * sizeof(float));
}

/* Rows row0.. of one of the local-side arguments of width `width`. */
static struct imx_mem tile_of(const struct run *r, int arg, int width)
{
    const uint64_t row = (uint64_t)width * sizeof(float);
    return imx_part(r->a->m[arg], (uint64_t)r->row0 * row, (uint64_t)r->rows * row);
}

/* The tile's scores, with the spare lanes behind them. */
static struct imx_mem scores(const struct run *r)
{
    return scratch(r, r->l.score[r->d->d1 > 0], (uint64_t)r->rows * (uint64_t)r->l.cols + LANES);
}

static imx_status gemm(const struct run *r, struct imx_gemm g, struct imx_mem a, struct imx_mem b, struct imx_mem bia,
                       struct imx_mem add, struct imx_mem dst)
{
    struct imx_args args = { .ws = imx_part(r->a->ws, r->l.gemm, r->a->ws.bytes - r->l.gemm) };
    args.m[IMX_GEMM_A] = a;
    args.m[IMX_GEMM_B] = b;
    args.m[IMX_GEMM_BIA] = g.bias ? bia : (struct imx_mem){ 0 };
    args.m[IMX_GEMM_ADD] = g.add ? add : (struct imx_mem){ 0 };
    args.m[IMX_GEMM_DST] = dst;
    return imx_op_run(r->dev, &imx_op_gemm, NULL, &g, &args);
}

/* Scores of the tile; the first five arguments are the same in both directions. */
static imx_status score_tile(const struct run *r)
{
    const struct imx_critic *d = r->d;
    const struct imx_mem *m = r->a->m, none = { 0 };
    const uint64_t floats = (uint64_t)r->rows * (uint64_t)r->l.cols;
    const struct imx_mem first = scratch(r, r->l.score[0], floats), second = scratch(r, r->l.score[1], floats);
    IMX_TRY(gemm(r, score_gemm(d, r->rows, 0), tile_of(r, IMX_CRITIC_FWD_L0, d->d0), m[IMX_CRITIC_FWD_G0],
                 m[IMX_CRITIC_FWD_GB], none, first));
    if (!d->d1)
        return IMX_OK;
    return gemm(r, score_gemm(d, r->rows, 1), tile_of(r, IMX_CRITIC_FWD_L1, d->d1), m[IMX_CRITIC_FWD_G1], none, first,
                second);
}

static struct imx_launch tile_launch(const struct run *r)
{
    const size_t work = ((size_t)r->l.cols + (size_t)r->shape->vec - 1) / (size_t)r->shape->vec;
    struct imx_launch launch = imx_launch_1d(r->dev, work, r->shape->options);
    if (r->shape->vec > 1) { /* a work-item is large: one per group, so that all cores get some */
        launch.global[0] = work;
        launch.local[0] = 1;
    }
    launch.global[1] = (size_t)r->shape->slots;
    return launch;
}

static struct imx_launch column_launch(const struct run *r)
{
    return imx_launch_1d(r->dev, (size_t)r->l.cols, r->shape->options);
}

static float positives(const struct imx_critic *d)
{
    return (float)((double)d->n * d->q * d->p);
}

static float negatives(const struct imx_critic *d)
{
    return (float)((double)d->n * imx_critic_negatives(d) * d->p * d->q);
}

/* The penalty on one s^2. */
static float pull(const struct imx_critic *d)
{
    return (float)((double)d->l2 / ((double)d->n * d->q * d->n * d->p));
}

/* Where the running statistics of the forward pass stand. */
struct sums {
    struct imx_mem top, sum, loss, square, part;
};

static struct sums sums_of(const struct run *r)
{
    const uint64_t slots = (uint64_t)r->shape->slots * (uint64_t)r->l.pitch;
    return (struct sums){ scratch(r, r->l.top, slots), scratch(r, r->l.sum, slots),
                          apart(r->d) ? scratch(r, r->l.loss, slots) : (struct imx_mem){ 0 },
                          squares(r->d) ? scratch(r, r->l.square, slots) : (struct imx_mem){ 0 },
                          scratch(r, r->l.part, 4 * (uint64_t)r->l.pitch) };
}

/* Moves on to tile t. */
static void to_tile(struct run *r, int t)
{
    r->row0 = t * r->l.tile;
    r->rows = r->l.rows - r->row0 < r->l.tile ? r->l.rows - r->row0 : r->l.tile;
}

static int per_slot(const struct run *r)
{
    return (r->rows + r->shape->slots - 1) / r->shape->slots;
}

/* Positives and the running statistics of all tiles of the rows at hand. */
static imx_status stat_tiles(struct run *r, struct imx_mem pos)
{
    const struct imx_critic *d = r->d;
    const struct sums sums = sums_of(r);
    for (int t = 0; t < r->l.tiles; t++) {
        to_tile(r, t);
        IMX_TRY(score_tile(r));
        IMX_TRY(imx_run_critic_stat(r->dev, tile_launch(r),
                                    &(struct imx_k_critic_stat){ .s = scores(r),
                                                                 .pos = pos,
                                                                 .run_m = sums.top,
                                                                 .run_s = sums.sum,
                                                                 .run_f = sums.loss,
                                                                 .run_q = sums.square,
                                                                 .rows = r->rows,
                                                                 .row0 = r->base + r->row0,
                                                                 .pos0 = r->base / d->p * d->q,
                                                                 .cols = r->l.cols,
                                                                 .pitch = r->l.pitch,
                                                                 .n = d->n,
                                                                 .p = d->p,
                                                                 .q = d->q,
                                                                 .per_slot = per_slot(r),
                                                                 .est = d->est,
                                                                 .neg = imx_critic_negatives(d),
                                                                 .squares = squares(d),
                                                                 .first = t == 0,
                                                                 .scale = d->scale,
                                                                 .par = d->par,
                                                                 .clip = d->clip }));
    }
    return IMX_OK;
}

static bool one_level(int32_t est)
{
    return est == IMX_EST_DV || est == IMX_EST_DV_EMA || est == IMX_EST_KL || est == IMX_EST_H2;
}

/* Where the results of the forward pass go. */
struct ends {
    struct imx_mem pos, loss, info, stat, ema;
};

/* LOSS, INFO, STAT from the positives and what `slots` slots know of the negatives. */
static imx_status end_fwd(const struct run *r, int slots, const struct ends *e)
{
    const struct imx_critic *d = r->d;
    const struct sums sums = sums_of(r);
    IMX_TRY(imx_run_critic_column(r->dev, column_launch(r),
                                  &(struct imx_k_critic_column){ .pos = e->pos,
                                                                 .run_m = sums.top,
                                                                 .run_s = sums.sum,
                                                                 .run_f = sums.loss,
                                                                 .run_q = sums.square,
                                                                 .part = sums.part,
                                                                 .stat = e->stat,
                                                                 .cols = r->l.cols,
                                                                 .pitch = r->l.pitch,
                                                                 .p = d->p,
                                                                 .slots = slots,
                                                                 .est = d->est,
                                                                 .squares = squares(d) }));
    const struct imx_mem lanes = scratch(r, r->l.lanes, 6 * FINISH_LANES), level = scratch(r, r->l.level, 1);
    IMX_TRY(imx_run_critic_gather(r->dev, imx_launch_1d(r->dev, FINISH_LANES, r->shape->options),
                                  &(struct imx_k_critic_gather){ .run_m = sums.top,
                                                                 .run_s = sums.sum,
                                                                 .part = sums.part,
                                                                 .lanes = lanes,
                                                                 .cols = r->l.cols,
                                                                 .pitch = r->l.pitch }));
    const double most = d->est == IMX_EST_INFONCE ? log(1 + (double)imx_critic_negatives(d) * d->p) : 0;
    IMX_TRY(imx_run_critic_finish(r->dev, imx_launch_1d(r->dev, 1, r->shape->options),
                                  &(struct imx_k_critic_finish){ .lanes = lanes,
                                                                 .ema = e->ema,
                                                                 .level = level,
                                                                 .loss = e->loss,
                                                                 .info = e->info,
                                                                 .cols = r->l.cols,
                                                                 .est = d->est,
                                                                 .positives = positives(d),
                                                                 .negatives = negatives(d),
                                                                 .most = (float)most,
                                                                 .par = d->par,
                                                                 .pull = pull(d) }));
    if (!one_level(d->est))
        return IMX_OK;
    return imx_run_critic_level(r->dev, column_launch(r),
                                &(struct imx_k_critic_level){ .level = level, .stat = e->stat, .cols = r->l.cols });
}

static imx_status run_fwd(struct imx_dev *dev, const struct imx_critic *d, const struct imx_args *a,
                          const struct shape *shape)
{
    struct run r = { dev, d, a, shape, layout_of(d, d->n * d->p, shape, false), 0, 0, 0, 0, 0 };
    const struct ends ends = { a->m[IMX_CRITIC_FWD_POS], a->m[IMX_CRITIC_FWD_LOSS], a->m[IMX_CRITIC_FWD_INFO],
                               a->m[IMX_CRITIC_FWD_STAT], a->m[IMX_CRITIC_FWD_EMA] };
    IMX_TRY(stat_tiles(&r, ends.pos));
    return end_fwd(&r, shape->slots, &ends);
}

/* The gradient products of tile t, whose slopes stand where its scores stood. The sums over tiles go back and
 * forth between DG and a buffer of its size, and the last one ends in DG. DL comes last: it may stand where L stood. */
static imx_status spread_tile(const struct run *r, int t)
{
    const struct imx_critic *d = r->d;
    const struct imx_mem *m = r->a->m, none = { 0 };
    const struct imx_mem slopes = scratch(r, r->l.score[d->d1 > 0], (uint64_t)r->rows * (uint64_t)r->l.cols);
    for (int pair = 0; pair < (d->d1 ? 2 : 1); pair++) {
        const int width = pair ? d->d1 : d->d0;
        const int local = pair ? IMX_CRITIC_BWD_L1 : IMX_CRITIC_BWD_L0, dlocal = r->dl0 + 2 * pair;
        const struct imx_mem global = m[pair ? IMX_CRITIC_BWD_G1 : IMX_CRITIC_BWD_G0], dglobal = m[dlocal + 1];
        const struct imx_mem before = m[pair ? IMX_CRITIC_PART_AG1 : IMX_CRITIC_PART_AG0];
        const struct imx_mem turn = scratch(r, r->l.turn[pair], (uint64_t)r->l.cols * (uint64_t)width);
        const bool to_end = (r->l.tiles - 1 - t) % 2 == 0;
        if (r->want & IMX_WANT_DG)
            IMX_TRY(gemm(r, global_gemm(d, r->rows, pair, t > 0 || (r->want & IMX_WANT_ADD)), slopes,
                         tile_of(r, local, width), none,
                         t == 0   ? before
                         : to_end ? turn
                                  : dglobal,
                         to_end ? dglobal : turn));
        if (r->want & (pair ? IMX_WANT_DL1 : IMX_WANT_DL0))
            IMX_TRY(gemm(r, local_gemm(d, r->rows, pair), slopes, global, none, none, tile_of(r, dlocal, width)));
    }
    return IMX_OK;
}

/* The slopes of all tiles of the rows at hand, and the products that are wanted. */
static imx_status slope_tiles(struct run *r)
{
    const struct imx_critic *d = r->d;
    const struct imx_mem *m = r->a->m;
    const struct imx_mem sum = scratch(r, r->l.sum, (uint64_t)r->shape->slots * (uint64_t)r->l.pitch);
    const struct imx_mem gate = scratch(r, r->l.gate, (uint64_t)r->l.cols);
    IMX_TRY(imx_run_critic_gate(r->dev, column_launch(r),
                                &(struct imx_k_critic_gate){ .pos = m[IMX_CRITIC_BWD_POS],
                                                             .stat = m[IMX_CRITIC_BWD_STAT],
                                                             .dloss = m[IMX_CRITIC_BWD_DLOSS],
                                                             .gate = gate,
                                                             .cols = r->l.cols,
                                                             .p = d->p,
                                                             .est = d->est,
                                                             .scale = d->scale,
                                                             .positives = positives(d),
                                                             .negatives = negatives(d) }));
    for (int t = 0; t < r->l.tiles; t++) {
        to_tile(r, t);
        IMX_TRY(score_tile(r));
        IMX_TRY(imx_run_critic_slope(r->dev, tile_launch(r),
                                     &(struct imx_k_critic_slope){ .s = scores(r),
                                                                   .pos = m[IMX_CRITIC_BWD_POS],
                                                                   .stat = m[IMX_CRITIC_BWD_STAT],
                                                                   .gate = gate,
                                                                   .dloss = m[IMX_CRITIC_BWD_DLOSS],
                                                                   .run = sum,
                                                                   .rows = r->rows,
                                                                   .row0 = r->base + r->row0,
                                                                   .cols = r->l.cols,
                                                                   .pitch = r->l.pitch,
                                                                   .n = d->n,
                                                                   .p = d->p,
                                                                   .q = d->q,
                                                                   .per_slot = per_slot(r),
                                                                   .est = d->est,
                                                                   .neg = imx_critic_negatives(d),
                                                                   .first = t == 0,
                                                                   .scale = d->scale,
                                                                   .positives = positives(d),
                                                                   .clip = d->clip,
                                                                   .pull = 2 * pull(d) }));
        IMX_TRY(spread_tile(r, t));
    }
    if (!d->bias || !(r->want & IMX_WANT_DG))
        return IMX_OK;
    const bool add = r->want & IMX_WANT_ADD;
    return imx_run_critic_bias(
        r->dev, column_launch(r),
        &(struct imx_k_critic_bias){ .run = sum,
                                     .before = add ? m[IMX_CRITIC_PART_AGB] : (struct imx_mem){ 0 },
                                     .dgb = m[r->dl0 + 4],
                                     .cols = r->l.cols,
                                     .pitch = r->l.pitch,
                                     .slots = r->shape->slots,
                                     .add = add });
}

static imx_status run_bwd(struct imx_dev *dev, const struct imx_critic *d, const struct imx_args *a,
                          const struct shape *shape)
{
    struct run r = { dev, d, a, shape, layout_of(d, d->n * d->p, shape, true), 0, 0, 0, 0, IMX_CRITIC_BWD_DL0 };
    r.want = IMX_WANT_DL0 | IMX_WANT_DL1 | IMX_WANT_DG;
    return slope_tiles(&r);
}

static imx_status run_part_fwd(struct imx_dev *dev, const struct imx_critic_part *d, const struct imx_args *a,
                               const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    struct run r = { dev, &whole, a, shape, layout_of(&whole, d->images * d->p, shape, false), 0, 0, 0, 0, 0 };
    const struct sums sums = sums_of(&r);
    r.base = d->image * d->p;
    IMX_TRY(stat_tiles(&r, a->m[IMX_CRITIC_PART_POS]));
    return imx_run_critic_part(dev, column_launch(&r),
                               &(struct imx_k_critic_part){ .run_m = sums.top,
                                                            .run_s = sums.sum,
                                                            .run_f = sums.loss,
                                                            .run_q = sums.square,
                                                            .part = a->m[IMX_CRITIC_PART_PART],
                                                            .cols = r.l.cols,
                                                            .pitch = r.l.pitch,
                                                            .slots = shape->slots,
                                                            .est = d->est,
                                                            .squares = squares(&whole) });
}

/* The slices become one slot, from where on everything is as it would be in one piece. No scores are computed: the
 * layout is that of a single row. */
static imx_status run_part_end(struct imx_dev *dev, const struct imx_critic_part *d, const struct imx_args *a,
                               const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    struct run r = { dev, &whole, a, shape, layout_of(&whole, 1, shape, false), 0, 0, 0, 0, 0 };
    const struct sums sums = sums_of(&r);
    const struct ends ends = { a->m[IMX_CRITIC_END_POS], a->m[IMX_CRITIC_END_LOSS], a->m[IMX_CRITIC_END_INFO],
                               a->m[IMX_CRITIC_END_STAT], a->m[IMX_CRITIC_END_EMA] };
    IMX_TRY(imx_run_critic_fold(dev, column_launch(&r),
                                &(struct imx_k_critic_fold){ .part = a->m[IMX_CRITIC_END_PART],
                                                             .run_m = sums.top,
                                                             .run_s = sums.sum,
                                                             .run_f = sums.loss,
                                                             .run_q = sums.square,
                                                             .cols = r.l.cols,
                                                             .slices = (d->n + d->images - 1) / d->images,
                                                             .est = d->est,
                                                             .squares = squares(&whole) }));
    return end_fwd(&r, 1, &ends);
}

static imx_status run_part_bwd(struct imx_dev *dev, const struct imx_critic_part *d, const struct imx_args *a,
                               const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    struct run r = { dev, &whole, a, shape, layout_of(&whole, d->images * d->p, shape, true), 0, 0, 0, 0, 0 };
    r.base = d->image * d->p;
    r.want = d->want;
    r.dl0 = IMX_CRITIC_PART_DL0;
    return slope_tiles(&r);
}

#define supports_cpu imx_on_cpu
#define supports_gpu imx_on_cl

static uint64_t ws_fwd(const struct imx_caps *caps, const struct imx_critic *d, const struct shape *shape)
{
    return workspace(caps, d, d->n * d->p, shape, false);
}

static uint64_t ws_bwd(const struct imx_caps *caps, const struct imx_critic *d, const struct shape *shape)
{
    return workspace(caps, d, d->n * d->p, shape, true);
}

static uint64_t ws_part_fwd(const struct imx_caps *caps, const struct imx_critic_part *d, const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    return workspace(caps, &whole, d->images * d->p, shape, false);
}

static uint64_t ws_part_end(const struct imx_caps *caps, const struct imx_critic_part *d, const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    (void)caps;
    return layout_of(&whole, 1, shape, false).end;
}

static uint64_t ws_part_bwd(const struct imx_caps *caps, const struct imx_critic_part *d, const struct shape *shape)
{
    const struct imx_critic whole = imx_critic_whole(d);
    return workspace(caps, &whole, d->images * d->p, shape, true);
}

/* over_out, over_in: imx_variant.over. */
#define VARIANT(direction, type, over_out, over_in)                                                                    \
    static uint64_t workspace_##direction##_##type(const struct imx_caps *caps, const void *problem)                   \
    {                                                                                                                  \
        return ws_##direction(caps, problem, &shape_##type);                                                           \
    }                                                                                                                  \
    static imx_status run_##direction##_##type(struct imx_dev *dev, const void *problem, const struct imx_args *a)     \
    {                                                                                                                  \
        return run_##direction(dev, problem, a, &shape_##type);                                                        \
    }                                                                                                                  \
    static const struct imx_variant direction##_##type = { "cl_tile_" #type, supports_##type,                          \
                                                           workspace_##direction##_##type, run_##direction##_##type,   \
                                                           .over = { over_out, over_in } };

VARIANT(fwd, cpu, 0, 0)
VARIANT(fwd, gpu, 0, 0)
VARIANT(bwd, cpu, IMX_CRITIC_BWD_DL0, IMX_CRITIC_BWD_L0)
VARIANT(bwd, gpu, IMX_CRITIC_BWD_DL0, IMX_CRITIC_BWD_L0)
VARIANT(part_fwd, cpu, 0, 0)
VARIANT(part_fwd, gpu, 0, 0)
VARIANT(part_end, cpu, 0, 0)
VARIANT(part_end, gpu, 0, 0)
VARIANT(part_bwd, cpu, 0, 0)
VARIANT(part_bwd, gpu, 0, 0)

extern const struct imx_variant *const imx_variants_critic_fwd[], *const imx_variants_critic_bwd[];
const struct imx_variant *const imx_variants_critic_fwd[] = { &fwd_cpu, &fwd_gpu, NULL };
const struct imx_variant *const imx_variants_critic_bwd[] = { &bwd_cpu, &bwd_gpu, NULL };
extern const struct imx_variant *const imx_variants_critic_part_fwd[], *const imx_variants_critic_part_end[],
                                                                           *const imx_variants_critic_part_bwd[];
const struct imx_variant *const imx_variants_critic_part_fwd[] = { &part_fwd_cpu, &part_fwd_gpu, NULL };
const struct imx_variant *const imx_variants_critic_part_end[] = { &part_end_cpu, &part_end_gpu, NULL };
const struct imx_variant *const imx_variants_critic_part_bwd[] = { &part_bwd_cpu, &part_bwd_gpu, NULL };
