/* Softmax cross-entropy: gradient rule, rows without a label, impossible labels, NaN, ties. */
#include "ops/xent.h"

#include "devices.h"
#include "finite.h"

struct result {
    float loss, hits, lse[4], count, dlogits[12];
};

/* Forward and backward (dloss 1) of 4 rows of 3 classes. */
static bool both(struct imx_dev *dev, float *logits, int32_t *label, struct result *r)
{
    const struct imx_xent d = { 4, 3 };
    float dloss = 1;
    memset(r, 0x55, sizeof *r);
    return run_op(dev, &imx_op_xent_fwd, &d, (void *[]){ logits, label, &r->loss, &r->hits, r->lse, &r->count }) ==
               IMX_OK &&
           run_op(dev, &imx_op_xent_bwd, &d, (void *[]){ logits, label, r->lse, &r->count, &dloss, r->dlogits }) ==
               IMX_OK;
}

static void labels(struct imx_dev *dev, const char *where)
{
    float logits[12] = { 0, 0, 0, 2, 1, 0, 1, 5, 1, 0, 0, 9 };
    struct result r;
    bool ok = both(dev, logits, (int32_t[]){ 0, -1, 1, 2 }, &r);
    ok = ok && r.count == 3 && r.hits == 3;
    for (int c = 0; c < 3; c++)
        ok = ok && r.dlogits[3 + c] == 0;
    /* (log 3 + log(1 + 2 e^-4) + log(1 + 2 e^-9)) / 3 */
    tap_ok(ok && fabsf(r.loss - 0.37828f) <= 1e-5f && fabsf(r.dlogits[0] + 2.0f / 9) <= 1e-6f,
           "%s: a row without a label counts nowhere; of equal logits the first is the answer (loss %g)", where,
           (double)r.loss);
    ok = both(dev, logits, (int32_t[]){ -1, -1, -1, -1 }, &r) && r.loss == 0 && r.hits == 0 && r.count == 0;
    for (int i = 0; i < 12; i++)
        ok = ok && r.dlogits[i] == 0;
    tap_ok(ok, "%s: no label at all: loss, count and gradient are 0", where);
    ok = both(dev, logits, (int32_t[]){ 0, 3, 1, 2 }, &r);
    tap_ok(ok && isnan(r.loss), "%s: a label past the last class gives a NaN loss", where);
}

static void far_out(struct imx_dev *dev, const char *where)
{
    float logits[12] = { 1000, 0, 0, -1000, -1000, -1000, 0, 0, 1000, 0, -1000, 0 };
    struct result r;
    bool ok = both(dev, logits, (int32_t[]){ 0, 0, 0, 0 }, &r);
    /* 0, log 3, 1000, log 2 */
    tap_ok(ok && fabsf(r.loss - (1000 + 1.0986123f + 0.6931472f) / 4) <= 1e-3f, "%s: logits of +-1000: loss %g", where,
           (double)r.loss);
    logits[4] = NAN;
    ok = both(dev, logits, (int32_t[]){ 0, 0, 0, 0 }, &r);
    tap_ok(ok && isnan(r.loss), "%s: a NaN logit gives a NaN loss", where);
}

/* Where classifiers of CIFAR-10, CIFAR-100 and Tiny ImageNet begin (dim_method 11.3): ln K, as the tables round it. */
static void undecided(struct imx_dev *dev, const char *where)
{
    static const struct {
        int32_t classes;
        float loss;
    } want[] = { { 10, 2.302585f }, { 100, 4.605170f }, { 200, 5.298317f } };
    enum { ROWS = 7 };
    static float zero[ROWS * 200], lse[ROWS];
    int32_t label[ROWS];
    float loss, hits, count;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct imx_xent d = { ROWS, want[i].classes };
        for (int r = 0; r < ROWS; r++)
            label[r] = (r * 31 + 5) % want[i].classes;
        loss = hits = count = NAN;
        const bool ok =
            run_op(dev, &imx_op_xent_fwd, &d, (void *[]){ zero, label, &loss, &hits, lse, &count }) == IMX_OK;
        tap_ok(ok && fabsf(loss - want[i].loss) <= 2e-6f && count == ROWS, "%s: %d classes, no opinion: loss %.6f",
               where, want[i].classes, (double)loss);
    }
}

/* More classes than a vector holds: the two largest logits at every pair of places some steps apart, then a NaN and an
 * infinity at every place. */
static void many(struct imx_dev *dev, const char *where)
{
    enum { CLASSES = 41 };
    const struct imx_xent d = { 1, CLASSES };
    float logits[CLASSES], loss, hits, lse, count;
    int32_t label;
    void *const arg[] = { logits, &label, &loss, &hits, &lse, &count };
    int right = 0, wrong = 0, lost = 0, endless = 0;
    for (int first = 0; first < CLASSES; first++)
        for (int step = 1; step < CLASSES; step += 5) {
            const int second = (first + step) % CLASSES;
            memset(logits, 0, sizeof logits);
            logits[first] = logits[second] = 7;
            label = first < second ? first : second;
            right += run_op(dev, &imx_op_xent_fwd, &d, arg) == IMX_OK && hits == 1;
            label = first < second ? second : first;
            wrong += run_op(dev, &imx_op_xent_fwd, &d, arg) == IMX_OK && hits == 0;
        }
    for (int c = 0; c < CLASSES; c++) {
        memset(logits, 0, sizeof logits);
        logits[c] = NAN;
        label = (c + 3) % CLASSES;
        lost += run_op(dev, &imx_op_xent_fwd, &d, arg) == IMX_OK && isnan(loss) && isnan(lse) && hits == 0;
        logits[c] = INFINITY;
        endless += run_op(dev, &imx_op_xent_fwd, &d, arg) == IMX_OK && isinf(loss) && isinf(lse) && hits == 0;
    }
    tap_ok(right == 8 * CLASSES && wrong == right, "%s: of %d classes the first of the largest is the answer (%d, %d)",
           where, CLASSES, right, wrong);
    tap_ok(lost == CLASSES && endless == CLASSES, "%s: a NaN and an infinity among %d classes are seen (%d, %d)", where,
           CLASSES, lost, endless);
}

static void all(struct imx_dev *dev, const char *where)
{
    labels(dev, where);
    far_out(dev, where);
    undecided(dev, where);
    many(dev, where);
}

int main(void)
{
    finite_check_output(&imx_op_xent_fwd, "r4c5", IMX_XENT_FWD_LOSS);
    finite_check_output(&imx_op_xent_fwd, "r1c6", IMX_XENT_FWD_LOSS);
    on_devices(all);
    return tap_done();
}
