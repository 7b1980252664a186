/* Matrix product in register tiles, for devices of type CPU: one work-item is one thread. It holds MR rows x
 * 2 vectors of the result in registers and walks k; a row's element is broadcast, the other matrix comes as
 * panels of NR columns side by side. VW is the device's own vector width; MR x 2 + 3 vectors must fit its
 * registers. */
#ifndef IMX_CL_TILE_CPU_H
#define IMX_CL_TILE_CPU_H

#ifndef VW
    #define VW 4
#endif
#if VW == 16
    #define MR 8
typedef float16 vec;
    #define VLOAD(p)     vload16(0, p)
    #define VSTORE(v, p) vstore16(v, 0, p)
#elif VW == 8
    #define MR           6
typedef float8 vec;
    #define VLOAD(p)     vload8(0, p)
    #define VSTORE(v, p) vstore8(v, 0, p)
#else
    #define MR           4
typedef float4 vec;
    #define VLOAD(p)     vload4(0, p)
    #define VSTORE(v, p) vstore4(v, 0, p)
#endif
#define NR (2 * VW)
/* Depth of a block of k: a panel of it stays in the first-level cache. */
#define KC 256
/* Columns of the right matrix that are brought into panels together. */
#define SPAN   64
#define PANELS (SPAN / NR)
/* Distance of neighbouring k in a row of the left matrix: 1 as it lies, MR when it was packed into panels. */
#ifndef A_STEP
    #define A_STEP 1
#endif

/* A line is asked for before it is needed. Only where the compiler makes code of the CPU itself: every pointer is then
 * an address. */
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
    #define FETCH(p, writes) __builtin_prefetch((const void *)(size_t)(p), writes)
    #define FETCH_FAR(p)     __builtin_prefetch((const void *)(size_t)(p), 0, 2)
#else
    #define FETCH(p, writes) ((void)(p))
    #define FETCH_FAR(p)     ((void)(p))
#endif

static void cpu_clear(vec acc[MR][2])
{
#pragma unroll
    for (int i = 0; i < MR; i++)
        acc[i][0] = acc[i][1] = (vec)(0.0f);
}

/* acc += `depth` products of MR rows and the columns of one panel: LEFT(i, l) is an element, RIGHT(l, h) a vector. Four
 * steps at a time: where two threads share a core's front end, as on rented machines, one step's counting and jumping
 * is a tenth of the time. */
#define CPU_WALK(acc, depth, LEFT, RIGHT)                                                                              \
    _Pragma("unroll 4") for (int l = 0; l < (depth); l++)                                                              \
    {                                                                                                                  \
        const vec walk_0 = RIGHT(l, 0), walk_1 = RIGHT(l, 1);                                                          \
        _Pragma("unroll") for (int i = 0; i < MR; i++)                                                                 \
        {                                                                                                              \
            const vec walk = (vec)(LEFT(i, l));                                                                        \
            acc[i][0] = fma(walk, walk_0, acc[i][0]);                                                                  \
            acc[i][1] = fma(walk, walk_1, acc[i][1]);                                                                  \
        }                                                                                                              \
    }

static inline void cpu_copy(vec to[MR][2], const vec from[MR][2])
{
#pragma unroll
    for (int i = 0; i < MR; i++) {
        to[i][0] = from[i][0];
        to[i][1] = from[i][1];
    }
}

/* A whole tile from or to rows that lie `step` apart. */
static inline void cpu_load(vec acc[MR][2], __global const float *from, const int step)
{
#pragma unroll
    for (int i = 0; i < MR; i++) {
        acc[i][0] = VLOAD(from + (size_t)i * step);
        acc[i][1] = VLOAD(from + (size_t)i * step + VW);
    }
}

static inline void cpu_store(const vec acc[MR][2], __global float *to, const int step)
{
#pragma unroll
    for (int i = 0; i < MR; i++) {
        VSTORE(acc[i][0], to + (size_t)i * step);
        VSTORE(acc[i][1], to + (size_t)i * step + VW);
    }
}

#endif
