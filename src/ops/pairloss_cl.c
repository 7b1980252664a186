/* An estimator's loss over given scores on OpenCL devices. */
#include "imx_kernels.h"
#include "ops/launch.h"
#include "ops/pairloss.h"

enum { LANES = 64 /* as in pairloss.cl */ };

static uint64_t workspace(const struct imx_caps *caps, const void *problem)
{
    (void)caps, (void)problem;
    return 6 * LANES * sizeof(float);
}

static float pull(const struct imx_pairloss *d)
{
    return (float)((double)d->l2 / ((double)d->m + d->k));
}

static imx_status run_fwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pairloss *d = problem;
    const struct imx_mem lanes = imx_part(a->ws, 0, 6 * LANES * sizeof(float));
    IMX_TRY(imx_run_pairloss_lanes(dev, imx_launch_1d(dev, LANES, ""),
                                   &(struct imx_k_pairloss_lanes){ .pos = a->m[IMX_PAIRLOSS_FWD_POS],
                                                                   .neg = a->m[IMX_PAIRLOSS_FWD_NEG],
                                                                   .lanes = lanes,
                                                                   .m = d->m,
                                                                   .k = d->k,
                                                                   .est = d->est,
                                                                   .par = d->par,
                                                                   .clip = d->clip }));
    return imx_run_pairloss_finish(dev, imx_launch_1d(dev, 1, ""),
                                   &(struct imx_k_pairloss_finish){ .lanes = lanes,
                                                                    .ema = a->m[IMX_PAIRLOSS_FWD_EMA],
                                                                    .loss = a->m[IMX_PAIRLOSS_FWD_LOSS],
                                                                    .info = a->m[IMX_PAIRLOSS_FWD_INFO],
                                                                    .level = a->m[IMX_PAIRLOSS_FWD_LEVEL],
                                                                    .est = d->est,
                                                                    .positives = (float)d->m,
                                                                    .negatives = (float)d->k,
                                                                    .par = d->par,
                                                                    .pull = pull(d) });
}

static imx_status run_bwd(struct imx_dev *dev, const void *problem, const struct imx_args *a)
{
    const struct imx_pairloss *d = problem;
    struct imx_k_pairloss_slope k = { .src = a->m[IMX_PAIRLOSS_BWD_POS],
                                      .level = a->m[IMX_PAIRLOSS_BWD_LEVEL],
                                      .dloss = a->m[IMX_PAIRLOSS_BWD_DLOSS],
                                      .dst = a->m[IMX_PAIRLOSS_BWD_DPOS],
                                      .n = d->m,
                                      .positives = 1,
                                      .est = d->est,
                                      .clip = d->clip,
                                      .pull = 2 * pull(d) };
    IMX_TRY(imx_run_pairloss_slope(dev, imx_launch_1d(dev, (size_t)d->m, ""), &k));
    k.src = a->m[IMX_PAIRLOSS_BWD_NEG];
    k.dst = a->m[IMX_PAIRLOSS_BWD_DNEG];
    k.n = d->k;
    k.positives = 0;
    return imx_run_pairloss_slope(dev, imx_launch_1d(dev, (size_t)d->k, ""), &k);
}

static const struct imx_variant fwd = { "cl", imx_on_cl, workspace, run_fwd };
static const struct imx_variant bwd = { "cl", imx_on_cl, NULL, run_bwd };
extern const struct imx_variant *const imx_variants_pairloss_fwd[], *const imx_variants_pairloss_bwd[];
const struct imx_variant *const imx_variants_pairloss_fwd[] = { &fwd, NULL };
const struct imx_variant *const imx_variants_pairloss_bwd[] = { &bwd, NULL };
