/* Dropout whose mask is drawn, not stored; see src/ops/dropout.h. One work-item serves VEC values = VEC/4 draws. */
#include "philox.h"
#include "vec.h"

__kernel void dropout(
    __global const float *restrict src,
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream,
    const float p,
    const float scale)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const uint4 c = vload4(0, ctr);
    float factor[VEC];
    for (uint i = 0; i < VEC / 4; i++) {
        const uint4 r = imx_random4(c, stream, at / 4 + i);
        factor[4 * i] = imx_unit(r.x) >= p ? scale : 0.0f;
        factor[4 * i + 1] = imx_unit(r.y) >= p ? scale : 0.0f;
        factor[4 * i + 2] = imx_unit(r.z) >= p ? scale : 0.0f;
        factor[4 * i + 3] = imx_unit(r.w) >= p ? scale : 0.0f;
    }
    imx_storev(imx_loadv(src, at, n) * IMX_CAT(vload, VEC)(0, factor), dst, at, n);
}
