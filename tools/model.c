/* See model.h. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "graph/weights.h"

enum { BATCH = 64, MOST_CLASSES = 1 << 20 };

imx_status imx_model_save(const char *path, struct imx_store *store, const struct imx_model *m)
{
    struct imx_json j = { 0 };
    char side[5][16];
    const int32_t size[5] = { m->h, m->w, m->c, m->stored.h, m->stored.w };
    for (int i = 0; i < 5; i++)
        snprintf(side[i], sizeof side[i], "%d", size[i]);
    imx_json_array(&j, NULL);
    for (int32_t k = 0; k < m->head.classes; k++)
        imx_json_string(&j, NULL, m->class[k].name);
    imx_json_end(&j);
    imx_status status = imx_json_check(&j);
    const struct imx_st_pair meta[] = {
        { "encoder", m->encoder->name },
        { "layer", imx_feature_names[m->head.layer] },
        { "classifier", m->head.mlp ? "mlp" : "linear" },
        { "context", m->head.context ? "true" : "false" },
        { "height", side[0] },
        { "width", side[1] },
        { "channels", side[2] },
        { "classes", j.text.data },
        { "stored-height", side[3] }, /* the last two only where something is cut off */
        { "stored-width", side[4] },
    };
    const size_t all = sizeof meta / sizeof *meta;
    if (status == IMX_OK)
        status = imx_weights_save(path, store, "", false, meta, m->stored.crop ? all : all - 2);
    imx_json_free(&j);
    return status;
}

static imx_status read_classes(struct imx_model *m, const char *text)
{
    struct imx_json_doc doc = { 0 };
    int32_t n = 0;
    imx_status status = IMX_OK;
    IMX_TRY(imx_json_parse(text, strlen(text), NULL, &doc));
    if (doc.root->type != IMX_JSON_ARRAY || doc.root->count < 2 || doc.root->count > MOST_CLASSES)
        IMX_GO(imx_fail(IMX_E_FORMAT, "its classes are no list of names"));
    m->class = calloc(doc.root->count, sizeof *m->class);
    if (!m->class)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the names of classes"));
    for (const struct imx_json_node *name = doc.root->child; name; name = name->next) {
        if (name->type != IMX_JSON_STRING)
            IMX_GO(imx_fail(IMX_E_FORMAT, "its classes are no list of names"));
        m->class[n].name = strdup(name->string);
        if (!m->class[n].name)
            IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for the names of classes"));
        m->head.classes = ++n;
    }
fail:
    imx_json_doc_free(&doc);
    return status;
}

static imx_status read_side(const struct imx_model *m, const char *key, int64_t most, int32_t *out)
{
    const char *text = imx_safetensors_meta(m->file, key);
    int64_t v = 0;
    if (!text || !imx_parse_int(text, &v) || v < 1 || v > most)
        return imx_fail(IMX_E_FORMAT, "it does not say its %s", key);
    *out = (int32_t)v;
    return IMX_OK;
}

static imx_status read_meta(struct imx_model *m)
{
    const char *encoder = imx_safetensors_meta(m->file, "encoder"), *layer = imx_safetensors_meta(m->file, "layer");
    const char *form = imx_safetensors_meta(m->file, "classifier"), *classes = imx_safetensors_meta(m->file, "classes");
    const char *context = imx_safetensors_meta(m->file, "context");
    int f = 0;
    if (!encoder || !layer || !form || !classes || !context)
        return imx_fail(IMX_E_FORMAT, "it is no classifier that `infomax finetune` wrote");
    while (f < IMX_FEATURE_COUNT && strcmp(layer, imx_feature_names[f]))
        f++;
    m->encoder = imx_encoder_find(encoder);
    if (f == IMX_FEATURE_COUNT || !m->encoder)
        return imx_fail(IMX_E_FORMAT, "its encoder \"%s\" or layer \"%s\" is not known", encoder, layer);
    m->head = (struct imx_head){ (enum imx_feature)f, !strcmp(context, "true"), !strcmp(form, "mlp"), 0 };
    IMX_TRY(read_side(m, "height", 65536, &m->h));
    IMX_TRY(read_side(m, "width", 65536, &m->w));
    IMX_TRY(read_side(m, "channels", 16, &m->c));
    m->stored = (struct imx_stored){ m->h, m->w, m->c, 0 };
    if (imx_safetensors_meta(m->file, "stored-height")) {
        IMX_TRY(read_side(m, "stored-height", 65536, &m->stored.h));
        IMX_TRY(read_side(m, "stored-width", 65536, &m->stored.w));
        m->stored.crop = m->h;
    }
    if (m->stored.crop && (m->w != m->h || m->h > m->stored.h || m->w > m->stored.w))
        return imx_fail(IMX_E_FORMAT, "its images of %dx%d are no parts of %dx%d", m->w, m->h, m->stored.w,
                        m->stored.h);
    return read_classes(m, classes);
}

imx_status imx_model_open(const char *path, struct imx_model *m)
{
    *m = (struct imx_model){ 0 };
    IMX_TRY(imx_safetensors_open(path, 0, &m->file));
    const imx_status status = read_meta(m);
    if (status == IMX_OK)
        return IMX_OK;
    imx_model_close(m);
    return imx_note(status, "%s", path);
}

imx_status imx_model_start(struct imx_model *m, struct imx_dev *dev)
{
    IMX_TRY(imx_store_create(dev, false, &m->store));
    IMX_TRY(imx_encode_classifier(m->store, m->encoder, &m->head, BATCH, m->h, m->w, m->c, &m->encode));
    return imx_weights_load(m->file, m->store, false);
}

void imx_model_close(struct imx_model *m)
{
    for (int32_t k = 0; m->class && k < m->head.classes; k++)
        free(m->class[k].name);
    free(m->class);
    imx_encode_destroy(m->encode);
    imx_store_destroy(m->store);
    imx_safetensors_close(m->file);
    *m = (struct imx_model){ 0 };
}
