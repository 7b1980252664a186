/* The critic: the test vectors of Deep InfoMax worked out by hand, constants at zero scores, the naive P-fold
 * softmax, and finite differences of the double reference against the double backward pass; the first three
 * on every OpenCL variant that a device at hand supports, too. */
#include "ops/critic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ref.h"
#include "tap.h"

enum { MAX = 1 << 17 };

/* A problem with its arguments in double; outputs start as NaN. */
struct trial {
    struct imx_critic d;
    double l0[4096], g0[4096], l1[4096], g1[4096], gb[256], loss, info[3], pos[4096], stat[256];
    double dloss, dl0[4096], dg0[4096], dl1[4096], dg1[4096], dgb[256];
};

static void forward(struct trial *t)
{
    void *arg[] = { t->l0, t->g0, t->l1, t->g1, t->gb, &t->loss, t->info, t->pos, t->stat };
    imx_ref_critic_fwd_f64(&t->d, arg, NULL);
}

static void backward(struct trial *t)
{
    void *arg[] = { t->l0,     t->g0,  t->l1,  t->g1,  t->gb,  t->pos, t->stat,
                    &t->dloss, t->dl0, t->dg0, t->dl1, t->dg1, t->dgb };
    imx_ref_critic_bwd_f64(&t->d, arg, NULL);
}

/* Uniform in [-1, 1). */
static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) / (double)(1u << 30) - 1.0;
}

static void randomize(struct trial *t, uint64_t seed)
{
    double *const part[] = { t->l0, t->g0, t->l1, t->g1 };
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4096; k++)
            part[i][k] = noise(&seed);
    for (int k = 0; k < 256; k++)
        t->gb[k] = noise(&seed);
    t->dloss = 1.25;
}

/* The arithmetic example: N=3, d=2, P=2, Q=1. */
static void example(struct trial *t, int est)
{
    memset(t, 0, sizeof *t);
    t->d = (struct imx_critic){ .n = 3, .p = 2, .q = 1, .d0 = 2, .est = est, .scale = 1 };
    t->dloss = 1;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) {
            t->g0[i * 2 + k] = (5 * i + 2 * k + 1) % 7 / 5.0 - 0.6;
            for (int p = 0; p < 2; p++)
                t->l0[(i * 2 + p) * 2 + k] = (7 * i + 3 * k + 5 * p + 1) % 11 / 10.0 - 0.5;
        }
}

static void near(const char *where, const char *what, double got, double want, double bound)
{
    tap_ok(fabs(got - want) <= bound, "%s %s: %.9g, expected %.9g", where, what, got, want);
}

static const char *const est_name[] = { "infonce", "jsd", "dv" };

/* What the published formulas give, computed apart from this code. */
static void example_values(const char *where, const struct trial *t)
{
    static const double e_pos[] = { 0.043333333, 0.016695062, 0.043333333 };
    static const double e_neg[] = { 1.376579163, -0.009661776, -0.009477800 };
    static const double loss[] = { 1.570276994, -0.026356838, -0.052811133 };
    static const double mi[] = { 0.039160918, 0.026356838, 0.052811133 };
    static const double u[] = { 0.16, -0.04, 0.38, -0.18, 0.10, -0.16 };
    static const double dl0[] = { 0.0945703, 0.0609316, 0.1226203 }, dg3[] = { 0.0522377, 0.0337212, 0.0713203 };
    const int est = t->d.est;
    char text[96];
    snprintf(text, sizeof text, "%s example %s", where, est_name[est]);
    near(text, "e_pos", t->info[0], e_pos[est], 1e-6);
    near(text, "e_neg", t->info[1], e_neg[est], 1e-6);
    near(text, "loss", t->loss, loss[est], 1e-6);
    near(text, "mi", t->info[2], mi[est], 1e-6);
    for (int k = 0; k < 6; k++)
        near(text, "positive score", t->pos[k], u[k], 1e-6);
    near(text, "d loss / d l[0][0][0]", t->dl0[0], dl0[est], 1e-5);
    near(text, "d loss / d g[1][1]", t->dg0[3], dg3[est], 1e-5);
}

