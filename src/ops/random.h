/* n random numbers from Philox(seed, step; stream, element/4): kind 0 uniform [0,1), 1 standard normal (Box-Muller on
 * the word pairs (0,1) and (2,3)). args CTR (u32[4] as in dropout.h), DST
 * random_index: integers of [0, limit) from word i%4 of draw i/4, floor(word * limit / 2^32): uneven by less than
 * limit / 2^32. args CTR, DST (i32[n]) */
#ifndef IMX_OPS_RANDOM_H
#define IMX_OPS_RANDOM_H

#include "ops/op.h"

enum imx_random { IMX_RANDOM_UNIFORM, IMX_RANDOM_NORMAL };
struct imx_random_problem {
    int32_t n, kind, stream;
};
struct imx_random_index {
    int32_t n, limit, stream;
};
enum { IMX_RANDOM_CTR, IMX_RANDOM_DST };
extern const struct imx_op imx_op_random, imx_op_random_index;

#endif
