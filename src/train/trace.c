/* See trace.h. The file's order is the order of events - init, then image, loss, gradients, parameters of
 * each step - and the writer asks for values in that order, so that asking for the image of a step is what
 * makes the step. */
#include "train/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"

enum kind { INIT, IMAGE, LOSS, GRAD, PARAM };

struct entry {
    enum kind kind;
    int64_t step;
    int param; /* of INIT, GRAD, PARAM */
};

struct trace {
    const struct imx_config *c;
    const struct imx_dataset *ds;
    const struct imx_trace_options *o;
    struct imx_step *step;
    int32_t *aug; /* zeros: nothing is cut, nothing flipped */
    float *image; /* [n,h,w,c] as on the device */
    float loss;
    struct imx_st_tensor *tensor;
    struct entry *entry;
    size_t n, room;
};

/* ---- what will be in the file ---- */

static imx_status add(struct trace *t, struct entry e, int rank, const int64_t *shape)
{
    static const char *const kind[] = { "init", "image", "loss", "grad", "param" };
    const struct imx_store *s = t->step->store;
    char name[128];
    if (t->n == t->room) {
        const size_t room = t->room ? 2 * t->room : 256;
        struct imx_st_tensor *tensor = realloc(t->tensor, room * sizeof *tensor);
        t->tensor = tensor ? tensor : t->tensor;
        struct entry *entry = realloc(t->entry, room * sizeof *entry);
        t->entry = entry ? entry : t->entry;
        if (!tensor || !entry)
            return imx_fail(IMX_E_NOMEM, "no memory to list %zu tensors", room);
        t->room = room;
    }
    if (e.kind == INIT)
        snprintf(name, sizeof name, "init/%s", s->param[e.param].name);
    else if (e.kind == IMAGE || e.kind == LOSS)
        snprintf(name, sizeof name, "%s/%lld", kind[e.kind], (long long)e.step);
    else
        snprintf(name, sizeof name, "%s/%lld/%s", kind[e.kind], (long long)e.step, s->param[e.param].name);
    struct imx_st_tensor *x = &t->tensor[t->n];
    *x = (struct imx_st_tensor){ .name = strdup(name), .type = IMX_ST_F32, .rank = rank };
    if (!x->name)
        return imx_fail(IMX_E_NOMEM, "no memory for a tensor's name");
    memcpy(x->shape, shape, (size_t)rank * sizeof *shape);
    t->entry[t->n++] = e;
    return IMX_OK;
}

static imx_status add_params(struct trace *t, enum kind kind, int64_t step)
{
    const struct imx_store *s = t->step->store;
    for (int i = 0; i < s->n_params; i++) {
        int64_t shape[4];
        if (kind == GRAD && s->param[i].state)
            continue;
        const int rank = imx_param_shape(&s->param[i], shape);
        IMX_TRY(add(t, (struct entry){ kind, step, i }, rank, shape));
    }
    return IMX_OK;
}

static imx_status list(struct trace *t)
{
    const struct imx_net_spec *s = &t->step->spec;
    const int64_t image[4] = { s->batch, s->c, s->h, s->w };
    IMX_TRY(add_params(t, INIT, 0));
    for (int64_t k = 0; k < t->o->steps; k++) {
        IMX_TRY(add(t, (struct entry){ IMAGE, k, 0 }, 4, image));
        IMX_TRY(add(t, (struct entry){ LOSS, k, 0 }, 0, image));
        if (!t->o->ends || k == 0)
            IMX_TRY(add_params(t, GRAD, k));
        if (!t->o->ends || k == t->o->steps - 1)
            IMX_TRY(add_params(t, PARAM, k));
    }
    return IMX_OK;
}

/* ---- the values ---- */

