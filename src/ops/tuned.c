/* See tuned.h. */
#include "ops/tuned.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "dev/kernel.h"
#include "dev/probe.h"

enum { LARGEST_FILE = 4 << 20 };
static const char head[] = "infomax tuned choices, format 1\n";

static void add(struct imx_sha256 *h, const char *text)
{
    imx_sha256_add(h, text, strlen(text) + 1);
}

void imx_tuned_key(const struct imx_caps *caps, char key[65])
{
    const uint32_t numbers[] = {
        caps->compute_units,        caps->max_group, caps->vec_float, caps->max_items[0], caps->max_items[1],
        caps->max_items[2],         caps->subgroups, caps->sub_sizes, caps->sub_std,      (uint32_t)caps->type,
        (uint32_t)caps->local_bytes
    };
    const struct imx_kernel_source *last = NULL;
    struct imx_sha256 h;
    imx_sha256_init(&h);
    add(&h, head);
    add(&h, IMX_VERSION);
    add(&h, caps->platform);
    add(&h, caps->name);
    add(&h, caps->vendor);
    add(&h, caps->driver);
    add(&h, caps->opencl);
    imx_sha256_add(&h, numbers, sizeof numbers);
    if (caps->half)
        add(&h, "half");
    for (const struct imx_kernel *const *k = imx_kernels; *k; k++)
        if ((*k)->source != last) {
            last = (*k)->source;
            imx_sha256_add(&h, last->text, last->length);
        }
    imx_sha256_hex(&h, key);
}

