/* Batches that the loader writes into the device's memory give the steps that uploaded ones give, to the bit, for
 * longer than the ring is: audited ones, too, with memory of the host's and with the device's own (emulated:
 * IMX_UNIFIED). */
#include "train/feed.h"

#include <string.h>

#include "base/philox.h"
#include "devices.h"
#include "train/step.h"

enum { N = 40, SIDE = 16, BATCH = 6, STEPS = 14 };

static const struct imx_encoder small = {
    "small",
    SIDE,
    1,
    { { IMX_LAYER_CONV, 16, 4, 2, 1, 0, 0, true },
      { IMX_LAYER_CONV, 20, 3, 2, 1, 0, 0, false },
      { IMX_LAYER_FC, 24, 0, 0, 0, 0, 0, false },
      { IMX_LAYER_OUT, 9, 0, 0, 0, 0, 0, false } },
};

static const char *kind;
static struct imx_dataset *ds;

static void make_set(void)
{
    uint8_t *pix = malloc(N * SIDE * SIDE);
    int32_t *label = calloc(N, sizeof *label);
    if (!pix || !label)
        exit(1);
    for (uint32_t i = 0; i < N * SIDE * SIDE; i++) {
        uint32_t r[4];
        imx_random4(5, 0, IMX_STREAM_TEST, i, r);
        pix[i] = (uint8_t)(i / (SIDE * SIDE) * 5 + r[0] % 50);
    }
    if (imx_dataset_of_pixels(pix, label, N, SIDE, SIDE, 1, &ds) != IMX_OK)
        exit(1);
}

/* The losses of the first STEPS steps, two epochs and more. */
static imx_status losses(struct imx_dev *dev, bool fed, float *loss)
{
    char names[][16] = { "bilinear", "infonce", "basic28", "flip+crop" };
    const struct imx_config c = { .critic = names[0],
                                  .estimator = names[1],
                                  .encoder = names[2],
                                  .augment = names[3],
                                  .critic_units = 24,
                                  .batch = BATCH,
                                  .seed = 11,
                                  .lr = 1e-3,
                                  .beta1 = 0.5,
                                  .beta2 = 0.999,
                                  .eps = 1e-8 };
    const struct imx_batch_options o = imx_config_batches(&c, SIDE);
    imx_status status = IMX_OK;
    struct imx_net_spec spec;
    struct imx_step *s = NULL;
    struct imx_feed *feed = NULL;
    struct imx_batches *batches = NULL;
    struct imx_batch b;
    struct imx_step_result r;
    IMX_TRY(imx_step_spec(&c, SIDE, SIDE, 1, &spec));
    spec.encoder = &small;
    spec.ring = fed;
    IMX_GO(imx_step_create(dev, &c, &spec, &s));
    if (fed)
        IMX_GO(imx_feed_create(&s->graph, ds, &o, &feed));
    else
        IMX_GO(imx_batches_create(ds, &o, &batches));
    for (uint64_t i = 0; i < STEPS; i++) {
        if (fed) {
            IMX_GO(imx_feed_next(feed, &b));
            IMX_GO((i % 5 == 3 ? imx_step_audit : imx_step_begin)(s, &c, i));
            if (i % 7) /* now and then nothing is sent ahead */
                IMX_GO(imx_feed_ahead(feed));
            IMX_GO(imx_step_end(s, &r));
        } else {
            IMX_GO(imx_batches_next(batches, &b));
            IMX_GO(imx_step_run(s, &c, i, b.pix, b.aug, &r));
        }
        loss[i] = r.loss;
    }
fail:
    imx_feed_destroy(feed);
    imx_batches_destroy(batches);
    imx_step_destroy(s);
    return status;
}

static void same_steps(struct imx_dev *dev, const char *where)
{
    float uploaded[STEPS] = { 0 }, fed[STEPS] = { 0 };
    const bool ran = losses(dev, false, uploaded) == IMX_OK && losses(dev, true, fed) == IMX_OK;
    if (!ran)
        printf("# %s\n", imx_error_text());
    int same = 0;
    for (int i = 0; ran && i < STEPS; i++)
        same += !memcmp(&fed[i], &uploaded[i], sizeof *fed) && fed[i] > 0 &&
                (!i || fed[i] < fed[i - 1] || fed[i] > fed[i - 1]);
    tap_ok(ran && same == STEPS, "%s, %s: %d of %d losses are the same to the bit", where, kind, same, STEPS);
    tap_ok(dev->count.bytes_now == 0, "%s, %s: all memory is back", where, kind);
}

static void same_steps_again(struct imx_dev *dev, const char *where)
{
    if (!imx_dev_is_host(dev) && tap_ok(!dev->caps.unified, "%s says that its memory is its own", where))
        same_steps(dev, where);
}

int main(void)
{
    make_set();
    kind = "memory of the host";
    on_devices(same_steps);
    setenv("IMX_UNIFIED", "0", 1);
    kind = "its own memory";
    on_devices(same_steps_again);
    imx_dataset_destroy(ds);
    return tap_done();
}
