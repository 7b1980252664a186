/* How passes over the rows of a matrix src[rows, cols] are cut. A function of the sizes and the kind of
 * device alone, so that a reduction has the same shape, and therefore the same bits, on every run. */
#ifndef IMX_OPS_ROWCHUNK_H
#define IMX_OPS_ROWCHUNK_H

#include "ops/launch.h"
#include "ops/op.h"

/* Work-items of a group of the "column" and "group" kernels: 64, or the largest power of two that a device
 * allows which has less. */
static inline int32_t imx_group(const struct imx_caps *caps)
{
    int32_t group = 64;
    while (group > 1 && ((uint32_t)group > caps->max_group || (uint32_t)group > caps->max_items[0]))
        group /= 2;
    return group;
}

/* The option that tells a "group" kernel its size; NULL for 64. */
static inline const char *imx_group_options(const struct imx_caps *caps)
{
    switch (imx_group(caps)) {
    case 64: return NULL;
    case 32: return "-DGROUP=32";
    case 16: return "-DGROUP=16";
    case 8: return "-DGROUP=8";
    case 4: return "-DGROUP=4";
    case 2: return "-DGROUP=2";
    default: return "-DGROUP=1";
    }
}

/* Rows per chunk (a multiple of 8, except that one chunk may hold all rows) and the number of chunks. */
struct imx_rowchunk {
    int32_t rows, count;
};

static inline struct imx_rowchunk imx_rowchunk(int32_t rows, bool strips)
{
    const int64_t most = strips ? 32 : 128, least = strips ? 64 : 16;
    int64_t per = (rows + most - 1) / most;
    per = per < least ? least : (per + 7) / 8 * 8;
    return (struct imx_rowchunk){ (int32_t)per, (int32_t)((rows + per - 1) / per) };
}

/* Columns that one work-item of a CPU device walks: long runs of a row, but some work for every core. */
static inline int32_t imx_strip(struct imx_rowchunk chunk)
{
    return chunk.count >= 8 ? 2048 : 128;
}

/* Rows that it takes at once, at most `most`. Rows that lie a multiple of 4 KB apart share the same sets of
 * the L1 cache, and stores to one hold up loads from the next, so wide matrices that no cache holds go row by
 * row. */
static inline int32_t imx_strip_rows(struct imx_rowchunk chunk, int32_t cols, int32_t most)
{
    return cols >= 512 && chunk.count >= 8 ? 1 : most;
}

/* One work-item per chunk and strip of columns. */
static inline struct imx_launch imx_launch_strips(struct imx_rowchunk chunk, int32_t cols)
{
    const size_t strip = (size_t)imx_strip(chunk), strips = ((size_t)cols + strip - 1) / strip;
    return (struct imx_launch){ { (size_t)chunk.count, strips, 1 }, { 1, 1, 1 }, NULL };
}

/* One work-item per column and chunk; neighbouring work-items read neighbouring columns. */
static inline struct imx_launch imx_launch_columns(const struct imx_dev *dev, struct imx_rowchunk chunk, int32_t cols)
{
    const size_t group = (size_t)imx_group(&dev->caps), groups = ((size_t)cols + group - 1) / group;
    return (struct imx_launch){ { groups * group, (size_t)chunk.count, 1 }, { group, 1, 1 }, NULL };
}

/* The pass that merges chunks: `width` columns per work-item (16 = one vector on CPU devices, 1 on others).
 */
static inline struct imx_launch imx_launch_finish(const struct imx_dev *dev, int32_t cols, int32_t width)
{
    const size_t work = ((size_t)cols + (size_t)width - 1) / (size_t)width;
    if (width > 1)
        return (struct imx_launch){ { work, 1, 1 }, { 1, 1, 1 }, NULL };
    return imx_launch_1d(dev, work, NULL);
}

/* Rows that one work-item takes when it walks whole rows: about 16384 values, so that a launch pays for
 * itself. */
static inline int32_t imx_rows_per_item(int32_t cols)
{
    return cols >= 16384 ? 1 : 16384 / cols;
}

static inline struct imx_launch imx_launch_rows(int32_t rows, int32_t per_item)
{
    const size_t work = ((size_t)rows + (size_t)per_item - 1) / (size_t)per_item;
    return (struct imx_launch){ { work, 1, 1 }, { 1, 1, 1 }, NULL };
}

/* `groups` work-groups of a "group" kernel, one group per row. */
static inline struct imx_launch imx_launch_groups(const struct imx_dev *dev, int32_t groups)
{
    const size_t group = (size_t)imx_group(&dev->caps);
    return (struct imx_launch){ { (size_t)groups * group, 1, 1 }, { group, 1, 1 }, imx_group_options(&dev->caps) };
}

/* The same on sub-groups (cl/group_sum.h), where imx_has_subgroups() says so. */
static inline struct imx_launch imx_launch_subgroups(const struct imx_dev *dev, int32_t groups)
{
    return (struct imx_launch){ { (size_t)groups * 64, 1, 1 }, { 64, 1, 1 }, imx_subgroup_options(&dev->caps) };
}

/* Has the device sub-groups for kernels that give a row to a group? A supports(). */
static inline bool imx_has_subgroups(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return imx_caps_cl(caps) && caps->subgroups && imx_group(caps) == 64 && imx_subgroup_options(caps);
}

#endif
