/* The laboratory's exact side: closed forms of the specification (dim_method 4.5, 4.6), best values of the estimators
 * against their definitions on random tables and against quadrature on normal pairs, draws, ranks. */
#include "eval/lab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"
#include "eval/lab_exact.h"
#include "ops/critic.h"

static const double LN2 = 0.693147180559945309417;

static bool near(double a, double b, double within)
{
    return fabs(a - b) <= within; /* false for NaN */
}

/* f+ and f- of dim_method 4.1 and the critic that is best for r, all written anew. */
static double best_critic(int32_t est, double r)
{
    switch (est) {
    case IMX_EST_KL: return 1 + log(r);
    case IMX_EST_H2: return log(r) / 2;
    case IMX_EST_CHI2: return 2 * (r - 1);
    default: return log(r);
    }
}

static double pos(int32_t est, double t)
{
    switch (est) {
    case IMX_EST_JSD: return LN2 - log1p(exp(-t));
    case IMX_EST_GAN: return -log1p(exp(-t));
    case IMX_EST_RKL: return -exp(-t);
    case IMX_EST_H2: return 1 - exp(-t);
    default: return t;
    }
}

static double neg(int32_t est, double t)
{
    switch (est) {
    case IMX_EST_JSD: return log1p(exp(t)) - LN2;
    case IMX_EST_GAN: return log1p(exp(t));
    case IMX_EST_KL: return exp(t - 1);
    case IMX_EST_RKL: return t - 1;
    case IMX_EST_H2: return exp(t) - 1;
    case IMX_EST_CHI2: return t * t / 4 + t;
    default: return t;
    }
}

static const int32_t families[] = { IMX_EST_JSD, IMX_EST_GAN, IMX_EST_KL, IMX_EST_RKL, IMX_EST_H2, IMX_EST_CHI2 };
enum { FAMILIES = sizeof families / sizeof *families, K = 7 };

/* e_pos - e_neg of the best critic moved by `off` at every other cell. */
static double value(const double *p, int32_t est, double off)
{
    double px[K] = { 0 }, py[K] = { 0 }, e = 0;
    for (int i = 0; i < K * K; i++) {
        px[i / K] += p[i];
        py[i % K] += p[i];
    }
    for (int i = 0; i < K * K; i++) {
        const double m = px[i / K] * py[i % K], t = best_critic(est, p[i] / m) + (i % 2 ? off : -off);
        e += p[i] * pos(est, t) - m * neg(est, t);
    }
    return e;
}

static void tables(void)
{
    double p[K * K];
    for (uint32_t draw = 0; draw < 3; draw++) {
        imx_joint_draw(p, K, K, 1.5, 3, draw);
        double sum = 0;
        for (int i = 0; i < K * K; i++)
            sum += p[i];
        tap_ok(near(sum, 1, 1e-12), "table %u sums to 1", draw);
        for (int f = 0; f < FAMILIES; f++) {
            const double best = imx_joint_best(p, K, K, families[f]), v = value(p, families[f], 0);
            tap_ok(near(best, v, 1e-9 * (1 + fabs(v))) && value(p, families[f], 0.05) < best &&
                       value(p, families[f], -0.05) < best,
                   "table %u, %s: %.9f is the value of the best critic, others have less", draw,
                   imx_estimator_name(families[f]), best);
        }
        tap_ok(near(imx_joint_best(p, K, K, IMX_EST_DV), imx_joint_mi(p, K, K), 0), "dv's best is the information");
    }
    for (int i = 0; i < K * K; i++)
        p[i] = (1.0 + i / K) * (1.0 + i % K) / 784;
    tap_ok(near(imx_joint_mi(p, K, K), 0, 1e-12) && near(imx_joint_jsd(p, K, K), 0, 1e-12),
           "independent symbols: no information, no divergence");
    tap_ok(isnan(imx_joint_best(p, K, K, IMX_EST_INFONCE)), "infonce has no best value without a number of negatives");
}

