/* infomax embed: features of images as .npy, .csv or .jsonl, in the order of the data set, with the images' names
 * beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "feature_table.h"
#include "option_rows.h"
#include "train_options.h"
#include "trained.h"

struct values {
    char *out, *layer, *device;
    bool untrained;
};

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    imx_status status = IMX_OK;
    struct imx_trained t = { 0 };
    struct imx_dev *dev = NULL;
    struct imx_dataset *ds = NULL;
    struct imx_encode *e = NULL;
    float *x[IMX_FEATURE_COUNT] = { NULL };
    bool want[IMX_FEATURE_COUNT] = { false };
    enum imx_table_form form = IMX_TABLE_NPY;
    int layer = 0;
    (void)n;
    if (!v->out)
        return imx_fail(IMX_E_ARG, "embed needs -o FILE, ending in .npy, .csv or .jsonl");
    IMX_TRY(imx_table_form_of(v->out, &form));
    while (strcmp(v->layer, imx_feature_names[layer]))
        layer++;
    want[layer] = true;
    IMX_GO(imx_trained_open(word[0], &t));
    IMX_GO(imx_open_device(v->device, &dev));
    IMX_GO(imx_use_config(dev, &t.config));
    imx_signals_catch();
    IMX_GO(imx_trained_data(&t, word[1], &ds));
    IMX_GO(imx_trained_encoder(&t, dev, v->untrained, &e));
    IMX_GO(imx_trained_features(e, "encoding", ds->pix, ds->n, want, x));
    const struct imx_table out = { ds, x[layer], imx_encode_width(e, (enum imx_feature)layer), "features", NULL };
    IMX_GO(imx_table_write(v->out, form, &out));
    imx_say("%d images, %d values each (%s)", ds->n, out.d, v->layer);
    printf("%s\n", v->out);
fail:
    free(x[layer]);
    imx_encode_destroy(e);
    imx_dataset_destroy(ds);
    imx_dev_close(dev);
    imx_trained_close(&t);
    return status;
}

static const struct imx_option options[] = {
    IMX_ROW_OUT("FILE", "what to write; .npy, .csv or .jsonl"),
    IMX_ROW_LAYER("y", "the last convolution, the last hidden layer, the output (of several globals: all)"),
    IMX_ROW_UNTRAINED,
    IMX_ROW_DEVICE,
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax embed runs/photos photos -o photos.npy",
    "infomax embed runs/c10 cifar10#test -o test.csv --layer fc",
    NULL,
};

extern const struct imx_command imx_cmd_embed;
const struct imx_command imx_cmd_embed = {
    .name = "embed",
    .summary = "writes the features of images",
    .usage = "RUN DATA -o FILE [options]",
    .about = "One row per image, in the order of the data (folders: by the bytes of the relative path). FILE.paths.txt "
             "holds "
             "the rows' names (backslash, newline and return written as \\\\, \\n and \\r); with labels, "
             "FILE.labels.npy and "
             "FILE.classes.txt hold the classes. conv is flattened as channels, rows, columns.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = 2,
    .run = run,
};
