/* Line charts as inline SVG, drawn by hand: axes with round ticks, one path per series. See report.h. */
#include <math.h>
#include <stdio.h>

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

/* At most 1,500 points a path: of each bundle the mean, so that a long run does not make a page of megabytes. */
static void put_series(struct imx_text *t, const struct axis *ax, const struct axis *ay, const double *x, size_t n,
                       const struct imx_series *s)
{
    const size_t bundle = (n + 1499) / 1500;
    bool pen = false;
    imx_text_printf(t, "<path class=\"line %s\" d=\"", s->css);
    for (size_t i = 0; i < n; i += bundle) {
        double sx = 0, sy = 0;
        int k = 0;
        for (size_t j = i; j < i + bundle && j < n; j++)
            if (isfinite(x[j]) && isfinite(s->y[j])) {
                sx += x[j];
                sy += s->y[j];
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

void imx_plot_lines(struct imx_text *t, const char *title, const char *x_name, const double *x, size_t n,
                    const struct imx_series *series, size_t n_series)
{
    double x0 = (double)INFINITY, x1 = -x0, y0 = x0, y1 = -x0;
    size_t finite = 0;
    for (size_t k = 0; k < n_series; k++)
        for (size_t i = 0; i < n; i++)
            if (isfinite(x[i]) && isfinite(series[k].y[i])) {
                x0 = fmin(x0, x[i]);
                x1 = fmax(x1, x[i]);
                y0 = fmin(y0, series[k].y[i]);
                y1 = fmax(y1, series[k].y[i]);
                finite++;
            }
    if (finite < 2)
        return;
    const struct axis y = round_axis(y0, y1, 5);
    struct axis ax = round_axis(x0, x1, 5);
    ax.high = x1 > x0 ? x1 : ax.high; /* the curve reaches the right edge */
    imx_text_put(t, "<figure><figcaption>");
    imx_html_text(t, title);
    if (n_series > 1)
        imx_text_put(t, " <span class=key>");
    for (size_t k = 0; n_series > 1 && k < n_series; k++) {
        imx_text_printf(t, "<i style=\"background:var(--%s)\"></i>", series[k].css);
        imx_html_text(t, series[k].name);
    }
    imx_text_printf(t, "%s</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=img>\n", n_series > 1 ? "</span>" : "", WIDTH,
                    HEIGHT);
    put_axes(t, &ax, &y, x_name);
    for (size_t k = 0; k < n_series; k++)
        put_series(t, &ax, &y, x, n, &series[k]);
    imx_text_put(t, "</svg></figure>\n");
}
