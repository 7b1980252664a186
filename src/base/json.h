/* JSON out and in. The writer cannot produce malformed text from well-paired calls: it escapes, repairs UTF-8, prints
 * the shortest digits that read back the same, and null for NaN and infinity. The parser is strict (RFC 8259, no
 * duplicate keys, no 0 bytes in strings) and bounded, for headers and logs that may come from anywhere. */
#ifndef IMX_BASE_JSON_H
#define IMX_BASE_JSON_H

#include "base/text.h"

#define IMX_JSON_DEPTH 32

/* Zeroed = ready. In an object every value has a key, in an array (and at the top) key is NULL. */
struct imx_json {
    struct imx_text text;
    int depth;
    bool filled[IMX_JSON_DEPTH + 1]; /* this level has a value already: a comma is due */
    char close[IMX_JSON_DEPTH + 1];
    bool pretty; /* one line per value, indented */
};

void imx_json_object(struct imx_json *j, const char *key);
void imx_json_array(struct imx_json *j, const char *key);
/* Closes the innermost object or array. */
void imx_json_end(struct imx_json *j);
/* value NULL gives null. */
void imx_json_string(struct imx_json *j, const char *key, const char *value);
void imx_json_int(struct imx_json *j, const char *key, int64_t value);
void imx_json_uint(struct imx_json *j, const char *key, uint64_t value);
void imx_json_double(struct imx_json *j, const char *key, double value);
void imx_json_float(struct imx_json *j, const char *key, float value);
void imx_json_bool(struct imx_json *j, const char *key, bool value);
/* Text that is JSON already. */
void imx_json_raw(struct imx_json *j, const char *key, const char *value);
/* E_NOMEM, or E_INTERNAL when something was left open. The text is j->text.data. */
IMX_MUST_CHECK imx_status imx_json_check(const struct imx_json *j);
void imx_json_free(struct imx_json *j);

enum imx_json_type { IMX_JSON_NULL, IMX_JSON_BOOL, IMX_JSON_NUMBER, IMX_JSON_STRING, IMX_JSON_ARRAY, IMX_JSON_OBJECT };

struct imx_json_node {
    enum imx_json_type type;
    bool truth, is_int;
    const char *key; /* NULL outside objects */
    const char *string;
    double number;
    int64_t integer; /* exact when is_int */
    size_t count;    /* children */
    const struct imx_json_node *child, *next;
};

struct imx_json_doc {
    const struct imx_json_node *root;
    void *memory; /* one chain of blocks, freed by imx_json_doc_free */
};

struct imx_json_limits {
    size_t depth, nodes; /* 0: 32 and 1,000,000 */
};

/* Parses exactly one value; blanks around it are fine. E_FORMAT with the byte offset. `limits` may be NULL. */
IMX_MUST_CHECK imx_status imx_json_parse(const char *text, size_t bytes, const struct imx_json_limits *limits,
                                         struct imx_json_doc *doc);
void imx_json_doc_free(struct imx_json_doc *doc);
/* Member of an object; NULL when absent or `object` is NULL or no object. */
const struct imx_json_node *imx_json_get(const struct imx_json_node *object, const char *key);
/* Number or string of a member, or the fallback. */
double imx_json_get_number(const struct imx_json_node *object, const char *key, double fallback);
const char *imx_json_get_string(const struct imx_json_node *object, const char *key, const char *fallback);

#endif
