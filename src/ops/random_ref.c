/* Random numbers, one by one. See random.h. */
#include "base/philox.h"
#include "ops/random.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_random)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_random_problem *d = problem;
    const uint32_t *ctr = arg[IMX_RANDOM_CTR];
    real *dst = arg[IMX_RANDOM_DST];
    const uint64_t seed = ctr[0] | (uint64_t)ctr[1] << 32, step = ctr[2] | (uint64_t)ctr[3] << 32;
    const double pi = 3.14159265358979323846;
    for (int64_t i = 0; i < d->n; i++) {
        uint32_t r[4];
        imx_random4(seed, step, (uint32_t)d->stream, (uint32_t)(i / 4), r);
        if (d->kind == IMX_RANDOM_UNIFORM) {
            dst[i] = (real)imx_unit(r[i % 4]);
            REF_MAG_SET(IMX_RANDOM_DST, i, 0); /* the same bits on every device */
            continue;
        }
        /* words (0,1) and (2,3) make a pair each: cosine first, then sine */
        const int pair = (int)(i % 4) / 2 * 2;
        const double radius = sqrt(-2 * log(1 - (double)imx_unit(r[pair])));
        const double angle = 2 * pi * (double)imx_unit(r[pair + 1]);
        dst[i] = (real)(radius * (i % 2 ? sin(angle) : cos(angle)));
        REF_MAG_SET(IMX_RANDOM_DST, i, radius);
    }
}

void REF(imx_ref_random_index)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_random_index *d = problem;
    const uint32_t *ctr = arg[IMX_RANDOM_CTR];
    const uint64_t seed = ctr[0] | (uint64_t)ctr[1] << 32, step = ctr[2] | (uint64_t)ctr[3] << 32;
    int32_t *dst = arg[IMX_RANDOM_DST];
    for (int64_t i = 0; i < d->n; i++) {
        uint32_t r[4];
        imx_random4(seed, step, (uint32_t)d->stream, (uint32_t)(i / 4), r);
        dst[i] = (int32_t)((uint64_t)r[i % 4] * (uint32_t)d->limit >> 32);
    }
#ifdef IMX_REAL_DOUBLE
    (void)mag; /* whole numbers */
#endif
}
