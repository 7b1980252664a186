/* Which variants passed their short self-test, so that no start repeats it. The file's name is the SHA-256 of all that
 * the answer depends on: this program's own bytes (kernels and the code that launches them), the device, its driver,
 * and the limits that kernels are chosen by; a line is "op/variant". Failures are never remembered: they are found, and
 * said, each time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "dev/dev.h"
#include "ops/selftest.h"
#include "ops/selftest_side.h"

enum { NAME = 64, MOST = 1024 };

void imx_selftest_caps(const struct imx_caps *c, char *text, size_t size)
{
    snprintf(text, size, "%s\n%s\n%s\n%s\n%s\n%d %u %llu %d %u %u %u %u %u %d %d %d %u %u %d", c->platform, c->name,
             c->vendor, c->driver, c->opencl, (int)c->type, c->compute_units, (unsigned long long)c->local_bytes,
             c->local_is_global, c->max_group, c->max_items[0], c->max_items[1], c->max_items[2], c->vec_float,
             c->unified, c->fp16, c->subgroups, c->sub_sizes, c->sub_std, c->blas);
}

static bool memo_path(const struct imx_dev *dev, char *path, size_t size, bool make)
{
    struct imx_sha256 h;
    char dir[4000], text[1024], hex[65], name[80], *program = NULL;
    size_t bytes = 0;
    if (!imx_cache_folder(dir, sizeof dir))
        return false;
    if ((make && imx_mkdirs(dir) != IMX_OK) ||
        imx_file_read("/proc/self/exe", (uint64_t)1 << 30, &program, &bytes) != IMX_OK) {
        imx_error_clear();
        return false;
    }
    imx_selftest_caps(&dev->caps, text, sizeof text);
    imx_sha256_init(&h);
    imx_sha256_add(&h, program, bytes);
    imx_sha256_add(&h, text, strlen(text));
    imx_sha256_hex(&h, hex);
    free(program);
    snprintf(name, sizeof name, "%s.tested", hex);
    return imx_join(path, size, dir, name);
}

static bool trusts(const struct imx_dev *dev, const char *name)
{
    for (int i = 0; i < dev->n_trusted; i++)
        if (!strcmp(dev->trusted[i], name))
            return true;
    return false;
}

static void trust(struct imx_dev *dev, const char *name)
{
    if (dev->n_trusted < MOST && !trusts(dev, name))
        snprintf(dev->trusted[dev->n_trusted++], NAME, "%s", name);
}

/* The list of the device, filled from the memo when it is asked for first. */
static imx_status open_list(struct imx_dev *dev)
{
    char path[4096], *text = NULL;
    size_t bytes = 0;
    if (dev->trusted)
        return IMX_OK;
    dev->trusted = calloc(MOST, NAME);
    if (!dev->trusted)
        return imx_fail(IMX_E_NOMEM, "no memory for the list of tested kernels");
    if (!memo_path(dev, path, sizeof path, false))
        return IMX_OK;
    if (imx_file_read(path, MOST * NAME, &text, &bytes) != IMX_OK) {
        imx_error_clear();
        return IMX_OK;
    }
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (*line && strlen(line) < NAME && dev->n_trusted < MOST / 2) /* a spoilt file leaves room */
            trust(dev, line);
    free(text);
    return IMX_OK;
}

imx_status imx_selftest_trusted(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *variant,
                                bool *trusted)
{
    char name[NAME];
    *trusted = true;
    if (imx_dev_is_host(dev) || !dev->check)
        return IMX_OK;
    IMX_TRY(open_list(dev));
    snprintf(name, sizeof name, "%s/%s", op->name, variant->name);
    *trusted = trusts(dev, name);
    return IMX_OK;
}

imx_status imx_selftest_short(struct imx_dev *dev, const struct imx_trial *trial, bool *right)
{
    const struct imx_selftest_options o = { .cases = IMX_SELFTEST_SHORT,
                                            .op = trial->op->name,
                                            .variant = trial->variant->name };
    struct imx_selftest_summary s = { 0 };
    const imx_status status = imx_selftest_run(dev, &o, &s);
    *right = status == IMX_OK && s.failed == 0;
    imx_selftest_finish(&s);
    return status;
}

imx_status imx_selftest_trust(struct imx_dev *dev, struct imx_trial *trial, int n)
{
    char name[NAME];
    IMX_TRY(open_list(dev));
    if (n && !dev->n_trusted)
        imx_log(IMX_LOG_INFO, "the kernels are built and tested, once for this driver and program");
    IMX_TRY(imx_testers_run(dev, trial, n));
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%s", trial[i].op->name, trial[i].variant->name);
        if (!trial[i].wrong)
            trust(dev, name);
        else
            IMX_TRY(imx_selftest_quarantine(dev, trial[i].op->name, trial[i].variant->name));
    }
    return IMX_OK;
}

void imx_selftest_remember(const struct imx_dev *dev)
{
    char path[4096], *text = malloc((size_t)dev->n_trusted * (NAME + 1) + 1);
    size_t n = 0;
    for (int i = 0; text && i < dev->n_trusted; i++)
        n += (size_t)sprintf(text + n, "%s\n", dev->trusted[i]);
    if (text && memo_path(dev, path, sizeof path, true) && imx_file_write(path, text, n) != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "the self-test is not remembered: %s", imx_error_text());
        imx_error_clear();
    }
    free(text);
}
