/* A matrix product between batch norms (bn_ends.h): gemm with one matrix normalised by its columns as stored (of a[m,k]
 * those along k, with ta along m; of b alike), and the statistics of dst's columns.
 * args A, B, BIA, ADD, DST as of gemm, then the ends'. */
#ifndef IMX_OPS_GEMM_BN_H
#define IMX_OPS_GEMM_BN_H

#include "ops/bn_ends.h"
#include "ops/gemm.h"

struct imx_gemm_bn {
    struct imx_gemm g;
    struct imx_bn_ends ends;
};
enum { IMX_GEMM_BN_ENDS = IMX_GEMM_DST + 1 };
extern const struct imx_op imx_op_gemm_bn;

/* Columns, as stored, of the normalised matrix. */
static inline int32_t imx_gemm_bn_cols(const struct imx_gemm *g, int32_t norm)
{
    return norm == 1 ? (g->ta ? g->m : g->k) : (g->tb ? g->k : g->n);
}

#endif
