/* See lab_exact.h. */
#include "eval/lab_exact.h"

#include <math.h>
#include <stdlib.h>

#include "base/philox.h"
#include "shared.h"

static const double LN2 = 0.693147180559945309417, TAU = 6.283185307179586476925;
enum { JSD_DRAWS = 100000 };

static double softplus(double z)
{
    return fmax(z, 0) + log1p(exp(-fabs(z)));
}

/* ---- tables ---- */

/* E_J[f(ln r)] + E_M[g(ln r)]; ln r of a cell that the joint does not have is -infinity. */
typedef double fn(double log_r);

static double marginal(const double *p, int32_t n, int32_t stride)
{
    double s = 0;
    for (int32_t i = 0; i < n; i++)
        s += p[(int64_t)i * stride];
    return s;
}

static double expect(const double *p, int32_t kx, int32_t ky, fn *f, fn *g)
{
    double sum = 0;
    for (int32_t y = 0; y < ky; y++) {
        const double py = marginal(p + y, kx, ky);
        for (int32_t x = 0; x < kx; x++) {
            const double joint = p[(int64_t)x * ky + y], px = marginal(p + (int64_t)x * ky, ky, 1);
            if (px <= 0 || py <= 0)
                continue;
            const double log_r = joint > 0 ? log(joint) - log(px) - log(py) : -(double)INFINITY;
            if (joint > 0)
                sum += joint * f(log_r);
            sum += px * py * g(log_r);
        }
    }
    return sum;
}

static double zero(double t)
{
    (void)t;
    return 0;
}
static double same(double t)
{
    return t;
}
static double jsd_pos(double t)
{
    return LN2 - softplus(-t);
}
static double jsd_neg(double t)
{
    return LN2 - softplus(t);
}
static double rkl_neg(double t)
{
    return -t;
}
static double h2_pos(double t)
{
    return 1 - exp(-t / 2);
}
static double h2_neg(double t)
{
    return 1 - exp(t / 2);
}
static double chi2_neg(double t)
{
    return (exp(t) - 1) * (exp(t) - 1);
}

double imx_joint_mi(const double *p, int32_t kx, int32_t ky)
{
    return expect(p, kx, ky, same, zero);
}

double imx_joint_jsd(const double *p, int32_t kx, int32_t ky)
{
    return expect(p, kx, ky, jsd_pos, jsd_neg) / 2;
}

double imx_joint_best(const double *p, int32_t kx, int32_t ky, int32_t est)
{
    switch (est) {
    case IMX_EST_DV:
    case IMX_EST_DV_EMA:
    case IMX_EST_KL: return imx_joint_mi(p, kx, ky);
    case IMX_EST_SMILE:
    case IMX_EST_JSD: return 2 * imx_joint_jsd(p, kx, ky);
    case IMX_EST_GAN: return 2 * imx_joint_jsd(p, kx, ky) - 2 * LN2;
    case IMX_EST_RKL: return expect(p, kx, ky, zero, rkl_neg);
    case IMX_EST_H2: return expect(p, kx, ky, h2_pos, h2_neg);
    case IMX_EST_CHI2: return expect(p, kx, ky, zero, chi2_neg);
    default: return (double)NAN;
    }
}

void imx_joint_equal(double *p, int32_t k)
{
    for (int32_t i = 0; i < k * k; i++)
        p[i] = i % (k + 1) ? 0 : 1.0 / k;
}

/* ---- random numbers: one counter per (seed, step, index), as everywhere in the engine ---- */

/* Two independent standard normal numbers (Box and Muller); 32 bits each, never the logarithm of 0. */
static void normals(uint64_t seed, uint64_t step, uint32_t stream, uint32_t index, double out[4])
{
    uint32_t r[4];
    imx_random4(seed, step, stream, index, r);
    for (int i = 0; i < 4; i += 2) {
        const double radius = sqrt(-2 * log((r[i] + 0.5) / 4294967296.0)), angle = TAU * r[i + 1] / 4294967296.0;
        out[i] = radius * cos(angle);
        out[i + 1] = radius * sin(angle);
    }
}

/* ln of a number of the Gamma distribution with shape a > 0 (Marsaglia and Tsang 2000; for a < 1 that of a + 1 times
 * u^(1/a), which underflows unless taken as a logarithm). *at counts the draws. */
static double log_gamma_draw(double a, uint64_t seed, uint64_t step, uint32_t *at)
{
    const double shape = a < 1 ? a + 1 : a, d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double z[4];
        uint32_t r[4];
        normals(seed, step, IMX_STREAM_LAB, (*at)++, z);
        imx_random4(seed, step, IMX_STREAM_LAB, (*at)++, r);
        const double v = 1 + c * z[0], u = (r[0] + 0.5) / 4294967296.0;
        if (v <= 0 || log(u) >= 0.5 * z[0] * z[0] + d - d * v * v * v + d * log(v * v * v))
            continue;
        return log(d * v * v * v) + (a < 1 ? log((r[1] + 0.5) / 4294967296.0) / a : 0);
    }
}

