/* Rows of length 1 as ops: arguments, gradient rule, self-test problems. See unitrow.h. */
#include "ops/ref.h"
#include "ops/unitrow.h"

extern const struct imx_variant *const imx_variants_unitrow_fwd[], *const imx_variants_unitrow_bwd[];

static const struct imx_field fields[] = {
    { "r", offsetof(struct imx_unitrow, rows), false },
    { "c", offsetof(struct imx_unitrow, cols), false },
    { NULL, 0, false },
};

static const char *check(const void *problem)
{
    const struct imx_unitrow *d = problem;
    return d->rows < 1 || d->cols < 1 ? "sizes must be positive" : NULL;
}

static struct imx_arg floats(const char *name, enum imx_role role, int64_t count, enum imx_fill fill)
{
    return (struct imx_arg){ name, role, IMX_F32, count, fill, 0 };
}

static void args_fwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_unitrow *d = problem;
    const int64_t n = (int64_t)d->rows * d->cols;
    arg[IMX_UNITROW_FWD_SRC] = floats("src", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_UNITROW_FWD_DST] = floats("dst", IMX_OUT, n, IMX_FILL_REAL);
    arg[IMX_UNITROW_FWD_INV] = floats("inv", IMX_OUT, d->rows, IMX_FILL_REAL);
}

static void args_bwd(const void *problem, struct imx_arg *arg)
{
    const struct imx_unitrow *d = problem;
    const int64_t n = (int64_t)d->rows * d->cols;
    arg[IMX_UNITROW_BWD_DST] = floats("dst", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_UNITROW_BWD_INV] = floats("inv", IMX_IN, d->rows, IMX_FILL_POSITIVE);
    arg[IMX_UNITROW_BWD_DDST] = floats("ddst", IMX_IN, n, IMX_FILL_REAL);
    arg[IMX_UNITROW_BWD_DSRC] = floats("dsrc", IMX_OUT, n, IMX_FILL_REAL);
}

static double flop(const void *problem)
{
    const struct imx_unitrow *d = problem;
    return 4.0 * d->rows * d->cols;
}

static int64_t terms(const void *problem)
{
    return ((const struct imx_unitrow *)problem)->cols;
}

static imx_status grad_fwd(struct imx_emit *e, const void *problem, const imx_tid *arg, imx_tid *darg)
{
    const struct imx_unitrow *d = problem;
    const imx_tid dsrc = e->tensor(e, IMX_F32, (int64_t)d->rows * d->cols, "dsrc");
    darg[IMX_UNITROW_FWD_SRC] = dsrc;
    return e->node(
        e, &imx_op_unitrow_bwd, problem,
        (const imx_tid[]){ arg[IMX_UNITROW_FWD_DST], arg[IMX_UNITROW_FWD_INV], darg[IMX_UNITROW_FWD_DST], dsrc });
}

static const char *const cases[] = { "r1c1", "r3c7", "r64c64", "r33c130", "r130c16", "r2c1031", NULL };

const struct imx_op imx_op_unitrow_fwd = {
    .name = "unitrow_fwd",
    .problem_size = sizeof(struct imx_unitrow),
    .fields = fields,
    .n_args = 3,
    .args = args_fwd,
    .check = check,
    .ref_f32 = imx_ref_unitrow_fwd_f32,
    .ref_f64 = imx_ref_unitrow_fwd_f64,
    .variants = imx_variants_unitrow_fwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 8,
    .grad = grad_fwd,
    .cases = cases,
};

const struct imx_op imx_op_unitrow_bwd = {
    .name = "unitrow_bwd",
    .problem_size = sizeof(struct imx_unitrow),
    .fields = fields,
    .n_args = 4,
    .args = args_bwd,
    .check = check,
    .ref_f32 = imx_ref_unitrow_bwd_f32,
    .ref_f64 = imx_ref_unitrow_bwd_f64,
    .variants = imx_variants_unitrow_bwd,
    .flop = flop,
    .terms = terms,
    .exact = false,
    .ulps = 4,
    .cases = cases,
};
