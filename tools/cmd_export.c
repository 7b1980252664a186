/* infomax export: a run's encoder for other programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "io/npz.h"
#include "io/safetensors.h"
#include "nn/encoder_onnx.h"
#include "option_rows.h"
#include "trained.h"

struct values {
    char *out, *format, *input;
};

enum { META = 12 };

/* What another program has to know to use the weights. The values live in text. */
struct about {
    struct imx_st_pair pair[META];
    size_t n;
    char height[16], width[16], channels[16];
};

static void tell(struct about *a, const char *key, const char *value)
{
    a->pair[a->n++] = (struct imx_st_pair){ key, value };
}

static void describe(const struct imx_trained *t, bool to_local, const char *network, struct about *a)
{
    bool fc = false;
    for (const struct imx_layer *l = t->encoder->layer; l->kind != IMX_LAYER_END; l++)
        fc = fc || l->kind == IMX_LAYER_FC;
    *a = (struct about){ .n = 0 };
    snprintf(a->height, sizeof a->height, "%d", t->h);
    snprintf(a->width, sizeof a->width, "%d", t->w);
    snprintf(a->channels, sizeof a->channels, "%d", t->c);
    tell(a, "infomax", IMX_VERSION);
    tell(a, "encoder", t->encoder->name);
    tell(a, "height", a->height);
    tell(a, "width", a->width);
    tell(a, "channels", a->channels);
    tell(a, "normalisation", "(v / 255 - 0.5) / 0.5 of 8-bit values: mean 0.5 and deviation 0.5 of [0, 1]");
    tell(a, "layers", to_local ? "conv" : fc ? "conv,fc,y" : "conv,y");
    tell(a, "batchnorm", "eps 1e-5, running statistics, ReLU behind it");
    if (network)
        tell(a, "network", network);
}

static imx_status as_safetensors(const struct imx_safetensors *f, struct about *a, const char *out)
{
    const size_t n = imx_safetensors_count(f);
    struct imx_st_tensor *tensor = calloc(n + 1, sizeof *tensor);
    if (!tensor)
        return imx_fail(IMX_E_NOMEM, "no memory for the list of tensors");
    for (size_t i = 0; i < n; i++)
        tensor[i] = *imx_safetensors_at(f, i);
    tell(a, "format", "pt");
    const struct imx_st_save save = { .tensor = tensor, .n = n, .meta = a->pair, .n_meta = a->n };
    const imx_status s = imx_safetensors_save(out, &save);
    free(tensor);
    return s;
}

static imx_status as_npz(const struct imx_safetensors *f, const struct about *a, const char *out)
{
    const size_t n = imx_safetensors_count(f);
    struct imx_st_tensor *tensor = calloc(n + 1, sizeof *tensor);
    struct imx_json j = { .pretty = true };
    imx_json_object(&j, NULL);
    for (size_t i = 0; i < a->n; i++)
        imx_json_string(&j, a->pair[i].key, a->pair[i].value);
    imx_json_end(&j);
    imx_status s = tensor ? imx_json_check(&j) : imx_fail(IMX_E_NOMEM, "no memory for the list of tensors");
    for (size_t i = 0; tensor && i < n; i++)
        tensor[i] = *imx_safetensors_at(f, i);
    if (s == IMX_OK)
        s = imx_npz_write(out, tensor, n, j.text.data);
    imx_json_free(&j);
    free(tensor);
    return s;
}

static bool ends_in(const char *name, const char *end)
{
    return strlen(name) > strlen(end) && !strcmp(name + strlen(name) - strlen(end), end);
}

