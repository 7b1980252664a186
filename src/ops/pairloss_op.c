/* An estimator's loss over given scores as an op. See pairloss.h. */
#include "ops/pairloss.h"
#include "ops/ref.h"

#include <math.h>

extern const struct imx_variant *const imx_variants_pairloss_fwd[], *const imx_variants_pairloss_bwd[];

static const struct imx_field fields[] = {
    { "m", offsetof(struct imx_pairloss, m), false },
    { "k", offsetof(struct imx_pairloss, k), false },
    { "_est", offsetof(struct imx_pairloss, est), false },
    { "_par", offsetof(struct imx_pairloss, par), true, true },
    { "_clip", offsetof(struct imx_pairloss, clip), true, true },
    { "_pull", offsetof(struct imx_pairloss, l2), true, true },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_pairloss *d = problem;
    if (d->m < 1 || d->k < 1 || d->m > INT32_MAX / 2 || d->k > INT32_MAX / 2)
        return "m and k must be positive and below 2^30";
    if (d->est <= IMX_EST_INFONCE || d->est > IMX_EST_DV_EMA)
        return "est is one of critic.h other than infonce, whose positives share their negatives";
    if (d->est == IMX_EST_SMILE && !(d->par > 0))
        return "smile needs a par above 0";
    if (d->est == IMX_EST_DV_EMA && !(d->par > 0 && d->par < 1))
        return "dv-ema needs a par between 0 and 1";
    if (!(d->clip >= 0 && isfinite(d->clip)) || !(d->l2 >= 0 && isfinite(d->l2)))
        return "clip and pull must be finite and not below 0";
    return NULL;
}

static struct imx_arg reals(const char *name, enum imx_role role, int64_t count)
{
    return (struct imx_arg){ name, role, IMX_F32, count, IMX_FILL_REAL, 0 };
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_pairloss *d = problem;
    arg[IMX_PAIRLOSS_FWD_POS] = reals("pos", IMX_IN, d->m);
    arg[IMX_PAIRLOSS_FWD_NEG] = reals("neg", IMX_IN, d->k);
    arg[IMX_PAIRLOSS_FWD_LOSS] = reals("loss", IMX_OUT, 1);
    arg[IMX_PAIRLOSS_FWD_INFO] = reals("info", IMX_OUT, 3);
    arg[IMX_PAIRLOSS_FWD_LEVEL] = reals("level", IMX_OUT, 1);
    arg[IMX_PAIRLOSS_FWD_EMA] = reals("ema", IMX_INOUT, d->est == IMX_EST_DV_EMA ? 2 : 0);
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_pairloss *d = problem;
    arg[IMX_PAIRLOSS_BWD_POS] = reals("pos", IMX_IN, d->m);
    arg[IMX_PAIRLOSS_BWD_NEG] = reals("neg", IMX_IN, d->k);
    arg[IMX_PAIRLOSS_BWD_LEVEL] = (struct imx_arg){ "level", IMX_IN, IMX_F32, 1, IMX_FILL_OTHER, 0 };
    arg[IMX_PAIRLOSS_BWD_DLOSS] = reals("dloss", IMX_IN, 1);
    arg[IMX_PAIRLOSS_BWD_DPOS] = reals("dpos", IMX_OUT, d->m);
    arg[IMX_PAIRLOSS_BWD_DNEG] = reals("dneg", IMX_OUT, d->k);
}

/* LEVEL of a test: about what scores in [-1, 1) have. */
static void fill_bwd(const void *problem, int i, void *data, uint64_t seed)
{
    const struct imx_pairloss *d = problem;
    (void)i;
    *(float *)data = (float)(log((double)d->k) + (double)(seed % 100) / 100.0);
}

static double flop(const void *problem)
{
    const struct imx_pairloss *d = problem;
    return 16.0 * ((double)d->m + d->k);
}

static int64_t terms(const void *problem)
{
    const struct imx_pairloss *d = problem;
    return d->m > d->k ? d->m : d->k;
}

static int64_t terms_bwd(const void *problem)
{
    (void)problem;
    return 4;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_pairloss *d = problem;
    const imx_tid dloss = darg[IMX_PAIRLOSS_FWD_LOSS];
    darg[IMX_PAIRLOSS_FWD_EMA] = 0;
    darg[IMX_PAIRLOSS_FWD_POS] = dloss ? e->tensor(e, IMX_F32, d->m, "dpos") : 0;
    darg[IMX_PAIRLOSS_FWD_NEG] = dloss ? e->tensor(e, IMX_F32, d->k, "dneg") : 0;
    if (!dloss)
        return IMX_OK;
    return e->node(e, &imx_op_pairloss_bwd, problem,
                   (const imx_tid[]){ arg[IMX_PAIRLOSS_FWD_POS], arg[IMX_PAIRLOSS_FWD_NEG], arg[IMX_PAIRLOSS_FWD_LEVEL],
                                      dloss, darg[IMX_PAIRLOSS_FWD_POS], darg[IMX_PAIRLOSS_FWD_NEG] });
}

static const char *const cases[] = {
    "m6k12_est1",
    "m6k12_est2",
    "m1k1_est3",
    "m13k7_est4_clip0.5",
    "m64k65_est5_pull0.5",
    "m63k64_est6",
    "m100k33_est7_clip0.75_pull0.25",
    "m40k129_est8_par0.5",
    "m40k129_est9_par0.75_clip2",
    "m4096k4099_est1_clip1_pull0.0625",
    "m257k4096_est9_par0.99",
    "m4097k300_est8_par0.25_clip1_pull0.125",
    NULL,
};

const struct imx_op imx_op_pairloss_fwd = {
    .name = "pairloss_fwd",
    .problem_size = sizeof(struct imx_pairloss),
    .fields = fields,
    .n_args = 6,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_pairloss_fwd_f32,
    .ref_f64 = imx_ref_pairloss_fwd_f64,
    .variants = imx_variants_pairloss_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_pairloss_bwd = {
    .name = "pairloss_bwd",
    .problem_size = sizeof(struct imx_pairloss),
    .fields = fields,
    .n_args = 6,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_pairloss_bwd_f32,
    .ref_f64 = imx_ref_pairloss_bwd_f64,
    .variants = imx_variants_pairloss_bwd,
    .flop = flop,
    .terms = terms_bwd,
    .exact = false,
    .ulps = 8,
    .fill = fill_bwd,
    .cases = cases,
};
