/* Bytes to normalised floats on OpenCL devices: one work-item per pixel, the same kernel for every device type. */
#include "imx_kernels.h"
#include "ops/image.h"
#include "ops/launch.h"

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_image *d = problem;
    return imx_run_image(dev, imx_launch_1d(dev, (size_t)d->n * (size_t)d->croph * (size_t)d->cropw, NULL),
                         &(struct imx_k_image){ .src = a->m[IMX_IMAGE_SRC],
                                                .aug = a->m[IMX_IMAGE_AUG],
                                                .mean = a->m[IMX_IMAGE_MEAN],
                                                .invstd = a->m[IMX_IMAGE_INVSTD],
                                                .dst = a->m[IMX_IMAGE_DST],
                                                .n = d->n,
                                                .h = d->h,
                                                .w = d->w,
                                                .c = d->c,
                                                .croph = d->croph,
                                                .cropw = d->cropw });
}

static const struct imx_variant cl = { "cl", imx_on_cl, NULL, run };
extern const struct imx_variant *const imx_variants_image[];
const struct imx_variant *const imx_variants_image[] = { &cl, NULL };
