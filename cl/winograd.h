/* The transforms of Winograd's convolution F(WM x WM, 3x3) in one dimension, for WINO = float or a vector; apply
 * them to columns and rows. With T = WM + 2 numbers of a tile, out = A' [ (G g) * (B' d) ], element by element:
 *   WM 2: points 0, 1, -1: all coefficients are 0, 1 or 1/2, so integers stay exact;
 *   WM 4: points 0, a, -a, b, -b with a = 5/8, b = 3/2: of the pairs of small dyadic numbers, those whose rounding
 *         error was smallest (half of that of the usual 1, 2); the coefficients of A and B are exact.
 * src/ops/conv2d_winograd_mag.c has the same matrices as tables. */
#ifndef IMX_CL_WINOGRAD_H
#define IMX_CL_WINOGRAD_H

#ifndef WM
    #define WM 2
#endif
#define WT (WM + 2)
#define WE (WT * WT)

#define W_A  0.625f
#define W_B  1.5f
#define W_A2 (W_A * W_A)
#define W_B2 (W_B * W_B)
#define W_P  (W_A2 * W_B2)
#define W_S  (W_A2 + W_B2)

/* t[i * u] = B' d, of WT numbers d[i * s] */
static void wino_src(const WINO *d, const int s, WINO *t, const int u)
{
#if WM == 2
    t[0] = d[0] - d[2 * s];
    t[u] = d[s] + d[2 * s];
    t[2 * u] = d[2 * s] - d[s];
    t[3 * u] = d[s] - d[3 * s];
#else
    const WINO even_a = fma(d[2 * s], (WINO)(-W_B2), d[4 * s]), odd_a = W_A * fma(d[s], (WINO)(-W_B2), d[3 * s]);
    const WINO even_b = fma(d[2 * s], (WINO)(-W_A2), d[4 * s]), odd_b = W_B * fma(d[s], (WINO)(-W_A2), d[3 * s]);
    t[0] = fma(d[0], (WINO)(W_P), fma(d[2 * s], (WINO)(-W_S), d[4 * s]));
    t[u] = even_a + odd_a;
    t[2 * u] = even_a - odd_a;
    t[3 * u] = even_b + odd_b;
    t[4 * u] = even_b - odd_b;
    t[5 * u] = fma(d[s], (WINO)(W_P), fma(d[3 * s], (WINO)(-W_S), d[5 * s]));
#endif
}

/* t[i * u] = G g, of 3 numbers g[i * s] */
static void wino_wei(const WINO *g, const int s, WINO *t, const int u)
{
#if WM == 2
    const WINO even = 0.5f * (g[0] + g[2 * s]), odd = 0.5f * g[s];
    t[0] = g[0];
    t[u] = even + odd;
    t[2 * u] = even - odd;
    t[3 * u] = g[2 * s];
#else
    const WINO even_a = fma(g[2 * s], (WINO)(W_A2), g[0]), odd_a = W_A * g[s];
    const WINO even_b = fma(g[2 * s], (WINO)(W_B2), g[0]), odd_b = W_B * g[s];
    const float by_a = 1.0f / (2.0f * W_A2 * (W_A2 - W_B2)), by_b = 1.0f / (2.0f * W_B2 * (W_B2 - W_A2));
    t[0] = (1.0f / W_P) * g[0];
    t[u] = by_a * (even_a + odd_a);
    t[2 * u] = by_a * (even_a - odd_a);
    t[3 * u] = by_b * (even_b + odd_b);
    t[4 * u] = by_b * (even_b - odd_b);
    t[5 * u] = g[2 * s];
#endif
}

/* y[i * u] = A' m, WM numbers from WT numbers m[i * s] */
static void wino_dst(const WINO *m, const int s, WINO *y, const int u)
{
#if WM == 2
    y[0] = m[0] + m[s] + m[2 * s];
    y[u] = m[s] - m[2 * s] - m[3 * s];
#else
    const WINO sum_a = m[s] + m[2 * s], dif_a = W_A * (m[s] - m[2 * s]);
    const WINO sum_b = m[3 * s] + m[4 * s], dif_b = W_B * (m[3 * s] - m[4 * s]);
    y[0] = m[0] + sum_a + sum_b;
    y[u] = dif_a + dif_b;
    y[2 * u] = fma(sum_a, (WINO)(W_A2), W_B2 * sum_b);
    y[3 * u] = fma(dif_a, (WINO)(W_A2), fma(dif_b, (WINO)(W_B2), m[5 * s]));
#endif
}

#endif
