/* The smallest kernel with a barrier. A device that is opened builds it to learn what work-groups its kernels
 * may really have: some drivers allow their kernels far less than the device claims. Never launched. */
__kernel void limit_probe(__global const float *restrict src, __global float *restrict dst)
{
    __local float tmp[1];
    if (get_local_id(0) == 0)
        tmp[0] = src[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    dst[get_global_id(0)] = tmp[0];
}

/* A loop whose result tells how often it ran: llvmpipe leaves every loop of a work-item after 65,535 rounds, and
 * says nothing. A linear congruential step cannot be folded by a compiler. */
__kernel void limit_rounds(
    __global uint *restrict dst,
    const uint rounds,
    const uint seed)
{
    uint x = seed;
    for (uint i = 0; i < rounds; i++)
        x = x * 1664525u + 1013904223u;
    dst[get_global_id(0)] = x;
}
