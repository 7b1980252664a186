/* Shapes of launches, and of the scratch between them, that many ops share. */
#ifndef IMX_OPS_LAUNCH_H
#define IMX_OPS_LAUNCH_H

#include "dev/dev.h"

/* x rounded up to a multiple of `to`. */
static inline int32_t imx_up(int32_t x, int32_t to)
{
    return (x + to - 1) / to * to;
}

/* Bytes that a part of the workspace takes, so that the next begins where a piece of memory may on any device. */
static inline uint64_t imx_page(uint64_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

/* One dimension of `work` items, rounded up to groups of 64 (kernels test their bounds). */
static inline struct imx_launch imx_launch_1d(const struct imx_dev *dev, size_t work, const char *options)
{
    const size_t local = dev->caps.max_group >= 64 ? 64 : dev->caps.max_group ? dev->caps.max_group : 1;
    return (struct imx_launch){ { (work + local - 1) / local * local, 1, 1 }, { local, 1, 1 }, options };
}

/* Values per work-item of the kernels that include cl/vec.h, and the option that tells them. */
static inline size_t imx_vec(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU ? 16 : 4;
}

static inline const char *imx_vec_options(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU ? "-DVEC=16" : "-DVEC=4";
}

/* A launch of an element-wise kernel over n values, imx_vec() of them per work-item. */
static inline struct imx_launch imx_launch_vec(const struct imx_dev *dev, size_t n)
{
    return imx_launch_1d(dev, (n + imx_vec(dev) - 1) / imx_vec(dev), imx_vec_options(dev));
}

/* BLOCK of the kernels that include cl/draw.h. */
static inline size_t imx_draws_block(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU ? 64 : 4;
}

/* A launch of a kernel that includes cl/draw.h over n values: BLOCK of them per work-item. */
static inline struct imx_launch imx_launch_draws(const struct imx_dev *dev, size_t n)
{
    const size_t block = imx_draws_block(dev);
    return imx_launch_1d(dev, (n + block - 1) / block, imx_vec_options(dev));
}

#endif
