/* A row added to every row of its group, and the sum of a group's rows; see src/ops/spread.h. One work-item per vector
 * of a row. */
#include "vec.h"

__kernel void spread(
    __global const float *restrict src,
    __global const float *restrict row,
    __global float *restrict dst,
    const uint groups,
    const uint rows,
    const uint cols,
    const uint add)
{
    const uint chunks = (cols + VEC - 1) / VEC, item = get_global_id(0);
    const uint at = item % chunks * VEC, r = item / chunks;
    if (r >= groups * rows)
        return;
    floatv v = imx_loadv(row + (ulong)(r / rows) * cols, at, cols);
    if (add)
        v += imx_loadv(src + (ulong)r * cols, at, cols);
    imx_storev(v, dst + (ulong)r * cols, at, cols);
}

__kernel void spread_sum(
    __global const float *restrict src,
    __global float *restrict dst,
    const uint groups,
    const uint rows,
    const uint cols)
{
    const uint chunks = (cols + VEC - 1) / VEC, item = get_global_id(0);
    const uint at = item % chunks * VEC, g = item / chunks;
    if (g >= groups)
        return;
    floatv sum = 0.0f;
    for (uint r = 0; r < rows; r++)
        sum += imx_loadv(src + ((ulong)g * rows + r) * cols, at, cols);
    imx_storev(sum, dst + (ulong)g * cols, at, cols);
}
