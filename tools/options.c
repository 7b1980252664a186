/* See options.h. A value is always parsed from text, wherever it came from, by the same function. */
#include "options.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/toml.h"

static void *field(const struct imx_option *o, void *values)
{
    return (char *)values + o->at;
}

static const struct imx_option *find(const struct imx_option *table, const char *name)
{
    for (const struct imx_option *o = table; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

const char *imx_nearest(const char *name, const char *const *names, size_t n)
{
    const char *best = NULL;
    int best_distance = 99;
    for (size_t i = 0; i < n; i++) {
        int d = imx_edit_distance(name, names[i]);
        if (d > 2 && strlen(name) >= 3 && !strncmp(name, names[i], strlen(name)))
            d = 2; /* an abbreviation */
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    const int longest = (int)strlen(name) / 3;
    return best_distance <= (longest < 1 ? 1 : longest > 3 ? 3 : longest) || best_distance <= 2 ? best : NULL;
}

/* E_ARG for an unknown name; both tables (the second may be NULL) are searched for a near one. */
static imx_status unknown(const struct imx_option *table, const struct imx_option *common, const char *name,
                          const char *dashes)
{
    const char *names[256];
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (const struct imx_option *o = pass ? common : table; o && o->name && n < 256; o++)
            if (!o->hidden)
                names[n++] = o->name;
    const char *near = imx_nearest(name, names, n);
    return near ? imx_fail(IMX_E_ARG, "unknown option %s%s; did you mean %s%s?", dashes, name, dashes, near)
                : imx_fail(IMX_E_ARG, "unknown option %s%s", dashes, name);
}

static imx_status wrong(const struct imx_option *o, const char *text, const char *expected)
{
    return imx_fail(IMX_E_ARG, "--%s: \"%s\" is not %s", o->name, text, expected);
}

static imx_status in_range(const struct imx_option *o, const char *text, double v)
{
    if (!(o->min < o->max) || (v >= o->min && v <= o->max))
        return IMX_OK;
    if (o->max >= DBL_MAX)
        return imx_fail(IMX_E_ARG, "--%s: %s is too small; the least is %.15g", o->name, text, o->min);
    return imx_fail(IMX_E_ARG, "--%s: %s is out of range; it goes from %.15g to %.15g", o->name, text, o->min, o->max);
}

static imx_status set_string(const struct imx_option *o, char **at, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return imx_fail(IMX_E_NOMEM, "no memory for --%s", o->name);
    free(*at);
    *at = copy;
    return IMX_OK;
}

/* All choices, "a|b|c". */
static const char *choices_of(const struct imx_option *o, char *text, size_t size)
{
    const char *name;
    char what[160];
    snprintf(text, size, "%s", o->choices ? o->choices : "");
    for (size_t i = 0; o->more && (name = o->more(i, what, sizeof what)); i++)
        snprintf(text + strlen(text), size - strlen(text), "%s%s", *text ? "|" : "", name);
    return text;
}

static imx_status set_choice(const struct imx_option *o, char **at, const char *text)
{
    char all[512], split[512];
    const char *names[64];
    size_t n = 0;
    choices_of(o, all, sizeof all);
    memcpy(split, all, sizeof split);
    for (char *save = NULL, *name = strtok_r(split, "|", &save); name && n < 64; name = strtok_r(NULL, "|", &save)) {
        if (!strcmp(name, text))
            return set_string(o, at, text);
        names[n++] = name;
    }
    const char *near = imx_nearest(text, names, n);
    if (near)
        return imx_fail(IMX_E_ARG, "--%s: there is no \"%s\"; did you mean %s? (%s)", o->name, text, near, all);
    return imx_fail(IMX_E_ARG, "--%s: there is no \"%s\"; it is one of %s", o->name, text, all);
}

static imx_status add_item(const char *option, struct imx_list *list, const char *text, size_t bytes)
{
    char **grown = realloc(list->item, (list->n + 1) * sizeof *grown);
    char *copy = strndup(text, bytes);
    if (grown)
        list->item = grown;
    if (!grown || !copy) {
        free(copy);
        return imx_fail(IMX_E_NOMEM, "no memory for --%s", option);
    }
    list->item[list->n++] = copy;
    return IMX_OK;
}

void imx_list_free(struct imx_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct imx_list){ NULL, 0 };
}

imx_status imx_list_words(const struct imx_list *list, const char *fallback, const char *option, size_t most,
                          struct imx_list *out)
{
    const size_t items = list->n ? list->n : 1;
    for (size_t i = 0; i < items; i++) {
        const char *at = list->n ? list->item[i] : fallback;
        do {
            const size_t bytes = strcspn(at, ",");
            if (out->n == most)
                return imx_fail(IMX_E_ARG, "--%s takes at most %zu values", option, most);
            IMX_TRY(add_item(option, out, at, bytes));
            at += bytes;
        } while (*at++);
    }
    return IMX_OK;
}

static imx_status set_flag(const struct imx_option *o, bool *at, const char *text)
{
    if (!strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1"))
        *at = true;
    else if (!strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "0"))
        *at = false;
    else
        return wrong(o, text, "true or false");
    return IMX_OK;
}

/* "table.name=value" or "name=value". */
static imx_status set_pair(const struct imx_option *table, void *values, const char *text)
{
    char name[128];
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof name)
        return imx_fail(IMX_E_ARG, "--set: \"%s\" is not of the form name=value", text);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    const char *dot = strrchr(name, '.');
    const struct imx_option *o = find(table, dot ? dot + 1 : name);
    if (!o || !o->table)
        return unknown(table, NULL, dot ? dot + 1 : name, "");
    if (dot && (strlen(o->table) != (size_t)(dot - name) || strncmp(o->table, name, (size_t)(dot - name))))
        return imx_fail(IMX_E_ARG, "--set: %s belongs to [%s]: write %s.%s=...", o->name, o->table, o->table, o->name);
    return imx_options_set(table, values, o->name, equals + 1);
}

static imx_status set(const struct imx_option *table, const struct imx_option *o, void *values, const char *text)
{
    void *at = field(o, values);
    int64_t i;
    uint64_t u;
    double d;
    switch (o->type) {
    case IMX_OPT_FLAG: return set_flag(o, at, text);
    case IMX_OPT_INT:
        if (!imx_parse_int(text, &i))
            return wrong(o, text, "a whole number");
        IMX_TRY(in_range(o, text, (double)i));
        memcpy(at, &i, sizeof i);
        return IMX_OK;
    case IMX_OPT_FLOAT:
        if (!imx_parse_double(text, &d))
            return wrong(o, text, "a number");
        IMX_TRY(in_range(o, text, d));
        memcpy(at, &d, sizeof d);
        return IMX_OK;
    case IMX_OPT_DURATION:
        if (!imx_parse_duration(text, &d))
            return wrong(o, text, "a time such as 90s, 30m or 2h");
        IMX_TRY(in_range(o, text, d));
        memcpy(at, &d, sizeof d);
        return IMX_OK;
    case IMX_OPT_SIZE:
        if (!imx_parse_size(text, &u))
            return wrong(o, text, "a size such as 512M or 2G");
        IMX_TRY(in_range(o, text, (double)u));
        memcpy(at, &u, sizeof u);
        return IMX_OK;
    case IMX_OPT_CHOICE: return set_choice(o, at, text);
    case IMX_OPT_LIST: return add_item(o->name, at, text, strlen(text));
    case IMX_OPT_STRING:
    case IMX_OPT_CONFIG: return set_string(o, at, text);
    case IMX_OPT_SET: return set_pair(table, values, text);
    }
    return imx_fail(IMX_E_INTERNAL, "option --%s has no type", o->name);
}

imx_status imx_options_set(const struct imx_option *table, void *values, const char *name, const char *text)
{
    const struct imx_option *o = find(table, name);
    return o ? set(table, o, values, text) : unknown(table, NULL, name, "--");
}

imx_status imx_options_default(const struct imx_option *table, void *values)
{
    for (const struct imx_option *o = table; o && o->name; o++)
        if (o->fallback)
            IMX_TRY(set(table, o, values, o->fallback));
    return IMX_OK;
}

void imx_options_free(const struct imx_option *table, void *values)
{
    for (const struct imx_option *o = table; o && o->name; o++) {
        char **text = field(o, values);
        if (o->type == IMX_OPT_LIST)
            imx_list_free(field(o, values));
        else if (o->type == IMX_OPT_STRING || o->type == IMX_OPT_CHOICE || o->type == IMX_OPT_CONFIG) {
            free(*text);
            *text = NULL;
        }
    }
}

/* ---- the command line ---- */

struct walk {
    const struct imx_option *table[2];
    void *values[2];
    int argc, i;
    char **argv, **words;
    int n;
    bool config_pass;              /* first pass: only --config is obeyed, so that the rest overrides it */
    const struct imx_option *list; /* takes the coming words */
};

static imx_status obey(struct walk *w, int which, const struct imx_option *o, const char *text)
{
    if (w->config_pass) {
        if (o->type != IMX_OPT_CONFIG)
            return IMX_OK;
        IMX_TRY(imx_options_load(w->table[which], w->values[which], text));
    }
    return set(w->table[which], o, w->values[which], text);
}

static imx_status value_of(struct walk *w, const struct imx_option *o, const char **text)
{
    if (w->i + 1 >= w->argc || (!strncmp(w->argv[w->i + 1], "--", 2) && w->argv[w->i + 1][2]))
        return imx_fail(IMX_E_ARG, "--%s needs a value%s%s", o->name, o->value ? ": --" : "", o->value ? o->name : "");
    *text = w->argv[++w->i];
    return IMX_OK;
}

static imx_status long_option(struct walk *w)
{
    char name[128];
    const char *arg = w->argv[w->i] + 2, *equals = strchr(arg, '='), *text = equals ? equals + 1 : NULL;
    const struct imx_option *o = NULL;
    int which = 0;
    bool no = false;
    snprintf(name, sizeof name, "%.*s", (int)(equals ? (size_t)(equals - arg) : strlen(arg)), arg);
    for (int t = 0; t < 2 && !o; t++) {
        which = t;
        o = find(w->table[t], name);
        if (!o && !strncmp(name, "no-", 3) && (o = find(w->table[t], name + 3)) != NULL) {
            no = true;
            if (o->type != IMX_OPT_FLAG)
                o = NULL;
        }
    }
    if (!o)
        return unknown(w->table[0], w->table[1], name, "--");
    if (o->type == IMX_OPT_FLAG) {
        if (text && no)
            return imx_fail(IMX_E_ARG, "--%s takes no value", name);
        return obey(w, which, o, text ? text : no ? "false" : "true");
    }
    if (!text)
        IMX_TRY(value_of(w, o, &text));
    if (o->type == IMX_OPT_LIST && which == 0)
        w->list = o;
    return obey(w, which, o, text);
}

static imx_status short_options(struct walk *w)
{
    for (const char *c = w->argv[w->i] + 1; *c; c++) {
        const struct imx_option *o = NULL;
        int which = 0;
        for (int t = 0; t < 2 && !o; t++) {
            which = t;
            for (const struct imx_option *k = w->table[t]; k && k->name && !o; k++)
                if (k->letter == *c)
                    o = k;
        }
        if (!o)
            return imx_fail(IMX_E_ARG, "unknown option -%c in %s", *c, w->argv[w->i]);
        if (o->type == IMX_OPT_FLAG) {
            IMX_TRY(obey(w, which, o, "true"));
            continue;
        }
        const char *text = c + 1;
        if (!*text)
            IMX_TRY(value_of(w, o, &text));
        return obey(w, which, o, text);
    }
    return IMX_OK;
}

static imx_status walk_once(struct walk *w)
{
    bool only_words = false;
    w->n = 0;
    w->list = NULL;
    for (w->i = 0; w->i < w->argc; w->i++) {
        char *arg = w->argv[w->i];
        if (only_words || arg[0] != '-' || !arg[1]) {
            if (w->list && !only_words)
                IMX_TRY(obey(w, 0, w->list, arg));
            else
                w->words[w->n++] = arg;
            continue;
        }
        w->list = NULL;
        if (!strcmp(arg, "--"))
            only_words = true;
        else
            IMX_TRY(arg[1] == '-' ? long_option(w) : short_options(w));
    }
    return IMX_OK;
}

imx_status imx_options_parse(const struct imx_option *table, void *values, const struct imx_option *common,
                             void *common_values, int argc, char **argv, char **words, int *n)
{
    struct walk w = { .table = { table, common },
                      .values = { values, common_values },
                      .argc = argc,
                      .argv = argv,
                      .words = words,
                      .config_pass = true };
    IMX_TRY(walk_once(&w));
    w.config_pass = false;
    IMX_TRY(walk_once(&w));
    *n = w.n;
    return IMX_OK;
}

/* ---- config files ---- */

static bool fits(const struct imx_option *o, enum imx_toml_type type)
{
    switch (o->type) {
    case IMX_OPT_FLAG: return type == IMX_TOML_BOOL;
    case IMX_OPT_INT: return type == IMX_TOML_INT;
    case IMX_OPT_FLOAT: return type == IMX_TOML_INT || type == IMX_TOML_FLOAT;
    case IMX_OPT_STRING:
    case IMX_OPT_CHOICE: return type == IMX_TOML_STRING;
    case IMX_OPT_LIST: return type == IMX_TOML_ARRAY || type == IMX_TOML_STRING;
    case IMX_OPT_DURATION:
    case IMX_OPT_SIZE: return type == IMX_TOML_INT || type == IMX_TOML_FLOAT || type == IMX_TOML_STRING;
    case IMX_OPT_CONFIG:
    case IMX_OPT_SET: break;
    }
    return false;
}

static imx_status load_entry(const struct imx_option *table, void *values, const struct imx_toml_entry *e)
{
    const struct imx_option *o = find(table, e->key);
    if (!o || !o->table)
        return unknown(table, NULL, e->key, "");
    if (*e->table && strcmp(e->table, o->table))
        return imx_fail(IMX_E_ARG, "%s belongs to [%s], not to [%s]", o->name, o->table, e->table);
    if (!fits(o, e->type))
        return imx_fail(IMX_E_ARG, "%s: a value of another kind was expected (see --help)", o->name);
    if (o->type == IMX_OPT_LIST)
        imx_list_free(field(o, values));
    for (size_t i = 0; i < e->items; i++)
        IMX_TRY(set(table, o, values, e->item[i]));
    return e->type == IMX_TOML_ARRAY ? IMX_OK : set(table, o, values, e->string);
}

imx_status imx_options_load(const struct imx_option *table, void *values, const char *path)
{
    struct imx_toml doc;
    IMX_TRY(imx_toml_read(path, &doc));
    imx_status s = IMX_OK;
    for (size_t i = 0; i < doc.entries && s == IMX_OK; i++) {
        s = load_entry(table, values, &doc.entry[i]);
        if (s != IMX_OK)
            s = imx_note(s, "%s line %d", path, doc.entry[i].line);
    }
    imx_toml_free(&doc);
    return s;
}

static void save_one(const struct imx_option *o, const void *at, struct imx_text *out)
{
    char *const *text = at;
    int64_t i;
    double d;
    switch (o->type) {
    case IMX_OPT_FLAG: imx_toml_put_bool(out, o->name, *(const bool *)at); break;
    case IMX_OPT_INT:
    case IMX_OPT_SIZE:
        memcpy(&i, at, sizeof i);
        imx_toml_put_int(out, o->name, i);
        break;
    case IMX_OPT_FLOAT:
    case IMX_OPT_DURATION:
        memcpy(&d, at, sizeof d);
        imx_toml_put_float(out, o->name, d);
        break;
    case IMX_OPT_STRING:
    case IMX_OPT_CHOICE:
        if (*text)
            imx_toml_put_string(out, o->name, *text);
        break;
    case IMX_OPT_LIST:
        imx_toml_put_strings(out, o->name, ((const struct imx_list *)at)->item, ((const struct imx_list *)at)->n);
        break;
    case IMX_OPT_CONFIG:
    case IMX_OPT_SET: break;
    }
}

static bool earlier(const struct imx_option *table, const struct imx_option *o)
{
    for (const struct imx_option *k = table; k < o; k++)
        if (k->table && !strcmp(k->table, o->table))
            return true;
    return false;
}

void imx_options_save(const struct imx_option *table, const void *values, struct imx_text *out)
{
    for (const struct imx_option *head = table; head->name; head++) {
        if (!head->table || earlier(table, head))
            continue;
        imx_toml_put_table(out, head->table);
        for (const struct imx_option *o = head; o->name; o++)
            if (o->table && !strcmp(o->table, head->table))
                save_one(o, (const char *)values + o->at, out);
    }
}

/* ---- help ---- */

enum { HELP_COLUMN = 28, HELP_WIDTH = 100 };

static void wrapped(struct imx_text *out, const char *text)
{
    size_t column = HELP_COLUMN;
    while (*text) {
        const size_t word = strcspn(text, " ");
        if (column + word > HELP_WIDTH && column > HELP_COLUMN) {
            imx_text_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        imx_text_add(out, text, word);
        column += word;
        text += word;
        if (*text == ' ') {
            imx_text_put(out, " ");
            column++;
            text++;
        }
    }
    imx_text_put(out, "\n");
}

/* "; a: what it is; b: ...": what the table of the choices says of each. */
static const char *about_choices(const struct imx_option *o, char *text, size_t size)
{
    const char *name;
    char what[160];
    *text = 0;
    for (size_t i = 0; o->more && (name = o->more(i, what, sizeof what)); i++)
        if (*what)
            snprintf(text + strlen(text), size - strlen(text), "; %s: %s", name, what);
    return text;
}

void imx_options_help(const struct imx_option *table, struct imx_text *out)
{
    for (const struct imx_option *o = table; o && o->name; o++) {
        char head[128], text[2048], about[1024], all[512], letter[8] = "";
        if (o->hidden)
            continue;
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(head, sizeof head, "  %s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        const bool shown = o->fallback && *o->fallback && o->type != IMX_OPT_FLAG;
        snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s", o->help ? o->help : "", about_choices(o, about, sizeof about),
                 *choices_of(o, all, sizeof all) ? ": " : "", all, shown ? " (default " : "", shown ? o->fallback : "",
                 shown ? ")" : "",
                 o->type == IMX_OPT_FLAG && o->fallback && !strcmp(o->fallback, "true") ? " (on; --no-" : "",
                 o->type == IMX_OPT_FLAG && o->fallback && !strcmp(o->fallback, "true") ? o->name : "");
        if (o->type == IMX_OPT_FLAG && o->fallback && !strcmp(o->fallback, "true"))
            strncat(text, ")", sizeof text - strlen(text) - 1);
        if (strlen(head) + 2 > HELP_COLUMN)
            imx_text_printf(out, "%s\n%*s", head, HELP_COLUMN, "");
        else
            imx_text_printf(out, "%-*s", HELP_COLUMN, head);
        wrapped(out, text);
    }
}
