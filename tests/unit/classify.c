/* The protocol of the probes (dim_method 7.1): what the network is made of, how the step size falls, which tests make
 * the score. */
#include "eval/classify.h"

#include <math.h>
#include <string.h>

#include "../tap.h"
#include "base/philox.h"
#include "nn/classifier.h"
#include "ops/act.h"
#include "ops/batchnorm.h"
#include "ops/dropout.h"
#include "ops/gemm.h"

enum { BATCH = 4, WIDTH = 13, CLASSES = 5, TRAIN = 256, TEST = 997, MOST = 150, ROWS = 32 };

/* ---- the network ---- */

static struct imx_store *store;

static bool sized(const char *name, int64_t count, bool state)
{
    const int i = imx_store_find(store, name);
    return i >= 0 && store->param[i].count == count && store->param[i].state == state;
}

/* linear 200 -> dropout 0.1 (in training) -> batch norm and ReLU -> linear K; each reads what the one before it wrote
 */
static bool is_mlp(const struct imx_graph *g, bool training, imx_tid x, imx_tid logits)
{
    const struct imx_node *n = g->node, *in = n, *drop = n + 1, *bn = n + 1 + training, *out = bn + 1;
    const struct imx_gemm *first = (const void *)in->problem, *last = (const void *)out->problem;
    const struct imx_batchnorm *norm = (const void *)bn->problem;
    if (g->n_nodes != 3 + training || in->op != &imx_op_gemm || out->op != &imx_op_gemm ||
        bn->op != (training ? &imx_op_batchnorm_fwd : &imx_op_batchnorm_infer))
        return false;
    const imx_tid hidden = in->arg[IMX_GEMM_DST], dropped = training ? drop->arg[IMX_DROPOUT_DST] : hidden;
    if (training) {
        const struct imx_dropout *d = (const void *)drop->problem;
        if (drop->op != &imx_op_dropout || d->p != 0.1f || d->n != BATCH * 200 || drop->arg[IMX_DROPOUT_SRC] != hidden)
            return false;
    }
    return first->n == 200 && first->k == WIDTH && first->bias && norm->rows == BATCH && norm->cols == 200 &&
           norm->act == IMX_ACT_RELU && last->n == CLASSES && last->k == 200 && last->bias &&
           in->arg[IMX_GEMM_A] == x && bn->arg[IMX_BN_FWD_SRC] == dropped &&
           out->arg[IMX_GEMM_A] == bn->arg[IMX_BN_FWD_DST] && out->arg[IMX_GEMM_DST] == logits;
}

static void network(struct imx_dev *dev)
{
    for (int k = 0; k < 4; k++) {
        const bool training = k & 1, mlp = k & 2;
        struct imx_graph *g = NULL;
        bool ok = imx_store_create(dev, training, &store) == IMX_OK && imx_graph_create(dev, store, &g) == IMX_OK;
        const imx_tid x = imx_graph_keep(g, IMX_F32, BATCH * WIDTH, "x"), ctr = imx_graph_keep(g, IMX_U32, 4, "ctr");
        struct imx_build b = { .g = g, .training = training, .ctr = ctr };
        const imx_tid logits = imx_nn_head(&b, (struct imx_map){ x, BATCH, 1, 1, WIDTH }, "probe", mlp, CLASSES).t;
        ok = ok && g->status == IMX_OK;
        const int64_t count = imx_store_count(store, "probe.");
        if (mlp)
            tap_ok(ok && is_mlp(g, training, x, logits) && store->n_params == 8 &&
                       sized("probe.hidden.weight", 200 * WIDTH, false) && sized("probe.hidden.bias", 200, false) &&
                       sized("probe.bn.weight", 200, false) && sized("probe.bn.bias", 200, false) &&
                       sized("probe.bn.running_mean", 200, true) && sized("probe.bn.running_var", 200, true) &&
                       sized("probe.out.weight", CLASSES * 200, false) && sized("probe.out.bias", CLASSES, false) &&
                       count == 200 * WIDTH + 200 + 400 + 200 * CLASSES + CLASSES,
                   "the published network, %s: %d nodes, %d parameters of %lld values",
                   training ? "training" : "judged", g->n_nodes, store->n_params, (long long)count);
        else
            tap_ok(ok && g->n_nodes == 1 && g->node->op == &imx_op_gemm && g->node->arg[IMX_GEMM_A] == x &&
                       store->n_params == 2 && sized("probe.out.weight", CLASSES * WIDTH, false) &&
                       sized("probe.out.bias", CLASSES, false),
                   "the linear one, %s: %d node, %d parameters", training ? "training" : "judged", g->n_nodes,
                   store->n_params);
        imx_graph_destroy(g);
        imx_store_destroy(store);
    }
}

/* ---- training ---- */

static struct {
    float train[TRAIN * WIDTH], test[TEST * WIDTH];
    int32_t train_label[TRAIN], test_label[TEST];
} sets;

/* Classes that overlap far enough for every epoch to have another accuracy. */
static void fill(float *x, int32_t *label, int32_t n, uint64_t seed)
{
    for (int32_t i = 0; i < n; i++) {
        label[i] = i % CLASSES;
        for (int32_t k = 0; k < WIDTH; k++) {
            uint32_t r[4];
            imx_random4(seed, (uint64_t)k, IMX_STREAM_TEST, (uint32_t)i, r);
            x[i * WIDTH + k] = imx_unit(r[0]) + (k == label[i] ? 0.3f : 0.0f);
        }
    }
}

