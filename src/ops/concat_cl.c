/* Columns side by side on OpenCL devices: the columns' sums by the engine's colsum where they are to be centred, then
 * one launch that moves. See concat.h. */
#include "imx_kernels.h"
#include "ops/concat.h"
#include "ops/launch.h"
#include "ops/reduce.h"

enum { CPU_WIDTH = 2048 };

void imx_concat_inner(const void *problem, imx_visit_fn *visit, void *user)
{
    const struct imx_concat *d = problem;
    if (d->centre)
        visit(user, &imx_op_colsum, &(struct imx_colsum){ d->rows, d->ca });
    if (d->centre && d->cb)
        visit(user, &imx_op_colsum, &(struct imx_colsum){ d->rows, d->cb });
}

void imx_concat_split_inner(const void *problem, imx_visit_fn *visit, void *user)
{
    const struct imx_concat *d = problem;
    if (d->centre)
        visit(user, &imx_op_colsum, &(struct imx_colsum){ d->rows, d->ca + d->cb });
}

/* The sums of two matrices, each on a page of its own, then colsum's scratch. */
static uint64_t join_workspace(const struct imx_caps *caps, const void *problem)
{
    const struct imx_concat *d = problem;
    const struct imx_colsum a = { d->rows, d->ca }, b = { d->rows, d->cb ? d->cb : 1 };
    const uint64_t first = imx_op_scratch(caps, &imx_op_colsum, &a), second = imx_op_scratch(caps, &imx_op_colsum, &b);
    return d->centre ? imx_page((uint64_t)d->ca * sizeof(float)) + imx_page((uint64_t)d->cb * sizeof(float)) +
                           (first > second ? first : second)
                     : 0;
}

static uint64_t split_workspace(const struct imx_caps *caps, const void *problem)
{
    const struct imx_concat *d = problem;
    const struct imx_colsum all = { d->rows, d->ca + d->cb };
    return d->centre ? imx_page((uint64_t)all.cols * sizeof(float)) + imx_op_scratch(caps, &imx_op_colsum, &all) : 0;
}

static imx_status colsum(struct imx_dev *dev, int32_t rows, int32_t cols, struct imx_mem src, struct imx_mem ws,
                         uint64_t off, struct imx_mem dst)
{
    struct imx_args args = { .ws = imx_part(ws, off, ws.bytes - off) };
    args.m[IMX_REDUCE_SRC] = src;
    args.m[IMX_REDUCE_DST] = dst;
    return imx_op_run(dev, &imx_op_colsum, NULL, &(struct imx_colsum){ rows, cols }, &args);
}

static int width_of(const struct imx_dev *dev)
{
    return dev->caps.type == IMX_DEV_CPU ? CPU_WIDTH : 1;
}

static struct imx_launch launch_of(const struct imx_dev *dev, const struct imx_concat *d)
{
    const size_t width = (size_t)width_of(dev);
    const size_t pieces = ((size_t)d->ca + width - 1) / width + ((size_t)d->cb + width - 1) / width;
    struct imx_launch launch = imx_launch_1d(dev, pieces, NULL);
    if (width > 1) {
        launch.global[0] = pieces;
        launch.local[0] = 1;
    }
    launch.global[1] = (size_t)d->rows;
    return launch;
}

static imx_status join(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_concat *d = problem;
    struct imx_mem sum_a = { 0 }, sum_b = { 0 };
    if (d->centre) {
        const uint64_t off = imx_page((uint64_t)d->ca * sizeof(float)),
                       scratch = off + imx_page((uint64_t)d->cb * sizeof(float));
        sum_a = imx_part(a->ws, 0, (uint64_t)d->ca * sizeof(float));
        IMX_TRY(colsum(dev, d->rows, d->ca, a->m[IMX_CONCAT_A], a->ws, scratch, sum_a));
        if (d->cb) {
            sum_b = imx_part(a->ws, off, (uint64_t)d->cb * sizeof(float));
            IMX_TRY(colsum(dev, d->rows, d->cb, a->m[IMX_CONCAT_B], a->ws, scratch, sum_b));
        }
    }
    return imx_run_concat_join(dev, launch_of(dev, d),
                               &(struct imx_k_concat_join){ .a = a->m[IMX_CONCAT_A],
                                                            .b = a->m[IMX_CONCAT_B],
                                                            .sum_a = sum_a,
                                                            .sum_b = sum_b,
                                                            .dst = a->m[IMX_CONCAT_DST],
                                                            .rows = d->rows,
                                                            .ca = d->ca,
                                                            .cb = d->cb,
                                                            .width = width_of(dev),
                                                            .centre = d->centre });
}

static imx_status split(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_concat *d = problem;
    struct imx_mem sum = { 0 };
    if (d->centre) {
        const int32_t cols = d->ca + d->cb;
        sum = imx_part(a->ws, 0, (uint64_t)cols * sizeof(float));
        IMX_TRY(colsum(dev, d->rows, cols, a->m[IMX_CONCAT_SPLIT_DDST], a->ws, imx_page((uint64_t)cols * sizeof(float)),
                       sum));
    }
    return imx_run_concat_split(dev, launch_of(dev, d),
                                &(struct imx_k_concat_split){ .ddst = a->m[IMX_CONCAT_SPLIT_DDST],
                                                              .sum = sum,
                                                              .da = a->m[IMX_CONCAT_SPLIT_DA],
                                                              .db = a->m[IMX_CONCAT_SPLIT_DB],
                                                              .rows = d->rows,
                                                              .ca = d->ca,
                                                              .cb = d->cb,
                                                              .width = width_of(dev),
                                                              .centre = d->centre });
}

static const struct imx_variant v_join = { "cl", imx_on_cl, join_workspace, join };
static const struct imx_variant v_split = { "cl", imx_on_cl, split_workspace, split };
extern const struct imx_variant *const imx_variants_concat[], *const imx_variants_concat_split[];
const struct imx_variant *const imx_variants_concat[] = { &v_join, NULL };
const struct imx_variant *const imx_variants_concat_split[] = { &v_split, NULL };
