/* A subset of TOML 1.0 for configuration: tables, bare, quoted and dotted keys, basic and literal strings on one line,
 * integers, floats, booleans, and flat arrays of those. Anything else is refused with the line number. */
#ifndef IMX_BASE_TOML_H
#define IMX_BASE_TOML_H

#include "base/text.h"

enum imx_toml_type { IMX_TOML_STRING, IMX_TOML_INT, IMX_TOML_FLOAT, IMX_TOML_BOOL, IMX_TOML_ARRAY };

struct imx_toml_entry {
    char *table; /* "" at the top; "a.b" for nested tables and dotted keys */
    char *key;
    enum imx_toml_type type;
    char *string; /* a string's text; for INT, FLOAT, BOOL the plain text of the value ("1e-4", "true") */
    char **item;  /* of an ARRAY: texts as above */
    size_t items;
    int line;
};

struct imx_toml {
    struct imx_toml_entry *entry;
    size_t entries, room;
};

/* Parses; `name` appears in messages ("run.toml line 3: ..."). E_FORMAT, E_NOMEM. On success the caller owns doc. */
IMX_MUST_CHECK imx_status imx_toml_parse(const char *text, size_t bytes, const char *name, struct imx_toml *doc);
/* Reads a file of at most 1 MiB. */
IMX_MUST_CHECK imx_status imx_toml_read(const char *path, struct imx_toml *doc);
void imx_toml_free(struct imx_toml *doc);
/* NULL when absent. */
const struct imx_toml_entry *imx_toml_get(const struct imx_toml *doc, const char *table, const char *key);

/* Appends "key = value\n" (keys are quoted when they have to be), or "\n[table]\n". */
void imx_toml_put_table(struct imx_text *t, const char *table);
void imx_toml_put_string(struct imx_text *t, const char *key, const char *value);
void imx_toml_put_int(struct imx_text *t, const char *key, int64_t value);
void imx_toml_put_float(struct imx_text *t, const char *key, double value);
void imx_toml_put_bool(struct imx_text *t, const char *key, bool value);
void imx_toml_put_strings(struct imx_text *t, const char *key, char *const *item, size_t n);

#endif
