/* See checkpoint.h. */
#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "io/safetensors.h"

static const char *const file_name[] = { "checkpoints/last.safetensors", "checkpoints/previous-1.safetensors",
                                         "checkpoints/previous-2.safetensors" };
enum { KEPT = 3 };

/* What of each parameter is stored, and under which prefix. */
static const struct {
    enum imx_arena arena;
    const char *prefix;
} part[] = { { IMX_ARENA_PARAM, "" }, { IMX_ARENA_M, "adam_m/" }, { IMX_ARENA_V, "adam_v/" } };

static imx_status path_of(char path[4096], const char *run, int age)
{
    return imx_join(path, 4096, run, file_name[age]) ? IMX_OK : imx_fail(IMX_E_ARG, "the run's path is too long");
}

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

static imx_status save(const char *path, struct imx_store *store, const char *prefix, int parts,
                       const struct imx_st_pair *meta, size_t n_meta)
{
    struct listing l;
    imx_status status = list(&l, store, prefix, parts);
    if (status == IMX_OK)
        status = imx_safetensors_save(path, &(struct imx_st_save){ l.tensor, l.n, meta, n_meta, fill, &l });
    unlist(&l);
    return status;
}

/* last -> previous-1 -> previous-2. Between the renames a name may be missing, never a whole file lost. */
static imx_status shift(const char *run)
{
    char from[4096], to[4096];
    for (int age = KEPT - 2; age >= 0; age--) {
        IMX_TRY(path_of(from, run, age));
        IMX_TRY(path_of(to, run, age + 1));
        if (rename(from, to) && errno != ENOENT)
            return imx_fail(IMX_E_IO, "%s could not be renamed: %s", from, strerror(errno));
    }
    return IMX_OK;
}

imx_status imx_checkpoint_save(const char *run, struct imx_store *store, const struct imx_checkpoint *at)
{
    char path[4096], fresh[4096], step[32], seed[32], seconds[32];
    snprintf(step, sizeof step, "%llu", (unsigned long long)at->step);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)at->seed);
    snprintf(seconds, sizeof seconds, "%.3f", at->seconds);
    const struct imx_st_pair meta[] = { { "step", step }, { "seed", seed }, { "seconds", seconds },
                                        { "data_hash", at->data_hash }, { "network", at->network } };
    IMX_TRY(path_of(path, run, 0));
    if (!imx_join(fresh, sizeof fresh, run, "checkpoints/new.safetensors"))
        return imx_fail(IMX_E_ARG, "the run's path is too long");
    const imx_status status = save(fresh, store, "", 3, meta, sizeof meta / sizeof *meta);
    if (status != IMX_OK)
        return imx_note(status, "saving a checkpoint");
    IMX_TRY(shift(run));
    if (rename(fresh, path))
        return imx_fail(IMX_E_IO, "%s could not be renamed: %s", fresh, strerror(errno));
    return imx_fsync_folder_of(path);
}

static imx_status load_values(const struct imx_safetensors *f, struct imx_store *s, int parts)
{
    struct listing l;
    imx_status status = list(&l, s, "", parts);
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

static imx_status load_one(const char *path, struct imx_store *store, struct imx_checkpoint *at)
{
    struct imx_safetensors *f;
    IMX_TRY(imx_safetensors_open(path, 0, &f));
    const char *step = imx_safetensors_meta(f, "step"), *seed = imx_safetensors_meta(f, "seed");
    const char *seconds = imx_safetensors_meta(f, "seconds"), *hash = imx_safetensors_meta(f, "data_hash");
    const char *network = imx_safetensors_meta(f, "network");
    imx_status status = IMX_OK;
    if (!step || !seed || !seconds || !hash || !network)
        status = imx_fail(IMX_E_FORMAT, "%s is no checkpoint", path);
    if (status == IMX_OK) {
        at->step = strtoull(step, NULL, 10);
        at->seed = strtoull(seed, NULL, 10);
        at->seconds = strtod(seconds, NULL);
        snprintf(at->data_hash, sizeof at->data_hash, "%s", hash);
        snprintf(at->network, sizeof at->network, "%s", network);
        status = load_values(f, store, 3);
    }
    imx_safetensors_close(f);
    return status == IMX_OK ? IMX_OK : imx_note(status, "%s", path);
}

imx_status imx_checkpoint_load(const char *run, struct imx_store *store, struct imx_checkpoint *at, bool *found)
{
    char path[4096];
    imx_status last = IMX_OK;
    *found = false;
    /* new.safetensors is whole when it is there (it got its name by rename) and newer than last. */
    for (int age = -1; age < KEPT; age++) {
        if (age < 0 && !imx_join(path, sizeof path, run, "checkpoints/new.safetensors"))
            return imx_fail(IMX_E_ARG, "the run's path is too long");
        if (age >= 0)
            IMX_TRY(path_of(path, run, age));
        if (!imx_file_size(path, NULL))
            continue;
        last = load_one(path, store, at);
        if (last == IMX_OK) {
            *found = true;
            return IMX_OK;
        }
        imx_log(IMX_LOG_WARN, "%s; trying the checkpoint before", imx_error_text());
    }
    return last == IMX_OK ? IMX_OK : imx_note(last, "no checkpoint of %s is usable", run);
}

imx_status imx_export_weights(const char *path, struct imx_store *store, const char *prefix, const char *network)
{
    const struct imx_st_pair meta[] = { { "network", network } };
    const imx_status status = save(path, store, prefix, 1, meta, 1);
    return status == IMX_OK ? IMX_OK : imx_note(status, "writing %s", path);
}

imx_status imx_import_weights(const char *path, struct imx_store *store)
{
    struct imx_safetensors *f;
    IMX_TRY(imx_safetensors_open(path, 0, &f));
    const imx_status status = load_values(f, store, 1);
    imx_safetensors_close(f);
    return status == IMX_OK ? IMX_OK : imx_note(status, "%s", path);
}
