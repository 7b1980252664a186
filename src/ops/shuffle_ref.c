/* Shuffles, swap by swap, and rows moved one by one. See shuffle.h. */
#include "base/philox.h"
#include "ops/real.h"
#include "ops/ref.h"
#include "ops/shuffle.h"

static int32_t below(const uint32_t *ctr, int32_t stream, int64_t word, int32_t limit)
{
    const uint64_t seed = ctr[0] | (uint64_t)ctr[1] << 32, step = ctr[2] | (uint64_t)ctr[3] << 32;
    uint32_t r[4];
    imx_random4(seed, step, (uint32_t)stream, (uint32_t)(word / 4), r);
    return (int32_t)((uint64_t)r[word % 4] * (uint32_t)limit >> 32);
}

void REF(imx_ref_shuffle)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_shuffle *d = problem;
    const uint32_t *ctr = arg[IMX_SHUFFLE_CTR];
    int32_t *perm = arg[IMX_SHUFFLE_PERM]; /* [n,sets] */
    for (int64_t s = 0; s < d->sets; s++) {
        const int32_t turn = d->kind == IMX_SHUFFLE_ROTATE ? 1 + below(ctr, d->stream, s * d->n, d->n - 1) : 0;
        for (int64_t i = 0; i < d->n; i++)
            perm[i * d->sets + s] = (int32_t)((i + turn) % d->n);
        for (int32_t i = d->n - 1; i > 0 && d->kind == IMX_SHUFFLE_ANY; i--) {
            const int32_t j = below(ctr, d->stream, s * d->n + i, i + 1);
            int32_t *a = &perm[(int64_t)i * d->sets + s], *b = &perm[(int64_t)j * d->sets + s], keep = *a;
            *a = *b;
            *b = keep;
        }
    }
#ifdef IMX_REAL_DOUBLE
    (void)mag; /* whole numbers */
#endif
}

void REF(imx_ref_permute_fwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_permute *d = problem;
    const real *src = arg[IMX_PERMUTE_SRC];
    const int32_t *perm = arg[IMX_PERMUTE_PERM];
    real *dst = arg[IMX_PERMUTE_DST];
    for (int64_t i = 0; i < d->n; i++)
        for (int64_t s = 0; s < d->sets; s++)
            for (int64_t c = 0; c < d->c; c++) {
                const int64_t from = perm[i * d->sets + s], at = (i * d->sets + s) * d->c + c;
                dst[at] = from >= 0 && from < d->n ? src[(from * d->sets + s) * d->c + c] : 0;
                REF_MAG_SET(IMX_PERMUTE_DST, at, real_abs(dst[at]));
            }
}

void REF(imx_ref_permute_bwd)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_permute *d = problem;
    const real *ddst = arg[IMX_PERMUTE_SRC];
    const int32_t *perm = arg[IMX_PERMUTE_PERM];
    real *dsrc = arg[IMX_PERMUTE_DST];
    for (int64_t i = 0; i < d->n; i++)
        for (int64_t s = 0; s < d->sets; s++)
            for (int64_t c = 0; c < d->c; c++) {
                const int64_t to = perm[i * d->sets + s], at = (to * d->sets + s) * d->c + c;
                if (to < 0 || to >= d->n)
                    continue;
                dsrc[at] = ddst[(i * d->sets + s) * d->c + c];
                REF_MAG_SET(IMX_PERMUTE_DST, at, real_abs(dsrc[at]));
            }
}
