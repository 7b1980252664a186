/* One table describes a command's options; command line, --help, config files and defaults all read it, so they cannot
 * drift. Values are parsed strictly. An option with a `table` is also a key of that TOML table. */
#ifndef IMX_TOOLS_OPTIONS_H
#define IMX_TOOLS_OPTIONS_H

#include "base/text.h"

enum imx_option_type {
    IMX_OPT_FLAG,     /* bool; --name, --no-name */
    IMX_OPT_INT,      /* int64_t */
    IMX_OPT_FLOAT,    /* double */
    IMX_OPT_STRING,   /* char *, owned by the values, NULL when there is no default */
    IMX_OPT_CHOICE,   /* char *, one of choices "a|b|c" */
    IMX_OPT_DURATION, /* double, seconds: 90, 90s, 30m, 2h */
    IMX_OPT_SIZE,     /* uint64_t, bytes: 512M, 2G */
    IMX_OPT_LIST,     /* struct imx_list; the option may be repeated and takes all words up to the next option */
    IMX_OPT_CONFIG,   /* char *: a TOML file whose keys are this table's names; loses against the command line */
    IMX_OPT_SET,      /* no storage: --set name=value or --set table.name=value */
};

struct imx_list {
    char **item;
    size_t n;
};

/* The i-th choice of a table, with what --help says of it in what[size], "" for nothing; NULL behind the last. */
typedef const char *imx_choice_fn(size_t i, char *what, size_t size);

struct imx_option {
    const char *name; /* without dashes; NULL ends the table */
    enum imx_option_type type;
    size_t at;            /* offset in the values struct */
    char letter;          /* -o; 0: none */
    const char *value;    /* how help calls the value, e.g. "N" */
    const char *fallback; /* default as the user would write it; NULL: 0, false, NULL or empty */
    const char *choices;  /* of CHOICE */
    imx_choice_fn *more;  /* of CHOICE: further ones, from a table of the library; NULL: none */
    double min, max;      /* of INT, FLOAT, DURATION, SIZE; checked when min < max */
    const char *help;     /* one or two sentences */
    const char *table;    /* TOML table of a config key; NULL: command line only */
    bool hidden;          /* not in help */
};

/* Words of a list as people write it, "a b c", "a,b,c" or both; those of the fallback when it is empty. E_ARG: more
 * than `most`. out is zeroed; imx_list_free, also after an error. */
IMX_MUST_CHECK imx_status imx_list_words(const struct imx_list *list, const char *fallback, const char *option,
                                         size_t most, struct imx_list *out);
void imx_list_free(struct imx_list *list);

/* Sets every default. values is zeroed by the caller and freed with imx_options_free. */
IMX_MUST_CHECK imx_status imx_options_default(const struct imx_option *table, void *values);
void imx_options_free(const struct imx_option *table, void *values);
/* Sets one option from text; E_ARG says what is wrong and, for unknown names, what is near. */
IMX_MUST_CHECK imx_status imx_options_set(const struct imx_option *table, void *values, const char *name,
                                          const char *text);
/* Parses argv[0..argc): options into values, the other words in order into words (room for argc), their number into
 * *n. `common` (may be NULL) is a second table with its own values that every command shares. */
IMX_MUST_CHECK imx_status imx_options_parse(const struct imx_option *table, void *values,
                                            const struct imx_option *common, void *common_values, int argc, char **argv,
                                            char **words, int *n);
/* Reads a TOML file into the options that are config keys. Unknown keys are errors. */
IMX_MUST_CHECK imx_status imx_options_load(const struct imx_option *table, void *values, const char *path);
/* Writes every config key with its value, grouped by TOML table: loading the text gives the same values. */
void imx_options_save(const struct imx_option *table, const void *values, struct imx_text *out);
/* The options part of --help. */
void imx_options_help(const struct imx_option *table, struct imx_text *out);
/* The nearest of n names when it is near enough to suggest, else NULL. */
const char *imx_nearest(const char *name, const char *const *names, size_t n);

#endif