/* Scores that are all zero. */
static void zero_values(const char *where, const struct trial *t)
{
    const double want = t->d.est == IMX_EST_INFONCE ? log(1.0 + (t->d.n - 1.0) * t->d.p) : 0;
    char text[96];
    snprintf(text, sizeof text, "%s zero scores n%d p%d %s", where, t->d.n, t->d.p, est_name[t->d.est]);
    near(text, "loss", t->loss, want, 1e-6 * (1 + want));
    near(text, "mi", t->info[2], 0, 1e-6 * (1 + want));
}

/* -log softmax with one row of logits per positive, spelled out. */
static double naive_infonce(const struct trial *t)
{
    const struct imx_critic *d = &t->d;
    double total = 0;
    for (int iq = 0; iq < d->n * d->q; iq++)
        for (int p = 0; p < d->p; p++) {
            double sum = 0, positive = 0;
            for (int jp = 0; jp < d->n * d->p; jp++) {
                const bool own = jp / d->p == iq / d->q;
                double u = d->bias ? t->gb[iq] : 0;
                for (int k = 0; k < d->d0; k++)
                    u += t->g0[iq * d->d0 + k] * t->l0[jp * d->d0 + k];
                for (int k = 0; k < d->d1; k++)
                    u += t->g1[iq * d->d1 + k] * t->l1[jp * d->d1 + k];
                u *= (double)d->scale;
                if (own && jp % d->p == p)
                    positive = u;
                if (!own || jp % d->p == p)
                    sum += exp(u);
            }
            total -= log(exp(positive) / sum);
        }
    return total / (d->n * d->q * d->p);
}

static void check_naive(struct trial *t)
{
    static const struct imx_critic problem[] = {
        { 4, 3, 1, 5, 0, 0, IMX_EST_INFONCE, 1 },
        { 5, 4, 3, 7, 2, 1, IMX_EST_INFONCE, 0.5f },
        { 3, 49, 25, 4, 0, 1, IMX_EST_INFONCE, 0.25f },
    };
    for (size_t k = 0; k < sizeof problem / sizeof problem[0]; k++) {
        randomize(t, k + 1);
        t->d = problem[k];
        forward(t);
        tap_ok(fabs(t->loss - naive_infonce(t)) <= 1e-12, "the cheap form is the naive softmax: n%d p%d q%d", t->d.n,
               t->d.p, t->d.q);
    }
}

/* Largest |difference quotient - gradient| over one input, relative to the largest gradient. */
static double quotient_error(struct trial *t, double *x, const double *dx, int count)
{
    const double h = 1e-5;
    double worst = 0, largest = 1e-3;
    for (int k = 0; k < count; k++) {
        const double keep = x[k];
        x[k] = keep + h;
        forward(t);
        const double up = t->loss;
        x[k] = keep - h;
        forward(t);
        const double down = t->loss;
        x[k] = keep;
        const double err = fabs((up - down) / (2 * h) * t->dloss - dx[k]);
        if (!(err <= worst))
            worst = err;
        largest = fmax(largest, fabs(dx[k]));
    }
    return worst / largest;
}

static void check_differences(struct trial *t)
{
    for (int est = IMX_EST_INFONCE; est <= IMX_EST_DV; est++)
        for (int q = 1; q <= 3; q += 2)
            for (int d1 = 0; d1 <= 3; d1 += 3) {
                randomize(t, 99 + (uint64_t)est);
                t->d = (struct imx_critic){ 4, 3, q, 5, d1, d1 > 0, est, 0.75f };
                forward(t);
                backward(t);
                double worst = quotient_error(t, t->l0, t->dl0, 4 * 3 * 5);
                worst = fmax(worst, quotient_error(t, t->g0, t->dg0, 4 * q * 5));
                worst = fmax(worst, quotient_error(t, t->l1, t->dl1, 4 * 3 * d1));
                worst = fmax(worst, quotient_error(t, t->g1, t->dg1, 4 * q * d1));
                worst = fmax(worst, quotient_error(t, t->gb, t->dgb, d1 ? 4 * q : 0));
                tap_ok(worst <= 1e-7, "gradient is the difference quotient: %s q%d d1 %d (%.2g)", est_name[est], q, d1,
                       worst);
            }
}

