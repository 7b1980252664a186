/* What the variants on tiles (cl/tile_local.h) share. When there are too few tiles to fill the device, the sum behind
 * each result is cut into slices, whose partial sums a second pass adds in their order: no atomics, the same bits on
 * every run. */
#ifndef IMX_OPS_TILE_LOCAL_H
#define IMX_OPS_TILE_LOCAL_H

#include "ops/op.h"
#include "ops/tuned.h"

/* One form of cl/tile_local.h: a group of wide x high work-items computes rows x cols results. */
struct imx_tile {
    int32_t rows, cols, wide, high;
    uint32_t local_bytes, sub; /* sub: the size of its sub-groups; 0: it has none */
    const char *options;
    bool half; /* stores its tiles in half precision */
};

static const struct imx_tile imx_tile16 = { 64, 64, 16, 16, 8320, 0, "-DTS=16", false };
static const struct imx_tile imx_tile8 = { 32, 32, 8, 8, 4224, 0, "-DTS=8", false };
static const struct imx_tile imx_tile4 = { 16, 16, 4, 4, 2176, 0, "-DTS=4", false };
static const struct imx_tile imx_tile_sub8 = { 64, 32, 64, 1, 1056, 8, "-DSUB=8", false };
static const struct imx_tile imx_tile_sub16 = { 64, 32, 128, 1, 2112, 16, "-DSUB=16", false };

static const struct imx_tile imx_tile_half16 = { 64, 64, 16, 16, 4224, 0, "-DTS=16 -DHALF", true };
static const struct imx_tile imx_tile_half8 = { 32, 32, 8, 8, 2176, 0, "-DTS=8 -DHALF", true };

static inline bool imx_tile_fits(const struct imx_caps *caps, const struct imx_tile *t)
{
    return imx_caps_cl(caps) && caps->max_group >= (uint32_t)(t->wide * t->high) &&
           caps->max_items[0] >= (uint32_t)t->wide && caps->max_items[1] >= (uint32_t)t->high &&
           caps->local_bytes >= t->local_bytes && (!t->half || caps->half) &&
           (!t->sub || (caps->subgroups && (caps->sub_sizes & t->sub)));
}

/* supports() of the variants, one for each form. The largest tile only where there are 16 KB. */
static inline bool imx_tile16_fits(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_tile_fits(caps, &imx_tile16) && caps->local_bytes >= 16384;
}

static inline bool imx_tile8_fits(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 64;
}

/* For drivers whose work-groups are tiny. */
static inline bool imx_tile4_fits(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->max_group >= 16 && caps->max_group < 64;
}

