/* Matrix product, the plain way: three loops, the transposes in the index. See gemm.h. */
#include "ops/gemm.h"
#include "ops/real.h"
#include "ops/ref.h"

void REF(imx_ref_gemm)(const void *problem, void *const *arg REF_MAG)
{
    const struct imx_gemm *g = problem;
    const real *a = arg[IMX_GEMM_A];     /* [m,k], or [k,m] with ta */
    const real *b = arg[IMX_GEMM_B];     /* [k,n], or [n,k] with tb */
    const real *bia = arg[IMX_GEMM_BIA]; /* [n] */
    const real *add = arg[IMX_GEMM_ADD]; /* [m,n] */
    real *dst = arg[IMX_GEMM_DST];       /* [m,n] */
    const int64_t m = g->m, n = g->n, k = g->k;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            real sum = 0, mag_sum = 0;
            for (int64_t l = 0; l < k; l++) {
                const real term = a[g->ta ? l * m + i : i * k + l] * b[g->tb ? j * k + l : l * n + j];
                sum += term;
                mag_sum += real_abs(term);
            }
            if (g->bias) {
                sum += bia[j];
                mag_sum += real_abs(bia[j]);
            }
            if (g->add) {
                sum += add[i * n + j];
                mag_sum += real_abs(add[i * n + j]);
            }
            dst[i * n + j] = g->act == IMX_ACT_RELU && sum < 0 ? 0 : sum;
            REF_MAG_SET(IMX_GEMM_DST, i * n + j, mag_sum);
        }
}
