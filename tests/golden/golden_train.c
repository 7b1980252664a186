/* Training against PyTorch: the six critic x estimator pairs of the golden files, encode-dot in both ways to compute
 * its local layer norm, two rivals, the concat critic, the published global term with prior matching, and occlusion
 * with coordinates, value by value with the tolerance that stands beside it
 * (formats and images: README.md there). usage: golden-train FOLDER DEVICE [STEPS [few]]     fewer than 20 steps leave
 * out the later losses and the parameters; few: of the pairs three that cover both critics and all estimators */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "tap.h"
#include "train/step.h"

enum { SEED = 2, BATCH = 8, UNITS = 64, STEPS = 20, SIDE = 32, IMAGES = BATCH * STEPS, PIXELS = SIDE * SIDE * 3 };

/* What one training left behind, to be looked up by name. */
struct run {
    float loss[STEPS];
    int steps;
    struct imx_store *store; /* borrowed; parameters after the last step */
    float **grad;            /* [n_params] of the first step, in PyTorch's order */
};

/* One class of values of a file. */
struct tally {
    int values, wrong;
    double worst; /* share of the tolerance */
};

static uint8_t *images;

static uint8_t stream_byte(uint32_t stream, size_t i)
{
    uint32_t word[4];
    imx_random4(SEED, 0, stream, (uint32_t)(i / 16), word);
    return (uint8_t)(word[i / 4 % 4] >> (8 * (i % 4)));
}

static void draw_images(void)
{
    for (size_t n = 0; n < IMAGES; n++)
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++)
                for (size_t c = 0; c < 3; c++) {
                    const size_t at = ((n * SIDE + y) * SIDE + x) * 3 + c;
                    const uint8_t block = stream_byte(7, ((n * 8 + y / 4) * 8 + x / 4) * 3 + c);
                    images[at] = (uint8_t)((3 * block + stream_byte(71, at)) >> 2);
                }
}

static void check_images(const char *folder)
{
    char path[4096], name[128];
    double value;
    long long sum = 0;
    int values = 0, wrong = 0;
    for (size_t i = 0; i < (size_t)IMAGES * PIXELS; i++)
        sum += images[i];
    snprintf(path, sizeof path, "%s/images.txt", folder);
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%127s %lf", name, &value) == 2) {
        unsigned long at = 0;
        if (!strcmp(name, "sum"))
            wrong += !((double)sum == value);
        else
            wrong +=
                !(sscanf(name, "pixel/%lu", &at) == 1 && at < (size_t)IMAGES * PIXELS && (double)images[at] == value);
        values++;
    }
    if (f)
        fclose(f);
    tap_ok(values == 6 && !wrong, "the images are those of the golden files: %d values, %d wrong", values, wrong);
}

/* ---- looking values up ---- */

