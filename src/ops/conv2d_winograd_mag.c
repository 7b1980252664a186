/* How far Winograd's convolution may lie from the exact result. The rounding error of
 *     A' [ sum_c (G g G') * (B' d B) ] A
 * is proportional to the same expression with every number replaced by its absolute value, which is what
 * imx_winograd_mag() computes in double precision, and no multiple of sum |d g|: an output whose own pixels are all
 * zero still sees its tile's other pixels cancel. imx_winograd_gain() is the largest ratio of the two sums where all
 * |d| and |g| are alike; a row of each matrix is a point x, its numbers come from the polynomials of Toom and Cook:
 *     A[x][i] = x^i,   G[x][k] = x^k / prod_(z != x) (x - z),   B[x][l] = coefficient l of prod_(z != x) (X - z),
 * and the point at infinity stands for the highest power. */
#include <math.h>
#include <stdlib.h>

#include "ops/conv2d_winograd.h"

enum { MOST = 6 };

/* Absolute values of the matrices for F(m x m, 3x3), t = m + 2 points. */
struct matrices {
    int m, t;
    double a[MOST][MOST], g[MOST][3], b[MOST][MOST];
};

/* Coefficients of prod (X - z) over n points, those with index `left_out` not among them. */
static void polynomial(const double *point, int n, int left_out, double *coefficient)
{
    int degree = 0;
    coefficient[0] = 1;
    for (int j = 0; j < n; j++) {
        if (j == left_out)
            continue;
        coefficient[++degree] = 0;
        for (int i = degree; i >= 0; i--)
            coefficient[i] = (i ? coefficient[i - 1] : 0) - point[j] * coefficient[i];
    }
}

static struct matrices matrices(int m)
{
    static const double three[] = { 0, 1, -1 }, five[] = { 0, 0.625, -0.625, 1.5, -1.5 };
    const double *point = m == 2 ? three : five;
    struct matrices w = { .m = m, .t = m + 2 };
    const int last = w.t - 1;
    for (int j = 0; j < last; j++) {
        double norm = 1;
        for (int z = 0; z < last; z++)
            norm *= z == j ? 1 : point[j] - point[z];
        for (int i = 0; i < m; i++)
            w.a[j][i] = fabs(pow(point[j], i));
        for (int k = 0; k < 3; k++)
            w.g[j][k] = fabs(pow(point[j], k) / norm);
        polynomial(point, last, j, w.b[j]);
    }
    w.a[last][m - 1] = w.g[last][2] = 1;
    polynomial(point, last, -1, w.b[last]);
    for (int j = 0; j < w.t; j++)
        for (int l = 0; l < w.t; l++)
            w.b[j][l] = fabs(w.b[j][l]);
    return w;
}

double imx_winograd_gain(int m)
{
    const struct matrices w = matrices(m);
    double most = 0;
    for (int i = 0; i < m; i++) {
        double sum = 0;
        for (int j = 0; j < w.t; j++) {
            double d = 0;
            for (int l = 0; l < w.t; l++)
                d += w.b[j][l];
            sum += w.a[j][i] * (w.g[j][0] + w.g[j][1] + w.g[j][2]) * d / 3;
        }
        most = sum > most ? sum : most;
    }
    return most * most;
}

/* to = |rows| x |from| in one dimension and then in the other; from is [n][n], to [t][t]. */
static void both(const struct matrices *w, const double *row, int row_step, int n, const double *from, double *to)
{
    double mid[MOST][MOST] = { { 0 } };
    for (int y = 0; y < n; y++)
        for (int j = 0; j < w->t; j++)
            for (int l = 0; l < n; l++)
                mid[y][j] += row[j * row_step + l] * from[y * n + l];
    for (int i = 0; i < w->t; i++)
        for (int j = 0; j < w->t; j++) {
            to[i * w->t + j] = 0;
            for (int y = 0; y < n; y++)
                to[i * w->t + j] += row[i * row_step + y] * mid[y][j];
        }
}

