/* Nearest rows against plain loops: distances as their definitions say, the order of neighbours, rows that are equally
 * far, more neighbours than rows, the query left out, numbers that are none. */
#include "eval/neighbors.h"

#include <math.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"

enum { ROWS = 300, WIDTH = 5, QUERIES = 20 };

static const char *const names[] = { [IMX_METRIC_L2] = "l2", [IMX_METRIC_L1] = "l1", [IMX_METRIC_COSINE] = "cosine" };

static double length(const float *a)
{
    double sum = 0;
    for (int k = 0; k < WIDTH; k++)
        sum += pow((double)a[k], 2);
    return sqrt(sum);
}

static double plain(enum imx_metric metric, const float *a, const float *b)
{
    double l1 = 0, product = 0;
    float difference[WIDTH];
    for (int k = 0; k < WIDTH; k++) {
        difference[k] = a[k] - b[k]; /* exact: small integers */
        l1 += fabs((double)difference[k]);
        product += (double)a[k] * (double)b[k];
    }
    switch (metric) {
    case IMX_METRIC_L1: return l1;
    case IMX_METRIC_L2: return length(difference);
    case IMX_METRIC_COSINE: break;
    }
    return length(a) > 0 && length(b) > 0 ? 1 - product / (length(a) * length(b)) : 1;
}

/* Small integers, so that many rows are equally far; row 7 is zero, row 9 is row 4 again. */
static void fill(float *table)
{
    for (uint32_t i = 0; i < ROWS * WIDTH; i++) {
        uint32_t r[4];
        imx_random4(3, 0, IMX_STREAM_TEST, i, r);
        table[i] = (float)(r[0] % 5) - 2;
    }
    memset(table + 7 * WIDTH, 0, WIDTH * sizeof *table);
    memcpy(table + 9 * WIDTH, table + 4 * WIDTH, WIDTH * sizeof *table);
}

static void distances(enum imx_metric metric, const float *table)
{
    double worst = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) {
            const float *a = table + i * WIDTH, *b = table + j * WIDTH;
            const double err = fabs(imx_distance(metric, a, b, WIDTH) - plain(metric, a, b));
            worst = err <= worst ? worst : err;
        }
    tap_ok(worst < 1e-12, "%s: distances of %d rows differ by %g from plain loops", names[metric], ROWS, worst);
}

/* Takes the nearest row that is left k times; of equal ones the first. */
static void order(enum imx_metric metric, const float *table, int32_t k)
{
    static struct imx_neighbor have[ROWS + 5];
    int wrong = 0, ties = 0;
    for (int q = 0; q < QUERIES; q++) {
        const float *x = table + q * WIDTH;
        const int64_t skip = q % 2 ? q : -1;
        const int32_t most = skip < 0 ? ROWS : ROWS - 1;
        bool taken[ROWS] = { false };
        if (skip >= 0)
            taken[skip] = true;
        const int32_t found = imx_nearest_rows(metric, table, ROWS, WIDTH, x, skip, k, have);
        wrong += found != (k < most ? k : most);
        for (int32_t n = 0; n < found; n++) {
            int best = -1;
            for (int i = 0; i < ROWS; i++)
                if (!taken[i] && (best < 0 || imx_distance(metric, table + i * WIDTH, x, WIDTH) <
                                                  imx_distance(metric, table + best * WIDTH, x, WIDTH)))
                    best = i;
            taken[best] = true;
            wrong += have[n].index != best || have[n].distance != imx_distance(metric, table + best * WIDTH, x, WIDTH);
            ties += n && have[n].distance == have[n - 1].distance;
        }
    }
    tap_ok(!wrong && (ties > 10 || k == 1),
           "%s: the %d nearest, by distance and then by index: %d wrong, %d equally far", names[metric], k, wrong,
           ties);
}

static void no_numbers(enum imx_metric metric)
{
    float table[4][WIDTH] = { { NAN }, { 1, 2 }, { 0, INFINITY }, { 3, 1 } };
    const float x[WIDTH] = { 3, 1 };
    struct imx_neighbor have[4];
    const int32_t found = imx_nearest_rows(metric, table[0], 4, WIDTH, x, -1, 4, have);
    tap_ok(found == 4 && have[0].index == 3 && have[1].index == 1 && have[2].index == 0 && have[3].index == 2 &&
               isinf(have[2].distance) && isinf(have[3].distance),
           "%s: rows that are no numbers are the farthest: %g %g %g %g", names[metric], have[0].distance,
           have[1].distance, have[2].distance, have[3].distance);
}

int main(void)
{
    static float table[ROWS * WIDTH];
    static const float a[2] = { 3, 0 }, b[2] = { 0, 4 };
    fill(table);
    tap_ok(imx_distance(IMX_METRIC_L1, a, b, 2) == 7 && imx_distance(IMX_METRIC_L2, a, b, 2) == 5 &&
               imx_distance(IMX_METRIC_COSINE, a, b, 2) == 1,
           "the sides 3 and 4: 7, 5, and a right angle");
    for (int m = 0; m < (int)(sizeof names / sizeof *names); m++) {
        distances((enum imx_metric)m, table);
        for (int k = 0; k < 3; k++)
            order((enum imx_metric)m, table, (const int32_t[]){ 1, 8, ROWS + 5 }[k]);
        no_numbers((enum imx_metric)m);
    }
    return tap_done();
}
