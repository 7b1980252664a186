/* Element-wise kernels work on VEC values per work-item: 16 on a CPU device (one 512-bit register), 4 on a GPU. The
 * last item of an array loads zeros for what is not there and stores only what is. */
#ifndef IMX_CL_VEC_H
#define IMX_CL_VEC_H

#ifndef VEC
    #define VEC 4
#endif
#define IMX_CAT2(a, b) a##b
#define IMX_CAT(a, b)  IMX_CAT2(a, b)
typedef IMX_CAT(float, VEC) floatv;
typedef IMX_CAT(int, VEC) intv;

#define IMX_VEC(T, LOAD, STORE)                                                                                        \
    static inline IMX_CAT(T, VEC) LOAD(const __global T *p, const uint at, const uint n)                               \
    {                                                                                                                  \
        if (at + VEC <= n)                                                                                             \
            return IMX_CAT(vload, VEC)(0, p + at);                                                                     \
        T lane[VEC];                                                                                                   \
        for (uint i = 0; i < VEC; i++)                                                                                 \
            lane[i] = at + i < n ? p[at + i] : 0;                                                                      \
        return IMX_CAT(vload, VEC)(0, lane);                                                                           \
    }                                                                                                                  \
    static inline void STORE(const IMX_CAT(T, VEC) v, __global T *p, const uint at, const uint n)                      \
    {                                                                                                                  \
        if (at + VEC <= n) {                                                                                           \
            IMX_CAT(vstore, VEC)(v, 0, p + at);                                                                        \
            return;                                                                                                    \
        }                                                                                                              \
        T lane[VEC];                                                                                                   \
        IMX_CAT(vstore, VEC)(v, 0, lane);                                                                              \
        for (uint i = 0; i < VEC; i++)                                                                                 \
            if (at + i < n)                                                                                            \
                p[at + i] = lane[i];                                                                                   \
    }
IMX_VEC(float, imx_loadv, imx_storev)
IMX_VEC(int, imx_loadi, imx_storei)

#endif
