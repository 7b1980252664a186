/* Element-wise functions on OpenCL devices: one vector per work-item. */
#include "imx_kernels.h"
#include "ops/act.h"
#include "ops/launch.h"

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_act_problem *d = problem;
    return imx_run_act_fwd(dev, imx_launch_vec(dev, (size_t)d->n),
                           &(struct imx_k_act_fwd){ .src = a->m[IMX_ACT_FWD_SRC],
                                                    .dst = a->m[IMX_ACT_FWD_DST],
                                                    .n = (uint32_t)d->n,
                                                    .kind = d->kind,
                                                    .slope = d->slope });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_act_problem *d = problem;
    return imx_run_act_bwd(dev, imx_launch_vec(dev, (size_t)d->n),
                           &(struct imx_k_act_bwd){ .src = a->m[IMX_ACT_BWD_SRC],
                                                    .ddst = a->m[IMX_ACT_BWD_DDST],
                                                    .dsrc = a->m[IMX_ACT_BWD_DSRC],
                                                    .n = (uint32_t)d->n,
                                                    .kind = d->kind,
                                                    .slope = d->slope });
}

static const struct imx_variant fwd = { "cl", imx_on_cl, NULL, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_act_fwd[], *const imx_variants_act_bwd[];
const struct imx_variant *const imx_variants_act_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_act_bwd[] = { &bwd, NULL };
