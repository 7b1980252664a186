/* Linear assignment: against every permutation of small problems, against a certificate for larger ones, ties, and what
 * is refused. */
#include "base/assign.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "tap.h"

static double random_cost(uint64_t seed, uint32_t i)
{
    uint32_t r[4];
    imx_random4(seed, 0, IMX_STREAM_TEST, i, r);
    return (double)imx_unit(r[0]);
}

static double total(const float *cost, int32_t n, const int32_t *to)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += (double)cost[i * n + to[i]];
    return sum;
}

static bool permutation(const int32_t *to, int32_t n)
{
    bool taken[512] = { false };
    for (int32_t i = 0; i < n; i++) {
        if (to[i] < 0 || to[i] >= n || taken[to[i]])
            return false;
        taken[to[i]] = true;
    }
    return true;
}

/* The least sum over the permutations of the rows from `row` on. */
static double best(const float *cost, int32_t n, int32_t row, int32_t *to)
{
    double least = row == n ? total(cost, n, to) : HUGE_VAL;
    for (int32_t k = row; k < n; k++) {
        const int32_t a = to[row], b = to[k];
        to[row] = b;
        to[k] = a;
        const double now = best(cost, n, row + 1, to);
        to[row] = a;
        to[k] = b;
        least = now < least ? now : least;
    }
    return least;
}

static void small(void)
{
    double worst = 0;
    bool whole = true;
    for (int32_t n = 1; n <= 7; n++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            float cost[49];
            int32_t to[7], all[7] = { 0, 1, 2, 3, 4, 5, 6 };
            for (int32_t i = 0; i < n * n; i++) /* every third problem has many ties */
                cost[i] = (float)(seed % 3 ? random_cost(seed, (uint32_t)i) - 0.5
                                           : floor(3 * random_cost(seed, (uint32_t)i)));
            whole = whole && imx_assign(cost, n, to) == IMX_OK && permutation(to, n);
            worst = fmax(worst, whole ? fabs(total(cost, n, to) - best(cost, n, 0, all)) : HUGE_VAL);
        }
    tap_ok(whole && worst < 1e-6, "280 problems of up to 7 rows, against every permutation: %.2g away", worst);
}

/* No cycle of rows that hand on their columns is cheaper (Bellman-Ford finds none with a negative sum). */
static bool no_better(const float *cost, int32_t n, const int32_t *to)
{
    double *way = calloc((size_t)n, sizeof *way);
    bool moved = way != NULL;
    for (int32_t round = 0; round <= n && moved; round++) {
        moved = false;
        for (int32_t i = 0; i < n; i++)
            for (int32_t k = 0; k < n; k++) {
                const double now = way[i] + (double)cost[i * n + to[k]] - (double)cost[i * n + to[i]];
                if (now < way[k] - 1e-9) {
                    way[k] = now;
                    moved = true;
                }
            }
    }
    const bool ok = way && !moved;
    free(way);
    return ok;
}

static void large(void)
{
    static float cost[300 * 300];
    static const int32_t size[] = { 64, 300 };
    for (int k = 0; k < 2; k++) {
        const int32_t n = size[k];
        int32_t to[300], again[300];
        for (int32_t i = 0; i < n * n; i++)
            cost[i] = (float)random_cost(7, (uint32_t)i);
        const bool ok = imx_assign(cost, n, to) == IMX_OK && permutation(to, n);
        tap_ok(ok && no_better(cost, n, to), "%d rows: no cycle of exchanges is cheaper than %.5f", n,
               total(cost, n, to));
        tap_ok(imx_assign(cost, n, again) == IMX_OK && !memcmp(to, again, sizeof *to * (size_t)n),
               "%d rows: twice the same", n);
        for (int32_t i = 0; i < n; i++) /* a hidden permutation */
            cost[i * n + (7 * i + 3) % n] = -1;
        bool found = imx_assign(cost, n, to) == IMX_OK;
        for (int32_t i = 0; i < n; i++)
            found = found && to[i] == (7 * i + 3) % n;
        tap_ok(found, "%d rows: a permutation that is cheaper everywhere is found", n);
    }
}

static void refused(void)
{
    float cost[4] = { 0, 1, NAN, 0 };
    int32_t to[2] = { 5, 5 };
    tap_ok(imx_assign(cost, 2, to) == IMX_E_NONFINITE && to[0] == 5, "a NaN: %s", imx_error_text());
    imx_error_clear();
    cost[2] = -INFINITY;
    tap_ok(imx_assign(cost, 2, to) == IMX_E_NONFINITE, "an infinite cost is refused");
    imx_error_clear();
    tap_ok(imx_assign(cost, 0, to) == IMX_E_ARG && imx_assign(cost, IMX_ASSIGN_MOST + 1, to) == IMX_E_ARG,
           "sizes out of range: %s", imx_error_text());
    imx_error_clear();
}

int main(void)
{
    small();
    large();
    refused();
    return tap_done();
}