static void closed_forms(void)
{
    double p[100];
    imx_joint_equal(p, 10);
    tap_ok(near(imx_joint_mi(p, 10, 10), log(10), 1e-12), "X = Y over 10 symbols: ln 10");
    tap_ok(near(2 * imx_joint_jsd(p, 10, 10), 1.051194654, 1e-9), "twice its JSD: %.9f", 2 * imx_joint_jsd(p, 10, 10));
    tap_ok(near(imx_joint_best(p, 10, 10, IMX_EST_GAN), -0.335099707, 1e-9), "in GAN form: %.9f",
           imx_joint_best(p, 10, 10, IMX_EST_GAN));
    tap_ok(isinf(imx_joint_best(p, 10, 10, IMX_EST_RKL)), "the reverse KL of X = Y is infinite");
    tap_ok(near(imx_gauss_mi(1, 0.9), 0.830366, 5e-7) && near(imx_gauss_mi(20, 0.5), 2.876821, 5e-7),
           "normal pairs: 0.830366 and 2.876821");
}

/* The integral of f over the plane with weights of one normal pair; exact to many digits for smooth f. */
static double quadrature(int32_t est, double rho)
{
    static const double STEP = 0.05, WIDE = 9, TWO_PI = 6.283185307179586;
    const double tail = 1 - rho * rho;
    double sum = 0;
    for (double x = -WIDE; x <= WIDE; x += STEP)
        for (double y = -WIDE; y <= WIDE; y += STEP) {
            const double m = exp(-(x * x + y * y) / 2) / TWO_PI;
            const double r = exp((2 * rho * x * y - rho * rho * (x * x + y * y)) / (2 * tail)) / sqrt(tail);
            const double t = best_critic(est, r);
            sum += m * (r * pos(est, t) - neg(est, t)) * STEP * STEP;
        }
    return sum;
}

static void gauss(void)
{
    for (int f = 0; f < FAMILIES; f++) {
        const bool drawn = families[f] == IMX_EST_JSD || families[f] == IMX_EST_GAN;
        const double best = imx_gauss_best(1, 0.6, families[f]), v = quadrature(families[f], 0.6);
        tap_ok(near(best, v, drawn ? 0.01 : 1e-5), "normal pairs, %s: %.6f, by quadrature %.6f",
               imx_estimator_name(families[f]), best, v);
    }
    enum { N = 20001, D = 3 };
    static float x[N * D], y[N * D], again[N * D];
    double xy = 0, xx = 0, yy = 0, cross = 0, mean = 0;
    imx_gauss_draw(x, y, N, D, -0.7, 5, 9);
    for (int i = 0; i < N * D; i++) {
        xy += (double)x[i] * (double)y[i] / (N * D);
        xx += (double)x[i] * (double)x[i] / (N * D);
        yy += (double)y[i] * (double)y[i] / (N * D);
        cross += (double)x[i] * (double)y[(i + 1) % (N * D)] / (N * D);
        mean += (double)y[i] / (N * D);
    }
    tap_ok(near(xy, -0.7, 0.02) && near(xx, 1, 0.03) && near(yy, 1, 0.03) && near(cross, 0, 0.02) &&
               near(mean, 0, 0.02),
           "draws: correlation %.3f, variances %.3f and %.3f, of other pairs %.3f, mean %.3f", xy, xx, yy, cross, mean);
    imx_gauss_draw(again, y, N, D, -0.7, 5, 9);
    tap_ok(!memcmp(x, again, sizeof x), "the same seed and step draw the same");
    imx_gauss_draw(again, y, N, D, -0.7, 5, 10);
    tap_ok(memcmp(x, again, sizeof x) != 0, "another step does not");
}

/* Frequencies of symbols against the table. */
static void draws(void)
{
    enum { N = 20000, S = 5 };
    struct imx_lab_task task;
    static float x[N * S], y[N * S];
    double seen[S * S] = { 0 }, worst = 0;
    if (!tap_ok(imx_lab_task_init(&task, IMX_LAB_TABLE, S, 0.5, 2) == IMX_OK, "a table of 5 x 5"))
        return;
    imx_lab_draw(&task, x, y, N, 1, 2);
    bool unit = true;
    for (int i = 0; i < N; i++) {
        int at = -1, to = -1, ones = 0;
        for (int k = 0; k < S; k++) {
            ones += (x[i * S + k] != 0) + (y[i * S + k] != 0);
            at = x[i * S + k] == 1 ? k : at;
            to = y[i * S + k] == 1 ? k : to;
        }
        unit &= ones == 2 && at >= 0 && to >= 0;
        if (unit)
            seen[at * S + to] += 1.0 / N;
    }
    for (int i = 0; i < S * S; i++)
        worst = fmax(worst, fabs(seen[i] - task.table[i]));
    tap_ok(unit && worst < 0.015, "symbols are unit vectors, as often as the table says (off by %.4f)", worst);
    imx_lab_task_free(&task);
    tap_ok(imx_lab_task_init(&task, IMX_LAB_GAUSS, 1, 1, 0) == IMX_E_ARG, "%s", imx_error_text());
    tap_ok(imx_lab_task_init(&task, IMX_LAB_EQUAL, 1, 0, 0) == IMX_E_ARG, "%s", imx_error_text());
    tap_ok(imx_lab_task_init(&task, IMX_LAB_TABLE, 4, -1, 0) == IMX_E_ARG, "%s", imx_error_text());
}

