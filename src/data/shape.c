/* Sixteen shapes that stay different under rotation and scaling. Ordered so that the first K are easy to tell
 * apart. Areas are alike (1.1 to 2), so that the amount of foreground says little about the class. */
#include "data/shape.h"

#include <stddef.h>

static double mag(double x)
{
    return x < 0 ? -x : x;
}

/* Crossing number of the polygon of n corners xy. */
static bool in_polygon(const double (*xy)[2], int n, double x, double y)
{
    bool in = false;
    for (int i = 0, j = n - 1; i < n; j = i++)
        if ((xy[i][1] > y) != (xy[j][1] > y) &&
            x < (xy[j][0] - xy[i][0]) * (y - xy[i][1]) / (xy[j][1] - xy[i][1]) + xy[i][0])
            in = !in;
    return in;
}

static bool disc(double x, double y)
{
    return x * x + y * y < 0.56;
}

static bool square(double x, double y)
{
    return mag(x) < 0.68 && mag(y) < 0.68;
}

static bool triangle(double x, double y)
{
    static const double p[3][2] = { { 0, -1 }, { 0.866, 0.5 }, { -0.866, 0.5 } };
    return in_polygon(p, 3, x, y);
}

static bool ring(double x, double y)
{
    const double r = x * x + y * y;
    return r < 0.92 && r > 0.36;
}

static bool cross(double x, double y)
{
    return (mag(x) < 0.27 && mag(y) < 0.95) || (mag(y) < 0.27 && mag(x) < 0.95);
}

static bool star(double x, double y)
{
    static const double p[10][2] = { { 0, -1 },          { 0.247, -0.340 }, { 0.951, -0.309 }, { 0.399, 0.130 },
                                     { 0.588, 0.809 },   { 0, 0.420 },      { -0.588, 0.809 }, { -0.399, 0.130 },
                                     { -0.951, -0.309 }, { -0.247, -0.340 } };
    return in_polygon(p, 10, x, y);
}

static bool crescent(double x, double y)
{
    const double u = x - 0.45;
    return x * x + y * y < 0.96 && u * u + y * y > 0.56;
}

static bool bars(double x, double y)
{
    const double a = mag(y);
    return mag(x) < 0.72 && (a < 0.15 || (a > 0.4 && a < 0.69));
}

static bool heart(double x, double y)
{
    const double a = mag(x), u = a - 0.40, v = y + 0.28;
    return u * u + v * v < 0.2025 || (y > -0.28 && y < 0.9 && a < 0.80 * (0.9 - y) / 1.12 && a < 0.82);
}

static bool arrow(double x, double y)
{
    return (x > 0 && mag(y) < 0.8 * (1 - x)) || (x <= 0 && x > -0.9 && mag(y) < 0.24);
}

static bool half(double x, double y)
{
    const double v = y - 0.4;
    return v < 0 && x * x + v * v < 0.9;
}

static bool frame(double x, double y)
{
    const double a = mag(x) > mag(y) ? mag(x) : mag(y);
    return a < 0.70 && a > 0.40;
}

static bool corner(double x, double y)
{
    return mag(x) < 0.68 && mag(y) < 0.68 && (x < -0.22 || y > 0.22);
}

static bool hourglass(double x, double y)
{
    return mag(y) < 0.78 && mag(x) < 0.12 + 0.62 * mag(y);
}

static bool dumbbell(double x, double y)
{
    const double u = mag(x) - 0.58;
    return u * u + y * y < 0.165 || (mag(x) < 0.6 && mag(y) < 0.14);
}

static bool ellipse(double x, double y)
{
    return x * x / 0.96 + y * y / 0.17 < 1;
}

const struct imx_shape imx_shapes[] = {
    { "disc", disc },     { "square", square },       { "triangle", triangle }, { "ring", ring },
    { "cross", cross },   { "star", star },           { "crescent", crescent }, { "bars", bars },
    { "heart", heart },   { "arrow", arrow },         { "half", half },         { "frame", frame },
    { "corner", corner }, { "hourglass", hourglass }, { "dumbbell", dumbbell }, { "ellipse", ellipse },
};
const int32_t imx_shape_count = sizeof imx_shapes / sizeof *imx_shapes;
