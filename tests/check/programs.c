/* How many OpenCL programs a training step needs: each takes a driver seconds to build where nothing is kept. At most
 * 40 for any model, with the kernels of CPUs and with those of GPUs. */
#include "ops/critic.h"
#include "shared.h"
#include "whole.h"

enum { MOST = 40, BATCH = 4, SIDE = 32 };

static const struct {
    const char *encoder, *objective;
    int form, estimator, coordinates;
    double gamma;
    bool occlude, sgd;
} cases[] = {
    { "basic32", "dim-local", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, -1, false, false },
    { "basic32", "dim-local-global", IMX_CRITIC_ENCODE_DOT, IMX_EST_SMILE, 3, 1, true, false },
    { "alex64", "dim-local-global", IMX_CRITIC_CONCAT, IMX_EST_JSD, 3, 1, true, true },
    { "fold-alex64", "dim-local", IMX_CRITIC_BILINEAR, IMX_EST_DV_EMA, 3, 1, false, false },
    { "resnet19", "dim-local", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 1, 1, true, false },
    { "fold-basic32", "cpc", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, -1, false, false },
    { "basic32", "vae", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, -1, false, false },
    { "basic32", "aae", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, -1, false, false },
    { "basic32", "bigan", IMX_CRITIC_BILINEAR, IMX_EST_INFONCE, 0, -1, false, false },
};

static void count(size_t i, const char *kernels)
{
    const struct imx_encoder *e = imx_encoder_find(cases[i].encoder);
    struct imx_dev *dev = NULL;
    struct whole n = { 0 };
    struct imx_net_spec spec = {
        .encoder = e,
        .critic = { .form = &imx_critics[cases[i].form],
                    .units = 128,
                    .estimator = cases[i].estimator,
                    .tau = IMX_SMILE_TAU,
                    .decay = IMX_EMA_DECAY },
        .batch = BATCH,
        .h = SIDE,
        .w = SIDE,
        .c = 3,
        .objective = imx_objective_find(cases[i].objective),
        .mix = { .alpha = -1,
                 .beta = -1,
                 .gamma = cases[i].gamma,
                 .penalty = -1,
                 .vae_beta = -1,
                 .prior = IMX_PRIOR_OWN,
                 .occlude = cases[i].occlude,
                 .coordinates = cases[i].coordinates,
                 .coordinates_weight = 1 },
        .sgd = cases[i].sgd,
    };
    if (spec.objective->rebuilds)
        spec.decoder = imx_decoder_find("auto", e, SIDE);
    if (imx_dev_open("cpu", &dev, NULL) != IMX_OK) {
        tap_skip("programs", imx_error_text());
        return;
    }
    const uint64_t before = dev->count.programs;
    const bool ran =
        whole_open(dev, &spec, &n) == IMX_OK && imx_graph_run(n.net.g) == IMX_OK && dev->vt->sync(dev) == IMX_OK;
    tap_ok(ran && dev->count.programs - before <= MOST, "kernels of a %s, %s, %s: %llu programs, %llu launches",
           kernels, cases[i].objective, cases[i].encoder, (unsigned long long)(dev->count.programs - before),
           (unsigned long long)dev->count.launches);
    whole_close(&n);
    imx_dev_close(dev);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        count(i, "cpu");
    setenv("IMX_TYPE", "gpu", 1); /* the same device with the kernels that a GPU would get, which are slow there */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strstr(cases[i].encoder, "alex64"))
            count(i, "gpu");
    return tap_done();
}
