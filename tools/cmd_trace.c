/* infomax trace: a few training steps, every tensor of them in one file. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "progress.h"
#include "train/trace.h"
#include "train_options.h"

struct values {
    struct imx_config config; /* must be first */
    char *out, *file, *init;
    int64_t steps;
    bool ends;
};

static void tell(void *user, int64_t step, float loss)
{
    (void)user;
    imx_progress_at((uint64_t)step + 1, "loss %.7g", (double)loss);
}

static imx_status run(void *values, int n, char **word)
{
    struct values *v = values;
    const struct imx_config *c = &v->config;
    const char *data = n ? word[0] : c->data;
    imx_status status = IMX_OK;
    struct imx_dev *dev = NULL;
    struct imx_dataset *ds = NULL;
    if (!data)
        return imx_fail(IMX_E_ARG, "trace needs DATA: a folder of images, or one of the formats of `infomax data`");
    if (!v->out)
        return imx_fail(IMX_E_ARG, "trace needs -o FILE.safetensors, the file to write");
    if (strcmp(c->augment, "none"))
        return imx_fail(IMX_E_ARG, "trace takes the images as they are; --augment %s has no place here", c->augment);
    if (c->crop)
        return imx_fail(IMX_E_ARG, "trace takes the images as they are; --crop %lld has no place here",
                        (long long)c->crop);
    const struct imx_trace_options o = { .init = v->init, .steps = v->steps, .ends = v->ends, .report = tell };
    IMX_GO(imx_open_device(c->device, &dev));
    imx_dev_allow_half(dev, c->half);
    dev->check = c->selftest;
    IMX_GO(imx_open_data(data, c->size, c->channels, c->strict, c->threads, &ds));
    imx_progress_begin("tracing", (uint64_t)v->steps, "steps");
    status = imx_trace(dev, c, ds, &o, v->out);
    imx_progress_end();
    if (status == IMX_OK)
        printf("%s\n", v->out);
fail:
    imx_dataset_destroy(ds);
    imx_dev_close(dev);
    return status;
}

static const struct imx_option options[] = {
    { .name = "out",
      .letter = 'o',
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, out),
      .value = "FILE.safetensors",
      .help = "the file to write" },
    { .name = "init",
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, init),
      .value = "W.safetensors",
      .help = "initial parameters by name; without it --seed draws them" },
    { .name = "steps",
      .type = IMX_OPT_INT,
      .at = offsetof(struct values, steps),
      .value = "K",
      .fallback = "1",
      .min = 1,
      .max = 10000,
      .help = "training steps; step k takes the k-th batch in the order of the set" },
    { .name = "ends",
      .type = IMX_OPT_FLAG,
      .at = offsetof(struct values, ends),
      .help = "gradients of the first step and parameters after the last one only" },
    { .name = "config",
      .type = IMX_OPT_CONFIG,
      .at = offsetof(struct values, file),
      .value = "FILE.toml",
      .help = "settings from a file; the command line wins" },
    { .name = "set", .type = IMX_OPT_SET, .value = "KEY=VALUE", .help = "one setting, as in the file" },
    IMX_CONFIG_OPTIONS,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax trace cifar10 --init start.safetensors --steps 20 --ends -o ours.safetensors",
    "infomax trace cifar10 --steps 3 --device host -o host.safetensors",
    NULL,
};

extern const struct imx_command imx_cmd_trace;
const struct imx_command imx_cmd_trace = {
    .name = "trace",
    .summary = "writes down training steps for comparison with another program or device",
    .usage = "DATA -o FILE.safetensors [options]",
    .about = "Trains for K steps on the first batches in the order of the set, without augmentation, and "
             "writes init/NAME, "
             "image/STEP (N,C,H,W), loss/STEP, grad/STEP/NAME and param/STEP/NAME (after the update) as "
             "float32 in PyTorch's "
             "layouts. Options that only concern longer runs, such as --epochs, have no effect.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 0,
    .max_words = 1,
    .run = run,
};
