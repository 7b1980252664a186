/* dst[m,n] = act( op(A)[m,k] * op(B)[k,n] + bia[n] + add[m,n] ), row-major.
 * ta: A is stored [k,m]; tb: B is stored [n,k] (a linear layer's weight). Absent bia/add have count 0. ta and tb
 * together are not offered. args A, B, BIA, ADD, DST. */
#ifndef IMX_OPS_GEMM_H
#define IMX_OPS_GEMM_H

#include "ops/op.h"
#include "shared.h"

struct imx_gemm {
    int32_t m, n, k, ta, tb, bias, add, act; /* act: IMX_ACT_NONE or IMX_ACT_RELU */
};
enum { IMX_GEMM_A, IMX_GEMM_B, IMX_GEMM_BIA, IMX_GEMM_ADD, IMX_GEMM_DST };
extern const struct imx_op imx_op_gemm;

#endif
