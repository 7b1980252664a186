/* The critic: the test vectors of Deep InfoMax worked out by hand for every estimator, constants at zero scores, the
 * naive P-fold softmax, the bounds that infonce and jsd cannot pass, clip and penalty of scores, dv-ema's average,
 * scores that are huge or no numbers, and finite differences of the double reference against the double backward pass;
 * the vectors and constants on every variant that any device at hand supports, too. */
#include "ops/critic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "ops/ref.h"

enum { MAX = 1 << 17, PLACES = 64 * 225 };

/* A problem with its arguments in double; outputs start as NaN. */
struct trial {
    struct imx_critic d;
    double l0[PLACES], g0[4096], l1[4096], g1[4096], gb[256], loss, info[3], pos[PLACES], stat[256], ema[2];
    double dloss, dl0[PLACES], dg0[4096], dl1[4096], dg1[4096], dgb[256];
};

static void forward(struct trial *t)
{
    void *arg[] = { t->l0, t->g0, t->l1, t->g1, t->gb, &t->loss, t->info, t->pos, t->stat, t->ema };
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

enum { ESTIMATORS = IMX_EST_DV_EMA + 1 };

/* smile cuts a half of the example's scores. */
static float parameter(int est)
{
    return est == IMX_EST_SMILE ? 0.13f : est == IMX_EST_DV_EMA ? 0.75f : 0;
}

/* The arithmetic example: N=3, d=2, P=2, Q=1. */
static void example(struct trial *t, int est)
{
    memset(t, 0, sizeof *t);
    t->d = (struct imx_critic){ .n = 3, .p = 2, .q = 1, .d0 = 2, .est = est, .scale = 1, .par = parameter(est) };
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

/* What the published formulas give, computed apart from this code: dim_method 4.6, and for what it leaves out PyTorch's
 * derivatives in double precision. zero: the loss when all scores are 0 (infonce: see below). */
static const struct {
    const char *name;
    double e_pos, e_neg, loss, dl0, dg3, zero;
} truth[ESTIMATORS] = {
    [IMX_EST_INFONCE] = { "infonce", 0.043333333, 1.376579163, 1.570276994, 0.0945703, 0.0522377, 0 },
    [IMX_EST_JSD] = { "jsd", 0.016695062, -0.009661776, -0.026356838, 0.0609316, 0.0337212, 0 },
    [IMX_EST_DV] = { "dv", 0.043333333, -0.009477800, -0.052811133, 0.1226203, 0.0713203, 0 },
    [IMX_EST_GAN] = { "gan", -0.676452119, 0.683485405, 1.359937523, 0.0609316, 0.0337212, 1.386294361 },
    [IMX_EST_KL] = { "kl", 0.043333333, 0.364409224, 0.321075891, 0.0870567, 0.0789557, 0.367879441 },
    [IMX_EST_RKL] = { "rkl", -0.975396937, -1.028333333, -0.052936396, 0.1234763, 0.0653218, 0 },
    [IMX_EST_H2] = { "h2", 0.024603063, -0.009433027, -0.034036090, 0.1122354, 0.0450888, 0 },
    [IMX_EST_CHI2] = { "chi2", 0.043333333, -0.019291667, -0.062625000, 0.1271667, 0.0830000, 0 },
    [IMX_EST_SMILE] = { "smile", 0.043333333, -0.036494226, -0.026356838, 0.0609316, 0.0337212, 0 },
    [IMX_EST_DV_EMA] = { "dv-ema", 0.043333333, -0.009477800, -0.052811133, 0.1226203, 0.0713203, 0 },
};

/* INFO[2]; classes: of infonce */
static double reading(int est, double classes)
{
    if (est == IMX_EST_SMILE) /* reads what it does not descend */
        return truth[est].e_pos - truth[est].e_neg;
    return (est == IMX_EST_INFONCE ? log(classes) : 0) - truth[est].loss;
}

/* What a value may be off, a gradient ten times that; the oracle's are what was published to the last digits. */
static const double on_device = 1e-6, in_oracle = 1e-8;

static void example_values(const char *where, const struct trial *t, double off)
{
    static const double u[] = { 0.16, -0.04, 0.38, -0.18, 0.10, -0.16 };
    const int est = t->d.est;
    char text[96];
    snprintf(text, sizeof text, "%s example %s", where, truth[est].name);
    near(text, "e_pos", t->info[0], truth[est].e_pos, off);
    near(text, "e_neg", t->info[1], truth[est].e_neg, off);
    near(text, "loss", t->loss, truth[est].loss, off);
    near(text, "mi", t->info[2], reading(est, 5), off);
    for (int k = 0; k < 6; k++)
        near(text, "positive score", t->pos[k], u[k], off);
    near(text, "d loss / d l[0][0][0]", t->dl0[0], truth[est].dl0, 10 * off);
    near(text, "d loss / d g[1][1]", t->dg0[3], truth[est].dg3, 10 * off);
    if (est == IMX_EST_DV_EMA)
        near(text, "log of the first average", t->ema[0], -0.009477800, off);
}

/* The example with a clip of 0.3, a penalty of 0.25 and one image of negatives each, for three estimators. */
static void option_values(const char *where, const struct trial *t, double off)
{
    static const struct {
        double e_pos, e_neg, loss, dl0, dg3;
    } want[] = { { 0.025240301, 0.741405239, 1.126118412, 0.0417069, 0.0048513 },
                 { 0.009601073, 0.021051738, 0.020806221, 0.0302779, 0.0023304 },
                 { 0.025240301, 0.048768772, 0.032884026, 0.0674812, 0.0142039 } };
    const int est = t->d.est;
    char text[96];
    snprintf(text, sizeof text, "%s options %s", where, truth[est].name);
    near(text, "e_pos", t->info[0], want[est].e_pos, off);
    near(text, "e_neg", t->info[1], want[est].e_neg, off);
    near(text, "loss", t->loss, want[est].loss, off);
    near(text, "d loss / d l[0][0][0]", t->dl0[0], want[est].dl0, 10 * off);
    near(text, "d loss / d g[1][1]", t->dg0[3], want[est].dg3, 10 * off);
}

static void options(struct trial *t, int est)
{
    example(t, est);
    t->d.clip = 0.3f;
    t->d.l2 = 0.25f;
    t->d.neg = 1;
}

/* Scores that are all zero: the constants of dim_method 4.6, infonce's at sizes of its own, among them the published. A
 * device may be off by `part` of 1 and the constant: its sums of a million equal floats drift. */
static const struct {
    int32_t n, p;
    double infonce, part; /* ln(1 + (n-1) p) */
} zero_size[] = { { 3, 2, 1.609437912, 1e-6 }, { 64, 64, 8.302265795, 1e-6 }, { 64, 225, 9.559305673, 4e-6 } };
enum { ZERO_SIZES = sizeof zero_size / sizeof *zero_size };

static void zero_values(const char *where, const struct trial *t, int size, bool oracle)
{
    const bool nce = t->d.est == IMX_EST_INFONCE;
    const double want = nce ? zero_size[size].infonce : truth[t->d.est].zero,
                 bound = oracle ? in_oracle : zero_size[size].part * (1 + want);
    char text[96];
    snprintf(text, sizeof text, "%s zero scores n%d p%d %s", where, t->d.n, t->d.p, truth[t->d.est].name);
    near(text, "loss", t->loss, want, bound);
    near(text, "mi", t->info[2], nce ? 0 : -want, bound);
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
                if (d->clip > 0)
                    u = (double)d->clip * tanh(u / (double)d->clip);
                const int ahead = (jp / d->p - iq / d->q + d->n) % d->n;
                if (own && jp % d->p == p)
                    positive = u;
                if (own ? jp % d->p == p : ahead <= (d->neg ? d->neg : d->n))
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
        { 5, 49, 25, 4, 2, 0, IMX_EST_INFONCE, 0.75f, .neg = 2 },
        { 4, 9, 5, 6, 0, 0, IMX_EST_INFONCE, 1, .clip = 1.5f },
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

/* Of one problem: every input's gradient. */
static double difference_error(struct trial *t)
{
    const struct imx_critic *d = &t->d;
    forward(t);
    backward(t);
    double worst = quotient_error(t, t->l0, t->dl0, d->n * d->p * d->d0);
    worst = fmax(worst, quotient_error(t, t->g0, t->dg0, d->n * d->q * d->d0));
    worst = fmax(worst, quotient_error(t, t->l1, t->dl1, d->n * d->p * d->d1));
    worst = fmax(worst, quotient_error(t, t->g1, t->dg1, d->n * d->q * d->d1));
    return fmax(worst, quotient_error(t, t->gb, t->dgb, d->bias ? d->n * d->q : 0));
}

static void check_differences(struct trial *t)
{
    for (int est = 0; est < ESTIMATORS; est++)
        for (int q = 1; q <= 3; q += 2)
            for (int d1 = 0; d1 <= 3; d1 += 3)
                for (int more = 0; more < 2; more++) {
                    memset(t, 0, sizeof *t);
                    randomize(t, 99 + (uint64_t)est);
                    t->d = (struct imx_critic){ 4, 3, q, 5, d1, d1 > 0, est, 0.75f };
                    t->d.par = est == IMX_EST_SMILE ? 0.6f : parameter(est);
                    if (more) {
                        t->d.clip = 1.25f;
                        t->d.l2 = 0.125f;
                        t->d.neg = q > 1 ? 2 : 1;
                    }
                    const double worst = difference_error(t);
                    tap_ok(worst <= 1e-7, "gradient is the difference quotient: %s q%d d1 %d%s (%.2g)", truth[est].name,
                           q, d1, more ? ", clip, penalty, few negatives" : "", worst);
                }
}

/* One score of 1x1 dots: two images, one local and global each; g 1, 0 and l `s`, so that u[0][0] is the clipped s. */
static void check_clip(struct trial *t)
{
    static const double s[] = { 20, 5, -20, 1e30 }, u[] = { 15.231883, 4.898373, -15.231883, 20 };
    for (int k = 0; k < 4; k++) {
        memset(t, 0, sizeof *t);
        t->d = (struct imx_critic){ .n = 2, .p = 1, .q = 1, .d0 = 1, .scale = 1, .clip = 20 };
        t->l0[0] = s[k];
        t->g0[0] = 1;
        forward(t);
        near("clip 20", "score", t->pos[0], u[k], 1e-6);
    }
}

/* dv-ema: its value is dv's; over batches its average follows A <- 0.75 A + 0.25 mean exp(u), and the gradient of the
 * negatives is dv's times mean exp(u) over A. A batch that is not finite leaves A alone. */
static void check_average(struct trial *t)
{
    double average = 0, dl[64], mean = 0;
    double ema[2] = { 0, 0 };
    for (int k = 0; k < 4; k++) {
        memset(t, 0, sizeof *t);
        randomize(t, 11 + (uint64_t)k);
        t->d = (struct imx_critic){ 4, 3, 2, 5, 0, 0, IMX_EST_DV, 0.75f };
        forward(t);
        backward(t);
        memcpy(dl, t->dl0, sizeof dl);
        const double dv = t->loss;
        mean = exp(t->info[1]);
        average = k ? 0.75 * average + 0.25 * mean : mean;
        t->d.est = IMX_EST_DV_EMA;
        t->d.par = 0.75f;
        memcpy(t->ema, ema, sizeof ema);
        forward(t);
        backward(t);
        memcpy(ema, t->ema, sizeof ema);
        near("dv-ema", "value", t->loss, dv, 1e-12);
        near("dv-ema", "average", exp(t->ema[0]), average, 1e-12);
        /* d/dl of the positives alone: those of dv minus its negatives, which scale */
        double worst = 0;
        for (int i = 0; i < 60; i++) {
            double own = 0;
            for (int q = 0; q < 2; q++)
                own -= t->dloss * 0.75 / 24 * t->g0[(i / 15 * 2 + q) * 5 + i % 5];
            worst = fmax(worst, fabs((dl[i] - own) * mean / average - (t->dl0[i] - own)));
        }
        tap_ok(worst <= 1e-12, "dv-ema batch %d: the gradient divides by the average (%.2g)", k, worst);
    }
    t->l0[0] = NAN;
    forward(t);
    tap_ok(isnan(t->loss) && t->ema[0] == ema[0] && t->ema[1] == ema[1], "dv-ema: a NaN leaves the average alone");
}

/* infonce reads at most the logarithm of the number of classes, jsd at most 2 ln 2; scores from tiny to huge, and an
 * encoding that tells all images apart. */
static void check_bounds(struct trial *t)
{
    for (int est = IMX_EST_INFONCE; est <= IMX_EST_JSD; est++)
        for (int perfect = 0; perfect < 2; perfect++) {
            double most = -HUGE_VAL, scale = 1e-3;
            const struct imx_critic d = { 6, 5, 3, 8, 0, 0, est, 1 };
            const double bound = est == IMX_EST_INFONCE ? log(1 + 5.0 * 5) : 2 * log(2);
            for (int k = 0; k < 40; k++, scale *= 1.5) {
                memset(t, 0, sizeof *t);
                randomize(t, (uint64_t)k);
                t->d = d;
                t->d.scale = (float)scale;
                for (int i = 0; perfect && i < 6 * 5; i++) /* a plane, images at different angles */
                    for (int c = 0; c < 8; c++)
                        t->l0[i * 8 + c] = c == 0 ? cos(i / 5) : c == 1 ? sin(i / 5) : 0;
                for (int i = 0; perfect && i < 6 * 3; i++)
                    for (int c = 0; c < 8; c++)
                        t->g0[i * 8 + c] = c == 0 ? cos(i / 3) : c == 1 ? sin(i / 3) : c == 2 ? -0.8 : 0;
                for (int i = 0; perfect && i < 6 * 5; i++)
                    t->l0[i * 8 + 2] = 1; /* with the other side's -0.8: positives above 0, negatives below */
                forward(t);
                most = t->info[2] > most || isnan(t->info[2]) ? t->info[2] : most;
            }
            tap_ok(most <= bound * (1 + 1e-12), "%s never reads more than %.6f: %.6f", truth[est].name, bound, most);
            if (perfect)
                tap_ok(most >= bound * (1 - 1e-6), "%s reaches %.6f: %.6f", truth[est].name, bound, most);
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
            data[k] = what[i].role != IMX_OUT ? (float)arg[i][k] : NAN;
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
    double *fwd_arg[] = { t->l0, t->g0, t->l1, t->g1, t->gb, &t->loss, t->info, t->pos, t->stat, t->ema };
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

/* dev: NULL for the oracle */
static void check_zero(struct imx_dev *dev, const char *where, const char *variant, struct trial *t)
{
    for (int est = 0; est < ESTIMATORS; est++)
        for (int k = 0; k < ZERO_SIZES; k++) {
            memset(t, 0, sizeof *t);
            t->d = (struct imx_critic){ zero_size[k].n, zero_size[k].p, 1, 1, 0, 0, est, 1, .par = parameter(est) };
            if (!dev)
                forward(t);
            if (!dev || run_trial(dev, variant, variant, t))
                zero_values(where, t, k, !dev);
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

/* Scores of +-300: what has a logsumexp stays finite, kl and h2 do not and say so by infinity; with a clip all are
 * finite; one NaN among the negatives or positives makes every loss NaN. */
static void check_extremes(struct imx_dev *dev, const char *where, const char *variant, struct trial *t)
{
    for (int est = 0; est < ESTIMATORS; est++)
        for (int kind = 0; kind < 3; kind++) {
            memset(t, 0, sizeof *t);
            t->d = (struct imx_critic){ 5, 3, 2, 1, 0, 0, est, 1, .par = parameter(est), .clip = kind == 1 ? 20 : 0 };
            for (int i = 0; i < 15; i++)
                t->l0[i] = i % 2 ? 1 : -1;
            for (int i = 0; i < 10; i++)
                t->g0[i] = i % 3 ? 300 : -300;
            t->dloss = 1;
            if (kind == 2)
                t->l0[4] = NAN;
            if (!run_trial(dev, variant, variant, t))
                return;
            const bool unsafe = est == IMX_EST_KL || est == IMX_EST_RKL || est == IMX_EST_H2;
            bool finite = isfinite(t->loss) && isfinite(t->info[2]);
            for (int i = 0; i < 15; i++)
                finite &= isfinite(t->dl0[i]);
            if (kind < 2)
                tap_ok(finite == (kind == 1 || !unsafe), "%s %s: scores of +-300%s: loss %g", where, truth[est].name,
                       kind ? " clipped at 20" : "", t->loss);
            else
                tap_ok(isnan(t->loss), "%s %s: a NaN among the scores: loss %g", where, truth[est].name, t->loss);
        }
}

static void check_names(void)
{
    for (int est = 0; est < ESTIMATORS; est++)
        tap_ok(imx_estimator_find(truth[est].name) == est, "%s has its number", truth[est].name);
    tap_ok(imx_estimator_find("nwj") == IMX_EST_KL && imx_estimator_find("x2") < 0, "nwj is kl; x2 is nothing");
    tap_ok(imx_estimator_ceiling(IMX_EST_INFONCE, 63 * 64) == log(4033) && isinf(imx_estimator_ceiling(IMX_EST_DV, 9)),
           "infonce alone has a ceiling");
    tap_ok(imx_estimator_nats(IMX_EST_SMILE) && !imx_estimator_nats(IMX_EST_JSD) && !imx_estimator_nats(IMX_EST_RKL),
           "who reads nats");
}

static void check_device(struct imx_dev *dev, const char *name)
{
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    static const char *const variants[] = { "ref", "cl_tile_cpu", "cl_tile_gpu" };
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        char where[64];
        snprintf(where, sizeof where, "%.40s/%s", name, variants[v]);
        for (int est = 0; est < ESTIMATORS; est++) {
            example(t, est);
            if (run_trial(dev, variants[v], variants[v], t))
                example_values(where, t, on_device);
            options(t, est);
            if (est <= IMX_EST_DV && run_trial(dev, variants[v], variants[v], t))
                option_values(where, t, on_device);
        }
        check_extremes(dev, where, variants[v], t);
        check_zero(dev, where, variants[v], t);
        if (imx_op_pick(dev, &imx_op_critic_fwd, &t->d, variants[v])) {
            check_cases(dev, where, variants[v]);
            check_scratch(dev, variants[v]);
        }
    }
    free(t);
}

int main(void)
{
    struct trial *t = calloc(1, sizeof *t);
    if (!t)
        return 1;
    for (int est = 0; est < ESTIMATORS; est++) {
        example(t, est);
        forward(t);
        backward(t);
        example_values("oracle", t, in_oracle);
        if (est > IMX_EST_DV)
            continue;
        options(t, est);
        forward(t);
        backward(t);
        option_values("oracle", t, in_oracle);
    }
    check_zero(NULL, "oracle", NULL, t);
    check_names();
    check_clip(t);
    check_average(t);
    check_bounds(t);
    check_naive(t);
    check_differences(t);
    free(t);
    on_devices(check_device);
    return tap_done();
}
