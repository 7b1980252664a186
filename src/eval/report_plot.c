/* Charts as inline SVG, drawn by hand: axes with round ticks; lines, clouds of points, dots with whiskers. See
 * report.h.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/report.h"

enum { WIDTH = 480, HEIGHT = 240, LEFT = 52, RIGHT = 12, TOP = 8, BOTTOM = 34 };

struct axis {
    double low, high, tick;
};

/* Widens [low, high] to round numbers: ticks of 1, 2 or 5 times a power of ten, about `want` of them. */
static struct axis round_axis(double low, double high, int want)
{
    if (!(high > low)) {
        const double pad = fabs(low) > 0 ? fabs(low) * 0.1 : 1;
        low -= pad;
        high += pad;
    }
    const double raw = (high - low) / want, power = pow(10, floor(log10(raw))), part = raw / power;
    const double tick = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
    return (struct axis){ floor(low / tick) * tick, ceil(high / tick) * tick, tick };
}

static double across(const struct axis *a, double v)
{
    return LEFT + (v - a->low) / (a->high - a->low) * (WIDTH - LEFT - RIGHT);
}

static double down(const struct axis *a, double v)
{
    return HEIGHT - BOTTOM - (v - a->low) / (a->high - a->low) * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(struct imx_text *t, const struct axis *x, const struct axis *y, const char *x_name)
{
    for (double v = y->low; v <= y->high + y->tick / 2; v += y->tick) {
        const double at = down(y, v), shown = fabs(v) < y->tick / 1e6 ? 0 : v;
        imx_text_printf(t, "<path class=axis d=\"M%d %.1fH%d\"/><text x=%d y=%.1f text-anchor=end>%.6g</text>\n", LEFT,
                        at, WIDTH - RIGHT, LEFT - 6, at + 4, shown);
    }
    for (double v = x->low; v <= x->high; v += x->tick)
        imx_text_printf(t, "<text x=%.1f y=%d text-anchor=middle>%.6g</text>\n", across(x, v), HEIGHT - BOTTOM + 15, v);
    imx_text_printf(t, "<text x=%d y=%d text-anchor=middle>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
    imx_html_text(t, x_name);
    imx_text_put(t, "</text>\n");
}

/* ---- colours and shapes ---- */

struct imx_look imx_look(size_t k)
{
    static const char *const css[] = { "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8" };
    static const char *const dashed[] = { "s1 dash", "s2 dash", "s3 dash", "s4 dash",
                                          "s5 dash", "s6 dash", "s7 dash", "s8 dash" };
    return (struct imx_look){ css[k % 8], dashed[k % 8], (enum imx_mark)(IMX_MARK_CIRCLE + k % 5) };
}

/* Up to the title of what is shown there, which </path> ends. */
static void begin_mark(struct imx_text *t, const char *css, enum imx_mark mark, double x, double y)
{
    static const char *const shape[] = {
        [IMX_MARK_NONE] = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
        [IMX_MARK_CIRCLE] = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
        [IMX_MARK_SQUARE] = "m-2.8-2.8h5.6v5.6h-5.6z",
        [IMX_MARK_TRIANGLE] = "m0-3.8l3.7 6.4h-7.4z",
        [IMX_MARK_DIAMOND] = "m0-4.1l4.1 4.1l-4.1 4.1l-4.1-4.1z",
        [IMX_MARK_CROSS] = "m-3.7-2.1l1.6-1.6 2.1 2.1 2.1-2.1 1.6 1.6-2.1 2.1 2.1 2.1-1.6 1.6-2.1-2.1-2.1 2.1-1.6-1.6 "
                           "2.1-2.1z",
    };
    imx_text_printf(t, "<path class=\"dot pin %s\" d=\"M%.1f %.1f%s\">", css, x, y, shape[mark]);
}

void imx_put_look(struct imx_text *t, const struct imx_look *look)
{
    imx_text_printf(t, "<svg class=\"look %s\" viewBox=\"-12 -5 24 10\"><path class=line d=\"M-12 0H12\"/>", look->css);
    begin_mark(t, "", look->mark, 0, 0);
    imx_text_put(t, "</path></svg>");
}

/* A name in a key. */
static void put_key(struct imx_text *t, const char *css, enum imx_mark mark, const char *name)
{
    imx_text_put(t, "<b>");
    if (mark)
        imx_put_look(t, &(struct imx_look){ css, NULL, mark });
    else
        imx_text_printf(t, "<i class=\"%s\"></i>", css);
    imx_html_text(t, name);
    imx_text_put(t, "</b>\n");
}

/* ---- lines and clouds ---- */

/* A series with its x, whichever it is. */
struct line {
    const double *x, *y;
    size_t n;
};

static struct line line_of(const struct imx_series *s, const double *x, size_t n)
{
    return s->own_x ? (struct line){ s->own_x, s->y, s->own_n } : (struct line){ x, s->y, n };
}

/* At most 1,500 points a path: of each bundle the mean, so that a long run does not make a page of megabytes. False
 * when no point of the bundle from i on is finite. */
static bool point_of(struct line l, size_t i, size_t bundle, double *x, double *y)
{
    int k = 0;
    *x = *y = 0;
    for (size_t j = i; j < i + bundle && j < l.n; j++)
        if (isfinite(l.x[j]) && isfinite(l.y[j])) {
            *x += l.x[j];
            *y += l.y[j];
            k++;
        }
    *x /= k;
    *y /= k;
    return k > 0;
}

/* About six shapes a line. Those of the series begin at different places, share [0, 1), so that lines that lie on each
 * other can be told apart. */
static void put_marks(struct imx_text *t, const struct axis *ax, const struct axis *ay, struct line l,
                      const struct imx_series *s, double share)
{
    const size_t bundle = (l.n + 1499) / 1500, points = bundle ? (l.n + bundle - 1) / bundle : 0, step = points / 6 + 1;
    double x, y;
    for (size_t i = (size_t)(share * (double)step); i < points; i += step)
        if (point_of(l, i * bundle, bundle, &x, &y)) {
            begin_mark(t, s->css, s->mark, across(ax, x), down(ay, y));
            imx_text_put(t, "</path>");
        }
    imx_text_put(t, "\n");
}

static void put_series(struct imx_text *t, const struct axis *ax, const struct axis *ay, struct line l,
                       const struct imx_series *s, double share)
{
    const size_t bundle = (l.n + 1499) / 1500;
    bool pen = false;
    double x, y;
    imx_text_printf(t, "<path class=\"line %s\" d=\"", s->css);
    for (size_t i = 0; i < l.n; i += bundle) {
        const bool there = point_of(l, i, bundle, &x, &y);
        if (there)
            imx_text_printf(t, "%c%.1f %.1f", pen ? 'L' : 'M', across(ax, x), down(ay, y));
        pen = there;
    }
    imx_text_put(t, "\"><title>");
    imx_html_text(t, s->name);
    imx_text_put(t, "</title></path>\n");
    if (s->mark)
        put_marks(t, ax, ay, l, s, share);
}

static void put_points(struct imx_text *t, const struct axis *ax, const struct axis *ay, struct line l,
                       const struct imx_series *s)
{
    for (size_t i = 0; i < l.n; i++)
        if (isfinite(l.x[i]) && isfinite(l.y[i]))
            imx_text_printf(t, "<circle class=\"dot %s\" cx=%.1f cy=%.1f r=1.6 opacity=.55 />\n", s->css,
                            across(ax, l.x[i]), down(ay, l.y[i]));
}

static void plot(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                 const struct imx_series *series, size_t n_series, bool points)
{
    double x0 = (double)INFINITY, x1 = -x0, y0 = x0, y1 = -x0;
    size_t finite = 0;
    for (size_t k = 0; k < n_series; k++) {
        const struct line l = line_of(&series[k], x, n);
        for (size_t i = 0; i < l.n; i++)
            if (isfinite(l.x[i]) && isfinite(l.y[i])) {
                x0 = fmin(x0, l.x[i]);
                x1 = fmax(x1, l.x[i]);
                y0 = fmin(y0, l.y[i]);
                y1 = fmax(y1, l.y[i]);
                finite++;
            }
    }
    if (finite < 2)
        return;
    const struct axis y = round_axis(y0, y1, 5);
    struct axis ax = round_axis(x0, x1, 5);
    ax.high = x1 > x0 ? x1 : ax.high; /* the curve reaches the right edge */
    imx_text_put(t, "<figure><figcaption>");
    imx_html_text(t, title);
    const bool key = n_series > 1 || series[0].mark;
    imx_text_put(t, key ? " <span class=key>" : "");
    for (size_t k = 0; key && k < n_series; k++)
        if (*series[k].name)
            put_key(t, series[k].css, series[k].mark, series[k].name);
    imx_text_printf(t, "%s</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=img>\n", key ? "</span>" : "", WIDTH, HEIGHT);
    put_axes(t, &ax, &y, x_name);
    for (size_t k = 0; k < n_series; k++)
        if (points)
            put_points(t, &ax, &y, line_of(&series[k], x, n), &series[k]);
        else
            put_series(t, &ax, &y, line_of(&series[k], x, n), &series[k], (double)k / (double)n_series);
    imx_text_put(t, "</svg></figure>\n");
}

void imx_plot_lines(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                    const struct imx_series *series, size_t n_series)
{
    plot(t, title, x_name, x, n, series, n_series, false);
}

void imx_plot_points(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                     const struct imx_series *series)
{
    plot(t, title, x_name, x, n, series, 1, true);
}

/* ---- dots with whiskers ---- */

enum { PITCH = 6, LEAST_ROW = 22, LEAST_NAMES = 86, MOST_NAMES = 200, LETTER = 7 };

/* The rows' names stand left of `names`. */
static double dots_across(const struct axis *a, int names, double v)
{
    return names + (v - a->low) / (a->high - a->low) * (WIDTH - names - RIGHT);
}

/* place: among those of its row. */
static void put_dot(struct imx_text *t, const struct axis *a, int names, const struct imx_dot *d, double y,
                    size_t place)
{
    if (isfinite(d->ceiling) && d->ceiling <= a->high)
        imx_text_printf(t, "<path class=\"line %s\" d=\"M%.1f %.1fv10\"><title>ceiling %.4g</title></path>\n", d->css,
                        dots_across(a, names, d->ceiling), y - 5, d->ceiling);
    if (!isfinite(d->value)) {
        imx_text_printf(t, "<text x=%d y=%.1f class=\"far %s\">", names + 6 + 90 * (int)place, y + 4, d->css);
        imx_html_text(t, d->note ? d->note : "");
        imx_text_put(t, "</text>\n");
        return;
    }
    if (d->value < a->low || d->value > a->high) {
        const int shift = 60 * (int)place;
        imx_text_printf(t,
                        d->value > a->high ? "<text x=%d y=%.1f class=\"far %s\" text-anchor=end>%.3g &#9656;</text>\n"
                                           : "<text x=%d y=%.1f class=\"far %s\">&#9666; %.3g</text>\n",
                        d->value > a->high ? WIDTH - RIGHT - shift : names + shift, y + 4, d->css, d->value);
        return;
    }
    const double low = fmax(d->value - d->spread, a->low), high = fmin(d->value + d->spread, a->high);
    if (d->spread > 0)
        imx_text_printf(t, "<path class=\"line %s\" d=\"M%.1f %.1fH%.1f\"/>\n", d->css, dots_across(a, names, low), y,
                        dots_across(a, names, high));
    begin_mark(t, d->css, d->mark, dots_across(a, names, d->value), y);
    imx_text_put(t, "<title>");
    imx_html_text(t, d->who ? d->who : "");
    imx_text_put(t, d->who ? ", " : "");
    imx_html_text(t, d->name);
    imx_text_printf(t, d->spread > 0 ? ": %.4g &plusmn; %.2g" : ": %.4g", d->value, d->spread);
    imx_text_put(t, "</title></path>\n");
}

/* Dots from i on that share a row. */
static size_t row_of(const struct imx_dot *dot, size_t i, size_t n)
{
    size_t end = i + 1;
    while (end < n && !strcmp(dot[end].name, dot[i].name))
        end++;
    return end - i;
}

static double height_of(size_t dots)
{
    return fmax(LEAST_ROW, (double)(PITCH * dots + 8));
}

/* Characters of UTF-8 text. */
static int letters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

/* Room for the names, up to a limit, beyond which they are squeezed. */
static int names_of(const struct imx_dot *dot, size_t n)
{
    int names = LEAST_NAMES;
    for (size_t i = 0; i < n; i++) {
        const int wanted = 8 + LETTER * letters(dot[i].name);
        names = wanted > names ? wanted : names;
    }
    return names < MOST_NAMES ? names : MOST_NAMES;
}

static void put_name(struct imx_text *t, const char *name, int names, double y)
{
    imx_text_printf(t, "<text x=%d y=%.1f text-anchor=end", names - 8, y + 4);
    if (LETTER * letters(name) > names - 8)
        imx_text_printf(t, " textLength=%d lengthAdjust=spacingAndGlyphs", names - 12);
    imx_text_put(t, ">");
    imx_html_text(t, name);
    imx_text_put(t, "</text>\n");
}

/* Whoever has a dot, once. */
static void put_dots_key(struct imx_text *t, const struct imx_dot *dot, size_t n)
{
    imx_text_put(t, " <span class=key>");
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < i && strcmp(dot[k].who, dot[i].who))
            k++;
        if (k == i)
            put_key(t, dot[i].css, dot[i].mark, dot[i].who);
    }
    imx_text_put(t, "</span>");
}

