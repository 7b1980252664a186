/* The laboratory's tasks, rows of results and random tables. See lab.h. */
#include "eval/lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/philox.h"
#include "eval/lab_exact.h"
#include "ops/critic.h"

/* ---- tasks ---- */

enum { MOST_SYMBOLS = 256, MOST_DIMS = 1024 };

static imx_status check(enum imx_lab_joint joint, int32_t size, double parameter)
{
    if (joint == IMX_LAB_GAUSS && (size < 1 || size > MOST_DIMS))
        return imx_fail(IMX_E_ARG, "%d dimensions are not within 1 and %d", size, MOST_DIMS);
    if (joint == IMX_LAB_GAUSS && !(fabs(parameter) < 1))
        return imx_fail(IMX_E_ARG, "a correlation of %g is not between -1 and 1", parameter);
    if (joint != IMX_LAB_GAUSS && (size < 2 || size > MOST_SYMBOLS))
        return imx_fail(IMX_E_ARG, "%d symbols are not within 2 and %d", size, MOST_SYMBOLS);
    if (joint == IMX_LAB_TABLE && !(parameter >= 1e-3 && parameter <= 1e6))
        return imx_fail(IMX_E_ARG, "a concentration of %g is not within 0.001 and 1e6", parameter);
    return IMX_OK;
}

imx_status imx_lab_task_init(struct imx_lab_task *task, enum imx_lab_joint joint, int32_t size, double parameter,
                             uint64_t seed)
{
    IMX_TRY(check(joint, size, parameter));
    *task = (struct imx_lab_task){ .joint = joint, .size = size, .parameter = parameter };
    if (joint == IMX_LAB_GAUSS) {
        snprintf(task->name, sizeof task->name, "gauss d=%d rho=%g", size, parameter);
        task->mi = imx_gauss_mi(size, parameter);
        return IMX_OK;
    }
    task->table = malloc((size_t)size * (size_t)size * sizeof *task->table);
    if (!task->table)
        return imx_fail(IMX_E_NOMEM, "no memory for a table of %d x %d", size, size);
    if (joint == IMX_LAB_EQUAL) {
        snprintf(task->name, sizeof task->name, "equal k=%d", size);
        imx_joint_equal(task->table, size);
    } else {
        snprintf(task->name, sizeof task->name, "table k=%d a=%g", size, parameter);
        imx_joint_draw(task->table, size, size, parameter, seed, 0);
    }
    task->mi = imx_joint_mi(task->table, size, size);
    return IMX_OK;
}

void imx_lab_task_free(struct imx_lab_task *task)
{
    free(task->table);
    *task = (struct imx_lab_task){ 0 };
}

double imx_lab_best(const struct imx_lab_task *task, int32_t est)
{
    return task->joint == IMX_LAB_GAUSS ? imx_gauss_best(task->size, task->parameter, est)
                                        : imx_joint_best(task->table, task->size, task->size, est);
}

/* The cell below which the share u of the table lies. */
static int32_t cell(const double *p, int32_t cells, double u)
{
    double sum = 0;
    int32_t last = 0;
    for (int32_t i = 0; i < cells; i++) {
        sum += p[i];
        last = p[i] > 0 ? i : last;
        if (u < sum)
            return i;
    }
    return last; /* the sum is 1 but for rounding */
}

void imx_lab_draw(const struct imx_lab_task *task, float *x, float *y, int32_t n, uint64_t seed, uint64_t step)
{
    const int32_t k = task->size;
    if (task->joint == IMX_LAB_GAUSS) {
        imx_gauss_draw(x, y, n, k, task->parameter, seed, step);
        return;
    }
    memset(x, 0, (size_t)n * (size_t)k * sizeof *x);
    memset(y, 0, (size_t)n * (size_t)k * sizeof *y);
    for (int32_t i = 0; i < n; i++) {
        uint32_t r[4];
        imx_random4(seed, step, IMX_STREAM_LAB, (uint32_t)i, r);
        const int32_t at = cell(task->table, k * k, (r[0] + 0.5) / 4294967296.0);
        x[(int64_t)i * k + at / k] = 1;
        y[(int64_t)i * k + at % k] = 1;
    }
}

