/* Tuned choices: the file reads back as it was written, nothing that is damaged or foreign is taken, a choice is used
 * exactly where it can be. Needs no device. */
#include "ops/tuned.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "ops/eltwise.h"
#include "ops/gemm.h"
#include "tap.h"

/* An op with two variants that only this test knows. */
static bool always(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->max_group >= 8;
}
static bool large(const struct imx_caps *caps, const void *problem)
{
    (void)problem;
    return caps->max_group >= 64;
}
static void own(const struct imx_caps *caps, const void *problem, int32_t *value)
{
    (void)caps, (void)problem;
    value[0] = 8;
    value[1] = 1;
}
static bool ok(const struct imx_caps *caps, const void *problem, const int32_t *value)
{
    (void)caps, (void)problem;
    return value[0] % 8 == 0 && value[0] <= 64 && value[1] <= 4;
}
static const struct imx_tunables tunables = { 2, { { "tile", NULL }, { "slices", NULL } }, own, ok };
static const struct imx_variant plain = { .name = "plain", .supports = always };
static const struct imx_variant tiled = { .name = "tiled", .supports = large, .tunables = &tunables };
static const struct imx_variant *const variants[] = { &plain, &tiled, NULL };
static const struct imx_field fields[] = { { "n", 0, false }, { "_alpha", 4, true }, { NULL, 0, false } };
static const struct imx_op two = { .name = "two", .problem_size = 8, .fields = fields, .variants = variants };
struct two {
    int32_t n;
    float alpha;
};

static struct imx_dev device(uint32_t max_group)
{
    struct imx_dev dev = { .caps = { .type = IMX_DEV_CPU, .name = "a device", .driver = "1.0" } };
    dev.caps.max_group = max_group;
    return dev;
}

static void picks(void)
{
    struct imx_dev dev = device(64);
    struct imx_tuned *t = NULL;
    struct imx_choice c = { .op = &two, .variant = &tiled, .value = { 16, 2 }, .ms = 1, .without = 2 };
    const struct two problem = { 5, 0.1f }, other = { 5, 0.2f };
    int32_t v[IMX_MAX_TUNABLES] = { 0 };
    memcpy(c.problem, &problem, sizeof problem);
    tap_ok(imx_op_pick(&dev, &two, &problem, NULL) == &plain,
           "without a table the first variant of least rank is used");
    if (!tap_ok(imx_tuned_create(&dev.caps, &t) == IMX_OK && imx_tuned_put(&t, &c) == IMX_OK, "a table of one choice"))
        return;
    dev.caps.tuned = t;
    tap_ok(imx_op_pick(&dev, &two, &problem, NULL) == &tiled, "the tuned variant is used");
    tap_ok(imx_op_pick(&dev, &two, &other, NULL) == &plain, "but not for a problem that differs in a float");
    tap_ok(imx_op_pick(&dev, &two, &problem, "plain") == &plain, "nor where another is asked for by name");
    tap_ok(imx_tuned_values(&dev.caps, &two, &tiled, &problem, v) && v[0] == 16 && v[1] == 2, "with its numbers");
    tap_ok(!imx_tuned_values(&dev.caps, &two, &plain, &problem, v), "which are not those of another variant");
    tap_ok(imx_tuned_changes(t, &dev.caps) == 1, "one choice differs from the default");
    strcpy(dev.quarantine[dev.n_quarantine++], "two/tiled");
    tap_ok(imx_op_pick(&dev, &two, &problem, NULL) == &plain, "a variant in quarantine is not used");
    dev.n_quarantine = 0;
    dev.caps.max_group = 8;
    tap_ok(imx_op_pick(&dev, &two, &problem, NULL) == &plain, "nor one that the device does not support");
    dev.caps.max_group = 64;
    t->choice[0].value[0] = 12;
    tap_ok(!imx_tuned_values(&dev.caps, &two, &tiled, &problem, v), "numbers that the variant refuses are not used");
    c.value[0] = 24;
    tap_ok(imx_tuned_put(&t, &c) == IMX_OK && t->n == 1 && t->choice[0].value[0] == 24,
           "a new choice replaces the old");
    for (int i = 0; i < 100; i++) {
        ((struct two *)c.problem)->n = 100 + i;
        if (imx_tuned_put(&t, &c) != IMX_OK)
            break;
    }
    tap_ok(t->n == 101 && imx_tuned_find(t, &two, c.problem) == &t->choice[100], "tables grow");
    c.variant = &plain;
    tap_ok(imx_tuned_put(&t, &c) == IMX_E_ARG, "numbers for a variant without tunables are refused");
    free(t);
}

