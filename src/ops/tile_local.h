/* What the variants on local-memory tiles (cl/tile_local.h) share: groups of `group` x `group` work-items compute tiles
 * of 4 group x 4 group results. When there are too few tiles to fill the device, the sum behind each result is cut into
 * slices, whose partial sums a second pass adds in their order: no atomics, the same bits on every run. */
#ifndef IMX_OPS_TILE_LOCAL_H
#define IMX_OPS_TILE_LOCAL_H

#include "ops/op.h"

/* Slices of a sum: `count` of them, each `depth` terms long (a multiple of 16) but the last. */
struct imx_slices {
    int32_t count, depth;
};
enum { IMX_MOST_SLICES = 256 };

static inline int64_t imx_tile_count(int64_t rows, int64_t cols, int64_t group)
{
    return ((rows + 4 * group - 1) / (4 * group)) * ((cols + 4 * group - 1) / (4 * group));
}

/* `terms` cut into at most `want` slices, none of them empty. */
static inline struct imx_slices imx_cut(int32_t terms, int32_t want)
{
    const int32_t each = (terms - 1) / want + 1, depth = each > INT32_MAX - 15 ? each : (each + 15) / 16 * 16;
    return (struct imx_slices){ (terms - 1) / depth + 1, depth };
}

/* How many slices: 1,024 work-items for each compute unit (16 waves of 64, some hide what others wait for), but none
 * shorter than 128 terms, and not more slices than each has terms: the second pass, whose work-items add up the slices
 * one after the other, would take longer than the first. */
static inline int32_t imx_slices_wanted(const struct imx_caps *caps, int64_t tiles, int32_t terms, int64_t group)
{
    const int64_t units = caps->compute_units ? caps->compute_units : 1;
    int64_t slices = units * 1024 / (group * group) / tiles;
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
