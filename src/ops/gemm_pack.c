/* Matrix product on devices of type CPU: register tiles over packed panels (cl/gemm_cpu.cl).
 *
 * The kernel broadcasts elements of the left matrix, rows of which may stay as they lie, and loads vectors of
 * the right one, whose rows [k,n] may stay too; what lies the other way round is packed first. A product may
 * also be computed as dst^T = op(B)^T op(A)^T ("turned"), which exchanges the roles; that one is chosen which
 * moves less memory. Turned products and those cut along k go through partial sums in the workspace and
 * gemm_finish. */
#include "ops/gemm_pack.h"
#include "imx_kernels.h"
#include "ops/gemm_launch.h"
#include "ops/launch.h"
#include "ops/tuned.h"

/* A matrix that is read again for this many rows or columns of the other is packed even if it lies the right way
 * round: then a block of it is one piece of memory, which can be asked for ahead. */
#define PACK_FROM 512

struct plan {
    bool turned, a_packed, b_packed, parts;
    int32_t m, n; /* of the product that the kernel sees */
    int32_t tile_m, tile_n, slices, slice_k;
    uint64_t a_bytes, b_bytes, part_bytes;
};

struct imx_cpu_tile imx_cpu_tile(const struct imx_caps *caps)
{
    static const struct imx_cpu_tile wide = { 8, 32, "-DVW=16", "-DVW=16 -DA_STEP=MR" };
    static const struct imx_cpu_tile middle = { 6, 16, "-DVW=8", "-DVW=8 -DA_STEP=MR" };
    static const struct imx_cpu_tile narrow = { 4, 8, "-DVW=4", "-DVW=4 -DA_STEP=MR" };
    return caps->vec_float >= 16 ? wide : caps->vec_float >= 8 ? middle : narrow;
}

/* The tunables. form - 1: 4 = turned, 2 and 1 = the left and the right matrix are packed also where they need not be.
 */
enum { FORM, TILE_M, TILE_N, SLICES };

static void set_slices(int32_t slices, int32_t k, struct plan *p)
{
    p->slice_k = imx_up((k + slices - 1) / slices, 256);
    p->slices = (k + p->slice_k - 1) / p->slice_k;
}

/* The size of equal tiles of whole units, `most` at most, that `all` is cut into. A little smaller if their number is
 * odd then: of n work-groups PoCL hands 1 + n/T to the first of T threads, one more than its share where T divides n.
 */
static int32_t cut(int32_t all, int32_t most, int32_t unit)
{
    const int32_t least = (all + most - 1) / most;
    for (int32_t tiles = least; tiles <= least + least / 4 + 1 && least > 1; tiles++) {
        const int32_t size = imx_up((all + tiles - 1) / tiles, unit);
        if ((all + size - 1) / size % 2)
            return size;
    }
    return imx_up((all + least - 1) / least, unit);
}

/* Tiles large enough to reuse what was loaded, and small enough that every core gets several. */
static void choose_tiles(const struct imx_caps *caps, const struct imx_cpu_tile *t, int32_t k, struct plan *p)
{
    const int64_t want = 8 * (int64_t)(caps->compute_units ? caps->compute_units : 1);
    const int32_t unit_n = imx_up(t->nr, 32);
    /* Copying a lot of columns wants more rows. */
    int32_t most_m = p->b_packed ? IMX_CPU_ROWS : 2 * IMX_CPU_ROWS, most_n = IMX_CPU_COLS;
    p->tile_m = cut(p->m, most_m, t->mr);
    p->tile_n = cut(p->n, most_n, unit_n);
#define TILES ((int64_t)((p->m + p->tile_m - 1) / p->tile_m) * ((p->n + p->tile_n - 1) / p->tile_n))
    while (TILES < want && p->tile_n > unit_n)
        p->tile_n = cut(p->n, most_n /= 2, unit_n);
    while (TILES < want && p->tile_m > 96)
        p->tile_m = cut(p->m, most_m /= 2, t->mr);
    const int64_t slices = want / TILES, most = k / 512;
#undef TILES
    const int32_t wanted = (int32_t)(slices < most ? slices : most);
    set_slices(wanted < 1 ? 1 : wanted > 16 ? 16 : wanted, k, p);
}

