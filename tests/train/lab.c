/* Small critics on joints whose mutual information is known (dim_method 11, item 6): dv and smile come close to it,
 * infonce never exceeds the logarithm of the number of classes, jsd's e_pos - e_neg never 2 ln 2. */
#include "eval/lab.h"

#include <math.h>

#include "../tap.h"
#include "ops/critic.h"

static const double LN2 = 0.693147180559945309417, ROUNDING = 2e-5;

/* Trains; a failure is a failed case. */
static bool trained(struct imx_dev *dev, const struct imx_lab_task *task, const struct imx_lab_critic *how,
                    struct imx_lab_reading *r)
{
    const imx_status s = imx_lab_train(dev, task, how, r);
    return s == IMX_OK && !r->bad ? true
                                  : tap_ok(false, "%s, %s: %s", task->name, imx_estimator_name(how->est),
                                           s != IMX_OK ? imx_error_text() : "not finite");
}

/* An estimator on batches large enough that their logsumexp is hardly biased: within `off` of the truth for each of two
 * seeds. */
static void close_to(struct imx_dev *dev, int32_t est, enum imx_lab_joint joint, int32_t size, double parameter,
                     int32_t steps, double off)
{
    struct imx_lab_task task;
    struct imx_lab_reading r;
    if (!tap_ok(imx_lab_task_init(&task, joint, size, parameter, 0) == IMX_OK, "a joint"))
        return;
    for (uint64_t seed = 0; seed < 2; seed++) {
        const struct imx_lab_critic how = {
            .est = est, .batch = 256, .test_batch = 1024, .tests = 16, .steps = steps, .seed = seed
        };
        if (trained(dev, &task, &how, &r))
            tap_ok(fabs(r.bound - task.mi) <= off, "%s: %s reads %.3f of %.3f nats (within %.2f; seed %d)", task.name,
                   imx_estimator_name(est), r.bound, task.mi, off, (int)seed);
    }
    imx_lab_task_free(&task);
}

/* A network over pairs, a shuffled partner as the only negative of each; no infonce. */
static void over_pairs(struct imx_dev *dev)
{
    static const int32_t est[] = { IMX_EST_JSD, IMX_EST_DV, IMX_EST_SMILE };
    struct imx_lab_task task;
    struct imx_lab_reading r;
    if (!tap_ok(imx_lab_task_init(&task, IMX_LAB_GAUSS, 1, 0.9, 0) == IMX_OK, "a joint"))
        return;
    struct imx_lab_critic how = { .concat = true, .batch = 256, .test_batch = 1024, .tests = 16, .steps = 800 };
    for (int i = 0; i < 3; i++) {
        how.est = est[i];
        if (trained(dev, &task, &how, &r))
            tap_ok(fabs(imx_lab_nats(est[i], &r) - task.mi) < 0.12, "%s over pairs: %s reads %.3f of %.3f nats",
                   task.name, imx_estimator_name(est[i]), imx_lab_nats(est[i], &r), task.mi);
    }
    how.est = IMX_EST_INFONCE;
    tap_ok(imx_lab_train(dev, &task, &how, &r) == IMX_E_ARG, "infonce over pairs: %s", imx_error_text());
    imx_error_clear();
    imx_lab_task_free(&task);
}

/* Much information and few negatives: every batch stays below the ceiling, and comes near it. */
static void capped(struct imx_dev *dev, double rho, int32_t batch)
{
    struct imx_lab_task task;
    struct imx_lab_reading r;
    struct imx_lab_critic how = { .est = IMX_EST_INFONCE, .batch = batch, .tests = 64, .steps = 400 };
    if (!tap_ok(imx_lab_task_init(&task, IMX_LAB_GAUSS, 20, rho, 0) == IMX_OK, "a joint"))
        return;
    if (trained(dev, &task, &how, &r))
        tap_ok(r.most <= log(batch) + ROUNDING && r.bound > 0.4 * log(batch),
               "%s: infonce in batches of %d reads %.4f, %.4f at most; ln %d = %.4f", task.name, batch, r.bound, r.most,
               batch, log(batch));
    how.est = IMX_EST_JSD;
    if (trained(dev, &task, &how, &r))
        tap_ok(r.most <= 2 * LN2 + ROUNDING && r.value > 0.3,
               "%s: jsd's e_pos - e_neg is %.4f, %.4f at most; 2 ln 2 = %.4f", task.name, r.value, r.most, 2 * LN2);
    imx_lab_task_free(&task);
}

