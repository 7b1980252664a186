/* Timing of ops; see bench.h. Inputs are random: zeros and denormals run at another speed than training's numbers. */
#include "ops/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/philox.h"

enum { MAX_SAMPLES = 200 };

double imx_bench_bytes(const struct imx_op *op, const void *problem)
{
    struct imx_arg arg[IMX_MAX_ARGS];
    double bytes = 0;
    op->args(problem, arg);
    for (int i = 0; i < op->n_args; i++)
        bytes += (double)arg[i].count * (double)imx_dtype_size(arg[i].dtype) * (arg[i].role == IMX_INOUT ? 2 : 1);
    return bytes;
}

static void fill_float(const struct imx_arg *arg, float *data, uint32_t stream)
{
    for (int64_t i = 0; i < arg->count; i += 4) {
        uint32_t r[4];
        imx_random4(1, stream, IMX_STREAM_TEST, (uint32_t)(i / 4), r);
        for (int64_t k = i; k < i + 4 && k < arg->count; k++) {
            const float u = imx_unit(r[k - i]);
            data[k] = arg->fill == IMX_FILL_UNIT ? u : arg->fill == IMX_FILL_POSITIVE ? 0.1f + 1.9f * u : 2 * u - 1;
        }
    }
}

static void fill_words(const struct imx_arg *arg, uint32_t *data, uint32_t stream)
{
    const uint64_t words = ((uint64_t)arg->count * imx_dtype_size(arg->dtype) + 3) / 4;
    for (uint64_t i = 0; i < words; i++) {
        uint32_t r[4];
        imx_random4(1, stream, IMX_STREAM_TEST, (uint32_t)i, r);
        data[i] = arg->fill == IMX_FILL_INDEX && arg->limit > 0 ? r[0] % (uint32_t)arg->limit : r[0];
    }
}

/* Allocates an argument and gives it plausible contents. */
static imx_status make_arg(struct imx_dev *dev, const struct imx_op *op, const void *problem, int i,
                           const struct imx_arg *arg, struct imx_mem *mem)
{
    const uint64_t bytes = (uint64_t)arg->count * imx_dtype_size(arg->dtype);
    imx_status status = IMX_OK;
    void *data = NULL;
    if (!arg->count)
        return IMX_OK;
    mem->bytes = bytes;
    IMX_GO(dev->vt->alloc(dev, bytes, &mem->buf));
    if (arg->role == IMX_OUT)
        return IMX_OK;
    data = calloc(1, bytes + 4);
    if (!data)
        IMX_GO(imx_fail(IMX_E_NOMEM, "no memory for argument %s of %s", arg->name, op->name));
    if (arg->fill == IMX_FILL_OTHER && op->fill)
        op->fill(problem, i, data, 1);
    else if (arg->dtype == IMX_F32)
        fill_float(arg, data, (uint32_t)i);
    else
        fill_words(arg, data, (uint32_t)i);
    IMX_GO(dev->vt->upload(dev, *mem, data, bytes));
fail:
    free(data);
    return status;
}

imx_status imx_bench_prepare(struct imx_dev *dev, const struct imx_op *op, const void *problem, uint64_t ws,
                             struct imx_args *args)
{
    struct imx_arg arg[IMX_MAX_ARGS];
    *args = (struct imx_args){ .ws = { .bytes = ws } };
    op->args(problem, arg);
    for (int i = 0; i < op->n_args; i++)
        IMX_TRY(make_arg(dev, op, problem, i, &arg[i], &args->m[i]));
    return ws ? dev->vt->alloc(dev, ws, &args->ws.buf) : IMX_OK;
}

void imx_bench_release(struct imx_dev *dev, struct imx_args *args)
{
    for (int i = 0; i < IMX_MAX_ARGS; i++)
        dev->vt->free(dev, args->m[i].buf);
    dev->vt->free(dev, args->ws.buf);
    *args = (struct imx_args){ 0 };
}