/* The format asked for, else what the name of the output says. */
static imx_status find_format(const struct values *v, const char **format)
{
    *format = v->format                         ? v->format
              : ends_in(v->out, ".onnx")        ? "onnx"
              : ends_in(v->out, ".npz")         ? "npy"
              : ends_in(v->out, ".safetensors") ? "safetensors"
                                                : NULL;
    if (!*format)
        return imx_fail(IMX_E_ARG, "export needs --format safetensors, onnx or npy, or a FILE whose name ends in "
                                   ".safetensors, .onnx or .npz");
    if (!strcmp(*format, "npy") && !ends_in(v->out, ".npz"))
        return imx_fail(IMX_E_ARG, "%s: --format npy writes all arrays into one file, whose name must end in .npz",
                        v->out);
    return IMX_OK;
}

static imx_status open_weights(const struct imx_trained *t, struct imx_safetensors **f)
{
    char path[4096];
    if (!imx_join(path, sizeof path, t->run, "encoder.safetensors"))
        return imx_fail(IMX_E_ARG, "the path %s is too long", t->run);
    if (!imx_file_size(path, NULL))
        return imx_fail(IMX_E_ARG, "%s has no encoder.safetensors yet; `infomax resume %s` finishes the run", t->run,
                        t->run);
    return imx_safetensors_open(path, 0, f);
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    imx_status status = IMX_OK;
    struct imx_trained t = { 0 };
    struct imx_safetensors *f = NULL;
    struct about a;
    const char *format = NULL;
    (void)n;
    if (!v->out)
        return imx_fail(IMX_E_ARG, "export needs -o FILE");
    IMX_TRY(find_format(v, &format));
    IMX_GO(imx_trained_open(word[0], &t));
    IMX_GO(open_weights(&t, &f));
    const bool to_local = t.objective->context;
    describe(&t, to_local, imx_safetensors_meta(f, "network"), &a);
    if (!strcmp(format, "safetensors")) {
        IMX_GO(as_safetensors(f, &a, v->out));
    } else if (!strcmp(format, "npy")) {
        IMX_GO(as_npz(f, &a, v->out));
    } else {
        const bool real = !strcmp(v->input, "float");
        tell(&a, "input",
             real ? "image: float32 [N, C, H, W] in [-1, 1]" : "image: uint8 [N, C, H, W]; the scaling is inside");
        const struct imx_encoder_onnx o = { t.h, t.w, t.c, real, to_local, a.pair, a.n };
        IMX_GO(imx_encoder_onnx(t.encoder, f, &o, v->out));
    }
    if (to_local)
        imx_say("%s trains the encoder up to its local map: that is what the file holds (layer conv)",
                t.objective->name);
    imx_say("encoder %s for images of %dx%dx%d, as %s", t.encoder->name, t.w, t.h, t.c, format);
    printf("%s\n", v->out);
fail:
    imx_safetensors_close(f);
    imx_trained_close(&t);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_OUT("FILE", "what to write"),
    IMX_ROW_CHOICE("format", format, NULL, "safetensors|onnx|npy",
                   "default: what FILE's name ends in (.safetensors, .onnx, .npz)"),
    IMX_ROW_CHOICE("input", input, "uint8", "uint8|float",
                   "of onnx: pixels 0..255 with the scaling inside, or numbers in [-1, 1]"),
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax export runs/photos -o photos.onnx",
    "infomax export runs/photos --format onnx --input float -o photos.onnx",
    "infomax export runs/photos --format npy -o photos.npz",
    NULL,
};

extern const struct imx_command imx_cmd_export;
const struct imx_command imx_cmd_export = {
    .name = "export",
    .summary = "writes a run's encoder for other programs",
    .usage = "RUN [--format F] -o FILE",
    .about = "safetensors: the weights in PyTorch's names and shapes, with what else is needed in the metadata.\n"
             "npy: the same arrays in one .npz file (numpy.load), which holds meta.json, too.\n"
             "onnx: a model (opset 13) from \"image\", uint8 [N, C, H, W], to \"conv\", \"fc\" and \"y\", for any N; "
             "an encoder\n"
             "that cuts images into crops does so inside. Flattened, the outputs are what `infomax embed` writes.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 1,
    .max_words = 1,
    .run = run,
};
