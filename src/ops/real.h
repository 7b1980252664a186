/* Included by every NAME_ref.c, which meson compiles twice: with IMX_REAL_DOUBLE it is the oracle and REF(name) is
 * name_f64; without it is the host device's reference and REF(name) is name_f32. A reference is
 *     void REF(imx_ref_NAME)(const void *problem, void *const *arg REF_MAG)
 * which hands mag on to a helper as REF_MAG_ON,
 * and may write mag only through REF_MAG_SET(i, element, value), which vanishes in the float build. */
#ifndef IMX_OPS_REAL_H
#define IMX_OPS_REAL_H

#include <math.h>
#include <stdint.h>

#ifdef IMX_REAL_DOUBLE
typedef double real;
    #define REF(name)  name##_f64
    #define REF_MAG    , double *const *mag
    #define REF_MAG_ON , mag
    #define REF_MAG_SET(i, element, value)                                                                             \
        do {                                                                                                           \
            if (mag && mag[i])                                                                                         \
                mag[i][element] = (value);                                                                             \
        } while (0)
#else
typedef float real;
    #define REF(name) name##_f32
    #define REF_MAG
    #define REF_MAG_ON
    #define REF_MAG_SET(i, element, value) ((void)0)
#endif

static inline real real_exp(real x)
{
    return sizeof(real) == 4 ? (real)expf((float)x) : (real)exp((double)x);
}
static inline real real_log(real x)
{
    return sizeof(real) == 4 ? (real)logf((float)x) : (real)log((double)x);
}
static inline real real_log1p(real x)
{
    return sizeof(real) == 4 ? (real)log1pf((float)x) : (real)log1p((double)x);
}
static inline real real_sqrt(real x)
{
    return sizeof(real) == 4 ? (real)sqrtf((float)x) : (real)sqrt((double)x);
}
static inline real real_tanh(real x)
{
    return sizeof(real) == 4 ? (real)tanhf((float)x) : (real)tanh((double)x);
}
static inline real real_abs(real x)
{
    return x < 0 ? -x : x;
}
static inline real real_max(real a, real b)
{
    return a > b ? a : b;
}

#endif