static void options(void)
{
    static const char *const bad[] = {
        "",          "tile=8",        "tile=8,",          "tile=8,slices=",    "slices=1,tile=8",          "tile=-8",
        "tile=0x10", "tile=8,slices", "tile=8,slices=1,", "tile=08x,slices=1", "tile=99999999999,slices=1"
    };
    int32_t v[IMX_MAX_TUNABLES];
    char text[64];
    tap_ok(imx_tuned_parse_options(&tiled, "tile=16,slices=2", v) && v[0] == 16 && v[1] == 2 && !v[2], "two numbers");
    imx_tuned_options(&tiled, v, text, sizeof text);
    tap_ok(!strcmp(text, "tile=16,slices=2"), "print as \"%s\"", text);
    tap_ok(imx_tuned_parse_options(&plain, "-", v) && !v[0], "- means none");
    imx_tuned_options(&tiled, v, text, sizeof text);
    tap_ok(!strcmp(text, "-"), "none prints as -");
    tap_ok(!imx_tuned_parse_options(&plain, "tile=16,slices=2", v), "not for a variant without tunables");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!imx_tuned_parse_options(&tiled, bad[i], v), "\"%s\" is refused", bad[i]);
}

/* Is this text refused, with a reason? */
static bool refused(const char *text, size_t bytes)
{
    struct imx_tuned *t = NULL;
    imx_error_clear();
    const imx_status s = imx_tuned_parse(text, bytes, &t);
    const bool no = s == IMX_E_FORMAT && !t && *imx_error_text();
    if (s == IMX_OK)
        free(t);
    return no;
}

/* The lines with a right checksum behind them. */
static bool refused_sealed(const char *lines)
{
    struct imx_text t = { 0 };
    char sum[65];
    imx_text_put(&t, lines);
    imx_sha256_of(t.data, t.size, sum);
    imx_text_printf(&t, "sum %s\n", sum);
    const bool no = refused(t.data, t.size);
    imx_text_free(&t);
    return no;
}

#define HEAD "infomax tuned choices, format 1\ndevice d\ndriver 1\nkey " KEY "\n"
#define KEY  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROW  "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 - 1.5 2.5\n"

static void damage(struct imx_text *whole)
{
    int taken = 0, cut = 0;
    char *copy = malloc(whole->size);
    for (size_t i = 0; copy && i < whole->size; i++) {
        memcpy(copy, whole->data, whole->size);
        copy[i] ^= 1 << (i % 8);
        taken += !refused(copy, whole->size);
        cut += !refused(whole->data, i);
    }
    free(copy);
    tap_ok(!taken, "a flipped bit anywhere is noticed (%zu bytes, %d taken)", whole->size, taken);
    tap_ok(!cut, "a file cut short anywhere is noticed");
    tap_ok(!refused_sealed(HEAD ROW), "the lines that the following ones vary are fine");
    tap_ok(refused_sealed("infomax tuned choices, format 2\ndevice d\ndriver 1\nkey " KEY "\n" ROW), "another format");
    tap_ok(refused_sealed(HEAD ROW ROW), "a problem with two choices");
    tap_ok(refused_sealed(HEAD "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 1.5 2.5\n"), "five words");
    tap_ok(refused_sealed(HEAD "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 - 1.5 2.5 x\n"), "seven words");
    tap_ok(refused_sealed(HEAD "gemm  m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 - 1.5 2.5\n"), "two blanks");
    tap_ok(refused_sealed(HEAD "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 - nan 2.5\n"), "nan ms");
    tap_ok(refused_sealed(HEAD "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 - 1.5 0\n"), "0 ms");
    tap_ok(refused_sealed(HEAD "\n"), "an empty line");
    tap_ok(refused_sealed("infomax tuned choices, format 1\ndevice d\ndriver 1\n"), "no key");
    tap_ok(refused_sealed("infomax tuned choices, format 1\ndriver 1\ndevice d\nkey " KEY "\n"), "head out of order");
    tap_ok(refused("", 0), "an empty file");
}

static void unknown(void)
{
    static const char lines[] = HEAD "no_such_op n1 cl_x - 1 2\n"
                                     "gemm m64n64k64_ta0tb0_bias0add0_act0 no_such_variant - 1.5 2.5\n"
                                     "gemm m64n64k64 cl_tile_local8 - 1.5 2.5\n"
                                     "gemm m64n64k64_ta0tb0_bias0add0_act0 cl_tile_local8 bogus=3 1.5 2.5\n" ROW;
    struct imx_text t = { 0 };
    struct imx_tuned *read = NULL;
    char sum[65];
    imx_text_put(&t, lines);
    imx_sha256_of(t.data, t.size, sum);
    imx_text_printf(&t, "sum %s\n", sum);
    const imx_status s = imx_tuned_parse(t.data, t.size, &read);
    tap_ok(s == IMX_OK && read->n == 1 && read->unknown == 4, "what this build does not have is left out and counted");
    free(read);
    imx_text_free(&t);
}