/* Estimators without nats come to the value of their best critic; the density ratios they learn give the information.
 */
static void own_values(struct imx_dev *dev)
{
    static const int32_t est[] = { IMX_EST_JSD, IMX_EST_GAN, IMX_EST_H2, IMX_EST_KL };
    struct imx_lab_task task;
    struct imx_lab_reading r;
    if (!tap_ok(imx_lab_task_init(&task, IMX_LAB_GAUSS, 1, 0.9, 0) == IMX_OK, "a joint"))
        return;
    for (size_t i = 0; i < sizeof est / sizeof *est; i++) {
        const struct imx_lab_critic how = { .est = est[i], .batch = 128, .tests = 32, .steps = 500 };
        const double best = imx_lab_best(&task, est[i]);
        if (trained(dev, &task, &how, &r))
            tap_ok(fabs(r.value - best) < 0.06 && fabs(r.density - task.mi) < 0.15,
                   "%s: value %.4f of %.4f, density %.3f of %.3f nats", imx_estimator_name(est[i]), r.value, best,
                   r.density, task.mi);
    }
    imx_lab_task_free(&task);
}

static bool never(void *user, int32_t step)
{
    (void)user;
    return step < 3;
}

static void stopped(struct imx_dev *dev)
{
    struct imx_lab_task task;
    if (!tap_ok(imx_lab_task_init(&task, IMX_LAB_EQUAL, 4, 0, 0) == IMX_OK, "a joint"))
        return;
    struct imx_lab_row row = imx_lab_row(&task, IMX_EST_DV, 8, 0);
    struct imx_lab_plan plan = { .critic = { .steps = 100, .go_on = never }, .rows = 1, .seeds = 2 };
    tap_ok(imx_lab_run(dev, &plan, &row) == IMX_E_STOPPED && row.seeds == 0, "a critic that is stopped is no reading");
    plan.critic = (struct imx_lab_critic){ .steps = 200 };
    const imx_status s = imx_lab_run(dev, &plan, &row);
    tap_ok(s == IMX_OK && row.seeds == 2 && fabs(row.bias) < 0.25 && row.spread < 0.25,
           "X = Y over 4 symbols, batches of 8: %.3f +- %.3f of %.3f nats %s", row.mean, row.spread, task.mi,
           s == IMX_OK ? "" : imx_error_text());
    imx_lab_task_free(&task);
}

int main(void)
{
    struct imx_dev *dev = NULL;
    if (tap_ok(imx_dev_open("auto", &dev, NULL) == IMX_OK, "a device %s", imx_error_text())) {
        close_to(dev, IMX_EST_DV, IMX_LAB_GAUSS, 1, 0.9, 600, 0.06);
        close_to(dev, IMX_EST_DV, IMX_LAB_GAUSS, 20, 0.5, 1000, 0.2);
        close_to(dev, IMX_EST_DV, IMX_LAB_EQUAL, 10, 0, 300, 0.05);
        close_to(dev, IMX_EST_SMILE, IMX_LAB_GAUSS, 1, 0.9, 600, 0.06);
        close_to(dev, IMX_EST_SMILE, IMX_LAB_GAUSS, 20, 0.5, 1000, 0.15);
        over_pairs(dev);
        capped(dev, 0.5, 8);
        capped(dev, 0.9, 8);
        own_values(dev);
        stopped(dev);
    }
    imx_dev_close(dev);
    return tap_done();
}
