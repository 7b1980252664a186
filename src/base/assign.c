/* See assign.h. Rows enter one by one; each looks for the cheapest path that ends at a free column and lets the rows on
 * it change places. up[row] + vp[column] <= cost holds throughout, with equality where somebody is assigned, which is
 * what makes the result the best one. Column and row 0 stand for "none". */
#include "base/assign.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct solver {
    const float *cost;
    int32_t n;
    double *up, *vp, *least; /* [n + 1]: potentials; cheapest way to a column found so far */
    int32_t *row, *before;   /* [n + 1]: of a column: who has it (0: nobody); the column before it on that way */
    bool *seen;              /* [n + 1] */
};

/* The column where the cheapest path from row i ends. */
static int32_t find(struct solver *s, int32_t i)
{
    int32_t at = 0;
    s->row[0] = i;
    for (int32_t j = 0; j <= s->n; j++) {
        s->least[j] = HUGE_VAL;
        s->seen[j] = false;
    }
    do {
        const int32_t r = s->row[at];
        const float *cost = s->cost + (int64_t)(r - 1) * s->n;
        int32_t next = 0;
        double step = HUGE_VAL;
        s->seen[at] = true;
        for (int32_t j = 1; j <= s->n; j++) {
            if (s->seen[j])
                continue;
            const double left = (double)cost[j - 1] - s->up[r] - s->vp[j];
            if (left < s->least[j]) {
                s->least[j] = left;
                s->before[j] = at;
            }
            if (s->least[j] < step) {
                step = s->least[j];
                next = j;
            }
        }
        for (int32_t j = 0; j <= s->n; j++) {
            if (s->seen[j]) {
                s->up[s->row[j]] += step;
                s->vp[j] -= step;
            } else {
                s->least[j] -= step;
            }
        }
        at = next;
    } while (s->row[at]);
    return at;
}

static void solve(struct solver *s, int32_t *to)
{
    for (int32_t i = 1; i <= s->n; i++)
        for (int32_t at = find(s, i); at; at = s->before[at])
            s->row[at] = s->row[s->before[at]];
    for (int32_t j = 1; j <= s->n; j++)
        to[s->row[j] - 1] = j - 1;
}

imx_status imx_assign(const float *cost, int32_t n, int32_t *to)
{
    if (n < 1 || n > IMX_ASSIGN_MOST)
        return imx_fail(IMX_E_ARG, "%d rows are not within 1 and %d, as an assignment needs", n, IMX_ASSIGN_MOST);
    for (int64_t i = 0; i < (int64_t)n * n; i++)
        if (!isfinite(cost[i]))
            return imx_fail(IMX_E_NONFINITE, "a cost of an assignment is not finite");
    const size_t m = (size_t)n + 1;
    double *d = calloc(3 * m, sizeof *d);
    int32_t *k = calloc(2 * m, sizeof *k);
    bool *seen = calloc(m, sizeof *seen);
    const bool made = d && k && seen;
    if (made)
        solve(&(struct solver){ cost, n, d, d + m, d + 2 * m, k, k + m, seen }, to);
    free(seen);
    free(k);
    free(d);
    return made ? IMX_OK : imx_fail(IMX_E_NOMEM, "no memory for an assignment");
}
