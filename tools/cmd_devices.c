/* infomax devices: every platform and device, with what limits it and why one is skipped. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "dev/dev.h"

static const char *type_name(enum imx_dev_type t)
{
    static const char *const name[] = { "host", "cpu", "gpu", "accelerator" };
    return name[t];
}

static imx_status as_json(const struct imx_dev_info *list, size_t n)
{
    struct imx_json j = { .pretty = true };
    imx_json_array(&j, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct imx_caps *c = &list[i].caps;
        imx_json_object(&j, NULL);
        imx_json_string(&j, "id", c->id);
        imx_json_string(&j, "platform", c->platform);
        imx_json_string(&j, "name", c->name);
        imx_json_string(&j, "type", type_name(c->type));
        imx_json_string(&j, "vendor", c->vendor);
        imx_json_string(&j, "driver", c->driver);
        imx_json_string(&j, "opencl", c->opencl);
        imx_json_uint(&j, "compute_units", c->compute_units);
        imx_json_uint(&j, "memory_bytes", c->memory_bytes);
        imx_json_uint(&j, "max_alloc_bytes", c->max_alloc_bytes);
        imx_json_uint(&j, "local_bytes", c->local_bytes);
        imx_json_uint(&j, "max_group", c->max_group);
        imx_json_bool(&j, "unified", c->unified);
        imx_json_bool(&j, "fp16", c->fp16);
        imx_json_bool(&j, "subgroups", c->subgroups);
        imx_json_array(&j, "subgroup_sizes"); /* that a kernel may ask for */
        for (uint32_t size = 1; size && size <= c->sub_sizes; size *= 2)
            if (c->sub_sizes & size)
                imx_json_uint(&j, NULL, size);
        imx_json_end(&j);
        imx_json_bool(&j, "usable", list[i].usable);
        imx_json_string(&j, "why", list[i].why);
        imx_json_end(&j);
    }
    imx_json_end(&j);
    return imx_print_json(&j);
}

static void size_text(uint64_t bytes, char text[32])
{
    if (bytes >= (UINT64_C(1) << 30))
        snprintf(text, 32, "%.1f GiB", (double)bytes / (1 << 30));
    else if (bytes >= (1 << 20))
        snprintf(text, 32, "%.0f MiB", (double)bytes / (1 << 20));
    else
        snprintf(text, 32, "%.0f KiB", (double)bytes / 1024);
}

static void as_text(const struct imx_dev_info *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct imx_caps *c = &list[i].caps;
        char memory[32], alloc[32], local[32];
        printf("%-6s %s\n", *c->id ? c->id : "-", *c->name ? c->name : c->platform);
        if (c->type != IMX_DEV_HOST && *c->name)
            printf("       platform %s, driver %s, %s\n", c->platform, c->driver, c->opencl);
        if (list[i].usable) {
            size_text(c->memory_bytes, memory);
            size_text(c->max_alloc_bytes, alloc);
            size_text(c->local_bytes, local);
            printf("       %s, %u units, %s%s, largest buffer %s", type_name(c->type), c->compute_units, memory,
                   c->unified ? " shared with the host" : "", alloc);
            if (c->type != IMX_DEV_HOST)
                printf(", %s local memory%s, groups of %u", local, c->local_is_global ? " (emulated)" : "",
                       c->max_group);
            printf("\n");
        } else {
            printf("       not usable: %s\n", list[i].why);
        }
    }
}

static imx_status run(void *values, int n_words, char **word)
{
    (void)values, (void)n_words, (void)word;
    struct imx_dev_info *list = NULL;
    size_t n = 0, usable = 0;
    IMX_TRY(imx_dev_list(&list, &n));
    for (size_t i = 0; i < n; i++)
        usable += list[i].usable && list[i].caps.type != IMX_DEV_HOST;
    imx_status s = IMX_OK;
    if (imx_cli.json)
        s = as_json(list, n);
    else
        as_text(list, n);
    free(list);
    if (!usable)
        imx_say("No OpenCL device is usable: training runs on the host, slowly. On Debian, install one of\n"
                "  pocl-opencl-icd (any CPU), intel-opencl-icd (Intel), mesa-opencl-icd (AMD), or NVIDIA's driver.");
    return s;
}

static const char *const examples[] = {
    "infomax devices",
    "infomax devices --json",
    NULL,
};

extern const struct imx_command imx_cmd_devices;
const struct imx_command imx_cmd_devices = {
    .name = "devices",
    .summary = "lists every platform and device, and why one is skipped",
    .usage = "[--json]",
    .about = "Each platform is probed in a process of its own: a driver that crashes or hangs costs one line.\n"
             "The name in the first column is what --device takes; so is any part of a device's name.",
    .examples = examples,
    .json = true,
    .run = run,
};
