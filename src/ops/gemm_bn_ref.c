/* Matrix product between batch norms, the plain way. See gemm_bn.h. */
#include "ops/bn_ends_ref.h"
#include "ops/gemm_bn.h"
#include "ops/ref.h"

/* Element x at column c of matrix `which` as the product sees it. */
static real element(const struct imx_gemm_bn *d, void *const *arg, int which, int64_t c, real x, real *mag)
{
    *mag = real_abs(x);
    return d->ends.norm == which ? bn_in(&d->ends, arg + IMX_GEMM_BN_ENDS, c, x, mag) : x;
}

void REF(imx_ref_gemm_bn)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gemm_bn *d = problem;
    const struct imx_gemm *g = &d->g;
    const real *a = arg[IMX_GEMM_A];     /* [m,k], or [k,m] with ta */
    const real *b = arg[IMX_GEMM_B];     /* [k,n], or [n,k] with tb */
    const real *bia = arg[IMX_GEMM_BIA]; /* [n] */
    const real *add = arg[IMX_GEMM_ADD]; /* [m,n] */
    real *dst = arg[IMX_GEMM_DST];       /* [m,n] */
    const int64_t m = g->m, n = g->n, k = g->k;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            real sum = g->bias ? bia[j] : 0, mag_sum = real_abs(sum), mag_a, mag_b;
            for (int64_t l = 0; l < k; l++) {
                const real x = element(d, arg, 1, g->ta ? i : l, a[g->ta ? l * m + i : i * k + l], &mag_a);
                const real y = element(d, arg, 2, g->tb ? l : j, b[g->tb ? j * k + l : l * n + j], &mag_b);
                sum += x * y;
                mag_sum += mag_a * mag_b;
            }
            if (g->add) {
                sum += add[i * n + j];
                mag_sum += real_abs(add[i * n + j]);
            }
            dst[i * n + j] = g->act == IMX_ACT_RELU && sum < 0 ? 0 : sum;
            REF_MAG_SET(IMX_GEMM_DST, i * n + j, mag_sum);
            (void)mag_sum;
        }
    bn_stat(&d->ends, m, n, IMX_GEMM_DST, IMX_GEMM_BN_ENDS, arg REF_MAG_ON);
}
