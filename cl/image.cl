/* Bytes to normalised floats with crop and flip; see src/ops/image.h. One work-item per output pixel. */

__kernel void image(
    __global const uchar *restrict src,
    __global const int *restrict aug,
    __global const float *restrict mean,
    __global const float *restrict invstd,
    __global float *restrict dst,
    const int n,
    const int h,
    const int w,
    const int c,
    const int croph,
    const int cropw)
{
    const uint item = get_global_id(0);
    const uint x = item % (uint)cropw, y = item / (uint)cropw % (uint)croph, in = item / (uint)cropw / (uint)croph;
    if (in >= (uint)n)
        return;
    const int y0 = aug[3 * in], x0 = aug[3 * in + 1], flip = aug[3 * in + 2];
    const int sy = clamp(y0 + (int)y, 0, h - 1), sx = clamp(x0 + (flip ? cropw - 1 - (int)x : (int)x), 0, w - 1);
    __global const uchar *from = src + (((ulong)in * h + sy) * w + sx) * c;
    __global float *to = dst + (ulong)item * c;
    for (int i = 0; i < c; i++)
        to[i] = ((float)from[i] / 255.0f - mean[i]) * invstd[i];
}