static double rms(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

static double param_value(const struct run *r, const char *kind, int index)
{
    const int64_t n = r->store->param[index].count;
    float *x = malloc((size_t)n * sizeof *x);
    double value = NAN, sum = 0;
    if (x && imx_store_get(r->store, index, IMX_ARENA_PARAM, x) == IMX_OK) {
        for (int64_t i = 0; i < n; i++)
            sum += (double)x[i];
        value = !strcmp(kind, "param_rms") ? rms(x, n) : sum / (double)n;
    }
    free(x);
    return value;
}

/* The value of that name; NaN, which no tolerance admits, when there is none. */
static double value_of(const struct run *r, const char *name)
{
    char kind[16], tensor[64];
    long long at = 0;
    if (sscanf(name, "loss/%lld", &at) == 1)
        return at >= 0 && at < r->steps ? (double)r->loss[at] : (double)NAN;
    const int parts = sscanf(name, "%15[^/]/%63[^/]/%lld", kind, tensor, &at);
    const int index = parts >= 2 ? imx_store_find(r->store, tensor) : -1;
    if (index < 0)
        return NAN;
    const int64_t n = r->store->param[index].count;
    if (!strcmp(kind, "grad_rms"))
        return rms(r->grad[index], n);
    if (!strcmp(kind, "grad"))
        return parts == 3 && at >= 0 && at < n ? (double)r->grad[index][at] : (double)NAN;
    return param_value(r, kind, index);
}

/* Values, PyTorch's numbers, tolerances: one file. */
static void compare(const struct run *r, const char *path, const char *pair)
{
    static const char *const what[] = { "losses", "gradients", "parameters" };
    struct tally tally[3] = { { 0 } };
    char name[128];
    double value, tolerance;
    int tensors = 0, trainable = 0;
    FILE *f = fopen(path, "r");
    while (f && fscanf(f, "%127s %lf %lf", name, &value, &tolerance) == 3) {
        const int group = name[0] == 'l' ? 0 : name[0] == 'g' ? 1 : 2;
        if (r->steps < STEPS && (group == 2 || (group == 0 && atoi(name + 5) >= r->steps)))
            continue;
        const double got = value_of(r, name), error = fabs(got - value);
        struct tally *t = &tally[group];
        t->values++;
        tensors += !strncmp(name, "grad_rms/", 9);
        t->worst = fmax(t->worst, error / tolerance);
        if (error <= tolerance)
            continue;
        if (t->wrong++ < 4)
            printf("# %s: %s is %.9g, PyTorch has %.9g, off by %.2g tolerances\n", pair, name, got, value,
                   error / tolerance);
    }
    if (f)
        fclose(f);
    for (int i = 0; i < r->store->n_params; i++)
        trainable += !r->store->param[i].state;
    tap_ok(tensors == trainable, "%s: %d of %d trainable tensors are in the file", pair, tensors, trainable);
    for (int i = 0; i < 3; i++)
        if (i < 2 || r->steps == STEPS)
            tap_ok(tally[i].values >= r->steps && !tally[i].wrong, "%s: %d %s, %d wrong, worst %.3f of its tolerance",
                   pair, tally[i].values, what[i], tally[i].wrong, tally[i].worst);
}

/* ---- training ---- */

static imx_status keep_gradients(struct run *r)
{
    for (int i = 0; i < r->store->n_params; i++) {
        if (r->store->param[i].state)
            continue;
        r->grad[i] = malloc((size_t)r->store->param[i].count * sizeof **r->grad);
        if (!r->grad[i])
            return imx_fail(IMX_E_NOMEM, "no memory for a gradient");
        IMX_TRY(imx_store_get(r->store, i, IMX_ARENA_GRAD, r->grad[i]));
    }
    return IMX_OK;
}

static imx_status train(struct imx_step *s, const struct imx_config *c, struct run *r)
{
    static const int32_t aug[BATCH * 3];
    struct imx_step_result result;
    for (int k = 0; k < r->steps; k++) {
        IMX_TRY(imx_step_run(s, c, (uint64_t)k, images + (size_t)k * BATCH * PIXELS, aug, &result));
        r->loss[k] = result.loss;
        if (k == 0)
            IMX_TRY(keep_gradients(r));
    }
    return IMX_OK;
}

/* One training, as the configuration says, against FOLDER/FILE.txt. */
static void test_training(struct imx_dev *dev, const char *folder, const char *file, const struct imx_config *c,
                          int steps, enum imx_local_norm local_norm)
{
    char pair[64], path[4096];
    imx_status status = IMX_OK;
    struct imx_net_spec spec;
    struct imx_step *s = NULL;
    struct run r = { .steps = steps };
    snprintf(pair, sizeof pair, "%s%s", file, local_norm == IMX_LOCAL_NORM_QUADRATIC ? ", quadratic" : "");
    snprintf(path, sizeof path, "%s/%s.txt", folder, file);
    IMX_GO(imx_step_spec(c, SIDE, SIDE, 3, &spec));
    spec.critic.local_norm = local_norm;
    IMX_GO(imx_step_create(dev, c, &spec, &s));
    r.store = s->store;
    r.grad = calloc((size_t)r.store->n_params, sizeof *r.grad);
    if (!r.grad)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the gradients"));
    IMX_GO(train(s, c, &r));
    compare(&r, path, pair);
fail:
    if (status != IMX_OK)
        tap_ok(false, "%s: %s", pair, imx_error_text());
    for (int i = 0; r.grad && i < r.store->n_params; i++)
        free(r.grad[i]);
    free(r.grad);
    imx_step_destroy(s);
}

static void test_pair(struct imx_dev *dev, const char *folder, const char *critic, const char *estimator, int steps,
                      enum imx_local_norm local_norm)
{
    char file[64], name[3][16];
    snprintf(name[0], sizeof name[0], "%s", critic);
    snprintf(name[1], sizeof name[1], "%s", estimator);
    snprintf(name[2], sizeof name[2], "basic32");
    snprintf(file, sizeof file, "%s-%s", critic, estimator);
    const struct imx_config c = { .critic = name[0],
                                  .estimator = name[1],
                                  .encoder = name[2],
                                  .critic_units = UNITS,
                                  .batch = BATCH,
                                  .seed = SEED,
                                  .lr = 1e-5,
                                  .beta1 = 0.5,
                                  .beta2 = 0.999,
                                  .eps = 1e-8 };
    test_training(dev, folder, file, &c, steps, local_norm);
}

/* The rivals that rebuild images, with the engine's own noise, the concat critic, with its shuffles, over places and
 * over whole maps, prior matching, occlusion and coordinates. */
static void test_rivals(struct imx_dev *dev, const char *folder, int steps)
{
    static const struct {
        const char *file, *objective, *critic, *estimator, *coordinates;
        int64_t seed;
        double gamma;
        bool occlude;
    } rival[] = { { "ae", "ae", "bilinear", "jsd", "none", 5, -1, false },
                  { "vae", "vae", "bilinear", "jsd", "none", 2, -1, false },
                  { "concat-jsd", "dim-local", "concat", "jsd", "none", 3, -1, false },
                  { "global-prior", "dim-global", "concat", "jsd", "none", 8, 1, false },
                  { "places", "dim-local", "bilinear", "infonce", "both", 1, -1, true } };
    char encoder[] = "tiny16", automatic[] = "auto";
    for (size_t i = 0; i < sizeof rival / sizeof *rival; i++) {
        char objective[16], critic[16], estimator[16], coordinates[16];
        snprintf(objective, sizeof objective, "%s", rival[i].objective);
        snprintf(critic, sizeof critic, "%s", rival[i].critic);
        snprintf(estimator, sizeof estimator, "%s", rival[i].estimator);
        snprintf(coordinates, sizeof coordinates, "%s", rival[i].coordinates);
        const struct imx_config c = { .objective = objective,
                                      .alpha = -1,
                                      .beta = -1,
                                      .gamma = rival[i].gamma,
                                      .penalty = -1,
                                      .vae_beta = -1,
                                      .occlude = rival[i].occlude,
                                      .coordinates = coordinates,
                                      .coordinates_weight = 1,
                                      .prior = automatic,
                                      .decoder = automatic,
                                      .critic = critic,
                                      .estimator = estimator,
                                      .encoder = encoder,
                                      .critic_units = UNITS,
                                      .batch = BATCH,
                                      .seed = rival[i].seed,
                                      .lr = 1e-5,
                                      .beta1 = 0.5,
                                      .beta2 = 0.999,
                                      .eps = 1e-8 };
        test_training(dev, folder, rival[i].file, &c, steps, IMX_LOCAL_NORM_AUTO);
    }
}

int main(int argc, char **argv)
{
    static const char *const estimator[] = { "infonce", "jsd", "dv" };
    const int steps = argc > 3 ? atoi(argv[3]) : STEPS;
    const bool few = argc > 4 && !strcmp(argv[4], "few");
    struct imx_dev *dev = NULL;
    const char *why = "";
    if (argc < 3 || steps < 1 || steps > STEPS) {
        fprintf(stderr, "usage: golden-train FOLDER DEVICE [STEPS [few]]\n");
        return 2;
    }
    if (imx_dev_open(argv[2], &dev, &why) != IMX_OK) {
        tap_skip(argv[2], imx_error_text());
        return tap_done();
    }
    if (!strcmp(argv[2], "auto") && imx_dev_is_host(dev)) {
        tap_skip("training", "there is no OpenCL device; the host has its own test");
        imx_dev_close(dev);
        return tap_done();
    }
    printf("# %s, driver %s, %d steps\n", dev->caps.name, dev->caps.driver, steps);
    images = malloc((size_t)IMAGES * PIXELS);
    if (!images)
        return 1;
    draw_images();
    check_images(argv[1]);
    for (int k = 0; k < 3; k++) {
        if (!few) {
            test_pair(dev, argv[1], "encode-dot", estimator[k], steps, IMX_LOCAL_NORM_DIRECT);
            test_pair(dev, argv[1], "encode-dot", estimator[k], steps, IMX_LOCAL_NORM_QUADRATIC);
        }
        if (few && k == 0)
            test_pair(dev, argv[1], "encode-dot", estimator[k], steps, IMX_LOCAL_NORM_AUTO);
        else
            test_pair(dev, argv[1], "bilinear", estimator[k], steps, IMX_LOCAL_NORM_AUTO);
    }
    test_rivals(dev, argv[1], steps);
    free(images);
    imx_dev_close(dev);
    return tap_done();
}
