/* The arenas and the one place where element order changes between files and device. See store.h. */
#include "graph/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/parallel.h"
#include "base/philox.h"

enum { ALIGN = 4096, SLICE = 1 << 16 /* values that a thread draws or moves at once */ };

imx_status imx_store_create(struct imx_dev *dev, bool training, struct imx_store **out)
{
    struct imx_store *s = calloc(1, sizeof *s);
    if (!s)
        return imx_fail(IMX_E_NOMEM, "no memory for a parameter store");
    s->dev = dev;
    s->training = training;
    *out = s;
    return IMX_OK;
}

void imx_store_destroy(struct imx_store *s)
{
    if (!s)
        return;
    for (int a = 0; a < IMX_ARENA_COUNT; a++)
        s->dev->vt->free(s->dev, s->buf[a]);
    free(s->param);
    free(s);
}

int imx_store_find(const struct imx_store *s, const char *name)
{
    for (int i = 0; i < s->n_params; i++)
        if (!strcmp(s->param[i].name, name))
            return i;
    return -1;
}

int imx_store_add(struct imx_store *s, const struct imx_param *param)
{
    const int old = imx_store_find(s, param->name);
    if (old >= 0) {
        if (memcmp(s->param[old].dims, param->dims, sizeof param->dims))
            return imx_fail(IMX_E_INTERNAL, "parameter %s has two shapes", param->name);
        return old;
    }
    const enum imx_arena arena = param->state ? IMX_ARENA_STATE : IMX_ARENA_PARAM;
    if (s->buf[IMX_ARENA_PARAM])
        return imx_fail(IMX_E_INTERNAL, "parameter %s comes after the arenas were laid out", param->name);
    struct imx_param *grown = realloc(s->param, sizeof *grown * (size_t)(s->n_params + 1));
    if (!grown)
        return imx_fail(IMX_E_NOMEM, "no memory for parameter %s", param->name);
    s->param = grown;
    grown[s->n_params] = *param;
    grown[s->n_params].off = s->bytes[arena];
    s->bytes[arena] += ((uint64_t)param->count * 4 + ALIGN - 1) / ALIGN * ALIGN;
    return s->n_params++;
}

imx_status imx_store_commit(struct imx_store *s)
{
    for (int a = IMX_ARENA_GRAD; a <= IMX_ARENA_V; a++)
        s->bytes[a] = s->training ? s->bytes[IMX_ARENA_PARAM] : 0;
    for (int a = 0; a < IMX_ARENA_COUNT; a++) {
        if (!s->bytes[a])
            continue;
        IMX_TRY(s->dev->vt->alloc(s->dev, s->bytes[a], &s->buf[a]));
        IMX_TRY(s->dev->vt->fill(s->dev, imx_store_arena(s, (enum imx_arena)a), 0));
    }
    return IMX_OK;
}

uint64_t imx_store_bytes(const struct imx_store *s)
{
    return s->bytes[IMX_ARENA_PARAM] * (s->training ? 4 : 1) + s->bytes[IMX_ARENA_STATE];
}

struct imx_mem imx_store_arena(const struct imx_store *s, enum imx_arena arena)
{
    return (struct imx_mem){ s->buf[arena], 0, s->bytes[arena] };
}

struct imx_mem imx_store_mem(const struct imx_store *s, int index, enum imx_arena arena)
{
    const struct imx_param *p = &s->param[index];
    return (struct imx_mem){ s->buf[p->state ? IMX_ARENA_STATE : arena], p->off, (uint64_t)p->count * 4 };
}

int imx_param_shape(const struct imx_param *p, int64_t shape[4])
{
    if (p->layout == IMX_LAYOUT_FLATTEN) {
        shape[0] = p->dims[0];
        shape[1] = (int64_t)p->dims[1] * p->dims[2] * p->dims[3];
        return 2;
    }
    if (p->layout == IMX_LAYOUT_UNFLATTEN) {
        shape[0] = (int64_t)p->dims[0] * p->dims[1] * p->dims[2];
        shape[1] = p->dims[3];
        return 2;
    }
    int rank = 0;
    while (rank < 4 && p->dims[rank]) {
        shape[rank] = p->dims[rank];
        rank++;
    }
    return rank;
}

