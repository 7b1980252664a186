/* Occlusion on OpenCL devices: one row of pixels per work-item. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/occlude.h"

static imx_status run(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_occlude *d = problem;
    return imx_run_occlude(dev, imx_launch_1d(dev, (size_t)d->n * (size_t)d->h, NULL),
                           &(struct imx_k_occlude){ .src = a->m[IMX_OCCLUDE_SRC],
                                                    .box = a->m[IMX_OCCLUDE_BOX],
                                                    .dst = a->m[IMX_OCCLUDE_DST],
                                                    .rows = d->n * d->h,
                                                    .h = d->h,
                                                    .w = d->w,
                                                    .c = d->c,
                                                    .fill = d->fill });
}

static const struct imx_variant cl = { "cl", imx_on_cl, NULL, run };
extern const struct imx_variant *const imx_variants_occlude[];
const struct imx_variant *const imx_variants_occlude[] = { &cl, NULL };
