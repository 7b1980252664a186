/* Random numbers from Philox; see src/ops/random.h. The uniform ones equal the host's bit for bit. */
#include "philox.h"
#include "vec.h"

__kernel void random_uniform(
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const uint4 c = vload4(0, ctr);
    float v[VEC];
    for (uint i = 0; i < VEC / 4; i++) {
        const uint4 r = imx_random4(c, stream, at / 4 + i);
        vstore4((float4)(imx_unit(r.x), imx_unit(r.y), imx_unit(r.z), imx_unit(r.w)), i, v);
    }
    imx_storev(IMX_CAT(vload, VEC)(0, v), dst, at, n);
}

/* Two normals from two uniforms; 1 - u lies in (0,1], so the logarithm is finite. */
static inline float2 normal2(const uint a, const uint b)
{
    const float radius = sqrt(-2.0f * log(1.0f - imx_unit(a))), turn = 2.0f * imx_unit(b);
    return (float2)(radius * cospi(turn), radius * sinpi(turn));
}

__kernel void random_normal(
    __global const uint *restrict ctr,
    __global float *restrict dst,
    const uint n,
    const uint stream)
{
    const uint at = (uint)get_global_id(0) * VEC;
    if (at >= n)
        return;
    const uint4 c = vload4(0, ctr);
    float v[VEC];
    for (uint i = 0; i < VEC / 4; i++) {
        const uint4 r = imx_random4(c, stream, at / 4 + i);
        vstore4((float4)(normal2(r.x, r.y), normal2(r.z, r.w)), i, v);
    }
    imx_storev(IMX_CAT(vload, VEC)(0, v), dst, at, n);
}