/* Moves a tensor between the outside order and the inside one: the layouts have the channel axis before and behind the
 * two spatial ones. The items of the loop are the tensor's slowest axis. */
struct move {
    const struct imx_param *p;
    float *out, *in; /* outside and inside order */
    bool inward;
};

static void move_image(void *user, int64_t o)
{
    const struct move *m = user;
    const int64_t c = m->p->dims[1], area = (int64_t)m->p->dims[2] * m->p->dims[3];
    float *out = m->out + o * c * area, *in = m->in + o * c * area;
    for (int64_t i = 0; i < area; i++)
        for (int64_t k = 0; k < c; k++)
            if (m->inward)
                in[i * c + k] = out[k * area + i];
            else
                out[k * area + i] = in[i * c + k];
}

static void move_rows(void *user, int64_t channel)
{
    const struct move *m = user;
    const int64_t c = m->p->dims[0], area = (int64_t)m->p->dims[1] * m->p->dims[2], row = m->p->dims[3];
    for (int64_t i = 0; i < area; i++) {
        float *out = m->out + (channel * area + i) * row, *in = m->in + (i * c + channel) * row;
        memcpy(m->inward ? in : out, m->inward ? out : in, (size_t)row * sizeof *out);
    }
}

static void move(const struct imx_param *p, float *out, float *in, bool inward)
{
    struct move m = { p, out, in, inward };
    imx_parallel(p->count < SLICE ? 1 : 0, p->dims[0], p->layout == IMX_LAYOUT_UNFLATTEN ? move_rows : move_image, &m);
}

imx_status imx_store_get(struct imx_store *s, int index, enum imx_arena arena, float *values)
{
    const struct imx_param *p = &s->param[index];
    const uint64_t bytes = (uint64_t)p->count * 4;
    if (p->layout == IMX_LAYOUT_PLAIN)
        return s->dev->vt->download(s->dev, values, imx_store_mem(s, index, arena), bytes);
    float *raw = malloc(bytes);
    if (!raw)
        return imx_fail(IMX_E_NOMEM, "no memory to read parameter %s", p->name);
    const imx_status status = s->dev->vt->download(s->dev, raw, imx_store_mem(s, index, arena), bytes);
    if (status == IMX_OK)
        move(p, values, raw, false);
    free(raw);
    return status;
}

/* raw: room for the inside order, needed unless the layout is plain. */
static imx_status set(struct imx_store *s, int index, enum imx_arena arena, float *values, float *raw)
{
    const struct imx_param *p = &s->param[index];
    const bool plain = p->layout == IMX_LAYOUT_PLAIN;
    if (!plain)
        move(p, values, raw, true);
    return s->dev->vt->upload(s->dev, imx_store_mem(s, index, arena), plain ? values : raw, (uint64_t)p->count * 4);
}

imx_status imx_store_set(struct imx_store *s, int index, enum imx_arena arena, const float *values)
{
    const struct imx_param *p = &s->param[index];
    float *raw = p->layout == IMX_LAYOUT_PLAIN ? NULL : malloc((size_t)p->count * 4);
    if (!raw && p->layout != IMX_LAYOUT_PLAIN)
        return imx_fail(IMX_E_NOMEM, "no memory to write parameter %s", p->name);
    const imx_status status = set(s, index, arena, (float *)values, raw); /* which it only reads */
    free(raw);
    return status;
}

/* One tensor's draws, slice by slice on several threads: each value depends on its index alone. */
struct draw {
    const struct imx_param *p;
    uint64_t seed;
    uint32_t stream;
    double scale; /* half the width of a uniform draw, or the deviation of a normal one */
    float *values;
};

