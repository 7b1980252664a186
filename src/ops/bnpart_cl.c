/* Batch norm in pieces on OpenCL devices: the kernels of cl/batchnorm.cl, each launched by an op of its own. "cl_strip"
 * is for CPU devices, "cl_column" for GPUs. See bnpart.h. */
#include "ops/batchnorm_launch.h"
#include "ops/bnpart.h"

/* The parts of `rows` rows as the launches see them. */
static struct imx_rowchunk parts(const struct imx_bnpart *d, int32_t rows)
{
    return (struct imx_rowchunk){ d->chunk, (rows + d->chunk - 1) / d->chunk };
}

static struct imx_bn bn_of(const struct imx_bnpart *d, struct imx_rowchunk chunk, bool strips)
{
    return (struct imx_bn){ .chunk = chunk,
                            .rows = d->rows,
                            .total = d->total,
                            .cols = d->cols,
                            .act = d->act,
                            .eps = d->eps,
                            .momentum = d->momentum,
                            .strips = strips };
}

static imx_status run_stat(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, parts(d, d->rows), strips);
    b.src = a->m[IMX_BN_STAT_SRC];
    b.part = a->m[IMX_BN_STAT_PART];
    return imx_bn_stat(dev, &b);
}

static imx_status run_merge(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, parts(d, d->total), strips);
    b.part = a->m[IMX_BN_MERGE_PART];
    b.run_mean = a->m[IMX_BN_MERGE_RUN_MEAN];
    b.run_var = a->m[IMX_BN_MERGE_RUN_VAR];
    b.mean = a->m[IMX_BN_MERGE_MEAN];
    b.invstd = a->m[IMX_BN_MERGE_INVSTD];
    return imx_bn_stat_finish(dev, &b);
}

static imx_status run_apply(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, imx_rowchunk(d->rows, strips), strips);
    b.src = a->m[IMX_BN_APPLY_SRC];
    b.gamma = a->m[IMX_BN_APPLY_GAMMA];
    b.beta = a->m[IMX_BN_APPLY_BETA];
    b.mean = a->m[IMX_BN_APPLY_MEAN];
    b.invstd = a->m[IMX_BN_APPLY_INVSTD];
    b.dst = a->m[IMX_BN_APPLY_DST];
    return imx_bn_apply(dev, &b);
}

static struct imx_bn back_of(const struct imx_bnpart *d, struct imx_rowchunk chunk, const struct imx_mem *m,
                             bool strips)
{
    struct imx_bn b = bn_of(d, chunk, strips);
    b.src = m[IMX_BN_BACK_SRC];
    b.ddst = m[IMX_BN_BACK_DDST];
    b.gamma = m[IMX_BN_BACK_GAMMA];
    b.beta = m[IMX_BN_BACK_BETA];
    b.mean = m[IMX_BN_BACK_MEAN];
    b.invstd = m[IMX_BN_BACK_INVSTD];
    return b;
}

static imx_status run_back_stat(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = back_of(d, parts(d, d->rows), a->m, strips);
    b.part = a->m[IMX_BN_BACK_PART];
    return imx_bn_back(dev, &b);
}

static imx_status run_back_merge(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = bn_of(d, parts(d, d->total), strips);
    b.part = a->m[IMX_BN_BACK_MERGE_PART];
    b.invstd = a->m[IMX_BN_BACK_MERGE_INVSTD];
    b.dgamma = a->m[IMX_BN_BACK_MERGE_DGAMMA];
    b.dbeta = a->m[IMX_BN_BACK_MERGE_DBETA];
    return imx_bn_back_finish(dev, &b);
}

static imx_status run_back_apply(struct imx_dev *dev, const struct imx_bnpart *d, const struct imx_args *a, bool strips)
{
    struct imx_bn b = back_of(d, imx_rowchunk(d->rows, strips), a->m, strips);
    b.dgamma = a->m[IMX_BN_BACK_DGAMMA];
    b.dbeta = a->m[IMX_BN_BACK_DBETA];
    b.dsrc = a->m[IMX_BN_BACK_DSRC];
    return imx_bn_dsrc(dev, &b);
}

#define VARIANTS(stem)                                                                                                 \
    static imx_status stem##_strip(struct imx_dev *dev, const void *problem, const struct imx_args *a)                 \
    {                                                                                                                  \
        return run_##stem(dev, problem, a, true);                                                                      \
    }                                                                                                                  \
    static imx_status stem##_column(struct imx_dev *dev, const void *problem, const struct imx_args *a)                \
    {                                                                                                                  \
        return run_##stem(dev, problem, a, false);                                                                     \
    }                                                                                                                  \
    static const struct imx_variant v_##stem##_strip = { "cl_strip", imx_on_cpu, NULL, stem##_strip, NULL };           \
    static const struct imx_variant v_##stem##_column = { "cl_column", imx_on_cl, NULL, stem##_column, NULL };         \
    extern const struct imx_variant *const imx_variants_bn_##stem[];                                                   \
    const struct imx_variant *const imx_variants_bn_##stem[] = { &v_##stem##_strip, &v_##stem##_column, NULL };

VARIANTS(stat)
VARIANTS(merge)
VARIANTS(apply)
VARIANTS(back_stat)
VARIANTS(back_merge)
VARIANTS(back_apply)
