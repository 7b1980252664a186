/* Choices that `infomax tune` measured on a device: for an op's problem the variant and, where it has any, the numbers
 * of its tiling. A table belongs to one device, as it presents itself (type and limits, too),
 * driver and build of the kernels; anything else makes another key, and a
 * table of another key is not used. imx_op_pick and the variants look here first; what they do not find, or what the
 * device cannot run any more, they choose themselves. One allocation, so that a device can own it (caps.tuned).
 *
 * The file is text, sealed by a checksum, written whole by rename:
 *   infomax tuned choices, format 1
 *   device NAME
 *   driver VERSION
 *   key 64 hex digits
 *   OP PROBLEM VARIANT OPTIONS MS WITHOUT     OPTIONS: tile_m=96,tile_n=64 or -; ms with this choice and without
 *   sum 64 hex digits: SHA-256 of the bytes above */
#ifndef IMX_OPS_TUNED_H
#define IMX_OPS_TUNED_H

#include "base/text.h"
#include "ops/op.h"

enum { IMX_TUNED_PROBLEM = 64 };

struct imx_choice {
    const struct imx_op *op;
    _Alignas(8) unsigned char problem[IMX_TUNED_PROBLEM];
    const struct imx_variant *variant;
    int32_t value[IMX_MAX_TUNABLES]; /* of the variant's tunables; all 0: its own */
    double ms, without;              /* shortest times, taken in alternation */
};

struct imx_tuned {
    char device[128], driver[128], key[65];
    int unknown; /* lines of the file that name what this build does not have */
    int n, room;
    struct imx_choice choice[];
};

/* What a table must have been made with to be used on this device. */
void imx_tuned_key(const struct imx_caps *caps, char key[65]);

/* An empty table for the device; freed with free(). */
IMX_MUST_CHECK imx_status imx_tuned_create(const struct imx_caps *caps, struct imx_tuned **out);
/* Adds a choice or replaces that of the same problem; *t may move. E_ARG when the variant does not take the values. */
IMX_MUST_CHECK imx_status imx_tuned_put(struct imx_tuned **t, const struct imx_choice *choice);
/* The choice for this problem; NULL when there is none or t is NULL. */
const struct imx_choice *imx_tuned_find(const struct imx_tuned *t, const struct imx_op *op, const void *problem);
/* The numbers that this variant is to use on the problem; false: its own. */
bool imx_tuned_values(const struct imx_caps *caps, const struct imx_op *op, const struct imx_variant *variant,
                      const void *problem, int32_t value[IMX_MAX_TUNABLES]);
/* Choices that differ from what the device would do without the table. */
int imx_tuned_changes(const struct imx_tuned *t, const struct imx_caps *caps);

/* "tile_m=96,tile_n=64" or "-" <-> values. */
void imx_tuned_options(const struct imx_variant *v, const int32_t value[IMX_MAX_TUNABLES], char *text, size_t size);
IMX_MUST_CHECK bool imx_tuned_parse_options(const struct imx_variant *v, const char *text,
                                            int32_t value[IMX_MAX_TUNABLES]);

void imx_tuned_print(const struct imx_tuned *t, struct imx_text *out);
/* E_FORMAT with the line for anything that imx_tuned_print did not write. Lines naming an op, problem, variant or
 * tunable that this build does not have are counted and left out. */
IMX_MUST_CHECK imx_status imx_tuned_parse(const char *text, size_t bytes, struct imx_tuned **out);

/* The device's file in the cache folder; false when there is no cache folder. */
bool imx_tuned_path(const struct imx_caps *caps, char *path, size_t size);
/* *out = NULL when there is no file. */
IMX_MUST_CHECK imx_status imx_tuned_read(const char *path, struct imx_tuned **out);
/* The tables of this device in the folder of its file `path` that have other keys: those of another driver, version or
 * setting. Their choices are hints at most. At most `most`, each freed with free(); returns how many. */
int imx_tuned_others(const struct imx_caps *caps, const char *path, struct imx_tuned **other, int most);
IMX_MUST_CHECK imx_status imx_tuned_write(const char *path, const struct imx_tuned *t);

#endif