static void draw_uniform(void *user, int64_t slice)
{
    const struct draw *d = user;
    const int64_t end = (slice + 1) * SLICE < d->p->count ? (slice + 1) * SLICE : d->p->count;
    for (int64_t i = slice * SLICE; i < end; i += 4) {
        uint32_t word[4];
        imx_random4(d->seed, 0, d->stream, (uint32_t)(i / 4), word);
        for (int64_t j = i; j < i + 4 && j < end; j++)
            d->values[j] = (2.0f * imx_unit(word[j - i]) - 1.0f) * (float)d->scale;
    }
}

/* Box-Muller: words (0,1) and (2,3) of a draw make a pair each. */
static void draw_normal(void *user, int64_t slice)
{
    const struct draw *d = user;
    const double pi = 3.14159265358979323846;
    const int64_t end = (slice + 1) * SLICE < d->p->count ? (slice + 1) * SLICE : d->p->count;
    for (int64_t i = slice * SLICE; i < end; i++) {
        uint32_t word[4];
        imx_random4(d->seed, 0, d->stream, (uint32_t)(i / 4), word);
        const int pair = (int)(i % 4) / 2 * 2;
        const double radius = sqrt(-2 * log(1 - (double)imx_unit(word[pair])));
        const double angle = 2 * pi * (double)imx_unit(word[pair + 1]);
        d->values[i] = (float)(d->scale * radius * (i % 2 ? sin(angle) : cos(angle)));
    }
}

static void draw(const struct draw *d, void (*slice)(void *, int64_t))
{
    struct draw copy = *d;
    const int64_t slices = (d->p->count + SLICE - 1) / SLICE;
    imx_parallel(0, slices, slice, &copy);
}

static void initial(const struct imx_store *s, const struct imx_param *p, uint64_t seed, uint32_t stream, float *values)
{
    const bool uniform = p->init == IMX_INIT_GAMMA && s->uniform_gamma;
    struct draw d = { p, seed, stream, 0.5, values };
    switch (p->init) {
    case IMX_INIT_ZERO:
    case IMX_INIT_ONE:
    case IMX_INIT_GAMMA:
        if (uniform)
            draw(&d, draw_uniform);
        for (int64_t i = 0; i < p->count; i++)
            values[i] = uniform ? values[i] + 0.5f : p->init == IMX_INIT_ZERO ? 0.0f : 1.0f;
        break;
    case IMX_INIT_COUNT:
        for (int64_t i = 0; i < p->count; i++)
            values[i] = (float)i;
        break;
    case IMX_INIT_NORMAL:
        d.scale = 0.02;
        draw(&d, draw_normal);
        break;
    case IMX_INIT_UNIFORM:
        d.scale = 1.0 / sqrt((double)p->fan_in);
        draw(&d, draw_uniform);
        break;
    case IMX_INIT_SHORTCUT:
        d.scale = (double)0.01f;
        draw(&d, draw_uniform);
        for (int k = 0; k < p->dims[1] && p->dims[0] >= p->dims[1]; k++)
            values[(int64_t)k * p->dims[1] + k] = 1.0f;
        break;
    }
}

imx_status imx_store_init(struct imx_store *s, uint64_t seed)
{
    uint32_t index = 0; /* counts trainable parameters only: statistics do not shift anybody's numbers */
    int64_t most = 1;
    for (int i = 0; i < s->n_params; i++)
        most = s->param[i].count > most ? s->param[i].count : most;
    const size_t size = (size_t)most * 4; /* one pair of rooms for all tensors */
    float *values = imx_huge_pages(malloc(size), size), *raw = imx_huge_pages(malloc(size), size);
    imx_status status = values && raw ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory to draw the parameters");
    for (int i = 0; i < s->n_params && status == IMX_OK; i++) {
        const struct imx_param *p = &s->param[i];
        initial(s, p, seed, IMX_STREAM_INIT + 64 * index, values);
        index += !p->state;
        status = set(s, i, IMX_ARENA_PARAM, values, raw);
    }
    free(values);
    free(raw);
    return status;
}

int64_t imx_store_count(const struct imx_store *s, const char *prefix)
{
    int64_t n = 0;
    for (int i = 0; i < s->n_params; i++)
        if (!s->param[i].state && !strncmp(s->param[i].name, prefix, strlen(prefix)))
            n += s->param[i].count;
    return n;
}
