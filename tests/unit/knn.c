/* k-NN in tiles against plain loops in double, over tile edges, with unlabelled images and a zero vector, on every
 * device. */
#include "eval/knn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check/devices.h"
#include "base/philox.h"

enum { TRAIN = 2301, TEST = 530, WIDTH = 13, CLASSES = 5 };

struct sets {
    float train[TRAIN * WIDTH], test[TEST * WIDTH];
    int32_t train_label[TRAIN], test_label[TEST];
};

static void fill(float *x, int32_t *label, int32_t n, uint64_t seed)
{
    for (int32_t i = 0; i < n; i++) {
        uint32_t r[4];
        imx_random4(seed, 0, IMX_STREAM_TEST, (uint32_t)i, r);
        label[i] = r[0] % 11 == 0 ? -1 : (int32_t)(r[1] % CLASSES);
        for (int32_t c = 0; c < WIDTH; c++) {
            imx_random4(seed, 1 + (uint64_t)c, IMX_STREAM_TEST, (uint32_t)i, r);
            x[i * WIDTH + c] = (imx_unit(r[0]) - 0.5f) + (c % CLASSES == label[i] ? 0.25f : 0.0f);
        }
    }
    memset(x + 3 * WIDTH, 0, WIDTH * sizeof *x);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int32_t c = 0; c < WIDTH; c++) {
        ab += (double)a[c] * (double)b[c];
        aa += (double)a[c] * (double)a[c];
        bb += (double)b[c] * (double)b[c];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Takes the nearest one k times. */
static double plain(const struct sets *s, int32_t n, int32_t k, double temperature)
{
    static double sim[TRAIN];
    int32_t hits = 0, counted = 0;
    for (int32_t i = 0; i < TEST; i++) {
        double vote[CLASSES] = { 0 };
        int32_t most = 0;
        if (s->test_label[i] < 0)
            continue;
        for (int32_t j = 0; j < n; j++)
            sim[j] = s->train_label[j] < 0 ? -HUGE_VAL : cosine(s->test + i * WIDTH, s->train + j * WIDTH);
        for (int32_t q = 0; q < k; q++) {
            int32_t best = 0;
            for (int32_t j = 1; j < n; j++)
                best = sim[j] > sim[best] ? j : best;
            if (sim[best] > -2)
                vote[s->train_label[best]] += exp(sim[best] / temperature);
            sim[best] = -HUGE_VAL;
        }
        for (int32_t c = 1; c < CLASSES; c++)
            most = vote[c] > vote[most] ? c : most;
        hits += most == s->test_label[i];
        counted++;
    }
    return (double)hits / counted;
}

static void check(struct imx_dev *dev, const char *where)
{
    static struct sets s;
    fill(s.train, s.train_label, TRAIN, 1);
    fill(s.test, s.test_label, TEST, 2);
    s.train_label[3] = 0;
    const struct imx_samples test = { s.test, s.test_label, TEST, WIDTH };
    static const struct {
        int32_t n, k;
        double temperature;
    } form[] = { { TRAIN, 20, 0.07 }, { TRAIN, 1, 0.07 }, { 9, 20, 1.0 }, { 2048, 7, 0.3 } };
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        const struct imx_samples train = { s.train, s.train_label, form[i].n, WIDTH };
        const struct imx_knn how = { .k = form[i].k, .classes = CLASSES, .temperature = form[i].temperature };
        const double want = plain(&s, form[i].n, form[i].k, form[i].temperature);
        double got = -1, again = -2;
        const bool ran =
            imx_knn(dev, &how, &train, &test, &got) == IMX_OK && imx_knn(dev, &how, &train, &test, &again) == IMX_OK;
        /* Rounding may turn one vote that was nearly even. */
        tap_ok(ran && got == again && fabs(got - want) <= 1.5 / TEST && want > 0.2,
               "%s: %d images, k %d: %.4f, by plain loops %.4f", where, form[i].n, form[i].k, got, want);
    }
    double accuracy = 0;
    const struct imx_knn how = { .k = 20, .classes = CLASSES, .temperature = 0.07 };
    const struct imx_samples train = { s.train, s.train_label, TRAIN, WIDTH };
    s.train[5] = NAN;
    tap_ok(imx_knn(dev, &how, &train, &test, &accuracy) == IMX_E_NONFINITE, "%s: features that are no numbers", where);
}

int main(void)
{
    on_devices(check);
    return tap_done();
}
