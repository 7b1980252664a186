/* Noise as targets: gradients of the whole graph against differences; the points; what the exchange within a batch does
 * on every device; that who holds what is kept and read again; that memory limits change nothing; what is refused. */
#include "objectives/nat.h"
#include "base/assign.h"
#include "devices.h"
#include "whole.h"

enum { BATCH = 8, IMAGES = 20, UNITS = 9, SEED = 3 /* of whole.h */ };

static struct imx_net_spec spec_of(int32_t batch)
{
    return (struct imx_net_spec){ .encoder = &whole_tiny,
                                  .batch = batch,
                                  .h = 16,
                                  .w = 16,
                                  .c = 3,
                                  .images = IMAGES,
                                  .objective = imx_objective_find("nat"),
                                  .mix = { .alpha = -1, .beta = -1, .gamma = -1, .penalty = -1, .vae_beta = -1 } };
}

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (int c = 0; c < UNITS; c++)
        sum += (double)a[c] * (double)b[c];
    return sum;
}

static void points(void)
{
    enum { N = 4000 };
    double mean[UNITS] = { 0 }, square = 0, length = 0;
    float p[UNITS], q[UNITS], odd[1];
    for (int32_t k = 0; k < N; k++) {
        imx_nat_point(5, k, UNITS, p);
        length = fmax(length, fabs(dot(p, p) - 1));
        square += (double)p[3] * (double)p[3] / N;
        for (int c = 0; c < UNITS; c++)
            mean[c] += (double)p[c] / N;
    }
    double off = 0;
    for (int c = 0; c < UNITS; c++)
        off = fmax(off, fabs(mean[c]));
    tap_ok(length < 1e-6 && off < 0.02 && fabs(square - 1.0 / UNITS) < 0.01,
           "points lie on the sphere (%.1g), around its middle (%.3f), as far along one axis as along another (%.4f)",
           length, off, square * UNITS);
    imx_nat_point(5, 77, UNITS, p);
    imx_nat_point(5, 77, UNITS, q);
    imx_nat_point(6, 77, 1, odd);
    tap_ok(!memcmp(p, q, sizeof p) && fabsf(fabsf(odd[0]) - 1) < 1e-6f, "a point follows from seed and number");
}

static float value(const struct whole *n, imx_tid t)
{
    float v = NAN;
    return imx_graph_download(n->net.g, t, &v) == IMX_OK ? v : NAN;
}

/* One step on the images of `index`: the batch holds the same points as before, in the best order; the loss is theirs.
 */
static void exchange(struct imx_dev *dev, const char *where)
{
    static const int32_t index[BATCH] = { 19, 4, 7, 0, 12, 13, 2, 9 };
    const struct imx_net_spec s = spec_of(BATCH);
    struct whole n;
    float code[BATCH][UNITS], target[BATCH][UNITS], cost[BATCH * BATCH];
    int32_t best[BATCH];
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a tiny network is built", where))
        return;
    struct imx_nat *nat = n.net.own;
    bool ok = true;
    for (int round = 0; round < 2; round++) {
        int32_t before[IMAGES];
        memcpy(before, nat->of, sizeof before);
        n.net.index = index;
        ok = ok && imx_net_draw(&n.net, SEED, 5) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK &&
             imx_graph_download(n.net.g, nat->code, code) == IMX_OK &&
             imx_graph_download(n.net.g, nat->target, target) == IMX_OK;
        int moved = 0, strangers = 0, wrong = 0;
        double sum = 0, least = 0;
        for (int i = 0; i < BATCH; i++) {
            float p[UNITS];
            imx_nat_point(SEED, nat->of[index[i]], UNITS, p);
            wrong += memcmp(p, target[i], sizeof p) != 0;
            moved += nat->of[index[i]] != before[index[i]];
            sum += dot(code[i], target[i]) / BATCH;
            for (int k = 0; k < BATCH; k++) {
                imx_nat_point(SEED, before[index[k]], UNITS, p);
                cost[i * BATCH + k] = (float)(1 - dot(code[i], p));
            }
        }
        ok = ok && imx_assign(cost, BATCH, best) == IMX_OK;
        for (int i = 0; i < BATCH; i++)
            least += (1 - (double)cost[i * BATCH + best[i]]) / BATCH;
        for (int i = 0; i < IMAGES; i++) {
            bool here = false;
            for (int k = 0; k < BATCH; k++)
                here |= index[k] == i;
            strangers += !here && nat->of[i] != before[i];
        }
        tap_ok(ok && !wrong && !strangers && (round || moved >= 2),
               "%s: %d of 8 images have another point, and only they", where, moved);
        tap_ok(fabs(least - sum) < 1e-6 && fabs((double)value(&n, n.net.loss) + sum) < 1e-6,
               "%s: no other exchange is better than %.6f; the loss is %.6f", where, sum,
               (double)value(&n, n.net.loss));
        tap_ok(fabsf(value(&n, nat->moved) * BATCH - (float)moved) < 1e-4f, "%s: it is told how many moved", where);
    }
    whole_close(&n);
}