/* What a device says of itself is part of the key, each alone. */
static void keys(const struct imx_dev *dev)
{
    char key[12][65];
    struct imx_caps c[12];
    bool differ = true;
    for (int i = 0; i < 12; i++)
        c[i] = dev->caps;
    c[1].type = IMX_DEV_GPU;
    c[2].subgroups = true;
    c[3].sub_sizes = 16;
    c[4].sub_std = 3;
    for (int k = 0; k < 3; k++)
        c[5 + k].max_items[k] = 77;
    c[8].max_group = 128;
    c[9].vec_float = 4;
    c[10].local_bytes = 16384;
    c[11].half = true;
    for (int i = 0; i < 12; i++) {
        imx_tuned_key(&c[i], key[i]);
        for (int k = 0; k < i; k++)
            differ = differ && strcmp(key[i], key[k]);
    }
    tap_ok(differ, "type, limits, sub-groups and half precision each make another key");
}

static void file(void)
{
    struct imx_dev dev = device(64);
    struct imx_tuned *t = NULL, *back = NULL;
    char folder[] = "/tmp/imx-tuned-XXXXXX", path[256], same[256];
    struct imx_text text = { 0 };
    const struct imx_gemm g[2] = { { .m = 64, .n = 32, .k = 16 }, { .m = 64, .n = 32, .k = 16, .tb = 1, .bias = 1 } };
    const struct imx_axpby a = { 1000, 0.1f, -2.5e-7f };
    const struct imx_variant *first = imx_op_gemm.variants[0], *eltwise = imx_op_axpby.variants[0];
    struct imx_choice c[3] = { { .op = &imx_op_gemm, .variant = first, .ms = 0.1, .without = 0.30000000000000004 },
                               { .op = &imx_op_gemm, .variant = first, .ms = 1.0 / 3, .without = 1e-3 },
                               { .op = &imx_op_axpby, .variant = eltwise, .ms = 5, .without = 6 } };
    memcpy(c[0].problem, &g[0], sizeof g[0]);
    memcpy(c[1].problem, &g[1], sizeof g[1]);
    memcpy(c[2].problem, &a, sizeof a);
    bool good = mkdtemp(folder) && imx_tuned_create(&dev.caps, &t) == IMX_OK;
    for (int i = 0; i < 3; i++)
        good = good && imx_tuned_put(&t, &c[i]) == IMX_OK;
    snprintf(path, sizeof path, "%s/new folder/tuned.txt", folder);
    tap_ok(imx_tuned_read(path, &back) == IMX_OK && !back, "no file is no table");
    good = good && imx_tuned_write(path, t) == IMX_OK && imx_tuned_read(path, &back) == IMX_OK && back;
    if (!tap_ok(good, "a table is written and read %s", good ? "" : imx_error_text()))
        return;
    bool equal = back->n == 3 && !strcmp(back->key, t->key) && !strcmp(back->device, "a device");
    for (int i = 0; equal && i < 3; i++)
        equal = back->choice[i].op == c[i].op && back->choice[i].variant == c[i].variant &&
                back->choice[i].ms == c[i].ms && back->choice[i].without == c[i].without &&
                !memcmp(back->choice[i].problem, c[i].problem, sizeof c[i].problem);
    tap_ok(equal, "the same choices come back, floats and times to the bit");
    imx_tuned_print(t, &text);
    damage(&text);
    setenv("INFOMAX_CACHE", folder, 1);
    tap_ok(imx_tuned_path(&dev.caps, path, sizeof path), "the device has a file: %s", path);
    strcpy(dev.caps.driver, "1.1");
    tap_ok(imx_tuned_path(&dev.caps, same, sizeof same) && strcmp(path, same), "another driver has another file");
    keys(&dev);
    setenv("INFOMAX_CACHE", "off", 1);
    tap_ok(!imx_tuned_path(&dev.caps, path, sizeof path), "without a cache there is none");
    imx_text_free(&text);
    free(t);
    free(back);
    snprintf(path, sizeof path, "rm -r %s", folder);
    if (system(path))
        printf("# %s was left behind\n", folder);
}

int main(void)
{
    picks();
    options();
    unknown();
    file();
    return tap_done();
}
