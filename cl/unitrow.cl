/* Rows of length 1; see src/ops/unitrow.h. */

__kernel void unitrow_fwd(
    __global const float *restrict src,
    __global float *restrict dst,
    __global float *restrict inv,
    const int rows,
    const int cols,
    const float least)
{
    const int r = get_global_id(0);
    if (r >= rows)
        return;
    const long at = (long)r * cols;
    float sum = least;
    for (int c = 0; c < cols; c++)
        sum += src[at + c] * src[at + c];
    const float by = 1.0f / sqrt(sum);
    for (int c = 0; c < cols; c++)
        dst[at + c] = src[at + c] * by;
    inv[r] = by;
}

__kernel void unitrow_bwd(
    __global const float *restrict dst,
    __global const float *restrict inv,
    __global const float *restrict ddst,
    __global float *restrict dsrc,
    const int rows,
    const int cols)
{
    const int r = get_global_id(0);
    if (r >= rows)
        return;
    const long at = (long)r * cols;
    float dot_product = 0.0f;
    for (int c = 0; c < cols; c++)
        dot_product += dst[at + c] * ddst[at + c];
    for (int c = 0; c < cols; c++)
        dsrc[at + c] = inv[r] * (ddst[at + c] - dst[at + c] * dot_product);
}
