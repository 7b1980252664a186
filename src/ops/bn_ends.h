/* What batch norm leaves to the products around it, so that a layer's rows are read and written once less each:
 *   behind a product, the statistics of its result's columns, taken as it leaves the registers: mean and invstd =
 *       1/sqrt(var + eps) over all rows (var biased), and run_mean, run_var as batchnorm_fwd moves them;
 *   before a product, x -> act(gamma*(x-mean)*invstd + beta) by columns, computed as its matrix is loaded or packed.
 * The ops gemm_bn and conv2d_bn_* are the plain ones with these arguments behind theirs. graph/fuse.h makes them. */
#ifndef IMX_OPS_BN_ENDS_H
#define IMX_OPS_BN_ENDS_H

#include "ops/batchnorm_launch.h"
#include "ops/op.h"
#include "shared.h"

struct imx_bn_ends {
    int32_t norm; /* which of the product's matrices is normalised: 1 the left one, 2 the right one, 0 none */
    int32_t relu, stat;
    float eps, momentum; /* of stat */
};

/* The arguments of the ops from `base` on: the first four of the norm's columns, absent without; the others of the
 * result's, absent without stat. */
enum {
    IMX_BN_IN_MEAN,
    IMX_BN_IN_INVSTD,
    IMX_BN_IN_GAMMA,
    IMX_BN_IN_BETA,
    IMX_BN_OUT_RUN_MEAN, /* inout */
    IMX_BN_OUT_RUN_VAR,  /* inout */
    IMX_BN_OUT_MEAN,
    IMX_BN_OUT_INVSTD,
    IMX_BN_ENDS_ARGS,
    IMX_BN_IN_ARGS = IMX_BN_OUT_RUN_MEAN /* of an op that has no statistics */
};

/* Fields of a problem `type` whose struct imx_bn_ends is `ends`. */
#define IMX_BN_ENDS_FIELDS(type)                                                                                       \
    { "_norm", offsetof(type, ends) + offsetof(struct imx_bn_ends, norm), false },                                     \
        { "relu", offsetof(type, ends) + offsetof(struct imx_bn_ends, relu), false },                                  \
        { "stat", offsetof(type, ends) + offsetof(struct imx_bn_ends, stat), false },                                  \
        { "eps", offsetof(type, ends) + offsetof(struct imx_bn_ends, eps), true },                                     \
    {                                                                                                                  \
        "mom", offsetof(type, ends) + offsetof(struct imx_bn_ends, momentum), true                                     \
    }

static inline const char *imx_bn_ends_check(const struct imx_bn_ends *e, int32_t matrices)
{
    if (e->norm < 0 || e->norm > matrices || (e->relu & ~1) || (e->stat & ~1))
        return "norm says which matrix, relu and stat are 0 or 1";
    return e->stat && !(e->eps > 0 && e->momentum >= 0 && e->momentum <= 1)
               ? "eps must be positive and momentum lie in [0, 1]"
               : NULL;
}

/* Describes `n` of them (IMX_BN_ENDS_ARGS or IMX_BN_IN_ARGS). */
static inline void imx_bn_ends_args(const struct imx_bn_ends *e, int64_t in, int64_t out, int n, struct imx_arg *arg)
{
    static const struct imx_arg what[IMX_BN_ENDS_ARGS] = {
        { "in_mean", IMX_IN, IMX_F32, 0, IMX_FILL_REAL, 0 },
        { "in_invstd", IMX_IN, IMX_F32, 0, IMX_FILL_POSITIVE, 0 },
        { "in_gamma", IMX_IN, IMX_F32, 0, IMX_FILL_REAL, 0 },
        { "in_beta", IMX_IN, IMX_F32, 0, IMX_FILL_REAL, 0 },
        { "run_mean", IMX_INOUT, IMX_F32, 0, IMX_FILL_REAL, 0 },
        { "run_var", IMX_INOUT, IMX_F32, 0, IMX_FILL_POSITIVE, 0 },
        { "mean", IMX_OUT, IMX_F32, 0, IMX_FILL_REAL, 0 },
        { "invstd", IMX_OUT, IMX_F32, 0, IMX_FILL_REAL, 0 },
    };
    for (int i = 0; i < n; i++) {
        arg[i] = what[i];
        arg[i].count = i < IMX_BN_IN_ARGS ? (e->norm ? in : 0) : (e->stat ? out : 0);
    }
}

/* What a variant of a plain product needs of it beside its own arguments; zeros for the plain op. arg: the memory of
 * the ends' arguments. part: statistics of each tile of rows, [tiles, 2, cols]. */
struct imx_bn_work {
    struct imx_bn_ends ends;
    const struct imx_mem *arg;
    struct imx_mem part;
};

/* Arguments of the kernels. */
#define IMX_BN_IN(w)                                                                                                   \
    .in_mean = imx_bn_arg(w, IMX_BN_IN_MEAN), .in_invstd = imx_bn_arg(w, IMX_BN_IN_INVSTD),                            \
    .in_gamma = imx_bn_arg(w, IMX_BN_IN_GAMMA), .in_beta = imx_bn_arg(w, IMX_BN_IN_BETA), .in_relu = (w)->ends.relu

static inline struct imx_mem imx_bn_arg(const struct imx_bn_work *w, int i)
{
    return w->arg && w->ends.norm ? w->arg[i] : (struct imx_mem){ 0 };
}

/* The parts of the statistics of `rows` rows: tiles of `tile` rows, or, where that is 0 because a product is computed
 * in sums, those of a pass over its result. */
static inline struct imx_rowchunk imx_bn_parts(int32_t rows, int32_t tile, bool cpu)
{
    return tile ? (struct imx_rowchunk){ tile, (rows + tile - 1) / tile } : imx_rowchunk(rows, cpu);
}

static inline uint64_t imx_bn_part_bytes(const struct imx_bn_ends *e, struct imx_rowchunk parts, int32_t cols)
{
    return e->stat ? (uint64_t)parts.count * 2 * (uint64_t)cols * sizeof(float) : 0;
}

/* After the product, whose result is dst[rows, cols]: mean, invstd and the running ones from the parts, which are taken
 * now where tile is 0; nothing without stat. cpu: by the kernels for CPU devices. */
static inline imx_status imx_bn_ends_finish(struct imx_dev *dev, const struct imx_bn_work *w, struct imx_mem dst,
                                            int32_t rows, int32_t cols, int32_t tile, bool cpu)
{
    if (!w->ends.stat)
        return IMX_OK;
    const struct imx_bn b = { .chunk = imx_bn_parts(rows, tile, cpu),
                              .rows = rows,
                              .total = rows,
                              .cols = cols,
                              .eps = w->ends.eps,
                              .momentum = w->ends.momentum,
                              .strips = cpu,
                              .src = dst,
                              .run_mean = w->arg[IMX_BN_OUT_RUN_MEAN],
                              .run_var = w->arg[IMX_BN_OUT_RUN_VAR],
                              .mean = w->arg[IMX_BN_OUT_MEAN],
                              .invstd = w->arg[IMX_BN_OUT_INVSTD],
                              .part = w->part };
    if (!tile)
        IMX_TRY(imx_bn_stat(dev, &b));
    return imx_bn_stat_finish(dev, &b);
}

#endif