void imx_joint_draw(double *p, int32_t kx, int32_t ky, double concentration, uint64_t seed, uint32_t index)
{
    const int32_t n = kx * ky;
    uint32_t at = 0;
    double most = -(double)INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++) {
        p[i] = log_gamma_draw(concentration, seed, index, &at);
        most = fmax(most, p[i]);
    }
    for (int32_t i = 0; i < n; i++)
        sum += p[i] = exp(p[i] - most);
    for (int32_t i = 0; i < n; i++)
        p[i] /= sum;
}

/* ---- normal pairs ---- */

double imx_gauss_mi(int32_t d, double rho)
{
    return -0.5 * d * log1p(-rho * rho);
}

void imx_gauss_draw(float *x, float *y, int32_t n, int32_t d, double rho, uint64_t seed, uint64_t step)
{
    const double rest = sqrt(1 - rho * rho);
    for (int64_t i = 0; i < (int64_t)n * d; i += 2) {
        double z[4];
        normals(seed, step, IMX_STREAM_LAB, (uint32_t)(i / 2), z);
        for (int k = 0; k < 2 && i + k < (int64_t)n * d; k++) {
            x[i + k] = (float)z[2 * k];
            y[i + k] = (float)(rho * z[2 * k] + rest * z[2 * k + 1]);
        }
    }
}

/* 2 JSD: mean over draws of ln2 - sp(-ln r) of a joint pair and ln2 - sp(ln r) of an independent one. */
static double gauss_jsd(int32_t d, double rho)
{
    const double rest = sqrt(1 - rho * rho), tail = 1 - rho * rho;
    double sum = 0;
    for (uint32_t i = 0; i < JSD_DRAWS; i++) {
        double joint = imx_gauss_mi(d, rho), apart = joint;
        for (int32_t k = 0; k < d; k++) {
            double z[4];
            normals((uint64_t)k, 0, IMX_STREAM_LAB, i, z);
            const double x = z[0], y = rho * x + rest * z[1], other = z[2];
            joint += (2 * rho * x * y - rho * rho * (x * x + y * y)) / (2 * tail);
            apart += (2 * rho * x * other - rho * rho * (x * x + other * other)) / (2 * tail);
        }
        sum += jsd_pos(joint) + jsd_neg(apart);
    }
    return sum / JSD_DRAWS;
}

double imx_gauss_best(int32_t d, double rho, int32_t est)
{
    const double tail = 1 - rho * rho;
    switch (est) {
    case IMX_EST_DV:
    case IMX_EST_DV_EMA:
    case IMX_EST_KL: return imx_gauss_mi(d, rho);
    case IMX_EST_SMILE:
    case IMX_EST_JSD: return gauss_jsd(d, rho);
    case IMX_EST_GAN: return gauss_jsd(d, rho) - 2 * LN2;
    case IMX_EST_RKL: return d * (0.5 * log(tail) + rho * rho / tail);
    /* The overlap of two normal densities: |A|^(1/4) |B|^(1/4) / |(A + B)/2|^(1/2). */
    case IMX_EST_H2: return 2 - 2 * pow(pow(tail, 0.25) / sqrt(1 - rho * rho / 4), d);
    case IMX_EST_CHI2: return pow(tail, -d) - 1; /* E_M[r^2] = sum of rho^2k */
    default: return (double)NAN;
    }
}

/* ---- ranks ---- */

struct ranked {
    double value, rank;
    size_t at;
};

static int by_value(const void *a, const void *b)
{
    const double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;
    return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
    const size_t x = ((const struct ranked *)a)->at, y = ((const struct ranked *)b)->at;
    return (x > y) - (x < y);
}

static void rank(struct ranked *r, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r[i] = (struct ranked){ v[i], 0, i };
    qsort(r, n, sizeof *r, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && r[end].value <= r[i].value; end++)
            ;
        for (size_t k = i; k < end; k++)
            r[k].rank = 0.5 * (double)(i + end - 1);
    }
    qsort(r, n, sizeof *r, by_place);
}

imx_status imx_rank_correlation(const double *a, const double *b, size_t n, double *out)
{
    struct ranked *r = malloc((2 * n + 1) * sizeof *r);
    double ab = 0, aa = 0, bb = 0;
    const double mean = 0.5 * ((double)n - 1);
    if (!r)
        return imx_fail(IMX_E_NOMEM, "no memory for ranks");
    rank(r, a, n);
    rank(r + n, b, n);
    for (size_t i = 0; i < n; i++) {
        const double da = r[i].rank - mean, db = r[n + i].rank - mean;
        ab += da * db;
        aa += da * da;
        bb += db * db;
    }
    free(r);
    *out = aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
    return IMX_OK;
}
