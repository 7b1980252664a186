/* What the variants on tiles (cl/tile_local.h) share. When there are too few tiles to fill the device, the sum behind
 * each result is cut into slices, whose partial sums a second pass adds in their order: no atomics, the same bits on
 * every run. */
#ifndef IMX_OPS_TILE_LOCAL_H
#define IMX_OPS_TILE_LOCAL_H

#include "ops/op.h"

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

/* The tunable of these variants, and which values it may have. */
#define IMX_SLICES_TRIES                                                                                               \
    {                                                                                                                  \
        1, 2, 4, 8, 16, 32, 64, 128, 256, 0                                                                            \
    }
static inline bool imx_slices_ok(const struct imx_caps *caps, int32_t slices, int64_t results)
{
    return slices >= 1 && slices <= IMX_MOST_SLICES &&
           (slices == 1 || (uint64_t)slices * (uint64_t)results * sizeof(float) <= caps->max_alloc_bytes);
}

#endif
