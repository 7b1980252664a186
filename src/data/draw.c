/* One picture in layers: background, copies of the shape with 4x4 samples per pixel, thin lines and patches
 * that cover a little of it, noise. All lots come from stream IMX_STREAM_SYNTH at step = number. */
#include "data/draw.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "data/shape.h"
#include "io/png_write.h"

enum { SUB = 4, GRID = 9, FEWEST = 4, MOST = 7 };

struct lot {
    uint64_t seed, number;
    uint32_t next, have, word[4];
};

static uint32_t word(struct lot *l)
{
    if (!l->have) {
        imx_random4(l->seed, l->number, IMX_STREAM_SYNTH, l->next++, l->word);
        l->have = 4;
    }
    return l->word[--l->have];
}

static double between(struct lot *l, double a, double b)
{
    return a + (b - a) * (double)imx_unit(word(l));
}

static int below(struct lot *l, int n)
{
    return (int)(((uint64_t)word(l) * (uint32_t)n) >> 32);
}

/* (c, s) = a direction with uniform angle: rejection from the square needs no trigonometry. */
static void direction(struct lot *l, double *c, double *s)
{
    double x, y, r;
    do {
        x = between(l, -1, 1);
        y = between(l, -1, 1);
        r = x * x + y * y;
    } while (r > 1 || r < 0.01);
    *c = x / sqrt(r);
    *s = y / sqrt(r);
}

struct colour {
    double v[3];
};

static double luma(const struct colour *c)
{
    return 0.299 * c->v[0] + 0.587 * c->v[1] + 0.114 * c->v[2];
}

/* A colour near the grey of the given level. */
static struct colour tint(struct lot *l, double level, double spread)
{
    struct colour c;
    for (int k = 0; k < 3; k++) {
        c.v[k] = level + between(l, -spread, spread);
        c.v[k] = c.v[k] < 0 ? 0 : c.v[k] > 1 ? 1 : c.v[k];
    }
    return c;
}

struct canvas {
    int size;
    double *v; /* [size, size, 3] */
};

static void blend(struct canvas *cv, int x, int y, const struct colour *c, double cover)
{
    double *p = cv->v + 3 * ((size_t)y * (size_t)cv->size + (size_t)x);
    for (int k = 0; k < 3; k++)
        p[k] += cover * (c->v[k] - p[k]);
}

/* Smooth noise: a lattice of cells x cells lots, interpolated by 3t^2 - 2t^3. */
struct field {
    int cells;
    double v[GRID + 1][GRID + 1];
};

static void make_field(struct lot *l, struct field *f, int cells)
{
    f->cells = cells;
    for (int i = 0; i <= cells; i++)
        for (int j = 0; j <= cells; j++)
            f->v[i][j] = between(l, -1, 1);
}

static double at_field(const struct field *f, double u, double v)
{
    const double x = u * f->cells, y = v * f->cells;
    const int i = (int)y, j = (int)x;
    double s = x - j, t = y - i;
    s = s * s * (3 - 2 * s);
    t = t * t * (3 - 2 * t);
    return (f->v[i][j] * (1 - s) + f->v[i][j + 1] * s) * (1 - t) +
           (f->v[i + 1][j] * (1 - s) + f->v[i + 1][j + 1] * s) * t;
}

/* Between colours a and b: a gradient, clouds, stripes, a chequer or plain, always with some clouds. */
static void background(struct lot *l, struct canvas *cv, double level)
{
    const struct colour a = tint(l, level - 0.04, 0.06), b = tint(l, level + 0.04, 0.06);
    struct field wide, fine;
    const int kind = below(l, 5);
    const double period = between(l, 0.12, 0.35), shift = between(l, 0, 1), amount = between(l, 0.05, 0.15);
    double c, s;
    direction(l, &c, &s);
    make_field(l, &wide, 3);
    make_field(l, &fine, GRID);
    for (int y = 0; y < cv->size; y++)
        for (int x = 0; x < cv->size; x++) {
            const double u = (x + 0.5) / cv->size, v = (y + 0.5) / cv->size;
            const double along = c * (u - 0.5) + s * (v - 0.5), across = c * (v - 0.5) - s * (u - 0.5);
            const double p = along / period + shift, q = across / period + shift;
            double t = 0.5;
            if (kind == 0)
                t = 0.5 + 0.7 * along;
            else if (kind == 1)
                t = 0.5 + 0.5 * at_field(&wide, u, v);
            else if (kind == 2)
                t = fabs(2 * (p - floor(p)) - 1);
            else if (kind == 3)
                t = ((int)floor(p) + (int)floor(q)) & 1 ? 0.8 : 0.2;
            t += amount * at_field(&fine, u, v);
            blend(cv, x, y, &a, 1);
            blend(cv, x, y, &b, t < 0 ? 0 : t > 1 ? 1 : t);
        }
}

struct place {
    double x, y, r, c, s;
};

