/* Everything that decides what a run computes, as one struct; the command line and config.toml fill it from one table. */
#ifndef IMX_TRAIN_CONFIG_H
#define IMX_TRAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct imx_config {
    /* what to learn from, and where to write */
    const char *data, *device;
    /* objective */
    const char *objective, *estimator, *critic, *encoder;
    double score_scale; /* 0: the critic's default */
    int64_t critic_units;
    /* images */
    int64_t size, channels; /* 0: as the data are, or as the encoder wants */
    const char *augment;    /* none | flip | crop | flip,crop */
    bool strict;
    /* optimisation */
    int64_t batch, epochs, seed;
    double max_time; /* seconds, 0: none */
    double lr, beta1, beta2, eps;
    /* running */
    int64_t memory, threads, audit;
    double checkpoint_every; /* seconds */
    int64_t checkpoint_steps; /* also every so many steps; 0: by time alone */
    int64_t report_every;    /* steps between lines of metrics */
};

enum imx_key_type { IMX_KEY_TEXT, IMX_KEY_INT, IMX_KEY_REAL, IMX_KEY_BOOL, IMX_KEY_SECONDS, IMX_KEY_BYTES };

/* One option of `infomax train` = one key of config.toml. */
struct imx_key {
    const char *name;     /* "score-scale"; the same in TOML */
    enum imx_key_type type;
    size_t offset;        /* in struct imx_config */
    const char *initial;  /* default, as text */
    const char *choices;  /* "a|b|c" or NULL */
    double least, most;   /* for numbers; both 0: any */
    const char *help;
};

extern const struct imx_key imx_config_keys[]; /* ends with name NULL */

/* All keys at their defaults. Texts point to static strings. */
void imx_config_defaults(struct imx_config *c);
const struct imx_key *imx_config_key(const char *name);
/* Parses and checks one value strictly; E_ARG names the key and what it wants. Texts are duplicated into memory that is
 * never freed (a configuration lives as long as the program). */
IMX_MUST_CHECK imx_status imx_config_set(struct imx_config *c, const char *name, const char *value);
/* The value as text that imx_config_set reads back. */
void imx_config_get(const struct imx_config *c, const struct imx_key *key, char *text, size_t size);

#endif
