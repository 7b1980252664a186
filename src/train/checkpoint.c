/* See checkpoint.h. */
#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "graph/weights.h"

static const char *const file_name[] = { "checkpoints/last.safetensors", "checkpoints/previous-1.safetensors",
                                         "checkpoints/previous-2.safetensors" };
enum { KEPT = 3 };

static imx_status path_of(char path[4096], const char *run, int age)
{
    return imx_join(path, 4096, run, file_name[age]) ? IMX_OK : imx_fail(IMX_E_ARG, "the run's path is too long");
}

/* last -> previous-1 -> previous-2. Between the renames a name may be missing, never a whole file lost. */
static imx_status shift(const char *run)
{
    char from[4096], to[4096];
    for (int age = KEPT - 2; age >= 0; age--) {
        IMX_TRY(path_of(from, run, age));
        IMX_TRY(path_of(to, run, age + 1));
        if (rename(from, to) && errno != ENOENT)
            return imx_io_fail("rename", from);
    }
    return IMX_OK;
}

/* new -> last, which moves back first. */
static imx_status promote(const char *run, const char *fresh)
{
    char path[4096];
    IMX_TRY(path_of(path, run, 0));
    IMX_TRY(shift(run));
    if (rename(fresh, path))
        return imx_io_fail("rename", fresh);
    return imx_fsync_folder_of(path);
}

imx_status imx_checkpoint_save(const char *run, struct imx_store *store, const struct imx_checkpoint *at)
{
    char fresh[4096], step[32], seed[32], seconds[32];
    snprintf(step, sizeof step, "%llu", (unsigned long long)at->step);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)at->seed);
    snprintf(seconds, sizeof seconds, "%.3f", at->seconds);
    const struct imx_st_pair meta[] = { { "step", step },
                                        { "seed", seed },
                                        { "seconds", seconds },
                                        { "data_hash", at->data_hash },
                                        { "network", at->network } };
    if (!imx_join(fresh, sizeof fresh, run, "checkpoints/new.safetensors"))
        return imx_fail(IMX_E_ARG, "the run's path is too long");
    const imx_status status = imx_weights_save(fresh, store, "", true, meta, sizeof meta / sizeof *meta);
    if (status != IMX_OK)
        return imx_note(status, "saving a checkpoint");
    return promote(run, fresh);
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
        status = imx_weights_load(f, store, true);
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
        if (!imx_file_size(path, NULL)) {
            if (errno != ENOENT)
                return imx_io_fail("look at", path);
            continue;
        }
        last = load_one(path, store, at);
        if (last == IMX_OK) {
            *found = true;
            return age < 0 ? promote(run, path) : IMX_OK;
        }
        if (last == IMX_E_NOMEM)
            return last; /* nothing is wrong with the file */
        imx_log(IMX_LOG_WARN, "%s; trying the checkpoint before", imx_error_text());
    }
    return last == IMX_OK ? IMX_OK : imx_note(last, "no checkpoint of %s is usable", run);
}
