/* Softmax cross-entropy on OpenCL devices: rows, then one group that adds them. "cl_row" takes a work-item
 * per row (few classes, or a CPU device), "cl_group" a group per row, "cl_group_sub" the same on sub-groups. */
#include "imx_kernels.h"
#include "ops/rowchunk.h"
#include "ops/xent.h"

static bool few_classes(const struct imx_caps *caps, const void *problem)
{
    const struct imx_xent *d = problem;
    return imx_caps_cl(caps) && (caps->type == IMX_DEV_CPU || d->classes <= 32);
}

static uint64_t workspace(const struct imx_caps *caps, const void *problem)
{
    (void)caps;
    return 2 * sizeof(float) * (uint64_t)((const struct imx_xent *)problem)->rows;
}

/* Values that the kernels of rows take at a time. */
static const char *vec_options(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU ? "-DVEC=16" : NULL;
}

static imx_status finish(struct imx_dev *dev, const struct imx_xent *d, const struct imx_args *a,
                         struct imx_launch launch)
{
    return imx_run_xent_finish(dev, launch,
                               &(struct imx_k_xent_finish){ .part = a->ws,
                                                            .label = a->m[IMX_XENT_FWD_LABEL],
                                                            .loss = a->m[IMX_XENT_FWD_LOSS],
                                                            .hits = a->m[IMX_XENT_FWD_HITS],
                                                            .count = a->m[IMX_XENT_FWD_COUNT],
                                                            .rows = d->rows });
}

static imx_status run_row(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_xent *d = problem;
    struct imx_launch one = imx_launch_groups(dev, 1);
    if (!one.options)
        one.options = vec_options(dev); /* so that both are of one program */
    IMX_TRY(imx_run_xent_row(dev, imx_launch_1d(dev, (size_t)d->rows, vec_options(dev)),
                             &(struct imx_k_xent_row){ .logits = a->m[IMX_XENT_FWD_LOGITS],
                                                       .label = a->m[IMX_XENT_FWD_LABEL],
                                                       .lse = a->m[IMX_XENT_FWD_LSE],
                                                       .part = a->ws,
                                                       .rows = d->rows,
                                                       .classes = d->classes }));
    return finish(dev, d, a, one);
}

static imx_status run_groups(struct imx_dev *dev, const struct imx_xent *d, const struct imx_args *a,
                             struct imx_launch rows, struct imx_launch one)
{
    IMX_TRY(imx_run_xent_group(dev, rows,
                               &(struct imx_k_xent_group){ .logits = a->m[IMX_XENT_FWD_LOGITS],
                                                           .label = a->m[IMX_XENT_FWD_LABEL],
                                                           .lse = a->m[IMX_XENT_FWD_LSE],
                                                           .part = a->ws,
                                                           .rows = d->rows,
                                                           .classes = d->classes }));
    return finish(dev, d, a, one);
}

static imx_status run_group(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_xent *d = problem;
    return run_groups(dev, d, a, imx_launch_groups(dev, d->rows), imx_launch_groups(dev, 1));
}

static imx_status run_sub(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_xent *d = problem;
    return run_groups(dev, d, a, imx_launch_subgroups(dev, d->rows), imx_launch_subgroups(dev, 1));
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_xent *d = problem;
    const bool whole = dev->caps.type == IMX_DEV_CPU;
    struct imx_launch launch = imx_launch_1d(dev, (size_t)d->classes, vec_options(dev));
    if (whole)
        launch.global[0] = launch.local[0] = 1;
    launch.global[1] = (size_t)d->rows;
    return imx_run_xent_back(dev, launch,
                             &(struct imx_k_xent_back){ .logits = a->m[IMX_XENT_BWD_LOGITS],
                                                        .label = a->m[IMX_XENT_BWD_LABEL],
                                                        .lse = a->m[IMX_XENT_BWD_LSE],
                                                        .count = a->m[IMX_XENT_BWD_COUNT],
                                                        .dloss = a->m[IMX_XENT_BWD_DLOSS],
                                                        .dlogits = a->m[IMX_XENT_BWD_DLOGITS],
                                                        .classes = d->classes,
                                                        .take = whole ? d->classes : 1 });
}

static const struct imx_variant row = { "cl_row", few_classes, workspace, run_row };
static const struct imx_variant sub = { "cl_group_sub", imx_has_subgroups, workspace, run_sub };
static const struct imx_variant group = { "cl_group", imx_on_cl, workspace, run_group };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_xent_fwd[], *const imx_variants_xent_bwd[];
const struct imx_variant *const imx_variants_xent_fwd[] = { &row, &group, &sub, NULL };
const struct imx_variant *const imx_variants_xent_bwd[] = { &bwd, NULL };