static struct axis dots_axis(const struct imx_dot *dot, size_t n, double exact, double low, double high)
{
    double from = isfinite(exact) ? exact : (double)INFINITY, to = isfinite(exact) ? exact : -(double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double v[] = { dot[i].value - dot[i].spread, dot[i].value + dot[i].spread, dot[i].ceiling };
        for (size_t k = 0; k < 3; k++)
            if (isfinite(v[k])) {
                from = fmin(from, isfinite(low) ? fmax(v[k], low) : v[k]);
                to = fmax(to, isfinite(high) ? fmin(v[k], high) : v[k]);
            }
    }
    return round_axis(from, to, 5);
}

void imx_plot_dots(struct imx_text *t, const char *title, const char *x_name, const struct imx_dot *dot, size_t n,
                   double exact, double low, double high)
{
    const struct axis a = dots_axis(dot, n, exact, low, high);
    const int names = names_of(dot, n);
    double bottom = TOP, y = TOP;
    for (size_t i = 0; i < n; i += row_of(dot, i, n))
        bottom += height_of(row_of(dot, i, n));
    imx_text_put(t, "<figure><figcaption>");
    imx_html_text(t, title);
    if (dot[0].who)
        put_dots_key(t, dot, n);
    imx_text_printf(t, "</figcaption>\n<svg viewBox=\"0 0 %d %.0f\" role=img>\n", WIDTH, bottom + BOTTOM);
    for (double v = a.low; v <= a.high + a.tick / 2; v += a.tick)
        imx_text_printf(t, "<path class=axis d=\"M%.1f %dV%.1f\"/><text x=%.1f y=%.1f text-anchor=middle>%.6g</text>\n",
                        dots_across(&a, names, v), TOP, bottom, dots_across(&a, names, v), bottom + 15,
                        fabs(v) < a.tick / 1e6 ? 0 : v);
    if (isfinite(exact))
        imx_text_printf(t, "<path class=mark d=\"M%.1f %dV%.1f\"><title>exact: %.6g</title></path>\n",
                        dots_across(&a, names, exact), TOP, bottom, exact);
    for (size_t i = 0, dots; i < n; i += dots) {
        dots = row_of(dot, i, n);
        const double height = height_of(dots), middle = y + height / 2, first = middle - PITCH * (double)(dots - 1) / 2;
        if (i)
            imx_text_printf(t, "<path class=axis d=\"M0 %.1fH%d\"/>\n", y, WIDTH - RIGHT);
        put_name(t, dot[i].name, names, middle);
        for (size_t k = 0; k < dots; k++)
            put_dot(t, &a, names, &dot[i + k], first + PITCH * (double)k, k);
        y += height;
    }
    imx_text_printf(t, "<text x=%d y=%.1f text-anchor=middle>", (names + WIDTH - RIGHT) / 2, bottom + 30);
    imx_html_text(t, x_name);
    imx_text_put(t, "</text>\n</svg></figure>\n");
}
