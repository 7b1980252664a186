/* The table of every option of a run. See config.h. */
#include "train/config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct imx_config, field)

const struct imx_key imx_config_keys[] = {
    { "data", IMX_KEY_TEXT, AT(data), "", NULL, 0, 0, "the images: folder tree, CIFAR, STL-10, IDX, .npy or .npz" },
    { "device", IMX_KEY_TEXT, AT(device), "auto", NULL, 0, 0, "auto, host, cpu, gpu, P:D, or part of a name" },
    { "objective", IMX_KEY_TEXT, AT(objective), "dim-local", "dim-local", 0, 0, "what is maximised" },
    { "estimator", IMX_KEY_TEXT, AT(estimator), "infonce", "infonce|jsd|dv", 0, 0, "bound on the mutual information" },
    { "critic", IMX_KEY_TEXT, AT(critic), "bilinear", "encode-dot|bilinear", 0, 0,
      "encode-dot: as published; bilinear: same scores without local layer norm, a sixth of the work" },
    { "score-scale", IMX_KEY_REAL, AT(score_scale), "0", NULL, 0, 1e6,
      "factor on the scores; 0: 1 for encode-dot, 1/sqrt(units) for bilinear" },
    { "critic-units", IMX_KEY_INT, AT(critic_units), "2048", NULL, 1, 65536, "width of the critic" },
    { "encoder", IMX_KEY_TEXT, AT(encoder), "auto", NULL, 0, 0,
      "basic28, basic32, basic64, alex64; auto: by image size" },
    { "size", IMX_KEY_INT, AT(size), "0", NULL, 0, 4096, "side of the images; 0: the encoder's, or as stored" },
    { "channels", IMX_KEY_INT, AT(channels), "0", "0|1|3", 0, 3, "1 grey, 3 colour; 0: as the data are" },
    { "augment", IMX_KEY_TEXT, AT(augment), "none", "none|flip|crop|flip,crop", 0, 0,
      "flip: left-right; crop: shift by up to an eighth of the side" },
    { "strict", IMX_KEY_BOOL, AT(strict), "false", NULL, 0, 0, "stop at the first unreadable image" },
    { "batch", IMX_KEY_INT, AT(batch), "64", NULL, 2, 65536, "images per step" },
    { "epochs", IMX_KEY_INT, AT(epochs), "10", NULL, 1, 1000000, "passes over the images" },
    { "max-time", IMX_KEY_SECONDS, AT(max_time), "0", NULL, 0, 0, "stop after this long (30m, 2h); 0: no limit" },
    { "lr", IMX_KEY_REAL, AT(lr), "0.0001", NULL, 1e-12, 10, "Adam's step size" },
    { "beta1", IMX_KEY_REAL, AT(beta1), "0.5", NULL, 0, 0.999999, "Adam's first decay" },
    { "beta2", IMX_KEY_REAL, AT(beta2), "0.999", NULL, 0, 0.999999, "Adam's second decay" },
    { "eps", IMX_KEY_REAL, AT(eps), "1e-08", NULL, 0, 1, "Adam's epsilon" },
    { "seed", IMX_KEY_INT, AT(seed), "0", NULL, 0, 9007199254740992.0, "weights, order and augmentation follow from it" },
    { "memory", IMX_KEY_BYTES, AT(memory), "0", NULL, 0, 0, "device memory to stay under (2G, 800M); 0: the device's" },
    { "threads", IMX_KEY_INT, AT(threads), "0", NULL, 0, 1024, "threads that decode images; 0: one per core" },
    { "audit", IMX_KEY_INT, AT(audit), "0", NULL, 0, 1e9, "re-run one op on the CPU every N steps; 0: never" },
    { "checkpoint-every", IMX_KEY_SECONDS, AT(checkpoint_every), "5m", NULL, 0, 0, "time between checkpoints" },
    { "checkpoint-steps", IMX_KEY_INT, AT(checkpoint_steps), "0", NULL, 0, 1e12,
      "steps between checkpoints; 0: by time alone" },
    { "report-every", IMX_KEY_INT, AT(report_every), "20", NULL, 1, 1e9, "steps between lines of the metrics" },
    { 0 },
};

const struct imx_key *imx_config_key(const char *name)
{
    for (const struct imx_key *k = imx_config_keys; k->name; k++)
        if (!strcmp(k->name, name))
            return k;
    return NULL;
}

static bool chosen(const char *choices, const char *value)
{
    const size_t n = strlen(value);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (!strncmp(c, value, n) && (c[n] == '|' || !c[n]))
            return true;
    return false;
}

