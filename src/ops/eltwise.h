/* Element-wise pairs over n values.
 *   axpby: dst = alpha*a + beta*b   args A, B (absent when beta == 0), DST
 *   mul:   dst = a*b                args A, B, DST
 *   add_relu: dst = max(a+b, 0)     args A, B, DST: where a residual block's two paths meet; gradient 0 at 0
 *   bias_add: dst[r,c] = src[r,c] + bia[c]   args SRC, BIA, DST */
#ifndef IMX_OPS_ELTWISE_H
#define IMX_OPS_ELTWISE_H

#include "ops/op.h"

struct imx_axpby {
    int32_t n;
    float alpha, beta;
};
struct imx_mul {
    int32_t n;
};
struct imx_add_relu {
    int32_t n;
};
struct imx_bias_add {
    int32_t rows, cols;
};
enum { IMX_AXPBY_A, IMX_AXPBY_B, IMX_AXPBY_DST };
enum { IMX_MUL_A, IMX_MUL_B, IMX_MUL_DST };
enum { IMX_ADD_RELU_A, IMX_ADD_RELU_B, IMX_ADD_RELU_DST };
enum { IMX_BIAS_ADD_SRC, IMX_BIAS_ADD_BIA, IMX_BIAS_ADD_DST };
extern const struct imx_op imx_op_axpby, imx_op_mul, imx_op_add_relu, imx_op_bias_add;

#endif
