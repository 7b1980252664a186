#include "ops/half.h"

#include <math.h>
#include <stdlib.h>

/* |x|, of a factor no less than the least normal number of half precision. */
static double lift(double x, bool factor)
{
    const double size = fabs(x), least = 1.0 / (1 << 14);
    return factor && size > 0 && size < least ? least : size;
}

imx_status imx_half_mag(const struct imx_op *op, int a, int b, const void *problem, void *const *arg,
                        double *const *mag)
{
    struct imx_arg what[IMX_MAX_ARGS];
    void *lifted[IMX_MAX_ARGS] = { NULL };
    imx_status status = IMX_OK;
    op->args(problem, what);
    for (int i = 0; i < op->n_args; i++) {
        if (what[i].role != IMX_IN) {
            lifted[i] = mag[i];
            if (!mag[i])
                goto fail; /* nobody asks */
            continue;
        }
        if (!what[i].count)
            continue;
        const size_t n = (size_t)what[i].count;
        double *to = malloc(n * sizeof *to);
        lifted[i] = to;
        if (!to) {
            status = imx_fail(IMX_E_NOMEM, "no memory for the rounding bound of %s", op->name);
            goto fail;
        }
        for (size_t k = 0; k < n; k++)
            to[k] = lift(((const double *)arg[i])[k], i == a || i == b);
    }
    op->ref_f64(problem, lifted, NULL);
fail:
    for (int i = 0; i < op->n_args; i++)
        if (what[i].role == IMX_IN)
            free(lifted[i]);
    return status;
}
