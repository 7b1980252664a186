/* infomax compare: several runs side by side, as a page, a table or JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "eval/compare.h"

struct values {
    char *out;
};

enum { NAME = 22, CELL = 14, WIDEST = 34, WIDEST_NAME = 48 };

/* Characters of UTF-8 text, nearly columns. */
static int length(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

static void put(const char *s, int width)
{
    printf("  %s%*s", s, width > length(s) ? width - length(s) : 0, "");
}

/* A column is as wide as its widest cell, to a limit. */
static int width_of(const struct imx_compare *c, size_t run)
{
    int w = length(c->run[run].name) > CELL ? length(c->run[run].name) : CELL;
    for (size_t i = 0; i < c->facts; i++)
        if (c->fact[i].cell[run] && length(c->fact[i].cell[run]) > w)
            w = length(c->fact[i].cell[run]);
    return w < WIDEST ? w : WIDEST;
}

static void as_text(const struct imx_compare *c)
{
    int name = NAME;
    for (size_t i = 0; i < c->facts; i++)
        if (length(c->fact[i].name) + 2 > name)
            name = length(c->fact[i].name) + 2;
    name = name < WIDEST_NAME ? name : WIDEST_NAME;
    printf("%-*s", name, "");
    for (size_t k = 0; k < c->runs; k++)
        put(c->run[k].name, width_of(c, k));
    printf("\n");
    for (const char *const *s = imx_compare_sections; *s; s++) {
        bool first = true;
        for (size_t i = 0; i < c->facts; i++) {
            const struct imx_fact *f = &c->fact[i];
            if (strcmp(f->section, *s) != 0)
                continue;
            if (first)
                printf("%s%s\n", *s, strcmp(*s, "settings") ? "" : " that differ");
            first = false;
            printf("  %-*s", name - 2, f->name);
            for (size_t k = 0; k < c->runs; k++)
                put(f->cell[k] ? f->cell[k] : "-", width_of(c, k));
            printf("\n");
        }
    }
}

/* A value that was read, as it was read. */
static void node(struct imx_json *j, const char *key, const struct imx_json_node *n)
{
    switch (n->type) {
    case IMX_JSON_STRING: imx_json_string(j, key, n->string); return;
    case IMX_JSON_BOOL: imx_json_bool(j, key, n->truth); return;
    case IMX_JSON_NULL: imx_json_string(j, key, NULL); return;
    case IMX_JSON_NUMBER:
        if (n->is_int)
            imx_json_int(j, key, n->integer);
        else
            imx_json_double(j, key, n->number);
        return;
    case IMX_JSON_ARRAY: imx_json_array(j, key); break;
    case IMX_JSON_OBJECT: imx_json_object(j, key); break;
    }
    for (const struct imx_json_node *v = n->child; v; v = v->next)
        node(j, n->type == IMX_JSON_OBJECT ? v->key : NULL, v);
    imx_json_end(j);
}

/* Results of a kind as an array. */
static void results(struct imx_json *j, const struct imx_compared *r, const char *key, enum imx_result_kind kind)
{
    imx_json_array(j, key);
    for (size_t i = 0; i < r->results.rows; i++)
        if (imx_result_kind(r->results.row[i].of) == kind)
            node(j, NULL, r->results.row[i].of);
    imx_json_end(j);
}

static imx_status one_as_json(struct imx_json *j, const struct imx_compare *c, size_t k)
{
    const struct imx_compared *r = &c->run[k];
    static const char *const name[IMX_CURVES] = { "step",       "epoch",        "loss",   "mi_nats",
                                                  "mi_ceiling", "images_per_s", "seconds" };
    double speed = (double)NAN;
    if (r->curve.n)
        IMX_TRY(imx_median(r->curve.col[IMX_CURVE_SPEED], r->curve.n, &speed));
    imx_json_object(j, NULL);
    imx_json_string(j, "run", r->path);
    imx_json_string(j, "name", r->name);
    imx_json_bool(j, "finished", r->finished);
    imx_json_string(j, "state", *r->state ? r->state : NULL);
    for (int i = 0; i < IMX_CURVES; i++)
        imx_json_double(j, name[i], i == IMX_CURVE_SPEED ? speed : imx_compared_last(r, r->curve.col[i]));
    for (int readings = 0; readings < 2; readings++) {
        imx_json_object(j, readings ? "readings" : "terms");
        for (int i = 0; i < r->curve.n_terms; i++)
            if (r->curve.term[i].reading == readings)
                imx_json_double(j, r->curve.term[i].name, imx_compared_last(r, r->curve.term[i].value));
        imx_json_end(j);
    }
    imx_json_object(j, "settings"); /* those that differ */
    for (size_t i = 0; i < c->facts; i++)
        if (!strcmp(c->fact[i].section, "settings"))
            imx_json_string(j, c->fact[i].name, c->fact[i].cell[k]);
    imx_json_end(j);
    const struct imx_json_node *env = r->env.root;
    imx_json_string(j, "device", imx_json_get_string(imx_json_get(env, "device"), "name", NULL));
    imx_json_double(j, "peak_bytes", imx_json_get_number(imx_json_get(env, "memory"), "peak_bytes", (double)NAN));
    imx_json_string(j, "data_hash", imx_json_get_string(imx_json_get(env, "data"), "hash", NULL));
    results(j, r, "probes", IMX_RESULT_PROBE);
    results(j, r, "finetune", IMX_RESULT_FINETUNE);
    results(j, r, "measure", IMX_RESULT_MEASURE);
    imx_json_end(j);
    return IMX_OK;
}

static imx_status as_json(const struct imx_compare *c)
{
    struct imx_json j = { 0 };
    imx_status status = IMX_OK;
    imx_json_object(&j, NULL);
    imx_json_array(&j, "runs");
    for (size_t k = 0; k < c->runs && status == IMX_OK; k++)
        status = one_as_json(&j, c, k);
    imx_json_end(&j);
    imx_json_array(&j, "warnings");
    for (size_t i = 0; i < c->warnings; i++)
        imx_json_string(&j, NULL, c->warning[i]);
    imx_json_end(&j);
    imx_json_end(&j);
    if (status == IMX_OK)
        return imx_print_json(&j);
    imx_json_free(&j);
    return status;
}

static imx_status run(void *values, int n, char **word)
{
    const struct values *v = values;
    struct imx_compare c = { 0 };
    struct imx_text page = { 0 };
    imx_status status;
    IMX_GO(imx_compare_read(word, (size_t)n, &c));
    for (size_t i = 0; i < c.warnings && !imx_cli.json; i++)
        imx_say("note: %s", c.warning[i]);
    if (v->out) {
        IMX_GO(imx_compare_page(&c, &page));
        IMX_GO(imx_file_write(v->out, page.data, page.size));
    }
    if (imx_cli.json)
        IMX_GO(as_json(&c));
    else
        as_text(&c);
fail:
    imx_compare_finish(&c);
    imx_text_free(&page);
    return status;
}

static const struct imx_option options[] = {
    { .name = "out",
      .letter = 'o',
      .type = IMX_OPT_STRING,
      .at = offsetof(struct values, out),
      .value = "FILE.html",
      .help = "also a page with charts" },
    { .name = NULL },
};

static const char *const examples[] = {
    "infomax compare runs/infonce runs/jsd runs/dv -o estimators.html",
    "infomax compare runs/* --json",
    NULL,
};

extern const struct imx_command imx_cmd_compare;
const struct imx_command imx_cmd_compare = {
    .name = "compare",
    .summary = "sets several runs side by side: settings that differ, curves, probes, measures, cost",
    .usage = "RUN RUN... [-o FILE.html]",
    .about = "Reads config.toml, env.json, metrics.jsonl, train.log and what `probe --save`, `finetune --save` and\n"
             "`measure --save` left in the folders. What a run lacks is shown as missing.",
    .examples = examples,
    .options = options,
    .values_size = sizeof(struct values),
    .min_words = 2,
    .max_words = -1,
    .json = true,
    .run = run,
};