/* norm: the matrix that batch norm stands before (struct imx_bn_ends), which is packed in any case. */
static struct plan make_plan(const struct imx_caps *caps, const struct imx_gemm *g, int32_t norm)
{
    int32_t tuned[IMX_MAX_TUNABLES];
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    const bool set = imx_tuned_values(caps, &imx_op_gemm, &imx_variant_gemm_cpu, g, tuned);
    const int32_t form = set ? tuned[FORM] - 1 : 0;
    /* Memory moved by packing (read, write, read again) and by turning back, in elements. */
    const double mk = 3.0 * g->m * g->k, nk = 3.0 * g->n * g->k, mn = 4.0 * g->m * g->n;
    struct plan p = { .turned = set ? form & 4 : g->tb ? mk + mn < nk : g->ta ? nk + mn < mk : false };
    p.m = p.turned ? g->n : g->m;
    p.n = p.turned ? g->m : g->n;
    const bool a_helps = p.n >= PACK_FROM && g->k >= PACK_FROM;
    const bool b_helps = p.m >= PACK_FROM && g->k >= PACK_FROM;
    p.a_packed = (p.turned ? !g->tb : g->ta) || (set ? form & 2 : a_helps) || norm == (p.turned ? 2 : 1);
    p.b_packed = (p.turned ? !g->ta : g->tb) || (set ? form & 1 : b_helps) || norm == (p.turned ? 1 : 2);
    if (set) {
        p.tile_m = tuned[TILE_M];
        p.tile_n = tuned[TILE_N];
        set_slices(tuned[SLICES], g->k, &p);
    } else {
        choose_tiles(caps, &t, g->k, &p);
    }
    p.parts = p.turned || p.slices > 1;
    p.a_bytes = p.a_packed ? imx_page((uint64_t)imx_up(p.m, t.mr) * (uint64_t)g->k * 4) : 0;
    p.b_bytes = p.b_packed ? imx_page((uint64_t)imx_up(p.n, t.nr) * (uint64_t)g->k * 4) : 0;
    p.part_bytes = p.parts ? imx_page((uint64_t)p.slices * (uint64_t)g->m * (uint64_t)g->n * 4) : 0;
    return p;
}

int imx_gemm_cpu_rank(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->type == IMX_DEV_CPU ? 0 : 4;
}

uint64_t imx_gemm_cpu_bytes(const struct imx_caps *caps, const struct imx_gemm *g, int32_t norm)
{
    const struct plan p = make_plan(caps, g, norm);
    return p.a_bytes + p.b_bytes + p.part_bytes;
}

static uint64_t workspace(const struct imx_caps *caps, const void *problem)
{
    return imx_gemm_cpu_bytes(caps, problem, 0);
}

int32_t imx_gemm_cpu_tile_rows(const struct imx_caps *caps, const struct imx_gemm *g, int32_t norm)
{
    const struct plan p = make_plan(caps, g, norm);
    return p.parts ? 0 : p.tile_m;
}

/* The one where a matrix is packed: with a weight, behind batch norm, or as it is. */
static imx_status pack(struct imx_dev *dev, struct imx_k_gemm_pack k)
{
    const int32_t span = IMX_CPU_SPAN / k.width * k.width;
    const struct imx_launch launch = { { ((size_t)k.k + 63) / 64, (size_t)((k.count + span - 1) / span), 1 },
                                       { 1, 1, 1 },
                                       imx_cpu_tile(&dev->caps).options };
    return imx_run_gemm_pack(dev, launch, &k);
}

imx_status imx_cpu_pack(struct imx_dev *dev, struct imx_mem src, struct imx_mem wgt, struct imx_mem dst, int32_t count,
                        int32_t k, int32_t width, int32_t step_j, int32_t step_k)
{
    return pack(dev, (struct imx_k_gemm_pack){ .src = src,
                                               .wgt = wgt,
                                               .dst = dst,
                                               .count = count,
                                               .k = k,
                                               .width = width,
                                               .step_j = step_j,
                                               .step_k = step_k,
                                               .weighted = wgt.bytes > 0 });
}

/* Matrix `which` (1 or 2) of the product, of `count` rows or columns that stay and k that are summed up; rows: those
 * lie apart, and the k side by side. */
static imx_status pack_matrix(struct imx_dev *dev, const struct imx_bn_work *bn, int32_t which, bool rows,
                              struct imx_mem src, struct imx_mem dst, int32_t count, int32_t k, int32_t width)
{
    const bool norm = bn->ends.norm == which;
    return pack(dev, (struct imx_k_gemm_pack){ .src = src,
                                               .dst = dst,
                                               .count = count,
                                               .k = k,
                                               .width = width,
                                               .step_j = rows ? k : 1,
                                               .step_k = rows ? 1 : count,
                                               IMX_BN_IN(bn),
                                               .norm = !norm  ? 0
                                                       : rows ? 1
                                                              : 2 });
}

