/* Variants that store their factors in half precision (binary16: 11 bits, least 2^-24, most 65504) and compute in
 * single. A device runs them only where the user asked for them (caps.half): their results lie outside the bounds of
 * single precision. Their own bound: a factor x is stored with an error of at most 2^-11 max(|x|, 2^-14), the second
 * one below the normal numbers, so a sum of products is off by at most (2 2^-11 + 2^-22) sum A B,   A = max(|a|, 2^-14)
 * where a is not 0, else 0; B alike, besides the rounding of single precision. Integers up to 2048 are stored as they
 * are. What is beyond 65504 becomes infinite, and so does the result or it is a NaN: a training step that meets one is
 * left out, as any that is not finite. */
#ifndef IMX_OPS_HALF_H
#define IMX_OPS_HALF_H

#include "ops/op.h"

/* imx_variant.storage of such a variant: (1 + 2^-11)^2 - 1, and a little for the single precision sum being of terms
 * that are larger by that much. */
#define IMX_HALF_STORAGE (1.0 / 1024 + 1.0 / (1 << 20))

/* imx_variant.mag of such a variant of an op that multiplies its inputs a and b (numbers of arguments): sum A B for
 * every element of the one output, and the absolute values of what else is added. */
imx_status imx_half_mag(const struct imx_op *op, int a, int b, const void *problem, void *const *arg,
                        double *const *mag);

#endif