/* A number and its unit; the unit must be one of `units` ("smhd" or "KMGT"), optional. */
static bool parse_scaled(const char *value, bool seconds, double *out)
{
    static const struct {
        char unit;
        double scale;
    } second[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } },
      byte[] = { { 'K', 1024.0 }, { 'M', 1048576.0 }, { 'G', 1073741824.0 }, { 'T', 1099511627776.0 } };
    char *end;
    const double v = strtod(value, &end);
    if (end == value || !isfinite(v) || v < 0)
        return false;
    *out = v;
    if (!*end)
        return true;
    for (int i = 0; i < 4; i++)
        if (*end == (seconds ? second[i].unit : byte[i].unit) && !end[1]) {
            *out = v * (seconds ? second[i].scale : byte[i].scale);
            return true;
        }
    return false;
}

static bool parse_number(const struct imx_key *k, const char *value, double *out)
{
    char *end;
    errno = 0;
    if (k->type == IMX_KEY_SECONDS || k->type == IMX_KEY_BYTES)
        return parse_scaled(value, k->type == IMX_KEY_SECONDS, out);
    if (k->type == IMX_KEY_INT) {
        *out = (double)strtoll(value, &end, 10);
        return end != value && !*end && !errno;
    }
    *out = strtod(value, &end);
    return end != value && !*end && isfinite(*out);
}

imx_status imx_config_set(struct imx_config *c, const char *name, const char *value)
{
    const struct imx_key *k = imx_config_key(name);
    double v = 0;
    if (!k)
        return imx_fail(IMX_E_ARG, "there is no setting \"%s\"", name);
    void *at = (char *)c + k->offset;
    if (k->choices && !chosen(k->choices, value))
        return imx_fail(IMX_E_ARG, "--%s is \"%s\"; it must be one of %s", name, value, k->choices);
    if (k->type == IMX_KEY_TEXT) {
        char *copy = strdup(value);
        if (!copy)
            return imx_fail(IMX_E_NOMEM, "no memory for a setting");
        *(const char **)at = copy;
        return IMX_OK;
    }
    if (k->type == IMX_KEY_BOOL) {
        if (strcmp(value, "true") && strcmp(value, "false"))
            return imx_fail(IMX_E_ARG, "--%s is \"%s\"; it must be true or false", name, value);
        *(bool *)at = !strcmp(value, "true");
        return IMX_OK;
    }
    if (!parse_number(k, value, &v))
        return imx_fail(IMX_E_ARG, "--%s is \"%s\"; it must be %s", name, value,
                        k->type == IMX_KEY_INT       ? "a whole number"
                        : k->type == IMX_KEY_SECONDS ? "a time such as 90s, 30m or 2h"
                        : k->type == IMX_KEY_BYTES   ? "a size such as 800M or 2G"
                                                     : "a number");
    if ((k->least != 0 || k->most != 0) && !(v >= k->least && v <= k->most))
        return imx_fail(IMX_E_ARG, "--%s is %s; it must lie between %g and %g", name, value, k->least, k->most);
    if (k->type == IMX_KEY_INT || k->type == IMX_KEY_BYTES)
        *(int64_t *)at = (int64_t)v;
    else
        *(double *)at = v;
    return IMX_OK;
}

void imx_config_get(const struct imx_config *c, const struct imx_key *k, char *text, size_t size)
{
    const void *at = (const char *)c + k->offset;
    switch (k->type) {
    case IMX_KEY_TEXT: snprintf(text, size, "%s", *(const char *const *)at); break;
    case IMX_KEY_BOOL: snprintf(text, size, "%s", *(const bool *)at ? "true" : "false"); break;
    case IMX_KEY_INT:
    case IMX_KEY_BYTES: snprintf(text, size, "%lld", (long long)*(const int64_t *)at); break;
    case IMX_KEY_REAL:
    case IMX_KEY_SECONDS: snprintf(text, size, "%.17g", *(const double *)at); break;
    }
}

void imx_config_defaults(struct imx_config *c)
{
    memset(c, 0, sizeof *c);
    for (const struct imx_key *k = imx_config_keys; k->name; k++) {
        double v = 0;
        void *at = (char *)c + k->offset;
        if (k->type == IMX_KEY_TEXT)
            *(const char **)at = k->initial;
        else if (k->type == IMX_KEY_BOOL)
            *(bool *)at = !strcmp(k->initial, "true");
        else if (parse_number(k, k->initial, &v) && (k->type == IMX_KEY_INT || k->type == IMX_KEY_BYTES))
            *(int64_t *)at = (int64_t)v;
        else
            *(double *)at = v;
    }
}
