/* See weights.h. Values are fetched from the device one tensor at a time while the file is written. */
#include "graph/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What of each parameter is stored, and under which prefix. */
static const struct {
    enum imx_arena arena;
    const char *prefix;
} part[] = { { IMX_ARENA_PARAM, "" }, { IMX_ARENA_M, "adam_m/" }, { IMX_ARENA_V, "adam_v/" } };

/* One stored tensor: which parameter, which part of it. */
struct entry {
    int param, part;
};

struct listing {
    struct imx_store *store;
    struct imx_st_tensor *tensor;
    char (*name)[160];
    struct entry *entry;
    size_t n;
};

static imx_status fill(void *user, size_t i, void *dst)
{
    const struct listing *l = user;
    return imx_store_get(l->store, l->entry[i].param, part[l->entry[i].part].arena, dst);
}

static imx_status list(struct listing *l, struct imx_store *s, const char *prefix, int parts)
{
    const size_t most = (size_t)s->n_params * (size_t)parts;
    *l = (struct listing){ s, calloc(most, sizeof *l->tensor), calloc(most, sizeof *l->name),
                           calloc(most, sizeof *l->entry), 0 };
    if (!l->tensor || !l->name || !l->entry)
        return imx_fail(IMX_E_NOMEM, "no memory to list parameters");
    for (int k = 0; k < parts; k++)
        for (int i = 0; i < s->n_params; i++) {
            const struct imx_param *p = &s->param[i];
            if (strncmp(p->name, prefix, strlen(prefix)) || (k && p->state))
                continue;
            struct imx_st_tensor *t = &l->tensor[l->n];
            snprintf(l->name[l->n], sizeof l->name[0], "%s%s", part[k].prefix, p->name);
            t->name = l->name[l->n];
            t->type = IMX_ST_F32;
            t->rank = imx_param_shape(p, t->shape);
            l->entry[l->n++] = (struct entry){ i, k };
        }
    return IMX_OK;
}

static void unlist(struct listing *l)
{
    free(l->tensor);
    free(l->name);
    free(l->entry);
}

imx_status imx_weights_save(const char *path, struct imx_store *store, const char *prefix, bool moments,
                            const struct imx_st_pair *meta, size_t n_meta)
{
    struct listing l;
    imx_status status = list(&l, store, prefix, moments ? 3 : 1);
    if (status == IMX_OK)
        status = imx_safetensors_save(path, &(struct imx_st_save){ l.tensor, l.n, meta, n_meta, fill, &l });
    unlist(&l);
    return status;
}

static imx_status load(const struct imx_safetensors *f, struct imx_store *s, const char *prefix, bool moments)
{
    struct listing l;
    imx_status status = list(&l, s, prefix, moments ? 3 : 1);
    for (size_t i = 0; i < l.n && status == IMX_OK; i++) {
        const struct imx_st_tensor *want = &l.tensor[i], *t = imx_safetensors_find(f, want->name);
        if (!t)
            status = imx_fail(IMX_E_FORMAT, "tensor %s is missing", want->name);
        else if (t->type != IMX_ST_F32 || t->rank != want->rank ||
                 memcmp(t->shape, want->shape, sizeof *t->shape * (size_t)t->rank))
            status = imx_fail(IMX_E_FORMAT, "tensor %s has another shape than this network's", want->name);
        else
            status = imx_store_set(s, l.entry[i].param, part[l.entry[i].part].arena, t->data);
    }
    unlist(&l);
    return status;
}

imx_status imx_weights_load(const struct imx_safetensors *f, struct imx_store *s, bool moments)
{
    return load(f, s, "", moments);
}

imx_status imx_weights_read_part(const char *path, struct imx_store *store, const char *prefix)
{
    struct imx_safetensors *f;
    IMX_TRY(imx_safetensors_open(path, 0, &f));
    const imx_status status = load(f, store, prefix, false);
    imx_safetensors_close(f);
    return status == IMX_OK ? IMX_OK : imx_note(status, "%s", path);
}

imx_status imx_weights_read(const char *path, struct imx_store *store)
{
    return imx_weights_read_part(path, store, "");
}