/* Runs op with the float copies of arg on the device; outputs come back as double. */
static imx_status run_on(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                         const struct imx_critic *d, double *const *arg)
{
    struct imx_arg what[IMX_MAX_ARGS];
    struct imx_args a = { 0 };
    imx_status status = IMX_OK;
    float *data = malloc(MAX * sizeof *data);
    if (!data)
        return IMX_E_NOMEM;
    op->args(d, what);
    for (int i = 0; i < op->n_args; i++) {
        const size_t bytes = (size_t)what[i].count * sizeof *data;
        if (!bytes)
            continue;
        IMX_GO(dev->vt->alloc(dev, bytes, &a.m[i].buf));
        a.m[i].bytes = bytes;
        for (int64_t k = 0; k < what[i].count; k++)
            data[k] = what[i].role == IMX_IN ? (float)arg[i][k] : NAN;
        IMX_GO(dev->vt->upload(dev, a.m[i], data, bytes));
    }
    a.ws.bytes = variant->workspace ? variant->workspace(&dev->caps, d) : 0;
    if (a.ws.bytes)
        IMX_GO(dev->vt->alloc(dev, a.ws.bytes, &a.ws.buf));
    IMX_GO(imx_op_run(dev, op, variant, d, &a));
    IMX_GO(dev->vt->sync(dev));
    for (int i = 0; i < op->n_args; i++) {
        if (what[i].role == IMX_IN || !what[i].count)
            continue;
        IMX_GO(dev->vt->download(dev, data, a.m[i], a.m[i].bytes));
        for (int64_t k = 0; k < what[i].count; k++)
            arg[i][k] = (double)data[k];
    }
fail:
    for (int i = 0; i < op->n_args; i++)
        dev->vt->free(dev, a.m[i].buf);
    dev->vt->free(dev, a.ws.buf);
    free(data);
    return status;
}

/* Both directions with the k-th variants; false when there are none or one failed. */
static bool run_trial(struct imx_dev *dev, const char *fwd, const char *bwd, struct trial *t)
{
    double *fwd_arg[] = { t->l0, t->g0, t->l1, t->g1, t->gb, &t->loss, t->info, t->pos, t->stat };
    double *bwd_arg[] = { t->l0,     t->g0,  t->l1,  t->g1,  t->gb,  t->pos, t->stat,
                          &t->dloss, t->dl0, t->dg0, t->dl1, t->dg1, t->dgb };
    const struct imx_variant *f = imx_op_pick(dev, &imx_op_critic_fwd, &t->d, fwd);
    const struct imx_variant *b = imx_op_pick(dev, &imx_op_critic_bwd, &t->d, bwd);
    if (!f || !b)
        return false;
    if (run_on(dev, &imx_op_critic_fwd, f, &t->d, fwd_arg) == IMX_OK &&
        run_on(dev, &imx_op_critic_bwd, b, &t->d, bwd_arg) == IMX_OK)
        return true;
    tap_ok(false, "%s on %s: %s", fwd, dev->caps.name, imx_error_text());
    return false;
}

static void check_zero(struct imx_dev *dev, const char *where, const char *variant, struct trial *t)
{
    static const int size[][2] = { { 3, 2 }, { 64, 64 }, { 18, 225 } };
    for (int est = IMX_EST_INFONCE; est <= IMX_EST_DV; est++)
        for (int k = 0; k < 3; k++) {
            memset(t, 0, sizeof *t);
            t->d = (struct imx_critic){ size[k][0], size[k][1], 1, 1, 0, 0, est, 1 };
            if (run_trial(dev, variant, variant, t))
                zero_values(where, t);
        }
}

