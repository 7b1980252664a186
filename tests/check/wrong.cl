/* Column sums with one mistake each, which the self-test must catch; see harness.c. Only tests build this file. */
enum { GOOD, OFF_BY_ONE, MISSING_LAST, WRITES_PAST_END, WRITES_BEFORE, READS_PAST_END, STALE, ADDS_NAN, UNSTEADY,
       WRITES_INPUT, WORKSPACE_PAST_END, CLEARS_FIRST };

__kernel void wrong_colsum(
    __global float *src,
    __global float *dst,
    __global float *restrict scratch,
    const int rows,
    const int cols,
    const int kind,
    const float salt)
{
    const int c = get_global_id(0);
    float s = 0.0f;
    if (kind == STALE || c >= cols)
        return;
    if (kind == CLEARS_FIRST)
        dst[c] = 0.0f;
    for (int r = kind == OFF_BY_ONE; r < rows + (kind == READS_PAST_END); r++)
        s += src[r * cols + c];
    if (kind == MISSING_LAST && c == cols - 1)
        return;
    dst[c] = kind == ADDS_NAN && c == 3 ? s + NAN : kind == UNSTEADY ? s * salt : s;
    if (c == 0 && kind == WRITES_PAST_END)
        dst[cols] = 1.0f;
    if (c == 0 && kind == WRITES_BEFORE)
        dst[-1] = 1.0f;
    if (c == 0 && kind == WRITES_INPUT)
        src[0] = 1.0f;
    scratch[c == 0 && kind == WORKSPACE_PAST_END ? cols : c] = s;
}

/* A group per column adds through local memory, but nobody waits for anybody. */
__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void wrong_barrier(
    __global const float *restrict src,
    __global float *restrict dst,
    const int rows,
    const int cols)
{
    __local float tmp[64];
    const int c = get_group_id(0), l = get_local_id(0);
    float s = 0.0f;
    for (int r = l; r < rows; r += 64)
        s += src[r * cols + c];
    tmp[l] = s;
    for (int k = 32; k > 0; k /= 2)
        if (l < k)
            tmp[l] += tmp[l + k];
    if (l == 0)
        dst[c] = tmp[0];
}

/* A product whose factors are stored in half precision, right or with one mistake; see half.c. */
enum { RIGHT, TRUNCATES, BFLOAT, HALF_SUM, NO_LAST };

static float stored(const float x, const int kind)
{
    ushort h;
    if (kind == BFLOAT)
        return as_float((as_int(x) + 0x8000) & 0xffff0000);
    if (kind == TRUNCATES)
        vstore_half_rtz(x, 0, (half *)&h);
    else
        vstore_half_rte(x, 0, (half *)&h);
    return vload_half(0, (const half *)&h);
}

__kernel void wrong_half(
    __global const float *restrict a,
    __global const float *restrict b,
    __global float *restrict dst,
    const int m,
    const int n,
    const int k,
    const int kind)
{
    const int at = get_global_id(0), i = at / n, j = at % n;
    float s = 0.0f;
    if (at >= m * n)
        return;
    for (int l = 0; l < k - (kind == NO_LAST); l++) {
        s = fma(stored(a[i * k + l], kind), stored(b[l * n + j], kind), s);
        s = kind == HALF_SUM ? stored(s, RIGHT) : s;
    }
    dst[at] = s;
}