#define IMX_TILE_FITS(tile)                                                                                            \
    static inline bool imx_##tile##_fits(const struct imx_caps *caps, const void *problem)                             \
    {                                                                                                                  \
        (void)problem;                                                                                                 \
        return imx_tile_fits(caps, &imx_##tile);                                                                       \
    }
IMX_TILE_FITS(tile_sub8)
IMX_TILE_FITS(tile_sub16)
IMX_TILE_FITS(tile_half16)
IMX_TILE_FITS(tile_half8)
#undef IMX_TILE_FITS

/* Tiles that cover rows x cols results. */
static inline int64_t imx_tiles(const struct imx_tile *t, int64_t rows, int64_t cols)
{
    return ((rows + t->rows - 1) / t->rows) * ((cols + t->cols - 1) / t->cols);
}

static inline struct imx_launch imx_tile_launch(const struct imx_tile *t, size_t rows, size_t cols, int32_t slices)
{
    const size_t down = (rows + (size_t)t->rows - 1) / (size_t)t->rows, wide = (size_t)t->wide, high = (size_t)t->high;
    const size_t across = (cols + (size_t)t->cols - 1) / (size_t)t->cols;
    return (struct imx_launch){ { across * wide, down * high, (size_t)slices }, { wide, high, 1 }, t->options };
}

/* Slices of a sum: `count` of them, each `depth` terms long (a multiple of 16) but the last. */
struct imx_slices {
    int32_t count, depth;
};
enum { IMX_MOST_SLICES = 256 };

/* `terms` cut into at most `want` slices, none of them empty. */
static inline struct imx_slices imx_cut(int32_t terms, int32_t want)
{
    const int32_t each = (terms - 1) / want + 1, depth = each > INT32_MAX - 15 ? each : (each + 15) / 16 * 16;
    return (struct imx_slices){ (terms - 1) / depth + 1, depth };
}

/* How many slices, of tiles of `items` work-items each: 1,024 work-items for each compute unit (16 waves of 64, some
 * hide what others wait for), but none shorter than 128 terms, and not more slices than each has terms: the second
 * pass, whose work-items add up the slices one after the other, would take longer than the first. */
static inline int32_t imx_slices_wanted(const struct imx_caps *caps, int64_t tiles, int32_t terms, int64_t items)
{
    const int64_t units = caps->compute_units ? caps->compute_units : 1;
    int64_t slices = units * 1024 / items / tiles;
    slices = slices < terms / 128 ? slices : terms / 128;
    slices = slices < IMX_MOST_SLICES ? slices : IMX_MOST_SLICES;
    while (slices > 1 && slices * slices > terms)
        slices--;
    return slices < 1 ? 1 : (int32_t)slices;
}

/* Bytes of the partial sums; 0 when there is one slice, which goes to its place directly. */
static inline uint64_t imx_slices_bytes(struct imx_slices s, int64_t results)
{
    return s.count == 1 ? 0 : (uint64_t)s.count * (uint64_t)results * sizeof(float);
}

/* rows x cols results, each a sum of so many terms. */
struct imx_sums {
    int32_t rows, cols, terms;
};

/* A form of the tiles as a variant whose sums are cut: the op, the variant (its tuned number of slices counts), and
 * what the op's problem is to the tiles. */
struct imx_sliced {
    const struct imx_op *op;
    const struct imx_variant *variant;
    const struct imx_tile *tile;
    struct imx_sums (*sums)(const void *problem);
};

static inline struct imx_slices imx_sliced_cut(const struct imx_caps *caps, const void *problem,
                                               const struct imx_sliced *f)
{
    const struct imx_sums s = f->sums(problem);
    int32_t tuned[IMX_MAX_TUNABLES];
    if (imx_tuned_values(caps, f->op, f->variant, problem, tuned))
        return imx_cut(s.terms, tuned[0]);
    return imx_cut(s.terms,
                   imx_slices_wanted(caps, imx_tiles(f->tile, s.rows, s.cols), s.terms, f->tile->wide * f->tile->high));
}

static inline struct imx_launch imx_sliced_launch(const void *problem, const struct imx_sliced *f,
                                                  struct imx_slices cut)
{
    const struct imx_sums s = f->sums(problem);
    return imx_tile_launch(f->tile, (size_t)s.rows, (size_t)s.cols, cut.count);
}

/* workspace() of the variant. */
static inline uint64_t imx_sliced_bytes(const struct imx_caps *caps, const void *problem, const struct imx_sliced *f)
{
    const struct imx_sums s = f->sums(problem);
    return imx_slices_bytes(imx_sliced_cut(caps, problem, f), (int64_t)s.rows * s.cols);
}

/* Its tunable, "slices": what is worth trying, what it takes by itself, and what it may be. */
static const int32_t imx_sliced_tries[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 0 };

static inline int32_t imx_sliced_own(const struct imx_caps *caps, const void *problem, const struct imx_sliced *f)
{
    struct imx_caps plain = *caps;
    plain.tuned = NULL;
    return imx_sliced_cut(&plain, problem, f).count;
}

static inline bool imx_sliced_ok(const struct imx_caps *caps, const void *problem, const struct imx_sliced *f,
                                 int32_t slices)
{
    const struct imx_sums s = f->sums(problem);
    return slices >= 1 && slices <= IMX_MOST_SLICES &&
           (slices == 1 ||
            (uint64_t)slices * (uint64_t)s.rows * (uint64_t)s.cols * sizeof(float) <= caps->max_alloc_bytes);
}

/* The variant `prefix##kind` of imx_op_##stem on imx_##kind, which run(dev, problem, args, form) runs. */
#define IMX_SLICED_VARIANT(prefix, kind, name, stem, sums, run, rank, mag, storage)                                    \
    static const struct imx_variant prefix##kind;                                                                      \
    static const struct imx_sliced prefix##kind##_form = { &imx_op_##stem, &prefix##kind, &imx_##kind, sums };         \
    static uint64_t prefix##kind##_workspace(const struct imx_caps *caps, const void *problem)                         \
    {                                                                                                                  \
        return imx_sliced_bytes(caps, problem, &prefix##kind##_form);                                                  \
    }                                                                                                                  \
    static imx_status prefix##kind##_run(struct imx_dev *dev, const void *problem, const struct imx_args *args)        \
    {                                                                                                                  \
        return run(dev, problem, args, &prefix##kind##_form);                                                          \
    }                                                                                                                  \
    static void prefix##kind##_own(const struct imx_caps *caps, const void *problem, int32_t value[IMX_MAX_TUNABLES])  \
    {                                                                                                                  \
        value[0] = imx_sliced_own(caps, problem, &prefix##kind##_form);                                                \
    }                                                                                                                  \
    static bool prefix##kind##_ok(const struct imx_caps *caps, const void *problem,                                    \
                                  const int32_t value[IMX_MAX_TUNABLES])                                               \
    {                                                                                                                  \
        return imx_sliced_ok(caps, problem, &prefix##kind##_form, value[0]);                                           \
    }                                                                                                                  \
    static const struct imx_tunables prefix##kind##_tunables = {                                                       \
        1, { { "slices", imx_sliced_tries } }, prefix##kind##_own, prefix##kind##_ok                                   \
    };                                                                                                                 \
    static const struct imx_variant prefix##kind = { name,                                                             \
                                                     imx_##kind##_fits,                                                \
                                                     prefix##kind##_workspace,                                         \
                                                     prefix##kind##_run,                                               \
                                                     rank,                                                             \
                                                     &prefix##kind##_tunables,                                         \
                                                     mag,                                                              \
                                                     false,                                                            \
                                                     storage };

#endif