/* Adds, for every tile of one image, its terms of one input channel and one output channel, with the weights' matrix u
 * [t*t], to sums [tiles][t*t]; v [tiles][t*t] = the tiles' matrices of that channel. */
static void add_terms(int tiles, int e, const double *u, const double *v, double *sums)
{
    for (int at = 0; at < tiles; at++)
        for (int i = 0; i < e; i++)
            sums[at * e + i] += u[i] * v[at * e + i];
}

/* |A' m A| of one tile's sums to the pixels of it that exist; pixels are `step` apart. */
static void leave(const struct matrices *w, const double *sums, double add, int rows, int columns, int row_step,
                  int step, double *mag)
{
    for (int y = 0; y < w->m && y < rows; y++)
        for (int x = 0; x < w->m && x < columns; x++) {
            double sum = add;
            for (int i = 0; i < w->t; i++)
                for (int j = 0; j < w->t; j++)
                    sum += w->a[i][y] * w->a[j][x] * sums[i * w->t + j];
            mag[y * row_step + x * step] = sum;
        }
}

/* |B' d B| of every tile of one image and channel. */
static void tiles_in(const struct matrices *w, const struct imx_winograd *k, const double *src, int ci, double *v)
{
    const int across = (k->out_w + w->m - 1) / w->m, down = (k->out_h + w->m - 1) / w->m;
    for (int at = 0; at < down * across; at++) {
        double d[MOST * MOST];
        for (int i = 0; i < w->t * w->t; i++) {
            const int y = at / across * w->m + k->base_y + i / w->t, x = at % across * w->m + k->base_x + i % w->t;
            const bool inside = y >= 0 && y < k->in_h && x >= 0 && x < k->in_w;
            d[i] = inside ? fabs(src[(y * k->in_w + x) * k->in_c + ci]) : 0;
        }
        both(w, w->b[0], MOST, w->t, d, v + at * w->t * w->t);
    }
}

imx_status imx_winograd_mag(const struct imx_winograd *k, int m, const double *src, const double *wei,
                            const double *bia, double *mag)
{
    const struct matrices w = matrices(m);
    const int e = w.t * w.t, across = (k->out_w + m - 1) / m, tiles = (k->out_h + m - 1) / m * across;
    const size_t plane = (size_t)tiles * (size_t)e;
    double *v = malloc(plane * (size_t)k->in_c * sizeof *v), *sums = malloc(plane * sizeof *sums);
    for (int image = 0; v && sums && image < k->images; image++) {
        for (int ci = 0; ci < k->in_c; ci++)
            tiles_in(&w, k, src + (size_t)image * (size_t)(k->in_h * k->in_w * k->in_c), ci, v + plane * (size_t)ci);
        for (int j = 0; j < k->cols; j++) {
            for (size_t i = 0; i < plane; i++)
                sums[i] = 0;
            for (int ci = 0; ci < k->in_c; ci++) {
                double taps[9], u[MOST * MOST];
                for (int i = 0; i < 9; i++)
                    taps[i] = fabs(wei[k->w_0 + i / 3 * k->w_a + i % 3 * k->w_b + ci * k->w_c + j * k->w_j]);
                both(&w, w.g[0], 3, 3, taps, u);
                add_terms(tiles, e, u, v + plane * (size_t)ci, sums);
            }
            for (int at = 0; at < tiles; at++) {
                const int y = at / across * m, x = at % across * m;
                leave(&w, sums + at * e, bia ? fabs(bia[j]) : 0, k->out_h - y, k->out_w - x, k->out_w * k->cols,
                      k->cols,
                      mag + ((size_t)(image * k->out_h + y) * (size_t)k->out_w + (size_t)x) * (size_t)k->cols + j);
            }
        }
    }
    const bool done = v && sums;
    free(v);
    free(sums);
    return done ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for the rounding bound of a convolution");
}
