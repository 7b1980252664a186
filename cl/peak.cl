/* What a device reaches at best: multiply-adds on registers, and copying. See src/dev/peak.c. WIDE is the vector of
 * one accumulator: of a CPU device one register, for GPUs float4. Twelve independent ones hide the latency, and with
 * the two factors they just fit the sixteen registers of AVX2 and SSE: wider ones would lie in memory, and what is
 * measured be the loads and stores. FUSED: by fma, which one instruction does where a device has it; mad may come out as two. */
#ifndef WIDE
#define WIDE float16
#define LANES 16
#endif
#ifdef FUSED
#define MAD fma
#else
#define MAD mad
#endif

__kernel void peak_mad(
    __global float *restrict dst,
    const int rounds,
    const float scale,
    const float shift)
{
    const int i = get_global_id(0);
    const WIDE a = (WIDE)(scale), b = (WIDE)(shift);
    WIDE s0 = (WIDE)((float)i), s1 = s0 + 1.0f, s2 = s0 + 2.0f, s3 = s0 + 3.0f, s4 = s0 + 4.0f, s5 = s0 + 5.0f;
    WIDE s6 = s0 + 6.0f, s7 = s0 + 7.0f, s8 = s0 + 8.0f, s9 = s0 + 9.0f, s10 = s0 + 10.0f, s11 = s0 + 11.0f;
    for (int r = 0; r < rounds; r++) {
        s0 = MAD(s0, a, b);
        s1 = MAD(s1, a, b);
        s2 = MAD(s2, a, b);
        s3 = MAD(s3, a, b);
        s4 = MAD(s4, a, b);
        s5 = MAD(s5, a, b);
        s6 = MAD(s6, a, b);
        s7 = MAD(s7, a, b);
        s8 = MAD(s8, a, b);
        s9 = MAD(s9, a, b);
        s10 = MAD(s10, a, b);
        s11 = MAD(s11, a, b);
    }
    const WIDE sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
#if LANES == 16
    const float8 half_sum = sum.lo + sum.hi;
    dst[i] = dot(half_sum.lo, half_sum.hi);
#elif LANES == 8
    dst[i] = dot(sum.lo, sum.hi);
#else
    dst[i] = dot(sum, sum);
#endif
}

/* dst = src, 16 floats per work-item. */
__kernel void peak_copy(
    __global const float *restrict src,
    __global float *restrict dst,
    const int n)
{
    const int i = get_global_id(0);
    if (i < n)
        vstore16(vload16(i, src), i, dst);
}