static imx_status make_step(struct trace *t, int64_t k, float *nchw)
{
    const struct imx_net_spec *s = &t->step->spec;
    const size_t pixels = (size_t)s->h * (size_t)s->w, channels = (size_t)s->c, batch = (size_t)s->batch;
    struct imx_step_result r;
    IMX_TRY(imx_step_run(t->step, t->c, (uint64_t)k, t->ds->pix + (size_t)k * batch * pixels * channels, t->aug, &r));
    IMX_TRY(imx_net_keep(&t->step->graph));
    if (!r.finite)
        return imx_fail(IMX_E_NONFINITE, "step %lld: the loss is %g and the gradient norm %g", (long long)k,
                        (double)r.loss, (double)r.grad_norm);
    t->loss = r.loss;
    IMX_TRY(imx_graph_download(t->step->graph.g, t->step->graph.image, t->image));
    for (size_t n = 0; n < batch; n++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                nchw[(n * channels + c) * pixels + p] = t->image[(n * pixels + p) * channels + c];
    if (t->o->report)
        t->o->report(t->o->user, k, r.loss);
    return IMX_OK;
}

static imx_status fill(void *user, size_t i, void *dst)
{
    struct trace *t = user;
    const struct entry *e = &t->entry[i];
    switch (e->kind) {
    case IMAGE: return make_step(t, e->step, dst);
    case LOSS: memcpy(dst, &t->loss, sizeof t->loss); return IMX_OK;
    case GRAD: return imx_store_get(t->step->store, e->param, IMX_ARENA_GRAD, dst);
    default: return imx_store_get(t->step->store, e->param, IMX_ARENA_PARAM, dst);
    }
}

/* The store holds the drawn weights, with running statistics of 0 and 1, and keeps what the file does not
 * have. */
static imx_status load(struct imx_store *s, const char *path)
{
    struct imx_safetensors *f;
    imx_status status = IMX_OK;
    IMX_TRY(imx_safetensors_open(path, 0, &f));
    for (int i = 0; i < s->n_params && status == IMX_OK; i++) {
        const struct imx_param *p = &s->param[i];
        const struct imx_st_tensor *t = imx_safetensors_find(f, p->name);
        int64_t shape[4];
        const int rank = imx_param_shape(p, shape);
        if (!t && p->state)
            continue;
        if (!t)
            status = imx_fail(IMX_E_FORMAT, "tensor %s is missing", p->name);
        else if (t->type != IMX_ST_F32 || t->rank != rank || memcmp(t->shape, shape, (size_t)rank * sizeof *shape))
            status = imx_fail(IMX_E_FORMAT, "tensor %s is not float32 of this network's shape", p->name);
        else
            status = imx_store_set(s, i, IMX_ARENA_PARAM, t->data);
    }
    imx_safetensors_close(f);
    return status == IMX_OK ? IMX_OK : imx_note(status, "%s", path);
}

static imx_status prepare(struct trace *t, struct imx_dev *dev)
{
    struct imx_net_spec spec;
    const struct imx_dataset *ds = t->ds;
    if (t->o->steps < 1 || t->o->steps > ds->n / t->c->batch)
        return imx_fail(IMX_E_DATA, "%lld steps of %lld images are asked for, the set has %d images",
                        (long long)t->o->steps, (long long)t->c->batch, ds->n);
    IMX_TRY(imx_step_spec(t->c, ds->h, ds->w, ds->c, &spec));
    spec.images = ds->n;
    IMX_TRY(imx_step_create(dev, t->c, &spec, &t->step));
    if (t->o->init)
        IMX_TRY(load(t->step->store, t->o->init));
    t->aug = calloc((size_t)spec.batch * 3, sizeof *t->aug);
    t->image = malloc((size_t)spec.batch * (size_t)spec.h * (size_t)spec.w * (size_t)spec.c * sizeof *t->image);
    if (!t->aug || !t->image)
        return imx_fail(IMX_E_NOMEM, "no memory for a batch");
    return list(t);
}

imx_status imx_trace(struct imx_dev *dev, const struct imx_config *c, const struct imx_dataset *ds,
                     const struct imx_trace_options *o, const char *path)
{
    struct trace t = { .c = c, .ds = ds, .o = o };
    imx_status status = prepare(&t, dev);
    if (status == IMX_OK) {
        const struct imx_st_pair meta[] = { { "made_by", "infomax " IMX_VERSION }, { "device", dev->caps.name } };
        status = imx_safetensors_save(path, &(struct imx_st_save){ t.tensor, t.n, meta, 2, fill, &t });
    }
    for (size_t i = 0; i < t.n; i++)
        free((char *)t.tensor[i].name);
    free(t.tensor);
    free(t.entry);
    free(t.aug);
    free(t.image);
    imx_step_destroy(t.step);
    return status;
}
