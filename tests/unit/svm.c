/* The support vector machine against plain subgradient descent on the same objective in double, and its manners: images
 * without a label, features far from zero, draws by lot, features that are no numbers, stops. */
#include "eval/svm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"

enum { TRAIN = 240, TEST = 600, WIDTH = 6, CLASSES = 3 };

struct sets {
    float train[TRAIN * WIDTH], test[TEST * WIDTH];
    int32_t train_label[TRAIN], test_label[TEST];
};

static float normal(uint64_t seed, uint32_t index)
{
    uint32_t r[4];
    imx_random4(seed, 7, IMX_STREAM_TEST, index, r);
    return (float)(sqrt(-2.0 * log(1.0 - (double)imx_unit(r[0]))) * cos(6.283185307179586 * (double)imx_unit(r[1])));
}

/* Clouds that overlap, with other scales and far from zero; every eleventh image has no label and a wrong place. */
static void fill(float *x, int32_t *label, int32_t n, uint64_t seed, float apart)
{
    for (int32_t i = 0; i < n; i++) {
        label[i] = i % 11 == 0 ? -1 : i % CLASSES;
        for (int32_t k = 0; k < WIDTH; k++) {
            const float at = normal(seed, (uint32_t)(i * WIDTH + k)) + (k % CLASSES == i % CLASSES ? apart : 0.0f);
            x[i * WIDTH + k] = 100.0f + at * (k == 4 ? 1000.0f : 0.01f) * (label[i] < 0 ? -1.0f : 1.0f);
        }
    }
}

struct plain {
    double mean[WIDTH], scale[WIDTH], w[CLASSES][WIDTH + 1];
};

static double decide(const struct plain *p, const float *x, int32_t c)
{
    double sum = p->w[c][WIDTH];
    for (int32_t k = 0; k < WIDTH; k++)
        sum += p->w[c][k] * ((double)x[k] - p->mean[k]) * p->scale[k];
    return sum;
}

/* One step of the subgradient of |w|^2/2 + C sum loss for the class c. */
static void descend(struct plain *p, const struct sets *s, int32_t c, double cost, bool squared, double rate)
{
    double g[WIDTH + 1];
    memcpy(g, p->w[c], sizeof g);
    for (int32_t i = 0; i < TRAIN; i++) {
        const double y = s->train_label[i] == c ? 1 : -1;
        const double slack = 1 - y * decide(p, s->train + i * WIDTH, c);
        if (s->train_label[i] < 0 || slack <= 0)
            continue;
        const double by = cost * y * (squared ? 2 * slack : 1);
        for (int32_t k = 0; k < WIDTH; k++)
            g[k] -= by * ((double)s->train[i * WIDTH + k] - p->mean[k]) * p->scale[k];
        g[WIDTH] -= by;
    }
    for (int32_t k = 0; k <= WIDTH; k++)
        p->w[c][k] -= rate * g[k];
}

static double by_plain_loops(const struct sets *s, double cost, bool squared)
{
    struct plain p = { 0 };
    int32_t hits = 0, counted = 0;
    for (int32_t k = 0; k < WIDTH; k++) {
        double square = 0;
        for (int32_t i = 0; i < TRAIN; i++)
            p.mean[k] += (double)s->train[i * WIDTH + k] / TRAIN;
        for (int32_t i = 0; i < TRAIN; i++)
            square += pow((double)s->train[i * WIDTH + k] - p.mean[k], 2) / TRAIN;
        p.scale[k] = 1 / (sqrt(square) + 1e-6);
    }
    for (int32_t c = 0; c < CLASSES; c++)
        for (int32_t t = 0; t < 20000; t++)
            descend(&p, s, c, cost, squared, 1e-3 / (1 + 1e-3 * t));
    for (int32_t i = 0; i < TEST; i++) {
        int32_t most = 0;
        for (int32_t c = 1; c < CLASSES; c++)
            if (decide(&p, s->test + i * WIDTH, c) > decide(&p, s->test + i * WIDTH, most))
                most = c;
        hits += s->test_label[i] >= 0 && most == s->test_label[i];
        counted += s->test_label[i] >= 0;
    }
    return (double)hits / counted;
}

static bool stop(void *user, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return ++*(int *)user < 2;
}

static void check_objective(struct imx_samples train, struct imx_samples test, const struct sets *s)
{
    for (int squared = 0; squared < 2; squared++)
        for (double cost = 0.002; cost < 2; cost *= 500) {
            const struct imx_svm how = {
                .squared = squared, .classes = CLASSES, .repeats = 3, .c = cost, .tolerance = 1e-2, .memory = 1 << 24
            };
            struct imx_svm_result r;
            double a[3] = { -1, -1, -1 }, b[3] = { -2, -2, -2 };
            const double want = by_plain_loops(s, cost, squared);
            const bool ran =
                imx_svm(&how, &train, &test, a, &r) == IMX_OK && imx_svm(&how, &train, &test, b, &r) == IMX_OK;
            /* The optimum is one; what is left of the distance to it may turn a test image that lies on a border. */
            bool near = ran && !memcmp(a, b, sizeof a) && r.images == TRAIN - (TRAIN + 10) / 11 && !r.unconverged;
            for (int i = 0; i < 3; i++)
                near &= fabs(a[i] - want) <= 0.006;
            tap_ok(near && want > 0.5 && want < 0.97, "%s, C %g: %.4f %.4f %.4f, by plain loops %.4f, %d unconverged",
                   squared ? "squared hinge" : "hinge", cost, a[0], a[1], a[2], want, r.unconverged);
        }
}

int main(void)
{
    static struct sets s;
    struct imx_svm_result r;
    double a[2] = { -1, -1 };
    int asked = 0;
    struct imx_svm how = { .classes = CLASSES, .repeats = 2, .c = 1, .tolerance = 0.1, .memory = 1 << 24 };
    struct imx_samples train = { s.train, s.train_label, TRAIN, WIDTH };
    const struct imx_samples test = { s.test, s.test_label, TEST, WIDTH };
    tap_ok(imx_svm_images(100, 62, 1024 * 10) == 10 && imx_svm_images(5, 62, 1024 * 10) == 5 &&
               imx_svm_images(5, 62, 10) == 1,
           "how many images fit");
    if (!imx_svm_available()) {
        tap_skip("the support vector machine", "built without liblinear");
        return tap_done();
    }
    fill(s.train, s.train_label, TRAIN, 1, 1.2f);
    fill(s.test, s.test_label, TEST, 2, 1.2f);
    check_objective(train, test, &s);
    how.memory = 100 * (WIDTH + 2) * 16;
    bool ran = imx_svm(&how, &train, &test, a, &r) == IMX_OK;
    tap_ok(ran && r.images == 100 && a[0] != a[1] && fabs(a[0] - a[1]) < 0.2,
           "runs draw other images when memory is short: %.4f, %.4f", a[0], a[1]);
    how.memory = 1 << 24;
    how.progress = stop;
    how.user = &asked;
    tap_ok(imx_svm(&how, &train, &test, a, &r) == IMX_E_STOPPED || asked < 2, "a run can be stopped");
    how.progress = NULL;
    train.n = 1;
    ran = imx_svm(&how, &train, &test, a, &r) == IMX_OK;
    tap_ok(!ran && strstr(imx_error_text(), "two classes"), "no labelled image: %s", imx_error_text());
    train.n = TRAIN;
    s.train[5 * WIDTH] = NAN;
    tap_ok(imx_svm(&how, &train, &test, a, &r) == IMX_E_NONFINITE, "features that are no numbers");
    return tap_done();
}