/* One line: the file has no way to escape. */
static void copy_line(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

static struct imx_tuned *grow(struct imx_tuned *t, int room)
{
    struct imx_tuned *more = realloc(t, sizeof *t + (size_t)room * sizeof t->choice[0]);
    if (!more)
        return NULL;
    if (!t)
        memset(more, 0, sizeof *more);
    more->room = room;
    return more;
}

imx_status imx_tuned_create(const struct imx_caps *caps, struct imx_tuned **out)
{
    struct imx_tuned *t = grow(NULL, 16);
    if (!t)
        return imx_fail(IMX_E_NOMEM, "no memory for tuned choices");
    copy_line(t->device, sizeof t->device, caps->name);
    copy_line(t->driver, sizeof t->driver, caps->driver);
    imx_tuned_key(caps, t->key);
    *out = t;
    return IMX_OK;
}

static bool same_problem(const struct imx_op *op, const void *a, const void *b)
{
    for (const struct imx_field *f = op->fields; f->key; f++)
        if (memcmp((const char *)a + f->offset, (const char *)b + f->offset, 4))
            return false;
    return true;
}

const struct imx_choice *imx_tuned_find(const struct imx_tuned *t, const struct imx_op *op, const void *problem)
{
    for (int i = 0; t && i < t->n; i++)
        if (t->choice[i].op == op && same_problem(op, t->choice[i].problem, problem))
            return &t->choice[i];
    return NULL;
}

static bool has_values(const int32_t value[IMX_MAX_TUNABLES])
{
    for (int i = 0; i < IMX_MAX_TUNABLES; i++)
        if (value[i])
            return true;
    return false;
}

imx_status imx_tuned_put(struct imx_tuned **t, const struct imx_choice *choice)
{
    struct imx_choice *old = (struct imx_choice *)imx_tuned_find(*t, choice->op, choice->problem);
    if (choice->op->problem_size > IMX_TUNED_PROBLEM)
        return imx_fail(IMX_E_INTERNAL, "%s: a problem of %zu bytes", choice->op->name, choice->op->problem_size);
    if (has_values(choice->value) && !choice->variant->tunables)
        return imx_fail(IMX_E_ARG, "%s/%s has nothing to tune", choice->op->name, choice->variant->name);
    if (!old && (*t)->n == (*t)->room) {
        struct imx_tuned *more = grow(*t, 2 * (*t)->room + 16);
        if (!more)
            return imx_fail(IMX_E_NOMEM, "no memory for tuned choices");
        *t = more;
    }
    if (!old)
        old = &(*t)->choice[(*t)->n++];
    *old = *choice;
    return IMX_OK;
}

bool imx_tuned_values(const struct imx_caps *caps, const struct imx_op *op, const struct imx_variant *variant,
                      const void *problem, int32_t value[IMX_MAX_TUNABLES])
{
    const struct imx_choice *c = imx_tuned_find(caps->tuned, op, problem);
    if (!c || c->variant != variant || !has_values(c->value) || !variant->tunables->ok(caps, problem, c->value))
        return false;
    memcpy(value, c->value, sizeof c->value);
    return true;
}

int imx_tuned_changes(const struct imx_tuned *t, const struct imx_caps *caps)
{
    struct imx_dev plain = { .caps = *caps };
    int changes = 0;
    plain.caps.tuned = NULL;
    for (int i = 0; t && i < t->n; i++) {
        const struct imx_choice *c = &t->choice[i];
        changes += has_values(c->value) || imx_op_pick(&plain, c->op, c->problem, NULL) != c->variant;
    }
    return changes;
}

/* ---- text ---- */

void imx_tuned_options(const struct imx_variant *v, const int32_t value[IMX_MAX_TUNABLES], char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "-");
    for (int i = 0; v->tunables && has_values(value) && i < v->tunables->n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s=%d", i ? "," : "", v->tunables->at[i].name, value[i]);
}

bool imx_tuned_parse_options(const struct imx_variant *v, const char *text, int32_t value[IMX_MAX_TUNABLES])
{
    memset(value, 0, IMX_MAX_TUNABLES * sizeof *value);
    if (!strcmp(text, "-"))
        return true;
    for (int i = 0; v->tunables && i < v->tunables->n; i++) {
        const char *name = v->tunables->at[i].name;
        const size_t n = strlen(name);
        char digits[12] = "";
        int64_t number = 0;
        if (strncmp(text, name, n) || text[n] != '=')
            return false;
        text += n + 1;
        const size_t len = strcspn(text, ",");
        if (len >= sizeof digits)
            return false;
        memcpy(digits, text, len);
        if (!imx_parse_int(digits, &number) || number < 1 || number > INT32_MAX)
            return false;
        value[i] = (int32_t)number;
        text += len;
        if (i + 1 == v->tunables->n)
            return !*text;
        if (*text++ != ',')
            return false;
    }
    return false;
}

static void seal(struct imx_text *out, size_t from)
{
    char sum[65];
    if (out->failed)
        return;
    imx_sha256_of(out->data + from, out->size - from, sum);
    imx_text_printf(out, "sum %s\n", sum);
}

void imx_tuned_print(const struct imx_tuned *t, struct imx_text *out)
{
    const size_t from = out->size;
    char problem[192], options[128], ms[32], without[32];
    imx_text_printf(out, "%sdevice %s\ndriver %s\nkey %s\n", head, t->device, t->driver, t->key);
    for (int i = 0; i < t->n; i++) {
        const struct imx_choice *c = &t->choice[i];
        imx_problem_print(c->op, c->problem, problem, sizeof problem);
        imx_tuned_options(c->variant, c->value, options, sizeof options);
        imx_double_text(c->ms, ms);
        imx_double_text(c->without, without);
        imx_text_printf(out, "%s %s %s %s %s %s\n", c->op->name, problem, c->variant->name, options, ms, without);
    }
    seal(out, from);
}

static const struct imx_variant *find_variant(const struct imx_op *op, const char *name)
{
    for (const struct imx_variant *const *v = op->variants; v && *v; v++)
        if (!strcmp((*v)->name, name))
            return *v;
    return NULL;
}

/* One line of choices; *known = false when this build lacks what it names. */
static imx_status parse_choice(char *line, int number, struct imx_choice *c, bool *known)
{
    char *field[6], *at = line;
    for (int i = 0; i < 6; i++) {
        field[i] = at;
        at += strcspn(at, " ");
        if ((*at != ' ') != (i == 5) || at == field[i])
            return imx_fail(IMX_E_FORMAT, "line %d does not have 6 words with one blank between them", number);
        *at = 0;
        at += i < 5;
    }
    *c = (struct imx_choice){ .op = imx_op_find(field[0]) };
    if (!imx_parse_double(field[4], &c->ms) || !imx_parse_double(field[5], &c->without) || !(c->ms > 0) ||
        !(c->without > 0))
        return imx_fail(IMX_E_FORMAT, "line %d: \"%s %s\" are not two times in ms", number, field[4], field[5]);
    c->variant = c->op ? find_variant(c->op, field[2]) : NULL;
    *known = c->variant && c->op->problem_size <= IMX_TUNED_PROBLEM &&
             imx_problem_parse(c->op, field[1], c->problem) == IMX_OK &&
             imx_tuned_parse_options(c->variant, field[3], c->value);
    if (!*known)
        imx_error_clear();
    return IMX_OK;
}

/* "NAME rest" into text. */
static bool parse_head(const char *line, const char *name, char *text, size_t size)
{
    const size_t n = strlen(name);
    return !strncmp(line, name, n) && line[n] == ' ' && (size_t)snprintf(text, size, "%s", line + n + 1) < size;
}

static imx_status parse_lines(char *text, struct imx_tuned **t)
{
    int number = 1;
    for (char *line = text, *end; *line; line = end + 1, number++) {
        struct imx_choice choice;
        bool known = false, head_ok = true;
        end = line + strcspn(line, "\n");
        *end = 0;
        if (number == 2)
            head_ok = parse_head(line, "device", (*t)->device, sizeof(*t)->device);
        else if (number == 3)
            head_ok = parse_head(line, "driver", (*t)->driver, sizeof(*t)->driver);
        else if (number == 4)
            head_ok = parse_head(line, "key", (*t)->key, sizeof(*t)->key) && strlen((*t)->key) == 64;
        if (!head_ok)
            return imx_fail(IMX_E_FORMAT, "line %d is not the device, driver or key", number);
        if (number <= 4)
            continue;
        IMX_TRY(parse_choice(line, number, &choice, &known));
        if (known && imx_tuned_find(*t, choice.op, choice.problem))
            return imx_fail(IMX_E_FORMAT, "line %d: this problem has a choice already", number);
        if (known)
            IMX_TRY(imx_tuned_put(t, &choice));
        else
            (*t)->unknown++;
    }
    return number > 4 ? IMX_OK : imx_fail(IMX_E_FORMAT, "the device, driver or key is missing");
}

imx_status imx_tuned_parse(const char *text, size_t bytes, struct imx_tuned **out)
{
    enum { SEAL = 4 + 64 + 1 }; /* "sum ", digits, newline */
    char sum[65];
    const size_t body = bytes > SEAL ? bytes - SEAL : 0;
    if (bytes < strlen(head) || memcmp(text, head, strlen(head)))
        return imx_fail(IMX_E_FORMAT, "it does not begin with \"%.31s\"", head);
    if (body)
        imx_sha256_of(text, body, sum);
    if (!body || text[body - 1] != '\n' || memcmp(text + body, "sum ", 4) || memcmp(text + body + 4, sum, 64) ||
        text[bytes - 1] != '\n' || memchr(text, 0, bytes))
        return imx_fail(IMX_E_FORMAT, "its checksum does not fit: the file was changed or is not whole");
    struct imx_tuned *t = grow(NULL, 16);
    char *copy = strndup(text, body);
    imx_status status = t && copy ? parse_lines(copy, &t) : imx_fail(IMX_E_NOMEM, "no memory for tuned choices");
    free(copy);
    if (status == IMX_OK)
        *out = t;
    else
        free(t);
    return status;
}

/* ---- files ---- */

bool imx_tuned_path(const struct imx_caps *caps, char *path, size_t size)
{
    char dir[4000], name[64], key[65];
    imx_tuned_key(caps, key);
    snprintf(name, sizeof name, "tuned-%.24s.txt", key);
    return imx_cache_folder(dir, sizeof dir) && imx_join(path, size, dir, name);
}

imx_status imx_tuned_read(const char *path, struct imx_tuned **out)
{
    char *text = NULL;
    size_t bytes = 0;
    *out = NULL;
    if (!imx_file_size(path, NULL))
        return IMX_OK;
    IMX_TRY(imx_file_read(path, LARGEST_FILE, &text, &bytes));
    const imx_status status = imx_tuned_parse(text, bytes, out);
    free(text);
    return status == IMX_OK ? IMX_OK : imx_note(status, "%s", path);
}

/* Is this the name of a file of choices? */
static bool is_table(const char *name)
{
    const size_t n = strlen(name);
    return !strncmp(name, "tuned-", 6) && n > 4 && !strcmp(name + n - 4, ".txt");
}

int imx_tuned_others(const struct imx_caps *caps, const char *path, struct imx_tuned **other, int most)
{
    char folder[4096], file[4400], key[65], device[sizeof other[0]->device];
    int n = 0;
    imx_tuned_key(caps, key);
    copy_line(device, sizeof device, caps->name);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return 0;
    *slash = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && n < most && (e = readdir(d));) {
        struct imx_tuned *t = NULL;
        snprintf(file, sizeof file, "%s/%s", folder, e->d_name);
        if (!is_table(e->d_name) || !strcmp(file, path) || imx_tuned_read(file, &t) != IMX_OK || !t)
            continue;
        if (strcmp(t->device, device) || !strcmp(t->key, key))
            free(t);
        else
            other[n++] = t;
    }
    if (d)
        closedir(d);
    imx_error_clear();
    return n;
}

imx_status imx_tuned_write(const char *path, const struct imx_tuned *t)
{
    struct imx_text text = { 0 };
    char folder[4096];
    imx_tuned_print(t, &text);
    imx_status status = imx_text_check(&text);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = 0;
        if (status == IMX_OK)
            status = imx_mkdirs(folder);
    }
    if (status == IMX_OK)
        status = imx_file_write(path, text.data, text.size);
    imx_text_free(&text);
    return status;
}