imx_status imx_gemm_cpu_run(struct imx_dev *dev, const struct imx_gemm *g, const struct imx_args *args,
                            const struct imx_bn_work *bn)
{
    const struct imx_cpu_tile t = imx_cpu_tile(&dev->caps);
    const struct plan p = make_plan(&dev->caps, g, bn->ends.norm);
    struct imx_mem a = args->m[p.turned ? IMX_GEMM_B : IMX_GEMM_A], b = args->m[p.turned ? IMX_GEMM_A : IMX_GEMM_B];
    const struct imx_mem parts = imx_part(args->ws, p.a_bytes + p.b_bytes, p.part_bytes);
    const bool a_rows = p.turned ? g->tb : !g->ta, b_rows = p.turned ? !g->ta : g->tb;
    if (p.a_packed) {
        const struct imx_mem packed = imx_part(args->ws, 0, p.a_bytes);
        IMX_TRY(pack_matrix(dev, bn, p.turned ? 2 : 1, a_rows, a, packed, p.m, g->k, t.mr));
        a = packed;
    }
    if (p.b_packed) {
        const struct imx_mem packed = imx_part(args->ws, p.a_bytes, p.b_bytes);
        IMX_TRY(pack_matrix(dev, bn, p.turned ? 1 : 2, b_rows, b, packed, p.n, g->k, t.nr));
        b = packed;
    }
    const struct imx_launch launch = {
        { (size_t)((p.n + p.tile_n - 1) / p.tile_n), (size_t)((p.m + p.tile_m - 1) / p.tile_m), (size_t)p.slices },
        { 1, 1, 1 },
        p.a_packed ? t.options_packed : t.options,
    };
    IMX_TRY(imx_run_gemm_cpu(dev, launch,
                             &(struct imx_k_gemm_cpu){ .a = a,
                                                       .b = b,
                                                       .bia = args->m[IMX_GEMM_BIA],
                                                       .add = args->m[IMX_GEMM_ADD],
                                                       .dst = p.parts ? parts : args->m[IMX_GEMM_DST],
                                                       .m = p.m,
                                                       .n = p.n,
                                                       .k = g->k,
                                                       .b_packed = p.b_packed,
                                                       .tile_m = p.tile_m,
                                                       .tile_n = p.tile_n,
                                                       .slice_k = p.slice_k,
                                                       .has_bias = !p.parts && g->bias,
                                                       .has_add = !p.parts && g->add,
                                                       .relu = !p.parts && g->act == IMX_ACT_RELU,
                                                       .part = bn->part,
                                                       .stat = bn->ends.stat }));
    if (!p.parts)
        return IMX_OK;
    return imx_run_gemm_finish(dev, imx_launch_1d(dev, (size_t)g->m * (size_t)g->n, NULL),
                               &(struct imx_k_gemm_finish){ .part = parts,
                                                            .bia = args->m[IMX_GEMM_BIA],
                                                            .add = args->m[IMX_GEMM_ADD],
                                                            .dst = args->m[IMX_GEMM_DST],
                                                            .m = g->m,
                                                            .n = g->n,
                                                            .slices = p.slices,
                                                            .transposed = p.turned,
                                                            .has_bias = g->bias,
                                                            .has_add = g->add,
                                                            .relu = g->act == IMX_ACT_RELU });
}

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *args)
{
    return imx_gemm_cpu_run(dev, problem, args, &(struct imx_bn_work){ 0 });
}

static void own_tiles(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])
{
    struct imx_caps plain = *caps;
    plain.tuned = NULL;
    const struct plan p = make_plan(&plain, problem, 0);
    value[FORM] = 1 + 4 * p.turned + 2 * p.a_packed + p.b_packed;
    value[TILE_M] = p.tile_m;
    value[TILE_N] = p.tile_n;
    value[SLICES] = p.slices;
}

static bool tiles_ok(const struct imx_caps *caps, const void *problem, const int32_t value[IMX_MAX_TUNABLES])
{
    const struct imx_cpu_tile t = imx_cpu_tile(caps);
    (void)problem;
    return value[FORM] >= 1 && value[FORM] <= 8 && value[TILE_M] >= t.mr && value[TILE_M] <= 4096 &&
           value[TILE_M] % t.mr == 0 && value[TILE_N] >= t.nr && value[TILE_N] <= 4096 && value[TILE_N] % t.nr == 0 &&
           value[SLICES] >= 1 && value[SLICES] <= 16;
}

/* Multiples of every device's register tile. */
static const int32_t tries_form[] = { 1, 2, 3, 4, 5, 6, 7, 8, 0 };
static const int32_t tries_m[] = { 24, 48, 96, 120, 240, 480, 960, 0 }, tries_n[] = { 32, 64, 128, 256, 512, 0 },
                     tries_slices[] = { 1, 2, 4, 8, 16, 0 };
static const struct imx_tunables tunables = {
    4,
    { { "form", tries_form }, { "tile_m", tries_m }, { "tile_n", tries_n }, { "slices", tries_slices } },
    own_tiles,
    tiles_ok
};

const struct imx_variant imx_variant_gemm_cpu = { "cl_pack_cpu", imx_on_long_items, workspace,
                                                  run,           imx_gemm_cpu_rank, &tunables };
