/* Remembers that the short self-test passed, so that the next start need not repeat it. The file's name is the SHA-256
 * of all that the answer depends on: this program's own bytes (kernels and the code that launches them), the device,
 * its driver, and the limits that kernels are chosen by. Failures are never remembered: they are found, and said, each
 * time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "dev/dev.h"
#include "ops/selftest.h"

static bool memo_path(const struct imx_dev *dev, char *path, size_t size, bool make)
{
    const struct imx_caps *c = &dev->caps;
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
    snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%s\n%d %u %llu %d %u %u %u %u %u %d %d %d %d", c->platform, c->name,
             c->vendor, c->driver, c->opencl, (int)c->type, c->compute_units, (unsigned long long)c->local_bytes,
             c->local_is_global, c->max_group, c->max_items[0], c->max_items[1], c->max_items[2], c->vec_float,
             c->unified, c->fp16, c->subgroups, c->blas);
    imx_sha256_init(&h);
    imx_sha256_add(&h, program, bytes);
    imx_sha256_add(&h, text, strlen(text));
    imx_sha256_hex(&h, hex);
    free(program);
    snprintf(name, sizeof name, "%s.tested", hex);
    return imx_join(path, size, dir, name);
}

bool imx_selftest_known(const struct imx_dev *dev)
{
    char path[4096];
    uint64_t bytes = 0;
    return memo_path(dev, path, sizeof path, false) && imx_file_size(path, &bytes);
}

void imx_selftest_remember(const struct imx_dev *dev)
{
    char path[4096];
    if (memo_path(dev, path, sizeof path, true) &&
        imx_file_write(path, dev->caps.name, strlen(dev->caps.name)) != IMX_OK) {
        imx_log(IMX_LOG_DEBUG, "the self-test is not remembered: %s", imx_error_text());
        imx_error_clear();
    }
}
