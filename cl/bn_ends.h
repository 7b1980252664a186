/* What batch norm leaves to the products around it; see src/ops/bn_ends.h. */
#ifndef IMX_CL_BN_ENDS_H
#define IMX_CL_BN_ENDS_H

/* x of column c as bn_apply would leave it; a NaN goes through the ReLU as a NaN. */
static inline float bn_in(__global const float *mean, __global const float *invstd, __global const float *gamma,
                          __global const float *beta, const int relu, const int c, const float x)
{
    const float v = (x - mean[c]) * (gamma[c] * invstd[c]) + beta[c];
    return relu && v < 0.0f ? 0.0f : v;
}

/* part[0] and part[cols] = mean and sum of squared deviations of `rows` values that lie `step` apart. */
static inline void bn_column(__global const float *from, const size_t step, const int rows, __global float *part,
                             const int cols)
{
    float sum = 0.0f, m2 = 0.0f;
    for (int r = 0; r < rows; r++)
        sum += from[r * step];
    const float mean = sum / (float)rows;
    for (int r = 0; r < rows; r++)
        m2 = fma(from[r * step] - mean, from[r * step] - mean, m2);
    part[0] = mean;
    part[cols] = m2;
}

#endif