/* Twenty steps; who holds what goes through the store; a point outside the set is refused. */
static void learned(struct imx_dev *dev, const char *where)
{
    const struct imx_net_spec s = spec_of(BATCH);
    struct whole n;
    if (!tap_ok(whole_open(dev, &s, &n) == IMX_OK, "%s: a tiny network is built", where))
        return;
    struct imx_nat *nat = n.net.own;
    bool ok = imx_graph_run(n.net.g) == IMX_OK;
    const float first = value(&n, n.net.loss);
    for (int k = 0; k < 60 && ok; k++)
        ok = whole_upload(&n) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK;
    tap_ok(ok && value(&n, n.net.loss) < first - 0.02f, "%s: the loss falls from %.4f to %.4f", where, (double)first,
           (double)value(&n, n.net.loss));
    int32_t held[IMAGES], taken[IMAGES] = { 0 };
    float stored[IMAGES];
    memcpy(held, nat->of, sizeof held);
    ok = imx_net_keep(&n.net) == IMX_OK && imx_store_get(n.store, nat->param, IMX_ARENA_PARAM, stored) == IMX_OK;
    int away = 0, doubles = 0;
    for (int i = 0; i < IMAGES; i++) {
        ok = ok && stored[i] == (float)held[i];
        away += held[i] != i;
        doubles += taken[held[i]]++ > 0;
    }
    tap_ok(ok && away && !doubles, "%s: the store has who holds what, each point once", where);
    memset(nat->of, 0, sizeof held);
    nat->read = false;
    ok = imx_net_draw(&n.net, SEED, 0) == IMX_OK && !memcmp(held, nat->of, sizeof held);
    tap_ok(ok, "%s: and gives it back", where);
    stored[3] = IMAGES;
    nat->read = false;
    ok = imx_store_set(n.store, nat->param, IMX_ARENA_PARAM, stored) == IMX_OK;
    tap_ok(ok && imx_net_draw(&n.net, SEED, 0) == IMX_E_FORMAT, "%s: a point that there is not: %s", where,
           imx_error_text());
    imx_error_clear();
    whole_close(&n);
}

/* Limits that the plan can only keep by slices of the batch: the same exchange, the same loss within rounding. */
static void limited(struct imx_dev *dev, const char *where)
{
    struct imx_net_spec s = spec_of(128);
    s.images = 200;
    struct whole n = { .spec = s };
    int tried = 0, sliced = 0;
    double first = NAN, worst = 0;
    uint64_t limit = 0;
    for (;; tried++) {
        bool ok = imx_store_create(dev, true, &n.store) == IMX_OK &&
                  imx_net_create(dev, n.store, &s, limit, &n.net) == IMX_OK;
        if (!ok)
            break;
        struct imx_graph *g = n.net.g;
        ok = imx_store_init(n.store, SEED) == IMX_OK && whole_upload(&n) == IMX_OK && imx_graph_run(g) == IMX_OK;
        const double loss = ok ? (double)value(&n, n.net.loss) : (double)NAN;
        first = tried ? first : loss;
        worst = fabs(loss - first) <= worst ? worst : isnan(loss) ? HUGE_VAL : fabs(loss - first);
        sliced += g->n_slices > 0;
        uint64_t bytes = g->temp_bytes + g->keep_bytes;
        for (int a = 0; a < IMX_ARENA_COUNT; a++)
            bytes += n.store->bytes[a];
        limit = bytes / 20 * 19;
        imx_net_finish(&n.net);
        imx_store_destroy(n.store);
        n.store = NULL;
        if (tried == 40)
            break;
    }
    tap_ok(tried > 1 && sliced && worst < 1e-5, "%s: %d limits, %d with slices: losses within %.1g", where, tried,
           sliced, worst);
    if (!tried)
        printf("# %s\n", imx_error_text());
    imx_error_clear();
    imx_store_destroy(n.store);
}

static void refused(struct imx_dev *host, struct imx_net_spec s, const char *word)
{
    struct imx_store *store = NULL;
    struct imx_net net;
    tap_ok(imx_store_create(host, true, &store) == IMX_OK && imx_net_create(host, store, &s, 0, &net) == IMX_E_ARG &&
               strstr(imx_error_text(), word),
           "refused: %s", imx_error_text());
    imx_error_clear();
    imx_store_destroy(store);
}

int main(void)
{
    struct imx_dev *host = NULL;
    if (!tap_ok(imx_dev_open("host", &host, NULL) == IMX_OK, "the host device opens"))
        return tap_done();
    struct imx_net_spec s = spec_of(4);
    whole_check(host, &s, "nat", NULL, 16);
    s.encoder = &whole_crops;
    refused(host, s, "one code");
    s = spec_of(4);
    s.mix.gamma = 1;
    refused(host, s, "--gamma");
    s = spec_of(4);
    s.images = (1 << 24) + 1;
    refused(host, s, "16777216");
    imx_dev_close(host);
    points();
    on_devices(exchange);
    on_devices(learned);
    on_devices(limited);
    return tap_done();
}
