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

/* A series with its x, whichever it is. */
struct line {
    const double *x, *y;
    size_t n;
};

static struct line line_of(const struct imx_series *s, const double *x, size_t n)
{
    return s->own_x ? (struct line){ s->own_x, s->y, s->own_n } : (struct line){ x, s->y, n };
}

/* At most 1,500 points a path: of each bundle the mean, so that a long run does not make a page of megabytes. */
static void put_series(struct imx_text *t, const struct axis *ax, const struct axis *ay, struct line l,
                       const struct imx_series *s)
{
    const size_t bundle = (l.n + 1499) / 1500;
    bool pen = false;
    imx_text_printf(t, "<path class=\"line %s\" d=\"", s->css);
    for (size_t i = 0; i < l.n; i += bundle) {
        double sx = 0, sy = 0;
        int k = 0;
        for (size_t j = i; j < i + bundle && j < l.n; j++)
            if (isfinite(l.x[j]) && isfinite(l.y[j])) {
                sx += l.x[j];
                sy += l.y[j];
                k++;
            }
        if (k)
            imx_text_printf(t, "%c%.1f %.1f", pen ? 'L' : 'M', across(ax, sx / k), down(ay, sy / k));
        pen = k > 0;
    }
    imx_text_put(t, "\"><title>");
    imx_html_text(t, s->name);
    imx_text_put(t, "</title></path>\n");
}

static void put_points(struct imx_text *t, const struct axis *ax, const struct axis *ay, struct line l,
                       const struct imx_series *s)
{
    for (size_t i = 0; i < l.n; i++)
        if (isfinite(l.x[i]) && isfinite(l.y[i]))
            imx_text_printf(t, "<circle class=\"dot %s\" cx=%.1f cy=%.1f r=1.6 opacity=.55 />\n", s->css,
                            across(ax, l.x[i]), down(ay, l.y[i]));
}

static void put_key(struct imx_text *t, const char *css, const char *name)
{
    imx_text_printf(t, "<b><i class=\"%s\"></i>", css);
    imx_html_text(t, name);
    imx_text_put(t, "</b>\n");
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
    imx_text_put(t, n_series > 1 ? " <span class=key>" : "");
    for (size_t k = 0; n_series > 1 && k < n_series; k++)
        if (*series[k].name)
            put_key(t, series[k].css, series[k].name);
    imx_text_printf(t, "%s</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=img>\n", n_series > 1 ? "</span>" : "", WIDTH,
                    HEIGHT);
    put_axes(t, &ax, &y, x_name);
    for (size_t k = 0; k < n_series; k++)
        (points ? put_points : put_series)(t, &ax, &y, line_of(&series[k], x, n), &series[k]);
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

enum { ROW = 22, NAMES = 86 };

static double dots_across(const struct axis *a, double v)
{
    return NAMES + (v - a->low) / (a->high - a->low) * (WIDTH - NAMES - RIGHT);
}

/* place: among those of its row. */
static void put_dot(struct imx_text *t, const struct axis *a, const struct imx_dot *d, double y, size_t place)
{
    if (isfinite(d->ceiling) && d->ceiling <= a->high)
        imx_text_printf(t, "<path class=\"line %s\" d=\"M%.1f %.1fv10\"><title>ceiling %.4g</title></path>\n", d->css,
                        dots_across(a, d->ceiling), y - 5, d->ceiling);
    if (!isfinite(d->value)) {
        imx_text_printf(t, "<text x=%d y=%.1f class=\"far %s\">", NAMES + 6 + 90 * (int)place, y + 4, d->css);
        imx_html_text(t, d->note ? d->note : "");
        imx_text_put(t, "</text>\n");
        return;
    }
    if (d->value < a->low || d->value > a->high) {
        const int shift = 60 * (int)place;
        imx_text_printf(t,
                        d->value > a->high ? "<text x=%d y=%.1f class=\"far %s\" text-anchor=end>%.3g &#9656;</text>\n"
                                           : "<text x=%d y=%.1f class=\"far %s\">&#9666; %.3g</text>\n",
                        d->value > a->high ? WIDTH - RIGHT - shift : NAMES + shift, y + 4, d->css, d->value);
        return;
    }
    const double low = fmax(d->value - d->spread, a->low), high = fmin(d->value + d->spread, a->high);
    if (d->spread > 0)
        imx_text_printf(t, "<path class=\"line %s\" d=\"M%.1f %.1fH%.1f\"/>\n", d->css, dots_across(a, low), y,
                        dots_across(a, high));
    imx_text_printf(t, "<circle class=\"dot %s\" cx=%.1f cy=%.1f r=3><title>", d->css, dots_across(a, d->value), y);
    imx_html_text(t, d->name);
    imx_text_printf(t, ": %.4g &plusmn; %.2g</title></circle>\n", d->value, d->spread);
}

/* Dots from i on that share a row. */
static size_t row_of(const struct imx_dot *dot, size_t i, size_t n)
{
    size_t end = i + 1;
    while (end < n && !strcmp(dot[end].name, dot[i].name))
        end++;
    return end - i;
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
    size_t rows = 0, place = 0;
    for (size_t i = 0; i < n; i += row_of(dot, i, n))
        rows++;
    const double bottom = TOP + (double)(ROW * rows);
    imx_text_put(t, "<figure><figcaption>");
    imx_html_text(t, title);
    imx_text_printf(t, "</figcaption>\n<svg viewBox=\"0 0 %d %.0f\" role=img>\n", WIDTH, bottom + BOTTOM);
    for (double v = a.low; v <= a.high + a.tick / 2; v += a.tick)
        imx_text_printf(t, "<path class=axis d=\"M%.1f %dV%.1f\"/><text x=%.1f y=%.1f text-anchor=middle>%.6g</text>\n",
                        dots_across(&a, v), TOP, bottom, dots_across(&a, v), bottom + 15,
                        fabs(v) < a.tick / 1e6 ? 0 : v);
    if (isfinite(exact))
        imx_text_printf(t, "<path class=mark d=\"M%.1f %dV%.1f\"><title>exact: %.6g</title></path>\n",
                        dots_across(&a, exact), TOP, bottom, exact);
    double y = TOP - ROW / 2.0, first = 0;
    for (size_t i = 0; i < n; i++, place++) {
        if (!i || strcmp(dot[i].name, dot[i - 1].name)) {
            y += ROW;
            place = 0;
            first = -2.5 * (double)(row_of(dot, i, n) - 1);
            imx_text_printf(t, "<text x=%d y=%.1f text-anchor=end>", NAMES - 8, y + 4);
            imx_html_text(t, dot[i].name);
            imx_text_put(t, "</text>\n");
        }
        put_dot(t, &a, &dot[i], y + first + 5 * (double)place, place);
    }
    imx_text_printf(t, "<text x=%d y=%.1f text-anchor=middle>", (NAMES + WIDTH - RIGHT) / 2, bottom + 30);
    imx_html_text(t, x_name);
    imx_text_put(t, "</text>\n</svg></figure>\n");
}