/* Paints where inside() holds in the frame of `at`; light to dark across it. */
static void paint(struct canvas *cv, bool (*inside)(double, double), const struct place *at, const struct colour *col,
                  double shade)
{
    const double n = cv->size;
    const int y0 = (int)((at->y - at->r) * n), y1 = (int)((at->y + at->r) * n) + 1;
    const int x0 = (int)((at->x - at->r) * n), x1 = (int)((at->x + at->r) * n) + 1;
    for (int y = y0 < 0 ? 0 : y0; y <= y1 && y < cv->size; y++)
        for (int x = x0 < 0 ? 0 : x0; x <= x1 && x < cv->size; x++) {
            int hits = 0;
            double along = 0;
            for (int k = 0; k < SUB * SUB; k++) {
                const double dx = ((x + (k % SUB + 0.5) / SUB) / n - at->x) / at->r;
                const double dy = ((y + ((int)(k / SUB) + 0.5) / SUB) / n - at->y) / at->r;
                const double u = at->c * dx + at->s * dy, v = at->c * dy - at->s * dx;
                hits += inside(u, v);
                along = dx + dy;
            }
            if (!hits)
                continue;
            struct colour c = *col;
            for (int k = 0; k < 3; k++)
                c.v[k] += shade * along * 0.5;
            blend(cv, x, y, &c, (double)hits / (SUB * SUB));
        }
}

static bool line(double x, double y)
{
    return y < 0.035 && y > -0.035 && x * x < 1;
}

static bool patch(double x, double y)
{
    return x < 0.7 && x > -0.7 && y < 0.55 && y > -0.55;
}

/* Several copies that hardly touch: what they have in common is the shape alone, and it is seen from many places of
 * the picture. */
static int places(struct lot *l, struct place *at)
{
    const int wanted = FEWEST + below(l, MOST - FEWEST + 1);
    int n = 0;
    for (int tries = 0; n < wanted && tries < 60; tries++) {
        struct place p;
        bool free = true;
        p.r = between(l, 0.14, 0.23);
        p.x = between(l, 0.8 * p.r, 1 - 0.8 * p.r);
        p.y = between(l, 0.8 * p.r, 1 - 0.8 * p.r);
        p.s = between(l, -0.5, 0.5); /* 30 degrees either way */
        p.c = sqrt(1 - p.s * p.s);
        for (int i = 0; i < n; i++) {
            const double dx = p.x - at[i].x, dy = p.y - at[i].y, r = 0.9 * (p.r + at[i].r);
            free = free && dx * dx + dy * dy > r * r;
        }
        if (free)
            at[n++] = p;
    }
    return n;
}

/* A colour of its own for each copy, well away from the background's level. */
static struct colour ink_on(struct lot *l, double ground)
{
    const double contrast = between(l, 0.28, 0.45), least = 0.24;
    const bool lighter = ground < 0.4 || (ground < 0.6 && below(l, 2));
    struct colour ink = tint(l, lighter ? ground + contrast : ground - contrast, 0.16);
    const double away = luma(&ink) - ground;
    if (fabs(away) < least)
        for (int k = 0; k < 3; k++)
            ink.v[k] += (lighter ? least : -least) - away;
    return ink;
}