static double correlation(const double *a, const double *b, size_t n)
{
    double r = 9;
    return tap_ok(imx_rank_correlation(a, b, n, &r) == IMX_OK, "ranks") ? r : 9;
}

static void ranks(void)
{
    enum { N = 300 };
    const double a[] = { 1, 2, 3, 4 }, tied[] = { 1, 2, 2, 3 }, down[] = { 9, 5, 4, -1 }, flat[] = { 1, 1, 1, 1 };
    tap_ok(near(correlation(a, tied, 4), 0.9486832981, 1e-9), "ties stand at their mean rank");
    tap_ok(near(correlation(a, down, 4), -1, 1e-12), "falling: -1");
    tap_ok(isnan(correlation(a, flat, 4)) && isnan(correlation(a, a, 1)), "nothing to rank: NaN");
    double mi[N], jsd[N], most = 0, least = 1;
    if (!tap_ok(imx_lab_tables(N, 16, 0, mi, jsd) == IMX_OK, "%d random tables", N))
        return;
    for (int i = 0; i < N; i++) {
        most = fmax(most, jsd[i]);
        least = fmin(least, fmin(jsd[i], mi[i]));
    }
    tap_ok(least > -1e-12 && most <= LN2, "JSD within [0, ln 2] (largest %.3f)", most);
    const double rho = correlation(mi, jsd, N);
    tap_ok(rho > 0.95 && rho < 1, "JSD rises with the information: rank correlation %.4f", rho);
}

static void scores(void)
{
    for (int f = 0; f < FAMILIES; f++)
        tap_ok(near(imx_lab_log_ratio(families[f], best_critic(families[f], 2.5)), log(2.5), 1e-12),
               "%s: the best critic's score gives back ln r", imx_estimator_name(families[f]));
    tap_ok(isnan(imx_lab_log_ratio(IMX_EST_INFONCE, 1)) && isnan(imx_lab_log_ratio(IMX_EST_CHI2, (double)NAN)),
           "infonce's does not; NaN stays NaN");
    tap_ok(isfinite(imx_lab_log_ratio(IMX_EST_CHI2, -5)), "chi2's negative ratios have a floor");
}

/* Mean, deviation and bias of a row. */
static void rows(void)
{
    const struct imx_lab_task task = { .joint = IMX_LAB_GAUSS, .size = 1, .parameter = 0.9, .mi = 1 };
    struct imx_lab_row row = imx_lab_row(&task, IMX_EST_DV, 8, 0);
    const double bound[] = { 1, 2, 4 };
    tap_ok(isnan(row.mean) && isnan(row.bias) && isinf(row.ceiling), "a row without readings has none");
    for (int i = 0; i < 3; i++)
        imx_lab_add(&row, &(struct imx_lab_reading){ .value = bound[i], .bound = bound[i], .most = bound[i] });
    tap_ok(near(row.mean, 7.0 / 3, 1e-12) && near(row.bias, 4.0 / 3, 1e-12) && near(row.spread, sqrt(7.0 / 3), 1e-12) &&
               row.most == 4,
           "mean %.3f, bias %.3f, spread %.3f", row.mean, row.bias, row.spread);
    imx_lab_add(&row, &(struct imx_lab_reading){ .value = (double)NAN, .bound = (double)NAN, .bad = 1 });
    tap_ok(isnan(row.mean) && row.bad == 1, "one that is not finite shows");
    row = imx_lab_row(&task, IMX_EST_INFONCE, 8, 0);
    tap_ok(near(row.ceiling, log(8), 1e-12), "infonce's ceiling is ln 8 in a batch of 8");
    row = imx_lab_row(&task, IMX_EST_INFONCE, 8, 64);
    tap_ok(near(row.ceiling, log(64), 1e-12), "and ln 64 when batches of 64 are read");
}

int main(void)
{
    closed_forms();
    tables();
    gauss();
    draws();
    ranks();
    scores();
    rows();
    return tap_done();
}