imx_status imx_bench_sample(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v,
                            const void *problem, const struct imx_args *args, int inner, double *seconds)
{
    const double start = imx_now();
    for (int i = 0; i < inner; i++)
        IMX_TRY(imx_op_run(dev, op, v, problem, args));
    IMX_TRY(dev->vt->sync(dev));
    *seconds = (imx_now() - start) / inner;
    return IMX_OK;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double imx_bench_median(double *value, int n)
{
    qsort(value, (size_t)n, sizeof *value, ascending);
    return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

/* What one op's samples are set against. */
struct limit {
    double flop, bytes, copy_gbps;
    struct imx_meter *meter;
    double peak; /* GFLOP/s, of the latest reading */
};

/* Peak around a sample: the mean of the reading before it and of a new one. */
static imx_status peak_around(struct limit *l, double *peak)
{
    double now = l->peak;
    if (l->meter)
        IMX_TRY(imx_meter_read(l->meter, &now));
    *peak = (l->peak + now) / 2;
    l->peak = now;
    return IMX_OK;
}

static imx_status measure(struct imx_dev *dev, const struct imx_op *op, const struct imx_variant *v,
                          const void *problem, const struct imx_args *args, struct limit *l, struct imx_bench_row *row)
{
    double t[MAX_SAMPLES], peak[MAX_SAMPLES], part[MAX_SAMPLES], once = 0, total = 0, ignored;
    int n = 0;
    IMX_TRY(imx_bench_sample(dev, op, v, problem, args, 1, &once)); /* builds the programs, touches the memory */
    if (once < 2) {
        IMX_TRY(imx_bench_sample(dev, op, v, problem, args, 1, &once));
    }
    const int inner = once < 1e-3 ? (int)(1e-3 / (once > 1e-6 ? once : 1e-6)) + 1 : 1;
    const int least = once > 0.5 ? 1 : 5;
    IMX_TRY(peak_around(l, &ignored));
    while (n < MAX_SAMPLES && (n < least || total < 0.2)) {
        IMX_TRY(imx_bench_sample(dev, op, v, problem, args, inner, &t[n]));
        IMX_TRY(peak_around(l, &peak[n]));
        part[n] = imx_bench_least(l->flop, l->bytes, peak[n], l->copy_gbps) / t[n];
        total += t[n++] * inner;
    }
    row->runs = n;
    row->ms = 1e3 * imx_bench_median(t, n);
    row->ms_min = 1e3 * t[0];
    row->ms_max = 1e3 * t[n - 1];
    row->peak_gflops = l->meter ? imx_bench_median(peak, n) : 0;
    row->of_limit = l->peak > 0 && l->copy_gbps > 0 ? imx_bench_median(part, n) : 0;
    return IMX_OK;
}

imx_status imx_bench_run(struct imx_dev *dev, const struct imx_op *op, const void *problem,
                         const struct imx_variant *variant, const struct imx_bench_limit *limit,
                         struct imx_bench_row *row)
{
    struct imx_args args = { 0 };
    imx_status status = IMX_OK;
    const struct imx_variant *v = variant ? variant : imx_op_pick(dev, op, problem, NULL);
    *row = (struct imx_bench_row){ .op = op, .direction = "" };
    imx_problem_print(op, problem, row->problem, sizeof row->problem);
    if (!v)
        return imx_fail(IMX_E_UNSUPPORTED, "no variant of %s runs %s on %s", op->name, row->problem, dev->caps.name);
    strncpy(row->variant, v->name, sizeof row->variant - 1);
    IMX_GO(imx_bench_prepare(dev, op, problem, v->workspace ? v->workspace(&dev->caps, problem) : 0, &args));
    const double flop = op->flop ? op->flop(problem) : 0, bytes = imx_bench_bytes(op, problem);
    struct limit l = { .flop = flop };
    if (limit && limit->copy_gbps > 0)
        l = (struct limit){ flop, bytes, limit->copy_gbps, limit->meter, limit->peak_gflops };
    IMX_GO(measure(dev, op, v, problem, &args, &l, row));
    row->gflops = flop / row->ms * 1e-6;
    row->gbps = bytes / row->ms * 1e-6;
fail:
    imx_bench_release(dev, &args);
    return status == IMX_OK ? IMX_OK : imx_note(status, "timing %s %s", op->name, row->problem);
}