struct told {
    double accuracy[MOST];
    int32_t n;
};

static bool tell(void *user, int32_t epoch, double accuracy)
{
    struct told *t = user;
    if (epoch == t->n && epoch < MOST)
        t->accuracy[t->n++] = accuracy;
    return true;
}

static double train(struct imx_dev *dev, bool mlp, int32_t epochs, int64_t steps, double lr, struct told *t)
{
    const struct imx_samples learn = { sets.train, sets.train_label, TRAIN, WIDTH },
                             test = { sets.test, sets.test_label, TEST, WIDTH };
    const struct imx_classify how = {
        .mlp = mlp,
        .classes = CLASSES,
        .batch = ROWS,
        .epochs = epochs,
        .steps = steps,
        .lr = lr,
        .progress = tell,
        .user = t,
    };
    struct imx_scores s = { .accuracy = NAN };
    *t = (struct told){ .n = 0 };
    if (imx_classify(dev, &how, &learn, &test, &s) != IMX_OK || t->n != epochs)
        printf("# %d epochs: %s\n", t->n, imx_error_text());
    return s.accuracy;
}

static double mean(const struct told *t, int32_t first, int32_t end)
{
    double sum = 0;
    for (int32_t i = first; i < end; i++)
        sum += t->accuracy[i] / (end - first);
    return sum;
}

static void score(struct imx_dev *dev)
{
    struct told t;
    for (int mlp = 0; mlp < 2; mlp++) {
        const double of20 = train(dev, mlp, 20, 0, 5e-2, &t), last = t.accuracy[19], two = mean(&t, 18, 20);
        tap_ok(fabs(of20 - two) < 1e-12 && two != last && two != mean(&t, 17, 20) && two != mean(&t, 0, 20),
               "%s: the score of 20 epochs is the mean of two: %.4f, of %.4f and %.4f", mlp ? "mlp" : "linear", of20,
               t.accuracy[18], last);
        const double of7 = train(dev, mlp, 7, 0, 5e-2, &t);
        tap_ok(of7 == t.accuracy[6] && of7 != t.accuracy[5], "%s: of seven epochs that of the last: %.4f",
               mlp ? "mlp" : "linear", of7);
    }
}

/* Few samples: two epochs that take the steps of ten, one more than eight have, are ten. */
static void steps(struct imx_dev *dev)
{
    const int64_t once = TRAIN / ROWS;
    const struct imx_classify ten = { .batch = ROWS, .epochs = 10 },
                              two = { .batch = ROWS, .epochs = 2, .steps = 8 * once + 1 },
                              enough = { .batch = ROWS, .epochs = 10, .steps = 10 * once };
    struct told t;
    tap_ok(imx_classify_steps(&ten, TRAIN) == 10 * once && imx_classify_steps(&two, TRAIN) == 10 * once &&
               imx_classify_steps(&enough, TRAIN) == 10 * once,
           "ten epochs have %d steps, and so have two that must have %d", (int)(10 * once), (int)two.steps);
    for (int mlp = 0; mlp < 2; mlp++) {
        const double last = train(dev, mlp, 10, 0, 5e-2, &t), half = t.accuracy[4];
        const double again = train(dev, mlp, 2, two.steps, 5e-2, &t);
        tap_ok(again == last && t.accuracy[0] == half && half != last,
               "%s: they end where ten end: %.4f, and are half way there at five: %.4f", mlp ? "mlp" : "linear", again,
               t.accuracy[0]);
    }
}

/* Steps that are far too long let the accuracy jump from epoch to epoch; with the step size the jumps fall. */
static double jumps(const struct told *t, int32_t first, int32_t end)
{
    double sum = 0;
    for (int32_t i = first; i < end; i++)
        sum += fabs(t->accuracy[i] - t->accuracy[i - 1]) / (end - first);
    return sum;
}

static void schedule(struct imx_dev *dev)
{
    static const struct {
        int32_t epoch;
        double rate;
    } known[] = { { 0, 1 }, { 49, 1 }, { 50, 0.1 }, { 99, 0.1 }, { 100, 0.01 }, { 999, 0.01 } };
    struct told t;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const double rate = imx_classify_rate(2e-4, known[i].epoch);
        tap_ok(fabs(rate - 2e-4 * known[i].rate) < 1e-18, "the step size in epoch %d: %g of 2e-4", known[i].epoch,
               rate);
    }
    const double accuracy = train(dev, false, MOST, 0, 0.3, &t);
    const double whole = jumps(&t, 10, 50), tenth = jumps(&t, 60, 100), hundredth = jumps(&t, 110, 150);
    tap_ok(isfinite(accuracy) && tenth < 0.6 * whole && hundredth < 0.6 * tenth,
           "with it the accuracy comes to rest: from epoch to epoch it jumps by %.4f, %.4f, %.4f", whole, tenth,
           hundredth);
}

int main(void)
{
    struct imx_dev *dev = NULL;
    if (!tap_ok(imx_dev_open("host", &dev, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    fill(sets.train, sets.train_label, TRAIN, 1);
    fill(sets.test, sets.test_label, TEST, 2);
    network(dev);
    score(dev);
    steps(dev);
    schedule(dev);
    imx_dev_close(dev);
    return tap_done();
}
