/* Rows of length 1 on OpenCL devices: one row per work-item. Rows are codes, some tens of values each. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/unitrow.h"

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_unitrow *d = problem;
    return imx_run_unitrow_fwd(dev, imx_launch_1d(dev, (size_t)d->rows, ""),
                               &(struct imx_k_unitrow_fwd){ .src = a->m[IMX_UNITROW_FWD_SRC],
                                                            .dst = a->m[IMX_UNITROW_FWD_DST],
                                                            .inv = a->m[IMX_UNITROW_FWD_INV],
                                                            .rows = d->rows,
                                                            .cols = d->cols,
                                                            .least = IMX_UNITROW_LEAST });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_unitrow *d = problem;
    return imx_run_unitrow_bwd(dev, imx_launch_1d(dev, (size_t)d->rows, ""),
                               &(struct imx_k_unitrow_bwd){ .dst = a->m[IMX_UNITROW_BWD_DST],
                                                            .inv = a->m[IMX_UNITROW_BWD_INV],
                                                            .ddst = a->m[IMX_UNITROW_BWD_DDST],
                                                            .dsrc = a->m[IMX_UNITROW_BWD_DSRC],
                                                            .rows = d->rows,
                                                            .cols = d->cols });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_unitrow_fwd[], *const imx_variants_unitrow_bwd[];
const struct imx_variant *const imx_variants_unitrow_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_unitrow_bwd[] = { &bwd, NULL };
