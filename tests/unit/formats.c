/* Numbers, texts, JSON and TOML: what is written reads back the same, what is malformed is refused, and random damages
 * of good texts never crash a parser (this program also runs under the sanitizers). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "base/toml.h"
#include "tap.h"

static void numbers(void)
{
    static const char *const bad_int[] = { "", " 1", "1 ", "1x", "0x10", "1.5", "99999999999999999999", "--1", "nan" };
    static const char *const bad_real[] = { "", " 1", "1e", "0x1p3", "inf", "nan", "1e999", "1,5", "1.5.2" };
    static const char *const bad_time[] = { "", "-1s", "5x", "5mm", "m", "1h30m" };
    static const char *const bad_size[] = { "", "-1", "5X", "5GG", "G", "1e30G" };
    int64_t i = 0;
    double d = 0;
    uint64_t u = 0;
    bool refused = true;
    for (size_t k = 0; k < sizeof bad_int / sizeof *bad_int; k++)
        refused = refused && !imx_parse_int(bad_int[k], &i);
    for (size_t k = 0; k < sizeof bad_real / sizeof *bad_real; k++)
        refused = refused && !imx_parse_double(bad_real[k], &d);
    for (size_t k = 0; k < sizeof bad_time / sizeof *bad_time; k++)
        refused = refused && !imx_parse_duration(bad_time[k], &d);
    for (size_t k = 0; k < sizeof bad_size / sizeof *bad_size; k++)
        refused = refused && !imx_parse_size(bad_size[k], &u);
    tap_ok(refused, "malformed numbers, times and sizes are refused");
    tap_ok(imx_parse_int("-42", &i) && i == -42 && imx_parse_int("+7", &i) && i == 7, "whole numbers");
    tap_ok(imx_parse_double("-1e-4", &d) && !(fabs(d + 1e-4) > 0) && imx_parse_double(".5", &d) && !(fabs(d - 0.5) > 0),
           "numbers");
    tap_ok(imx_parse_duration("30m", &d) && !(fabs(d - 1800) > 0) && imx_parse_duration("1.5h", &d) &&
               !(fabs(d - 5400) > 0) && imx_parse_duration("90", &d) && !(fabs(d - 90) > 0),
           "times");
    tap_ok(imx_parse_size("2G", &u) && u == UINT64_C(2) << 30 && imx_parse_size("512M", &u) && u == 512u << 20 &&
               imx_parse_size("64KiB", &u) && u == 65536 && imx_parse_size("100B", &u) && u == 100,
           "sizes");
    tap_ok(imx_edit_distance("batch", "batch") == 0 && imx_edit_distance("bacth", "batch") == 1 &&
               imx_edit_distance("", "abc") == 3 && imx_edit_distance("kitten", "sitting") == 3,
           "edit distances");
}

static void shortest(void)
{
    int wrong = 0;
    char text[32];
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t r[4];
        double d;
        float f;
        imx_random4(7, 0, IMX_STREAM_TEST, i, r);
        memcpy(&d, r, sizeof d);
        memcpy(&f, r + 2, sizeof f);
        if (isfinite(d)) {
            imx_double_text(d, text);
            const double back = strtod(text, NULL);
            wrong += memcmp(&back, &d, sizeof d) != 0;
        }
        if (isfinite(f)) {
            imx_float_text(f, text);
            const float back = strtof(text, NULL);
            wrong += memcmp(&back, &f, sizeof f) != 0;
        }
    }
    tap_ok(wrong == 0, "20,000 random floats and doubles read back bit for bit");
    imx_double_text(0.1, text);
    tap_ok(!strcmp(text, "0.1"), "0.1 is printed as 0.1, not as %s", text);
}

static void write_json(struct imx_json *j)
{
    imx_json_object(j, NULL);
    imx_json_string(j, "text",
                    "a\"b\\c\nd\te\x01"
                    "f \xC3\xA4 \xFF");
    imx_json_int(j, "least", INT64_MIN);
    imx_json_double(j, "nan", (double)NAN);
    imx_json_double(j, "third", 1.0 / 3);
    imx_json_float(j, "tenth", 0.1f);
    imx_json_array(j, "list");
    imx_json_bool(j, NULL, true);
    imx_json_string(j, NULL, NULL);
    imx_json_object(j, NULL);
    imx_json_end(j);
    imx_json_end(j);
    imx_json_end(j);
}

static void json(void)
{
    struct imx_json j = { 0 };
    struct imx_json_doc doc;
    write_json(&j);
    tap_ok(imx_json_check(&j) == IMX_OK && !memchr(j.text.data, '\n', j.text.size), "JSON on one line");
    if (tap_ok(imx_json_parse(j.text.data, j.text.size, NULL, &doc) == IMX_OK, "JSON reads back %s",
               imx_error_text())) {
        const char *text = imx_json_get_string(doc.root, "text", "");
        tap_ok(!strcmp(text, "a\"b\\c\nd\te\x01"
                             "f \xC3\xA4 \xEF\xBF\xBD"),
               "text with escapes and repaired UTF-8");
        const struct imx_json_node *n = imx_json_get(doc.root, "least");
        tap_ok(n && n->is_int && n->integer == INT64_MIN, "the least integer");
        n = imx_json_get(doc.root, "nan");
        tap_ok(n && n->type == IMX_JSON_NULL, "NaN becomes null");
        const double third = imx_json_get_number(doc.root, "third", 0);
        tap_ok(!(fabs(third - 1.0 / 3) > 0), "a double");
        n = imx_json_get(doc.root, "list");
        tap_ok(n && n->count == 3 && n->child->truth && n->child->next->type == IMX_JSON_NULL, "a list");
    }
    imx_json_doc_free(&doc);
    imx_json_free(&j);
    imx_json_object(&j, NULL);
    tap_ok(imx_json_check(&j) == IMX_E_INTERNAL, "an object left open is noticed");
    imx_json_free(&j);
}

static void bad_json(void)
{
    static const char *const list[] = { "",
                                        "{",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "01",
                                        "1.",
                                        "+1",
                                        ".5",
                                        "1e",
                                        "nul",
                                        "\"\\x\"",
                                        "\"a",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\u0000\"",
                                        "\"\x01\"",
                                        "\"\xFF\"",
                                        "[1 2]",
                                        "{\"a\" 1}",
                                        "1 2",
                                        "1e999",
                                        "{\"a\":1,\"a\":2}",
                                        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" };
    struct imx_json_doc doc;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        tap_ok(imx_json_parse(list[i], strlen(list[i]), NULL, &doc) == IMX_E_FORMAT, "JSON refused: case %zu", i);
        imx_json_doc_free(&doc);
    }
    const struct imx_json_limits few = { .nodes = 3 };
    tap_ok(imx_json_parse("[1,2,3]", 7, &few, &doc) == IMX_E_FORMAT, "JSON with too many values is refused");
}

static const char toml_text[] = "# a comment\n"
                                "top = 1_000\n"
                                "[train]\n"
                                "lr = 1e-4 # the step\n"
                                "name = \"a \\\"b\\\" \\\\ #c\"\n"
                                "plain = 'C:\\dir'\n"
                                "on = true\n"
                                "list = [ 1, 2,\n  3, ] # three\n"
                                "[ a . \"b c\" ]\n"
                                "x.y = -0.5\r\n";

static void toml(void)
{
    struct imx_toml doc;
    if (!tap_ok(imx_toml_parse(toml_text, strlen(toml_text), "test", &doc) == IMX_OK, "TOML: %s", imx_error_text()))
        return;
    const struct imx_toml_entry *e = imx_toml_get(&doc, "", "top");
    tap_ok(e && e->type == IMX_TOML_INT && !strcmp(e->string, "1000"), "an integer with a separator");
    e = imx_toml_get(&doc, "train", "name");
    tap_ok(e && !strcmp(e->string, "a \"b\" \\ #c") && e->line == 5, "a string with escapes, and its line");
    e = imx_toml_get(&doc, "train", "plain");
    tap_ok(e && !strcmp(e->string, "C:\\dir"), "a literal string");
    e = imx_toml_get(&doc, "train", "list");
    tap_ok(e && e->items == 3 && !strcmp(e->item[2], "3"), "an array over two lines");
    e = imx_toml_get(&doc, "a.b c.x", "y");
    tap_ok(e && e->type == IMX_TOML_FLOAT && e->line == 11, "dotted and quoted keys");
    imx_toml_free(&doc);

    struct imx_text t = { 0 };
    char *items[] = { "p q", "\"" };
    imx_toml_put_table(&t, "run");
    imx_toml_put_string(&t, "path", "a\\b \"c\"\n");
    imx_toml_put_float(&t, "ten", 10);
    imx_toml_put_int(&t, "odd key", -3);
    imx_toml_put_bool(&t, "off", false);
    imx_toml_put_strings(&t, "items", items, 2);
    if (tap_ok(imx_toml_parse(t.data, t.size, "test", &doc) == IMX_OK, "what is written parses: %s",
               imx_error_text())) {
        e = imx_toml_get(&doc, "run", "path");
        tap_ok(e && !strcmp(e->string, "a\\b \"c\"\n"), "a written string comes back");
        e = imx_toml_get(&doc, "run", "ten");
        tap_ok(e && e->type == IMX_TOML_FLOAT, "a float stays a float");
        e = imx_toml_get(&doc, "run", "items");
        tap_ok(e && e->items == 2 && !strcmp(e->item[1], "\""), "a written array comes back");
    }
    imx_toml_free(&doc);
    imx_text_free(&t);
}

static void bad_toml(void)
{
    static const struct {
        const char *text;
        int line;
    } list[] = {
        { "a = 1\nb\n", 2 },     { "a = \n", 1 },      { "\n\na = 1 2\n", 3 },  { "a = \"x\n", 1 },
        { "a = 1\na = 2\n", 2 }, { "[t\n", 1 },        { "a = [1, [2]]\n", 1 }, { "a = {b = 1}\n", 1 },
        { "[[t]]\n", 1 },        { "a = yes\n", 1 },   { "a = 0x10\n", 1 },     { "a = \"\\q\"\n", 1 },
        { "= 1\n", 1 },          { "a = [1 2]\n", 1 }, { "a = \"\xFF\"\n", 1 }, { "a = [1,\n2\n", 3 },
    };
    struct imx_toml doc;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char line[32];
        const imx_status s = imx_toml_parse(list[i].text, strlen(list[i].text), "t.toml", &doc);
        snprintf(line, sizeof line, "t.toml line %d:", list[i].line);
        tap_ok(s == IMX_E_FORMAT && !strncmp(imx_error_text(), line, strlen(line)), "TOML refused: %s",
               imx_error_text());
        imx_toml_free(&doc);
    }
}

/* Whatever comes of them, the parsers end, and the sanitizers have nothing to say. */
static void damages(void)
{
    struct imx_json j = { 0 };
    int refused = 0;
    write_json(&j);
    for (uint32_t round = 0; round < 6000 && j.text.data; round++) {
        const bool with_toml = round % 2;
        const char *good = with_toml ? toml_text : j.text.data;
        const uint32_t n = (uint32_t)strlen(good);
        uint32_t draw = 0;
        char *bad = malloc(n);
        memcpy(bad, good, n);
        for (uint32_t k = 0; k < 1 + round % 4; k++)
            bad[imx_random_below(3, round, IMX_STREAM_TEST, &draw, n)] =
                (char)imx_random_below(3, round, IMX_STREAM_TEST, &draw, 256);
        const uint32_t size = round % 3 ? n : imx_random_below(3, round, IMX_STREAM_TEST, &draw, n);
        struct imx_json_doc doc = { 0 };
        struct imx_toml config = { 0 };
        refused += with_toml ? imx_toml_parse(bad, size, "damaged", &config) != IMX_OK
                             : imx_json_parse(bad, size, NULL, &doc) != IMX_OK;
        imx_json_doc_free(&doc);
        imx_toml_free(&config);
        free(bad);
    }
    tap_ok(refused > 2000, "6,000 damaged texts, %d refused, no crash", refused);
    imx_json_free(&j);
}

int main(void)
{
    char hex[65];
    imx_sha256_of("abc", 3, hex);
    tap_ok(!strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
           "SHA-256 of FIPS 180's example");
    numbers();
    shortest();
    json();
    bad_json();
    toml();
    bad_toml();
    damages();
    return tap_done();
}