/* ---- rows ---- */

struct imx_lab_row imx_lab_row(const struct imx_lab_task *task, int32_t est, int32_t batch, int32_t test_batch)
{
    return (struct imx_lab_row){
        .task = task,
        .est = est,
        .batch = batch,
        .mean = (double)NAN,
        .bias = (double)NAN,
        .spread = (double)NAN,
        .value = (double)NAN,
        .value_spread = (double)NAN,
        .best = imx_lab_best(task, est),
        .most = -(double)INFINITY,
        .ceiling = imx_estimator_ceiling(est, (test_batch ? test_batch : batch) - 1),
    };
}

/* Deviation of n numbers from their sum and the sum of their squares. */
static double deviation(double sum, double squares, int32_t n)
{
    return n > 1 ? sqrt(fmax(squares - sum * sum / n, 0) / (n - 1)) : (double)NAN;
}

void imx_lab_add(struct imx_lab_row *row, const struct imx_lab_reading *r)
{
    const double nats = imx_lab_nats(row->est, r);
    row->seeds++;
    row->bad += r->bad > 0;
    row->sum[0] += nats;
    row->sum[1] += nats * nats;
    row->sum[2] += r->value;
    row->sum[3] += r->value * r->value;
    row->sum_jitter += r->jitter;
    row->sum_seconds += r->seconds;
    row->most = fmax(row->most, r->most);
    row->mean = row->sum[0] / row->seeds;
    row->bias = row->mean - row->task->mi;
    row->spread = deviation(row->sum[0], row->sum[1], row->seeds);
    row->value = row->sum[2] / row->seeds;
    row->value_spread = deviation(row->sum[2], row->sum[3], row->seeds);
    row->jitter = row->sum_jitter / row->seeds;
    row->seconds = row->sum_seconds / row->seeds;
}

/* ---- JSD against mutual information ---- */

imx_status imx_lab_tables(int32_t n, int32_t max, uint64_t seed, double *mi, double *jsd)
{
    double *p = malloc((size_t)max * (size_t)max * sizeof *p);
    if (!p)
        return imx_fail(IMX_E_NOMEM, "no memory for a table of %d x %d", max, max);
    for (int32_t i = 0; i < n; i++) {
        uint32_t r[4];
        imx_random4(seed, 1, IMX_STREAM_LAB, (uint32_t)i, r);
        const int32_t kx = 2 + (int32_t)(r[0] % (uint32_t)(max - 1)), ky = 2 + (int32_t)(r[1] % (uint32_t)(max - 1));
        const double concentration = pow(10, -2 + 3 * (double)imx_unit(r[2]));
        imx_joint_draw(p, kx, ky, concentration, seed ^ 0x7ab1e5, (uint32_t)i + 1);
        mi[i] = imx_joint_mi(p, kx, ky);
        jsd[i] = imx_joint_jsd(p, kx, ky);
    }
    free(p);
    return IMX_OK;
}

/* ---- the plan ---- */

imx_status imx_lab_run(struct imx_dev *dev, const struct imx_lab_plan *plan, struct imx_lab_row *row)
{
    const double start = imx_now();
    size_t done = 0;
    for (int32_t seed = 0; seed < plan->seeds; seed++)
        for (size_t i = 0; i < plan->rows; i++, done++) {
            struct imx_lab_reading r;
            struct imx_lab_critic how = plan->critic;
            how.est = row[i].est;
            how.batch = row[i].batch;
            how.seed += (uint64_t)seed;
            if (plan->max_time > 0 && imx_now() - start >= plan->max_time)
                return IMX_OK;
            IMX_TRY(imx_lab_train(dev, row[i].task, &how, &r));
            imx_lab_add(&row[i], &r);
            if (plan->done)
                plan->done(plan->user, done + 1, &row[i]);
        }
    return IMX_OK;
}
