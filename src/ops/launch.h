/* Shapes of launches that many ops share. */
#ifndef IMX_OPS_LAUNCH_H
#define IMX_OPS_LAUNCH_H

#include "dev/dev.h"

/* One dimension of `work` items, rounded up to groups of 64 (kernels test their bounds). */
static inline struct imx_launch imx_launch_1d(const struct imx_dev *dev, size_t work, const char *options)
{
    const size_t local = dev->caps.max_group >= 64 ? 64 : dev->caps.max_group ? dev->caps.max_group : 1;
    return (struct imx_launch){ { (work + local - 1) / local * local, 1, 1 }, { local, 1, 1 }, options };
}

#endif