/* Worst error over its bound of every output against the oracle; the inputs are random. Infinite when NaN. */
static double worst_of_bound(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                             const struct imx_critic *d)
{
    struct imx_arg what[IMX_MAX_ARGS];
    double *got[IMX_MAX_ARGS] = { NULL }, *mag[IMX_MAX_ARGS] = { NULL };
    void *want[IMX_MAX_ARGS] = { NULL };
    double worst = 0;
    uint64_t seed = 7;
    op->args(d, what);
    for (int i = 0; i < op->n_args; i++) {
        const size_t n = (size_t)what[i].count + 1;
        got[i] = calloc(n, sizeof(double));
        want[i] = calloc(n, sizeof(double));
        mag[i] = calloc(n, sizeof(double));
        float *const data = calloc(n, sizeof *data);
        if (!got[i] || !want[i] || !mag[i] || !data)
            abort();
        if (what[i].fill == IMX_FILL_OTHER)
            op->fill(d, i, data, seed);
        for (int64_t k = 0; k < what[i].count; k++)
            ((double *)want[i])[k] = got[i][k] =
                what[i].fill == IMX_FILL_OTHER ? (double)data[k] : (double)(float)noise(&seed);
        free(data);
    }
    op->ref_f64(d, want, mag);
    if (run_on(dev, op, variant, d, got) != IMX_OK)
        worst = (double)INFINITY;
    for (int i = 0; i < op->n_args; i++) {
        for (int64_t k = 0; k < what[i].count && what[i].role == IMX_OUT; k++) {
            const double right = ((double *)want[i])[k];
            const double bound = ldexp((4 + 2 * sqrt((double)op->terms(d))) * mag[i][k] + op->ulps * fabs(right), -24);
            const double part = fabs(got[i][k] - right) / (bound + 1e-37);
            if (!(part <= worst))
                worst = isnan(part) ? (double)INFINITY : part;
        }
        free(got[i]);
        free(want[i]);
        free(mag[i]);
    }
    return worst;
}

/* The problems of the self-test, against the oracle within its rounding bound. */
static void check_cases(struct imx_dev *dev, const char *where, const char *name)
{
    const struct imx_op *const ops[] = { &imx_op_critic_fwd, &imx_op_critic_bwd };
    for (int o = 0; o < 2; o++)
        for (const char *const *text = ops[o]->cases; *text; text++) {
            struct imx_critic d;
            const bool parsed = imx_problem_parse(ops[o], *text, &d) == IMX_OK;
            const double worst =
                parsed ? worst_of_bound(dev, ops[o], imx_op_pick(dev, ops[o], &d, name), &d) : (double)INFINITY;
            tap_ok(worst <= 1, "%s %s %s: %.3g of the bound", where, ops[o]->name, *text, worst);
        }
}

/* Scratch must not grow with n*n*p. */
static void check_scratch(struct imx_dev *dev, const char *name)
{
    const struct imx_op *const ops[] = { &imx_op_critic_fwd, &imx_op_critic_bwd };
    for (int o = 0; o < 2; o++) {
        uint64_t bytes[2];
        for (int k = 0; k < 2; k++) {
            const struct imx_critic d = { 512 << k, 64, 1, 64, 0, 0, IMX_EST_INFONCE, 1 };
            const struct imx_variant *const v = imx_op_pick(dev, ops[o], &d, name);
            bytes[k] = v && v->workspace ? v->workspace(&dev->caps, &d) : 0;
        }
        tap_ok(bytes[1] <= bytes[0] * 5 / 2, "%s %s: scratch for n 512 and 1024: %llu and %llu bytes", name,
               ops[o]->name, (unsigned long long)bytes[0], (unsigned long long)bytes[1]);
    }
}

static void check_device(const char *spec, struct trial *t)
{
    struct imx_dev *dev = NULL;
    if (imx_dev_open(spec, &dev, NULL) != IMX_OK) {
        tap_skip(spec, "no such device here");
        return;
    }
    static const char *const variants[] = { "ref", "cl_tile_cpu", "cl_tile_gpu" };
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        char where[64];
        snprintf(where, sizeof where, "%s/%s", spec, variants[v]);
        for (int est = IMX_EST_INFONCE; est <= IMX_EST_DV; est++) {
            example(t, est);
            if (run_trial(dev, variants[v], variants[v], t))
                example_values(where, t);
        }
        check_zero(dev, where, variants[v], t);
        if (imx_op_pick(dev, &imx_op_critic_fwd, &t->d, variants[v])) {
            check_cases(dev, where, variants[v]);
            check_scratch(dev, variants[v]);
        }
    }
    imx_dev_close(dev);
}

/* Arguments name devices to test beside the host's and the first CPU's and GPU's, e.g. 1:0. */
int main(int argc, char **argv)
{
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        return 1;
    for (int est = IMX_EST_INFONCE; est <= IMX_EST_DV; est++) {
        example(t, est);
        forward(t);
        backward(t);
        example_values("oracle", t);
    }
    check_naive(t);
    check_differences(t);
    check_device("host", t);
    check_device("cpu", t);
    check_device("gpu", t);
    for (int i = 1; i < argc; i++)
        check_device(argv[i], t);
    free(t);
    return tap_done();
}
