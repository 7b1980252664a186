/* Softmax cross-entropy, the plain way; see xent.h. */
#include "ops/real.h"
#include "ops/ref.h"
#include "ops/xent.h"

void REF(imx_ref_xent_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_xent *d = problem;
    const int32_t *label = arg[IMX_XENT_FWD_LABEL]; /* [rows] */
    real *lse = arg[IMX_XENT_FWD_LSE];              /* [rows] */
    real loss = 0, hits = 0, count = 0, loss_mag = 0;
    for (int r = 0; r < d->rows; r++) {
        const real *logits = (const real *)arg[IMX_XENT_FWD_LOGITS] + (int64_t)r * d->classes;
        int best = 0;
        real sum = 0, spread = 0;
        for (int c = 1; c < d->classes; c++)
            if (logits[c] > logits[best] || logits[c] != logits[c])
                best = c;
        for (int c = 0; c < d->classes; c++) {
            sum += real_exp(logits[c] - logits[best]);
            spread += real_exp(logits[c] - logits[best]) * real_abs(logits[c] - logits[best]);
        }
        lse[r] = isinf(logits[best]) ? logits[best] : logits[best] + real_log(sum);
        const real lse_mag = 1 + real_abs(logits[best]) + spread / sum;
        REF_MAG_SET(IMX_XENT_FWD_LSE, r, lse_mag);
        if (label[r] < 0)
            continue;
        const bool known = label[r] < d->classes;
        loss += known ? lse[r] - logits[label[r]] : (real)NAN;
        loss_mag += known ? lse_mag + real_abs(logits[label[r]]) : 0;
        hits += best == label[r];
        count += 1;
    }
    *(real *)arg[IMX_XENT_FWD_LOSS] = count > 0 ? loss / count : 0;
    *(real *)arg[IMX_XENT_FWD_HITS] = hits;
    *(real *)arg[IMX_XENT_FWD_COUNT] = count;
    REF_MAG_SET(IMX_XENT_FWD_LOSS, 0, count > 0 ? loss_mag / count : 0);
    REF_MAG_SET(IMX_XENT_FWD_HITS, 0, 0);
    REF_MAG_SET(IMX_XENT_FWD_COUNT, 0, 0);
    (void)loss_mag;
}

void REF(imx_ref_xent_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_xent *d = problem;
    const real *logits = arg[IMX_XENT_BWD_LOGITS], *lse = arg[IMX_XENT_BWD_LSE]; /* [rows, classes], [rows] */
    const real *count = arg[IMX_XENT_BWD_COUNT], *dloss = arg[IMX_XENT_BWD_DLOSS];
    const int32_t *label = arg[IMX_XENT_BWD_LABEL];
    real *dlogits = arg[IMX_XENT_BWD_DLOGITS]; /* [rows, classes] */
    for (int r = 0; r < d->rows; r++)
        for (int c = 0; c < d->classes; c++) {
            const int64_t i = (int64_t)r * d->classes + c;
            const real p = real_exp(logits[i] - lse[r]), hot = c == label[r];
            const real scale = label[r] < 0 ? 0 : dloss[0] / count[0];
            dlogits[i] = (p - hot) * scale;
            REF_MAG_SET(IMX_XENT_BWD_DLOGITS, i,
                        (p * (2 + real_abs(logits[i]) + real_abs(lse[r])) + hot) * real_abs(scale));
        }
}
