/* Losses over given scores: the worked example of the critic (its scores as positives and negatives) for every
 * estimator, gradient rules, and what infinite and absent numbers do. */
#include "ops/pairloss.h"

#include "devices.h"
#include "finite.h"

/* Scores of dim_method 4.6, and what the formulas give for them (tests/check/critic.c). */
static const float positive[6] = { 0.16f, -0.04f, 0.38f, -0.18f, 0.10f, -0.16f };
static const float negative[12] = { -0.12f, 0.12f, 0.04f,  -0.16f, -0.20f, -0.10f,
                                    -0.14f, 0.40f, -0.14f, 0.26f,  -0.24f, -0.06f };
static const struct {
    const char *name;
    double e_pos, e_neg, loss;
} truth[] = {
    [IMX_EST_JSD] = { "jsd", 0.016695062, -0.009661776, -0.026356838 },
    [IMX_EST_DV] = { "dv", 0.043333333, -0.009477800, -0.052811133 },
    [IMX_EST_GAN] = { "gan", -0.676452119, 0.683485405, 1.359937523 },
    [IMX_EST_KL] = { "kl", 0.043333333, 0.364409224, 0.321075891 },
    [IMX_EST_RKL] = { "rkl", -0.975396937, -1.028333333, -0.052936396 },
    [IMX_EST_H2] = { "h2", 0.024603063, -0.009433027, -0.034036090 },
    [IMX_EST_CHI2] = { "chi2", 0.043333333, -0.019291667, -0.062625000 },
    [IMX_EST_SMILE] = { "smile", 0.043333333, -0.036494226, -0.026356838 },
    [IMX_EST_DV_EMA] = { "dv-ema", 0.043333333, -0.009477800, -0.052811133 },
};

static struct imx_pairloss problem(int est)
{
    return (struct imx_pairloss){ .m = 6,
                                  .k = 12,
                                  .est = est,
                                  .par = est == IMX_EST_SMILE    ? 0.13f
                                         : est == IMX_EST_DV_EMA ? 0.75f
                                                                 : 0 };
}

static void example(struct imx_dev *dev, const char *where)
{
    for (int est = IMX_EST_JSD; est <= IMX_EST_DV_EMA; est++) {
        struct imx_pairloss d = problem(est);
        float pos[6], neg[12], loss = 0, info[3] = { 0 }, level = 0, ema[2] = { 0 };
        void *arg[] = { pos, neg, &loss, info, &level, ema };
        memcpy(pos, positive, sizeof pos);
        memcpy(neg, negative, sizeof neg);
        bool ran = run_op(dev, &imx_op_pairloss_fwd, &d, arg) == IMX_OK;
        tap_ok(ran && fabs((double)info[0] - truth[est].e_pos) <= 1e-6 &&
                   fabs((double)info[1] - truth[est].e_neg) <= 1e-6 && fabs((double)loss - truth[est].loss) <= 1e-6,
               "%s %s: %.9g %.9g %.9g", where, truth[est].name, (double)info[0], (double)info[1], (double)loss);
        d.l2 = 0.5f;
        ran = run_op(dev, &imx_op_pairloss_fwd, &d, arg) == IMX_OK;
        double square = 0;
        for (int i = 0; i < 18; i++)
            square += pow((double)(i < 6 ? pos[i] : neg[i - 6]), 2) / 18;
        tap_ok(ran && fabs((double)loss - truth[est].loss - 0.5 * square) <= 1e-6 &&
                   fabs((double)info[2] - (truth[est].e_pos - truth[est].e_neg)) <= 1e-6,
               "%s %s: the penalty is in the loss, not in the reading", where, truth[est].name);
        neg[5] = NAN;
        ran = run_op(dev, &imx_op_pairloss_fwd, &d, arg) == IMX_OK;
        tap_ok(ran && isnan(loss), "%s %s: a NaN makes the loss NaN", where, truth[est].name);
    }
}

int main(void)
{
    const int loss = IMX_PAIRLOSS_FWD_LOSS;
    for (int est = IMX_EST_JSD; est <= IMX_EST_DV_EMA; est++) {
        char text[64];
        const float par = problem(est).par;
        snprintf(text, sizeof text, par > 0 ? "m7k5_est%d_par%g" : "m7k5_est%d", est, (double)par);
        finite_check_output(&imx_op_pairloss_fwd, text, loss);
        snprintf(text, sizeof text, par > 0 ? "m4k9_est%d_par%g_clip1.5_pull0.25" : "m4k9_est%d_clip1.5_pull0.25", est,
                 (double)par);
        finite_check_output(&imx_op_pairloss_fwd, text, loss);
    }
    on_devices(example);
    return tap_done();
}
