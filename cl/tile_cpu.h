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

/* `rows` rows of a tile, `step` apart, which was stored just now, go into the statistics of their `have` columns,
 * part[0..] = mean and part[cols..] = sum of squared deviations, which hold those of `before` rows already (Chan,
 * Golub, LeVeque 1983). Now they are in the nearest cache; later, rows at a power of two from each other would be in
 * none. */
static inline void cpu_stat(__global const float *from, const size_t step, const int rows, const int before,
                            __global float *part, const int cols, const int have)
{
    const float all = before + rows, share = (float)rows / all, weight = (float)before * share;
    int j = 0;
    for (; j + VW <= have; j += VW) {
        vec sum = VLOAD(from + j), m2 = (vec)(0.0f);
        for (int i = 1; i < rows; i++)
            sum += VLOAD(from + i * step + j);
        const vec mean = sum / (float)rows;
        for (int i = 0; i < rows; i++) {
            const vec off = VLOAD(from + i * step + j) - mean;
            m2 = fma(off, off, m2);
        }
        const vec old = before ? VLOAD(part + j) : mean, more = mean - old;
        VSTORE(fma(more, (vec)(share), old), part + j);
        VSTORE((before ? VLOAD(part + cols + j) : (vec)(0.0f)) + fma(more * more, (vec)(weight), m2), part + cols + j);
    }
    for (; j < have; j++) {
        float sum = from[j], m2 = 0.0f;
        for (int i = 1; i < rows; i++)
            sum += from[i * step + j];
        const float mean = sum / (float)rows;
        for (int i = 0; i < rows; i++)
            m2 = fma(from[i * step + j] - mean, from[i * step + j] - mean, m2);
        const float old = before ? part[j] : mean, more = mean - old;
        part[j] = fma(more, share, old);
        part[cols + j] = (before ? part[cols + j] : 0.0f) + fma(more * more, weight, m2);
    }
}

#endif