imx_status imx_draw_picture(uint64_t seed, uint32_t number, int32_t class, int32_t size, uint8_t *dst)
{
    struct lot l = { .seed = seed, .number = number };
    struct canvas cv = { size, calloc((size_t)size * (size_t)size * 3, sizeof(double)) };
    struct place at[MOST];
    const size_t values = (size_t)size * (size_t)size * 3;
    if (!cv.v)
        return imx_fail(IMX_E_NOMEM, "out of memory for a drawn picture");
    const double ground = between(&l, 0.35, 0.65);
    background(&l, &cv, ground);
    const int copies = places(&l, at);
    for (int i = 0; i < copies; i++) {
        const struct colour ink = ink_on(&l, ground);
        paint(&cv, imx_shapes[class].inside, &at[i], &ink, between(&l, -0.12, 0.12));
    }
    for (int i = below(&l, 2); i > 0; i--) {
        struct place p = { between(&l, 0, 1), between(&l, 0, 1), between(&l, 0.3, 0.8), 1, 0 };
        direction(&l, &p.c, &p.s);
        const bool wide = below(&l, 2);
        p.r = wide ? 0.11 * p.r / 0.55 : p.r;
        const struct colour c = tint(&l, between(&l, 0.2, 0.8), 0.2);
        paint(&cv, wide ? patch : line, &p, &c, 0);
    }
    const double noise = between(&l, 0, 0.025);
    for (size_t i = 0; i < values; i++) {
        const double v = 255 * (cv.v[i] + noise * (between(&l, -1, 1) + between(&l, -1, 1))) + 0.5;
        dst[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    free(cv.v);
    return IMX_OK;
}

int32_t imx_draw_shapes(void)
{
    return imx_shape_count;
}

const char *imx_draw_shape_name(int32_t class)
{
    return imx_shapes[class].name;
}

static imx_status settle(const struct imx_draw *draw, struct imx_draw *d)
{
    *d = *draw;
    d->classes = d->classes ? d->classes : 10;
    d->size = d->size ? d->size : 32;
    if (d->classes < 2 || d->classes > imx_shape_count)
        return imx_fail(IMX_E_ARG, "%d classes: 2 to %d can be drawn", d->classes, imx_shape_count);
    if (d->size < 8 || d->size > 1024)
        return imx_fail(IMX_E_ARG, "size %d: pictures of 8 to 1024 pixels can be drawn", d->size);
    if (d->count < d->classes)
        return imx_fail(IMX_E_ARG, "%d pictures are too few for %d classes", d->count, d->classes);
    return IMX_OK;
}

struct job {
    const struct imx_draw *d;
    uint8_t *pix;
    int32_t from;       /* first picture of this round */
    atomic_bool failed; /* out of memory in one of the threads */
};

static void draw_one(void *user, int64_t i)
{
    struct job *j = user;
    const int32_t number = j->from + (int32_t)i;
    const size_t image = (size_t)j->d->size * (size_t)j->d->size * 3;
    if (imx_draw_picture(j->d->seed, j->d->first + (uint32_t)number, number % j->d->classes, j->d->size,
                         j->pix + (size_t)i * image) != IMX_OK)
        atomic_store(&j->failed, true);
}

static imx_status draw_all(struct job *j, int32_t n)
{
    atomic_init(&j->failed, false);
    imx_parallel(j->d->threads, n, draw_one, j);
    return atomic_load(&j->failed) ? imx_fail(IMX_E_NOMEM, "out of memory for drawn pictures") : IMX_OK;
}

imx_status imx_draw_dataset(const struct imx_draw *draw, struct imx_dataset **out)
{
    struct imx_draw d;
    *out = NULL;
    IMX_TRY(settle(draw, &d));
    uint8_t *pix = malloc((size_t)d.count * (size_t)d.size * (size_t)d.size * 3);
    int32_t *label = malloc((size_t)d.count * sizeof *label);
    if (!pix || !label) {
        free(pix);
        free(label);
        return imx_fail(IMX_E_NOMEM, "out of memory for %d drawn pictures", d.count);
    }
    struct job job = { .d = &d, .pix = pix };
    const imx_status status = draw_all(&job, d.count);
    if (status != IMX_OK) {
        free(pix);
        free(label);
        return status;
    }
    for (int32_t i = 0; i < d.count; i++)
        label[i] = i % d.classes;
    IMX_TRY(imx_dataset_of_pixels(pix, label, d.count, d.size, d.size, 3, out));
    for (int32_t i = 0; i < d.classes; i++) {
        char *name = strdup(imx_shapes[i].name);
        if (!name) {
            imx_dataset_destroy(*out);
            *out = NULL;
            return imx_fail(IMX_E_NOMEM, "out of memory for the class names");
        }
        free((*out)->class[i].name);
        (*out)->class[i].name = name;
    }
    return IMX_OK;
}

static imx_status write_one(const struct imx_draw *d, const char *folder, int32_t number, const uint8_t *pix)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s/%06u.png", folder, imx_shapes[number % d->classes].name,
                 d->first + (uint32_t)number) >= (int)sizeof path)
        return imx_fail(IMX_E_ARG, "the path of the folder is too long");
    return imx_png_write(path, d->size, d->size, 3, pix);
}

imx_status imx_draw_folder(const struct imx_draw *draw, const char *folder,
                           void (*progress)(void *user, uint64_t done, uint64_t total), void *user)
{
    enum { ROUND = 256 };
    struct imx_draw d;
    char path[4096];
    imx_status status = IMX_OK;
    IMX_TRY(settle(draw, &d));
    for (int32_t i = 0; i < d.classes; i++) {
        if (!imx_join(path, sizeof path, folder, imx_shapes[i].name))
            return imx_fail(IMX_E_ARG, "the path of the folder is too long");
        IMX_TRY(imx_mkdirs(path));
    }
    const size_t image = (size_t)d.size * (size_t)d.size * 3;
    uint8_t *pix = malloc(ROUND * image);
    if (!pix)
        return imx_fail(IMX_E_NOMEM, "out of memory for %d drawn pictures", ROUND);
    for (int32_t from = 0; status == IMX_OK && from < d.count; from += ROUND) {
        const int32_t n = d.count - from < ROUND ? d.count - from : ROUND;
        struct job job = { .d = &d, .pix = pix, .from = from };
        status = draw_all(&job, n);
        for (int32_t i = 0; status == IMX_OK && i < n; i++)
            status = write_one(&d, folder, from + i, pix + (size_t)i * image);
        if (progress)
            progress(user, (uint64_t)(from + n), (uint64_t)d.count);
    }
    free(pix);
    return status;
}
