/* Reductions: gradient rules, NaN and infinities, ties of the maximum. */
#include "ops/reduce.h"

#include "devices.h"
#include "finite.h"

enum { ROWS = 5, COLS = 67 };

/* A NaN at any place wins, wherever in the row it stands. */
static void nan_stays(struct imx_dev *dev, const char *where)
{
    for (int kind = IMX_REDUCE_SUM; kind <= IMX_REDUCE_LSE; kind++) {
        const struct imx_rowreduce d = { ROWS, COLS, kind };
        static const int at[ROWS] = { 0, 1, 17, 65, COLS - 1 };
        float src[ROWS * COLS], dst[ROWS] = { 0 };
        for (int i = 0; i < ROWS * COLS; i++)
            src[i] = 0.25f * (float)(i % 7);
        for (int r = 0; r < ROWS; r++)
            src[r * COLS + at[r]] = NAN;
        bool ok = run_op(dev, &imx_op_rowreduce, &d, (void *[]){ src, dst }) == IMX_OK;
        for (int r = 0; r < ROWS; r++)
            ok = ok && isnan(dst[r]);
        tap_ok(ok, "%s: a NaN reaches the result of kind %d", where, kind);
    }
    const struct imx_colsum c = { ROWS, COLS };
    float src[ROWS * COLS], dst[COLS] = { 0 };
    for (int i = 0; i < ROWS * COLS; i++)
        src[i] = i % COLS == 3 && i / COLS == 4 ? NAN : 1;
    bool ok = run_op(dev, &imx_op_colsum, &c, (void *[]){ src, dst }) == IMX_OK;
    for (int i = 0; i < COLS; i++)
        ok = ok && (i == 3 ? isnan(dst[i]) : dst[i] == ROWS);
    tap_ok(ok, "%s: a NaN reaches its own column sum and no other", where);
}

/* logsumexp far out, and of infinities. */
static void far_out(struct imx_dev *dev, const char *where)
{
    const struct imx_rowreduce d = { 4, 2, IMX_REDUCE_LSE };
    float src[] = { 1000, 1000, -1000, -1000, -INFINITY, -INFINITY, INFINITY, 0 }, dst[4] = { 0 };
    const bool ok = run_op(dev, &imx_op_rowreduce, &d, (void *[]){ src, dst }) == IMX_OK;
    tap_ok(ok && fabsf(dst[0] - 1000.6931f) <= 1e-4f && fabsf(dst[1] + 999.30685f) <= 1e-4f && dst[2] == -INFINITY &&
               dst[3] == INFINITY,
           "%s: logsumexp of +-1000 and of infinities: %g %g %g %g", where, (double)dst[0], (double)dst[1],
           (double)dst[2], (double)dst[3]);
}

/* The first of equal maxima gets the whole gradient. */
static void ties(struct imx_dev *dev, const char *where)
{
    const struct imx_rowreduce d = { 2, 4, IMX_REDUCE_MAX };
    float src[] = { 1, 3, 3, 3, 2, 2, 2, 2 }, dst[2] = { 3, 2 }, ddst[2] = { 5, 7 }, dsrc[8] = { 0 };
    static const float want[] = { 0, 5, 0, 0, 7, 0, 0, 0 };
    const bool ok = run_op(dev, &imx_op_rowreduce_bwd, &d, (void *[]){ src, dst, ddst, dsrc }) == IMX_OK;
    tap_ok(ok && !memcmp(dsrc, want, sizeof want), "%s: the first of equal maxima takes the gradient", where);
}

static void norm(struct imx_dev *dev, const char *where)
{
    const struct imx_gradnorm d = { 5000 };
    static float src[5000];
    float dst[2] = { 0 };
    /* in each quarter of a chunk of 4096, and behind it */
    const int at[] = { 17, 300, 1023, 1024, 2500, 4095, 4998 };
    enum { ODD = sizeof at / sizeof *at };
    src[0] = 3, src[4999] = 4, src[1500] = 12, src[2600] = 84, src[4000] = 3612;
    bool ok = run_op(dev, &imx_op_gradnorm, &d, (void *[]){ src, dst }) == IMX_OK && dst[0] == 3613 && dst[1] == 0;
    for (int i = 0; i < ODD; i++)
        src[at[i]] = i % 3 ? i % 3 == 1 ? INFINITY : -INFINITY : NAN;
    ok = ok && run_op(dev, &imx_op_gradnorm, &d, (void *[]){ src, dst }) == IMX_OK && dst[1] == ODD;
    for (int i = 0; i < ODD; i++)
        src[at[i]] = 0;
    tap_ok(ok, "%s: gradnorm of 3, 4, 12, 84 and 3612 is 3613, and counts %d non-finite values", where, ODD);
}

static void all(struct imx_dev *dev, const char *where)
{
    nan_stays(dev, where);
    far_out(dev, where);
    ties(dev, where);
    norm(dev, where);
}

int main(void)
{
    static const char *const text[] = { "r3c7_kind0", "r3c7_kind1", "r3c7_kind2", "r3c7_kind3", "r1c1_kind3" };
    for (int i = 0; i < 5; i++)
        finite_check(&imx_op_rowreduce, text[i]);
    finite_check(&imx_op_rowreduce_bwd, text[0]);
    finite_check(&imx_op_rowreduce_bwd, text[1]);
    finite_check(&imx_op_colsum, "r5c3");
    finite_check(&imx_op_broadcast, "r5c3");
    on_devices(all);
    return tap_done();
}
