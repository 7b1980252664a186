/* Shuffles of a batch, drawn on the device, and rows moved by them.
 *   shuffle: `sets` orders of n images, from Philox(seed, step; stream). args CTR (u32[4] as in dropout.h),
 *            PERM (i32[n,sets]: column s is a permutation of 0..n-1). kind 0: any permutation, Fisher-Yates from the
 * end, position i of set s by word s*n + i; kind 1: a rotation by 1..n-1 drawn from word s*n, so that no image takes
 * its own place (n >= 2). A word w gives floor(w * limit / 2^32): uneven by less than limit / 2^32 permute_fwd:
 * dst[i,s,:] = src[perm[i,s],s,:]    args SRC[n,sets,c], PERM, DST permute_bwd: dsrc[perm[i,s],s,:] = ddst[i,s,:]  args
 * DDST, PERM, DSRC Each of the last two is the other's gradient, because every column of PERM is a permutation. */
#ifndef IMX_OPS_SHUFFLE_H
#define IMX_OPS_SHUFFLE_H

#include "ops/op.h"

enum imx_shuffle_kind { IMX_SHUFFLE_ANY, IMX_SHUFFLE_ROTATE };
struct imx_shuffle {
    int32_t n, sets, kind, stream;
};
struct imx_permute {
    int32_t n, sets, c;
};
enum { IMX_SHUFFLE_CTR, IMX_SHUFFLE_PERM };
enum { IMX_PERMUTE_SRC, IMX_PERMUTE_PERM, IMX_PERMUTE_DST };
extern const struct imx_op imx_op_shuffle, imx_op_permute_fwd, imx_op_permute_bwd;

#endif
